//! Whole computations: the real agent, the real sandbox, the real client, and deaths at every state.
//!
//! It has a `main` of its own because this program is also the sandbox helper, and the agents and clients that are killed.
#![expect(clippy::print_stdout, reason = "a test program reports on stdout")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

#[path = "end_to_end/deaths.rs"]
mod deaths;
#[path = "end_to_end/disks.rs"]
mod disks;
#[path = "end_to_end/endings.rs"]
mod endings;
#[path = "end_to_end/faults.rs"]
mod faults;
#[cfg(feature = "pull")]
#[path = "pull/kbs.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod kbs;
#[path = "end_to_end/leftovers.rs"]
mod leftovers;
#[path = "end_to_end/machines.rs"]
mod machines;
#[path = "client/people.rs"]
mod people;
#[path = "end_to_end/processes.rs"]
mod processes;
#[cfg(feature = "pull")]
#[path = "end_to_end/pulled.rs"]
mod pulled;
#[path = "end_to_end/readers.rs"]
mod readers;
#[cfg(feature = "pull")]
#[path = "pull/s3.rs"]
mod s3;
#[path = "end_to_end/scene.rs"]
mod scene;
#[cfg(feature = "pull")]
#[path = "pull/shop.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod shop;
#[cfg(feature = "pull")]
#[path = "pull/tls.rs"]
mod tls;
#[path = "end_to_end/unlogged.rs"]
mod unlogged;
#[cfg(feature = "pull")]
#[path = "end_to_end/unsaid.rs"]
mod unsaid;
#[path = "end_to_end/whole.rs"]
mod whole;

use std::panic::catch_unwind;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

/// No computation here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

type Running = Pin<Box<dyn Future<Output = ()>>>;
type Test = (&'static str, fn() -> Running);

/// `tests![module: name, …]` names functions as they are called.
#[macro_export]
macro_rules! tests {
    ($module:literal: $($name:ident),* $(,)?) => {
        /// Every test of this file.
        pub(crate) const ALL: &[$crate::Test] =
            &[$((concat!($module, "::", stringify!($name)), || Box::pin($name()))),*];
    };
}

fn main() -> ExitCode {
    prism_agent::runner::helper_main_if_asked();
    processes::play_a_part_if_asked();
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut failed = 0;
    #[cfg(feature = "pull")]
    let pulled = [pulled::ALL, unsaid::ALL].concat();
    #[cfg(not(feature = "pull"))]
    let pulled: Vec<Test> = Vec::new();
    let ended = [endings::ALL, readers::ALL, deaths::ALL, leftovers::ALL, unlogged::ALL].concat();
    for (name, test) in [whole::ALL, machines::ALL, &ended, disks::ALL, faults::ALL, &pulled].concat() {
        if !wanted(name) {
            continue;
        }
        let outcome = catch_unwind(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async { tokio::time::timeout(PATIENCE, test()).await.expect("took too long") });
        });
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failed += u8::from(outcome.is_err());
    }
    ExitCode::from(failed.min(1))
}
