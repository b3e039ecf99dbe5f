//! Calls that wait: without the interpreter's lock, until they are done, the user interrupts, or a task is cancelled.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use prism_agent::client::blocking::Interrupt;
use prism_core::code::{Code, Coded};
use pyo3::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::fault::{fault, raised};

/// How often a waiting call asks whether to go on.
const ASK: Duration = Duration::from_millis(50);

thread_local! {
    /// What the next return to Python raises: an interrupt, or what a callback raised.
    static PENDING: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// The token under which this thread calls, if a task may cancel it.
    static TOKEN: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Lets another thread end a call that waits.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Cancel(Arc<AtomicBool>);

#[pymethods]
impl Cancel {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    /// Ends the call within 50 ms.
    fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls `work()`; what waits in it ends when `cancel` says so.
#[pyfunction]
pub(crate) fn cancellable<'py>(cancel: &Cancel, work: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let before = TOKEN.replace(Some(Arc::clone(&cancel.0)));
    let outcome = work.call0();
    TOKEN.set(before);
    outcome
}

/// What connections ask while they wait: a signal of the interpreter, a cancelled task, a callback that failed.
pub(crate) fn interrupt() -> Interrupt {
    Interrupt::when(|| if goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
}

fn goes_on() -> bool {
    let cancelled = TOKEN.with_borrow(|token| token.as_ref().is_some_and(|token| token.load(Ordering::Relaxed)));
    if cancelled || PENDING.with_borrow(Option::is_some) {
        return false;
    }
    let heard = |py: Python<'_>| py.check_signals().map_err(later).is_ok();
    Python::attach(heard)
}

/// Keeps what a callback raised until the call returns; the call ends soon.
pub(crate) fn later(error: PyErr) {
    PENDING.with_borrow_mut(|pending| {
        pending.get_or_insert(error);
    });
}

/// Waits for `work` without the interpreter's lock. Connections that wait in it have [`interrupt`].
pub(crate) fn wait<T: Send, E: Coded + Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    let outcome = py.detach(work);
    match PENDING.take() {
        Some(raised) => Err(raised),
        None => outcome.map_err(fault),
    }
}

/// Waits for work on files in a thread of its own, which heeds the token and tells how far it is.
pub(crate) fn labour<T: Send + 'static, E: Coded + Send + 'static>(
    py: Python<'_>,
    tell: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&CancellationToken, &mut (dyn FnMut(u64) + Send)) -> Result<T, E> + Send + 'static,
) -> PyResult<T> {
    let token = CancellationToken::new();
    let (send, news) = channel();
    let (mine, last) = (token.clone(), send.clone());
    let started = thread::Builder::new().name("prism-files".to_owned()).spawn(move || {
        let outcome = work(&mine, &mut |done| drop(send.send(News::Progress(done))));
        drop(last.send(News::Done(outcome)));
    });
    started.map_err(|error| raised(Code::Internal, &format!("expected a thread to work in, found: {error}"), None))?;
    let tell = tell.map(|tell| tell.clone().unbind());
    let outcome = py.detach(move || {
        loop {
            match news.recv_timeout(ASK) {
                Ok(News::Done(outcome)) => return Some(outcome),
                Ok(News::Progress(done)) => told(tell.as_ref(), done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            if !goes_on() {
                token.cancel();
                return None;
            }
        }
    });
    if let Some(raised) = PENDING.take() {
        return Err(raised);
    }
    match outcome {
        Some(outcome) => outcome.map_err(fault),
        None => Err(raised(Code::Cancelled, "cancelled by the caller", None)),
    }
}

enum News<T> {
    Progress(u64),
    Done(T),
}

fn told(tell: Option<&Py<PyAny>>, done: u64) {
    let Some(tell) = tell else { return };
    let called = Python::attach(|py| tell.call1(py, (done,)).map(drop));
    called.unwrap_or_else(later);
}

/// The process that an object was made in: threads, and with them every connection, end at a fork.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(process::id())
    }

    /// Refuses to work in a child of that process.
    pub(crate) fn require(self) -> PyResult<()> {
        if self.0 == process::id() {
            return Ok(());
        }
        let text = "expected the process that this connection was made in, found one that was forked from it; \
                    connect anew here, or start workers with multiprocessing.get_context(\"spawn\")";
        Err(raised(Code::Usage, text, None))
    }
}
