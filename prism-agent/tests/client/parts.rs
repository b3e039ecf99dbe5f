//! Giving assets over several connections, with pauses, in one pass, from elsewhere.

use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use prism_agent::client::{Progress, UploadControl, UploadError, UploadOptions};
use prism_agent::files::Source;
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use tokio::sync::Notify;

use crate::cable::Cable;
use crate::common::Computation;
use crate::people::{join, source};
use crate::upload::{LARGE, large, record};

/// Two parts of 64 MiB and a bit of a third.
const HUGE: usize = (129 << 20) + 5;

fn connections(count: usize) -> UploadOptions {
    UploadOptions::default().connections(NonZeroUsize::new(count).unwrap())
}

fn huge() -> Computation {
    Computation::with(|manifest, assets| {
        let bytes: Vec<u8> = (0..=250).cycle().take(HUGE).collect();
        let dataset = manifest.datasets.iter_mut().find(|d| d.name.as_str() == "h1").unwrap();
        (dataset.digest, dataset.size) = (Digest::sha256(&bytes), HUGE as u64);
        assets.insert("h1", bytes);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn several_connections_share_an_asset_and_each_may_break() {
    let computation = huge();
    let agent = computation.start().await;
    // The session's connection, the second one, and what takes the place of either.
    let cable = Cable::to(agent.local_addr(), [40 << 20, 9 << 20]).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let control = UploadControl::new();
    control.pause();
    let logged = session.status().await.unwrap().log_size;
    let mut told = Vec::new();
    let options = connections(2).control(control.clone());
    let upload = session.upload("h1", source(&computation, "h1"), options, record(&mut told));
    // Nobody begins before both are there.
    let begin = async {
        while session.status().await.unwrap().log_size < logged + 3 {}
        control.resume();
    };
    let (receipt, ()) = tokio::join!(upload, begin);
    let receipt = receipt.unwrap();
    let Event::AssetAccepted(body) = &receipt.entry().event else { panic!("{receipt:?}") };
    assert_eq!(body.size, HUGE as u64);
    assert_eq!(cable.connections(), 4);
    assert!(cable.carried() < (HUGE + (16 << 20)) as u64, "{}", cable.carried());
    assert!(told.windows(2).all(|w| w[0].durable <= w[1].durable && w[1].sent >= w[1].durable));
    assert_eq!(told.last().map(|p| (p.sent, p.durable)), Some((HUGE as u64, HUGE as u64)));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_cannot_be_had_are_done_without() {
    let computation = huge();
    let mut config = computation.config();
    config.limits.logged_authentications = 1;
    let agent = prism_agent::server::Agent::start(config, computation.signed.clone()).await.unwrap();
    let session = join(agent.local_addr(), &computation, "hospital-1").await;
    session.upload("h1", source(&computation, "h1"), connections(3), |_| {}).await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_same_provider_elsewhere_goes_on_where_the_first_one_was() {
    let computation = large();
    let agent = computation.start().await;
    let line = Cable::to(agent.local_addr(), [6 << 20]).await;
    line.stay_cut();
    let first = join(line.address, &computation, "hospital-1").await;
    assert!(first.upload("h1", source(&computation, "h1"), None, |_| {}).await.is_err());
    drop(first);
    // Nothing is left of the first client but its key, the manifest and the file: another machine has the same.
    let line = Cable::to(agent.local_addr(), []).await;
    let elsewhere = join(line.address, &computation, "hospital-1").await;
    let mut held = None;
    let goes_on = |progress: Progress| {
        if progress.sent > 0 {
            held.get_or_insert(progress.durable);
        }
    };
    elsewhere.upload("h1", source(&computation, "h1"), None, goes_on).await.unwrap();
    let held = held.unwrap();
    let again = line.carried().saturating_sub(LARGE as u64 - held);
    assert!(held > 0 && again < 1 << 20, "{held} bytes were held, {again} more than the others were carried");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_upload_sends_nothing_and_then_goes_on() {
    let computation = large();
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), []).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let control = UploadControl::new();
    let options = UploadOptions::default().control(control.clone());
    let (far, own) = (Arc::new(Notify::new()), control.clone());
    let reached = Arc::clone(&far);
    let mut paused = false;
    let progress = move |progress: Progress| {
        if progress.sent > 4 << 20 && !paused {
            paused = true;
            own.pause();
            reached.notify_one();
        }
    };
    let bytes = source(&computation, "h1");
    let other = session.clone();
    let upload = tokio::spawn(async move { other.upload("h1", bytes, options, progress).await });
    far.notified().await;
    // What was on its way arrives; then nothing does, and the agent says how much it was.
    let asset = async || session.status().await.unwrap().assets.into_iter().find(|asset| asset.name == "h1").unwrap();
    while asset().await.durable == 0 {}
    let (durable, carried) = (asset().await.durable, cable.carried());
    assert!(durable < 8 << 20, "{durable}");
    assert!(!upload.is_finished());
    control.resume();
    upload.await.unwrap().unwrap();
    assert!(cable.carried() > carried);
    assert_eq!(cable.connections(), 1, "the connection stays");
    assert!(cable.carried() < (LARGE + (8 << 20)) as u64, "{}", cable.carried());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_pass_nothing_is_measured_and_the_right_file_is_accepted() {
    let computation = large();
    let agent = computation.start().await;
    let session = join(agent.local_addr(), &computation, "hospital-1").await;
    let mut told = Vec::new();
    let options = UploadOptions::default().one_pass(true);
    session.upload("h1", source(&computation, "h1"), options, record(&mut told)).await.unwrap();
    assert!(told.iter().all(|progress| progress.measured == 0));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_pass_a_wrong_file_is_discarded_by_the_agent_and_said_to_be_wrong() {
    let computation = large();
    let agent = computation.start().await;
    let session = join(agent.local_addr(), &computation, "hospital-1").await;
    let mut wrong = computation.assets["h1"].clone();
    wrong[LARGE - 1] ^= 1;
    let found = Digest::sha256(&wrong);
    let options = || UploadOptions::default().one_pass(true);
    let error = session.upload("h1", Source::from_bytes(wrong), options(), |_| {}).await.unwrap_err();
    assert!(matches!(&error, UploadError::Discarded { found: is, .. } if is.digest == found), "{error}");
    let status = session.status().await.unwrap();
    assert!(status.assets.iter().all(|asset| asset.durable == 0), "{status:?}");
    // What has another size is not even sent.
    let short = Source::from_bytes(computation.assets["h1"][1..].to_vec());
    let error = session.upload("h1", short, options(), |_| {}).await.unwrap_err();
    assert!(matches!(error, UploadError::Differs { .. }), "{error}");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_between_measuring_and_sending_is_noticed() {
    for change in [
        |file: &std::fs::File| file.write_all_at(b"x", 1000).unwrap(),
        |file: &std::fs::File| {
            file.set_len(LARGE as u64 / 2).unwrap();
        },
    ] {
        let computation = large();
        let agent = computation.start().await;
        let session = join(agent.local_addr(), &computation, "hospital-1").await;
        let path = computation.dir.path().join("h1");
        std::fs::write(&path, &computation.assets["h1"]).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let mut changed = false;
        let told = |progress: Progress| {
            if progress.measured == LARGE as u64 && !changed {
                changed = true;
                change(&file);
            }
        };
        let error = session.upload("h1", Source::open(&path).unwrap(), None, told).await.unwrap_err();
        assert!(matches!(error, UploadError::Changed), "{error}");
        assert_eq!(error.code(), Code::AssetMismatch);
        // With the agreed bytes it goes on, whatever the agent was left with.
        std::fs::write(&path, &computation.assets["h1"]).unwrap();
        session.upload("h1", Source::open(&path).unwrap(), None, |_| {}).await.unwrap();
        agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_another_file_at_the_agent_costs_one_more_attempt_and_no_more() {
    let computation = large();
    let agent = computation.start().await;
    let line = Cable::to(agent.local_addr(), [6 << 20]).await;
    line.stay_cut();
    let session = join(line.address, &computation, "hospital-1").await;
    let mut wrong = computation.assets["h1"].clone();
    wrong[0] ^= 1;
    let options = UploadOptions::default().one_pass(true);
    assert!(session.upload("h1", Source::from_bytes(wrong), options, |_| {}).await.is_err());
    let line = Cable::to(agent.local_addr(), []).await;
    let session = join(line.address, &computation, "hospital-1").await;
    session.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert!(line.carried() > LARGE as u64 + (4 << 20), "{}", line.carried());
    agent.shutdown().await;
}
