//! Waking up: on whose directory, with which manifest, after which earlier boots.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::wire;
use common::{Computation, Peer};
use prism_agent::server::{Agent, StartError};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::{Install, Requirements};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_on_the_same_directory_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let error = computation.try_start().await.unwrap_err();
    assert_eq!(error.code(), Code::AgentBusy);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_died_is_missed_by_its_successor() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    let (boot, size) =
        (hex::encode(agent.boot_id()), peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner().log_size);
    // What kill -9 leaves behind: the files, and no lock.
    let (state, left) = (computation.dir.path().join("state"), computation.dir.path().join("left"));
    copy(&state.join("boot"), &left.join("boot"));
    agent.shutdown().await;
    let successor = Computation { dir: tempfile::tempdir().unwrap(), ..computation };
    std::fs::rename(&left, successor.dir.path().join("state"))
        .unwrap_or_else(|_| copy(&left, &successor.dir.path().join("state")));
    private(&successor.dir.path().join("state"));
    let next = successor.start().await;
    assert_eq!(
        next.lost().iter().map(|lost| (lost.boot.clone(), lost.entries)).collect::<Vec<_>>(),
        [(boot.clone(), size)]
    );
    assert!(!successor.dir.path().join("state/boot").join(&boot).exists());
    assert!(successor.dir.path().join("state/past").join(&boot).join("entries.jsonl").exists());
    next.shutdown().await;
    let third = successor.start().await;
    assert!(third.lost().is_empty(), "a closed log is no loss, and a loss is reported once");
    third.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_broke_off_between_moving_a_log_and_removing_its_boot_loses_neither() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let boot = hex::encode(agent.boot_id());
    let state = computation.dir.path().join("state");
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let entries = peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner().log_size;
    let left = computation.dir.path().join("left");
    copy(&state.join("boot").join(&boot), &left);
    agent.shutdown().await;
    // What kill -9 and half a start leave behind.
    std::fs::remove_dir_all(state.join("boot").join(&boot)).unwrap();
    std::fs::rename(&left, state.join("boot").join(&boot)).unwrap();
    std::fs::write(state.join("boot").join(&boot).join("assets/h1"), "patients").unwrap();
    std::fs::rename(state.join("boot").join(&boot).join("log"), state.join("past").join(&boot)).unwrap();
    let next = computation.start().await;
    assert_eq!(next.lost().iter().map(|lost| (&*lost.boot, lost.entries)).collect::<Vec<_>>(), [(&*boot, entries)]);
    assert!(!state.join("boot").join(&boot).exists());
    assert!(state.join("past").join(&boot).join("entries.jsonl").exists());
    next.shutdown().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            private(&path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let computation = Computation::new();
    let state = computation.dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(computation.try_start().await.unwrap_err().code(), Code::KeyExposed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_not_current_is_refused() {
    let computation = Computation::with(|manifest, _| manifest.not_before = common::computation::now() + 60);
    assert_eq!(computation.try_start().await.unwrap_err().code(), Code::ManifestNotCurrent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pretend_machine_needs_a_manifest_that_names_it() {
    use prism_core::manifest::platform::{Accept, Minimum, PlatformPolicy, Product, Profile, SnpPolicy, Tcb};
    let lowest = Tcb { fmc: 0, bootloader: 1, tee: 0, snp: 1, microcode: 1 };
    let snp = SnpPolicy::strict([(Product::Genoa, Minimum::both(lowest))].into(), Accept::Any);
    let real = PlatformPolicy::new(vec![Profile::Snp(snp)]).unwrap();
    let computation = Computation::with(|manifest, _| manifest.platform = real);
    assert_eq!(computation.try_start().await.unwrap_err().code(), Code::PlatformUnsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_this_machine_cannot_keep_are_refused_before_anything_is_kept() {
    use prism_core::manifest::{Algorithm, Device};
    let computation = Computation::with(|manifest, _| {
        manifest.results.media_types = vec!["image/png".parse().unwrap(), "application/x-npz".parse().unwrap()];
    });
    let error = computation.try_start().await.unwrap_err();
    assert_eq!(error.code(), Code::ManifestUnsupported, "{error}");
    assert!(
        error.to_string().contains("application/x-npz") && !computation.dir.path().join("state").exists(),
        "{error}"
    );
    let cases: [fn(&mut Algorithm); 2] =
        [|terms| terms.interpreter = Some("3.1".parse().unwrap()), |terms| terms.devices = vec![Device::AmdGpu]];
    for (number, change) in cases.into_iter().enumerate() {
        if number == 1 && !prism_agent::runner::device_nodes(Device::AmdGpu).is_empty() {
            continue;
        }
        let computation = Computation::with(|manifest, _| change(&mut manifest.algorithm));
        let error = computation.try_start().await.unwrap_err();
        assert_eq!(error.code(), Code::ManifestUnsupported, "{error}");
        assert!(!computation.dir.path().join("state").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_may_name_the_version_of_the_interpreter() {
    let found = prism_agent::runner::Interpreter::find(None).await.unwrap();
    for version in [found.minor_version(), &found.target.full_version] {
        let version = version.parse().unwrap();
        let computation = Computation::with(|manifest, _| manifest.algorithm.interpreter = Some(version));
        computation.start().await.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_an_interpreter_takes_no_python_program() {
    let computation = Computation::new();
    let mut config = computation.config();
    config.runner.python = Some("/nonexistent/python3".into());
    let started = Agent::start(config, computation.signed.clone()).await;
    assert_eq!(started.unwrap_err().code(), Code::FileMissing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_whose_packages_come_from_an_index_needs_an_agent_that_has_one() {
    let computation = Computation::with(|manifest, _| {
        let (name, digest) = ("lock".parse().unwrap(), Digest::sha256(b"lock"));
        manifest.algorithm.requirements = Some(Requirements { name, digest, size: 4, install: Install::Index });
    });
    let error = computation.try_start().await.unwrap_err();
    assert!(matches!(error, StartError::Index(_)), "{error:?}");
    assert_eq!(error.code(), Code::SourceRefused);
    let mut config = computation.config();
    config.runner.index = Some("https://127.0.0.1:1/simple".parse().unwrap());
    Agent::start(config, computation.signed.clone()).await.unwrap().shutdown().await;
}
