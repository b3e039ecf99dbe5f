//! The format's own test vectors (C2SP CCTV), one fault in each.

use std::collections::HashMap;

use prism_core::digest::Digest;
use prism_core::seal::{self, Identity, OpenError, Passphrase, RecipientKind, Unlock};
use zeroize::Zeroizing;

use super::{directory, identity, node};

/// Writes each vector, decompressed, as a file of its name.
const UNPACK: &str = r#"
import { writeFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import * as vectors from "cctv-age";

for (const [name, bytes] of Object.entries(vectors)) {
    const split = Buffer.from(bytes).indexOf("\n\n") + 2;
    const head = Buffer.from(bytes.subarray(0, split));
    const file = Buffer.from(bytes.subarray(split));
    const body = head.includes("compressed: zlib\n") ? inflateSync(file) : file;
    writeFileSync(`${process.argv[2]}/${name}`, Buffer.concat([head, body]));
}
console.log(Object.keys(vectors).length);
"#;

/// A full chunk, genuine by itself, contradicts what follows it: as the last one with more behind it, or as an inner one
/// with nothing behind it. The format's readers may write such a chunk before they notice; we do not.
const HELD_BACK: [&str; 7] = [
    "stream_no_final_full",
    "stream_no_final_two_chunks_full",
    "stream_trailing_garbage_long",
    "stream_trailing_garbage_short",
    "stream_two_final_chunks",
    "stream_two_final_chunks_full",
    "stream_two_final_chunks_second",
];

struct Vector {
    facts: HashMap<String, String>,
    identities: Vec<Identity>,
    passphrases: Vec<Passphrase>,
    file: Vec<u8>,
}

fn read(bytes: &[u8]) -> Vector {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..split]).unwrap();
    let lines: Vec<(&str, &str)> = head.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let all = |wanted: &'static str| lines.iter().filter(move |(key, _)| *key == wanted).map(|(_, text)| *text);
    let mut identities: Vec<Identity> = all("identity").map(|text| text.parse().unwrap()).collect();
    let passphrases: Vec<_> = all("passphrase").map(|text| Passphrase::new(Zeroizing::new(text.into()))).collect();
    if identities.is_empty() && passphrases.is_empty() {
        identities.push(identity(RecipientKind::X25519)); // faults that come to light before any key is tried
    }
    let facts = lines.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Vector { facts, identities, passphrases, file: bytes[split + 2..].to_vec() }
}

/// What the vector's terms call our outcome.
fn outcome(result: Result<u64, OpenError>) -> &'static str {
    match result {
        Ok(_) => "success",
        Err(OpenError::Header | OpenError::TooMuchWork { .. }) => "header failure",
        Err(OpenError::HeaderAltered) => "HMAC failure",
        Err(OpenError::NotForYou) => "no match",
        Err(OpenError::Payload { .. }) => "payload failure",
        Err(OpenError::Armour) => "refused by our profile",
        Err(other) => panic!("{other:?}"),
    }
}

/// What this profile says where it differs from the format's words.
fn expected<'a>(name: &str, facts: &'a HashMap<String, String>) -> &'a str {
    match name {
        // A header may come without a payload here, so that a missing start of the payload is the payload's fault.
        "stream_no_nonce" | "stream_short_nonce" => "payload failure",
        _ => &facts["expect"],
    }
}

/// Tries one identity after the other until one says more than that the file is not for it.
fn open(vector: &Vector) -> (&'static str, Vec<u8>) {
    let keys = vector.identities.iter().map(Unlock::from).chain(vector.passphrases.iter().map(Unlock::from));
    let attempts = keys.map(|key| {
        let mut plain = Vec::new();
        (outcome(seal::open(vector.file.as_slice(), key, &mut plain)), plain)
    });
    { attempts }.find(|(outcome, _)| *outcome != "no match").unwrap_or(("no match", Vec::new()))
}

fn check(name: &str, vector: &Vector) {
    let (found, plain) = open(vector);
    if vector.facts.contains_key("armored") {
        // Skipped: assets and results are binary, and text armour is refused before anything else is looked at.
        assert_ne!(found, "success", "{name} is outside our profile");
        return;
    }
    assert_eq!(found, expected(name, &vector.facts), "{name}: {:?}", vector.facts.get("comment"));
    if let Some(payload) = vector.facts.get("payload") {
        // What was written before the end or the fault.
        let as_listed = Digest::sha256(&plain).to_hex() == *payload;
        assert_eq!(as_listed, !HELD_BACK.contains(&name), "{name}: {} bytes", plain.len());
    }
}

#[test]
fn the_formats_own_vectors_hold() {
    let Some(packages) = node::packages() else { return };
    let unpacked = directory("age-vectors").unwrap();
    let output = node::run(packages, "unpack.mjs", UNPACK, &[unpacked.to_str().unwrap()]);
    let mut checked = 0;
    for entry in std::fs::read_dir(unpacked).unwrap() {
        let entry = entry.unwrap();
        check(entry.file_name().to_str().unwrap(), &read(&std::fs::read(entry.path()).unwrap()));
        checked += 1;
    }
    assert_eq!(checked.to_string(), String::from_utf8(output.stdout).unwrap().trim());
    assert!(checked >= 143, "{checked} vectors");
}
