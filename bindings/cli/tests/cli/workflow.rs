//! The whole day by hand: keys, terms, approvals, agent, uploads in any order, run, result once, audit.

use serde_json::Value;

use crate::agent::{Agent, rehearsal, rehearsal_on_tdx};
use crate::support::{Place, files};

/// The day until the result is there.
fn delivered(place: &Place) -> Agent<'_> {
    let mut agent = place.agent("covid19.prism");
    agent.give();
    agent.until("Delivering");
    agent
}

#[test]
fn three_parties_compute_and_a_stranger_audits() {
    let place = rehearsal(|draft| format!("{draft}[logs]\nstdout = [\"lab\"]\n"));
    let mut agent = delivered(&place);
    let logs = agent.run("logs --key lab.key");
    assert_eq!(logs.ok().out, "hello from the inside\n");
    let taken = agent.run("result --key institute.key -o results.zip --json").ok().json();
    assert_eq!(taken["simulated"], true);
    let archive = place.read("results.zip");
    let json = b"{\"files\": 1}";
    assert!(archive.windows(json.len()).any(|window| window == json), "the result is in the archive as it is");
    assert_eq!(place.mode("results.zip") & 0o077, 0, "the result is for its consumer only");
    let left: Vec<_> =
        files(&place.path(".")).into_iter().filter(|f| f.to_string_lossy().contains("results.zip.")).collect();
    assert!(left.is_empty(), "{left:?}");

    agent.run("result --key institute.key -o again.zip").refused(5, "result.gone");
    assert!(!place.path("again.zip").exists());
    agent.until("Closed");
    agent.run("transcript -o run.transcript --key hospital.key").ok();
    agent.run("transcript -o run.transcript --key hospital.key").refused(2, "file.exists");
    let watched = agent.run("watch --key lab.key --json").ok().json_lines();
    let states: Vec<&str> = watched.iter().map(|line| line["state"].as_str().unwrap()).collect();
    for state in ["Manifested", "WaitingForAlgorithm", "Running", "Delivering", "Closed"] {
        assert!(states.contains(&state), "{state} is missing in {states:?}");
    }
    audited(&place, watched.len());
    assert_eq!(agent.terminate(), 0);
}

/// A stranger with nothing but the file.
fn audited(place: &Place, entries: usize) {
    let stranger = Place::new();
    let transcript = place.read("run.transcript");
    stranger.write("run.transcript", &transcript);
    stranger.write("covid19.prism", place.read("covid19.prism"));
    let report: Value = stranger.run("audit run.transcript --json").ok().json();
    assert_eq!(report["holds"], true);
    assert!(report["entries"].as_u64().unwrap() >= entries as u64);
    assert_eq!(report["summary"]["outcome"], "completed");
    let words = stranger.run("audit run.transcript --manifest covid19.prism").ok().out.clone();
    assert!(words.starts_with("SIMULATED") && words.contains("audit ok"), "{words}");
    stranger.run("audit run.transcript --at 2020-01-01T00:00:00Z").refused(4, "audit.failed");
    stranger.run("audit run.transcript --html report.html").ok();
    stranger.run("audit run.transcript --html report.html").refused(2, "file.exists");
    let page = String::from_utf8(stranger.read("report.html")).unwrap();
    for part in ["Audit ok", "SIMULATED", "key of hospital", "What happened, in order", "default-src 'none'"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("http://"), "{page}");

    for at in [0, transcript.len() / 3, transcript.len() / 2, transcript.len() - 2] {
        let mut altered = transcript.clone();
        altered[at] ^= 1;
        stranger.write("altered.transcript", altered);
        let said = stranger.run("audit altered.transcript");
        said.refused(4, "audit.failed");
        assert!(said.out.contains("BROKEN "), "byte {at}: {}", said.out);
    }
}

#[test]
fn a_pretend_tdx_machine_computes_and_a_stranger_audits() {
    let place = rehearsal_on_tdx();
    let shown = place.run("manifest show covid19.prism").ok().out.clone();
    assert!(shown.contains("SIMULATED") && shown.contains("register      RTMR0 "), "{shown}");
    let mut agent = place.agent_on("simulated-tdx", "127.0.0.1:0", "covid19.prism");
    assert_eq!((&agent.ready["platform"], &agent.ready["simulated"]), (&"simulated-tdx".into(), &true.into()));
    let verdict = agent.run("attest --json").ok().json();
    assert_eq!((&verdict["verdict"], &verdict["simulated"]), (&"trusted".into(), &true.into()));
    assert_eq!((&verdict["platform"], &verdict["assurance"]), (&"simulated-tdx".into(), &"simulated".into()));
    agent.give();
    agent.until("Delivering");
    agent.run("result --key institute.key -o results.zip").ok();
    agent.until("Closed");
    agent.run("transcript -o run.transcript --key hospital.key").ok();
    let entries = agent.run("watch --key lab.key --json").ok().json_lines().len();
    audited(&place, entries);
    assert_eq!(agent.terminate(), 0);
}

#[test]
fn a_program_that_fails_ends_with_7() {
    let place = crate::agent::rehearsal_of("raise SystemExit(3)\n", |draft| draft);
    let mut agent = place.agent("covid19.prism");
    agent.give();
    agent.until("Closed");
    let watched = agent.run("watch --key lab.key");
    watched.refused(7, "run.failed");
    assert!(watched.out.contains("FAILED with exit status 3"), "{}", watched.out);
    agent.run("result --key institute.key -o results.zip").refused(7, "run.failed");
}

#[test]
fn a_kept_sealed_result_opens_with_its_identity() {
    let place = rehearsal(|draft| draft);
    let agent = delivered(&place);
    agent.run("result --key institute.key -o results.zip --keep-sealed --recipient x25519").ok();
    place.run("open results.zip.age --identity results.zip.identity -o opened.zip").ok();
    assert_eq!(place.read("opened.zip"), place.read("results.zip"));
    place.run("open results.zip.age --identity results.zip.identity -o opened.zip").refused(2, "file.exists");
    let mut altered = place.read("results.zip.age");
    let last = altered.len() - 1;
    altered[last] ^= 1;
    place.write("altered.age", altered);
    place.run("open altered.age --identity results.zip.identity -o altered.zip").refused(4, "seal.broken");
    assert!(!place.path("altered.zip").exists(), "nothing is written before the last byte is authentic");
}
