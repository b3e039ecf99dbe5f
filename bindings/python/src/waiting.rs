//! Calls that wait: without the interpreter's lock, until they are done, the user interrupts, a task is cancelled or a
//! deadline passes.

use std::cell::{Cell, RefCell};
use std::mem;
use std::ops::ControlFlow;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prism_agent::client::blocking::Interrupt;
use prism_agent::client::{Listener, Notice};
use prism_core::code::{Code, Coded};
use pyo3::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::fault::{deadline_passed, fault, raised, usage};

/// How often a waiting call asks whether to go on.
const ASK: Duration = Duration::from_millis(20);

/// The longest deadline that means anything, in seconds: about 30 years.
const LONGEST: f64 = 1e9;

thread_local! {
    /// What the next return to Python raises: an interrupt, or what a callback raised.
    static PENDING: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// The token under which this thread calls, if a task may cancel it.
    static TOKEN: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
    /// When this thread's calls have to be done, if ever.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
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

/// Calls `work()`; what waits in it ends when `seconds` have passed, or when an outer deadline has.
#[pyfunction]
pub(crate) fn within<'py>(seconds: f64, work: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(usage("expected a number of seconds, not negative and at most 1e9, found another"));
    }
    let mine = Instant::now() + Duration::from_secs_f64(seconds);
    let before = DEADLINE.get();
    DEADLINE.set(Some(before.map_or(mine, |outer| outer.min(mine))));
    let outcome = work.call0();
    DEADLINE.set(before);
    outcome
}

fn goes_on() -> bool {
    let cancelled = TOKEN.with_borrow(|token| token.as_ref().is_some_and(|token| token.load(Ordering::Relaxed)));
    if cancelled || PENDING.with_borrow(Option::is_some) {
        return false;
    }
    if DEADLINE.get().is_some_and(|deadline| Instant::now() >= deadline) {
        later(deadline_passed());
        return false;
    }
    // An interpreter that shuts down has nobody left who waits.
    Python::try_attach(|py| py.check_signals().map_err(later).is_ok()).unwrap_or(false)
}

/// Keeps what a callback raised until the call returns; the call ends soon.
pub(crate) fn later(error: PyErr) {
    PENDING.with_borrow_mut(|pending| {
        pending.get_or_insert(error);
    });
}

/// Waits for `work` without the interpreter's lock. Connections that wait in it have [`Home::interrupt`].
pub(crate) fn wait<T: Send, E: Coded + Send + 'static>(
    py: Python<'_>,
    home: &Home,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    let outcome = py.detach(work);
    home.tell();
    match PENDING.take() {
        Some(raised) => Err(raised),
        None => outcome.map_err(fault),
    }
}

/// Listens without the interpreter's lock until something comes; what raised, or nothing, when this ends before.
pub(crate) fn listen<T: Send>(py: Python<'_>, heard: &Mutex<Receiver<T>>) -> PyResult<Option<T>> {
    let outcome = py.detach(|| {
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match heard.recv_timeout(ASK) {
                Ok(came) => return Some(came),
                Err(RecvTimeoutError::Timeout) if goes_on() => {}
                Err(_) => return None,
            }
        }
    });
    PENDING.take().map_or(Ok(outcome), Err)
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

/// What an object with a connection needs wherever it waits: the process that it was made in, for threads, and with
/// them every connection, end at a fork; and what its connection has to tell meanwhile.
#[derive(Clone)]
pub(crate) struct Home {
    process: u32,
    address: Arc<str>,
    news: Arc<Mutex<Vec<Notice>>>,
}

impl Home {
    pub(crate) fn here(address: &str) -> Self {
        Self { process: process::id(), address: address.into(), news: Arc::default() }
    }

    /// Refuses to work in a child of that process.
    pub(crate) fn require(&self) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        let text = "expected the process that this connection was made in, found one that was forked from it; \
                    connect anew here, or start workers with multiprocessing.get_context(\"spawn\")";
        Err(raised(Code::Usage, text, None))
    }

    fn is_here(&self) -> bool {
        self.process == process::id()
    }

    /// Takes what a connection tells, on whatever thread, for the thread that waits.
    pub(crate) fn listener(&self) -> Listener {
        let news = Arc::clone(&self.news);
        Listener::new(move |notice| news.lock().unwrap_or_else(PoisonError::into_inner).push(notice))
    }

    /// What connections ask while they wait: a signal of the interpreter, a cancelled task, a deadline, a callback that
    /// failed. What there is to tell is told by the way.
    pub(crate) fn interrupt(&self) -> Interrupt {
        let home = self.clone();
        Interrupt::when(move || {
            home.tell();
            if goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    }

    /// Hands what the connection told to the logger of the package.
    fn tell(&self) {
        let news = mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
        for notice in news {
            let Some(level) = level(&notice) else { continue };
            let log = |py: Python<'_>| {
                let logger = py.import("logging")?.getattr("getLogger")?.call1(("prism",))?;
                logger.call_method1(level, ("%s: %s", &*self.address, notice.to_string())).map(drop)
            };
            if let Some(Err(error)) = Python::try_attach(log) {
                later(error);
            }
        }
    }
}

/// How loud a notice is in a log.
fn level(notice: &Notice) -> Option<&'static str> {
    Some(match notice {
        Notice::Retrying { .. } => "warning",
        Notice::Recovered => "info",
        Notice::GaveUp { .. } => "error",
        _ => return None,
    })
}

/// Something that owns threads. In a child of the process that made it there are none, and ending them would wait for
/// them: there it is left alone.
pub(crate) struct Own<T> {
    inner: Option<T>,
    process: u32,
}

impl<T> Own<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner: Some(inner), process: process::id() }
    }

    /// What is owned; nothing once it was taken.
    pub(crate) const fn get(&self) -> Option<&T> {
        self.inner.as_ref()
    }

    pub(crate) const fn get_mut(&mut self) -> Option<&mut T> {
        self.inner.as_mut()
    }

    pub(crate) const fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        let inner = self.inner.take();
        if self.process != process::id() {
            mem::forget(inner);
        }
    }
}
