//! A stream of answers: part of its reader's share, and ended when nobody reads it.

use std::pin::Pin;
use std::task::{Context, Poll};

use prism_core::code::Code;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::Reply;
use crate::channel::Link;
use crate::server::config::Limits;
use crate::server::pace::Pace;
use crate::server::shares::Share;
use crate::wire;

/// A stream of answers that is yet to begin.
pub(super) struct Outlet {
    share: Share,
    link: Link,
    pace: Pace,
}

impl Outlet {
    /// A stream over the connection at `link`.
    pub(super) fn new(share: Share, link: Link, limits: &Limits) -> Self {
        Self { share, link, pace: Pace::taking(limits) }
    }

    /// Both ends of the stream: `most` answers may wait for the network.
    pub(super) fn open<T: Send + 'static>(self, most: usize) -> (Tap<T>, Reply<T>) {
        let Self { share, link, pace } = self;
        let (answers, waiting) = mpsc::channel(most);
        let (last, word) = mpsc::channel(1);
        let tap = Tap { answers: Some(answers), last, link, pace, since: Instant::now() };
        let stream = ReceiverStream::new(waiting).map(Ok).chain(ReceiverStream::new(word).map(Err));
        (tap, Box::pin(Answers { stream: Box::pin(stream), share }))
    }
}

/// What the network takes from. The share is taken as long as this is there, hence what waits in it.
struct Answers<T> {
    stream: Reply<T>,
    #[expect(dead_code, reason = "its drop gives the participant another stream")]
    share: Share,
}

impl<T> Stream for Answers<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

/// Where answers are given.
pub(super) struct Tap<T> {
    /// None when nothing more is given.
    answers: Option<mpsc::Sender<T>>,
    last: mpsc::Sender<Status>,
    link: Link,
    pace: Pace,
    since: Instant,
}

impl<T> Tap<T> {
    /// Gives an answer of so many bytes; whether more are wanted.
    pub(super) async fn give(&mut self, answer: T, bytes: usize) -> bool {
        // Only what waits for the reader counts against it.
        self.pace.excuse(self.since.elapsed());
        let Some(answers) = &self.answers else { return false };
        let given = timeout_at(self.pace.due(), answers.send(answer)).await;
        self.since = Instant::now();
        self.pace.buy(bytes);
        if let Ok(given) = given {
            return given.is_ok();
        }
        self.give_up().await;
        false
    }

    /// Ends the stream with a refusal.
    pub(super) async fn fail(&self, refusal: Status) {
        // Whoever read it may have gone.
        let _ = self.last.send(refusal).await;
    }

    /// Waits until nobody reads any more.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + use<T> {
        let last = self.last.clone();
        async move { last.closed().await }
    }

    /// Tells a slow reader so, and hangs up on one that does not read at all: what waits for it goes with its connection
    /// only.
    async fn give_up(&mut self) {
        self.fail(too_slow()).await;
        self.answers = None;
        if timeout(self.pace.grace(), self.last.closed()).await.is_err() {
            tracing::warn!("a connection was closed: what it asked for was not read");
            self.link.hang_up();
        }
    }
}

fn too_slow() -> Status {
    wire::refusal(Code::LimitReached, "expected a reader at the least rate, found a slower one; go on on a better line")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::shares::Fair;

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_told_so_after_what_waits_for_it() {
        let limits = Limits { download_grace: Duration::ZERO, downloads_each: 1, ..Limits::default() };
        let (fair, who) = (Fair::new(&limits), "institute".parse().unwrap());
        let outlet = Outlet::new(fair.downloads.take(&who).unwrap(), Link::to_nobody(), &limits);
        let (mut tap, mut answers) = outlet.open(1);
        assert!(tap.give("first", 5).await);
        assert!(!tap.give("second", 6).await && !tap.give("third", 5).await);
        drop(tap);
        assert_eq!(answers.next().await.unwrap().unwrap(), "first");
        let refused = answers.next().await.unwrap().unwrap_err();
        assert_eq!(wire::code_of(&refused), Code::LimitReached);
        assert!(answers.next().await.is_none());
        // What waits counts as the reader's until it is gone.
        assert!(fair.downloads.take(&who).is_err());
        drop(answers);
        assert!(fair.downloads.take(&who).is_ok());
    }
}
