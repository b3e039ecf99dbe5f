//! Whole computations: from the last asset to the last confirmation, with real processes.
//!
//! It has a `main` of its own because this program is also its own sandbox helper.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test program reports on stdout")]

mod common;

#[path = "client/cable.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod cable;
#[path = "run/delivery.rs"]
mod delivery;
#[path = "run/demands.rs"]
mod demands;
#[path = "run/endings.rs"]
mod endings;
#[path = "run/hostile.rs"]
mod hostile;
#[path = "run/images.rs"]
mod images;
#[path = "run/lines.rs"]
mod lines;
#[path = "image/root.rs"]
mod root;
#[path = "run/scene.rs"]
mod scene;
#[path = "run/stops.rs"]
mod stops;
#[path = "run/unpacking.rs"]
mod unpacking;
#[path = "run/volume.rs"]
mod volume;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// One test: its name and what it does.
type Test = (&'static str, fn());

/// Names asynchronous functions as tests.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        /// Every test of this file.
        pub(crate) const ALL: &[$crate::Test] = &[$((stringify!($name), || $crate::block_on($name()))),*];
    };
}

pub(crate) fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

/// Set where this program runs with a directory for temporary files of its own.
const APART: &str = "PRISM_TEST_APART";

/// Runs this program again with such a directory: whatever is left in it, this program left.
fn apart() -> ExitCode {
    let reachable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    let dir = tempfile::Builder::new().permissions(reachable).tempdir().unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(std::env::args_os().skip(1)).env("TMPDIR", dir.path()).env(APART, "1");
    ExitCode::from(u8::from(!command.status().unwrap().success()))
}

fn main() -> ExitCode {
    prism_agent::runner::helper_main_if_asked();
    if std::env::var_os(APART).is_none() {
        return apart();
    }
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut failed = 0;
    for (name, test) in [
        volume::ALL,
        lines::ALL,
        delivery::ALL,
        demands::ALL,
        endings::ALL,
        unpacking::ALL,
        stops::ALL,
        hostile::ALL,
        images::ALL,
    ]
    .concat()
    .into_iter()
    .filter(|(name, _)| wanted(name))
    {
        let held = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if held { "ok" } else { "FAILED" });
        failed += u32::from(!held);
    }
    println!("test result: {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
