//! Runs that do not end well.

use prism_core::audit::entry::{Entry, Event, Outcome, RunEnd, RunExitBody};
use prism_core::digest::Digest;
use prism_core::envelope::PayloadType;
use prism_core::statement::StopBody;

use crate::common::peer::sign;
use crate::common::{Computation, Peer, wire};
use crate::scene::{bring_everything, computation, computation_with, start, until_state, watch_until};

crate::tests![
    an_algorithm_that_fails_ends_the_computation_and_its_readers_see_why,
    a_run_beyond_its_time_ends_the_computation,
    a_run_is_stopped_with_everything_it_started,
    a_result_beyond_its_size_is_not_delivered,
    a_result_whose_archive_is_beyond_its_size_reached_that_limit,
    a_dataset_that_is_no_archive_is_not_unpacked,
    what_the_algorithm_prints_is_read_while_it_runs,
    a_reader_of_figures_reads_nothing_else_wherever_it_begins,
    what_the_algorithm_prints_is_kept_for_its_readers_only_and_not_for_ever,
];

async fn run_to_its_end(computation: &Computation) -> (Vec<Event>, Option<Outcome>) {
    let agent = start(computation).await;
    let mut peer = Peer::join(&agent, computation, "lab").await;
    bring_everything(&agent, computation).await;
    let outcome = agent.wait_closed().await;
    let events = events(&mut peer).await;
    agent.shutdown().await;
    (events, outcome)
}

/// The whole log of a computation that is over.
pub(crate) async fn events(peer: &mut Peer) -> Vec<Event> {
    let mut watch = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(response) = watch.message().await.unwrap() {
        events.push(Entry::read(&response.entry).unwrap().event);
    }
    events
}

pub(crate) fn end(events: &[Event]) -> (RunEnd, i32) {
    let body = exit(events);
    (body.end, body.status)
}

fn exit(events: &[Event]) -> &RunExitBody {
    let exit = events.iter().find_map(|event| match event {
        Event::RunExit(body) => Some(&**body),
        _ => None,
    });
    exit.expect("the run's exit is not in the log")
}

async fn an_algorithm_that_fails_ends_the_computation_and_its_readers_see_why() {
    let computation = computation_with("raise SystemExit('no convergence')", |manifest| {
        manifest.logs.stderr = vec!["lab".parse().unwrap()];
    });
    let agent = start(&computation).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    assert_eq!(agent.wait_closed().await, Some(Outcome::Failed));
    let mut logs = peer.client.logs(wire::LogsRequest::default()).await.unwrap().into_inner();
    let mut stderr = Vec::new();
    while let Some(response) = logs.message().await.unwrap() {
        if let Some(wire::logs_response::Output::Stderr(bytes)) = response.output {
            stderr.extend(bytes);
        }
    }
    assert_eq!(String::from_utf8(stderr).unwrap(), "no convergence\n");
    agent.shutdown().await;
}

async fn a_run_beyond_its_time_ends_the_computation() {
    let computation = computation_with("while True: pass", |manifest| manifest.algorithm.limits.wall_seconds = 1);
    let (events, outcome) = run_to_its_end(&computation).await;
    assert_eq!(outcome, Some(Outcome::Failed));
    assert_eq!(end(&events), (RunEnd::WallLimit, 0));
    let body = exit(&events);
    assert_eq!(body.code, None);
    let conditions = body.conditions.as_ref().unwrap();
    assert!(conditions.interpreter.starts_with("cpython 3."), "{}", conditions.interpreter);
    assert!((conditions.processors, conditions.kernel.is_empty()) == (1, false), "{conditions:?}");
}

async fn a_run_is_stopped_with_everything_it_started() {
    let computation = computation("import time; print('up', flush=True); time.sleep(600)");
    let agent = start(&computation).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    until_state(&mut peer, "Running").await;
    let mut logs = peer.client.logs(wire::LogsRequest::default()).await.unwrap().into_inner();
    assert!(logs.message().await.unwrap().is_some());
    let body = StopBody::new(&peer.context("lab")).to_json().unwrap();
    let envelope = sign(PayloadType::Stop, &body, &computation.keys["lab"]);
    peer.client.stop(wire::StopRequest { envelope }).await.unwrap();
    let states = watch_until(&mut peer, |response| response.state == "Closed").await;
    assert_eq!(states.last_chunk::<3>().unwrap(), &["Running", "Stopped", "Closed"]);
    assert_eq!(agent.wait_closed().await, Some(Outcome::Stopped));
    agent.shutdown().await;
}

async fn a_result_beyond_its_size_is_not_delivered() {
    let program = "open('results/big', 'wb').write(bytes(70_000))";
    let computation = computation_with(program, |manifest| manifest.results.max_bytes = 65_536);
    let (events, outcome) = run_to_its_end(&computation).await;
    assert_eq!(outcome, Some(Outcome::Failed));
    assert!(events.iter().any(|event| matches!(event, Event::Error(body) if body.code == "limit.reached")));
    assert!(!events.iter().any(|event| matches!(event, Event::ResultSealed(_))));
}

async fn a_result_whose_archive_is_beyond_its_size_reached_that_limit() {
    let program = "open('results/model', 'wb').write(bytes(9_950))";
    let computation = computation_with(program, |manifest| manifest.results.max_bytes = 10_000);
    let (events, outcome) = run_to_its_end(&computation).await;
    assert_eq!(outcome, Some(Outcome::Failed));
    let [.., Event::RunExit(_), Event::Error(error), Event::LogClose(_)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(error.code, "limit.reached");
}

async fn a_dataset_that_is_no_archive_is_not_unpacked() {
    let computation = computation_with("print()", |manifest| manifest.datasets[0].unpack = true);
    let (events, outcome) = run_to_its_end(&computation).await;
    assert_eq!(outcome, Some(Outcome::Failed));
    assert_eq!(end(&events), (RunEnd::PreparationFailed, 0));
    assert_eq!(exit(&events).code.as_deref(), Some("archive.unsafe"));
    assert_eq!(exit(&events).conditions, None);
}

async fn a_reader_of_figures_reads_nothing_else_wherever_it_begins() {
    let printed = "patient 17 metrics {\"age\": 54}\nmetrics {\"loss\": 1}\n";
    let computation = computation_with(&format!("print({printed:?}, end='')"), |manifest| {
        manifest.logs.stdout.clear();
        manifest.logs.metrics = vec!["institute".parse().unwrap()];
    });
    let agent = start(&computation).await;
    let mut peer = Peer::join(&agent, &computation, "institute").await;
    bring_everything(&agent, &computation).await;
    until_state(&mut peer, "Delivering").await;
    let second = printed.find("metrics {\"loss").unwrap();
    for offset in 0..=printed.len() + 1 {
        let request = wire::MetricsRequest { offset: offset as u64 };
        let mut figures = peer.client.metrics(request).await.unwrap().into_inner();
        let mut names = Vec::new();
        while let Some(response) = figures.message().await.unwrap() {
            names.extend(response.values.into_keys());
        }
        let expected: &[&str] = if offset <= second { &["loss"] } else { &[] };
        assert_eq!(names, expected, "from byte {offset}");
    }
    agent.shutdown().await;
}

async fn what_the_algorithm_prints_is_read_while_it_runs() {
    let program = "
import time
print('epoch 1', flush=True)
time.sleep(600)
";
    let computation = computation(program);
    assert_ne!(computation.signed.manifest().algorithm.digest, Digest::sha256(b""));
    let agent = start(&computation).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    let mut logs = peer.client.logs(wire::LogsRequest::default()).await.unwrap().into_inner();
    let mut line = Vec::new();
    while line.len() < b"epoch 1\n".len() {
        let output = logs.message().await.unwrap().unwrap().output;
        let Some(wire::logs_response::Output::Stdout(bytes)) = output else { break };
        line.extend_from_slice(&bytes);
    }
    assert_eq!(line, b"epoch 1\n", "in as many pieces as the pipe had it");
    agent.shutdown().await;
}

async fn what_the_algorithm_prints_is_kept_for_its_readers_only_and_not_for_ever() {
    let computation = computation("raise SystemExit('a name from the data')");
    let agent = start(&computation).await;
    let output = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id())).join("output");
    bring_everything(&agent, &computation).await;
    assert_eq!(agent.wait_closed().await, Some(Outcome::Failed));
    assert!(output.join("stdout").exists());
    assert!(!output.join("stderr").exists(), "nobody may read it");
    agent.shutdown().await;
    assert!(!output.exists());
}
