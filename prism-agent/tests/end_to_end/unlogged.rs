//! Endings that the log's disk does not take: everything ends all the same, and the log is told once it can be.

use prism_agent::client::Session;
use prism_core::audit::entry::{Event, Outcome};
use prism_core::code::Code;

use crate::faults::{entries, fill_log};
use crate::people::{code, join};
use crate::processes::AgentProcess;
use crate::scene::{ASSETS, computation, give, until, whole_log};
use crate::tests;

tests!["unlogged":
    a_stop_that_cannot_be_logged_ends_everything_and_is_logged_once_it_can_be,
    a_run_whose_end_cannot_be_logged_leaves_nothing_and_fails_once_it_can_be_logged,
];

/// Waits until nothing of the computation is on the disk any more.
async fn until_gone(agent: &AgentProcess) {
    for part in ["partial", "assets", "run", "results"] {
        while agent.boot().join(part).exists() {
            tokio::task::yield_now().await;
        }
    }
}

async fn a_stop_that_cannot_be_logged_ends_everything_and_is_logged_once_it_can_be() {
    let computation = computation("import time\ntime.sleep(600)\n");
    let agent = AgentProcess::start_limited(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    give(&agent.address, &computation, &ASSETS).await;
    until(&mut hospital.watch(0), "run.start").await;
    let log = fill_log(&agent);
    assert_eq!(code(hospital.stop().await), Code::AgentFull);
    until_gone(&agent).await;
    assert_eq!(entries(&agent), log);
    agent.limit_files(None);
    let events = whole_log(&hospital).await;
    let [.., Event::RunStart(_), Event::Stop(_), Event::LogClose(close)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(close.outcome, Outcome::Stopped);
}

/// Uploads the last asset when the log has room for its acceptance and for the run's start, but not for its end.
async fn bring_the_last(agent: &AgentProcess, hospital: &Session, (earlier, last): (&str, &str), asset: Vec<u8>) {
    let log = String::from_utf8(entries(agent)).unwrap();
    let alike = |line: &&str| line.contains("\"type\":\"asset.") && line.contains(earlier);
    // The same again, a number of one digit more each, and a start: less than half of what an end takes.
    let bytes: usize = log.lines().filter(alike).map(|line| line.len() + 2).sum();
    agent.limit_files(Some((log.len() + bytes + 150) as u64));
    hospital.upload(last, prism_agent::files::Source::from_bytes(asset), None, |_| {}).await.unwrap();
}

async fn a_run_whose_end_cannot_be_logged_leaves_nothing_and_fails_once_it_can_be_logged() {
    let computation = computation("print('done')\n");
    let agent = AgentProcess::start_limited(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let (last, others): (Vec<_>, Vec<_>) = ASSETS.iter().copied().partition(|(who, _)| *who == "hospital-1");
    assert_eq!(last, [("hospital-1", "h1")]);
    give(&agent.address, &computation, &others).await;
    bring_the_last(&agent, &hospital, ("h2", "h1"), computation.assets["h1"].clone()).await;
    until_gone(&agent).await;
    let log = String::from_utf8(entries(&agent)).unwrap();
    assert!(log.lines().last().unwrap().contains("\"type\":\"run.start\""), "{log}");
    agent.limit_files(None);
    let events = whole_log(&hospital).await;
    let [.., Event::RunStart(_), Event::Error(error), Event::LogClose(_)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(error.code, "agent.full");
}
