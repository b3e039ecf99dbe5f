//! Sandbox layers that a manifest demands and a machine lacks: nobody's data comes to such an agent.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use prism_agent::server::{Agent, StartError, TermError};
use prism_core::code::{Code, Coded};
use prism_core::manifest::{Runtime, SandboxLayer};

use crate::common::Computation;
use crate::scene::computation_with;

crate::tests![
    a_machine_without_a_demanded_layer_refuses_the_manifest,
    a_machine_without_a_mount_namespace_refuses_an_image,
    a_machine_on_which_no_sandbox_can_be_built_refuses_every_manifest,
];

/// A helper on a machine without a mount namespace: it says so if one is demanded, and fails to build anything without a
/// limit of processes above one.
const HELPER: &str = r"
import json, os, socket
line = socket.socket(fileno=0)
order = json.loads(line.makefile('rb').readline())
layers = {'mount-namespace': {'state': 'unavailable', 'detail': 'EPERM'}}
if order['limits']['processes'] == 1:
    message = {'Failed': {'step': 'fork', 'reason': 'EAGAIN'}}
elif 'mount-namespace' in order['required']:
    message = {'Missing': {'layer': 'mount-namespace', 'layers': layers}}
else:
    message = {'Built': {'layers': layers}}
socket.send_fds(line, [json.dumps(message).encode() + b'\n'], [os.open('/', os.O_RDONLY)])
line.recv(1)
";

async fn start(computation: &Computation) -> Result<Agent, StartError> {
    let folder = tempfile::tempdir().unwrap();
    let helper: PathBuf = folder.path().join("helper");
    fs::write(&helper, format!("#!/usr/bin/env -S PATH=/usr/local/bin:/usr/bin:/bin python3\n{HELPER}")).unwrap();
    fs::set_permissions(&helper, Permissions::from_mode(0o700)).unwrap();
    let mut config = computation.config();
    config.runner.helper = helper.into();
    Agent::start(config, computation.signed.clone()).await
}

fn refusal(started: Result<Agent, StartError>) -> TermError {
    let error = started.err().unwrap();
    assert_eq!(error.code(), Code::ManifestUnsupported);
    let StartError::Term(error) = error else { panic!("{error}") };
    error
}

async fn a_machine_without_a_demanded_layer_refuses_the_manifest() {
    let demanding =
        |layers: Vec<SandboxLayer>| computation_with("print()", |manifest| manifest.algorithm.sandbox = layers);
    let error = refusal(start(&demanding(vec![SandboxLayer::Seccomp, SandboxLayer::MountNamespace])).await);
    assert!(
        error.to_string().contains("mount-namespace, which the terms need, found it unavailable (EPERM)"),
        "{error}"
    );
    start(&demanding(vec![SandboxLayer::Seccomp])).await.unwrap().shutdown().await;
}

async fn a_machine_without_a_mount_namespace_refuses_an_image() {
    let computation = computation_with("print()", |manifest| {
        manifest.algorithm.sandbox = vec![];
        manifest.algorithm.runtime = Runtime::Image;
    });
    assert!(matches!(refusal(start(&computation).await), TermError::Layer { .. }));
}

async fn a_machine_on_which_no_sandbox_can_be_built_refuses_every_manifest() {
    let computation = computation_with("print()", |manifest| manifest.algorithm.limits.processes = 1);
    assert!(matches!(refusal(start(&computation).await), TermError::Sandbox(_)));
}
