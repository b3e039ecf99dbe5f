//! Watching, stopping and asking.

use prism_core::audit::entry::Event;
use prism_core::code::Code;
use prism_core::lifecycle::Phase;

use crate::cable::Cable;
use crate::common::Computation;
use crate::people::{code, join, source};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_is_seen_proven_until_it_is_closed() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let hospital = join(agent.local_addr(), &computation, "hospital-1").await;
    let watching = {
        let mut watch = hospital.watch(0);
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(observed) = watch.next().await {
                seen.push(observed.unwrap());
            }
            seen
        })
    };
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    let lab = join(agent.local_addr(), &computation, "lab").await;
    let receipt = lab.stop().await.unwrap();
    assert!(matches!(receipt.entry().event, Event::Stop(_)));
    let seen = watching.await.unwrap();
    assert!(seen.iter().enumerate().all(|(i, observed)| observed.entry.seq == i as u64));
    let kinds: Vec<&str> = seen.iter().map(|observed| observed.entry.event.kind()).collect();
    for kind in ["log.open", "manifest.accepted", "auth.ok", "asset.accepted", "stop", "log.close"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert_eq!(seen.last().map(|observed| observed.phase), Some(Phase::Closed));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_from_the_middle_begins_there_and_survives_a_broken_connection() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), [30_000]).await;
    let hospital = join(cable.address, &computation, "hospital-1").await;
    let mut watch = hospital.watch(3);
    assert_eq!(watch.next().await.unwrap().unwrap().entry.seq, 3);
    // The upload breaks the cable under the watch.
    let other = join(agent.local_addr(), &computation, "hospital-2").await;
    other.upload("h2", source(&computation, "h2"), None, |_| {}).await.unwrap();
    for _ in 0..20 {
        hospital.checkpoint().await.unwrap();
        if cable.connections() > 1 {
            break;
        }
    }
    join(agent.local_addr(), &computation, "lab").await.stop().await.unwrap();
    let mut last = 3;
    while let Some(observed) = watch.next().await {
        last += 1;
        assert_eq!(observed.unwrap().entry.seq, last);
    }
    assert_eq!(watch.phase(), Phase::Closed);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_names_every_asset_and_how_much_of_it_is_there() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let hospital = join(agent.local_addr(), &computation, "hospital-1").await;
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    let status = hospital.status().await.unwrap();
    assert_eq!(status.boot, hex::encode(agent.boot_id()));
    assert_eq!((status.platform.as_str(), status.state.as_str()), ("simulated", "WaitingForAlgorithm"));
    let there: Vec<_> = status.assets.iter().filter(|a| a.accepted).map(|a| (a.name.as_str(), a.durable)).collect();
    assert_eq!(there, [("h1", 3000)]);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_stop_or_read_the_output_is_refused_by_its_role() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let institute = join(agent.local_addr(), &computation, "institute").await;
    assert_eq!(code(institute.stop().await), Code::RoleRefused);
    assert_eq!(code(institute.logs().next().await.unwrap()), Code::RoleRefused);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_one_new_file() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let hospital = join(agent.local_addr(), &computation, "hospital-1").await;
    let out = computation.dir.path().join("run.transcript");
    let size = hospital.transcript(&out).await.unwrap();
    let bytes = std::fs::read(&out).unwrap();
    assert_eq!(size, bytes.len() as u64);
    let transcript = prism_core::transcript::Transcript::read(&bytes).unwrap();
    assert_eq!(transcript.manifest.0, computation.signed.to_bytes());
    assert_eq!(code(hospital.transcript(&out).await), Code::FileExists);
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
    agent.shutdown().await;
}
