//! How the command ends: one failure type, one exit code for each class, one hint for each code.

use std::fmt::Write as _;

use prism_core::code::{Code, Coded, message};
use serde::Serialize;

use crate::print::Safe;

/// The exit code of a command that was asked to stop, by Ctrl-C, SIGTERM or SIGHUP, as shells know it.
pub(crate) const INTERRUPTED: u8 = 130;

/// What every command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what was asked: what, and what to do now.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
    how: How,
}

#[derive(Debug, PartialEq, Eq)]
enum How {
    Said,
    Interrupted,
    Silent,
}

impl Failure {
    /// A failure with the hint that belongs to its code.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, how: How::Said }
    }

    /// A wrong argument.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// Ctrl-C: `left` says what stays behind and how to go on.
    pub(crate) fn interrupted(left: impl Into<String>) -> Self {
        let mut failure = Self::new(Code::Cancelled, "interrupted").hint(left);
        failure.how = How::Interrupted;
        failure
    }

    /// Whoever read our output went away (`prism … | head`): nothing is left to say.
    pub(crate) fn silent() -> Self {
        Self { code: Code::FileIo, message: String::new(), hint: None, how: How::Silent }
    }

    /// Whether it is only that nobody reads any more.
    pub(crate) fn is_silent(&self) -> bool {
        self.how == How::Silent
    }

    /// A better hint than the table's.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says first where or while doing what this happened.
    pub(crate) fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Says more about it, on lines of its own.
    pub(crate) fn more(mut self, text: &str) -> Self {
        self.message = format!("{}\n{text}", self.message);
        self
    }

    /// The stable code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do now.
    pub(crate) fn advice(&self) -> &str {
        self.hint.as_deref().unwrap_or_else(|| self.code.hint())
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.how {
            How::Said => self.code.class().exit_code(),
            How::Interrupted => INTERRUPTED,
            How::Silent => 0,
        }
    }

    /// What goes to stderr, without the last line break; nothing for a silent failure.
    pub(crate) fn render(&self, json: bool) -> Option<String> {
        if self.how == How::Silent {
            return None;
        }
        let hint = self.advice();
        if json {
            let error = Body { code: self.code.as_str(), message: &self.message, hint };
            return serde_json::to_string(&Envelope { error }).ok();
        }
        let mut text = format!("error[{}]: {}", self.code, Safe::lines(&self.message));
        if !hint.is_empty() {
            let _ = write!(text, "\nhint: {}", Safe::lines(hint));
        }
        Some(text)
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

impl<E: Coded + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.code(), message(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_code_message_and_hint() {
        let failure = Failure::new(Code::FileMissing, "expected a file at x, found none");
        assert_eq!(failure.exit_code(), 5);
        let text = failure.render(false).unwrap();
        assert!(text.starts_with("error[file.missing]: expected a file at x, found none\nhint: "), "{text}");
        let json: serde_json::Value = serde_json::from_str(&failure.render(true).unwrap()).unwrap();
        assert_eq!(json["error"]["code"], "file.missing");
    }

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        let failure = Failure::new(Code::Internal, "a\u{1b}[2Jb\u{202e}c");
        let text = failure.render(false).unwrap();
        assert!(text.contains("a\\u{1b}[2Jb\\u{202e}c"), "{text}");
    }

    #[test]
    fn an_interruption_ends_with_130() {
        assert_eq!(Failure::interrupted("go on").exit_code(), 130);
    }
}
