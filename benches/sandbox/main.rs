//! What the sandbox costs: a program that does nothing, executed plainly and in every layer that this machine has, in
//! turns, by the clock. Once more while this process holds a GiB, as an agent might.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

mod kept;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use prism_agent::runner::{Interpreter, Progress, Python, Requirements, RunSpec, Runtime, run};
use prism_benches::{Medians, Turns};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Executions in one turn.
const TIMES: u32 = 20;

/// What an agent might hold.
const BALLAST: usize = 1 << 30;

fn main() {
    prism_agent::runner::helper_main_if_asked();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("true");
    std::fs::copy("/bin/true", &program).unwrap();
    println!("{}", runtime.block_on(layers(place.path(), &program)));
    let (plain, idle) = measure(&runtime, place.path(), &program);
    println!("an agent that holds nothing\n{}", report(plain, idle));
    let ballast: Vec<u8> = (0..BALLAST).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let (plain, loaded) = measure(&runtime, place.path(), &program);
    println!("an agent that holds {} MiB\n{}", black_box(&ballast).len() >> 20, report(plain, loaded));
    kept::measure(&runtime, place.path());
    workers(&runtime, place.path());
}

/// Four worker processes that pass batches through shared memory, as a loader of training data does, and arithmetic in
/// every one of them.
const WORKERS: &str = r#"
import multiprocessing

context = multiprocessing.get_context("fork")
slots = [context.RawArray("B", 1 << 20) for _ in range(8)]

def batch(number):
    slot, total = slots[number % 8], 0
    for i in range(200_000):
        total = (total * 31 + i * number) % 1_000_003
        slot[i] = total % 251
    return number, total

if __name__ == "__main__":
    total = 0
    with context.Pool(4) as pool:
        for number, part in pool.imap(batch, range(40)):
            total += part + slots[number % 8][0]
    assert total > 0
"#;

/// The same script plainly and in the sandbox: all of it, the interpreter's start included.
fn workers(runtime: &tokio::runtime::Runtime, place: &Path) {
    let script = place.join("workers.py");
    std::fs::write(&script, WORKERS).unwrap();
    let interpreter = runtime.block_on(Interpreter::find(None)).unwrap();
    let program = interpreter.executable.clone();
    let mut turns = Turns::default();
    let plain = turns.add("four workers, plainly", || {
        let status = runtime.block_on(async { Command::new(&program).arg("-I").arg(&script).status().await.unwrap() });
        assert!(status.success());
    });
    let number = std::cell::Cell::new(0_u32);
    let sandbox = turns.add("four workers, in the sandbox", || {
        number.set(number.get() + 1);
        let python = Python::new(interpreter.clone(), Requirements::None);
        let work = place.join(format!("workers-{}", number.get()));
        runtime.block_on(sandboxed(RunSpec::new(work, &script, Runtime::Python(python))));
    });
    let medians = turns.measure();
    let wall = |index: usize| medians[index].wall.as_secs_f64();
    let ratio = medians[sandbox].over(medians[plain]);
    println!(
        "{medians}  processor time {ratio:.2}, wall {:.2} of plain (target: at most 1.02)",
        wall(sandbox) / wall(plain)
    );
}

fn report(plain: f64, sandbox: f64) -> String {
    let more = sandbox - plain;
    format!("  plainly {plain:5.2} ms, in the sandbox {sandbox:5.2} ms: {more:5.2} ms more (target: at most 12)\n")
}

/// Milliseconds by the clock for one execution: plainly, and in the sandbox.
fn measure(runtime: &tokio::runtime::Runtime, place: &Path, program: &Path) -> (f64, f64) {
    let mut turns = Turns::default();
    let plain = turns.add("plainly", || (0..TIMES).for_each(|_| runtime.block_on(plainly(program))));
    let number = std::cell::Cell::new(0_u32);
    let sandbox = turns.add("in the sandbox", || {
        for _ in 0..TIMES {
            number.set(number.get() + 1);
            runtime.block_on(sandboxed(spec(&place.join(format!("run-{}", number.get())), program)));
        }
    });
    let medians: Medians = turns.measure();
    let each = |index: usize| medians[index].wall.as_secs_f64() * 1e3 / f64::from(TIMES);
    (each(plain), each(sandbox))
}

async fn plainly(program: &Path) {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert!(command.output().await.unwrap().status.success());
}

fn spec(work: &Path, program: &Path) -> RunSpec {
    RunSpec::new(PathBuf::from(work), program, Runtime::Binary)
}

async fn sandboxed(spec: RunSpec) {
    let work = spec.work.clone();
    let outcome = run(spec, &mut |_| {}, CancellationToken::new()).await.unwrap();
    let said = std::fs::read_to_string(&outcome.stderr.path).unwrap();
    assert!(outcome.end.is_success(), "{}: {said}", outcome.end);
    drop(outcome);
    std::fs::remove_dir_all(work).unwrap();
}

/// What every layer is on this machine: the figures are of these.
async fn layers(place: &Path, program: &Path) -> String {
    let mut report = String::new();
    let mut told = |progress: Progress<'_>| {
        if let Progress::Starting(layers) = progress {
            report = layers.to_string();
        }
    };
    run(spec(&place.join("layers"), program), &mut told, CancellationToken::new()).await.unwrap();
    report
}
