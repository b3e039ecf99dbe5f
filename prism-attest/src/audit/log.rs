//! The log's part of an audit: hashes, signature, and the state machine run again.

use std::collections::BTreeSet;

use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::{Conditions, Entry, Event, LayerReport, LogOpenBody, Outcome};
use prism_core::audit::proof::Receipt;
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::digest::Digest;
use prism_core::lifecycle::{State, Terms, step};

use super::report::{KeyReleased, Notes, Rule};
use super::{Ground, run};
use crate::evidence::Platform;

/// What the entries say happened.
pub(super) struct Replayed {
    pub(super) simulated: bool,
    pub(super) entries: u64,
    pub(super) releases: Vec<KeyReleased>,
    pub(super) layers: Vec<LayerReport>,
    pub(super) conditions: Option<Conditions>,
    pub(super) outcome: Option<Outcome>,
}

pub(super) fn check(ground: &Ground<'_>, notes: &mut Notes) -> Replayed {
    let tree = check_tree(ground, notes);
    let entries = read_entries(ground, notes);
    check_opening(ground, entries.first(), notes);
    check_evidence_entries(ground, &entries, notes);
    let state = replay(ground, &entries, notes);
    run::check(ground.signed.manifest(), &entries, notes);
    check_receipts(ground, &tree, notes);
    let outcome = state.outcome();
    let ended = outcome.map_or("no log.close: what happened afterwards is unknown".to_owned(), |o| format!("{o:?}"));
    notes.check(Rule::LogComplete, outcome.is_some(), "the last entry", ended);
    let releases = releases(ground, &entries);
    let exit = run::exits(&entries).next().map(|(_, body)| body);
    Replayed {
        simulated: is_simulated(ground),
        entries: entries.len() as u64,
        releases,
        layers: exit.map(|body| body.layers.clone()).unwrap_or_default(),
        conditions: exit.and_then(|body| body.conditions.clone()),
        outcome,
    }
}

fn releases(ground: &Ground<'_>, entries: &[Entry]) -> Vec<KeyReleased> {
    let url = |asset: &str| ground.signed.manifest().asset(asset)?.source.map(|source| source.url);
    let release = |entry: &Entry| match &entry.event {
        Event::KeyReleased(body) => Some(KeyReleased {
            entry: entry.seq,
            asset: body.asset.clone(),
            url: url(body.asset.as_str()),
            actor: entry.actor.clone(),
            by: body.by,
            recipient: body.recipient.clone(),
        }),
        _ => None,
    };
    entries.iter().filter_map(release).collect()
}

fn check_tree(ground: &Ground<'_>, notes: &mut Notes) -> Tree {
    let mut tree = Tree::new();
    for entry in &ground.transcript.entries {
        tree.append(leaf_hash(entry.as_bytes()));
    }
    check_checkpoint(ground, &tree, notes);
    tree
}

fn check_checkpoint(ground: &Ground<'_>, tree: &Tree, notes: &mut Notes) {
    let read = SignedCheckpoint::read(ground.transcript.checkpoint.as_bytes());
    let Some(signed) = notes.hold(Rule::Checkpoint, "the checkpoint", read) else { return };
    let Some(checkpoint) = notes.hold(Rule::Checkpoint, "the checkpoint", signed.verify(&ground.log_key)) else {
        return;
    };
    let size = checkpoint.size() == tree.size();
    let found = format!("{} entries, {} signed", tree.size(), checkpoint.size());
    notes.check(Rule::LogSize, size, "the entries", found);
    let root = *checkpoint.root() == tree.root();
    notes.check(Rule::LogRoot, root, "the entries", format!("root {}", tree.root().to_base64()));
}

fn read_entries(ground: &Ground<'_>, notes: &mut Notes) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (i, text) in ground.transcript.entries.iter().enumerate() {
        let place = format!("entry {i}");
        match Entry::read(text.as_bytes()) {
            Ok(entry) if entry.seq == i as u64 => entries.push(entry),
            Ok(entry) => {
                notes.check(Rule::EntryForm, false, &place, format!("sequence number {}", entry.seq));
            }
            Err(error) => {
                notes.check(Rule::EntryForm, false, &place, error.to_string());
            }
        }
    }
    let whole = entries.len() == ground.transcript.entries.len();
    notes.check(Rule::EntryForm, whole, "the entries", format!("{} entries", entries.len()));
    entries
}

fn opening(entry: Option<&Entry>) -> Option<&LogOpenBody> {
    match entry.map(|entry| &entry.event) {
        Some(Event::LogOpen(body)) => Some(body),
        _ => None,
    }
}

fn check_opening(ground: &Ground<'_>, first: Option<&Entry>, notes: &mut Notes) {
    let agrees = opening(first).is_some_and(|body| {
        body.boot == hex::encode(ground.binding.boot_id())
            && body.manifest == ground.signed.digest()
            && body.binding == Digest::sha256(&ground.transcript.binding.0)
            && body.simulated == is_simulated(ground)
    });
    notes.check(Rule::LogOpen, agrees, "entry 0", "boot, manifest, binding and platform of the log");
}

/// By the evidence itself, whatever the log says; without any, nothing was protected.
fn is_simulated(ground: &Ground<'_>) -> bool {
    let evidence = &ground.transcript.evidence;
    evidence.is_empty() || evidence.iter().any(|record| record.platform.parse().is_ok_and(Platform::is_simulated))
}

/// The log names every report by digest; the transcript brings exactly these.
fn check_evidence_entries(ground: &Ground<'_>, entries: &[Entry], notes: &mut Notes) {
    let logged: BTreeSet<(String, String)> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Evidence(body) => Some((body.platform.to_string(), body.digest.to_string())),
            _ => None,
        })
        .collect();
    let held = &ground.transcript.evidence;
    let brought: BTreeSet<(String, String)> =
        held.iter().map(|record| (record.platform.clone(), Digest::sha256(&record.evidence.0).to_string())).collect();
    let same = !logged.is_empty() && logged == brought && brought.len() == held.len();
    let found = format!("{} logged, {} brought", logged.len(), held.len());
    notes.check(Rule::EvidenceLogged, same, "the evidence", found);
}

/// Runs the state machine over the entries; the same function drove the agent.
fn replay(ground: &Ground<'_>, entries: &[Entry], notes: &mut Notes) -> State {
    let terms = Terms::of(ground.signed);
    let mut state = State::default();
    let mut permitted = 0;
    for entry in entries {
        match step(&terms, &state, &entry.actor, &entry.event) {
            Ok(next) => {
                state = next.state;
                permitted += 1;
            }
            Err(illegal) => {
                notes.check(Rule::Lifecycle, false, &format!("entry {}", entry.seq), illegal.to_string());
            }
        }
    }
    notes.check(Rule::Lifecycle, permitted == entries.len(), "the entries", format!("{permitted} permitted"));
    state
}

/// A receipt's entry stands in this log, and the head it was given under is a head of this log.
fn check_receipts(ground: &Ground<'_>, tree: &Tree, notes: &mut Notes) {
    for (i, text) in ground.transcript.receipts.iter().enumerate() {
        let place = format!("receipt {i}");
        let Some(receipt) = notes.hold(Rule::Receipts, &place, Receipt::read(text.as_bytes())) else { continue };
        let entry = usize::try_from(receipt.index()).ok().and_then(|index| ground.transcript.entries.get(index));
        let Some(entry) = entry else {
            notes.check(Rule::Receipts, false, &place, "an entry that the log does not have: it was truncated");
            continue;
        };
        let verified = receipt.verify(&ground.log_key, entry.as_bytes());
        let Some(head) = notes.hold(Rule::Receipts, &place, verified) else { continue };
        let same = tree.root_at(head.size()) == Some(*head.root());
        notes.check(Rule::Receipts, same, &place, format!("the log's head after {} entries", head.size()));
    }
}
