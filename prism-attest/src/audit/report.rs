//! What an audit found, rule by rule.

use std::fmt;

use prism_core::audit::entry::{Actor, Conditions, LayerReport, Outcome, Releaser};
use prism_core::digest::Digest;
use prism_core::manifest::ObjectUrl;
use prism_core::name::Name;
use serde::{Serialize, Serializer};

/// A rule that every transcript has to keep. Its name is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The file is a transcript, it and the files in it each in its one canonical form.
    TranscriptForm,
    /// Every participant approved the manifest's exact bytes.
    Approvals,
    /// It is the computation that the auditor asked for.
    Computation,
    /// The agent's binding can be read.
    BindingForm,
    /// The binding names this manifest.
    BindingManifest,
    /// The binding names the log's key, and the log bears the boot's name.
    LogKey,
    /// The machine is genuine, wanted, and its report names this binding.
    Evidence,
    /// The log names exactly the evidence that the transcript holds.
    EvidenceLogged,
    /// The checkpoint is signed by the log's key.
    Checkpoint,
    /// The checkpoint covers exactly the entries.
    LogSize,
    /// The entries hash to the checkpoint's root.
    LogRoot,
    /// Every entry has its form and its place.
    EntryForm,
    /// Every entry is permitted by the state that those before it brought about.
    Lifecycle,
    /// The log's first entry names this boot, manifest, binding and kind of platform.
    LogOpen,
    /// The log was closed: nothing can follow.
    LogComplete,
    /// What was executed was executed in every sandbox layer that the manifest demands.
    RunLayers,
    /// What was executed was executed by an interpreter of the manifest's version.
    RunInterpreter,
    /// Receipts belong to this log.
    Receipts,
}

impl Rule {
    /// The rule's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TranscriptForm => "transcript.form",
            Self::Approvals => "manifest.approvals",
            Self::Computation => "manifest.expected",
            Self::BindingForm => "binding.form",
            Self::BindingManifest => "binding.manifest",
            Self::LogKey => "binding.log-key",
            Self::Evidence => "evidence",
            Self::EvidenceLogged => "evidence.logged",
            Self::Checkpoint => "log.checkpoint",
            Self::LogSize => "log.size",
            Self::LogRoot => "log.root",
            Self::EntryForm => "log.entry",
            Self::Lifecycle => "log.lifecycle",
            Self::LogOpen => "log.open",
            Self::LogComplete => "log.complete",
            Self::RunLayers => "run.layers",
            Self::RunInterpreter => "run.interpreter",
            Self::Receipts => "receipts",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One rule at one place: kept or broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditFinding {
    /// The rule.
    pub rule: Rule,
    /// Whether it is kept.
    pub ok: bool,
    /// Where in the transcript, for example `entry 17`.
    pub place: String,
    /// What was found there.
    pub found: String,
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.ok { "ok    " } else { "BROKEN" };
        write!(f, "{word} {:19} {}: {}", self.rule, self.place, self.found)
    }
}

/// What the transcript is about. Believe it only when the report holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The manifest's title.
    pub title: String,
    /// The manifest's digest.
    pub manifest: Digest,
    /// The agent's boot, 32 hex digits.
    pub boot: String,
    /// Every participant with its key's fingerprint, for the auditor to compare.
    pub participants: Vec<(Name, Digest)>,
    /// Whether the platform is pretended: then nothing was protected.
    pub simulated: bool,
    /// Number of log entries.
    pub entries: u64,
    /// Every key that was released to the agent, in the log's order.
    pub releases: Vec<KeyReleased>,
    /// What the sandbox of the run was made of, with means and reasons.
    pub layers: Vec<LayerReport>,
    /// What the manifest does not fix, of the run that was executed: another run of the same terms could differ where
    /// these do, or where the program draws time or randomness.
    pub conditions: Option<Conditions>,
    /// How the computation ended; `None` when the log is not closed.
    pub outcome: Option<Outcome>,
}

/// A key that was released to the agent, so that it could fetch an asset from a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyReleased {
    /// The log entry.
    pub entry: u64,
    /// The asset.
    pub asset: Name,
    /// Where it lies, as every participant approved; `None` if the manifest names no such place.
    pub url: Option<ObjectUrl>,
    /// Who released the key: the provider, or the agent with a key broker's answer.
    pub actor: Actor,
    /// Which of the two.
    pub by: Releaser,
    /// The agent's key that it was released to.
    pub recipient: String,
}

/// Every rule with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditReport {
    /// Whether every rule is kept.
    holds: bool,
    /// What the transcript is about, as far as it could be read.
    summary: Option<Summary>,
    /// The rules in the order checked.
    findings: Vec<AuditFinding>,
}

impl AuditReport {
    pub(super) fn new(notes: Notes, summary: Option<Summary>) -> Self {
        let findings = notes.findings;
        let holds = summary.is_some() && findings.iter().all(|finding| finding.ok);
        Self { holds, summary, findings }
    }

    /// Whether every rule is kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// What the transcript is about, as far as it could be read.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Every finding, in the order checked.
    #[must_use]
    pub fn findings(&self) -> &[AuditFinding] {
        &self.findings
    }

    /// The broken rules only.
    pub fn broken(&self) -> impl Iterator<Item = &AuditFinding> {
        self.findings.iter().filter(|finding| !finding.ok)
    }
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    findings: Vec<AuditFinding>,
}

impl Notes {
    /// Notes whether a rule is kept.
    pub(super) fn check(&mut self, rule: Rule, ok: bool, place: &str, found: impl Into<String>) -> bool {
        self.findings.push(AuditFinding { rule, ok, place: place.to_owned(), found: found.into() });
        ok
    }

    /// Notes a broken rule when `result` is an error.
    pub(super) fn hold<T, E: std::error::Error>(&mut self, rule: Rule, place: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.check(rule, true, place, "as it has to be");
                Some(value)
            }
            Err(error) => {
                self.check(rule, false, place, error.to_string());
                None
            }
        }
    }
}
