//! Giving assets: the right ones only, over any line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prism_agent::client::{Progress, SessionError, UploadError};
use prism_agent::files::Source;
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::lifecycle::Phase;
use prism_core::manifest::Dataset;
use tokio::sync::Notify;

use crate::cable::Cable;
use crate::common::Computation;
use crate::common::computation::name;
use crate::people::{code, join, source};

/// Large enough for many frames, small enough for a test.
pub(crate) const LARGE: usize = 12 << 20;

pub(crate) fn large() -> Computation {
    Computation::with(|manifest, assets| {
        let bytes: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
        let dataset = manifest.datasets.iter_mut().find(|d| d.name.as_str() == "h1").unwrap();
        (dataset.digest, dataset.size) = (Digest::sha256(&bytes), LARGE as u64);
        assets.insert("h1", bytes);
    })
}

/// Keeps what a call says of its progress.
pub(crate) fn record(into: &mut Vec<Progress>) -> impl FnMut(Progress) + Send + '_ {
    |progress| into.push(progress)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_gets_a_receipt_in_whatever_order_they_come() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for (who, asset) in [("hospital-2", "h2"), ("hospital-1", "h1")] {
        let session = join(agent.local_addr(), &computation, who).await;
        let receipt = session.upload(asset, source(&computation, asset), None, |_| {}).await.unwrap();
        let Event::AssetAccepted(body) = &receipt.entry().event else { panic!("{receipt:?}") };
        assert_eq!(body.digest, Digest::sha256(&computation.assets[asset]));
        assert_eq!(agent.phase(), Phase::WaitingForAlgorithm);
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_was_accepted_gives_its_receipt_again_and_nothing_is_sent() {
    let computation = large();
    let agent = computation.start().await;
    let first = join(agent.local_addr(), &computation, "hospital-1").await;
    let receipt = first.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    let cable = Cable::to(agent.local_addr(), []).await;
    let again = join(cable.address, &computation, "hospital-1").await;
    let repeated = again.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert_eq!(repeated.entry(), receipt.entry());
    assert!(cable.carried() < 100_000, "{}", cable.carried());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_never_leaves() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), []).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let mut wrong = computation.assets["h1"].clone();
    wrong[LARGE - 1] ^= 1;
    for bytes in [wrong, computation.assets["h1"][1..].to_vec(), Vec::new()] {
        let size = bytes.len() as u64;
        let error = session.upload("h1", Source::from_bytes(bytes), None, |_| {}).await.unwrap_err();
        assert!(matches!(&error, UploadError::Differs { found, .. } if found.size == size), "{error}");
        assert_eq!(error.code(), Code::AssetMismatch);
    }
    assert!(cable.carried() < 100_000, "{}", cable.carried());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_of_another_provider_or_of_nobody_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let session = join(agent.local_addr(), &computation, "hospital-2").await;
    assert_eq!(code(session.upload("h1", source(&computation, "h1"), None, |_| {}).await), Code::AssetWrongProvider);
    assert_eq!(code(session.upload("h9", source(&computation, "h2"), None, |_| {}).await), Code::AssetUnknown);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salted_asset_needs_its_salt_and_others_must_not_have_one() {
    let salt = || Salt::from_bytes([9; 32]);
    let computation = Computation::with(|manifest, assets| {
        let mut hasher = Hasher::salted(&salt());
        hasher.update(&assets["h1"]);
        let dataset: &mut Dataset = manifest.datasets.iter_mut().find(|d| d.name == name("h1")).unwrap();
        dataset.digest = hasher.finish();
    });
    let agent = computation.start().await;
    let session = join(agent.local_addr(), &computation, "hospital-1").await;
    assert_eq!(code(session.upload("h1", source(&computation, "h1"), None, |_| {}).await), Code::Usage);
    let wrong = Salt::from_bytes([8; 32]);
    let refused = session.upload("h1", source(&computation, "h1"), Some(wrong), |_| {}).await;
    assert_eq!(code(refused), Code::AssetMismatch);
    session.upload("h1", source(&computation, "h1"), Some(salt()), |_| {}).await.unwrap();
    let other = join(agent.local_addr(), &computation, "hospital-2").await;
    assert_eq!(code(other.upload("h2", source(&computation, "h2"), Some(salt()), |_| {}).await), Code::Usage);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_resumes_and_nothing_durable_is_sent_again() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), [5 << 20, 4 << 20]).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let mut told = Vec::new();
    session.upload("h1", source(&computation, "h1"), None, record(&mut told)).await.unwrap();
    assert_eq!(cable.connections(), 3);
    let resumed: Vec<u64> = told.windows(2).filter(|w| w[1].sent < w[0].sent).map(|w| w[1].sent).collect();
    assert_eq!(resumed.len(), 2, "{resumed:?}");
    assert!(resumed[0] > 3 << 20 && resumed[1] > 6 << 20, "{resumed:?}");
    assert!(told.windows(2).all(|w| w[0].durable <= w[1].durable && w[1].sent >= w[1].durable));
    assert_eq!(told.last().map(|p| (p.durable, p.total)), Some((LARGE as u64, LARGE as u64)));
    // Five and four MiB crossed before the breaks; hence at most twelve and what waited in buffers, not twenty-one.
    assert!(cable.carried() < 15 << 20, "{}", cable.carried());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_never_holds_is_given_up_after_the_attempts_that_bring_nothing() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), [20_000].into_iter().chain([500; 20])).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let error = session.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
    assert!(matches!(error.code(), Code::ConnectionLost | Code::AgentUnreachable), "{error} {}", error.code());
    assert_eq!(cable.connections(), 1 + 4);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_upload_goes_on_where_it_was() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), []).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let (far, sent) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
    let (reached, count) = (Arc::clone(&far), Arc::clone(&sent));
    let upload = session.upload("h1", source(&computation, "h1"), None, move |progress| {
        count.store(progress.sent, Ordering::Relaxed);
        if progress.sent > 4 << 20 {
            reached.notify_one();
        }
    });
    tokio::select! {
        done = upload => panic!("too fast to be cancelled: {done:?}"),
        () = far.notified() => {}
    }
    let mut told = Vec::new();
    session.upload("h1", source(&computation, "h1"), None, record(&mut told)).await.unwrap();
    assert_eq!(told.last().map(|p| p.durable), Some(LARGE as u64));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_started_anew_in_between_is_said_plainly() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), [1 << 20]).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let first_boot = hex::encode(agent.boot_id());
    agent.shutdown().await;
    let anew = computation.start().await;
    cable.lead_to(anew.local_addr());
    let error = session.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
    let UploadError::Session(SessionError::OtherBoot { expected, found }) = &error else { panic!("{error:?}") };
    assert_eq!((expected, found), (&first_boot, &hex::encode(anew.boot_id())));
    anew.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_sends_two_assets_at_once() {
    let computation = Computation::with(|manifest, _| {
        manifest.datasets.iter_mut().for_each(|dataset| dataset.provider = name("hospital-1"));
        manifest.auditors.push(name("hospital-2"));
    });
    let agent = computation.start().await;
    let session = join(agent.local_addr(), &computation, "hospital-1").await;
    let (one, other) = tokio::join!(
        session.upload("h1", source(&computation, "h1"), None, |_| {}),
        session.upload("h2", source(&computation, "h2"), None, |_| {}),
    );
    assert_ne!(one.unwrap().proof().index(), other.unwrap().proof().index());
    agent.shutdown().await;
}
