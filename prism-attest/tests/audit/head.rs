//! The log's signature, its tree and its receipts: what was signed is what is there.

use prism_attest::audit::Rule;
use prism_core::audit::entry::Outcome;

use crate::history::{close, refused};
use crate::world::{Story, assert_broken, head, log_key, receipt, report, story, world};

/// The true story with another harmless entry at the place of a harmless entry.
fn altered() -> Story {
    let mut story = story();
    *story.event("auth.refused") = refused("another");
    story
}

#[test]
fn a_checkpoint_by_another_key_of_the_same_name_is_refused() {
    let mut transcript = story().transcript();
    transcript.checkpoint = head(&story().entries, &log_key(world().log.verifier().name()));
    assert_broken(&report(&transcript), &[Rule::Checkpoint], "the checkpoint");
    transcript.checkpoint.clear();
    assert_broken(&report(&transcript), &[Rule::Checkpoint], "the checkpoint");
}

#[test]
fn an_entry_other_than_the_one_signed_is_refused() {
    let (true_story, mut altered) = (story(), altered());
    altered.receipts.clear();
    let mut transcript = altered.transcript();
    transcript.checkpoint = true_story.transcript().checkpoint;
    assert_broken(&report(&transcript), &[Rule::LogRoot], "the entries");
}

#[test]
fn fewer_and_more_entries_than_signed_are_refused() {
    let mut story = story();
    story.receipts.clear();
    let mut transcript = story.transcript();
    transcript.checkpoint = head(&story.entries[..9], &world().log);
    assert_broken(&report(&transcript), &[Rule::LogSize, Rule::LogRoot], "the entries");

    let more = [&story.entries[..], &story.entries[..1]].concat();
    transcript.checkpoint = head(&more, &world().log);
    assert_broken(&report(&transcript), &[Rule::LogSize, Rule::LogRoot], "the entries");
}

#[test]
fn a_receipt_under_a_forked_head_is_refused() {
    let mut story = story();
    let at = story.position("auth.refused");
    story.receipts.push(receipt(&altered().entries, at - 1, at + 1));
    assert_broken(&story.report(), &[Rule::Receipts], "receipt 2");
}

#[test]
fn a_receipt_of_an_entry_that_the_log_now_shows_otherwise_is_refused() {
    let mut story = story();
    let at = story.position("auth.refused");
    story.receipts = vec![receipt(&altered().entries, at, at + 1)];
    assert_broken(&story.report(), &[Rule::Receipts], "receipt 0");
}

#[test]
fn a_receipt_proves_that_the_log_was_truncated() {
    let mut whole = story();
    let last = whole.entries.len();
    whole.insert(last, "agent", close(Outcome::Completed));
    for index in [last, last - 1] {
        let mut story = story();
        story.receipts = vec![receipt(&whole.entries, index, last + 1)];
        assert_broken(&story.report(), &[Rule::Receipts], "receipt 0");
    }
}

#[test]
fn a_receipt_that_the_log_did_not_sign_or_that_cannot_be_read_is_refused() {
    let foreign = head(&story().entries[..9], &log_key(world().log.verifier().name()));
    for forged in [
        receipt(&story().entries, 3, 9).split_once("\n\n").unwrap().0.to_owned() + "\n\n" + &foreign,
        receipt(&story().entries, 3, 9).replacen("index 3", "index 4", 1),
        String::new(),
    ] {
        let mut story = story();
        story.receipts = vec![forged];
        assert_broken(&story.report(), &[Rule::Receipts], "receipt 0");
    }
}

#[test]
fn an_entry_with_another_number_or_form_is_refused() {
    let mut story = story();
    story.receipts.clear();
    let at = story.position("auth.refused");
    story.entries[at].seq += 1;
    assert_broken(&story.report(), &[Rule::EntryForm], &format!("entry {at}"));
}
