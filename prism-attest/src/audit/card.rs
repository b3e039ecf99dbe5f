//! What a page shows of an audit.

use std::fmt::Write as _;

use prism_core::audit::entry::Entry;
use prism_core::card::{Card, Mood, page};
use prism_core::manifest::Terms;
use prism_core::transcript::Transcript;

use super::AuditReport;

impl AuditReport {
    /// The report as a card: what does not hold comes first.
    #[must_use]
    pub fn card(&self) -> Card {
        let (kept, all) = (self.findings().iter().filter(|finding| finding.ok).count(), self.findings().len());
        let (mood, word) = if self.holds() { (Mood::Good, "Audit ok") } else { (Mood::Bad, "Audit FAILED") };
        let card = Card::new(format!("{word}: {kept} of {all} checks hold"), mood);
        let card = self.summary().map_or(card.clone(), |summary| {
            let outcome = summary.outcome.map_or("not known, the log is not closed", |outcome| outcome.words());
            let card = card.simulated(summary.simulated).row("title", &*summary.title);
            let card = card.row("manifest", summary.manifest.to_string()).row("boot", &*summary.boot);
            let key = |card: Card, (name, key): &(_, prism_core::digest::Digest)| {
                card.row(format!("key of {name}"), key.to_string())
            };
            summary.participants.iter().fold(card, key).row("outcome", outcome)
        });
        let check = |card: Card, finding: &super::AuditFinding| {
            card.check(finding.ok, finding.rule.name(), format!("{}: {}", finding.place, finding.found))
        };
        self.findings().iter().fold(card, check)
    }

    /// The report with the terms and the log of the transcript that it is about, as one HTML file that needs nothing else.
    /// What the transcript tells is to be believed only where the report holds.
    #[must_use]
    pub fn page(&self, transcript: &[u8]) -> String {
        let mut cards = vec![self.card()];
        if let Ok(transcript) = Transcript::read(transcript) {
            cards.extend(Terms::read(&transcript.manifest.0).ok().map(|terms| terms.card()));
            cards.push(log(&transcript.entries));
        }
        page(&format!("Audit: {}", self.summary().map_or("a transcript", |summary| &summary.title)), &cards)
    }
}

/// The entries in plain words.
fn log(entries: &[String]) -> Card {
    let mut text = String::new();
    for (index, entry) in entries.iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = match Entry::read(entry.as_bytes()) {
            Ok(entry) => writeln!(text, "{index:4}  {}  {}", entry.clock(), entry.words()),
            Err(error) => writeln!(text, "{index:4}  {error}"),
        };
    }
    Card::new("Log", Mood::Plain).row("entries", entries.len().to_string()).folded("What happened, in order", text)
}
