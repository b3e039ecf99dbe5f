//! What one participant may have of what all share: a fraction, so that nobody locks the others out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prism_core::code::{Code, Coded};
use prism_core::name::Name;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::Limits;

/// Somebody has as much as the configuration permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// The participant itself.
    #[error("expected at most {each} {what} of one participant at a time, found more; end one of them first")]
    Each {
        /// Of what.
        what: &'static str,
        /// How many one participant may have.
        each: usize,
    },
    /// Everybody together.
    #[error("expected at most {all} {what} at a time, found that as many are open; try again later")]
    All {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        all: usize,
    },
}

impl Coded for Crowded {
    fn code(&self) -> Code {
        match self {
            Self::Each { .. } => Code::LimitReached,
            Self::All { .. } => Code::AgentBusy,
        }
    }
}

/// Things that are refused to whoever has too many of them. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Shares(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    what: &'static str,
    all: usize,
    each: usize,
    taken: Mutex<BTreeMap<Name, usize>>,
}

impl Pool {
    fn taken(&self) -> MutexGuard<'_, BTreeMap<Name, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shares {
    fn new(what: &'static str, all: usize, each: usize) -> Self {
        Self(Arc::new(Pool { what, all, each, taken: Mutex::default() }))
    }

    /// One of them for a participant, until it is dropped.
    ///
    /// # Errors
    /// [`Crowded`] when the participant or everybody has as many as may be.
    pub(crate) fn take(&self, who: &Name) -> Result<Share, Crowded> {
        let Pool { what, all, each, .. } = *self.0;
        let mut taken = self.0.taken();
        if taken.get(who).is_some_and(|own| *own >= each) || each == 0 {
            return Err(Crowded::Each { what, each });
        }
        if taken.values().sum::<usize>() >= all {
            return Err(Crowded::All { what, all });
        }
        *taken.entry(who.clone()).or_default() += 1;
        Ok(Share { pool: Arc::clone(&self.0), who: who.clone() })
    }
}

/// One of something that participants share.
pub(crate) struct Share {
    pool: Arc<Pool>,
    who: Name,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("what", &self.pool.what).field("who", &self.who).finish()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(own) = self.pool.taken().get_mut(&self.who) {
            *own = own.saturating_sub(1);
        }
    }
}

/// Places that are waited for. Who wants many waits for their own.
#[derive(Debug)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    each: usize,
    own: Mutex<BTreeMap<Name, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    #[expect(dead_code, reason = "its drop lets the participant's next one in")]
    own: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "its drop lets the next one in")]
    all: OwnedSemaphorePermit,
}

impl Places {
    /// So many places, so many of them for one participant; at least one each.
    pub(crate) fn new(all: usize, each: usize) -> Self {
        let bounded = |places: usize| places.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(bounded(all))), each: bounded(each), own: Mutex::default() }
    }

    /// Waits for a place; `None` never happens while the agent lives.
    pub(crate) async fn take(&self, who: &Name) -> Option<Place> {
        let queue = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(own.entry(who.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
        };
        let own = queue.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { own, all })
    }
}

/// Everything that participants share on the way in.
#[derive(Debug)]
pub(crate) struct Fair {
    /// Connections on which somebody authenticated.
    pub(crate) connections: Shares,
    /// Calls whose answer has not begun, but uploads.
    pub(crate) calls: Shares,
    /// Streams of uploads.
    pub(crate) uploads: Shares,
    /// Streams of answers.
    pub(crate) downloads: Shares,
    /// Threads that wait for an asset's streams to come to rest.
    pub(crate) statuses: Places,
}

impl Fair {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections: Shares::new("connections", limits.connections, limits.connections_each),
            calls: Shares::new("calls", usize::MAX, limits.calls_each),
            uploads: Shares::new("streams of uploads", limits.uploads, limits.uploads_each),
            downloads: Shares::new("streams of answers", limits.downloads, limits.downloads_each),
            statuses: Places::new(limits.statuses, limits.statuses_each),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn a_share_comes_back_when_it_is_dropped() {
        let shares = Shares::new("things", 3, 2);
        let (first, _second) = (shares.take(&name("a")).unwrap(), shares.take(&name("a")).unwrap());
        assert_eq!(shares.take(&name("a")).unwrap_err(), Crowded::Each { what: "things", each: 2 });
        let other = shares.take(&name("b")).unwrap();
        assert_eq!(shares.take(&name("b")).unwrap_err(), Crowded::All { what: "things", all: 3 });
        drop(first);
        assert!(shares.take(&name("a")).is_ok());
        drop(other);
        assert!(shares.take(&name("b")).is_ok());
    }

    #[test]
    fn nobody_waits_behind_one_participants_many() {
        let places = Places::new(4, 3);
        let (who, other) = (name("a"), name("b"));
        let mut context = Context::from_waker(Waker::noop());
        let mut held = Vec::new();
        for _ in 0..3 {
            let Poll::Ready(place) = pin!(places.take(&who)).poll(&mut context) else { panic!("no place") };
            held.push(place.unwrap());
        }
        let mut waiting: Vec<_> = (0..9).map(|_| Box::pin(places.take(&who))).collect();
        assert!(waiting.iter_mut().all(|take| take.as_mut().poll(&mut context).is_pending()));
        assert!(pin!(places.take(&other)).poll(&mut context).is_ready());
        held.pop();
        assert!(waiting[0].as_mut().poll(&mut context).is_ready());
    }
}
