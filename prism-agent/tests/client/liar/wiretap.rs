//! A server's TLS connection whose exporter stays within reach.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

type Shared = Arc<Mutex<TlsStream<TcpStream>>>;

/// The connection, as HTTP/2 uses it.
pub(super) struct Tapped(Shared);

/// The connection, as the service sees it.
#[derive(Clone)]
pub(super) struct Tap(Shared);

impl Tap {
    pub(super) fn export(&self, nonce: &[u8; 32]) -> [u8; 32] {
        let label = b"EXPERIMENTAL prism session v1";
        self.0.lock().unwrap().get_ref().1.export_keying_material([0; 32], label, Some(nonce)).unwrap()
    }
}

impl Tapped {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }
}

impl Connected for Tapped {
    type ConnectInfo = Tap;

    fn connect_info(&self) -> Tap {
        Tap(Arc::clone(&self.0))
    }
}

impl AsyncRead for Tapped {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_shutdown(cx)
    }
}
