//! What the log says a run was executed in has to be what the manifest demands.

use prism_attest::audit::Rule;
use prism_attest::platform::simulated::SimulatedMachine;
use prism_core::audit::entry::{Event, LayerReport, LayerState, Outcome, RunEnd, RunExitBody};
use prism_core::manifest::{SandboxLayer, SignedManifest};

use crate::history::close;
use crate::terms;
use crate::world::{BOOT, Story, agent, assert_broken, broken, story, told, world};

fn layer(state: LayerState) -> LayerReport {
    LayerReport { layer: SandboxLayer::Seccomp, state, detail: Some("EPERM".to_owned()) }
}

/// The story with another exit of its run.
fn with_exit(mut story: Story, change: impl FnOnce(&mut RunExitBody)) -> Story {
    let Event::RunExit(body) = story.event("run.exit") else { unreachable!("it is one") };
    change(body);
    story.rewritten()
}

fn with_interpreter(version: &str) -> SignedManifest {
    let platform = world().vendor.policy_for(&SimulatedMachine::default());
    terms::signed_with(&world().keys, platform, |manifest| {
        manifest.algorithm.interpreter = Some(version.parse().unwrap());
    })
}

#[test]
fn a_run_without_a_demanded_layer_is_refused() {
    let (active, off, unavailable) =
        (layer(LayerState::Active), layer(LayerState::Off), layer(LayerState::Unavailable));
    let other = LayerReport { layer: SandboxLayer::Landlock, ..active.clone() };
    for layers in [vec![], vec![other], vec![off], vec![unavailable.clone()], vec![active, unavailable]] {
        let story = with_exit(story(), |exit| exit.layers = layers);
        let place = format!("entry {}", story.position("run.exit"));
        assert_broken(&story.report(), &[Rule::RunLayers], &place);
    }
    let story = with_exit(story(), |exit| exit.layers = vec![layer(LayerState::Unavailable)]);
    let found = story.report().broken().next().unwrap().found.clone();
    assert_eq!(found, "demanded by the manifest, but seccomp unavailable (EPERM)");
}

#[test]
fn a_run_is_not_excused_by_a_code_that_says_nothing_was_executed() {
    let story = with_exit(story(), |exit| {
        exit.layers.clear();
        exit.code = Some("internal".to_owned());
    });
    assert_eq!(broken(&story.report()), [Rule::RunLayers]);
}

#[test]
fn a_run_of_which_nothing_was_executed_needs_no_layer() {
    let mut story = story();
    let at = story.position("run.exit");
    story.entries.truncate(at + 1);
    story.insert(at + 1, "agent", close(Outcome::Failed));
    let story = with_exit(story, |exit| {
        exit.end = RunEnd::SandboxUnavailable;
        exit.layers.clear();
        exit.code = Some("sandbox.unavailable".to_owned());
        exit.conditions = None;
    });
    assert_eq!(broken(&story.report()), []);
}

#[test]
fn a_run_by_another_interpreter_than_the_manifests_is_refused() {
    let told_of = |version| {
        let signed = with_interpreter(version);
        told(&signed, &agent(BOOT, &world().log, signed.digest()), &[])
    };
    for agreed in ["3.11", "3.11.2"] {
        assert_eq!(broken(&told_of(agreed).report()), []);
    }
    for other in ["3.12", "3.11.7"] {
        let story = told_of(other);
        let place = format!("entry {}", story.position("run.exit"));
        assert_broken(&story.report(), &[Rule::RunInterpreter], &place);
    }
    let silent = with_exit(told_of("3.11"), |exit| exit.conditions = None);
    assert_eq!(broken(&silent.report()), [Rule::RunInterpreter]);
}

#[test]
fn the_report_says_what_the_sandbox_was_made_of() {
    let story = with_exit(story(), |exit| exit.layers[0].detail = Some("AF_UNIX only".to_owned()));
    let report = serde_json::to_value(story.report()).unwrap();
    let expected = serde_json::json!([{"layer": "seccomp", "state": "active", "detail": "AF_UNIX only"}]);
    assert_eq!(report["summary"]["layers"], expected);
}
