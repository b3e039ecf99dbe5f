//! The most memory that client and agent ever take, as processes of their own, for streams of 1, 4 and 16 GiB and for
//! 64 uploads at once. It writes that much to `PRISM_BENCH_DIR`, or below the build directory. `-- 1 4` measures these sizes only.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to measure; its lines are what it is for"
)]

#[path = "../../prism-agent/tests/common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use prism_agent::client::{CheckpointStore, Client, Options, Session};
use prism_agent::files::{Source, measure_file};
use prism_agent::server::{Agent, AgentConfig, PlatformChoice};
use prism_core::digest::{Digest, Hasher};
use prism_core::key::SigningKey;
use prism_core::manifest::{Dataset, SignedManifest};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use common::Computation;
use common::computation::{name, now, vendor_file};

const PART: &str = "PRISM_BENCH_PART";

/// Uploads at once, over so many clients, and the size of each.
const MANY: usize = 64;
const CLIENTS: usize = 16;
const EACH: u64 = 64 << 20;

fn main() {
    prism_agent::runner::helper_main_if_asked();
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if let Ok(part) = std::env::var(PART) {
        return play(&part.split('|').collect::<Vec<_>>());
    }
    let asked: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![1, 4, 16] } else { asked };
    println!("peak resident memory in MiB");
    for gib in sizes {
        let (agent, client) = one_stream(gib << 30);
        println!("  {gib:3} GiB in one stream: agent {agent:6.1}, client {client:6.1}");
    }
    let (agent, clients) = many_at_once();
    println!(
        "  {MANY} uploads of {} MiB over {CLIENTS} connections: agent {agent:6.1}, client {clients:6.1}",
        EACH >> 20
    );
}

/// A file of zeros that takes no room: what is read from it is made as it is read.
fn generated(path: &Path, size: u64) {
    File::create(path).unwrap().set_len(size).unwrap();
}

fn lay_out(computation: &Computation) {
    let folder = computation.dir.path();
    for (who, key) in &computation.keys {
        fs::write(folder.join(format!("{who}.key")), key.to_pem()).unwrap();
    }
    fs::write(folder.join("signed"), computation.signed.to_bytes()).unwrap();
    vendor_file();
}

fn one_stream(size: u64) -> (f64, f64) {
    let scratch = scratch();
    let path = scratch.path().join("h1");
    generated(&path, size);
    let measured = measure_file(&path, Hasher::sha256(), &mut |_| {}).unwrap();
    let computation = Computation::with(|manifest, _| {
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (measured.digest, size);
    });
    lay_out(&computation);
    run(&computation, scratch.path(), "one")
}

fn many_at_once() -> (f64, f64) {
    let scratch = scratch();
    generated(&scratch.path().join("h1"), EACH);
    let digest = measure_file(&scratch.path().join("h1"), Hasher::sha256(), &mut |_| {}).unwrap().digest;
    let computation =
        Computation::with(|manifest, _| manifest.datasets = (0..MANY).map(|n| dataset(n, digest)).collect());
    lay_out(&computation);
    run(&computation, scratch.path(), "many")
}

fn dataset(number: usize, digest: Digest) -> Dataset {
    let asset = name(&format!("d{number}"));
    let provider = name(["hospital-1", "hospital-2"][number % 2]);
    Dataset { name: asset.clone(), provider, digest, size: EACH, unpack: false, path: asset, source: None }
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(std::env::var_os("PRISM_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()))
        .unwrap()
}

/// Peaks of an agent's and a client's process.
fn run(computation: &Computation, scratch: &Path, what: &str) -> (f64, f64) {
    let folder = computation.dir.path().display();
    let (mut agent, mut said) = start(&format!("agent|{folder}|{}", scratch.display()));
    let address = line(&mut said);
    let (mut client, mut said) = start(&format!("{what}|{folder}|{}|{address}", scratch.display()));
    let client_peak = line(&mut said).parse().expect("the client did not finish");
    client.wait().unwrap();
    let agent_peak = peak(&agent.id().to_string());
    agent.kill().unwrap();
    agent.wait().unwrap();
    (agent_peak, client_peak)
}

fn start(part: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.env(PART, part).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

fn line(said: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// The most resident memory that a process ever had, in MiB.
fn peak(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn play(part: &[&str]) {
    let runtime = Runtime::new().unwrap();
    match *part {
        ["agent", folder, scratch] => runtime.block_on(be_an_agent(Path::new(folder), Path::new(scratch))),
        ["one", folder, scratch, address] => runtime.block_on(async {
            let session = join(Path::new(folder), address, "hospital-1", 0).await;
            let source = Source::open(&Path::new(scratch).join("h1")).unwrap();
            session.upload("h1", source, None, |_| {}).await.unwrap();
        }),
        ["many", folder, scratch, address] => {
            runtime.block_on(send_many(Path::new(folder), Path::new(scratch), address));
        }
        _ => panic!("no such part: {part:?}"),
    }
    println!("{}", peak("self"));
}

async fn be_an_agent(folder: &Path, scratch: &Path) {
    let signed = SignedManifest::read(&fs::read(folder.join("signed")).unwrap()).unwrap();
    let platform = PlatformChoice::Simulated { vendor: vendor_file() };
    let config = AgentConfig::new("127.0.0.1:0".parse().unwrap(), scratch.join("state"), platform);
    let agent = Agent::start(config, signed).await.unwrap();
    println!("{}", agent.local_addr());
    std::future::pending::<()>().await;
}

async fn join(folder: &Path, address: &str, who: &str, number: usize) -> Session {
    let signed = SignedManifest::read(&fs::read(folder.join("signed")).unwrap()).unwrap();
    let key = SigningKey::from_pem(&fs::read_to_string(folder.join(format!("{who}.key"))).unwrap()).unwrap();
    let seen: PathBuf = folder.join("seen").join(number.to_string());
    let options = Options::new(CheckpointStore::in_directory(seen));
    let channel = Client::connect(address, &signed, options).await.unwrap().attest(now()).await.unwrap();
    channel.authenticate(key).await.unwrap()
}

/// All uploads at once: four over each connection.
async fn send_many(folder: &Path, scratch: &Path, address: &str) {
    let mut uploads = JoinSet::new();
    for client in 0..CLIENTS {
        let session = join(folder, address, ["hospital-1", "hospital-2"][client % 2], client).await;
        for asset in (0..MANY).filter(|number| number % CLIENTS == client) {
            let (session, source) = (session.clone(), Source::open(&scratch.join("h1")).unwrap());
            uploads.spawn(async move {
                session.upload(&format!("d{asset}"), source, None, |_| {}).await.unwrap();
            });
        }
    }
    uploads.join_all().await;
}
