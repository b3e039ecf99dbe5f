//! Where work runs, and what ends it early: Ctrl-C, SIGTERM, and a terminal that goes away (SIGHUP).

use std::fs;
use std::mem;
use std::process;
use std::time::Duration;

use prism_agent::files::remove_drafts;
use prism_core::code::Code;
use rustix::process::Signal as Number;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::exit::{Failure, INTERRUPTED, Outcome};
use crate::print::{Printer, complain};

/// How long work in other threads may take to notice that it is over, and a last word to be read.
const GOODBYE: Duration = Duration::from_millis(500);

/// What holds when work is not waited for.
const SUDDEN: &str =
    "the file that was to be written is there and whole, or there is none: look, and begin again if not";

/// Runs `work` to its end, or until it is asked to stop; `left` then says what stays behind and how to go on.
pub(crate) fn run<T>(work: impl Future<Output = Outcome<T>>, left: &str) -> Outcome<T> {
    on_runtime(async {
        let asked = asked_to_stop()?;
        tokio::select! {
            outcome = work => outcome,
            () = asked => Err(Failure::interrupted(left)),
        }
    })
}

/// Does `work` on this thread. Asked to stop, it is waited for until it has heeded the token, or is past that: what it
/// says then is what was really done, and `left` what an end before that leaves. Asked once more, the command ends at
/// once.
pub(crate) fn heeding<T>(
    work: impl FnOnce(&CancellationToken) -> Outcome<T>,
    left: &str,
    printer: Printer,
) -> Outcome<T> {
    let runtime = started(Builder::new_multi_thread().worker_threads(1).enable_all().build())?;
    let cancel = CancellationToken::new();
    let stops = {
        let _inside = runtime.enter();
        Stops::listen()?
    };
    runtime.spawn(stop(stops, cancel.clone(), printer));
    let outcome = work(&cancel);
    // It is listened to the end: whoever reads what is said last may have stopped reading.
    mem::forget(runtime);
    match outcome {
        Err(failure) if failure.code() == Code::Cancelled => Err(Failure::interrupted(left)),
        outcome => outcome,
    }
}

async fn stop(mut stops: Stops, cancel: CancellationToken, printer: Printer) {
    stops.next().await;
    cancel.cancel();
    // On threads of their own: whoever reads this may have stopped reading.
    let said = spawn_blocking(move || printer.note("stopping, as soon as the disk lets go; Ctrl-C again ends at once"));
    stops.next().await;
    remove_drafts();
    drop(said);
    let last = Failure::interrupted(SUDDEN).render(printer.is_json()).unwrap_or_default();
    let _ = timeout(GOODBYE, spawn_blocking(move || complain(&last))).await;
    process::exit(i32::from(INTERRUPTED));
}

/// Runs `work` to its end on a runtime of its own.
pub(crate) fn on_runtime<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = started(Builder::new_multi_thread().enable_all().build())?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(GOODBYE);
    // A thread that is still at work ends with the process, and its file with it.
    remove_drafts();
    outcome
}

fn started(runtime: std::io::Result<Runtime>) -> Outcome<Runtime> {
    runtime.map_err(|error| {
        Failure::new(Code::Internal, format!("expected threads of the system to work in, found: {error}"))
    })
}

/// Comes true when the command is asked to stop from now on; that does not kill the process any more.
pub(crate) fn asked_to_stop() -> Outcome<impl Future<Output = ()>> {
    let mut stops = Stops::listen()?;
    Ok(async move { stops.next().await })
}

/// What asks a command to stop.
struct Stops {
    interrupt: Signal,
    terminate: Signal,
    /// Nothing for a command that `nohup` started: it is meant to outlive its terminal.
    hangup: Option<Signal>,
}

impl Stops {
    fn listen() -> Outcome<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Code::Internal, format!("expected to hear signals, found: {error}")))
        };
        let hangup = if is_ignored(Number::HUP) { None } else { Some(listen(SignalKind::hangup())?) };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())?, hangup })
    }

    async fn next(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hung_up => {}
        }
    }
}

/// Whether the process was started with this signal ignored, as `/proc/[pid]/status` tells (proc(5), `SigIgn`).
fn is_ignored(signal: Number) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal.as_raw() - 1) & 1 == 1
}

/// A file that would outgrow a limit of the process (`ulimit -f`) is an error of the write from now on, and not the end of
/// the process. What it executes does not inherit that.
pub(crate) fn outlive_file_limit() {
    // Whom the signal is told does not matter: that it is listened to lasts as long as the process.
    if let Ok(runtime) = Builder::new_current_thread().enable_io().build() {
        let _inside = runtime.enter();
        let _ = signal(SignalKind::from_raw(Number::XFSZ.as_raw()));
    }
}
