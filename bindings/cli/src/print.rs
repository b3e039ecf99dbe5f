//! Everything that reaches a terminal: for people or as JSON, with text from outside made harmless.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use prism_core::code::Code;
pub(crate) use prism_core::printable::{SIMULATED, Safe, moment, size, span};
use serde::Serialize;

use crate::exit::{Failure, Outcome};

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
