//! What a client tells while it tries again by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use prism_agent::client::{Client, Listener, Notice, Session};
use prism_core::code::Code;

use crate::cable::Cable;
use crate::common::Computation;
use crate::common::computation::now;
use crate::people::{code, key, options, source};
use crate::upload::large;

type Heard = Arc<Mutex<Vec<Notice>>>;

async fn join(address: &str, computation: &Computation, who: &str) -> (Session, Heard) {
    let heard = Heard::default();
    let hear = Arc::clone(&heard);
    let mut options = options(computation.dir.path(), who);
    options.listener = Listener::new(move |notice| hear.lock().unwrap().push(notice));
    let connecting = Client::connect(address, &computation.signed, options).await.unwrap();
    let session = connecting.attest(now()).await.unwrap().authenticate(key(computation, who)).await.unwrap();
    (session, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_had_again_is_told() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), [5 << 20]).await;
    let (session, heard) = join(&cable.address.to_string(), &computation, "hospital-1").await;
    assert!(heard.lock().unwrap().is_empty());
    session.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    let heard = heard.lock().unwrap().clone();
    let Some(Notice::Retrying { reason, attempt: 1, attempts: 4, pause: Duration::ZERO }) = heard.first() else {
        panic!("{heard:?}");
    };
    assert!(!reason.is_empty());
    assert_eq!(heard.last(), Some(&Notice::Recovered));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_at_a_dead_agent_is_told_and_that_none_is_left() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let (session, heard) = join(&agent.local_addr().to_string(), &computation, "lab").await;
    agent.shutdown().await;
    assert_eq!(code(session.status().await), Code::AgentUnreachable);
    let heard = heard.lock().unwrap().clone();
    let attempts = heard.iter().filter_map(|notice| match notice {
        Notice::Retrying { attempt, .. } => Some(*attempt),
        _ => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(matches!(heard.last(), Some(Notice::GaveUp { .. })), "{heard:?}");
}
