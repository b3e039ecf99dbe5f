//! Calls that wait: until they are done, or until a token, or the host's own callback, has had enough.

use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use prism_agent::client::blocking::Interrupt;
use prism_agent::client::{Listener, Notice};
use prism_core::code::Code;

use crate::cancel::PrismCancel;
use crate::error::Fault;
use crate::guard::{Host, c_text, caught, handle};
use crate::session::PrismNotice;

/// How often a thread that waits looks around.
const ASK: Duration = Duration::from_millis(50);

/// What is told of a connection, on whatever thread, until a thread that waits hands it to the host.
#[derive(Default)]
pub(crate) struct Notices {
    news: Mutex<Vec<Notice>>,
    host: Option<Host<PrismNotice>>,
}

impl Notices {
    pub(crate) fn to(host: Host<PrismNotice>) -> Arc<Self> {
        Arc::new(Self { news: Mutex::default(), host: Some(host) })
    }

    pub(crate) fn listener(self: &Arc<Self>) -> Listener {
        let notices = Arc::clone(self);
        Listener::new(move |notice| notices.news.lock().unwrap_or_else(PoisonError::into_inner).push(notice))
    }

    fn tell(&self) {
        let news = mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
        let Some((Some(told), user)) = self.host.as_ref().map(Host::get) else { return };
        for notice in news {
            told(user, c_text(notice.to_string()).as_ptr());
        }
    }
}

/// What ends a call before it is done.
#[derive(Clone, Default)]
pub(crate) struct Patience {
    tokens: Vec<Arc<AtomicBool>>,
    notices: Arc<Notices>,
}

impl Patience {
    /// With the token of some options, if there is one.
    pub(crate) fn until(cancel: *const PrismCancel) -> Self {
        Self { tokens: handle(cancel).map(|cancel| Arc::clone(&cancel.0)).into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn telling(self, notices: Arc<Notices>) -> Self {
        Self { notices, ..self }
    }

    /// The same for one call, which another token or the host's callback may end as well.
    pub(crate) fn and_until(&self, cancel: *const PrismCancel) -> (Self, Enough) {
        let (mut more, enough) = (self.clone(), Arc::new(AtomicBool::new(false)));
        more.tokens.extend(handle(cancel).map(|cancel| Arc::clone(&cancel.0)));
        more.tokens.push(Arc::clone(&enough));
        (more, Enough(enough))
    }

    /// The same for a thread that is not the host's: whoever waits for it tells what there is to tell.
    pub(crate) fn elsewhere(&self) -> Interrupt {
        let tokens = self.tokens.clone();
        let is_over = move || tokens.iter().any(|token| token.load(Ordering::Relaxed));
        Interrupt::when(move || if is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Hands the host what its connection told, on its own thread.
    pub(crate) fn tell(&self) {
        self.notices.tell();
    }

    /// Refuses to begin what is to end at once.
    pub(crate) fn require(&self) -> Result<(), Fault> {
        if self.is_over() {
            return Err(Fault::new(
                Code::Cancelled,
                "expected to begin, found that the caller had cancelled; reset it first",
            ));
        }
        Ok(())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.tokens.iter().any(|token| token.load(Ordering::Relaxed))
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        let patience = self.clone();
        Interrupt::when(move || {
            patience.notices.tell();
            if patience.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }
}

/// The word of a call's own callback that it shall end.
pub(crate) struct Enough(Arc<AtomicBool>);

impl Enough {
    /// Heeds what a callback returned: anything but 0 ends the call.
    pub(crate) fn heed(&self, returned: i32) {
        if returned != 0 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

enum News<N, T> {
    Told(N),
    Done(T),
}

/// Tells the thread that waits.
pub(crate) struct Tell<N, T>(Sender<News<N, T>>);

impl<N, T> Clone for Tell<N, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<N, T> Tell<N, T> {
    /// False when nobody listens any more.
    pub(crate) fn tell(&self, news: N) -> bool {
        self.0.send(News::Told(news)).is_ok()
    }
}

/// Does `work` on a thread of its own, while the calling thread hears what it tells, and is `idle` in between: the host's
/// callbacks are called on the host's thread. The thread is gone when this returns.
pub(crate) fn aside<N: Send, T: Send>(
    work: impl FnOnce(Tell<N, Result<T, Fault>>) -> Result<T, Fault> + Send,
    mut hear: impl FnMut(N),
    mut idle: impl FnMut(),
) -> Result<T, Fault> {
    let (send, heard) = channel();
    // All of it moves in: what listens is gone before the thread is waited for, which then waits for no answer.
    thread::scope(move |scope| {
        let worker = thread::Builder::new().name("prism-work".to_owned()).spawn_scoped(scope, move || {
            let done = caught(|| work(Tell(send.clone()))).and_then(|done| done);
            // Whoever does not wait any more is not told.
            let _ = send.send(News::Done(done));
        });
        worker.map_err(|error| Fault::new(Code::Internal, format!("expected a thread to work in, found: {error}")))?;
        loop {
            match heard.recv_timeout(ASK) {
                Ok(News::Told(news)) => hear(news),
                Ok(News::Done(done)) => return done,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Fault::new(Code::Internal, "expected an end of the work, found none"));
                }
            }
            idle();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_on_the_thread_that_waits() {
        let here = thread::current().id();
        let mut heard = Vec::new();
        let work = |tell: Tell<u8, Result<u8, Fault>>| {
            assert_ne!(thread::current().id(), here);
            assert!(tell.tell(1) && tell.tell(2));
            Ok(3)
        };
        let hear = |news| {
            assert_eq!(thread::current().id(), here);
            heard.push(news);
        };
        assert_eq!(aside(work, hear, || {}).unwrap(), 3);
        assert_eq!(heard, [1, 2]);
    }

    #[test]
    fn a_panic_of_the_work_is_a_fault_although_somebody_could_still_tell() {
        let mut kept = None;
        let work = |tell: Tell<u8, Result<(), Fault>>| {
            kept = Some(tell);
            panic!("boom")
        };
        assert!(aside(work, |_| {}, || {}).is_err());
        assert!(!kept.unwrap().tell(1), "nobody listens any more");
    }

    #[test]
    fn work_that_waits_for_whoever_hears_ends_when_that_panics() {
        let work = |tell: Tell<std::sync::mpsc::SyncSender<()>, Result<(), Fault>>| {
            let (reply, answer) = std::sync::mpsc::sync_channel(1);
            tell.tell(reply);
            answer.recv().map_err(|_| Fault::new(Code::Cancelled, "nobody answers"))
        };
        let panicked = caught(|| aside(work, |_| panic!("boom"), || {}));
        assert!(panicked.is_err());
    }

    #[test]
    fn a_call_ends_by_any_of_its_tokens_and_by_its_own_word() {
        let (connection, call) = (PrismCancel(Arc::default()), PrismCancel(Arc::default()));
        let patience = Patience::until(&raw const connection);
        let (mine, enough) = patience.and_until(&raw const call);
        assert!(mine.require().is_ok());
        enough.heed(0);
        assert!(!mine.is_over());
        enough.heed(-1);
        assert!(mine.is_over() && !patience.is_over(), "the word of one call ends no other");
        let (other, _) = patience.and_until(std::ptr::null());
        connection.0.store(true, Ordering::Relaxed);
        assert!(other.require().is_err() && patience.is_over());
    }
}
