//! The participant's way to an agent: one TCP connection, one handshake, one HTTP/2 channel that never reconnects.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use prism_core::code::{Code, Coded};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, client};
use tonic::transport::{Channel, Endpoint, Uri};

use super::config::{client_config, spki_der};
use super::{ALPN, ExportError, Link, SharedStream};

/// How long the TCP connection and the TLS handshake may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Sent in `:authority`; the address is not the agent's identity.
const AUTHORITY: &str = "https://agent.prism.invalid";

const KEEPALIVE: Duration = Duration::from_secs(20);
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
const HTTP2_FRAME: u32 = 260 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    /// Nobody listens there, or the network is down.
    #[error("expected an agent at {address}, found no connection; check the address and that the agent runs")]
    Unreachable {
        /// The address that was tried.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// TCP or TLS took too long.
    #[error("expected a TLS 1.3 connection to {address} within {seconds} s, found none; is it an agent?")]
    Timeout {
        /// The address that was tried.
        address: String,
        /// The bound.
        seconds: u64,
    },
    /// The other end does not speak TLS as an agent does.
    #[error("expected an agent's TLS 1.3 handshake at {address}, found something else; is it an agent?")]
    Handshake {
        /// The address that was tried.
        address: String,
        /// What rustls says.
        #[source]
        source: io::Error,
    },
    /// The other end does not speak HTTP/2.
    #[error("expected HTTP/2 at {address}, found another protocol; is it an agent?")]
    Protocol {
        /// The address that was tried.
        address: String,
    },
    /// HTTP/2 could not start.
    #[error("expected HTTP/2 at {address} to start, found a broken connection; try again")]
    Http {
        /// The address that was tried.
        address: String,
        /// What the transport says.
        #[source]
        source: tonic::transport::Error,
    },
}

impl Coded for ConnectError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Http { .. } => Code::AgentUnreachable,
            Self::Handshake { .. } | Self::Protocol { .. } => Code::AgentMisbehaved,
        }
    }
}

/// An encrypted connection to somebody: nothing is known about whom until evidence is verified.
pub(crate) struct RawChannel {
    spki_der: Vec<u8>,
    link: Link,
    channel: Channel,
}

impl RawChannel {
    /// The public key that the other end proved to hold, SPKI DER.
    pub(crate) fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The TLS exporter of this connection for a nonce (protocol, section 4).
    pub(crate) fn export(&self, client_nonce: &[u8; 32]) -> Result<[u8; 32], ExportError> {
        self.link.export(client_nonce)
    }

    /// The gRPC channel over this one connection. When the connection breaks, the channel is dead.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

/// Connects to an agent at `host:port`.
pub(crate) async fn connect(address: &str) -> Result<RawChannel, ConnectError> {
    let address = address.to_owned();
    let Ok(shaken) = timeout(CONNECT_TIMEOUT, handshake(&address)).await else {
        return Err(ConnectError::Timeout { address, seconds: CONNECT_TIMEOUT.as_secs() });
    };
    let tls = shaken?;
    let spki_der = peer_key(&tls, &address)?;
    let stream = SharedStream::new(tls);
    let link = stream.link();
    let channel = http2(stream).await.map_err(|source| ConnectError::Http { address, source })?;
    Ok(RawChannel { spki_der, link, channel })
}

async fn handshake(address: &str) -> Result<client::TlsStream<TcpStream>, ConnectError> {
    let failed = |source| ConnectError::Handshake { address: address.to_owned(), source };
    let unreachable = |source| ConnectError::Unreachable { address: address.to_owned(), source };
    let config = client_config().map_err(|e| failed(io::Error::other(e)))?;
    let tcp = TcpStream::connect(address).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let name = ServerName::try_from("agent.prism.invalid").map_err(|e| failed(io::Error::other(e)))?;
    TlsConnector::from(config).connect(name, tcp).await.map_err(failed)
}

fn peer_key(tls: &client::TlsStream<TcpStream>, address: &str) -> Result<Vec<u8>, ConnectError> {
    let connection = tls.get_ref().1;
    if connection.alpn_protocol() != Some(ALPN) {
        return Err(ConnectError::Protocol { address: address.to_owned() });
    }
    let failed = |source| ConnectError::Handshake { address: address.to_owned(), source };
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let certificate = certificate.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
    spki_der(certificate).map_err(|e| failed(io::Error::other(e)))
}

async fn http2(stream: SharedStream) -> Result<Channel, tonic::transport::Error> {
    // Handed out once: a second connection would be another session, unattested.
    let only = Mutex::new(Some(TokioIo::new(stream)));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = only.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
    });
    Endpoint::from_static(AUTHORITY)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP2_FRAME)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
}
