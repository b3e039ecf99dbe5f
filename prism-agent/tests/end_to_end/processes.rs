//! Agents and clients as processes of their own, to be killed without warning.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write, stdin};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use prism_agent::client::{Client, ResultOptions, ResultStep, Session};
use prism_agent::files::{Source, write_new_private};
use prism_agent::pull::PullConfig;
use prism_agent::server::{Agent, AgentConfig, PlatformChoice, StartError};
use prism_core::code::Coded;
use prism_core::key::SigningKey;
use prism_core::manifest::SignedManifest;
use rustix::process::{Pid, Resource, Rlimit, Signal, geteuid, getpid, kill_process, prlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, apply_filter_all_threads,
};

use crate::common::Computation;
use crate::common::computation::{now, vendor_file};
use crate::common::peer::Reach;
use crate::people::options;

const PART: &str = "PRISM_TEST_PART";

/// Becomes an agent or a client if the program was started as one.
pub(crate) fn play_a_part_if_asked() {
    let Ok(part) = std::env::var(PART) else { return };
    let words: Vec<&str> = part.split('|').collect();
    match words.as_slice() {
        ["unsynchronised", _] => apply_filter(&refusing(&SYNCHRONISING)).unwrap(),
        ["unreadable", _] => apply_filter(&refusing(&[libc::SYS_pread64])).unwrap(),
        ["fading", _] => drop(thread::spawn(fade_when_told)),
        ["retentive", _] => apply_filter(&keeping_files()).unwrap(),
        _ => {}
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match words.as_slice() {
        ["agent" | "unsynchronised" | "unreadable" | "fading" | "retentive", folder] => {
            runtime.block_on(be_an_agent(Path::new(folder)));
        }
        ["refused", folder] => runtime.block_on(say_why_no_agent(Path::new(folder))),
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

const SYNCHRONISING: [libc::c_long; 2] = [libc::SYS_fsync, libc::SYS_fdatasync];

/// Has the kernel fail these calls, as it does when a disk is broken.
fn refusing(calls: &[libc::c_long]) -> BpfProgram {
    refusing_when(calls.iter().map(|call| (*call, vec![])).collect())
}

/// Has the kernel keep what is in directories, but not directories that are empty.
fn keeping_files() -> BpfProgram {
    let file = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0).unwrap();
    refusing_when([(libc::SYS_unlinkat, vec![SeccompRule::new(vec![file]).unwrap()])].into())
}

fn refusing_when(refuse: BTreeMap<libc::c_long, Vec<SeccompRule>>) -> BpfProgram {
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let error = SeccompAction::Errno(libc::EIO.cast_unsigned());
    SeccompFilter::new(refuse, SeccompAction::Allow, error, arch).unwrap().try_into().unwrap()
}

/// From the next line on that comes in, the kernel refuses to synchronise files of this process.
fn fade_when_told() {
    if stdin().read_line(&mut String::new()).is_ok_and(|read| read > 0) {
        apply_filter_all_threads(&refusing(&SYNCHRONISING)).unwrap();
        println!("faded");
    }
}

/// An agent in a process of its own. It is killed, not shut down.
pub(crate) struct AgentProcess {
    child: Child,
    said: BufReader<ChildStdout>,
    pub(crate) address: String,
    pub(crate) state: PathBuf,
}

impl Reach for AgentProcess {
    fn reach(&self) -> (SocketAddr, [u8; 16]) {
        let boot = self.boot().file_name().unwrap().to_str().unwrap().to_owned();
        (self.address.parse().unwrap(), hex::decode(boot).unwrap().try_into().unwrap())
    }
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

    /// The same on a kernel that never gives back what was written somewhere in a file.
    pub(crate) fn start_unreadable(computation: &Computation) -> Self {
        Self::play("unreadable", computation, Command::new(std::env::current_exe().unwrap()))
    }

    /// The same on a kernel that does not remove what is in directories.
    pub(crate) fn start_retentive(computation: &Computation) -> Self {
        Self::play("retentive", computation, Command::new(std::env::current_exe().unwrap()))
    }

    /// The same on a kernel that synchronises files until [`fade`](Self::fade).
    pub(crate) fn start_fading(computation: &Computation) -> Self {
        Self::play("fading", computation, Command::new(std::env::current_exe().unwrap()))
    }

    /// The same with files that [`limit_files`](Self::limit_files) keeps from growing.
    pub(crate) fn start_limited(computation: &Computation) -> Self {
        // Without this the kernel would not only refuse, but also end the program.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\""]).arg(std::env::current_exe().unwrap());
        Self::play("agent", computation, command)
    }

    /// The same as a user whom permissions bind.
    pub(crate) fn start_bound(computation: &Computation) -> Self {
        Self::play("agent", computation, bound_by_permissions())
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
        let folder = prepare(computation);
        command.env(PART, format!("{part}|{}", folder.display())).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut said, mut address) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        said.read_line(&mut address).unwrap();
        Self { child, said, address: address.trim_end().to_owned(), state: folder.join("state") }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The directory of its boot.
    pub(crate) fn boot(&self) -> PathBuf {
        std::fs::read_dir(self.state.join("boot")).unwrap().next().unwrap().unwrap().path()
    }

    /// From now on its files are not synchronised any more.
    pub(crate) fn fade(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"fade\n").unwrap();
        let mut said = String::new();
        self.said.read_line(&mut said).unwrap();
        assert_eq!(said, "faded\n");
    }

    /// From now on none of its files grows beyond so many bytes.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).unwrap();
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

/// What an agent needs in the computation's folder.
fn prepare(computation: &Computation) -> &Path {
    let folder = computation.dir.path();
    let signed = folder.join("signed");
    if !signed.exists() {
        std::fs::write(&signed, computation.signed.to_bytes()).unwrap();
    }
    // Made here, not by two processes at once.
    vendor_file();
    folder
}

/// This program for somebody whom permissions bind: root without the right to pass over them.
pub(crate) fn bound_by_permissions() -> Command {
    let program = std::env::current_exe().unwrap();
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg("--bounding-set=-dac_override,-dac_read_search").arg(program);
    command
}

/// Why no agent wakes where `command` starts this program: its code, and all that it says.
pub(crate) fn refused_start(computation: &Computation, mut command: Command) -> String {
    let folder = prepare(computation);
    let output = command.env(PART, format!("refused|{}", folder.display())).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn wake(folder: &Path) -> Result<Agent, StartError> {
    let signed = SignedManifest::read(&std::fs::read(folder.join("signed")).unwrap()).unwrap();
    let platform = PlatformChoice::Simulated { vendor: vendor_file() };
    let config = AgentConfig::new("127.0.0.1:0".parse().unwrap(), folder.join("state"), platform);
    Agent::start(config.fetching(allowed(folder)), signed).await
}

/// Whom an agent may ask, as [`allow`] wrote it down.
fn allowed(folder: &Path) -> PullConfig {
    let mut config = PullConfig::default();
    let Ok(hosts) = std::fs::read_to_string(folder.join("hosts")) else { return config };
    config.allow = hosts.lines().map(|host| host.parse().unwrap()).collect();
    config.extra_roots = vec![std::fs::read(folder.join("root")).unwrap()];
    config.broker_roots.clone_from(&config.extra_roots);
    config
}

/// Lets the agents of this computation ask these hosts, for which this authority vouches.
#[cfg(feature = "pull")]
pub(crate) fn allow(computation: &Computation, hosts: &[SocketAddr], root: &[u8]) {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    std::fs::write(computation.dir.path().join("hosts"), hosts.join("\n")).unwrap();
    std::fs::write(computation.dir.path().join("root"), root).unwrap();
}

async fn be_an_agent(folder: &Path) {
    let agent = wake(folder).await.unwrap();
    println!("{}", agent.local_addr());
    std::future::pending::<()>().await;
}

async fn say_why_no_agent(folder: &Path) {
    let error = wake(folder).await.unwrap_err();
    println!("{}: {error}", error.code());
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        println!("{error}");
        source = error.source();
    }
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
