//! Ctrl-C and `kill` end the programs that a scenario started before they end the scenario.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// The running children, by process id.
static CHILDREN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A running child. While this value lives, a signal to us also ends the child.
#[derive(Debug)]
pub struct Watched(i32);

impl Watched {
    /// Watches over a child that was just started.
    #[must_use]
    pub fn new(child: &std::process::Child) -> Self {
        let pid = i32::try_from(child.id()).unwrap_or(0);
        with_children(|children| children.insert(pid));
        Self(pid)
    }

    /// Asks the child to end (SIGTERM). It may take its time.
    pub fn ask_to_end(&self) {
        send(self.0, Signal::TERM);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        with_children(|children| children.remove(&self.0));
    }
}

fn with_children<T>(act: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    act(&mut CHILDREN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid).filter(|pid| pid.as_raw_nonzero().get() > 1) {
        // The child may have ended by itself; there is nothing to do then.
        let _ = kill_process(pid, signal);
    }
}

/// Asks every child that still runs to end.
pub fn end_children() {
    with_children(|children| children.iter().for_each(|pid| send(*pid, Signal::TERM)));
}

/// From now on SIGINT and SIGTERM end all children, then run `farewell`, then end this process with exit code 130.
///
/// # Errors
/// When no thread or signal handler can be set up.
pub fn install(farewell: fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        end_children();
        farewell();
        std::process::exit(130);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}
