//! Runs tests by name and says how each ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::world::Verdict;

/// One test: its name and what it does.
pub(crate) type Test = (&'static str, fn() -> Verdict);

/// `tests![module: name, …]` names functions as they are called.
#[macro_export]
macro_rules! tests {
    ($module:literal: $($name:ident),* $(,)?) => {
        /// Every test of this file.
        pub(crate) const ALL: &[$crate::harness::Test] =
            &[$((concat!($module, "::", stringify!($name)), $name)),*];
    };
}

/// Runs those of the tests that the arguments name, or all.
pub(crate) fn run_all(situation: &str, tests: &[Test]) -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut failed = 0;
    for (name, test) in tests.iter().filter(|(name, _)| wanted(name)) {
        match catch_unwind(AssertUnwindSafe(test)) {
            Ok(Verdict::Held) => println!("test {situation} {name} ... ok"),
            Ok(Verdict::Skipped(why)) => println!("test {situation} {name} ... skipped: {why}"),
            Err(_) => {
                println!("test {situation} {name} ... FAILED");
                failed += 1;
            }
        }
    }
    ExitCode::from(u8::from(failed > 0))
}
