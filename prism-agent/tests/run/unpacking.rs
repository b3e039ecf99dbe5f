//! Datasets that come as archives, and results that are large: within the room there is, and until somebody stops it.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use prism_agent::server::{Agent, AgentConfig};
use prism_core::archive::Packer;
use prism_core::audit::entry::{Event, Outcome, RunEnd};
use prism_core::digest::Digest;
use prism_core::envelope::PayloadType;
use prism_core::lifecycle::Phase;
use prism_core::manifest::Manifest;
use prism_core::statement::StopBody;

use crate::common::peer::sign;
use crate::common::{Computation, Peer, wire};
use crate::endings::{end, events};
use crate::scene::{bring_everything, start_with, until_state, watch_until};

crate::tests![
    an_archive_is_unpacked_for_the_algorithm,
    an_archive_that_unpacks_to_more_than_there_is_room_for_is_not_unpacked,
    files_and_folders_take_room_though_they_are_empty,
    an_archive_beyond_what_the_configuration_permits_is_refused,
    a_stop_ends_unpacking_in_the_middle_of_a_file,
    an_agent_that_goes_does_not_unpack_to_the_end,
    a_stop_ends_sealing_in_the_middle_of_a_file,
];

/// A computation whose `h1` is this archive.
fn computation(program: &str, archive: Vec<u8>, change: impl FnOnce(&mut Manifest)) -> Computation {
    Computation::with(|manifest, assets| {
        let program = program.as_bytes().to_vec();
        (manifest.algorithm.digest, manifest.algorithm.size) = (Digest::sha256(&program), program.len() as u64);
        assets.insert("train.py", program);
        let terms = &mut manifest.datasets[0];
        (terms.digest, terms.size, terms.unpack) = (Digest::sha256(&archive), archive.len() as u64, true);
        assets.insert("h1", archive);
        change(manifest);
    })
}

fn packed(names: impl Iterator<Item = String>, content: &[u8]) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new());
    for name in names {
        packer.file(&name, &mut &*content).unwrap();
    }
    packer.finish().unwrap()
}

/// The log of a computation that is expected to fail.
async fn log_of(computation: &Computation, change: impl FnOnce(&mut AgentConfig)) -> Vec<Event> {
    let agent = start_with(computation, change).await;
    let mut peer = Peer::join(&agent, computation, "lab").await;
    bring_everything(&agent, computation).await;
    let over = |response: &wire::WatchResponse| matches!(response.state.as_str(), "Delivering" | "Closed");
    assert_eq!(watch_until(&mut peer, over).await.last().unwrap(), "Closed", "there is a result");
    assert_eq!(agent.wait_closed().await, Some(Outcome::Failed));
    let events = events(&mut peer).await;
    agent.shutdown().await;
    events
}

async fn an_archive_is_unpacked_for_the_algorithm() {
    let archive = packed(["a/x", "a/y", "b"].map(str::to_owned).into_iter(), b"12345");
    let program = "
import os
found = sorted(os.path.join(at, name) for at, _, names in os.walk('datasets/h1') for name in names)
assert found == ['datasets/h1/a/x', 'datasets/h1/a/y', 'datasets/h1/b'], found
assert all(open(name).read() == '12345' for name in found)
";
    let computation = computation(program, archive, |_| {});
    // To the byte and block: three files and a folder.
    let room = computation.assets.values().map(|asset| asset.len() as u64).sum::<u64>() + 15 + 4 * 4096;
    let agent = start_with(&computation, |config| config.limits.disk_bytes = room).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    until_state(&mut peer, "Delivering").await;
    agent.shutdown().await;
    let events = log_of(&computation, |config| config.limits.disk_bytes = room - 1).await;
    full(&events);
}

/// The agent had no room, and says that it is the agent.
fn full(events: &[Event]) {
    let [.., Event::RunStart(_), Event::Error(error), Event::LogClose(_)] = events else { panic!("{events:?}") };
    assert_eq!(error.code, "agent.full");
}

async fn an_archive_that_unpacks_to_more_than_there_is_room_for_is_not_unpacked() {
    let computation = computation("print()", packed(std::iter::once("large".to_owned()), &[0].repeat(200_000)), |_| {});
    let events = log_of(&computation, |config| config.limits.disk_bytes = 300_000).await;
    full(&events);
}

async fn files_and_folders_take_room_though_they_are_empty() {
    let names = (0..100).map(|number| format!("{number:03}/empty"));
    let computation = computation("print()", packed(names, b""), |_| {});
    // 200 entries of 4 KiB.
    let assets = computation.assets.values().map(|asset| asset.len() as u64).sum::<u64>();
    let events = log_of(&computation, |config| config.limits.disk_bytes = assets + 200 * 4096 - 1).await;
    full(&events);
}

async fn an_archive_beyond_what_the_configuration_permits_is_refused() {
    let names = || ["a/x", "a/y"].map(str::to_owned).into_iter();
    let computation = computation("print()", packed(names(), b""), |_| {});
    for change in [
        |config: &mut AgentConfig| config.limits.unpacked_entries = 2,
        |config: &mut AgentConfig| config.limits.unpacked_path_bytes = 6,
    ] {
        let events = log_of(&computation, change).await;
        assert_eq!(end(&events), (RunEnd::PreparationFailed, 0));
    }
}

/// Waits until the file is there and has content.
pub(crate) async fn appearing(agent: &Agent, computation: &Computation, path: &str) -> (PathBuf, File) {
    let path = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id())).join(path);
    loop {
        match File::open(&path) {
            Ok(file) if file.metadata().unwrap().len() > 0 => return (path, file),
            _ => tokio::task::yield_now().await,
        }
        assert!(!matches!(agent.phase(), Phase::Failed | Phase::Closed), "it ended without the file");
    }
}

/// Stops the computation when the file is there, and says how long the file became.
async fn length_at_the_end(agent: Agent, computation: &Computation, path: &str, mut peer: Peer) -> u64 {
    let (path, file) = appearing(&agent, computation, path).await;
    let body = StopBody::new(&peer.context("lab")).to_json().unwrap();
    let envelope = sign(PayloadType::Stop, &body, &computation.keys["lab"]);
    peer.client.stop(wire::StopRequest { envelope }).await.unwrap();
    assert_eq!(agent.wait_closed().await, Some(Outcome::Stopped));
    assert!(!path.exists());
    agent.shutdown().await;
    file.metadata().unwrap().len()
}

/// An archive of a few MB with one file of so many MiB: one part in 64 cannot be compressed.
fn swelling(mebibytes: u64) -> Vec<u8> {
    let script = "
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    with archive.open('large', 'w') as large:
        for _ in range(int(sys.argv[2])):
            large.write(os.urandom(16 << 10) + bytes((1 << 20) - (16 << 10)))
";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("zip");
    let status = Command::new("python3").args(["-c", script]).arg(&path).arg(mebibytes.to_string()).status().unwrap();
    assert!(status.success());
    std::fs::read(path).unwrap()
}

async fn a_stop_ends_unpacking_in_the_middle_of_a_file() {
    let computation = computation("print()", swelling(512), |_| {});
    let agent = start_with(&computation, |_| {}).await;
    let peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    let length = length_at_the_end(agent, &computation, "run/datasets/h1/large", peer).await;
    assert!(length < 512 << 20, "{length}");
}

async fn an_agent_that_goes_does_not_unpack_to_the_end() {
    let computation = computation("print()", swelling(512), |_| {});
    let agent = start_with(&computation, |_| {}).await;
    bring_everything(&agent, &computation).await;
    let (path, file) = appearing(&agent, &computation, "run/datasets/h1/large").await;
    agent.shutdown().await;
    assert!(!path.exists());
    assert!(file.metadata().unwrap().len() < 512 << 20);
}

async fn a_stop_ends_sealing_in_the_middle_of_a_file() {
    let program = "open('results/large', 'wb').truncate(768 << 20)";
    let computation = computation(program, packed(std::iter::once("a".to_owned()), b""), |manifest| {
        manifest.results.max_bytes = 1 << 30;
        manifest.algorithm.limits.disk_bytes = 1 << 30;
    });
    let agent = start_with(&computation, |_| {}).await;
    let peer = Peer::join(&agent, &computation, "lab").await;
    bring_everything(&agent, &computation).await;
    let length = length_at_the_end(agent, &computation, "results/institute", peer).await;
    assert!(length < 768 << 20, "{length}");
}
