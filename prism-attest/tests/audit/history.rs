//! The entries of a run from its first to its last, each permitted by the state machine that the agent runs.

use std::sync::OnceLock;

use prism_attest::{AgentBinding, Evidence};
use prism_core::audit::entry::{
    AssetBody, AuthBody, AuthRefusedBody, Conditions, Entry, Event, EvidenceBody, KeyReleasedBody, LayerReport,
    LayerState, LogCloseBody, LogOpenBody, ManifestBody, Outcome, Output, OutputBody, Releaser, ResultAckedBody,
    ResultReleasedBody, ResultSealedBody, RunEnd, RunExitBody, RunStartBody, SessionBody, WithheldBody,
};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::lifecycle::{State, Terms, step};
use prism_core::manifest::{SandboxLayer, SignedManifest};
use prism_core::seal::{Identity, RecipientKind};

use crate::world::{actor_of, session};

/// What happened in a whole, honest run.
pub(crate) fn run(signed: &SignedManifest, agent: &AgentBinding, evidence: &Evidence) -> Vec<Entry> {
    let mut acts = opening(signed, agent);
    acts.extend(attested(evidence));
    acts.extend(brought(signed));
    acts.extend(computed());
    acts.extend([
        ("institute", released("age1institute")),
        ("institute", Event::ResultAcked(ResultAckedBody { payload: payload() })),
        ("agent", close(Outcome::Completed)),
    ]);
    let (terms, mut state) = (Terms::of(signed), State::default());
    let act = |(seq, (actor, event)): (u64, (&str, Event))| {
        let entry = Entry { seq, ts: 1_800_000_000_000 + seq, actor: actor_of(actor), event };
        if agent.manifest() == Some(signed.digest()) {
            state = step(&terms, &state, &entry.actor, &entry.event).unwrap().state;
        }
        entry
    };
    (0..).zip(acts).map(act).collect()
}

fn opening(signed: &SignedManifest, agent: &AgentBinding) -> Vec<(&'static str, Event)> {
    let manifest = signed.manifest();
    let open = LogOpenBody {
        boot: hex::encode(agent.boot_id()),
        computation: manifest.id.clone(),
        manifest: signed.digest(),
        binding: Digest::sha256(&agent.encode()),
        simulated: true,
        software: "0.1.0".to_owned(),
        lost: vec![],
    };
    let participants = manifest.participants.iter().map(|participant| participant.name.clone()).collect();
    let accepted = ManifestBody { digest: signed.digest(), participants };
    vec![("agent", Event::LogOpen(open)), ("agent", Event::ManifestAccepted(accepted))]
}

fn attested(evidence: &Evidence) -> Vec<(&'static str, Event)> {
    let session = hex::encode(session().leaf().as_bytes());
    let platform = evidence.platform().to_string().parse().unwrap();
    let attested = SessionBody { session: session.clone(), evidence: evidence.digest() };
    vec![
        ("agent", Event::Evidence(EvidenceBody { digest: evidence.digest(), platform })),
        ("agent", Event::SessionAttested(attested)),
        ("agent", refused(&session)),
        ("lab", Event::AuthOk(AuthBody { session })),
    ]
}

pub(crate) fn refused(session: &str) -> Event {
    Event::AuthRefused(AuthRefusedBody { session: session.to_owned(), code: "auth.unknown".to_owned() })
}

fn brought(signed: &SignedManifest) -> Vec<(&'static str, Event)> {
    let who = [("lab", "train.py"), ("hospital-1", "h1.zip"), ("hospital-2", "h2.zip"), ("hospital-3", "h3.zip")];
    let events = |(provider, name): (&'static str, &str)| {
        let asset = signed.manifest().asset(name).unwrap();
        let body = AssetBody { asset: asset.name, digest: asset.digest, size: asset.size };
        let arrival =
            |actor| vec![(actor, Event::AssetBegin(body.clone())), (actor, Event::AssetAccepted(body.clone()))];
        match asset.source {
            None => arrival(provider),
            Some(_) => [vec![(provider, key_released(name, recipient()))], arrival("agent")].concat(),
        }
    };
    who.into_iter().flat_map(events).collect()
}

pub(crate) fn key_released(asset: &str, recipient: &str) -> Event {
    let (asset, recipient) = (asset.parse().unwrap(), recipient.to_owned());
    Event::KeyReleased(KeyReleasedBody { asset, recipient, by: Releaser::Provider })
}

/// The agent's key to which providers release theirs.
pub(crate) fn recipient() -> &'static str {
    static RECIPIENT: OnceLock<String> = OnceLock::new();
    let make = || Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
    RECIPIENT.get_or_init(|| make().recipient().to_string())
}

fn computed() -> [(&'static str, Event); 4] {
    let sealed = ResultSealedBody { consumer: "institute".parse().unwrap(), payload: payload(), size: 9 };
    [
        ("agent", Event::RunStart(RunStartBody { run: 1 })),
        ("agent", exit()),
        ("agent", Event::OutputChecked(OutputBody { files: 1, bytes: 9, withheld: WithheldBody::default() })),
        ("agent", Event::ResultSealed(sealed)),
    ]
}

fn exit() -> Event {
    let nothing = Output { bytes: 0, digest: Digest::sha256(b"") };
    Event::RunExit(Box::new(RunExitBody {
        run: 1,
        end: RunEnd::Exited,
        status: 0,
        layers: vec![LayerReport { layer: SandboxLayer::Seccomp, state: LayerState::Active, detail: None }],
        stdout: nothing.clone(),
        stderr: nothing,
        wall_ms: 1,
        code: None,
        conditions: Some(Conditions {
            interpreter: "cpython 3.11.2".to_owned(),
            libc: "glibc 2.36".to_owned(),
            kernel: "6.1.0".to_owned(),
            processor: "unknown".to_owned(),
            processors: 2,
            packages: None,
        }),
    }))
}

pub(crate) fn payload() -> Digest {
    Digest::sha256(b"payload")
}

pub(crate) fn released(recipient: &str) -> Event {
    Event::ResultReleased(ResultReleasedBody { recipient: recipient.to_owned(), payload: payload() })
}

pub(crate) fn close(outcome: Outcome) -> Event {
    Event::LogClose(LogCloseBody { outcome, refusals_unlogged: 0 })
}
