//! What the log says of a run: how it ended and what the sandbox was made of; digests of what was printed, not the words.

use prism_core::audit::entry::{Conditions, LayerReport, LayerState, Output, RunEnd, RunExitBody};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::SandboxLayer;

use crate::runner::{self, Captured, End, Layer, Layers, RunError, RunOutcome};

/// The entry for a run that was executed.
pub(super) fn executed(outcome: &RunOutcome, conditions: Conditions) -> RunExitBody {
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
        RunError::Requirements(_) => RunEnd::RequirementsFailed,
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
    let state = |layer: &SandboxLayer| match report.get(Layer::try_from(*layer).ok()?)? {
        runner::LayerState::Active(_) => Some(LayerState::Active),
        runner::LayerState::Off(_) => Some(LayerState::Off),
        runner::LayerState::Unavailable(_) => Some(LayerState::Unavailable),
    };
    SandboxLayer::ALL.iter().filter_map(|layer| Some(LayerReport { layer: *layer, state: state(layer)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_left_something_alive_did_not_succeed() {
        assert_eq!(ending(End::Exited(0), 0), (RunEnd::Exited, 0));
        assert_eq!(ending(End::Exited(0), 1), (RunEnd::RunnerFailed, 0));
    }
}
