//! `kill -9` of the agent and of each client at every state: nothing is released twice, what is lost is said, and a
//! whole new run is possible.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;

use crate::agent::{Agent, rehearsal_of};
use crate::cable::{Cable, cable};
use crate::support::{Place, files};

const SIGNED: &str = "kill.prism";

/// In the dataset, in the program and in the result: wherever it is found, one of them is.
const CANARY: &str = "a canary sings for 7f3a91";

/// Its result is what it was given, and enough else for a delivery to take time.
const COPY: &str = "\
# a canary sings for 7f3a91
import os
os.makedirs('results', exist_ok=True)
with open('results/copy', 'wb') as out:
    for folder, _, names in os.walk('datasets'):
        for name in names:
            out.write(open(os.path.join(folder, name), 'rb').read())
    out.write(os.urandom(16 << 20))
";

/// Says that it runs, and goes on until it is killed.
const HOLD: &str = "\
# a canary sings for 7f3a91
import time
print('running', flush=True)
time.sleep(600)
";

/// How the consumer takes its result.
const RESULT: &str = "result --key institute.key -o results.zip";

/// Bytes that the cable carries before it holds: half of the large dataset.
const CARRIED: u64 = 12 << 20;

/// A small dataset with the canary in it.
fn scene(program: &str, change: impl FnOnce(String) -> String) -> Place {
    let place = rehearsal_of(program, |draft| draft);
    place.write("h1/COVID/1.png", CANARY);
    let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
    place.write("kill.toml", change(draft));
    place.sign("kill.toml", SIGNED);
    place
}

/// A dataset that takes a while to send.
fn large_scene() -> Place {
    let place = rehearsal_of(COPY, |draft| draft);
    let mut state = 1_u64;
    let mut large = CANARY.as_bytes().to_vec();
    while large.len() < 24 << 20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        large.extend(state.to_be_bytes());
    }
    place.write("large.bin", large);
    let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
    place.write("kill.toml", draft.replace("file = \"h1\"", "file = \"large.bin\""));
    place.sign("kill.toml", SIGNED);
    place
}

/// The files of the state directory that hold the canary.
fn with_canary(place: &Place) -> Vec<PathBuf> {
    let canary = CANARY.as_bytes();
    let holds = |file: &PathBuf| fs::read(file).is_ok_and(|bytes| bytes.windows(canary.len()).any(|w| w == canary));
    files(&place.path("agent-state")).into_iter().filter(holds).collect()
}

/// Kills the agent and starts another one on the same directory, which has to say what is lost and hold nothing of it.
fn killed_and_started_anew<'a>(place: &'a Place, agent: Agent<'a>) -> Agent<'a> {
    killed(place, agent, true)
}

fn killed<'a>(place: &'a Place, agent: Agent<'a>, loses: bool) -> Agent<'a> {
    let (boot, address) = (agent.ready["boot"].as_str().unwrap().to_owned(), agent.address.clone());
    agent.kill();
    let to_the_dead = format!("status --key lab.key --manifest {SIGNED} --agent {address}");
    place.run(&to_the_dead).refused(6, "agent.unreachable");
    let anew = place.agent(SIGNED);
    assert_ne!(anew.ready["boot"], boot.as_str());
    let lost: Vec<&str> = lost(&anew.ready["lost"]);
    assert_eq!(lost, if loses { vec![boot.as_str()] } else { vec![] });
    only_the_log_is_left(place, &boot, anew.ready["boot"].as_str().unwrap());
    anew.run("result --key institute.key -o stolen.zip").refused(6, "result.not-ready");
    assert!(!place.path("stolen.zip").exists());
    anew
}

fn lost(boots: &Value) -> Vec<&str> {
    boots.as_array().unwrap().iter().map(|lost| lost["boot"].as_str().unwrap()).collect()
}

fn only_the_log_is_left(place: &Place, old: &str, new: &str) {
    assert!(with_canary(place).is_empty(), "{:?}", with_canary(place));
    let state = place.path("agent-state");
    let fresh = state.join("boot").join(new);
    let left: Vec<String> = files(&state)
        .iter()
        .filter(|file| !file.starts_with(&fresh))
        .map(|file| file.strip_prefix(&state).unwrap().to_string_lossy().into_owned())
        .collect();
    let log = |file: &str| format!("past/{old}/{file}");
    assert_eq!(left, ["lock".to_owned(), log("checkpoint"), log("entries.jsonl"), log("vkey")]);
    assert!(!state.join("boot").join(old).exists());
}

/// Everybody sends, the consumer takes its result to `out`, a stranger audits. Returns the log.
fn whole_run(place: &Place, agent: &mut Agent<'_>, data: &str, out: &str) -> Vec<Value> {
    agent.run(&format!("data {data} --key hospital.key")).ok();
    agent.run("algo train.py --key lab.key").ok();
    agent.until("Delivering");
    let taken = agent.run(&format!("result --key institute.key -o {out}"));
    assert!(!taken.ok().err.contains("goes on after"), "it began here: {}", taken.err);
    closed_log(place, agent)
}

/// The log of a run that is over or about to be, once a stranger has audited it.
fn closed_log(place: &Place, agent: &mut Agent<'_>) -> Vec<Value> {
    let log = agent.run("watch --key lab.key --json").ok().json_lines();
    agent.run("transcript -o run.transcript --key hospital.key").ok();
    place.run("audit run.transcript").ok();
    let opening = &log[0]["entry"];
    assert_eq!(opening["type"], "log.open", "{opening}");
    assert_eq!(opening["body"]["lost"], agent.ready["lost"], "the log says what its agent said");
    assert_eq!(count(&log, "result.released"), 1);
    assert_eq!(count(&log, "result.acked"), 1);
    log
}

fn count(log: &[Value], kind: &str) -> usize {
    log.iter().filter(|line| line["type"] == kind).count()
}

#[test]
fn an_agent_killed_before_anybody_came_starts_anew() {
    let place = scene(COPY, |draft| draft);
    let mut anew = killed_and_started_anew(&place, place.agent(SIGNED));
    whole_run(&place, &mut anew, "h1", "results.zip");
}

#[test]
fn an_agent_killed_waiting_for_the_algorithm_loses_the_dataset_and_says_so() {
    let place = scene(COPY, |draft| draft);
    let agent = place.agent(SIGNED);
    agent.run("data h1 --key hospital.key").ok();
    assert!(!with_canary(&place).is_empty(), "the scan would find what is there");
    let mut anew = killed_and_started_anew(&place, agent);
    let status = anew.run("status --key hospital.key --json").ok().json();
    assert!(status["assets"].as_array().unwrap().iter().all(|a| a["accepted"] == false && a["durable"] == 0));
    whole_run(&place, &mut anew, "h1", "results.zip");
}

#[test]
fn an_agent_killed_waiting_for_datasets_loses_the_algorithm_and_says_so() {
    let place = scene(COPY, |draft| draft);
    let mut agent = place.agent(SIGNED);
    agent.run("algo train.py --key lab.key").ok();
    agent.until("WaitingForDatasets");
    assert!(!with_canary(&place).is_empty(), "the scan would find what is there");
    let mut anew = killed_and_started_anew(&place, agent);
    whole_run(&place, &mut anew, "h1", "results.zip");
}

/// An upload that stands still in the middle, and the cable that it hangs on.
fn uploading(agent: &Agent<'_>) -> (Child, Cable) {
    let cable = cable(&agent.address, CARRIED);
    let mut command = agent.command("data large.bin --key hospital.key");
    command.env("PRISM_AGENT_URL", &cable.address).stdout(Stdio::null()).stderr(Stdio::piped());
    let client = command.spawn().unwrap();
    cable.full.recv_timeout(Duration::from_mins(2)).unwrap();
    (client, cable)
}

/// Kills a client that is still alive.
fn kill(mut client: Child) {
    client.kill().unwrap();
    assert_eq!(client.wait().unwrap().signal(), Some(9), "it was over before it was killed");
}

#[test]
fn an_agent_killed_in_the_middle_of_an_upload_has_its_client_say_that_all_is_lost() {
    let place = large_scene();
    let agent = place.agent(SIGNED);
    let (client, _cable) = uploading(&agent);
    let (address, boot) = (agent.address.clone(), agent.ready["boot"].as_str().unwrap().to_owned());
    agent.kill();
    assert!(!with_canary(&place).is_empty(), "the scan would find what is there");
    let mut anew = place.agent_at(&address, SIGNED);
    assert_eq!(lost(&anew.ready["lost"]), [boot.as_str()]);
    let output = client.wait_with_output().unwrap();
    let explained = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{explained}");
    assert!(explained.contains("error[state.refused]: ") && explained.contains("started anew"), "{explained}");
    only_the_log_is_left(&place, &boot, anew.ready["boot"].as_str().unwrap());
    let log = whole_run(&place, &mut anew, "large.bin", "results.zip");
    assert_eq!(count(&log, "asset.begin"), 2, "the algorithm and the dataset, from the start");
}

#[test]
fn an_uploader_that_was_killed_goes_on_where_the_agent_holds_its_bytes() {
    let place = large_scene();
    let mut agent = place.agent(SIGNED);
    let (client, cable) = uploading(&agent);
    kill(client);
    drop(cable.hold);
    let again = agent.run("data large.bin --key hospital.key");
    assert!(again.ok().err.contains("large.bin: goes on after "), "{}", again.err);
    agent.run("algo train.py --key lab.key").ok();
    agent.until("Delivering");
    agent.run("result --key institute.key -o results.zip").ok();
    let log = closed_log(&place, &mut agent);
    assert_eq!((count(&log, "asset.begin"), count(&log, "asset.accepted")), (2, 2));
}

/// Processes with this word among their arguments.
fn processes(word: &str) -> Vec<Pid> {
    let named = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    };
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    all.filter(named).filter_map(Pid::from_raw).collect()
}

#[test]
fn an_agent_killed_while_the_algorithm_runs_takes_it_along() {
    let word = format!("hold-{}", std::process::id());
    let logged = |draft: String| {
        let draft = draft.replace("file = \"train.py\"", &format!("file = \"train.py\"\nargs = [\"{word}\"]"));
        format!("{draft}[logs]\nstdout = [\"lab\"]\n")
    };
    let place = scene(HOLD, logged);
    let agent = place.agent(SIGNED);
    agent.run("data h1 --key hospital.key").ok();
    agent.run("algo train.py --key lab.key").ok();
    let mut logs = agent.command("logs --key lab.key").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(logs.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "running\n");
    kill(logs);
    let running = processes(&word);
    let ends: Vec<_> = running.iter().map(|pid| pidfd_open(*pid, PidfdFlags::empty()).unwrap()).collect();
    assert!(!ends.is_empty(), "the algorithm runs");
    assert!(!with_canary(&place).is_empty(), "the scan would find what is there");
    let anew = killed_and_started_anew(&place, agent);
    for end in &ends {
        let minute = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(end, PollFlags::IN)], Some(&minute)).unwrap(), 1, "the algorithm lives on");
    }
    assert_eq!(anew.run("status --key lab.key --json").ok().json()["state"], "WaitingForAlgorithm");
}

#[test]
fn an_agent_killed_with_a_result_that_nobody_took_loses_it() {
    let place = scene(COPY, |draft| draft);
    let mut agent = place.agent(SIGNED);
    agent.give();
    agent.until("Delivering");
    let mut anew = killed_and_started_anew(&place, agent);
    whole_run(&place, &mut anew, "h1", "results.zip");
}

/// A client that is killed as soon as a file whose name begins so is in the place, unless it has ended before.
fn killed_at(place: &Place, agent: &Agent<'_>, marker: &str) {
    result_killed_at(place, agent, RESULT, marker);
}

fn result_killed_at(place: &Place, agent: &Agent<'_>, result: &str, marker: &str) {
    let mut command = agent.command(result);
    let mut client = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !is_there(place, marker) && client.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    client.kill().unwrap();
    client.wait().unwrap();
}

fn is_there(place: &Place, marker: &str) -> bool {
    fs::read_dir(place.path(".")).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        let name = name.to_string_lossy();
        if marker == "results.zip" { name == marker } else { name.starts_with(marker) }
    })
}

/// The agent gives the key away, and its consumer cannot confirm: something else has taken the output's place.
pub(crate) fn released(place: &Place, agent: &Agent<'_>, result: &str) {
    result_killed_at(place, agent, result, "results.zip.identity");
    place.write("results.zip", "something else");
    agent.run(result).refused(2, "file.exists");
    assert!(is_there(place, "results.zip.header-"));
    let status = agent.run("status --key institute.key --json").ok().json();
    assert_eq!(
        (&status["results"][0]["released"], &status["results"][0]["acknowledged"]),
        (&true.into(), &false.into())
    );
    fs::remove_file(place.path("results.zip")).unwrap();
}

#[test]
fn an_agent_killed_after_the_release_loses_the_result_rather_than_release_it_twice() {
    let place = scene(COPY, |draft| draft);
    let mut agent = place.agent(SIGNED);
    agent.give();
    agent.until("Delivering");
    released(&place, &agent, RESULT);
    agent.run("result --key institute.key -o another.zip").refused(3, "result.released");
    let mut anew = killed_and_started_anew(&place, agent);
    anew.run("result --key institute.key -o results.zip").refused(6, "result.not-ready");
    whole_run(&place, &mut anew, "h1", "results.zip");
}

#[test]
fn an_agent_killed_with_one_of_two_results_confirmed_releases_neither_again() {
    let both =
        |draft: String| draft.replace("consumers = [\"institute\"]", "consumers = [\"hospital\", \"institute\"]");
    let place = scene(COPY, both);
    let mut agent = place.agent(SIGNED);
    agent.give();
    agent.until("Delivering");
    agent.run("result --key institute.key -o results.zip").ok();
    agent.run("result --key institute.key -o again.zip").refused(5, "result.gone");
    let anew = killed_and_started_anew(&place, agent);
    anew.run("result --key hospital.key -o again.zip").refused(6, "result.not-ready");
}

#[test]
fn an_agent_killed_after_its_log_was_closed_loses_nothing() {
    let place = scene(COPY, |draft| draft);
    let mut agent = place.agent(SIGNED);
    whole_run(&place, &mut agent, "h1", "results.zip");
    killed(&place, agent, false);
}

#[test]
fn a_consumer_killed_at_any_point_still_gets_its_result_once() {
    let place = scene(COPY, |draft| draft);
    let mut agent = place.agent(SIGNED);
    agent.give();
    agent.until("Delivering");
    for marker in ["results.zip.identity", "results.zip.payload-", "results.zip.header-", "results.zip"] {
        if !is_there(&place, marker) {
            killed_at(&place, &agent, marker);
        }
    }
    let last = agent.run("result --key institute.key -o results.zip");
    if last.code != 0 {
        // The confirmation had arrived, and all that was to be done after it was done.
        last.refused(5, "result.gone");
    }
    let archive = place.read("results.zip");
    assert!(archive.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    agent.run("result --key institute.key -o again.zip").refused(5, "result.gone");
    assert!(!place.path("again.zip").exists());
    closed_log(&place, &mut agent);
}

#[test]
fn a_watcher_that_was_killed_sees_everything_from_the_start() {
    let place = scene(COPY, |draft| draft);
    let mut agent = place.agent(SIGNED);
    let mut watch = agent.command("watch --key hospital.key --json").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut first).unwrap();
    kill(watch);
    whole_run(&place, &mut agent, "h1", "results.zip");
    let again = agent.run("watch --key hospital.key --json");
    assert_eq!(again.ok().out.lines().next(), Some(first.trim_end()));
}

#[test]
fn people_read_what_is_lost_and_what_to_do() {
    let place = scene(COPY, |draft| draft);
    let agent = place.agent(SIGNED);
    let boot = agent.ready["boot"].as_str().unwrap().to_owned();
    agent.kill();
    let serve =
        format!("agent serve --manifest {SIGNED} --listen 127.0.0.1:0 --platform simulated --state agent-state");
    let mut command = place.command(&serve.split(' ').collect::<Vec<_>>());
    let mut anew = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(anew.stdout.take().unwrap()).lines().map(Result::unwrap);
    let until_state: Vec<String> = lines.take_while(|line| !line.starts_with("state: ")).collect();
    kill(anew);
    let said = until_state.join("\n");
    assert!(said.contains(&format!("LOST: boot {boot} ended without closing its log")), "{said}");
    assert!(said.contains("every provider has to send again"), "{said}");
}
