//! Computations that end otherwise.

use prism_agent::client::{ResultError, ResultOptions};
use prism_core::audit::entry::{Event, Outcome, RunEnd};
use prism_core::code::{Code, Coded};

use crate::people::join;
use crate::scene::{ASSETS, computation, give, until, whole_log};
use crate::tests;

tests!["endings": an_algorithm_that_fails_leaves_its_status_and_no_result, a_run_that_is_stopped_ends_at_once_and_leaves_no_result];

async fn an_algorithm_that_fails_leaves_its_status_and_no_result() {
    let computation = computation("import sys\nsys.exit(3)\n");
    let agent = computation.start().await;
    let address = agent.local_addr().to_string();
    give(&address, &computation, &ASSETS).await;
    let institute = join(&address, &computation, "institute").await;
    let mut watch = institute.watch(0);
    let Event::RunExit(exit) = until(&mut watch, "run.exit").await.entry.event else { panic!("no exit") };
    assert_eq!((exit.end, exit.status), (RunEnd::Exited, 3));
    until(&mut watch, "log.close").await;
    let out = computation.dir.path().join("results.zip");
    let error = institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap_err();
    assert!(matches!(error, ResultError::NoResult { outcome: Outcome::Failed }), "{error:?}");
    assert_eq!(error.code(), Code::RunFailed);
    agent.shutdown().await;
}

async fn a_run_that_is_stopped_ends_at_once_and_leaves_no_result() {
    let computation = computation("import time\ntime.sleep(600)\n");
    let agent = computation.start().await;
    let address = agent.local_addr().to_string();
    give(&address, &computation, &ASSETS).await;
    let hospital = join(&address, &computation, "hospital-1").await;
    until(&mut hospital.watch(0), "run.start").await;
    hospital.stop().await.unwrap();
    let kinds: Vec<_> = whole_log(&hospital).await.iter().map(Event::kind).collect();
    assert_eq!(kinds.last(), Some(&"log.close"));
    assert!(!kinds.contains(&"result.sealed"), "{kinds:?}");
    let institute = join(&address, &computation, "institute").await;
    let out = computation.dir.path().join("results.zip");
    let error = institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap_err();
    assert_eq!(error.code(), Code::RunStopped, "{error}");
    agent.shutdown().await;
}
