//! What the log says of a run: how it ended and what the sandbox was made of; digests of what was printed, not the words.

use prism_core::audit::entry::{Conditions, LayerReport, LayerState, Output, RunEnd, RunExitBody};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::SandboxLayer;

use super::conditions::text;
use crate::runner::{self, Captured, End, Layer, Layers, RunError, RunOutcome};

/// The entry for a run that was executed.
pub(super) fn executed(outcome: &RunOutcome, conditions: Conditions) -> RunExitBody {
    let conditions = Conditions { packages: outcome.packages.clone(), ..conditions };
    let (end, status) = ending(outcome.end, outcome.survivors);
    RunExitBody {
        run: 1,
        end,
        status,
        layers: layers(&outcome.layers),
        stdout: output(&outcome.stdout),
        stderr: output(&outcome.stderr),
        wall_ms: u64::try_from(outcome.wall.as_millis()).unwrap_or(u64::MAX),
        code: None,
        conditions: Some(conditions),
    }
}

/// How the log calls the end. Whatever is still alive could write into the result while it is packed: there is none.
fn ending(end: End, survivors: u32) -> (RunEnd, i32) {
    match end {
        End::OutputLost => (RunEnd::OutputLost, 0),
        End::SupervisionLost => (RunEnd::SupervisionLost, 0),
        _ if survivors > 0 => (RunEnd::RunnerFailed, 0),
        End::Exited(status) => (RunEnd::Exited, status),
        End::Signalled(signal) => (RunEnd::Signalled, signal),
        End::MemoryLimit => (RunEnd::MemoryLimit, 0),
        End::DiskLimit => (RunEnd::DiskLimit, 0),
        End::DatasetsLimit => (RunEnd::DatasetsLimit, 0),
        End::ProcessLimit => (RunEnd::ProcessLimit, 0),
        End::WallLimit => (RunEnd::WallLimit, 0),
        End::OutputLimit => (RunEnd::OutputLimit, 0),
        End::Stopped => (RunEnd::Stopped, 0),
    }
}

/// The entry for a run of which nothing was executed.
pub(super) fn refused(error: &RunError) -> RunExitBody {
    let end = match error {
        RunError::LayerMissing { .. } => RunEnd::SandboxUnavailable,
        RunError::Requirements(error) if error.code() != Code::AgentFull => RunEnd::RequirementsFailed,
        RunError::Stopped => RunEnd::Stopped,
        RunError::WallLimit => RunEnd::WallLimit,
        RunError::Spec { .. }
        | RunError::Interpreter { .. }
        | RunError::WasmHost { .. }
        | RunError::NotExecuted { .. } => RunEnd::PreparationFailed,
        _ => RunEnd::RunnerFailed,
    };
    let mut body = not_executed(end, error.code());
    if let RunError::LayerMissing { layers: report, .. } = error {
        body.layers = layers(report);
    }
    body
}

/// The entry for a run that did not come to the runner.
pub(super) fn not_executed(end: RunEnd, code: Code) -> RunExitBody {
    let nothing = || Output { bytes: 0, digest: Digest::sha256(b"") };
    RunExitBody {
        run: 1,
        end,
        status: 0,
        layers: Vec::new(),
        stdout: nothing(),
        stderr: nothing(),
        wall_ms: 0,
        code: Some(code.to_string()),
        conditions: None,
    }
}

fn output(captured: &Captured) -> Output {
    Output { bytes: captured.bytes, digest: captured.digest }
}

fn layers(report: &Layers) -> Vec<LayerReport> {
    let state = |layer: SandboxLayer| match report.get(Layer::try_from(layer).ok()?)? {
        runner::LayerState::Active(means) => Some((LayerState::Active, means)),
        runner::LayerState::Off(reason) => Some((LayerState::Off, reason)),
        runner::LayerState::Unavailable(reason) => Some((LayerState::Unavailable, reason)),
    };
    let layer = |layer| {
        let (state, detail) = state(layer)?;
        let detail = (!detail.is_empty()).then(|| text(detail, LayerReport::DETAIL_MAX));
        Some(LayerReport { layer, state, detail })
    };
    SandboxLayer::ALL.into_iter().filter_map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_left_something_alive_did_not_succeed() {
        assert_eq!(ending(End::Exited(0), 0), (RunEnd::Exited, 0));
        assert_eq!(ending(End::Exited(0), 1), (RunEnd::RunnerFailed, 0));
        assert_eq!(ending(End::OutputLost, 0), (RunEnd::OutputLost, 0));
        assert_eq!(ending(End::SupervisionLost, 1), (RunEnd::SupervisionLost, 0));
    }

    #[test]
    fn every_layer_is_logged_with_a_reason_that_is_safe_to_show() {
        let mut report = Layers::default();
        for layer in Layer::ALL {
            report.active(*layer, "");
        }
        report.off(Layer::UserNamespace, "not needed");
        report.unavailable(Layer::MountNamespace, "a\u{1b}[2J");
        report.unavailable(Layer::Cgroup, "x".repeat(500));
        let logged = layers(&report);
        assert_eq!(logged.len(), Layer::ALL.len());
        let of = |layer| logged.iter().find(|report| report.layer == layer).unwrap();
        assert_eq!(of(SandboxLayer::Seccomp).to_string(), "seccomp active");
        assert_eq!(of(SandboxLayer::UserNamespace).to_string(), "user-namespace off (not needed)");
        assert_eq!(of(SandboxLayer::MountNamespace).detail.as_deref(), Some("unknown"));
        assert_eq!(of(SandboxLayer::Cgroup).detail.as_ref().map(String::len), Some(LayerReport::DETAIL_MAX));
    }
}
