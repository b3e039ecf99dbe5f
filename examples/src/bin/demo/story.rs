//! What people read while the demo runs.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use prism_examples::room::Narrator;

/// Prints one line. If nobody reads any more, the demo still goes on to its end.
pub(crate) fn line(text: &str) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints one line to standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Begins a part: what happens, and why it is done.
pub(crate) fn chapter(title: &str, why: &str) {
    let (bold, plain) = if stdout().is_terminal() { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    line(&format!("\n{bold}{title}{plain}\n  {why}"));
}

/// Says what somebody did.
pub(crate) fn act(who: &str, what: &str) {
    line(&format!("  {who:<11} {what}"));
}

/// Says something about the demo itself.
pub(crate) fn aside(what: &str) {
    line(&format!("  ({what})"));
}

/// Tells every act as it happens.
pub(crate) struct Aloud;

impl Narrator for Aloud {
    fn act(&mut self, who: &str, what: &str) {
        act(who, what);
    }
}
