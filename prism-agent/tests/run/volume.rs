//! Much data in little memory.

use prism_core::digest::Hasher;

use crate::common::wire::{self, upload_request::Step};
use crate::common::{Computation, Peer};
use crate::scene::start;

crate::tests![a_large_asset_passes_in_constant_memory];

const SIZE: u64 = 256 << 20;
const FRAME: usize = 256 << 10;

/// Most resident memory so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn frames() -> impl Iterator<Item = Vec<u8>> {
    (0..SIZE / FRAME as u64).map(|number| vec![u8::try_from(number % 251).unwrap(); FRAME])
}

async fn a_large_asset_passes_in_constant_memory() {
    let mut hasher = Hasher::sha256();
    frames().for_each(|frame| hasher.update(&frame));
    let digest = hasher.finish();
    let computation = Computation::with(|manifest, _| {
        manifest.datasets[0].digest = digest;
        manifest.datasets[0].size = SIZE;
    });
    let agent = start(&computation).await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let begin = peer.begin_as(&computation, "hospital-1", ("h1", digest, SIZE), 0);
    let frame = |frame: Vec<u8>| wire::UploadRequest { step: Some(Step::Frame(frame.into())) };
    let requests = tokio_stream::iter(std::iter::once(begin).chain(frames().map(frame)));
    // Forget the peak of everything before.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak();
    peer.client.upload(requests).await.unwrap();
    let grown = peak() - before;
    assert!(grown < 64 << 10, "memory grew by {grown} KiB");
    agent.shutdown().await;
}
