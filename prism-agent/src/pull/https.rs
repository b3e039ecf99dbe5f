//! One question over HTTP/1.1 (RFC 9112) and TLS, to a host on the list and at an address it may have.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HOST, HeaderValue, LOCATION, RANGE, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::address::is_permitted;
use super::config::{AllowedHost, PullConfig};

/// Largest head of an answer in bytes.
const HEAD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 64;
const AGENT: &str = concat!("prism/", env!("CARGO_PKG_VERSION"));

/// What a line is for: its errors name the options of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Objects in stores.
    Objects,
    /// Keys at brokers.
    Keys,
    /// Packages of an index.
    Packages,
}

impl Purpose {
    /// What names the hosts that may be asked.
    const fn allow(self) -> &'static str {
        match self {
            Self::Objects | Self::Keys => "--pull-allow",
            Self::Packages => "--index-allow",
        }
    }

    /// What names who may vouch for them.
    const fn roots(self) -> &'static str {
        match self {
            Self::Objects => "--pull-ca",
            Self::Keys => "--kbs-ca",
            Self::Packages => "--index-ca",
        }
    }

    /// What to do about a status.
    fn advice(self, status: StatusCode) -> &'static str {
        match (status.as_u16(), self) {
            (401 | 403 | 407, Self::Objects) => "see the agent's key to the store and what it may read",
            (401 | 403 | 407, Self::Keys) => "see the policy of the broker",
            (401 | 403 | 407, Self::Packages) => "see the user and the password in --index",
            (404 | 410, _) => "check the address",
            (429 | 500.., _) => "try again later",
            _ => "ask whoever runs the host",
        }
    }
}

/// Why there is no answer, or none that is taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpsError {
    /// The host is not on the list, or the address is not one of https.
    #[error("expected an address of https at a host on the list, found {host}; see {}", purpose.allow())]
    NotAllowed { host: String, purpose: Purpose },
    /// The host's name leads where it must not.
    #[error("expected {0} to be another machine, found that its name leads to this one or its link; name the other")]
    Inside(AllowedHost),
    /// Nobody is there, or the connection broke.
    #[error("expected an answer of {host}, found an error of the network; see whether this machine reaches it")]
    Network {
        host: AllowedHost,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Whoever is there does not prove to be the host.
    #[error("expected {host} to prove itself, found a certificate that nobody vouches for; see {}", purpose.roots())]
    Certificate {
        host: AllowedHost,
        purpose: Purpose,
        #[source]
        source: io::Error,
    },
    /// Nobody answers in time.
    #[error("expected an answer of {0} in time, found none; see whether this machine reaches it")]
    Late(AllowedHost),
    /// It is elsewhere, where nobody looks.
    #[error("expected an answer of {host}, found that it points elsewhere; write the address where it lies")]
    Redirect { host: AllowedHost, to: Elsewhere },
    /// It is elsewhere, again and again.
    #[error(
        "expected an answer after at most {most} redirects, found another to {host}; write the address where it lies"
    )]
    TooManyRedirects { host: String, most: usize },
    /// It is packed, which changes its bytes.
    #[error("expected bytes as they lie at {0}, found them encoded for the way; turn that off there")]
    Encoding(AllowedHost),
    /// A part was asked for and the whole came.
    #[error("expected a part, found that the host gives whole objects only; use one that gives parts")]
    NoRanges,
    /// The host says no.
    #[error("expected success, found status {status}; {}", purpose.advice(*status))]
    Status { status: StatusCode, purpose: Purpose },
    /// No machine can be trusted.
    #[error("expected certificates that vouch for a host, found none that can be read; see {}", .0.roots())]
    NoRoots(Purpose),
}

impl HttpsError {
    /// Whether another attempt could end otherwise.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Network { .. } | Self::Late(_) => true,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            _ => false,
        }
    }

    fn network(host: &AllowedHost, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Network { host: host.clone(), source: source.into() }
    }
}

/// Who may vouch for a host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Roots<'a> {
    /// Those that this machine trusts, and these (DER).
    ThisMachineAnd(&'a [Vec<u8>]),
    /// These (DER) and nobody else.
    Only(&'a [Vec<u8>]),
}

/// Asks hosts on a list.
#[derive(Clone)]
pub(crate) struct Https {
    purpose: Purpose,
    allow: Arc<[AllowedHost]>,
    tls: TlsConnector,
    answer_within: Duration,
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").field("allow", &self.allow).finish_non_exhaustive()
    }
}

impl Https {
    pub(crate) fn new(purpose: Purpose, config: &PullConfig, roots: Roots<'_>) -> Result<Self, HttpsError> {
        let tls = connector(roots).ok_or(HttpsError::NoRoots(purpose))?;
        Ok(Self { purpose, allow: config.allow.clone().into(), tls, answer_within: config.answer_within })
    }

    /// How long an answer may take.
    pub(crate) const fn answer_within(&self) -> Duration {
        self.answer_within
    }

    /// Asks and waits until the answer's body begins. Every status but 2xx is an error.
    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Result<Response<Answer>, HttpsError>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let host = self.host_of(request.uri())?;
        let connected = timeout(self.answer_within, self.connect(&host)).await;
        let stream = connected.map_err(|_| HttpsError::Late(host.clone()))??;
        let asked = timeout(self.answer_within, self.converse(stream, request, &host)).await;
        asked.map_err(|_| HttpsError::Late(host.clone()))?
    }

    fn host_of(&self, uri: &Uri) -> Result<AllowedHost, HttpsError> {
        let refused = || self.not_allowed(uri.authority().map(ToString::to_string).unwrap_or_default());
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https")).ok_or_else(refused)?;
        let text = authority.as_str().strip_suffix(":443").unwrap_or(authority.as_str());
        let host: AllowedHost = text.parse().map_err(|_| refused())?;
        if self.allow.contains(&host) { Ok(host) } else { Err(refused()) }
    }

    pub(crate) const fn not_allowed(&self, host: String) -> HttpsError {
        HttpsError::NotAllowed { host, purpose: self.purpose }
    }

    async fn connect(&self, host: &AllowedHost) -> Result<TlsStream<TcpStream>, HttpsError> {
        let resolved = lookup_host((host.host(), host.port())).await.map_err(|e| HttpsError::network(host, e))?;
        let (permitted, inside): (Vec<SocketAddr>, Vec<SocketAddr>) =
            resolved.partition(|address| is_permitted(host.host(), address.ip()));
        if permitted.is_empty() && !inside.is_empty() {
            return Err(HttpsError::Inside(host.clone()));
        }
        let tcp = TcpStream::connect(permitted.as_slice()).await.map_err(|e| HttpsError::network(host, e))?;
        let name = ServerName::try_from(host.host().to_owned());
        let name = name.map_err(|_| self.not_allowed(host.to_string()))?;
        self.tls.connect(name, tcp).await.map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => HttpsError::Certificate { host: host.clone(), purpose: self.purpose, source },
            _ => HttpsError::network(host, source),
        })
    }

    async fn converse<B>(
        &self,
        stream: TlsStream<TcpStream>,
        mut request: Request<B>,
        host: &AllowedHost,
    ) -> Result<Response<Answer>, HttpsError>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        let handshake = builder.max_buf_size(HEAD_MAX).max_headers(FIELDS_MAX).handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|e| HttpsError::network(host, e))?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // Its error is the body's, too.
            let _ = connection.await;
        }));
        let wants_part = request.headers().contains_key(RANGE);
        address(&mut request, host);
        let response = sender.send_request(request).await.map_err(|e| HttpsError::network(host, e))?;
        check_head(&response, (host, self.purpose), wants_part)?;
        Ok(response.map(|body| Answer { body, connection }))
    }
}

/// Says in the request's head what an origin server reads (RFC 9112, section 3.2.1).
fn address<B>(request: &mut Request<B>, host: &AllowedHost) {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let authority = request.uri().authority().map_or_else(|| host.to_string(), ToString::to_string);
    if let Ok(path) = path.parse() {
        *request.uri_mut() = path;
    }
    let headers = request.headers_mut();
    // Whoever signed the request signed the host as it stands there.
    if let (false, Ok(authority)) = (headers.contains_key(HOST), HeaderValue::from_str(&authority)) {
        headers.insert(HOST, authority);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Where an answer points, if it says so. It may be signed like a request: nothing shows it.
pub(crate) struct Elsewhere(pub(crate) Option<String>);

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elsewhere(…)")
    }
}

fn check_head(
    response: &Response<Incoming>,
    (host, purpose): (&AllowedHost, Purpose),
    wants_part: bool,
) -> Result<(), HttpsError> {
    let status = response.status();
    if status.is_redirection() {
        let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
        return Err(HttpsError::Redirect { host: host.clone(), to: Elsewhere(to) });
    }
    if !status.is_success() {
        return Err(HttpsError::Status { status, purpose });
    }
    if wants_part && status == StatusCode::OK {
        return Err(HttpsError::NoRanges);
    }
    let encodings = response.headers().get_all(CONTENT_ENCODING);
    let plain = encodings.iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain { Ok(()) } else { Err(HttpsError::Encoding(host.clone())) }
}

/// An answer's body; the connection ends with it.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Incoming,
    #[expect(dead_code, reason = "its drop ends the connection")]
    connection: AbortOnDropHandle<()>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// `None` without a certificate that vouches, or with one that cannot be read.
fn connector(roots: Roots<'_>) -> Option<TlsConnector> {
    let mut store = RootCertStore::empty();
    let (own, extra) = match roots {
        Roots::ThisMachineAnd(extra) => (rustls_native_certs::load_native_certs().certs, extra),
        Roots::Only(these) => (Vec::new(), these),
    };
    store.add_parsable_certificates(own);
    let (added, ignored) =
        store.add_parsable_certificates(extra.iter().map(|der| CertificateDer::from(der.as_slice())));
    if store.is_empty() || added < extra.len() || ignored > 0 {
        return None;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let versions = builder.with_safe_default_protocol_versions().ok()?;
    let mut tls = versions.with_root_certificates(store).with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(TlsConnector::from(Arc::new(tls)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_answer_points_shows_itself_nowhere() {
        let to = Elsewhere(Some("https://store.example/h1?signature=hush".to_owned()));
        let error = HttpsError::Redirect { host: "store.example".parse().unwrap(), to };
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }

    #[test]
    fn an_error_names_the_options_of_what_the_line_is_for() {
        for (purpose, allow, roots) in [
            (Purpose::Objects, "--pull-allow", "--pull-ca"),
            (Purpose::Keys, "--pull-allow", "--kbs-ca"),
            (Purpose::Packages, "--index-allow", "--index-ca"),
        ] {
            let config = PullConfig::default();
            let error = Https::new(purpose, &config, Roots::Only(&[])).unwrap_err().to_string();
            assert!(error.ends_with(roots), "{error}");
            let error = HttpsError::NotAllowed { host: "store.example".to_owned(), purpose }.to_string();
            assert!(error.ends_with(allow), "{error}");
        }
        let denied = HttpsError::Status { status: StatusCode::FORBIDDEN, purpose: Purpose::Packages }.to_string();
        assert!(denied.contains("403") && denied.ends_with("--index"), "{denied}");
    }
}
