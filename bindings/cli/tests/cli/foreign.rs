//! Public tools that share no code with Prism read what a finished run leaves: OpenSSL the log's checkpoint, age tools the
//! results, Python's `securesystemslib` the approvals. A tool that is not there is skipped, and the test says so.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::agent::rehearsal;
use crate::support::Place;

/// A finished run of two consumers: the institute sealed for every age tool, the hospital against quantum computers, too.
struct Finished {
    place: Place,
    log_key: String,
}

fn finished() -> &'static Finished {
    static FINISHED: OnceLock<Finished> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let both = "consumers = [\"hospital\", \"institute\"]";
        let place = rehearsal(|draft| draft.replace("consumers = [\"institute\"]", both));
        let mut agent = place.agent("covid19.prism");
        agent.give();
        agent.until("Delivering");
        agent.run("result --key institute.key -o classic.zip --keep-sealed --recipient x25519").ok();
        agent.run("result --key hospital.key -o hybrid.zip --keep-sealed").ok();
        agent.until("Closed");
        agent.run("transcript -o run.transcript --key hospital.key").ok();
        let log_key = agent.ready["log_key"].as_str().unwrap().to_owned();
        assert_eq!(agent.terminate(), 0);
        Finished { place, log_key }
    })
}

/// What a tool said, or nothing where it is not installed.
fn tool(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {} is not installed ({error})", command.get_program().display());
            None
        }
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// RFC 8410: what stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo`.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// Writes the key of a verifier key (C2SP signed note: name, hash, then algorithm 1 and the key) as DER.
fn log_key(place: &Place, text: &str) -> PathBuf {
    let key = STANDARD.decode(text.splitn(3, '+').nth(2).unwrap()).unwrap();
    assert_eq!((key[0], key.len()), (1, 33));
    place.write("log.der", [&ED25519[..], &key[1..]].concat());
    place.path("log.der")
}

#[test]
fn openssl_verifies_the_transcripts_checkpoint() {
    let Finished { place, log_key: key } = finished();
    let transcript: Value = serde_json::from_slice(&place.read("run.transcript")).unwrap();
    let note = transcript["checkpoint"].as_str().unwrap();
    let (text, signature) = note.split_once("\n\n").unwrap();
    // Four bytes that name the key, then the signature.
    let signature = STANDARD.decode(signature.trim_end().rsplit(' ').next().unwrap()).unwrap();
    place.write("checkpoint.sig", &signature[4..]);
    let key = log_key(place, key);
    for (text, holds) in [(format!("{text}\n"), true), (text.to_owned(), false)] {
        place.write("checkpoint.txt", text);
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"]).arg(&key);
        openssl.arg("-in").arg(place.path("checkpoint.txt")).arg("-sigfile").arg(place.path("checkpoint.sig"));
        let Some(output) = tool(&mut openssl) else { return };
        assert_eq!(output.status.success(), holds, "{}", errors(&output));
    }
    let entries = transcript["entries"].as_array().unwrap().len().to_string();
    assert_eq!(text.lines().nth(1), Some(entries.as_str()), "it is the whole log's");
}

#[test]
fn the_age_program_opens_a_kept_result() {
    let Finished { place, .. } = finished();
    let Some(version) = tool(Command::new("age").arg("--version")) else { return };
    for name in ["classic", "hybrid"] {
        let opened = place.path(&format!("{name}.by-age"));
        let mut age = Command::new("age");
        age.arg("-d").arg("-i").arg(place.path(&format!("{name}.zip.identity"))).arg("-o").arg(&opened);
        let output = age.arg(place.path(&format!("{name}.zip.age"))).output().unwrap();
        if name == "hybrid" && errors(&output).contains("unknown identity type") {
            let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
            println!("skipped in part: age {version} does not know hybrid identities");
            continue;
        }
        assert!(output.status.success(), "{name}: {}", errors(&output));
        assert_eq!(fs::read(&opened).unwrap(), place.read(&format!("{name}.zip")));
    }
}

#[test]
fn the_age_library_opens_a_kept_result() {
    let Finished { place, .. } = finished();
    let identities = age::IdentityFile::from_buffer(&*place.read("classic.zip.identity")).unwrap();
    let identities = identities.into_identities().unwrap();
    let sealed = place.read("classic.zip.age");
    let decryptor = age::Decryptor::new(&*sealed).unwrap();
    let mut opened = Vec::new();
    decryptor.decrypt(identities.iter().map(AsRef::as_ref)).unwrap().read_to_end(&mut opened).unwrap();
    assert_eq!(opened, place.read("classic.zip"));
}

/// Opens a sealed file with every identity of a file.
const TYPAGE: &str = r#"
import { readFileSync, writeFileSync } from "node:fs";
import { Decrypter } from "age-encryption";

const [identities, sealed, opened] = process.argv.slice(2);
const decrypter = new Decrypter();
for (const line of readFileSync(identities, "utf8").split("\n"))
    if (line && !line.startsWith('#')) decrypter.addIdentity(line);
writeFileSync(opened, await decrypter.decrypt(readFileSync(sealed)));
"#;

#[test]
fn typage_opens_a_kept_result_of_either_kind() {
    let Finished { place, .. } = finished();
    let Some(folder) = typage() else { return };
    fs::write(folder.join("open.mjs"), TYPAGE).unwrap();
    for name in ["classic", "hybrid"] {
        let file = |end: &str| place.path(&format!("{name}{end}"));
        let mut node = Command::new("node");
        node.arg("open.mjs").args([file(".zip.identity"), file(".zip.age"), file(".by-typage")]);
        let output = node.current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{name}: {}", errors(&output));
        assert_eq!(fs::read(file(".by-typage")).unwrap(), place.read(&format!("{name}.zip")));
    }
}

/// A folder with the package in it, made once under the build directory.
fn typage() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-typage");
    let ready = || folder.join("node_modules/age-encryption").is_dir();
    if ready() {
        return Some(folder);
    }
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("package.json"), r#"{"private":true,"type":"module"}"#).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "age-encryption@0.3.1"]).current_dir(&folder);
    let installed = tool(&mut npm)?;
    if !ready() {
        println!("skipped: npm cannot install age-encryption: {}", errors(&installed));
        return None;
    }
    Some(folder)
}

/// Prints the payload of an approval that holds, and fails when the same with another payload holds, too.
const APPROVAL: &str = r#"
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

approval, public = sys.argv[1:]
wire = json.load(open(approval))
key = SSlibKey.from_crypto(load_pem_public_key(open(public, "rb").read()), wire["signatures"][0]["keyid"])
envelope = Envelope.from_dict(wire)
envelope.verify([key], 1)
sys.stdout.buffer.write(envelope.payload)
envelope.payload += b" "
try:
    envelope.verify([key], 1)
    sys.exit("an altered payload verified")
except VerificationError:
    pass
"#;

#[test]
fn securesystemslib_verifies_an_approval_and_tells_whose_it_is() {
    let Finished { place, .. } = finished();
    let Some(python) = python() else { return };
    let folder = "approvals-covid19.prism";
    let verify = |public: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", APPROVAL]).arg(place.path(&format!("{folder}/hospital.approval"))).arg(place.path(public));
        command.output().unwrap()
    };
    let output = verify("hospital.pub");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(output.stdout, place.read(&format!("{folder}/manifest.json")), "it approves these very bytes");
    let other = verify("lab.pub");
    assert!(!other.status.success() && errors(&other).contains("VerificationError"), "{}", errors(&other));
}

/// Python with the library in an environment of its own, made once under the build directory.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dsse-venv");
    let python = folder.join("bin/python");
    let ready = || {
        let mut command = Command::new(&python);
        command.args(["-c", "import securesystemslib.dsse, cryptography"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    if ready() {
        return Some(python);
    }
    let made = tool(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    if !made.status.success() {
        println!("skipped: python3 cannot make a virtual environment: {}", errors(&made));
        return None;
    }
    let mut pip = Command::new(&python);
    let installed = tool(pip.args(["-m", "pip", "install", "--quiet", "securesystemslib", "cryptography"]))?;
    if !ready() {
        println!("skipped: pip cannot install securesystemslib: {}", errors(&installed));
        return None;
    }
    Some(python)
}
