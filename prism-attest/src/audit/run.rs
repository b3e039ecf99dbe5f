//! The run's part of an audit: what the log says it was executed in, against what the manifest demands.

use prism_core::audit::entry::{Entry, Event, LayerReport, LayerState, RunExitBody};
use prism_core::manifest::{Manifest, PythonVersion, Runtime, SandboxLayer};

use super::report::{Notes, Rule};

/// The exits of runs, with their numbers in the log.
pub(super) fn exits(entries: &[Entry]) -> impl Iterator<Item = (u64, &RunExitBody)> {
    entries.iter().filter_map(|entry| match &entry.event {
        Event::RunExit(body) => Some((entry.seq, &**body)),
        _ => None,
    })
}

/// Compares every run that was executed with the manifest.
pub(super) fn check(manifest: &Manifest, entries: &[Entry], notes: &mut Notes) {
    let terms = &manifest.algorithm;
    for (seq, exit) in exits(entries).filter(|(_, exit)| exit.is_executed()) {
        let place = format!("entry {seq}");
        check_layers(&terms.sandbox, &exit.layers, &place, notes);
        if let (Runtime::Python3, Some(version)) = (terms.runtime, terms.interpreter) {
            check_interpreter(version, exit, &place, notes);
        }
    }
}

fn check_layers(demanded: &[SandboxLayer], reported: &[LayerReport], place: &str, notes: &mut Notes) {
    let mut missing = demanded.iter().filter(|layer| !is_active(**layer, reported)).peekable();
    if missing.peek().is_none() {
        notes.check(Rule::RunLayers, true, place, format!("all {} demanded layers active", demanded.len()));
        return;
    }
    for layer in missing {
        let report = reported.iter().find(|report| report.layer == *layer && report.state != LayerState::Active);
        let found = report.map_or_else(|| format!("{layer} not in the report"), ToString::to_string);
        notes.check(Rule::RunLayers, false, place, format!("demanded by the manifest, but {found}"));
    }
}

/// A layer that is reported twice has to be active both times.
fn is_active(layer: SandboxLayer, reported: &[LayerReport]) -> bool {
    let mut states = reported.iter().filter(|report| report.layer == layer).map(|report| report.state).peekable();
    states.peek().is_some() && states.all(|state| state == LayerState::Active)
}

/// The version is the last word: `cpython 3.11.7`.
fn check_interpreter(version: PythonVersion, exit: &RunExitBody, place: &str, notes: &mut Notes) {
    let found = exit.conditions.as_ref().map_or("none in the log", |conditions| &conditions.interpreter);
    let agreed = found.rsplit(' ').next().is_some_and(|found| version.admits(found));
    notes.check(Rule::RunInterpreter, agreed, place, format!("expected Python {version}, found {found}"));
}
