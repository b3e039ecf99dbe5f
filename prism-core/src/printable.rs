//! What people read: text from outside made harmless, and numbers, moments and sizes in words.

use std::fmt::{self, Display, Write as _};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::UnixSeconds;

/// Said on every print about a computation, a verdict or a log of a simulated machine.
pub const SIMULATED: &str = "SIMULATED: no hardware protects this data";

/// Whether every character of `text` can be printed without changing what stands around it, and it is one line.
///
/// Control characters (Cc), format characters such as bidirectional marks and zero-width joiners (Cf), line and
/// paragraph separators, private use and the replacement character are not printable here.
#[must_use]
pub fn is_printable_line(text: &str) -> bool {
    text.chars().all(is_printable)
}

fn is_printable(c: char) -> bool {
    let format = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}');
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    !c.is_control() && !format && !private
}

/// Text from outside, with everything escaped that could move a cursor, hide or reorder what is read.
///
/// ```
/// use prism_core::printable::Safe;
///
/// assert_eq!(Safe::new("h1\u{1b}[2J").to_string(), "h1\\u{1b}[2J");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Safe<'a> {
    text: &'a str,
    lines: bool,
}

impl<'a> Safe<'a> {
    /// Text that belongs on one line.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, lines: false }
    }

    /// Text that may hold line breaks of ours.
    #[must_use]
    pub fn lines(text: &'a str) -> Self {
        Self { text, lines: true }
    }
}

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            if (c == '\n' && self.lines) || is_printable(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_unicode())?;
            }
        }
        Ok(())
    }
}

/// A number of bytes for people: `412.6 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
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
#[must_use]
pub fn moment(seconds: UnixSeconds) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// A length of time for people: `2 h 5 min`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_could_deceive_is_not_printable() {
        for text in ["a\nb", "\u{1b}[2J", "a\u{202e}b", "\u{200b}", "a\u{85}b", "\u{feff}a", "\u{e0041}"] {
            assert!(!is_printable_line(text), "{text:?}");
        }
        assert!(is_printable_line("Hôpital Saint-Louis, Zürich – 東京"));
    }

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
