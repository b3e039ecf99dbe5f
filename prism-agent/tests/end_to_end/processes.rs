//! Agents and clients as processes of their own, to be killed without warning.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use prism_agent::client::{Client, ResultOptions, ResultStep, Session};
use prism_agent::files::{Source, write_new_private};
use prism_agent::server::{Agent, AgentConfig, PlatformChoice};
use prism_core::key::SigningKey;
use prism_core::manifest::SignedManifest;
use rustix::process::{Signal, getpid, kill_process};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::common::Computation;
use crate::common::computation::{now, vendor_file};
use crate::people::options;

const PART: &str = "PRISM_TEST_PART";

/// Becomes an agent or a client if the program was started as one.
pub(crate) fn play_a_part_if_asked() {
    let Ok(part) = std::env::var(PART) else { return };
    if part.starts_with("unsynchronised|") {
        never_synchronise();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let words: Vec<&str> = part.split('|').collect();
    match words.as_slice() {
        ["agent" | "unsynchronised", folder] => runtime.block_on(be_an_agent(Path::new(folder))),
        ["uploader", folder, address, who, asset, at] => {
            let (folder, at) = (Path::new(folder), at.parse().unwrap());
            runtime.block_on(upload_and_die((folder, address, who), asset, at));
        }
        ["taker", folder, address, out, step] => {
            runtime.block_on(take_and_die((Path::new(folder), address, "institute"), Path::new(out), step));
        }
        other => panic!("no such part: {other:?}"),
    }
    std::process::exit(0);
}

fn start(part: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(PART, part).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// From now on the kernel refuses to synchronise files of this process.
fn never_synchronise() {
    let refuse = [libc::SYS_fsync, libc::SYS_fdatasync].into_iter().map(|call| (call, vec![])).collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter =
        SeccompFilter::new(refuse, SeccompAction::Allow, SeccompAction::Errno(libc::EIO.cast_unsigned()), arch);
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// An agent in a process of its own. It is killed, not shut down.
pub(crate) struct AgentProcess {
    child: Child,
    pub(crate) address: String,
    pub(crate) state: PathBuf,
}

impl AgentProcess {
    /// Starts it on the computation's folder, where an earlier one may have died.
    pub(crate) fn start(computation: &Computation) -> Self {
        Self::play("agent", computation, Command::new(std::env::current_exe().unwrap()))
    }

    /// The same on a kernel that does not synchronise files.
    pub(crate) fn start_unsynchronised(computation: &Computation) -> Self {
        Self::play("unsynchronised", computation, Command::new(std::env::current_exe().unwrap()))
    }

    /// The same with a state directory on a memory file system of so many MiB.
    pub(crate) fn start_on_small_disk(computation: &Computation, mebibytes: usize) -> Self {
        let script = "mkdir -p \"$1\" && mount -t tmpfs -o size=$2,mode=700 tmpfs \"$1\" && exec \"$0\"";
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
        command.arg(computation.dir.path().join("state")).arg(format!("{mebibytes}m"));
        Self::play("agent", computation, command)
    }

    fn play(part: &str, computation: &Computation, mut command: Command) -> Self {
        let folder = computation.dir.path();
        let signed = folder.join("signed");
        if !signed.exists() {
            std::fs::write(&signed, computation.signed.to_bytes()).unwrap();
        }
        // Made here, not by two processes at once.
        vendor_file();
        command.env(PART, format!("{part}|{}", folder.display())).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim_end().to_owned(), state: folder.join("state") }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn be_an_agent(folder: &Path) {
    let signed = SignedManifest::read(&std::fs::read(folder.join("signed")).unwrap()).unwrap();
    let platform = PlatformChoice::Simulated { vendor: vendor_file() };
    let config = AgentConfig::new("127.0.0.1:0".parse().unwrap(), folder.join("state"), platform);
    let agent = Agent::start(config, signed).await.unwrap();
    println!("{}", agent.local_addr());
    std::future::pending::<()>().await;
}

/// Puts what a client process needs into the computation's folder.
pub(crate) fn lay_out(computation: &Computation) {
    let folder = computation.dir.path();
    for (who, key) in &computation.keys {
        write_new_private(&folder.join(format!("{who}.key")), key.to_pem().as_bytes()).unwrap();
    }
    for (asset, bytes) in &computation.assets {
        std::fs::write(folder.join(asset), bytes).unwrap();
    }
}

/// A provider's program that dies when the agent was sent so many bytes.
pub(crate) fn die_uploading(computation: &Computation, address: &str, (who, asset): (&str, &str), at: u64) {
    let folder = computation.dir.path().display();
    wait_for_death(&format!("uploader|{folder}|{address}|{who}|{asset}|{at}"));
}

/// A consumer's program that dies when a step is done.
pub(crate) fn die_taking(computation: &Computation, address: &str, out: &Path, step: ResultStep) {
    let folder = computation.dir.path().display();
    wait_for_death(&format!("taker|{folder}|{address}|{}|{step:?}", out.display()));
}

fn wait_for_death(part: &str) {
    use std::os::unix::process::ExitStatusExt;
    let status = start(part).wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it lived: {status}");
}

fn die() {
    kill_process(getpid(), Signal::KILL).unwrap();
}

type Who<'a> = (&'a Path, &'a str, &'a str);

async fn join((folder, address, who): Who<'_>) -> Session {
    let signed = SignedManifest::read(&std::fs::read(folder.join("signed")).unwrap()).unwrap();
    let key = prism_agent::files::read_private(&folder.join(format!("{who}.key"))).unwrap();
    let channel = Client::connect(address, &signed, options(folder, who)).await.unwrap().attest(now()).await.unwrap();
    channel.authenticate(SigningKey::from_pem(&key).unwrap()).await.unwrap()
}

async fn upload_and_die(who: Who<'_>, asset: &str, at: u64) {
    let source = Source::open(&who.0.join(asset)).unwrap();
    let session = join(who).await;
    let _ = session
        .upload(asset, source, None, |progress| {
            if progress.sent >= at {
                die();
            }
        })
        .await;
}

async fn take_and_die(who: Who<'_>, out: &Path, step: &str) {
    let session = join(who).await;
    let out = PathBuf::from(out);
    let _ = session
        .result(&out, ResultOptions::default(), |progress| {
            if format!("{:?}", progress.step) == step {
                die();
            }
        })
        .await;
}
