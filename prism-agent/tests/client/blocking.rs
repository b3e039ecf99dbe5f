//! The verbs without `async`.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use prism_agent::client::blocking::{Client, Interrupt, Session};
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};

use crate::common::Computation;
use crate::common::computation::now;
use crate::people::{code, key, options, source};

fn join(address: &str, computation: &Computation, who: &str, interrupt: Interrupt) -> Session {
    let connecting =
        Client::connect(address, &computation.signed, options(computation.dir.path(), who), interrupt).unwrap();
    connecting.attest(now()).unwrap().authenticate(key(computation, who)).unwrap()
}

#[test]
fn a_thread_without_any_runtime_can_do_everything() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let computation = Computation::new();
    let agent = runtime.block_on(computation.start());
    let address = agent.local_addr().to_string();
    let session = join(&address, &computation, "hospital-1", Interrupt::never());
    let (here, mut told) = (thread::current().id(), 0);
    let receipt = session.upload("h1", source(&computation, "h1"), None, &mut |_| {
        assert_eq!(thread::current().id(), here);
        told += 1;
    });
    assert!(matches!(receipt.unwrap().entry().event, Event::AssetAccepted(_)));
    assert!(told > 1);
    assert_eq!(session.status().unwrap().state, "WaitingForAlgorithm");
    session.checkpoint().unwrap();
    let watch = session.watch(0);
    join(&address, &computation, "lab", Interrupt::never()).stop().unwrap();
    let kinds: Vec<_> = watch.map(|observed| observed.unwrap().entry.event.kind()).collect();
    assert_eq!(kinds.last(), Some(&"log.close"));
    runtime.block_on(agent.shutdown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_of_somebody_elses_runtime_can_as_well() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let session = join(&agent.local_addr().to_string(), &computation, "hospital-1", Interrupt::never());
    session.upload("h1", source(&computation, "h1"), None, &mut |_| {}).unwrap();
    drop(session);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_waiting_and_the_same_watch_goes_on_later() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let address = agent.local_addr().to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let interrupt =
        Interrupt::when(
            move || {
                if asked.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
    let session = join(&address, &computation, "hospital-1", interrupt);
    let size = session.status().unwrap().log_size;
    let mut watch = session.watch(size);
    stop.store(true, Ordering::Relaxed);
    assert_eq!(code(watch.next().unwrap()), Code::Cancelled);
    stop.store(false, Ordering::Relaxed);
    session.upload("h1", source(&computation, "h1"), None, &mut |_| {}).unwrap();
    assert_eq!(watch.next().unwrap().unwrap().entry.seq, size);
    drop((watch, session));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_is_interrupted_and_the_session_goes_on() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let session = join(&agent.local_addr().to_string(), &computation, "hospital-1", Interrupt::never());
    let impatient = session.interrupted_by(Interrupt::when(|| ControlFlow::Break(())));
    let refused = impatient.watch(0).find_map(Result::err).unwrap();
    assert_eq!(refused.code(), Code::Cancelled);
    session.status().unwrap();
    drop(session);
    agent.shutdown().await;
}
