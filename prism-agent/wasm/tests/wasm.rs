//! WebAssembly programs, honest and hostile, in the real sandbox: once in every situation that this machine can put the
//! agent in, and once through a whole agent.
//!
//! It has a `main` of its own because this program is also its own sandbox helper.
#![expect(clippy::print_stdout, reason = "a test program reports on stdout")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

#[path = "wasm/agent.rs"]
mod agent;
#[path = "../../tests/common/computation.rs"]
#[expect(dead_code, unreachable_pub, reason = "every test program uses another part")]
mod computation;
#[path = "wasm/contract.rs"]
mod contract;
#[path = "wasm/hostile.rs"]
mod hostile;
#[path = "wasm/limits.rs"]
mod limits;
#[path = "../../tests/client/people.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod people;
#[path = "wasm/program.rs"]
mod program;
#[path = "wasm/refused.rs"]
mod refused;
#[path = "wasm/room.rs"]
mod room;
#[path = "../../tests/sandbox/situation.rs"]
mod situation;
#[path = "../../tests/sandbox/world.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod world;

/// As the participants' own machines know it.
mod common {
    pub(crate) use crate::computation::{self, Computation};
}

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
    match Situation::of_this_process() {
        Some(situation) => {
            situation.enter();
            run_all(&situation.to_string(), &[contract::ALL, limits::ALL, hostile::ALL, refused::ALL].concat())
        }
        None if room::is_laid_out() => room::run_each(),
        None => {
            let whole = run_all("agent", agent::ALL);
            let each = room::run_each();
            if whole == ExitCode::SUCCESS { each } else { whole }
        }
    }
}

fn run_all(situation: &str, tests: &[Test]) -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut failed = 0;
    for (name, test) in tests.iter().filter(|(name, _)| wanted(name)) {
        match catch_unwind(AssertUnwindSafe(test)) {
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
