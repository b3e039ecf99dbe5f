//! Bundles on the command line: a mirror on this machine, what is current, and what is refused.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use prism_attest::Endorsements;
use prism_attest::endorsements::bundle::{Bundle, Origin};

use crate::support::Place;

/// A mirror that answers every question in the same way; returns its address.
fn mirror(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            stream.write_all(answer).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn what_a_mirror_says_instead_of_an_endorsement_is_refused_and_nothing_is_written() {
    for (answer, exit, code) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..], 4, "vendor.misbehaved"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
            4,
            "vendor.misbehaved",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 5, "endorsements.missing"),
        (b"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n", 6, "vendor.unreachable"),
    ] {
        let place = Place::new();
        let mirror = mirror(answer);
        let said = place.run(&format!("endorsements fetch --product milan --mirror {mirror} --cache kept -o b.json"));
        said.refused(exit, code);
        assert!(said.err.contains("asking   http://127.0.0.1:"), "{}", said.err);
        assert!(!place.path("b.json").exists());
        assert_eq!(crate::support::files(&place.path("kept")), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn arguments_that_do_not_fit_are_wrong_usage() {
    let place = Place::new();
    place.write("report.bin", "hello");
    for line in [
        "endorsements fetch -o b.json",
        "endorsements fetch --product milan",
        "endorsements fetch --product rome -o b.json",
        "endorsements fetch --product milan --fmspc 00806f050000 -o b.json",
        "endorsements fetch --product milan --chip-id ab -o b.json",
        "endorsements fetch --product turin --chip-id ab --tcb bl=1 -o b.json --mirror http://127.0.0.1:1",
        "endorsements fetch --product milan --mirror http://mirror.example -o b.json",
        "endorsements fetch --product milan --mirror mirror.example -o b.json",
        "endorsements fetch --for report.bin --mirror http://127.0.0.1:1 -o b.json",
    ] {
        place.run(line).refused(2, "usage");
    }
}

#[test]
fn no_vendor_is_asked_about_a_simulated_machine() {
    let place = Place::new();
    for (platform, file) in [("snp", "report.bin"), ("tdx", "quote.bin")] {
        place.run(&format!("simulate evidence --platform {platform} -o {platform}")).ok();
        let said =
            place.run(&format!("endorsements fetch --for {platform}/{file} --mirror http://127.0.0.1:1 -o b.json"));
        assert!(said.refused(2, "usage").err.contains("found simulated evidence"), "{}", said.err);
    }
}

const EMPTY: &str = concat!(
    r#"{"v":1,"bundle":[],"sha256":"sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"}"#,
    "\n"
);

#[test]
fn a_bundle_is_checked_and_shown_and_a_damaged_one_is_refused() {
    let place = Place::new();
    place.write("empty.json", EMPTY);
    let empty = place.run("endorsements check empty.json --at 5");
    assert!(empty.refused(4, "endorsements.not-current").err.contains("found none"), "{}", empty.err);
    assert!(place.run("endorsements show empty.json").ok().out.contains("nothing in it"));
    place.write("damaged.json", EMPTY.replace("4f53", "4f54"));
    place.run("endorsements check damaged.json").refused(2, "file.malformed");
    place.write("other.json", "{}");
    place.run("endorsements show other.json").refused(2, "file.malformed");
    place.run("endorsements show nothing.json").refused(5, "file.missing");
}

#[test]
fn one_machine_s_endorsements_are_checked_and_shown_like_a_bundle() {
    let place = Place::new();
    for (platform, words) in [("snp", "vcek/genoa/"), ("tdx", "tcb-info/00806f050000")] {
        place.run(&format!("simulate evidence --platform {platform} -o {platform}")).ok();
        let shown = place.run(&format!("endorsements show {platform}/endorsements.json")).ok().out.clone();
        assert!(shown.contains("one machine's endorsements") && shown.contains(words), "{shown}");
        let check = format!("endorsements check {platform}/endorsements.json --at 5");
        place.run(&check).refused(4, "endorsements.not-current");
    }
}

#[test]
fn a_bundle_that_the_vendor_did_not_sign_is_not_renewed() {
    let place = Place::new();
    place.run("simulate evidence --platform tdx -o m").ok();
    let machine = Endorsements::read(&place.read("m/endorsements.json")).unwrap();
    let origin = Origin { source: "somebody".to_owned(), fetched_at: 5 };
    let bundle = Bundle::of_machine(&machine, &origin).unwrap().to_bytes();
    place.write("b.json", &bundle);
    let fetch = "endorsements fetch --fmspc 00806f050000 --mirror http://127.0.0.1:1 -o b.json";
    place.run(fetch).refused(4, "endorsements.unsigned");
    assert_eq!(place.read("b.json"), bundle);
    place.run(&format!("{fetch} --root m/root.txt")).refused(2, "file.malformed");
    // Under the laboratory's own root it is taken, and then nobody answers.
    let chain = String::from_utf8(machine.as_tdx().unwrap().tcb_info_chain.clone()).unwrap();
    place.write("root.pem", format!("-----BEGIN{}", chain.rsplit_once("-----BEGIN").unwrap().1));
    place.run(&format!("{fetch} --root root.pem")).refused(6, "vendor.unreachable");
    assert_eq!(place.read("b.json"), bundle);
}

/// The folder of public vectors, if it is there.
fn vectors() -> Option<std::path::PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| beside.into(), std::path::PathBuf::from);
    root.join("real").is_dir().then_some(root)
}

#[test]
fn amds_certificates_from_a_mirror_become_a_bundle_whose_dates_are_checked() {
    let Some(vectors) = vectors() else { return };
    let pem = std::fs::read(vectors.join("real/go-sev-guest/verify__trust__ask_ark_milan.pem")).unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", pem.len());
    let mirror = mirror([head.as_bytes(), &pem].concat().leak());
    let place = Place::new();
    // The list is asked for second, and what comes then is no list: nothing is written, but the chain is kept.
    let line = format!("endorsements fetch --product milan --mirror {mirror} --cache kept -o b.json");
    place.run(&line).refused(4, "vendor.misbehaved");
    let [kept] = <[_; 1]>::try_from(crate::support::files(&place.path("kept"))).unwrap();
    let kept = kept.to_str().unwrap();
    let shown = place.prism(&["endorsements", "show", kept, "--json"]).ok().json();
    assert_eq!(shown["entries"][0]["key"], "amd-chain/milan/vcek");
    place.prism(&["endorsements", "check", kept, "--at", "2026-01-31T12:00:00Z"]).ok();
    let stale = place.prism(&["endorsements", "check", kept, "--at", "2066-01-31T12:00:00Z"]);
    assert!(stale.refused(4, "endorsements.not-current").out.contains("STALE  amd-chain/milan/vcek"), "{}", stale.out);
    assert!(place.run(&line).err.contains("kept     amd-chain/milan/vcek"), "fresh answers are not asked for again");
}
