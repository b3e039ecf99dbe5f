//! Who is connected: at most so many, and strangers only for a while.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use super::session::Session;
use crate::channel::SharedStream;

/// Every open connection, in the order of arrival.
#[derive(Debug)]
pub(crate) struct Registry {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    sessions: BTreeMap<u64, (Instant, Arc<Session>)>,
}

impl Registry {
    /// A registry of at most `most` connections.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// Lets a connection in. When the house is full, the stranger who has been there longest has to go; `None` when
    /// everybody there is a participant.
    pub(crate) fn admit(self: &Arc<Self>, stream: SharedStream, now: Instant) -> Option<ServerStream> {
        let mut open = self.open();
        if open.sessions.len() >= self.most {
            let stranger = open.sessions.iter().find(|(_, (_, session))| session.member().is_err());
            let (&id, _) = stranger?;
            if let Some((_, session)) = open.sessions.remove(&id) {
                session.link().hang_up();
            }
        }
        let session = Arc::new(Session::new(stream.link()));
        let id = open.next;
        open.next += 1;
        open.sessions.insert(id, (now, Arc::clone(&session)));
        Some(ServerStream { stream, session, ticket: Ticket { id, registry: Arc::clone(self) } })
    }

    /// Hangs up on those who have not authenticated within `patience`.
    pub(crate) fn dismiss_strangers(&self, patience: Duration, now: Instant) {
        let late = |since: Instant| now.duration_since(since) >= patience;
        for (since, session) in self.open().sessions.values() {
            if late(*since) && session.member().is_err() {
                session.link().hang_up();
            }
        }
    }

    /// Hangs up on everybody.
    pub(crate) fn dismiss_all(&self) {
        for (_, session) in self.open().sessions.values() {
            session.link().hang_up();
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that was let in; leaves the registry when it is dropped.
pub(crate) struct ServerStream {
    stream: SharedStream,
    session: Arc<Session>,
    #[expect(dead_code, reason = "its drop takes the connection off the registry")]
    ticket: Ticket,
}

struct Ticket {
    id: u64,
    registry: Arc<Registry>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.registry.open().sessions.remove(&self.id);
    }
}

impl Connected for ServerStream {
    type ConnectInfo = Arc<Session>;

    fn connect_info(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
