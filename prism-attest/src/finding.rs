//! Findings: one line for each condition that was looked at, met or not.

mod checks;

use std::fmt;

use serde::{Serialize, Serializer};

pub use self::checks::{Check, Stage};

/// One condition that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which condition.
    pub check: Check,
    /// Whether it holds.
    pub ok: bool,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// The policy's profile that asks for it, counted from 0; conditions of every machine have none.
    pub profile: Option<usize>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            ok: bool,
            stage: Stage,
            code: Check,
            expected: &'a str,
            found: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            profile: Option<usize>,
        }
        let Self { check, ok, expected, found, profile } = self;
        let line = Line { ok: *ok, stage: check.stage(), code: *check, expected, found, profile: *profile };
        line.serialize(serializer)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ok {
            write!(f, "ok    {:28} {}", self.check, self.found)
        } else {
            write!(f, "FAIL  {:28} expected {}, found {}", self.check, self.expected, self.found)
        }
    }
}

/// The findings so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    findings: Vec<Finding>,
    profile: Option<usize>,
}

/// Verification ends here; the last finding says why.
#[derive(Debug)]
pub(crate) struct Stop;

impl Notes {
    /// Notes that go on after these.
    pub(crate) fn after(findings: &[Finding]) -> Self {
        Self { findings: findings.to_vec(), profile: None }
    }

    /// Notes for the conditions of one profile.
    pub(crate) const fn of_profile(profile: usize) -> Self {
        Self { findings: Vec::new(), profile: Some(profile) }
    }

    /// Notes a condition and returns whether it holds.
    #[expect(clippy::needless_pass_by_value, reason = "values, references and formatted text alike become text here")]
    pub(crate) fn check(&mut self, check: Check, ok: bool, expected: impl ToString, found: impl ToString) -> bool {
        let (expected, found) = (printable(expected.to_string()), printable(found.to_string()));
        self.findings.push(Finding { check, ok, expected, found, profile: self.profile });
        ok
    }

    /// Notes a condition without which nothing further makes sense.
    pub(crate) fn need(
        &mut self,
        check: Check,
        ok: bool,
        expected: impl ToString,
        found: impl ToString,
    ) -> Result<(), Stop> {
        if self.check(check, ok, expected, found) { Ok(()) } else { Err(Stop) }
    }

    /// Whether every condition so far holds.
    pub(crate) fn all_hold(&self) -> bool {
        self.findings.iter().all(|finding| finding.ok)
    }

    /// The findings in the order noted.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Names in certificates that nobody has verified yet may hold anything: only printable ASCII is shown.
fn printable(text: String) -> String {
    let shown = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    if text.chars().all(|c| shown(c) == c) { text } else { text.chars().map(shown).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_cannot_move_the_cursor() {
        let mut notes = Notes::default();
        notes.check(Check::CertificateNames, false, "SEV-VCEK", "\u{1b}[2Jtrusted\n\u{202e}ok");
        let finding = notes.into_findings().remove(0);
        assert_eq!(finding.found, "?[2Jtrusted??ok");
    }

    #[test]
    fn every_check_has_its_own_code() {
        let codes: std::collections::BTreeSet<_> = Check::ALL.iter().map(|check| check.as_str()).collect();
        assert_eq!(codes.len(), Check::ALL.len());
    }
}
