//! One object of a store, from any byte on. The store's dialect is `object_store`'s business; the line is ours.

use std::error::Error as _;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, GetOptions, GetRange, ObjectStore, RetryConfig};
use prism_core::manifest::ObjectUrl;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};

use super::config::{AllowedHost, PullConfig, S3Config};
use super::error::PullError;
use super::https::{Https, HttpsError};

/// An object in its store.
#[derive(Debug)]
pub(crate) struct Object {
    store: Box<dyn ObjectStore>,
    path: Path,
    /// How long the first bytes may take.
    front_within: Duration,
}

/// An object's bytes from some byte on.
pub(crate) struct Opened {
    /// The whole object's size.
    pub(crate) size: u64,
    /// Which state of the object this is, if the store says so.
    pub(crate) etag: Option<String>,
    /// The bytes.
    pub(crate) bytes: Pin<Box<dyn Stream<Item = object_store::Result<Bytes>> + Send>>,
}

impl Object {
    /// The object at `url`, over this line.
    pub(crate) fn at(url: &ObjectUrl, config: &PullConfig, line: &Https) -> Result<Self, PullError> {
        let refused = |error: object_store::Error| PullError::Refused(error.into());
        // An attempt is an attempt: who counts them wants to see each.
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let connector = Connector(line.clone());
        let store: Box<dyn ObjectStore> = match url {
            ObjectUrl::Https(url) => {
                let base = AllowedHost::of(url).origin();
                let builder = HttpBuilder::new().with_url(base).with_retry(once).with_http_connector(connector);
                Box::new(builder.build().map_err(refused)?)
            }
            ObjectUrl::S3 { bucket, .. } => {
                let builder =
                    s3(&config.s3, &config.host_of(url), bucket).with_retry(once).with_http_connector(connector);
                Box::new(builder.build().map_err(refused)?)
            }
            _ => return Err(PullError::Refused("an address of a kind that this build does not know".into())),
        };
        let path = match url {
            ObjectUrl::Https(url) => url.path(),
            ObjectUrl::S3 { key, .. } => key,
            _ => "",
        };
        let path = Path::parse(path).map_err(|error| PullError::Refused(error.into()))?;
        Ok(Self { store, path, front_within: config.answer_within.saturating_mul(2) })
    }

    /// Its bytes from `offset` on, as long as it is still in the state `etag`.
    pub(crate) async fn open(&self, offset: u64, etag: Option<&str>) -> Result<Opened, PullError> {
        let options = GetOptions {
            range: (offset > 0).then_some(GetRange::Offset(offset)),
            // A weak tag never matches (RFC 9110, section 13.1.1); the answer's is compared in any case.
            if_match: etag.filter(|etag| !etag.starts_with("W/")).map(str::to_owned),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&self.path, options).await.map_err(judge)?;
        let (size, etag) = (result.meta.size, result.meta.e_tag.clone());
        Ok(Opened { size, etag, bytes: result.into_stream() })
    }

    /// Its first `length` bytes, if the whole has `size`.
    pub(crate) async fn front(&self, length: u64, size: u64) -> Result<Vec<u8>, PullError> {
        let reading = timeout(self.front_within, self.read_front(length, size));
        reading.await.map_err(|_| PullError::TooSlow)?
    }

    async fn read_front(&self, length: u64, size: u64) -> Result<Vec<u8>, PullError> {
        let part = GetOptions { range: Some(GetRange::Bounded(0..length)), ..GetOptions::default() };
        let opened = match self.store.get_opts(&self.path, part).await.map_err(judge) {
            Err(PullError::NoRanges) => self.open(0, None).await?,
            other => {
                let result = other?;
                let (size, etag) = (result.meta.size, result.meta.e_tag.clone());
                Opened { size, etag, bytes: result.into_stream() }
            }
        };
        if opened.size != size {
            return Err(PullError::Size { expected: size, found: opened.size });
        }
        let (mut bytes, mut front) = (opened.bytes, Vec::new());
        while (front.len() as u64) < length {
            let Some(next) = bytes.next().await else { break };
            front.extend_from_slice(&next.map_err(|error| PullError::Unreachable(error.into()))?);
        }
        front.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(front)
    }
}

fn s3(config: &S3Config, endpoint: &AllowedHost, bucket: &str) -> AmazonS3Builder {
    // Nothing is taken from this machine's environment, files or metadata service: the configuration says it all.
    let builder = AmazonS3Builder::new()
        .with_client_options(ClientOptions::new())
        .with_endpoint(endpoint.origin())
        .with_region(&config.region)
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(false);
    match &config.credentials {
        None => builder.with_skip_signature(true),
        Some(credentials) => {
            let builder =
                builder.with_access_key_id(&credentials.key_id).with_secret_access_key(credentials.secret.as_str());
            match &credentials.token {
                Some(token) => builder.with_token(token.as_str()),
                None => builder,
            }
        }
    }
}

/// Whether a failure is final, by what our own line said; what else failed may pass.
pub(super) fn judge(error: object_store::Error) -> PullError {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(line) = found.downcast_ref::<HttpsError>() {
            return match line {
                HttpsError::NoRanges => PullError::NoRanges,
                HttpsError::Status { status, .. } if matches!(status.as_u16(), 412 | 416) => PullError::Changed,
                line if line.is_passing() => PullError::Unreachable(error.into()),
                _ => PullError::Refused(error.into()),
            };
        }
        cause = found.source();
    }
    PullError::Unreachable(error.into())
}

/// Gives `object_store` our own line instead of one of its own.
#[derive(Debug)]
struct Connector(Https);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(self.0.clone())))
    }
}

#[derive(Debug)]
struct Service(Https);

#[tonic::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.0.ask(request).await.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let broken = |error| HttpError::new(HttpErrorKind::Interrupted, error);
        Ok(answer.map(|body| HttpResponseBody::new(body.map_err(broken))))
    }
}
