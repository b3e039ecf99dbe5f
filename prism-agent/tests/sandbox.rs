//! Hostile and honest programs in the real sandbox, once in every situation that this machine can put the agent in:
//! as root, as an ordinary user, and both again as in a container that permits no namespaces.
//!
//! It has a `main` of its own because this program is also its own sandbox helper.
#![expect(clippy::print_stdout, reason = "a test program reports on stdout")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

#[path = "sandbox/contract.rs"]
mod contract;
#[path = "sandbox/hostile.rs"]
mod hostile;
#[path = "sandbox/images.rs"]
mod images;
#[path = "sandbox/kept.rs"]
mod kept;
#[path = "sandbox/life.rs"]
mod life;
#[path = "sandbox/limits.rs"]
mod limits;
#[path = "sandbox/packages.rs"]
mod packages;
#[path = "sandbox/programs.rs"]
mod programs;
#[path = "image/root.rs"]
mod root;
#[path = "index/shelf.rs"]
#[expect(dead_code, reason = "the tests of the index plan more")]
mod shelf;
#[path = "sandbox/situation.rs"]
mod situation;
#[path = "pull/tls.rs"]
mod tls;
#[path = "sandbox/wheel.rs"]
mod wheel;
#[path = "sandbox/wheels.rs"]
mod wheels;
#[path = "sandbox/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use situation::Situation;

/// One test: its name and what it does.
type Test = (&'static str, fn() -> world::Verdict);

/// `tests![module: name, …]` names functions as they are called.
#[macro_export]
macro_rules! tests {
    ($module:literal: $($name:ident),* $(,)?) => {
        /// Every test of this file.
        pub(crate) const ALL: &[$crate::Test] = &[$((concat!($module, "::", stringify!($name)), $name)),*];
    };
}

fn main() -> ExitCode {
    prism_agent::runner::helper_main_if_asked();
    life::agent_main_if_asked();
    match Situation::of_this_process() {
        Some(situation) => run_all(situation),
        None => situation::run_each(),
    }
}

fn run_all(situation: Situation) -> ExitCode {
    situation.enter();
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let all =
        [contract::ALL, hostile::ALL, limits::ALL, life::ALL, packages::ALL, programs::ALL, wheels::ALL, kept::ALL]
            .concat();
    let all = [all.as_slice(), images::ALL].concat();
    let mut failed = 0;
    for (name, test) in all.into_iter().filter(|(name, _)| wanted(name)) {
        let verdict = catch_unwind(AssertUnwindSafe(test));
        match verdict {
            Ok(world::Verdict::Held) => println!("test {situation} {name} ... ok"),
            Ok(world::Verdict::Skipped(why)) => println!("test {situation} {name} ... skipped: {why}"),
            Err(_) => {
                println!("test {situation} {name} ... FAILED");
                failed += 1;
            }
        }
    }
    ExitCode::from(u8::from(failed > 0))
}
