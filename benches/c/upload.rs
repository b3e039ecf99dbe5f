//! A file sent to a real agent on the simulated platform.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use prism_agent::client::blocking::{Client, Interrupt};
use prism_agent::client::{CheckpointStore, Options, UploadOptions};
use prism_agent::files::{Source, measure_file};
use prism_agent::server::{Agent, AgentConfig};
use prism_core::digest::Hasher;
use prism_core::key::SigningKey;
use tokio::runtime::Runtime;

use crate::common::Computation;
use crate::common::computation::now;
use crate::{Calls, report};

/// Bytes of one turn, and turns; the fastest of each way counts.
const SIZE: usize = 512 << 20;
const ROUNDS: usize = 7;

struct Scene {
    runtime: Runtime,
    computation: Computation,
    config: AgentConfig,
    file: PathBuf,
}

impl Scene {
    fn set(place: &Path) -> Self {
        let file = place.join("h1.bin");
        write(&file);
        let measured = measure_file(&file, Hasher::sha256(), &mut |_| {}).unwrap();
        let computation = Computation::with(|manifest, _| {
            (manifest.datasets[0].digest, manifest.datasets[0].size) = (measured.digest, measured.size);
        });
        let mut config = computation.config();
        config.state_dir = place.join("agent");
        fs::write(place.join("terms.prism"), computation.signed.to_bytes()).unwrap();
        let pem = computation.keys["hospital-1"].to_pem();
        let mut key =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place.join("h1.key")).unwrap();
        key.write_all(pem.as_bytes()).unwrap();
        Self { runtime: Runtime::new().unwrap(), computation, config, file }
    }

    /// Milliseconds that `turn` says it took, with an agent of its own.
    fn with_agent(&self, turn: impl FnOnce(&str) -> f64) -> f64 {
        let started = self.runtime.block_on(Agent::start(self.config.clone(), self.computation.signed.clone()));
        let agent = started.unwrap();
        let took = turn(&agent.local_addr().to_string());
        self.runtime.block_on(agent.shutdown());
        took
    }

    fn in_rust(&self, address: &str) -> f64 {
        let options = Options::new(CheckpointStore::in_directory(self.computation.dir.path().join("seen")));
        let connecting = Client::connect(address, &self.computation.signed, options, Interrupt::never()).unwrap();
        let key = SigningKey::from_pem(&self.computation.keys["hospital-1"].to_pem()).unwrap();
        let session = connecting.attest(now()).unwrap().authenticate(key).unwrap();
        let begun = Instant::now();
        let options = UploadOptions::default().one_pass(true);
        session.upload("h1", Source::open(&self.file).unwrap(), options, &mut |_| {}).unwrap();
        milliseconds(begun)
    }

    fn in_c(&self, calls: &Path, place: &Path, address: &str) -> f64 {
        let mut command = Command::new(calls);
        command.args(["upload", address]).arg(place.join("terms.prism")).arg(place.join("h1.key")).arg("h1");
        let mut c = Calls::start({
            command.arg(&self.file).env("PRISM_STATE", place.join("state"));
            command
        });
        assert_eq!(c.line(), "ready");
        let begun = Instant::now();
        c.ask();
        assert_eq!(c.line(), "done");
        let took = milliseconds(begun);
        c.end();
        took
    }
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Bytes that no disk or line can compress.
fn write(file: &Path) {
    let (mut state, mut file) = (1_u64, File::create(file).unwrap());
    let mut block = Vec::with_capacity(1 << 20);
    for _ in 0..SIZE >> 20 {
        block.clear();
        while block.len() < 1 << 20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            block.extend_from_slice(&(state ^ state >> 29).to_le_bytes());
        }
        file.write_all(&block).unwrap();
    }
}

pub(crate) fn run(calls: &Path, place: &Path) {
    let scene = Scene::set(place);
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        best.0 = best.0.min(scene.with_agent(|address| scene.in_rust(address)));
        best.1 = best.1.min(scene.with_agent(|address| scene.in_c(calls, place, address)));
    }
    report("An upload of 512 MiB from a file, one connection", "ms", best, "at most 1.05: 0.95 of the throughput");
}
