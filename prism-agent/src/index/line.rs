//! One question to the index or to a host of its files: over TLS, along a bounded number of redirects within the list.

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use hyper::{Request, Response};
use prism_core::requirements::{IndexPage, PageForm};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use super::{IndexError, PackageIndex};
use crate::pull::{Answer, Elsewhere, Https, HttpsError, PullConfig, Purpose, Roots};

/// Most redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// Longest page of a project in bytes.
pub(super) const PAGE_MAX: usize = 16 << 20;

/// The line to an index.
#[derive(Clone, Debug)]
pub(super) struct Line {
    https: Https,
    index: PackageIndex,
}

/// A project's page and what its references are relative to.
pub(super) struct Found {
    pub(super) page: IndexPage,
    pub(super) at: Url,
}

impl Line {
    pub(super) fn new(index: &PackageIndex) -> Result<Self, HttpsError> {
        let allow = std::iter::once(index.host()).chain(index.files.iter().cloned()).collect();
        let config = PullConfig { allow, answer_within: index.answer_within, ..PullConfig::default() };
        let https = Https::new(Purpose::Packages, &config, Roots::ThisMachineAnd(&index.extra_roots))?;
        Ok(Self { https, index: index.clone() })
    }

    pub(super) const fn index(&self) -> &PackageIndex {
        &self.index
    }

    /// What the index says of a project.
    pub(super) async fn page(&self, package: &str) -> Result<Found, IndexError> {
        let mut retries = crate::client::Retries::new(self.index.retry);
        loop {
            let error = match self.page_once(package).await {
                Err(Refusal::Passing(error)) => error,
                Err(Refusal::Final(error)) => return Err(error),
                Ok(found) => return Ok(found),
            };
            if !retries.pause().await {
                return Err(error);
            }
        }
    }

    async fn page_once(&self, package: &str) -> Result<Found, Refusal> {
        let refused = |source| IndexError::Page { package: package.to_owned(), source };
        let https = |error: HttpsError| {
            let passing = error.is_passing();
            let error = refused(error.into());
            if passing { Refusal::Passing(error) } else { Refusal::Final(error) }
        };
        let final_ = |source: Box<dyn std::error::Error + Send + Sync>| Refusal::Final(refused(source));
        let url = format!("{}/{package}/", self.index.url.to_string().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| final_(error.into()))?;
        let (answer, at) = self.ask(url, PageForm::ACCEPT, None).await.map_err(https)?;
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let form = content_type.and_then(PageForm::of_content_type);
        let form = form.ok_or_else(|| final_("expected a page of an index, found another type of content".into()))?;
        let bytes = self.collect(answer.into_body(), package).await?;
        let page = spawn_blocking(move || IndexPage::read(form, &bytes)).await.map_err(|error| final_(error.into()))?;
        let page = page.map_err(|error| final_(error.into()))?;
        let base = page.base.as_deref().map_or(Ok(at.clone()), |base| at.join(base));
        Ok(Found { page, at: base.map_err(|error| final_(error.into()))? })
    }

    async fn collect(&self, mut body: Answer, package: &str) -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        loop {
            let broken = |source| Refusal::Passing(IndexError::Page { package: package.to_owned(), source });
            let frame = timeout(self.index.answer_within, body.frame()).await;
            let Some(frame) = frame.map_err(|late| broken(late.into()))? else { return Ok(bytes) };
            let Ok(data) = frame.map_err(|error| broken(error.into()))?.into_data() else { continue };
            if data.len() > PAGE_MAX - bytes.len() {
                let package = package.to_owned();
                return Err(Refusal::Final(IndexError::PageTooLong { package, limit: PAGE_MAX }));
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Asks for a file, from a byte on.
    pub(super) async fn file(&self, url: Url, from: u64) -> Result<Response<Answer>, HttpsError> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        self.ask(url, "*/*", range.as_deref()).await.map(|(answer, _)| answer)
    }

    async fn ask(
        &self,
        mut url: Url,
        accept: &'static str,
        range: Option<&str>,
    ) -> Result<(Response<Answer>, Url), HttpsError> {
        for _ in 0..=REDIRECTS_MAX {
            url.set_fragment(None);
            match self.https.ask(self.request(&url, accept, range)?).await {
                Ok(answer) => return Ok((answer, url)),
                Err(HttpsError::Redirect { host, to: Elsewhere(Some(to)) }) => {
                    url = url.join(&to).map_err(|_| HttpsError::Redirect { host, to: Elsewhere(None) })?;
                }
                Err(error) => return Err(error),
            }
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Err(HttpsError::TooManyRedirects { host, most: REDIRECTS_MAX })
    }

    fn request(
        &self,
        url: &Url,
        accept: &'static str,
        range: Option<&str>,
    ) -> Result<Request<Empty<Bytes>>, HttpsError> {
        let refused = || self.https.not_allowed(url.host_str().unwrap_or_default().to_owned());
        if url.username() != "" || url.password().is_some() {
            return Err(refused());
        }
        let mut request = Request::get(url.as_str()).body(Empty::new()).map_err(|_| refused())?;
        let headers: &mut HeaderMap = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if let Some(range) = range {
            headers.insert(RANGE, HeaderValue::from_str(range).map_err(|_| refused())?);
        }
        // What opens the index is nobody else's business.
        let host = self.index.host();
        let is_index = url.host_str().map(|host| host.trim_matches(['[', ']'])) == Some(host.host())
            && url.port_or_known_default() == Some(host.port());
        if let (true, Some(credentials)) = (is_index, &self.index.credentials) {
            let text =
                zeroize::Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(credentials.as_bytes()));
            let text = zeroize::Zeroizing::new(format!("Basic {}", *text));
            let mut value = HeaderValue::from_str(&text).map_err(|_| refused())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// Whether another attempt could end otherwise.
enum Refusal {
    Passing(IndexError),
    Final(IndexError),
}
