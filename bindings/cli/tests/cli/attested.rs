//! Nothing is sent to a machine that was not judged; what is refused says why.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::agent::{rehearsal, signal};

#[test]
fn a_good_verdict_lists_every_condition_and_says_simulated() {
    let place = rehearsal(|draft| draft);
    let agent = place.agent("covid19.prism");
    let verdict = agent.run("attest --json").ok().json();
    assert_eq!(verdict["verdict"], "trusted");
    assert_eq!(verdict["simulated"], true);
    assert!(verdict["findings"].as_array().unwrap().iter().all(|finding| finding["ok"] == true));
    let words = agent.run("attest").ok().out.clone();
    assert!(words.starts_with("SIMULATED: no hardware protects this data\n"), "{words}");
    assert!(words.contains("binding.session"), "{words}");
}

#[test]
fn an_agent_of_another_manifest_is_not_trusted() {
    let place = rehearsal(|draft| draft);
    place.sign("covid19.toml", "other.prism");
    let agent = place.agent("other.prism");
    let said = agent.run("attest --manifest covid19.prism");
    said.refused(4, "evidence.refused");
    assert!(said.out.contains("FAIL  binding.manifest"), "{}", said.out);
    agent.run("data h1 --key hospital.key --manifest covid19.prism").refused(4, "evidence.refused");
}

#[test]
fn simulated_evidence_is_refused_where_the_manifest_does_not_name_it() {
    let place = rehearsal(|draft| draft);
    let real = crate::support::draft(&crate::agent::NAMES);
    place.write("real.toml", real);
    place.sign("real.toml", "real.prism");
    let said = place
        .run("agent serve --manifest real.prism --listen 127.0.0.1:0 --platform simulated --state agent-state --json");
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    let said = place.run("agent serve --manifest covid19.prism --platform simulated-tdx --state agent-state");
    assert!(said.err.contains("(simulated), found simulated-tdx; "), "{}", said.err);
    assert!(!place.path("agent-state").exists());
    let agent = place.agent("covid19.prism");
    agent.run("attest --manifest real.prism").refused(4, "evidence.refused");
}

#[test]
fn an_agent_that_could_not_execute_the_program_does_not_start() {
    let place = rehearsal(|draft| draft);
    let serve = "agent serve --manifest covid19.prism --listen 127.0.0.1:0 --platform simulated --state agent-state";
    for (python, exit, code) in [("absent", 5, "file.missing"), ("/bin/true", 2, "usage")] {
        place.run(&format!("{serve} --python {python}")).refused(exit, code);
        assert!(!place.path("agent-state").exists());
    }
    let place = rehearsal(|draft| draft.replace("file = \"train.py\"", "file = \"train.py\"\nruntime = \"wasm\""));
    for (host, exit, code) in [("absent", 5, "file.missing"), ("/bin/true", 2, "usage")] {
        let said = place.run(&format!("{serve} --wasm-host {host}"));
        said.refused(exit, code);
        assert!(said.err.contains("prism-wasm"), "{}", said.err);
        assert!(!place.path("agent-state").exists());
    }
}

#[test]
fn a_simulator_with_another_root_is_not_trusted() {
    let other = prism_core::digest::Digest::sha256(b"another root");
    let place = rehearsal(|draft| draft.replace("simulated = true", &format!("simulated = \"{other}\"")));
    let agent = place.agent("covid19.prism");
    agent.run("attest").refused(4, "evidence.refused");
}

#[test]
fn nobody_there_is_unavailable() {
    let place = rehearsal(|draft| draft);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.run(&format!("attest --agent {free} --manifest covid19.prism")).refused(6, "agent.unreachable");
    place.run("attest --manifest covid19.prism").refused(2, "usage");
    place.run("attest --manifest covid19.prism --agent localhost").refused(2, "usage");
}

#[test]
fn wrong_keys_roles_and_files_are_told_apart() {
    let place = rehearsal(|draft| draft);
    let agent = place.agent("covid19.prism");
    place.run("keys new stranger").ok();
    agent.run("status --key stranger.key").refused(3, "key.unknown");
    agent.run("status --key nobody.key").refused(5, "file.missing");
    agent.run("data h1 --key lab.key").refused(3, "role.refused");
    agent.run("data h1 --asset train.py --key hospital.key").refused(3, "asset.wrong-provider");
    agent.run("data h1 --asset h2 --key hospital.key").refused(5, "asset.unknown");
    agent.run("data train.py --key hospital.key").refused(3, "asset.mismatch");
    agent.run("result --key hospital.key -o r.zip").refused(3, "role.refused");
    agent.run("result --key institute.key -o r.zip").refused(6, "result.not-ready");
    agent.run("stop --key institute.key").refused(3, "role.refused");
    place.set_mode("lab.key", 0o644);
    agent.run("stop --key lab.key").refused(2, "key.exposed");
}

#[test]
fn an_accepted_asset_gives_its_receipt_again() {
    let place = rehearsal(|draft| draft);
    let agent = place.agent("covid19.prism");
    let first = agent.run("data h1 --key hospital.key --json").ok().json();
    let again = agent.run("data h1 --key hospital.key --json").ok().json();
    assert_eq!(first["assets"][0]["log_index"], again["assets"][0]["log_index"]);
    assert!(first["assets"][0]["receipt"].as_str().unwrap().starts_with("c2sp.org/tlog-proof@v1\n"));
    let status = agent.run("status --key lab.key --json").ok().json();
    assert_eq!(status["state"], "WaitingForAlgorithm");
    let held = status["assets"].as_array().unwrap().iter().find(|asset| asset["name"] == "h1").unwrap();
    assert_eq!(held["accepted"], true);
}

#[test]
fn ctrl_c_ends_watching_with_130_and_the_computation_goes_on() {
    let place = rehearsal(|draft| draft);
    let agent = place.agent("covid19.prism");
    let mut watch = agent.command("watch --key hospital.key");
    let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut shown = BufReader::new(child.stdout.take().unwrap());
    shown.read_line(&mut line).unwrap();
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("error[cancelled]: interrupted\nhint: watching has ended"), "{said}");
    agent.run("status --key lab.key").ok();
}

#[test]
fn a_killed_agent_says_at_its_next_boot_what_was_lost() {
    let place = rehearsal(|draft| draft);
    let first = place.agent("covid19.prism");
    first.run("data h1 --key hospital.key").ok();
    let boot = first.ready["boot"].clone();
    first.kill();
    let second = place.agent("covid19.prism");
    assert_eq!(second.ready["lost"][0]["boot"], boot);
    assert_ne!(second.ready["boot"], boot);
    let status = second.run("status --key hospital.key --json").ok().json();
    assert!(status["assets"].as_array().unwrap().iter().all(|asset| asset["accepted"] == false));
}

#[test]
fn sigterm_ends_an_agent_in_order() {
    let place = rehearsal(|draft| draft);
    assert_eq!(place.agent("covid19.prism").terminate(), 0);
    let again = place.agent("covid19.prism");
    assert_eq!(again.ready["lost"].as_array().unwrap().len(), 0, "a closed log is no loss");
}

#[test]
fn a_stopped_run_ends_watching_with_7_and_its_transcript_holds() {
    let place = rehearsal(|draft| draft);
    let mut agent = place.agent("covid19.prism");
    let watch =
        agent.command("watch --key hospital.key").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    agent.run("stop --key lab.key").ok();
    agent.until("Closed");
    let watched = watch.wait_with_output().unwrap();
    assert_eq!(watched.status.code(), Some(7));
    assert!(String::from_utf8(watched.stdout).unwrap().contains("STOPPED by lab"));
    agent.run("result --key institute.key -o r.zip").refused(7, "run.stopped");
    agent.run("transcript -o run.transcript --key hospital.key").ok();
    let report = place.run("audit run.transcript --json").ok().json();
    assert_eq!(report["summary"]["outcome"], "stopped");
    assert_eq!(report["simulated"], true);
}

#[test]
fn the_doctor_names_the_first_step_that_fails() {
    let place = rehearsal(|draft| draft);
    place.run("doctor").ok();
    let agent = place.agent("covid19.prism");
    let report = agent.run("doctor --key hospital.key --json").ok().json();
    assert_eq!(report["simulated"], true);
    assert!(report["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true), "{report}");
    place.run("keys new stranger").ok();
    let said = agent.run("doctor --key stranger.key");
    said.refused(3, "key.unknown");
    assert!(said.out.contains("FAIL  key") && said.out.contains("ok    agent"), "{}", said.out);
    agent.kill();
    place.run("doctor --manifest covid19.prism --agent 127.0.0.1:1").refused(6, "agent.unreachable");
}

#[test]
fn an_upload_over_several_connections_in_one_pass_is_compared_by_the_agent() {
    let place = rehearsal(|draft| draft);
    place.write("h1.bin", vec![7; 3 << 20]);
    let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
    place.write("file.toml", draft.replace("file = \"h1\"", "file = \"h1.bin\""));
    place.sign("file.toml", "file.prism");
    let agent = place.agent("file.prism");
    let mut wrong = vec![7; 3 << 20];
    wrong[1000] = 8;
    place.write("wrong.bin", wrong);
    let options = "--key hospital.key --connections 3 --one-pass";
    let said = agent.run(&format!("data wrong.bin --asset h1.bin {options}"));
    said.refused(3, "asset.mismatch");
    assert!(said.err.contains("the agent discarded what was sent"), "{}", said.err);
    let said = agent.run(&format!("data h1.bin {options}"));
    assert!(said.ok().err.contains("h1.bin: sent 100 % of "), "{}", said.err);
    agent.run("data h1.bin --key hospital.key --connections 0").refused(2, "usage");
}
