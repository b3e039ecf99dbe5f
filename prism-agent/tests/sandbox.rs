//! Hostile and honest programs in the real sandbox, once in every situation that this machine can put the agent in:
//! as root, as an ordinary user, and both again as in a container that permits no namespaces.
//!
//! It has a `main` of its own because this program is also its own sandbox helper.
#![expect(clippy::print_stdout, reason = "a test program reports on stdout")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

#[path = "sandbox/contract.rs"]
mod contract;
#[path = "sandbox/harness.rs"]
mod harness;
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

use std::process::ExitCode;

use harness::run_all;
use situation::Situation;

fn main() -> ExitCode {
    prism_agent::runner::helper_main_if_asked();
    life::agent_main_if_asked();
    match Situation::of_this_process() {
        Some(situation) => run_in(situation),
        None => situation::run_each(),
    }
}

fn run_in(situation: Situation) -> ExitCode {
    situation.enter();
    let programs = [contract::ALL, programs::ALL, images::ALL, packages::ALL, wheels::ALL, kept::ALL].concat();
    run_all(&situation.to_string(), &[hostile::ALL, limits::ALL, life::ALL, &programs].concat())
}
