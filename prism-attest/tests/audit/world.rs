//! A whole run with real keys, and its transcript. Tests change a [`Story`] and let it be signed again, honestly.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use prism_attest::audit::{AuditReport, ExpectedComputation, Rule, audit};
use prism_attest::binding::Batch;
use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedMachine, SimulatedVendor};
use prism_attest::{AgentBinding, Endorsements, Evidence, ReportData, SessionBinding};
use prism_core::audit::checkpoint::{Checkpoint, LogKey};
use prism_core::audit::entry::{Actor, Entry, Event};
use prism_core::audit::log_origin;
use prism_core::audit::proof::Receipt;
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::key::SigningKey;
use prism_core::manifest::SignedManifest;
use prism_core::transcript::{Base64Bytes, EvidenceRecord, Transcript, TranscriptFormat};

use crate::history::run;
use crate::terms;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const BOOT: [u8; 16] = [0xb0; 16];

/// The keys of everyone who signs anything.
pub(crate) struct World {
    pub(crate) vendor: SimulatedVendor,
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) signed: SignedManifest,
    pub(crate) log: LogKey,
}

/// One world for all tests of this process: its RSA keys take seconds.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
        let keys = terms::keys();
        let signed = terms::signed(&keys, vendor.policy_for(&SimulatedMachine::default()));
        let log = log_key(&log_origin(&signed.manifest().id, &BOOT));
        World { vendor, keys, signed, log }
    })
}

pub(crate) fn log_key(name: &str) -> LogKey {
    LogKey::generate(name, &mut SystemEntropy::default()).unwrap()
}

pub(crate) fn session() -> SessionBinding {
    SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] }
}

pub(crate) fn agent(boot: [u8; 16], log: &LogKey, manifest: Digest) -> AgentBinding {
    AgentBinding::new(boot, vec![2; 91], log.verifier().to_string(), Some(manifest)).unwrap()
}

/// Everything that a transcript is made of, before the log's key signs it.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) signed: Vec<u8>,
    pub(crate) binding: Vec<u8>,
    pub(crate) evidence: Vec<EvidenceRecord>,
    pub(crate) event_log: Option<Base64Bytes>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) receipts: Vec<String>,
}

/// The true story: of this boot, under the terms that everybody approved. The same one for all tests.
pub(crate) fn story() -> Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| told(&world().signed, &honest(), &[])).clone()
}

/// The binding of the agent that everybody agreed on.
pub(crate) fn honest() -> AgentBinding {
    agent(BOOT, &world().log, world().signed.digest())
}

/// The story of an agent with this binding, on a machine with these mutations.
pub(crate) fn told(signed: &SignedManifest, agent: &AgentBinding, mutations: &[Mutation]) -> Story {
    told_of(signed, agent, &made(agent, mutations))
}

/// The story of an agent with this binding, on a machine that gave this.
pub(crate) fn told_of(signed: &SignedManifest, agent: &AgentBinding, made: &(Evidence, Endorsements)) -> Story {
    let mut story = Story {
        signed: signed.to_bytes(),
        binding: agent.encode(),
        evidence: vec![record(made)],
        event_log: made.0.event_log().map(|log| Base64Bytes(log.to_vec())),
        entries: run(signed, agent, &made.0),
        receipts: vec![],
    };
    story.receipts = vec![receipt(&story.entries, 3, 9), receipt(&story.entries, 0, story.entries.len())];
    story
}

pub(crate) fn report_data(agent: &AgentBinding) -> ReportData {
    ReportData::compose(&Batch::new(&[session().leaf()]).unwrap().root(), agent)
}

fn made(agent: &AgentBinding, mutations: &[Mutation]) -> (Evidence, Endorsements) {
    world().vendor.attest(&report_data(agent), &Mutations::new(mutations.to_vec())).unwrap()
}

pub(crate) fn attest(agent: &AgentBinding, mutations: &[Mutation]) -> (Evidence, EvidenceRecord) {
    let made = made(agent, mutations);
    (made.0.clone(), record(&made))
}

pub(crate) fn record((evidence, endorsements): &(Evidence, Endorsements)) -> EvidenceRecord {
    EvidenceRecord {
        platform: evidence.platform().to_string(),
        evidence: Base64Bytes(evidence.bytes().to_vec()),
        endorsements: Base64Bytes(endorsements.to_json()),
    }
}

fn text(entry: &Entry) -> String {
    String::from_utf8(entry.to_bytes().unwrap()).unwrap()
}

pub(crate) fn tree(entries: &[Entry]) -> Tree {
    let mut tree = Tree::new();
    for entry in entries {
        tree.append(leaf_hash(text(entry).as_bytes()));
    }
    tree
}

/// The head of `entries`, signed by `key`.
pub(crate) fn head(entries: &[Entry], key: &LogKey) -> String {
    key.sign(&Checkpoint::new(key.verifier().name(), &tree(entries))).unwrap().as_str().to_owned()
}

/// The log's receipt for one of the first `size` entries.
pub(crate) fn receipt(entries: &[Entry], index: usize, size: usize) -> String {
    let (key, tree) = (&world().log, tree(&entries[..size]));
    let path = tree.inclusion_path(index as u64, size as u64).unwrap();
    let signed = key.sign(&Checkpoint::new(key.verifier().name(), &tree)).unwrap();
    Receipt::new(index as u64, path, signed).to_text()
}

impl Story {
    /// The transcript with the head of exactly these entries, signed by the log's key.
    pub(crate) fn transcript(&self) -> Transcript {
        Transcript {
            format: TranscriptFormat::V1,
            manifest: Base64Bytes(self.signed.clone()),
            binding: Base64Bytes(self.binding.clone()),
            evidence: self.evidence.clone(),
            event_log: self.event_log.clone(),
            entries: self.entries.iter().map(text).collect(),
            checkpoint: head(&self.entries, &world().log),
            receipts: self.receipts.clone(),
        }
    }

    /// The agent lies: these entries are numbered and signed as if they had happened. Nobody holds a receipt.
    pub(crate) fn rewritten(mut self) -> Self {
        for (seq, entry) in (0..).zip(&mut self.entries) {
            entry.seq = seq;
        }
        self.receipts.clear();
        self
    }

    /// Where the first entry of this type stands.
    pub(crate) fn position(&self, kind: &str) -> usize {
        self.entries.iter().position(|entry| entry.event.kind() == kind).unwrap()
    }

    pub(crate) fn event(&mut self, kind: &str) -> &mut Event {
        let at = self.position(kind);
        &mut self.entries[at].event
    }

    /// Inserts an event of `actor` before entry `at`.
    pub(crate) fn insert(&mut self, at: usize, actor: &str, event: Event) {
        let actor = actor_of(actor);
        self.entries.insert(at, Entry { seq: 0, ts: 0, actor, event });
    }

    pub(crate) fn report(&self) -> AuditReport {
        report(&self.transcript())
    }
}

pub(crate) fn actor_of(name: &str) -> Actor {
    match name {
        "agent" => Actor::Agent,
        name => Actor::Participant(name.parse().unwrap()),
    }
}

pub(crate) fn report(transcript: &Transcript) -> AuditReport {
    audit(&transcript.to_bytes().unwrap(), ExpectedComputation::AsRecorded, NOW)
}

/// The rules that `report` says are broken.
pub(crate) fn broken(report: &AuditReport) -> Vec<Rule> {
    assert_eq!(report.holds(), report.broken().next().is_none(), "a report that does not hold names a broken rule");
    report.broken().map(|finding| finding.rule).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Exactly these rules are broken, the first of them at `place`.
pub(crate) fn assert_broken(report: &AuditReport, rules: &[Rule], place: &str) {
    let found: Vec<String> = report.broken().map(ToString::to_string).collect();
    assert_eq!(broken(report), rules, "{found:#?}");
    let first = report.broken().next().unwrap();
    assert!(first.place == place, "expected {place}: {found:#?}");
}
