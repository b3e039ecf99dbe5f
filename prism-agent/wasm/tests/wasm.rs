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
#[path = "../../tests/sandbox/harness.rs"]
mod harness;
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

use std::process::ExitCode;

use harness::run_all;
use situation::Situation;

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
