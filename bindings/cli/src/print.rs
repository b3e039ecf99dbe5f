//! Everything that reaches a terminal: for people or as JSON, with text from outside made harmless.

use std::fmt::{self, Display, Write as _};
use std::io::{self, IsTerminal, Write};

use prism_core::code::Code;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::exit::{Failure, Outcome};

/// Said on every print about a computation, a verdict or a log of the simulated platform.
pub(crate) const SIMULATED: &str = "SIMULATED: no hardware protects this data";

/// Results on stdout, notes and progress on stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    #[serde(flatten)]
    value: &'a T,
}

impl Printer {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether results are JSON.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Whether a progress bar has a terminal to live on.
    pub(crate) fn shows_bar(self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Whether programs read what is printed.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether progress is said at all.
    pub(crate) fn shows_progress(self) -> bool {
        !self.json && !self.quiet
    }

    /// Prints a result: one JSON object on one line, or its `Display`. A reader that has gone away changes nothing about
    /// how the command ends: a refusal that nobody reads is still one.
    pub(crate) fn show<T: Display + Serialize>(self, value: &T) -> Outcome {
        match self.follow(value) {
            Err(failure) if failure.is_silent() => Ok(()),
            shown => shown,
        }
    }

    /// Prints one of many results; without a reader there is no point in the next, and the command ends.
    pub(crate) fn follow<T: Display + Serialize>(self, value: &T) -> Outcome {
        let mut out = io::stdout().lock();
        let written = if self.json {
            let text = serde_json::to_string(&Document { schema: 1, value });
            let text = text.map_err(|e| Failure::new(Code::Internal, format!("expected printable JSON: {e}")))?;
            writeln!(out, "{text}")
        } else {
            let text = value.to_string();
            writeln!(out, "{}", paint(text.trim_end_matches('\n'), io::stdout().is_terminal()))
        };
        written.and_then(|()| out.flush()).map_err(|error| stdout_failed(&error))
    }

    /// Says aloud, before anything else, that a platform is simulated; in JSON every object says it itself.
    pub(crate) fn banner(self, simulated: bool) -> Outcome {
        if simulated && !self.json {
            let text = format!("{}\n", paint(SIMULATED, io::stdout().is_terminal()));
            return Self::raw(text.as_bytes());
        }
        Ok(())
    }

    /// Prints raw bytes that were asked for on stdout, such as a completion script.
    pub(crate) fn raw(bytes: &[u8]) -> Outcome {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| stdout_failed(&error))
    }

    /// Says something by the way, on stderr; not in JSON or quiet mode.
    pub(crate) fn note(self, text: impl Display) {
        if self.shows_progress() {
            complain(&paint(&text.to_string(), io::stderr().is_terminal()));
        }
    }
}

/// Writes one line to stderr; if even that fails there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn stdout_failed(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::silent();
    }
    Failure::new(Code::FileIo, format!("expected to write to the standard output, found: {error}"))
}

/// Simulation is said in red where there is colour.
fn paint(text: &str, terminal: bool) -> String {
    if terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        return text.replace(SIMULATED, &format!("\u{1b}[1;31m{SIMULATED}\u{1b}[0m"));
    }
    text.to_owned()
}

/// Text from outside, with everything escaped that could move a cursor, hide or reorder what is read.
pub(crate) struct Safe<'a> {
    text: &'a str,
    lines: bool,
}

impl<'a> Safe<'a> {
    /// Text that belongs on one line.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, lines: false }
    }

    /// Text that may hold line breaks of ours.
    pub(crate) fn lines(text: &'a str) -> Self {
        Self { text, lines: true }
    }
}

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            if (c == '\n' && self.lines) || !is_hazardous(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_unicode())?;
            }
        }
        Ok(())
    }
}

/// Controls, invisible and direction-changing characters (Unicode categories Cc, Zl, Zp and the Cf that mislead).
fn is_hazardous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A number of bytes for people: `412.6 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, UNITS[0]);
    for next in UNITS.into_iter().skip(1) {
        if tenths < 10 * 1024 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        rest => format!("{}.{rest} {unit}", tenths / 10),
    }
}

/// A moment for people: `2026-01-31T12:00:00Z`.
pub(crate) fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// A length of time for people: `2 h 5 min`.
pub(crate) fn span(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_mislead_are_escaped() {
        for c in ['\u{1b}', '\u{7}', '\r', '\n', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{e0041}']
        {
            let shown = Safe::new(&format!("a{c}b")).to_string();
            assert!(!shown.contains(c) && shown.starts_with("a\\u{"), "{shown:?}");
        }
        assert_eq!(Safe::new("Universitätsklinikum – α").to_string(), "Universitätsklinikum – α");
        assert_eq!(Safe::lines("a\nb\r").to_string(), "a\nb\\u{d}");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1024), "1 KiB");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(2 << 30), "2 GiB");
        assert_eq!(size(u64::MAX / 20), "838860.7 TiB");
        assert_eq!(span(0), "0 s");
        assert_eq!(span(7500), "2 h 5 min");
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
    }
}
