//! Disks that are full, read-only or failing, under a real agent: a small memory file system of its own, or a kernel that
//! refuses to synchronise. Where user namespaces are not permitted, those that need one say that they skip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;

use crate::common::Computation;
use crate::people::{code, join, source};
use crate::processes::AgentProcess;
use crate::scene::{give, pausing_beyond, whole_log};
use crate::tests;

tests!["disks":
    an_asset_for_which_the_disk_has_no_room_is_refused_before_it_comes,
    a_disk_that_fills_up_meanwhile_ends_the_upload_and_it_goes_on_once_there_is_room,
    a_disk_that_cannot_be_written_takes_nothing_and_logs_nothing_until_it_can,
    a_disk_that_does_not_synchronise_takes_nothing_and_nothing_is_logged_that_did_not_happen,
    assets_beyond_what_the_configuration_permits_are_refused_before_they_come,
    partial_files_of_an_agent_that_was_killed_are_gone_with_the_next_one,
    a_full_disk_keeps_nobody_from_stopping_the_computation,
    an_archive_larger_than_the_disk_ends_the_computation_and_leaves_nothing,
    what_a_run_may_print_has_room_before_it_begins,
];

const SIZE: usize = 40 << 20;

fn computation() -> Computation {
    Computation::with(|manifest, assets| {
        let bytes: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (Digest::sha256(&bytes), SIZE as u64);
        assets.insert("h1", bytes);
    })
}

/// An agent whose state is on a disk of so many MiB.
fn on_small_disk(computation: &Computation, mebibytes: usize) -> Option<AgentProcess> {
    mounting_is_permitted().then(|| AgentProcess::start_on_small_disk(computation, mebibytes))
}

/// Whether programs may have file systems of their own here.
pub(crate) fn mounting_is_permitted() -> bool {
    let permitted = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    let permitted = permitted.is_ok_and(|output| output.status.success());
    if !permitted {
        println!("  skipped: user namespaces with a file system of their own are not permitted here");
    }
    permitted
}

/// Runs a program among the agent's mounts.
fn among_mounts(agent: &AgentProcess, program: &str, arguments: &[&str]) {
    let target = agent.id().to_string();
    let enter = ["-t", &target, "-U", "-m", "--preserve-credentials", program];
    assert!(Command::new("nsenter").args(enter).args(arguments).status().unwrap().success(), "{arguments:?}");
}

/// The agent's directory as it sees it.
fn inside(agent: &AgentProcess) -> PathBuf {
    Path::new("/proc").join(agent.id().to_string()).join("root").join(agent.state.strip_prefix("/").unwrap())
}

pub(crate) async fn durable(address: &str, computation: &Computation) -> u64 {
    let status = join(address, computation, "hospital-1").await.status().await.unwrap();
    status.assets.iter().find(|asset| asset.name == "h1").unwrap().durable
}

/// Kinds of the entries about assets, from the agent's own log.
pub(crate) fn logged(state: &Path) -> Vec<String> {
    let boot = fs::read_dir(state.join("boot")).unwrap().next().unwrap().unwrap().path();
    let log = fs::read_to_string(boot.join("log/entries.jsonl")).unwrap();
    let kinds = log.lines().filter_map(|line| line.split("\"type\":\"").nth(1)?.split('"').next());
    kinds.filter(|kind| kind.starts_with("asset.")).map(str::to_owned).collect()
}

async fn an_asset_for_which_the_disk_has_no_room_is_refused_before_it_comes() {
    let computation = computation();
    let Some(agent) = on_small_disk(&computation, 48) else { return };
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let mut sent = 0;
    let refused = hospital.upload("h1", source(&computation, "h1"), None, |progress| sent = progress.sent).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Code::AgentFull, "{error}");
    assert!(sent < 8 << 20, "{sent}");
    assert!(logged(&inside(&agent)).is_empty());
    among_mounts(&agent, "mount", &["-o", "remount,size=80m", &agent.state.display().to_string()]);
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert_eq!(logged(&inside(&agent)), ["asset.begin", "asset.accepted"]);
}

async fn a_disk_that_fills_up_meanwhile_ends_the_upload_and_it_goes_on_once_there_is_room() {
    let computation = computation();
    let Some(agent) = on_small_disk(&computation, 64) else { return };
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let filler = inside(&agent).join("filler");
    let (control, upload) = pausing_beyond(&hospital, &computation, 4 << 20);
    while durable(&agent.address, &computation).await == 0 {}
    // Until nothing more goes in.
    assert!(fs::write(&filler, vec![1; 64 << 20]).is_err());
    control.resume();
    let refused = async { upload.await.unwrap() };
    let error = refused.await.unwrap_err();
    assert_eq!(error.code(), Code::AgentFull, "{error}");
    assert_eq!(logged(&inside(&agent)), ["asset.begin"]);
    let held = durable(&agent.address, &computation).await;
    assert!(held > 0, "{held}");
    assert_eq!(code(hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await), Code::AgentFull);
    fs::remove_file(&filler).unwrap();
    let mut first = None;
    let upload = hospital.upload("h1", source(&computation, "h1"), None, |progress| {
        if progress.sent > 0 {
            first.get_or_insert(progress.sent);
        }
    });
    upload.await.unwrap();
    assert!(first.is_some_and(|first| first >= held), "{first:?}");
    assert_eq!(logged(&inside(&agent)), ["asset.begin", "asset.accepted"]);
}

async fn a_disk_that_cannot_be_written_takes_nothing_and_logs_nothing_until_it_can() {
    let computation = computation();
    let Some(agent) = on_small_disk(&computation, 80) else { return };
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let boot = fs::read_dir(inside(&agent).join("boot")).unwrap().next().unwrap().unwrap().file_name();
    let partial = agent.state.join("boot").join(boot).join("partial").display().to_string();
    among_mounts(&agent, "mount", &["--bind", &partial, &partial]);
    among_mounts(&agent, "mount", &["-o", "remount,bind,ro", &partial]);
    let error = hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
    assert_eq!(error.code(), Code::FileIo, "{error}");
    assert!(error.to_string().contains("Read-only"), "{error}");
    assert!(logged(&inside(&agent)).is_empty());
    among_mounts(&agent, "umount", &[&partial]);
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
}

async fn a_disk_that_does_not_synchronise_takes_nothing_and_nothing_is_logged_that_did_not_happen() {
    let computation = computation();
    let agent = AgentProcess::start_unsynchronised(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    for _ in 0..2 {
        let refused = hospital.upload("h1", source(&computation, "h1"), None, |progress| {
            assert_eq!(progress.durable, 0, "nothing is durable");
        });
        let error = refused.await.unwrap_err();
        assert_eq!(error.code(), Code::FileIo, "{error}");
    }
    assert_eq!(durable(&agent.address, &computation).await, 0);
    assert_eq!(logged(&agent.state), ["asset.begin"]);
}

async fn assets_beyond_what_the_configuration_permits_are_refused_before_they_come() {
    let computation = computation();
    let mut config = computation.config();
    config.limits.disk_bytes = SIZE as u64 + 4000;
    let agent = prism_agent::server::Agent::start(config, computation.signed.clone()).await.unwrap();
    let first = join(agent.local_addr(), &computation, "hospital-1").await;
    first.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    let other = join(agent.local_addr(), &computation, "hospital-2").await;
    assert_eq!(code(other.upload("h2", source(&computation, "h2"), None, |_| {}).await), Code::AgentFull);
    let lab = join(agent.local_addr(), &computation, "lab").await;
    lab.upload("train.py", source(&computation, "train.py"), None, |_| {}).await.unwrap();
    agent.shutdown().await;
}

async fn partial_files_of_an_agent_that_was_killed_are_gone_with_the_next_one() {
    let computation = computation();
    let agent = AgentProcess::start(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let mut agent = Some(agent);
    let state = computation.dir.path().join("state");
    let upload = hospital.upload("h1", source(&computation, "h1"), None, |progress| {
        if progress.sent > 8 << 20
            && let Some(agent) = agent.take()
        {
            agent.kill();
        }
    });
    assert_eq!(code(upload.await), Code::AgentUnreachable);
    let partial = |state: &Path| {
        let boots = fs::read_dir(state.join("boot")).unwrap().map(|boot| boot.unwrap().path().join("partial/h1"));
        boots.filter(|file| file.exists()).count()
    };
    assert_eq!(partial(&state), 1);
    let _anew = AgentProcess::start(&computation);
    assert_eq!(partial(&state), 0);
}

async fn a_full_disk_keeps_nobody_from_stopping_the_computation() {
    let computation = Computation::new();
    let Some(agent) = on_small_disk(&computation, 24) else { return };
    let hospital = join(&agent.address, &computation, "hospital-2").await;
    hospital.upload("h2", source(&computation, "h2"), None, |_| {}).await.unwrap();
    assert!(fs::write(inside(&agent).join("filler"), vec![1; 24 << 20]).is_err());
    // Nothing else goes in, but those who come to end it do: more of them than fit into a block that is begun.
    assert!(fs::write(inside(&agent).join("more"), vec![1; 4096]).is_err());
    for _ in 0..16 {
        join(&agent.address, &computation, "hospital-1").await;
    }
    let lab = join(&agent.address, &computation, "lab").await;
    lab.stop().await.unwrap();
    let log = whole_log(&lab).await;
    let kinds: Vec<&str> = log.iter().map(Event::kind).collect();
    assert!(kinds.ends_with(&["session.attested", "auth.ok", "stop", "log.close"]), "{kinds:?}");
    assert!(!boot(&agent).join("assets").exists());
}

async fn what_a_run_may_print_has_room_before_it_begins() {
    let computation = Computation::with(|manifest, _| manifest.algorithm.limits.output_bytes = 40 << 20);
    let Some(agent) = on_small_disk(&computation, 80) else { return };
    let institute = join(&agent.address, &computation, "institute").await;
    let bringing = [("lab", "train.py"), ("hospital-2", "h2"), ("hospital-1", "h1")];
    give(&agent.address, &computation, &bringing).await;
    let log = whole_log(&institute).await;
    let [.., Event::RunStart(_), Event::Error(error), Event::LogClose(_)] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!(error.code, "agent.full");
}

/// The directory of its boot as it sees it.
fn boot(agent: &AgentProcess) -> PathBuf {
    fs::read_dir(inside(agent).join("boot")).unwrap().next().unwrap().unwrap().path()
}

async fn an_archive_larger_than_the_disk_ends_the_computation_and_leaves_nothing() {
    // Files of zeros that are too small to be asked for their ratio: 128 MiB.
    let script = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as archive:
    for number in range(128):
        archive.writestr('%d' % number, bytes(1 << 20))
";
    let dir = tempfile::tempdir().unwrap();
    let zip = dir.path().join("zip");
    assert!(Command::new("python3").args(["-c", script]).arg(&zip).status().unwrap().success());
    let computation = Computation::with(|manifest, assets| {
        let zip = fs::read(&zip).unwrap();
        let terms = &mut manifest.datasets[0];
        (terms.digest, terms.size, terms.unpack) = (Digest::sha256(&zip), zip.len() as u64, true);
        assets.insert("h1", zip);
    });
    let Some(agent) = on_small_disk(&computation, 80) else { return };
    let institute = join(&agent.address, &computation, "institute").await;
    let bringing = [("lab", "train.py"), ("hospital-2", "h2"), ("hospital-1", "h1")];
    give(&agent.address, &computation, &bringing).await;
    let log = whole_log(&institute).await;
    let [.., Event::RunStart(_), Event::Error(error), Event::LogClose(_)] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!(error.code, "agent.full");
    for gone in ["partial", "assets", "run", "results"] {
        assert!(!boot(&agent).join(gone).exists(), "{gone}");
    }
}
