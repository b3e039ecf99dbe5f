//! `prism explain`: what an error code means, offline.

use std::fmt;

use clap::Args;
use prism_core::code::{Class, Code};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism explain manifest.approval-missing
  prism explain                                  every code there is";

/// The arguments of `prism explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// An error code, as it stands in `error[CODE]`; without it every code is listed
    code: Option<String>,
}

#[derive(Serialize)]
struct Row {
    code: &'static str,
    exit_code: u8,
    class: &'static str,
    meaning: &'static str,
    hint: &'static str,
}

#[derive(Serialize)]
struct List {
    codes: Vec<Row>,
}

impl Explain {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let Some(text) = self.code else {
            return printer.show(&List { codes: Code::ALL.iter().copied().map(row).collect() });
        };
        match text.parse().ok().map(row) {
            Some(row) => printer.show(&row),
            None => Err(Failure::usage(format!("expected one of Prism's error codes, found {text}"))
                .hint("`prism explain` lists every code")),
        }
    }
}

fn row(code: Code) -> Row {
    Row {
        code: code.as_str(),
        exit_code: code.class().exit_code(),
        class: class(code.class()),
        meaning: code.meaning(),
        hint: code.hint(),
    }
}

/// Who has to act, in words.
fn class(class: Class) -> &'static str {
    match class {
        Class::Usage => "usage",
        Class::Refused => "refused",
        Class::NotTrusted => "not trusted",
        Class::NotFound => "not found",
        Class::Unavailable => "unavailable",
        Class::RunFailed => "run failed",
        _ => "internal",
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (exit code {}: {})", self.code, self.exit_code, self.class)?;
        writeln!(f, "  {}", self.meaning)?;
        write!(f, "  hint: {}", self.hint)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.codes {
            writeln!(f, "{:28} exit {}  {}", row.code, row.exit_code, row.meaning)?;
        }
        Ok(())
    }
}
