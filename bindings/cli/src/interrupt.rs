//! Where asynchronous work runs, and what Ctrl-C does to it.

use std::time::Duration;

use prism_core::code::Code;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Failure, Outcome};

/// How long work in other threads may take to notice that it is over.
const GOODBYE: Duration = Duration::from_millis(500);

/// Runs `work` to its end, or until Ctrl-C or SIGTERM; `left` then says what stays behind and how to go on.
pub(crate) fn run<T>(work: impl Future<Output = Outcome<T>>, left: &str) -> Outcome<T> {
    on_runtime(async {
        let asked = asked_to_stop()?;
        tokio::select! {
            outcome = work => outcome,
            () = asked => Err(Failure::interrupted(left)),
        }
    })
}

/// Runs `work` to its end on a runtime of its own.
pub(crate) fn on_runtime<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(Code::Internal, format!("expected threads of the system to work in, found: {error}"))
    })?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(GOODBYE);
    outcome
}

/// Comes true at the first Ctrl-C or SIGTERM from now on; they do not kill the process any more.
pub(crate) fn asked_to_stop() -> Outcome<impl Future<Output = ()>> {
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::new(Code::Internal, format!("expected to hear signals, found: {error}")))
    };
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
