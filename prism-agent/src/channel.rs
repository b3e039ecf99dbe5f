//! Attested TLS: the encrypted connection as a value that both ends can talk about.
//!
//! What makes a connection trustworthy is not its certificate but evidence bound to its TLS exporter (protocol,
//! section 4; RFC 8446, section 7.5). So the connection stays reachable after HTTP/2 has taken it over: [`SharedStream`]
//! goes into HTTP/2, its [`Link`] stays with the session.

mod config;
mod connect;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use prism_attest::binding::EXPORTER_LABEL;
use prism_core::code::{Code, Coded};
use rustix::net::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

pub(crate) use config::{AgentCertificate, CertificateError, server_config};
pub(crate) use connect::{ConnectError, RawChannel, connect};

/// The one application protocol that is spoken.
pub(crate) const ALPN: &[u8] = b"h2";

/// The exporter of a connection cannot be computed.
#[derive(Debug, thiserror::Error)]
#[error("expected an open TLS connection, found none; connect and attest again")]
pub(crate) struct ExportError;

impl Coded for ExportError {
    fn code(&self) -> Code {
        Code::ConnectionLost
    }
}

/// A TLS connection that HTTP/2 owns and its session can still refer to.
///
/// rustls has no exporter that outlives the borrow of its connection, hence the lock. It is held only inside `poll_*`
/// and for one exporter computation, never over an await.
pub(crate) struct SharedStream(Arc<Mutex<TlsStream<TcpStream>>>);

impl SharedStream {
    /// Takes over a connection whose handshake is complete.
    pub(crate) fn new(stream: impl Into<TlsStream<TcpStream>>) -> Self {
        Self(Arc::new(Mutex::new(stream.into())))
    }

    /// A reference that does not keep the connection open.
    pub(crate) fn link(&self) -> Link {
        Link(Arc::downgrade(&self.0))
    }
}

/// What a session keeps of its connection. It does not keep the connection open.
#[derive(Clone, Debug)]
pub(crate) struct Link(Weak<Mutex<TlsStream<TcpStream>>>);

impl Link {
    /// One whose connection is gone.
    #[cfg(test)]
    pub(crate) const fn to_nobody() -> Self {
        Self(Weak::new())
    }

    /// The 32 bytes that only the two ends of this very connection can compute.
    pub(crate) fn export(&self, client_nonce: &[u8; 32]) -> Result<[u8; 32], ExportError> {
        let stream = self.0.upgrade().ok_or(ExportError)?;
        let context = Some(client_nonce.as_slice());
        let exported = match &*lock(&stream) {
            TlsStream::Client(tls) => tls.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, context),
            TlsStream::Server(tls) => tls.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, context),
        };
        exported.map_err(|_| ExportError)
    }

    /// Closes the connection under whoever is using it.
    pub(crate) fn hang_up(&self) {
        if let Some(stream) = self.0.upgrade() {
            // An error means that it is closed already.
            let _ = rustix::net::shutdown(lock(&stream).get_ref().0, Shutdown::Both);
        }
    }
}

fn lock(stream: &Mutex<TlsStream<TcpStream>>) -> MutexGuard<'_, TlsStream<TcpStream>> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for SharedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_read(cx, buf)
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *lock(&self.0)).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.0).is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
