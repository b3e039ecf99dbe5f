//! Datasets that lie sealed in a store, at the command line.

use std::net::TcpListener;

use prism_core::entropy::SystemEntropy;
use prism_core::manifest::{Codec, ObjectKey, granted};
use prism_core::seal::{Identity, RecipientKind, read_header, seal};
use serde_json::Value;

use crate::agent::{Agent, rehearsal};
use crate::support::Place;

const DATA: &[u8] = b"age,outcome\n61,1\n";

/// An address where nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A place whose dataset lies sealed at this address, with the identity and a copy of the sealed file.
fn sealed_at(url: &str, more: &str) -> Place {
    let identity = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
    let mut object = Vec::new();
    seal(DATA, &[identity.recipient().clone()], &mut SystemEntropy::default(), &mut object).unwrap();
    let place = rehearsal(|draft| draft);
    place.write("h1.csv", DATA);
    place.write("h1.csv.age", &object);
    place.write("h1.header", read_header(&mut object.as_slice()).unwrap());
    place.write("h1.identity", identity.to_text().as_bytes());
    place.set_mode("h1.identity", 0o600);
    let source = format!("[dataset.source]\nurl = \"{url}\"\nsealed = \"h1.csv.age\"\n{more}");
    let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
    place.write("pulled.toml", draft.replace("file = \"h1\"\n", &format!("file = \"h1.csv\"\n{source}")));
    place.sign("pulled.toml", "pulled.prism");
    place
}

fn agent<'a>(place: &'a Place, host: &str) -> Agent<'a> {
    place.agent_with("simulated", ("127.0.0.1:0", "pulled.prism"), &["--pull-allow", host])
}

#[test]
fn a_manifest_says_in_plain_words_where_a_dataset_lies_and_who_releases_its_key() {
    let place = sealed_at("s3://bucket/h1.csv.age", "");
    let shown = place.run("manifest show pulled.prism").ok().out.clone();
    for words in ["fetched by the agent from s3://bucket/h1.csv.age", "its provider releases the key", "sealed (age)"] {
        assert!(shown.contains(words), "{shown}");
    }
    let manifest: Value = place.run("manifest show pulled.prism --json").ok().json();
    let source = &manifest["manifest"]["datasets"][0]["source"];
    assert_eq!(source["size"], place.read("h1.csv.age").len());
    assert_eq!(source["release"], serde_json::json!({ "by": "provider" }));
    let kbs = sealed_at(
        "https://store.example/h1.csv.age",
        "kbs = { url = \"https://kbs.example:8443\", resource = \"default/key/h1\" }\n",
    );
    let shown = kbs.run("manifest show pulled.prism").ok().out.clone();
    assert!(shown.contains("the key broker https://kbs.example:8443 releases the key default/key/h1"), "{shown}");
    place.write("other.prism", kbs.read("pulled.prism"));
    let differs = place.run("manifest show pulled.prism --diff other.prism").ok().out.clone();
    assert!(differs.contains("datasets.h1.csv.source.url"), "{differs}");
}

#[test]
fn an_agent_that_may_not_ask_the_store_does_not_start() {
    let place = sealed_at("https://store.example/h1.csv.age", "");
    let serve = "agent serve --manifest pulled.prism --listen 127.0.0.1:0 --platform simulated --state agent-state";
    let said = place.run(serve);
    said.refused(3, "source.refused");
    assert!(said.err.contains("--pull-allow") && said.err.contains("store.example"), "{}", said.err);
    place.run(&format!("{serve} --pull-allow other.example")).refused(3, "source.refused");
    place.run(&format!("{serve} --pull-allow https://store.example/")).refused(2, "usage");
    place.write("ca.pem", "not a certificate");
    place.run(&format!("{serve} --pull-allow store.example --pull-ca ca.pem")).refused(2, "file.malformed");
    place.run(&format!("{serve} --pull-allow store.example --s3-endpoint http://store.example")).refused(2, "usage");
}

#[test]
fn a_provider_releases_a_key_and_everybody_sees_it() {
    let host = nobody();
    let place = sealed_at(&format!("https://{host}/h1.csv.age"), "");
    let agent = agent(&place, &host);
    let status = agent.run("status --key lab.key").ok().out.clone();
    assert!(status.contains("its key was not released yet"), "{status}");
    agent.run("data h1.csv --key hospital.key").refused(3, "asset.other-way");
    let release = "release --identity h1.identity --sealed h1.csv.age";
    agent.run(&format!("{release} --key lab.key")).refused(3, "role.refused");
    agent
        .run("release h1.csv --identity h1.identity --sealed h1.csv.age --key lab.key")
        .refused(3, "asset.wrong-provider");
    let released = agent.run(&format!("{release} --key hospital.key --json")).ok().json();
    assert_eq!((&released["asset"], &released["simulated"]), (&"h1.csv".into(), &true.into()));
    assert!(released["receipt"].as_str().unwrap().contains("c2sp.org/tlog-proof"), "{released}");
    // The header alone will do, and a repetition gives the same entry.
    let again = agent.run("release --identity h1.identity --header h1.header --key hospital.key");
    assert!(again.ok().out.contains(&format!("log entry {}", released["log_index"])), "{}", again.out);
    let status = agent.run("status --key lab.key --json").ok().json();
    assert!(status["assets"][1]["pull"]["of"].as_u64().unwrap() > 0, "{status}");
    agent.run("transcript -o run.transcript --key lab.key").ok();
    // The log is not closed yet; who released what stands in it all the same.
    let audited = place.run("audit run.transcript --json");
    assert_eq!(audited.code, 4, "{}", audited.err);
    let report = audited.json();
    let release = &report["summary"]["releases"][0];
    assert_eq!((&release["asset"], &release["by"]), (&"h1.csv".into(), &"provider".into()));
    let words = place.run("audit run.transcript").out;
    assert!(words.contains("key released  of h1.csv"), "{words}");
}

#[test]
fn without_a_copy_the_header_is_read_from_the_store() {
    let host = nobody();
    let place = sealed_at(&format!("https://{host}/h1.csv.age"), "");
    let agent = agent(&place, &host);
    agent.run("release --identity h1.identity --key hospital.key").refused(6, "source.unreachable");
    agent.run("release --identity h1.identity --sealed h1.csv --key hospital.key").refused(4, "seal.broken");
    agent.run("release --identity h1.identity --header h1.csv --key hospital.key").refused(3, "asset.mismatch");
}

#[test]
fn a_grant_is_for_its_provider_and_the_broker_only() {
    let place = sealed_at("s3://bucket/h1.csv.age", "");
    let digest = place.run("manifest show pulled.prism --json").ok().json()["digest"].as_str().unwrap().to_owned();
    let written = place.run("grant --manifest pulled.prism --identity h1.identity -o h1.grant --json").ok().json();
    assert_eq!(written["manifest"], digest.as_str());
    let text = String::from_utf8(place.read("h1.grant")).unwrap();
    assert!(text.starts_with(&format!("# prism-manifest: {digest}\nAGE-SECRET-KEY-PQ-1")), "not shown here");
    assert_eq!(place.mode("h1.grant"), 0o600);
    place.run("grant --manifest pulled.prism --identity h1.identity -o h1.grant").refused(2, "file.exists");
    place.set_mode("h1.identity", 0o644);
    place.run("grant --manifest pulled.prism --identity h1.identity -o other.grant").refused(2, "key.exposed");
}

/// A place whose dataset lies sealed under a symmetric key at this address.
fn symmetric_at(url: &str) -> Place {
    let place = rehearsal(|draft| draft);
    place.write("h1.csv", DATA);
    place.run("seal h1.csv --codec cobblestone-256 --symmetric-key h1.secret --asset h1.csv").ok();
    place.write("pulled.toml", symmetric_draft(&place, url, "codec = \"cobblestone-256\"\n"));
    place.sign("pulled.toml", "pulled.prism");
    place
}

fn symmetric_draft(place: &Place, url: &str, codec: &str) -> String {
    let source = format!("[dataset.source]\nurl = \"{url}\"\nsealed = \"h1.csv.cobblestone\"\n{codec}");
    let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
    draft.replace("file = \"h1\"\n", &format!("file = \"h1.csv\"\n{source}"))
}

#[test]
fn a_manifest_names_the_second_codec_and_refuses_a_file_that_cannot_be_of_it() {
    let url = "s3://bucket/h1.csv.cobblestone";
    let place = symmetric_at(url);
    let shown = place.run("manifest show pulled.prism").ok().out.clone();
    assert!(shown.contains("where it lies sealed (cobblestone-256)"), "{shown}");
    let manifest: Value = place.run("manifest show pulled.prism --json").ok().json();
    let source = &manifest["manifest"]["datasets"][0]["source"];
    assert_eq!((&source["codec"], &source["size"]), (&"cobblestone-256".into(), &(DATA.len() + 56 + 16).into()));
    // The draft says how the file is sealed; nothing is guessed.
    place.write("bare.toml", symmetric_draft(&place, url, ""));
    let said = place.run("manifest new bare.toml -o bare.json");
    said.refused(2, "manifest.malformed");
    assert!(said.err.contains("source.codec") && said.err.contains("cobblestone-256"), "{}", said.err);
    place.write("other.toml", symmetric_draft(&place, url, "codec = \"cobblestone-128\"\n"));
    place.run("manifest new other.toml -o other.json").refused(2, "manifest.malformed");
    place.write("h1.csv.cobblestone", vec![1; 500]);
    place.write("size.toml", symmetric_draft(&place, url, "codec = \"cobblestone-256\"\n"));
    let said = place.run("manifest new size.toml -o size.json");
    said.refused(2, "manifest.malformed");
    assert!(said.err.contains("source.size") && said.err.contains("500"), "{}", said.err);
    place.run("keys identity other").ok();
    place.run("seal h1.csv --to other.recipient -o other.age").ok();
    place.write("h1.csv.cobblestone", place.read("other.age"));
    let said = place.run("manifest new size.toml -o size.json");
    said.refused(2, "manifest.malformed");
    assert!(said.err.contains("source.codec"), "{}", said.err);
}

#[test]
fn a_provider_releases_a_symmetric_key() {
    let host = nobody();
    let place = symmetric_at(&format!("https://{host}/h1.csv.cobblestone"));
    place.run("keys identity h1").ok();
    place.write("short.secret", [7; 31]);
    place.set_mode("short.secret", 0o600);
    let agent = agent(&place, &host);
    for line in ["", "--identity h1.identity --symmetric-key h1.secret", "--symmetric-key h1.secret --sealed h1.csv"] {
        agent.run(&format!("release {line} --key hospital.key")).refused(2, "usage");
    }
    agent.run("release --symmetric-key short.secret --key hospital.key").refused(2, "key.malformed");
    let said = agent.run("release --identity h1.identity --sealed other.age --key hospital.key");
    said.refused(5, "file.missing");
    place.run("seal h1.csv --to h1.recipient -o other.age").ok();
    let said = agent.run("release --identity h1.identity --sealed other.age --key hospital.key");
    said.refused(2, "usage");
    assert!(said.err.contains("cobblestone-256"), "{}", said.err);
    agent.run("release h1.csv --symmetric-key h1.secret --key lab.key").refused(3, "asset.wrong-provider");
    let released = agent.run("release --symmetric-key h1.secret --key hospital.key --json").ok().json();
    assert_eq!(released["asset"], "h1.csv");
    let again = agent.run("release --symmetric-key h1.secret --key hospital.key");
    assert!(again.ok().out.contains(&format!("log entry {}", released["log_index"])), "{}", again.out);
    place.set_mode("h1.secret", 0o644);
    agent.run("release --symmetric-key h1.secret --key hospital.key").refused(2, "key.exposed");
}

#[test]
fn a_symmetric_key_for_an_age_object_is_not_sent() {
    let host = nobody();
    let place = sealed_at(&format!("https://{host}/h1.csv.age"), "");
    place.write("h1.secret", [7; 32]);
    place.set_mode("h1.secret", 0o600);
    let agent = agent(&place, &host);
    agent.run("release --symmetric-key h1.secret --key hospital.key").refused(2, "usage");
    let status = agent.run("status --key lab.key").ok().out.clone();
    assert!(status.contains("its key was not released yet"), "{status}");
}

#[test]
fn a_grant_of_a_symmetric_key_names_the_manifest() {
    let place = symmetric_at("s3://bucket/h1.csv.cobblestone");
    let digest = place.run("manifest show pulled.prism --json").ok().json()["digest"].as_str().unwrap().to_owned();
    let grant = "grant --manifest pulled.prism --symmetric-key";
    let written = place.run(&format!("{grant} h1.secret -o h1.grant --json")).ok().json();
    assert_eq!(written["manifest"], digest.as_str());
    let text = String::from_utf8(place.read("h1.grant")).unwrap();
    assert!(text.starts_with(&format!("# prism-manifest: {digest}\ncobblestone-256:")), "not shown here");
    let key = granted(&text, digest.parse().unwrap(), Codec::Cobblestone256).unwrap();
    let ObjectKey::Cobblestone256(key) = key else { panic!("a key of the other codec") };
    assert!(key.expose().as_slice() == place.read("h1.secret"), "not shown here");
    assert_eq!(place.mode("h1.grant"), 0o600);
    place.run(&format!("{grant} h1.secret -o h1.grant")).refused(2, "file.exists");
    place.run(&format!("{grant} h1.secret --identity h1.identity -o b.grant")).refused(2, "usage");
    place.run("grant --manifest pulled.prism -o b.grant").refused(2, "usage");
    for length in [31, 33] {
        place.write("other.secret", vec![7; length]);
        place.set_mode("other.secret", 0o600);
        place.run(&format!("{grant} other.secret -o b.grant")).refused(2, "key.malformed");
    }
}
