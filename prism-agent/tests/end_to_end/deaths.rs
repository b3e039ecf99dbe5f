//! `kill -9` of the agent and of each client at every state: nothing is released twice, nothing accepted is misreported,
//! what is lost is said, and the rest goes on.

use prism_agent::client::{ResultOptions, ResultStep};
use prism_core::audit::entry::{Event, LogOpenBody};
use prism_core::code::Code;
use prism_core::digest::Digest;

use crate::common::Computation;
use crate::people::{code, join, source};
use crate::processes::{AgentProcess, die_taking, die_uploading, lay_out};
use crate::scene::{ASSETS, TRAIN, computation, give, until, whole_log};
use crate::tests;

tests!["deaths":
    an_agent_that_dies_while_it_waits_says_what_is_lost_and_takes_everything_anew,
    an_agent_that_dies_while_the_algorithm_runs_runs_it_again_from_the_start,
    an_agent_that_dies_with_a_released_result_loses_it_rather_than_release_it_twice,
    an_uploader_that_dies_goes_on_where_the_agent_holds_its_bytes,
    an_uploader_that_dies_over_and_over_loses_only_what_was_on_its_way,
    an_agent_that_dies_over_and_over_in_the_middle_of_an_upload_loses_it_and_says_so,
    a_consumer_that_dies_at_any_step_still_gets_its_result_once,
];

async fn opening(address: &str, computation: &Computation) -> LogOpenBody {
    let mut watch = join(address, computation, "lab").await.watch(0);
    let Event::LogOpen(open) = watch.next().await.unwrap().unwrap().entry.event else { panic!("no opening") };
    open
}

async fn an_agent_that_dies_while_it_waits_says_what_is_lost_and_takes_everything_anew() {
    let computation = computation(TRAIN);
    let agent = AgentProcess::start(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let first_boot = hospital.status().await.unwrap().boot;
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    agent.kill();
    assert_eq!(code(hospital.status().await), Code::AgentUnreachable);

    let anew = AgentProcess::start(&computation);
    let lost = opening(&anew.address, &computation).await.lost;
    assert_eq!(lost.iter().map(|boot| &boot.boot).collect::<Vec<_>>(), [&first_boot]);
    let hospital = join(&anew.address, &computation, "hospital-1").await;
    assert!(hospital.status().await.unwrap().assets.iter().all(|asset| !asset.accepted && asset.durable == 0));
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
}

async fn an_agent_that_dies_while_the_algorithm_runs_runs_it_again_from_the_start() {
    let computation = computation("import time\ntime.sleep(600)\n");
    let agent = AgentProcess::start(&computation);
    give(&agent.address, &computation, &ASSETS).await;
    until(&mut join(&agent.address, &computation, "lab").await.watch(0), "run.start").await;
    agent.kill();
    let anew = AgentProcess::start(&computation);
    assert_eq!(opening(&anew.address, &computation).await.lost.len(), 1);
    let lab = join(&anew.address, &computation, "lab").await;
    assert_eq!(lab.status().await.unwrap().state, "WaitingForAlgorithm");
    give(&anew.address, &computation, &ASSETS).await;
    until(&mut lab.watch(0), "run.start").await;
    lab.stop().await.unwrap();
}

async fn an_agent_that_dies_with_a_released_result_loses_it_rather_than_release_it_twice() {
    let computation = computation(TRAIN);
    lay_out(&computation);
    let out = computation.dir.path().join("results.zip");
    let agent = AgentProcess::start(&computation);
    give(&agent.address, &computation, &ASSETS).await;
    until(&mut join(&agent.address, &computation, "lab").await.watch(0), "result.sealed").await;
    die_taking(&computation, &agent.address, &out, ResultStep::Released);
    agent.kill();

    let anew = AgentProcess::start(&computation);
    let institute = join(&anew.address, &computation, "institute").await;
    assert_eq!(code(institute.result(&out, ResultOptions::default(), |_| {}).await), Code::ResultNotReady);
    give(&anew.address, &computation, &ASSETS).await;
    until(&mut institute.watch(0), "result.sealed").await;
    institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap();
    let log = whole_log(&institute).await;
    let count = |kind: &str| log.iter().filter(|event| event.kind() == kind).count();
    assert_eq!((count("result.released"), count("result.acked")), (1, 1));
}

async fn an_uploader_that_dies_goes_on_where_the_agent_holds_its_bytes() {
    let large: Vec<u8> = (0..=250).cycle().take(8 << 20).collect();
    let computation = Computation::with(|manifest, assets| {
        manifest.datasets[0].digest = Digest::sha256(&large);
        manifest.datasets[0].size = large.len() as u64;
        assets.insert("h1", large.clone());
    });
    lay_out(&computation);
    let agent = AgentProcess::start(&computation);
    die_uploading(&computation, &agent.address, ("hospital-1", "h1"), 5 << 20);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let mut first = None;
    let receipt = hospital
        .upload("h1", source(&computation, "h1"), None, |progress| {
            if progress.sent > 0 {
                first.get_or_insert(progress.sent);
            }
        })
        .await
        .unwrap();
    assert!(matches!(receipt.entry().event, Event::AssetAccepted(_)));
    assert!(first.is_some_and(|sent| sent > 1 << 20), "{first:?}");
    let log = hospital.status().await.unwrap();
    assert!(log.assets.iter().any(|asset| asset.name == "h1" && asset.accepted));
}

/// How often somebody dies in a row: a few times, or as often as `PRISM_TEST_DEATHS` says.
fn deaths() -> u64 {
    std::env::var("PRISM_TEST_DEATHS").map_or(6, |deaths| deaths.parse().unwrap())
}

fn dataset(size: u64) -> Computation {
    let large: Vec<u8> = (0..=250).cycle().take(usize::try_from(size).unwrap()).collect();
    Computation::with(|manifest, assets| {
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (Digest::sha256(&large), size);
        assets.insert("h1", large.clone());
    })
}

async fn an_uploader_that_dies_over_and_over_loses_only_what_was_on_its_way() {
    let size = deaths() << 20;
    let computation = dataset(size);
    lay_out(&computation);
    let agent = AgentProcess::start(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let durable = async || hospital.status().await.unwrap().assets.iter().find(|a| a.name == "h1").unwrap().durable;
    for death in 0..deaths() {
        let before = durable().await;
        // A bit further each time than what is there already, except for the last ones.
        let at = (before + (1 << 19)).max(death << 19).min(size);
        die_uploading(&computation, &agent.address, ("hospital-1", "h1"), at);
        let after = durable().await;
        assert!(after >= before, "what is durable stays so");
        assert!(at.saturating_sub(after) <= 8 << 20, "{after} bytes of {at} were left");
    }
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert!(hospital.status().await.unwrap().assets.iter().any(|asset| asset.name == "h1" && asset.accepted));
}

async fn an_agent_that_dies_over_and_over_in_the_middle_of_an_upload_loses_it_and_says_so() {
    let size = 8 << 20;
    let computation = dataset(size);
    let mut agent = AgentProcess::start(&computation);
    for death in 0..deaths() {
        let hospital = join(&agent.address, &computation, "hospital-1").await;
        let boot = hospital.status().await.unwrap().boot;
        let (at, mut dying) = (size * death / deaths(), Some(agent));
        let upload = hospital.upload("h1", source(&computation, "h1"), None, |progress| {
            if progress.sent > at
                && let Some(agent) = dying.take()
            {
                agent.kill();
            }
        });
        assert_eq!(code(upload.await), Code::AgentUnreachable);
        agent = AgentProcess::start(&computation);
        assert!(opening(&agent.address, &computation).await.lost.iter().any(|lost| lost.boot == boot));
        let anew = join(&agent.address, &computation, "hospital-1").await.status().await.unwrap();
        assert!(anew.assets.iter().all(|asset| asset.durable == 0 && !asset.accepted));
    }
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
}

async fn a_consumer_that_dies_at_any_step_still_gets_its_result_once() {
    let steps = [
        ResultStep::Identity,
        ResultStep::Received,
        ResultStep::Released,
        ResultStep::Opened,
        ResultStep::Acknowledged,
    ];
    let computation = computation(TRAIN);
    lay_out(&computation);
    let agent = AgentProcess::start(&computation);
    give(&agent.address, &computation, &ASSETS).await;
    let institute = join(&agent.address, &computation, "institute").await;
    until(&mut institute.watch(0), "result.sealed").await;
    let out = computation.dir.path().join("results.zip");
    for step in steps {
        die_taking(&computation, &agent.address, &out, step);
    }
    let delivered = institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap();
    assert_eq!(Digest::sha256(&std::fs::read(&out).unwrap()), delivered.digest);
    let again = institute.result(&computation.dir.path().join("again"), ResultOptions::default(), |_| {}).await;
    assert_eq!(code(again), Code::ResultGone);
    let log = whole_log(&institute).await;
    let count = |kind: &str| log.iter().filter(|event| event.kind() == kind).count();
    assert_eq!((count("result.released"), count("result.acked")), (1, 1));
    drop(agent);
}
