//! Findings: one line for each condition that was looked at, met or not.

mod checks;

use std::fmt::{self, Display, Write as _};

use serde::{Serialize, Serializer};

pub use self::checks::{Check, Stage};

/// One condition that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding<'a> {
    /// Which condition.
    pub check: Check,
    /// Whether it holds.
    pub ok: bool,
    /// What was expected.
    pub expected: &'a str,
    /// What was found.
    pub found: &'a str,
    /// The policy's profile that asks for it, counted from 0; conditions of every machine have none.
    pub profile: Option<usize>,
}

impl Serialize for Finding<'_> {
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
        let Self { check, ok, expected, found, profile } = *self;
        Line { ok, stage: check.stage(), code: check, expected, found, profile }.serialize(serializer)
    }
}

impl Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ok {
            write!(f, "ok    {:28} {}", self.check, self.found)
        } else {
            write!(f, "FAIL  {:28} expected {}, found {}", self.check, self.expected, self.found)
        }
    }
}

/// Findings in the order noted. One buffer holds the text of all of them, so that a verdict costs few allocations.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Findings {
    text: String,
    lines: Vec<Line>,
}

/// A finding whose texts lie one after the other in the buffer: `start..middle` expected, `middle..end` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    check: Check,
    ok: bool,
    profile: Option<usize>,
    start: usize,
    middle: usize,
    end: usize,
}

impl Findings {
    /// Every finding.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Finding<'_>> + ExactSizeIterator + Clone {
        self.lines.iter().map(|line| self.read(*line))
    }

    /// The number of findings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing was looked at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The last finding: where a verification ended.
    #[must_use]
    pub fn last(&self) -> Option<Finding<'_>> {
        self.lines.last().map(|line| self.read(*line))
    }

    /// The conditions that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = Finding<'_>> {
        self.iter().filter(|finding| !finding.ok)
    }

    fn read(&self, line: Line) -> Finding<'_> {
        let Line { check, ok, profile, start, middle, end } = line;
        let text = |from, to| self.text.get(from..to).unwrap_or_default();
        Finding { check, ok, expected: text(start, middle), found: text(middle, end), profile }
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Room for the findings of a whole verdict, so that they are written without moving.
const TEXT_ROOM: usize = 16 * 1024;
const LINES_ROOM: usize = 128;

/// The findings so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    findings: Findings,
    profile: Option<usize>,
}

/// Verification ends here; the last finding says why.
#[derive(Debug)]
pub(crate) struct Stop;

impl Notes {
    /// Notes that go on after these, with room for a whole verdict.
    pub(crate) fn after(earlier: &Findings) -> Self {
        let mut findings = Findings {
            text: String::with_capacity(earlier.text.len() + TEXT_ROOM),
            lines: Vec::with_capacity(earlier.lines.len() + LINES_ROOM),
        };
        findings.text.push_str(&earlier.text);
        findings.lines.extend_from_slice(&earlier.lines);
        Self { findings, profile: None }
    }

    /// Notes a condition and returns whether it holds.
    pub(crate) fn check(&mut self, check: Check, ok: bool, expected: impl Display, found: impl Display) -> bool {
        let start = self.findings.text.len();
        let middle = self.write(expected);
        let end = self.write(found);
        self.findings.lines.push(Line { check, ok, profile: self.profile, start, middle, end });
        ok
    }

    /// Notes a condition without which nothing further makes sense.
    pub(crate) fn need(
        &mut self,
        check: Check,
        ok: bool,
        expected: impl Display,
        found: impl Display,
    ) -> Result<(), Stop> {
        if self.check(check, ok, expected, found) { Ok(()) } else { Err(Stop) }
    }

    /// Notes the conditions of the policy's profile with this number, and returns whether all of them hold.
    pub(crate) fn of_profile(&mut self, profile: usize, conditions: impl FnOnce(&mut Self)) -> bool {
        let before = self.findings.lines.len();
        self.profile = Some(profile);
        conditions(self);
        self.profile = None;
        self.findings.lines.iter().skip(before).all(|line| line.ok)
    }

    /// How many findings there are.
    pub(crate) fn len(&self) -> usize {
        self.findings.len()
    }

    /// Forgets the findings from number `from` to before number `to`.
    pub(crate) fn forget(&mut self, from: usize, to: usize) {
        let to = to.min(self.findings.lines.len());
        self.findings.lines.drain(from.min(to)..to);
    }

    /// The findings in the order noted.
    pub(crate) fn into_findings(self) -> Findings {
        self.findings
    }

    /// Appends what can be shown of a value, and says where it ends.
    fn write(&mut self, value: impl Display) -> usize {
        // Writing into a String cannot fail; a value that cannot be shown is shown as far as it goes.
        let _ = write!(Printable(&mut self.findings.text), "{value}");
        self.findings.text.len()
    }
}

/// Names in certificates that nobody has verified yet may hold anything: only printable ASCII is shown.
struct Printable<'t>(&'t mut String);

impl fmt::Write for Printable<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~');
        if text.as_bytes().iter().all(plain) {
            self.0.push_str(text);
        } else {
            self.0.extend(text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }));
        }
        Ok(())
    }
}

/// Values as alternatives: `a or b or c`.
pub(crate) fn alternatives<I>(values: I) -> impl Display
where
    I: Iterator<Item: Display> + Clone,
{
    fmt::from_fn(move |f| {
        for (at, value) in values.clone().enumerate() {
            write!(f, "{}{value}", if at == 0 { "" } else { " or " })?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_cannot_move_the_cursor() {
        let mut notes = Notes::default();
        notes.check(Check::CertificateNames, false, "SEV-VCEK", "\u{1b}[2Jtrusted\n\u{202e}ok");
        let findings = notes.into_findings();
        assert_eq!(findings.last().unwrap().found, "?[2Jtrusted??ok");
        assert!(!findings.is_empty() && Findings::default().is_empty());
    }

    #[test]
    fn every_check_has_its_own_code() {
        let codes: std::collections::BTreeSet<_> = Check::ALL.iter().map(|check| check.as_str()).collect();
        assert_eq!(codes.len(), Check::ALL.len());
    }
}
