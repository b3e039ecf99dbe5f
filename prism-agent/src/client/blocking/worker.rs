//! A runtime of our own, and a calling thread that waits for it.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::client::ConnectError;
use crate::client::error::Cancelled;

/// How often a waiting call asks whether to go on.
const ASK: Duration = Duration::from_millis(50);

/// Whether a call that waits should go on; asked on the calling thread, at least every 50 ms.
#[derive(Clone)]
pub struct Interrupt(Arc<dyn Fn() -> ControlFlow<()> + Send + Sync>);

impl Interrupt {
    /// Calls wait until they are done.
    #[must_use]
    pub fn never() -> Self {
        Self(Arc::new(|| ControlFlow::Continue(())))
    }

    /// Calls end with the code `cancelled` when `ask` breaks.
    #[must_use]
    pub fn when(ask: impl Fn() -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupt(..)")
    }
}

/// The runtime that does the work of one connection and all that grows out of it.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The last owner may sit on a thread that must not block.
            runtime.shutdown_background();
        }
    }
}

/// A calling thread's way to its runtime, and what it asks while it waits. The last clone ends the runtime.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    handle: Handle,
    interrupt: Interrupt,
    _threads: Arc<Threads>,
}

/// Says how far a call is, to the thread that waits for it.
pub(super) struct Tell<P, T>(Sender<News<P, T>>);

enum News<P, T> {
    Progress(P),
    Done(T),
}

impl<P, T> Tell<P, T> {
    pub(super) fn tell(&self, progress: P) {
        // Whoever does not wait any more is not told.
        let _ = self.0.send(News::Progress(progress));
    }
}

impl Worker {
    pub(super) fn start(interrupt: Interrupt) -> Result<Self, ConnectError> {
        let built = Builder::new_multi_thread().worker_threads(1).thread_name("prism-client").enable_all().build();
        let runtime = built.map_err(ConnectError::no_runtime)?;
        let handle = runtime.handle().clone();
        Ok(Self { handle, interrupt, _threads: Arc::new(Threads(Some(runtime))) })
    }

    /// The same runtime for calls that ask something else.
    pub(super) fn asking(&self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self.clone() }
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a call.
    pub(super) fn wait<T: Send + 'static, E: Cancelled + Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        self.wait_telling(|_: Tell<(), Result<T, E>>| call, &mut |()| {})
    }

    /// Waits for a call that says how far it is.
    pub(super) fn wait_telling<P, T, E, F>(
        &self,
        call: impl FnOnce(Tell<P, Result<T, E>>) -> F,
        progress: &mut dyn FnMut(P),
    ) -> Result<T, E>
    where
        P: Send + 'static,
        T: Send + 'static,
        E: Cancelled + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (news, heard) = channel();
        let call = call(Tell(news.clone()));
        let task = self.handle.spawn(async move {
            let done = call.await;
            // Whoever does not wait any more is not told.
            let _ = news.send(News::Done(done));
        });
        let outcome = self.listen(&heard, |news| match news {
            News::Progress(so_far) => {
                progress(so_far);
                None
            }
            News::Done(done) => Some(done),
        });
        task.abort();
        outcome.unwrap_or_else(|| Err(E::cancelled()))
    }

    /// Listens until `take` has what it waits for; `None` when interrupted, or when nobody speaks any more.
    pub(super) fn listen<N, T>(&self, heard: &Receiver<N>, mut take: impl FnMut(N) -> Option<T>) -> Option<T> {
        loop {
            match heard.recv_timeout(ASK) {
                Ok(news) => {
                    if let Some(taken) = take(news) {
                        return Some(taken);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
            if (self.interrupt.0)().is_break() {
                return None;
            }
        }
    }
}
