//! Stops in every phase of a run: while data is unpacked, while packages are installed, while the program runs. State, log
//! and disk are right each time. `PRISM_TEST_STOPS=100` stops a hundred times in each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prism_agent::server::Agent;
use prism_attest::audit::{ExpectedComputation, audit};
use prism_core::audit::entry::{Event, Outcome};
use prism_core::digest::Digest;
use prism_core::envelope::PayloadType;
use prism_core::lifecycle::Phase;
use prism_core::manifest::{Install, Requirements};
use prism_core::statement::StopBody;

use crate::common::computation::{name, now};
use crate::common::peer::sign;
use crate::common::{Computation, Peer, wire};
use crate::delivery::transcript;
use crate::endings::events;
use crate::scene::{bring_everything, start};

crate::tests![
    a_stop_while_data_is_unpacked_leaves_nothing,
    a_stop_while_packages_are_installed_leaves_nothing,
    a_stop_while_the_program_runs_leaves_nothing,
];

/// Files of a dataset or of a package: enough for a stop to come in the middle.
const FILES: usize = 3000;

/// A dataset's folder, and a folder with a lock and its wheel, each as an archive.
const ARCHIVES: &str = r#"
import base64, hashlib, io, sys, zipfile
data, wheels, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with zipfile.ZipFile(data, "w") as archive:
    for number in range(count):
        archive.writestr("h1/%05d.csv" % number, "a,b\n" * 50)
files = {"probe/f%05d.py" % number: b"VALUE = %d\n" % number for number in range(count)}
files["probe-1.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n"
files["probe-1.0.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
record = ""
for path, content in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record += "%s,sha256=%s,%d\n" % (path, digest, len(content))
files["probe-1.0.dist-info/RECORD"] = (record + "probe-1.0.dist-info/RECORD,,\n").encode()
wheel = io.BytesIO()
with zipfile.ZipFile(wheel, "w") as archive:
    for path, content in files.items():
        archive.writestr(path, content)
with zipfile.ZipFile(wheels, "w") as archive:
    archive.writestr("probe-1.0-py3-none-any.whl", wheel.getvalue())
    digest = hashlib.sha256(wheel.getvalue()).hexdigest()
    archive.writestr("requirements.lock", "probe==1.0 --hash=sha256:%s\n" % digest)
"#;

/// Starts processes of all kinds, says so, and never ends.
const PROGRAM: &str = "
import os, subprocess, time
os.fork()
if os.fork() == 0:
    os.setsid()
subprocess.Popen(['sleep', '600'])
print('up', flush=True)
open('results/half', 'w').write('of a result')
while True: time.sleep(1)
";

fn times() -> usize {
    std::env::var("PRISM_TEST_STOPS").ok().and_then(|times| times.parse().ok()).unwrap_or(2)
}

fn archives() -> (Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let (data, wheels) = (dir.path().join("data.zip"), dir.path().join("wheels.zip"));
    let mut command = Command::new("python3");
    let made = command.args(["-c", ARCHIVES]).args([&data, &wheels]).arg(FILES.to_string()).status().unwrap();
    assert!(made.success());
    (fs::read(data).unwrap(), fs::read(wheels).unwrap())
}

fn computation((data, wheels): &(Vec<u8>, Vec<u8>)) -> Computation {
    Computation::with(|manifest, assets| {
        assets.insert("train.py", PROGRAM.as_bytes().to_vec());
        assets.insert("h1", data.clone());
        assets.insert("wheels.zip", wheels.clone());
        let facts = |bytes: &[u8]| (Digest::sha256(bytes), bytes.len() as u64);
        (manifest.algorithm.digest, manifest.algorithm.size) = facts(PROGRAM.as_bytes());
        (manifest.datasets[0].digest, manifest.datasets[0].size) = facts(data);
        manifest.datasets[0].unpack = true;
        let (digest, size) = facts(wheels);
        let wheels = Requirements { name: name("wheels.zip"), digest, size, install: Install::Offline };
        manifest.algorithm.requirements = Some(wheels);
    })
}

/// Where the boot's files are.
fn boot(agent: &Agent, computation: &Computation) -> PathBuf {
    computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id()))
}

/// Waits until something is there.
async fn until(agent: &Agent, there: impl Fn() -> bool) {
    while !there() {
        assert!(!matches!(agent.phase(), Phase::Failed | Phase::Closed), "it ended before");
        tokio::task::yield_now().await;
    }
}

/// Directories that runs make where a user of their own can reach them.
fn elsewhere() -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let runs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("prism-run-"));
    runs.map(|entry| entry.path()).collect()
}

/// Processes that this program started, living or dead.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let of = |path: PathBuf| {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
        (parent == own).then_some(stat)
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| of(entry.path())).collect()
}

/// Every file below the directories that hold what participants brought and what became of it.
fn left(boot: &Path) -> Vec<PathBuf> {
    let mut pending: Vec<PathBuf> =
        ["partial", "assets", "run", "results", "output"].iter().map(|part| boot.join(part)).collect();
    let mut files = Vec::new();
    while let Some(path) = pending.pop() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            files.push(entry.path());
            pending.push(entry.path());
        }
    }
    files
}

/// Stops one computation when `there` says that the phase has begun, and looks at what is left.
async fn stopped_when(archives: &(Vec<u8>, Vec<u8>), there: impl Fn(&Path) -> bool) {
    let (computation, before) = (computation(archives), elsewhere());
    let agent = start(&computation).await;
    let boot = boot(&agent, &computation);
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    peer.upload(&computation, "lab", "wheels.zip").await.unwrap();
    bring_everything(&agent, &computation).await;
    until(&agent, || there(&boot)).await;
    let made: Vec<PathBuf> = elsewhere().difference(&before).cloned().collect();

    let body = StopBody::new(&peer.context("lab")).to_json().unwrap();
    let envelope = sign(PayloadType::Stop, &body, &computation.keys["lab"]);
    peer.client.stop(wire::StopRequest { envelope }).await.unwrap();
    assert_eq!(agent.wait_closed().await, Some(Outcome::Stopped));
    let log = events(&mut peer).await;
    let [.., Event::RunStart(_), Event::Stop(_), Event::LogClose(_)] = log.as_slice() else { panic!("{log:?}") };
    let mut auditor = Peer::join(&agent, &computation, "hospital-1").await;
    let bytes = transcript(&mut auditor).await;
    let report = audit(&bytes, ExpectedComputation::Manifest(computation.signed.digest()), now());
    assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
    agent.shutdown().await;

    assert_eq!(left(&boot), [] as [PathBuf; 0]);
    assert_eq!(made.into_iter().filter(|path| path.exists()).collect::<Vec<_>>(), [] as [PathBuf; 0]);
    assert_eq!(children(), [] as [String; 0]);
}

async fn a_stop_while_data_is_unpacked_leaves_nothing() {
    let archives = archives();
    for _ in 0..times() {
        stopped_when(&archives, |boot| boot.join("run/datasets/h1/h1").exists()).await;
    }
}

async fn a_stop_while_packages_are_installed_leaves_nothing() {
    let archives = archives();
    for _ in 0..times() {
        stopped_when(&archives, |boot| boot.join("run/work/install-stdout").exists()).await;
    }
}

async fn a_stop_while_the_program_runs_leaves_nothing() {
    let archives = archives();
    for _ in 0..times() {
        let printed = |boot: &Path| fs::metadata(boot.join("output/stdout")).is_ok_and(|meta| meta.len() > 0);
        stopped_when(&archives, printed).await;
    }
}
