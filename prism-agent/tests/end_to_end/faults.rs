//! Disks that refuse at the worst moment, by the kernel's own word: files that may not grow (`EFBIG`), calls that fail
//! (`EIO`), permissions that are missing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use prism_agent::client::{Progress, ResultOptions, Session};
use prism_core::audit::entry::{Event, Outcome};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::Runtime;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::common::peer::{self, frames};
use crate::common::wire::{self, upload_request::Step};
use crate::common::{Computation, Peer};
use crate::disks::{durable, logged, mounting_is_permitted};
use crate::people::{code, join, source};
use crate::processes::{AgentProcess, bound_by_permissions, refused_start};
use crate::scene::{ASSETS, computation, give, pausing_beyond, until, whole_log};
use crate::tests;

tests!["faults":
    an_asset_whose_beginning_cannot_be_logged_has_not_begun,
    an_asset_whose_acceptance_cannot_be_logged_is_taken_back_and_accepted_once_it_can_be,
    an_asset_whose_new_place_is_not_on_the_disk_for_certain_is_not_accepted,
    a_write_that_breaks_off_in_its_middle_ends_the_upload_and_it_goes_on_from_before,
    a_result_that_does_not_fit_on_the_disk_is_not_logged_as_sealed,
    a_result_that_is_not_on_the_disk_for_certain_is_not_logged_as_sealed,
    a_result_whose_sealing_cannot_be_logged_is_nobodys,
    a_synchronisation_that_fails_in_the_middle_takes_the_upload_back_to_the_last_that_did_not,
    an_asset_that_cannot_be_read_back_is_forgotten_and_begins_again,
    an_agent_does_not_wake_on_a_disk_that_cannot_be_written,
    an_agent_does_not_wake_in_a_directory_without_permission_to_write,
    permissions_that_are_missing_cost_an_upload_nothing_that_was_sent,
];

const SIZE: usize = 40 << 20;

/// The same with an `h1` of so many bytes.
fn sized(size: usize) -> Computation {
    Computation::with(|manifest, assets| {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (Digest::sha256(&bytes), size as u64);
        assets.insert("h1", bytes);
    })
}

/// What a session that is there already hears: a new one would be logged.
async fn held(session: &Session) -> u64 {
    session.status().await.unwrap().assets.iter().find(|asset| asset.name == "h1").unwrap().durable
}

pub(crate) fn entries(agent: &AgentProcess) -> Vec<u8> {
    fs::read(agent.boot().join("log/entries.jsonl")).unwrap()
}

/// No entry fits into the log any more, only the beginning of one.
pub(crate) fn fill_log(agent: &AgentProcess) -> Vec<u8> {
    let log = entries(agent);
    agent.limit_files(Some(log.len() as u64 + 10));
    log
}

async fn an_asset_whose_beginning_cannot_be_logged_has_not_begun() {
    let computation = Computation::new();
    let agent = AgentProcess::start_limited(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let log = fill_log(&agent);
    let error = hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
    assert_eq!(error.code(), Code::AgentFull, "{error}");
    assert_eq!(entries(&agent), log);
    assert!(!agent.boot().join("partial/h1").exists());
    agent.limit_files(None);
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert_eq!(logged(&agent.state), ["asset.begin", "asset.accepted"]);
}

async fn an_asset_whose_acceptance_cannot_be_logged_is_taken_back_and_accepted_once_it_can_be() {
    let computation = Computation::new();
    let agent = AgentProcess::start_limited(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let mut sender = Peer::join(&agent, &computation, "hospital-1").await;
    let (requests, queue) = mpsc::channel(8);
    requests.send(sender.begin(&computation, "hospital-1", "h1", 0)).await.unwrap();
    for frame in frames(&computation.assets["h1"]) {
        requests.send(frame).await.unwrap();
    }
    let sending = tokio::spawn(async move { sender.client.upload(ReceiverStream::new(queue)).await });
    let (partial, accepted) = (agent.boot().join("partial/h1"), agent.boot().join("assets/h1"));
    while fs::metadata(&partial).map_or(0, |file| file.len()) < 3000 {
        tokio::task::yield_now().await;
    }
    // Everything is there but the stream's end.
    let log = fill_log(&agent);
    drop(requests);
    assert_eq!(peer::code(sending.await.unwrap()), "agent.full");
    assert_eq!(entries(&agent), log);
    assert!(!accepted.exists());
    assert_eq!(held(&hospital).await, 3000);
    let error = hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
    assert_eq!(error.code(), Code::AgentFull, "{error}");
    assert_eq!(entries(&agent), log);
    agent.limit_files(None);
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert_eq!(logged(&agent.state), ["asset.begin", "asset.accepted"]);
    assert_eq!(fs::read(&accepted).unwrap(), computation.assets["h1"]);
}

async fn an_asset_whose_new_place_is_not_on_the_disk_for_certain_is_not_accepted() {
    let computation = Computation::new();
    let mut agent = AgentProcess::start_fading(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let (partial, assets) = (agent.boot().join("partial"), agent.boot().join("assets"));
    // Everything is durable, and waits for its place only.
    fs::remove_dir(&assets).unwrap();
    assert_eq!(resumed_at(&hospital, &computation).await, Err(Code::FileIo));
    fs::create_dir(&assets).unwrap();
    agent.fade();
    assert_eq!(resumed_at(&hospital, &computation).await, Err(Code::FileIo));
    assert!(partial.join("h1").exists() && !assets.join("h1").exists());
    assert_eq!(held(&hospital).await, 3000);
    assert_eq!(logged(&agent.state), ["asset.begin"]);
}

async fn a_write_that_breaks_off_in_its_middle_ends_the_upload_and_it_goes_on_from_before() {
    let computation = sized(4 << 20);
    let agent = AgentProcess::start_limited(&computation);
    let limit = (1 << 20) + 123;
    agent.limit_files(Some(limit));
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    for _ in 0..2 {
        let error = hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
        assert_eq!(error.code(), Code::AgentFull, "{error}");
        assert_eq!(logged(&agent.state), ["asset.begin"]);
    }
    let durable = held(&hospital).await;
    assert!(durable > 0 && durable <= limit, "{durable}");
    // What fits is taken meanwhile.
    let other = join(&agent.address, &computation, "hospital-2").await;
    other.upload("h2", source(&computation, "h2"), None, |_| {}).await.unwrap();
    agent.limit_files(None);
    assert_eq!(resumed_at(&hospital, &computation).await, Ok(durable));
    assert_eq!(fs::read(agent.boot().join("assets/h1")).unwrap(), computation.assets["h1"]);
}

/// Uploads `h1` and says how much of it was there before.
async fn resumed_at(hospital: &Session, computation: &Computation) -> Result<u64, Code> {
    let mut first = None;
    let told = |progress: Progress| {
        if progress.sent > 0 {
            first.get_or_insert(progress.sent);
        }
    };
    let uploaded = hospital.upload("h1", source(computation, "h1"), None, told).await;
    uploaded.map_err(|error| error.code()).map(|_| first.unwrap())
}

async fn a_result_that_does_not_fit_on_the_disk_is_not_logged_as_sealed() {
    let computation = computation("open('results/large', 'wb').write(bytes(300_000))");
    let agent = AgentProcess::start_limited(&computation);
    // Enough for the assets and the log. The algorithm has limits of its own.
    agent.limit_files(Some(128 << 10));
    give(&agent.address, &computation, &ASSETS).await;
    ends_without_result(&agent, &computation, "agent.full").await;
}

/// The run was fine, and the computation ends with this error and nothing else: no result, no file.
async fn ends_without_result(agent: &AgentProcess, computation: &Computation, error: &str) {
    let institute = join(&agent.address, computation, "institute").await;
    let (mut watch, mut log) = (institute.watch(0), Vec::new());
    while let Some(observed) = watch.next().await {
        let event = observed.unwrap().entry.event;
        assert_ne!(event.kind(), "output.checked");
        log.push(event);
    }
    assert!(log.iter().any(|event| event.kind() == "run.exit"));
    let failed = log.iter().find_map(|event| if let Event::Error(body) = event { Some(&*body.code) } else { None });
    assert_eq!(failed, Some(error));
    assert!(matches!(log.last(), Some(Event::LogClose(body)) if body.outcome == Outcome::Failed));
    for gone in ["partial", "assets", "run", "results"] {
        assert!(!agent.boot().join(gone).exists(), "{gone}");
    }
    let out = computation.dir.path().join("results.zip");
    assert_eq!(code(institute.result(&out, ResultOptions::default(), |_| {}).await), Code::RunFailed);
}

/// Goes on when it is told to, by a signal. It has a handler for it only to be recognised: the signal is blocked before.
const WAITING: &str = "
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.signal(signal.SIGUSR1, print)
signal.sigwait([signal.SIGUSR1])
open('results/model', 'w').write('trained')
";

async fn a_result_that_is_not_on_the_disk_for_certain_is_not_logged_as_sealed() {
    let computation = computation(WAITING);
    let mut agent = AgentProcess::start_fading(&computation);
    give(&agent.address, &computation, &ASSETS).await;
    go_on_after(&mut agent, AgentProcess::fade).await;
    ends_without_result(&agent, &computation, "file.io").await;
}

/// Waits until the algorithm waits, and has it go on after `meanwhile`.
async fn go_on_after(agent: &mut AgentProcess, meanwhile: impl FnOnce(&mut AgentProcess)) {
    let algorithm = loop {
        if let Some(waiting) = waiting_for_a_signal(agent.id()) {
            break waiting;
        }
        tokio::task::yield_now().await;
    };
    meanwhile(agent);
    kill_process(Pid::from_raw(algorithm).unwrap(), Signal::USR1).unwrap();
}

async fn a_result_whose_sealing_cannot_be_logged_is_nobodys() {
    // The same run twice, to know how long its entries are.
    let mut room = None;
    for _ in 0..2 {
        let computation = computation(WAITING);
        let mut agent = AgentProcess::start_limited(&computation);
        let institute = join(&agent.address, &computation, "institute").await;
        give(&agent.address, &computation, &ASSETS).await;
        let mut before = 0;
        go_on_after(&mut agent, |agent| {
            before = entries(agent).len();
            // Enough for what comes before, and for the error.
            agent.limit_files(room.map(|room: usize| (before + room - 30) as u64));
        })
        .await;
        if room.is_none() {
            until(&mut institute.watch(0), "result.sealed").await;
            room = Some(entries(&agent).len() - before);
            continue;
        }
        until(&mut institute.watch(0), "error").await;
        agent.limit_files(None);
        let log = whole_log(&institute).await;
        let kinds: Vec<&str> = log.iter().map(Event::kind).collect();
        assert!(kinds.ends_with(&["run.exit", "output.checked", "error", "log.close"]), "{kinds:?}");
        assert!(institute.status().await.unwrap().results.is_empty());
    }
}

/// The interpreter below this process that has a handler for `SIGUSR1`.
fn waiting_for_a_signal(ancestor: u32) -> Option<i32> {
    let facts = |pid: i32| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |facts: &str, name: &str| {
        let line = facts.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let below = |mut pid: i32| {
        while pid > 1 && pid.cast_unsigned() != ancestor {
            pid = field(&facts(pid), "PPid:").parse().unwrap_or(0);
        }
        pid > 1
    };
    let mut pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.find(|pid| {
        let facts = facts(*pid);
        let caught = u64::from_str_radix(&field(&facts, "SigCgt:"), 16).unwrap_or(0);
        let waits = caught & 1 << (Signal::USR1.as_raw() - 1) != 0;
        waits && field(&facts, "Name:").starts_with("python") && below(*pid)
    })
}

async fn a_synchronisation_that_fails_in_the_middle_takes_the_upload_back_to_the_last_that_did_not() {
    let computation = sized(SIZE);
    let mut agent = AgentProcess::start_fading(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let (control, upload) = pausing_beyond(&hospital, &computation, 18 << 20);
    while held(&hospital).await == 0 {}
    agent.fade();
    control.resume();
    let error = upload.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::FileIo, "{error}");
    let durable = held(&hospital).await;
    assert!(durable > 0 && durable < SIZE as u64, "{durable}");
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let beyond = peer.begin(&computation, "hospital-1", "h1", durable + 1);
    assert_eq!(peer::code(peer.client.upload(tokio_stream::once(beyond)).await), "usage");
    // What is left of it is what it was told to be; and nothing more comes to stay.
    assert_eq!(resumed_at(&hospital, &computation).await, Err(Code::FileIo));
    assert_eq!(held(&hospital).await, durable);
    let prefix = usize::try_from(durable).unwrap();
    assert!(fs::read(agent.boot().join("partial/h1")).unwrap()[..prefix] == computation.assets["h1"][..prefix]);
    assert_eq!(logged(&agent.state), ["asset.begin"]);
}

/// A part of `h1` as a stream of its own.
async fn part(peer: &mut Peer, computation: &Computation, (from, to): (usize, usize)) -> String {
    let mut begin = peer.begin(computation, "hospital-1", "h1", from as u64);
    if let Some(Step::Begin(begin)) = &mut begin.step {
        begin.length = (to - from) as u64;
    }
    let mut requests = vec![begin];
    requests.extend(frames(&computation.assets["h1"][from..to]));
    match peer.client.upload(tokio_stream::iter(requests)).await {
        Ok(answer) => format!("{:?}", answer.into_inner().held),
        Err(status) => format!("{}: {}", peer::code::<wire::UploadResponse>(Err(status.clone())), status.message()),
    }
}

async fn an_asset_that_cannot_be_read_back_is_forgotten_and_begins_again() {
    // An interpreter could not be asked here: its library cannot be read either.
    let computation = Computation::with(|manifest, _| manifest.algorithm.runtime = Runtime::Binary);
    let agent = AgentProcess::start_unreadable(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    assert_eq!(part(&mut peer, &computation, (1000, 3000)).await, "true");
    let refused = part(&mut peer, &computation, (0, 1000)).await;
    assert!(refused.starts_with("file.io: expected to read what was stored"), "{refused}");
    assert_eq!(held(&hospital).await, 0);
    assert!(!agent.boot().join("partial/h1").exists());
    // In order nothing has to be read.
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert_eq!(logged(&agent.state), ["asset.begin", "asset.begin", "asset.accepted"]);
}

async fn an_agent_does_not_wake_on_a_disk_that_cannot_be_written() {
    let computation = Computation::new();
    if !mounting_is_permitted() {
        return;
    }
    let script = "mkdir -m 700 \"$1\" && mount -t tmpfs -o ro,mode=700 tmpfs \"$1\" && exec \"$0\"";
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
    command.arg(computation.dir.path().join("state"));
    let said = refused_start(&computation, command);
    assert!(said.starts_with("file.io: ") && said.contains("Read-only file system"), "{said}");
    // Nothing was left behind, and the directory is nobody's: the next agent takes it.
    drop(AgentProcess::start(&computation));
}

async fn an_agent_does_not_wake_in_a_directory_without_permission_to_write() {
    let computation = Computation::new();
    let state = computation.dir.path().join("state");
    fs::create_dir(&state).unwrap();
    forbid(&state);
    let said = refused_start(&computation, bound_by_permissions());
    assert!(said.starts_with("file.io: ") && said.contains("Permission denied"), "{said}");
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    permit(&state);
    drop(AgentProcess::start_bound(&computation));
}

fn forbid(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o500)).unwrap();
}

fn permit(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
}

async fn permissions_that_are_missing_cost_an_upload_nothing_that_was_sent() {
    let computation = sized(4 << 20);
    let agent = AgentProcess::start_bound(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let (partial, assets) = (agent.boot().join("partial"), agent.boot().join("assets"));
    forbid(&partial);
    forbid(&assets);
    assert_eq!(resumed_at(&hospital, &computation).await, Err(Code::FileIo));
    assert!(logged(&agent.state).is_empty());
    permit(&partial);
    assert_eq!(resumed_at(&hospital, &computation).await, Err(Code::FileIo));
    assert_eq!(logged(&agent.state), ["asset.begin"]);
    assert_eq!(durable(&agent.address, &computation).await, 4 << 20);
    permit(&assets);
    assert_eq!(resumed_at(&hospital, &computation).await, Ok(4 << 20));
    assert_eq!(logged(&agent.state), ["asset.begin", "asset.accepted"]);
}
