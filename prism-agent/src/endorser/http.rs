//! One question over HTTP/1.1 (RFC 9112) and TLS, with bounds on everything that the other side decides.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HOST, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Address, BaseUrl};
use super::config::{ANSWER_MAX, EndorserConfig};
use super::error::FetchError;

/// Largest head of an answer in bytes; chains of issuers in it take about 3 KiB.
const HEAD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 64;
const AGENT: &str = concat!("prism/", env!("CARGO_PKG_VERSION"));

/// Asks the hosts on the list, and no others.
pub(super) struct Transport {
    hosts: Vec<BaseUrl>,
    deadline: Duration,
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// What came back: head and body.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) head: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Transport {
    pub(super) fn new(config: &EndorserConfig) -> Result<Self, FetchError> {
        let hosts: Vec<BaseUrl> = config.hosts().into_iter().cloned().collect();
        let tls = if hosts.iter().any(BaseUrl::uses_tls) { Some(connector(config)?) } else { None };
        Ok(Self { hosts, deadline: config.deadline, tls })
    }

    /// Asks for what is at this address, within the deadline.
    pub(super) async fn ask(&self, address: &Address) -> Result<Reply, FetchError> {
        if !self.hosts.iter().any(|host| host.is_host_of(address)) {
            return Err(FetchError::Host { host: address.authority() });
        }
        let late = |_| FetchError::Deadline { address: address.to_string(), deadline: self.deadline };
        timeout(self.deadline, self.exchange(address)).await.map_err(late)?
    }

    async fn exchange(&self, address: &Address) -> Result<Reply, FetchError> {
        let unreachable = |source| FetchError::Unreachable { address: address.to_string(), source };
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(unreachable)?;
        match &self.tls {
            Some(tls) if address.tls => {
                let name = ServerName::try_from(address.host.clone());
                let name = name.map_err(|_| FetchError::Address { found: address.to_string() })?;
                let secured = tls.connect(name, stream).await;
                let refused = |source| FetchError::Tls { address: address.to_string(), source };
                converse(secured.map_err(refused)?, address).await
            }
            _ => converse(stream, address).await,
        }
    }
}

/// One request and its response on a connection that nothing else uses.
async fn converse<S>(stream: S, address: &Address) -> Result<Reply, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| FetchError::Protocol { address: address.to_string(), source: Box::new(error) };
    let mut builder = http1::Builder::new();
    let handshake = builder.max_buf_size(HEAD_MAX).max_headers(FIELDS_MAX).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(broken)?;
    // Dropped with this call, and the connection with it.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = Request::get(&address.path)
        .header(HOST, address.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT_ENCODING, "identity")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Address { found: address.to_string() })?;
    let response = sender.send_request(request).await.map_err(broken)?;
    check_head(&response, address)?;
    let (head, body) = response.into_parts();
    Ok(Reply { head: head.headers, body: collect(body, address).await? })
}

fn check_head(response: &Response<Incoming>, address: &Address) -> Result<(), FetchError> {
    let (status, address) = (response.status(), || address.to_string());
    let words = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let text = |name| response.headers().get(name).map(words);
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(FetchError::Absent { address: address() }),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            return Err(FetchError::Busy { address: address(), again: text(RETRY_AFTER) });
        }
        moved if moved.is_redirection() => {
            return Err(FetchError::Redirect { address: address(), to: text(LOCATION).unwrap_or_default() });
        }
        other => return Err(FetchError::Status { address: address(), status: other.as_u16() }),
    }
    let encodings = response.headers().get_all(CONTENT_ENCODING).into_iter().map(words);
    match encodings.into_iter().find(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(encoding) => Err(FetchError::Encoding { address: address(), encoding }),
    }
}

/// Reads a body that says beforehand that it is small enough, or proves it on the way.
async fn collect(mut body: Incoming, address: &Address) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::TooLarge { address: address.to_string(), limit: ANSWER_MAX };
    let announced = hyper::body::Body::size_hint(&body).lower();
    if announced > ANSWER_MAX as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken = |error| FetchError::Protocol { address: address.to_string(), source: Box::new(error) };
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if data.len() > ANSWER_MAX - bytes.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// TLS 1.2 or 1.3 to hosts that this machine, or the configuration, trusts.
fn connector(config: &EndorserConfig) -> Result<TlsConnector, FetchError> {
    let mut roots = RootCertStore::empty();
    let (mut added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let extra = config.extra_roots.iter().map(|der| CertificateDer::from(der.as_slice()));
    added += roots.add_parsable_certificates(extra).0;
    if added == 0 {
        return Err(FetchError::NoRoots);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let versions = builder.with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| FetchError::Provider { source: Box::new(error) })?;
    let mut tls = versions.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(tls)))
}

#[cfg(test)]
mod tests;
