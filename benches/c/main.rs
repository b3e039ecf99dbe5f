//! What the C header costs: a warm verdict and an upload through `libprism.so`, called by a program in C, against the same
//! calls in Rust. Both have their turn in every round.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to measure; its lines are what it is for"
)]

#[path = "../../prism-agent/tests/common/mod.rs"]
mod common;
mod upload;
mod verify;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

fn main() {
    prism_agent::runner::helper_main_if_asked();
    // `cargo test --benches` only wants to know that it builds and starts.
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    if let Some(turn) = upload::Turn::asked() {
        return turn.take();
    }
    let place = env::var_os("PRISM_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let place = tempfile::tempdir_in(place).unwrap();
    let calls = compiled(place.path());
    verify::run(&calls, place.path());
    upload::run(&calls, place.path());
}

/// The C program, linked with the library that was built with this one.
fn compiled(place: &Path) -> PathBuf {
    let (here, program) = (Path::new(env!("CARGO_MANIFEST_DIR")), place.join("calls"));
    let library = env::current_exe().unwrap().with_file_name("libprism.so");
    let links = place.join("lib");
    std::fs::create_dir(&links).unwrap();
    for name in ["libprism.so", "libprism.so.1"] {
        std::os::unix::fs::symlink(&library, links.join(name)).unwrap();
    }
    let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"]).arg("-I").arg(here.join("../bindings/c/include"));
    cc.arg(here.join("c/calls.c")).arg("-o").arg(&program).arg("-L").arg(&links).arg("-lprism");
    cc.arg(format!("-Wl,-rpath,{}", links.display()));
    assert!(cc.status().unwrap().success(), "{cc:?}");
    program
}

/// The C program as it waits for turns.
struct Calls {
    child: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Calls {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, says) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, says }
    }

    fn ask(&mut self) {
        self.asks.write_all(b"turn\n").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.says.read_line(&mut line).unwrap() > 0, "the C program has ended");
        line.trim().to_owned()
    }

    fn end(self) {
        let Self { mut child, asks, .. } = self;
        drop(asks);
        assert!(child.wait().unwrap().success());
    }
}

/// Prints what two ways cost and their ratio.
fn report(what: &str, unit: &str, (rust, c): (f64, f64), target: &str) {
    println!("{what}\n  Rust {rust:10.1} {unit}\n  C    {c:10.1} {unit}   {:.3} of Rust  ({target})", c / rust);
}
