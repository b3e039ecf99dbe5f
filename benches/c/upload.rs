//! A file sent to a real agent on the simulated platform.

use std::ffi::OsString;
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
use prism_core::manifest::SignedManifest;
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

    /// A client in a process of its own, in C or in Rust: what it takes from the word to begin until it is done.
    fn by(&self, program: &Path, place: &Path, address: &str) -> f64 {
        let mut command = Command::new(program);
        command
            .args([TURN, address])
            .arg(place.join("terms.prism"))
            .arg(place.join("h1.key"))
            .arg("h1")
            .arg(&self.file);
        command.env("PRISM_STATE", place.join("state"));
        let mut client = Calls::start(command);
        assert_eq!(client.line(), "ready");
        let begun = Instant::now();
        client.ask();
        assert_eq!(client.line(), "done");
        let took = milliseconds(begun);
        client.end();
        took
    }
}

/// The first argument of a client's process.
const TURN: &str = "upload";

/// What `calls.c` does, in Rust.
pub(crate) struct Turn(Vec<OsString>);

impl Turn {
    /// The turn that this process was started for, if it was.
    pub(crate) fn asked() -> Option<Self> {
        let mut arguments = std::env::args_os().skip(1);
        (arguments.next().is_some_and(|first| first == TURN)).then(|| Self(arguments.collect()))
    }

    pub(crate) fn take(self) {
        let [address, terms, key, asset, file] = self.0.try_into().unwrap();
        let [address, asset] = [address, asset].map(|text| text.into_string().unwrap());
        let signed = SignedManifest::read(&fs::read(terms).unwrap()).unwrap();
        let key = SigningKey::from_pem(&fs::read_to_string(key).unwrap()).unwrap();
        let state = PathBuf::from(std::env::var_os("PRISM_STATE").unwrap());
        let options = Options::new(CheckpointStore::in_directory(state.join("checkpoints")));
        let connecting = Client::connect(&address, &signed, options, Interrupt::never()).unwrap();
        let session = connecting.attest(now()).unwrap().authenticate(key).unwrap();
        println!("ready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        let options = UploadOptions::default().one_pass(true);
        session.upload(&asset, Source::open(Path::new(&file)).unwrap(), options, &mut |_| {}).unwrap();
        println!("done");
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
    let (scene, rust) = (Scene::set(place), std::env::current_exe().unwrap());
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        best.0 = best.0.min(scene.with_agent(|address| scene.by(&rust, place, address)));
        best.1 = best.1.min(scene.with_agent(|address| scene.by(calls, place, address)));
    }
    report("An upload of 512 MiB from a file, one connection", "ms", best, "at most 1.05: 0.95 of the throughput");
}
