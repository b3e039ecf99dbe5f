//! Whom the agent may ask, and with what access.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use prism_core::code::{Code, Coded};
use prism_core::manifest::{HttpsUrl, KeyRelease, Manifest, ObjectUrl, SealedObject};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::error::SourceError;
use crate::client::RetryPolicy;

/// Whom the agent may ask for objects and keys. By default nobody.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PullConfig {
    /// The hosts that may be asked, whatever a manifest says.
    pub allow: Vec<AllowedHost>,
    /// Certificates (DER) that may vouch for an object store, besides those that this machine trusts.
    pub extra_roots: Vec<Vec<u8>>,
    /// Certificates (DER) that may vouch for a key broker. Nobody else may.
    pub broker_roots: Vec<Vec<u8>>,
    /// The store behind `s3://` addresses.
    pub s3: S3Config,
    /// How often in a row an attempt may bring nothing before an asset is refused.
    pub retry: RetryPolicy,
    /// How long connecting may take, and an answer to begin, each.
    pub answer_within: Duration,
    /// Objects that are fetched at a time; each takes two threads and about 3 MiB.
    pub at_once: usize,
    /// How often the agent asks a key broker again, by itself, also after an asset was refused.
    pub broker_retry: RetryPolicy,
}

impl Default for PullConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            extra_roots: Vec::new(),
            broker_roots: Vec::new(),
            s3: S3Config::default(),
            retry: RetryPolicy::default(),
            answer_within: Duration::from_secs(30),
            at_once: 4,
            broker_retry: RetryPolicy { attempts: 64, first: Duration::from_secs(1), longest: Duration::from_mins(5) },
        }
    }
}

/// An S3-compatible store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct S3Config {
    /// Its address; `None` is Amazon's own in the region.
    pub endpoint: Option<HttpsUrl>,
    /// Its region.
    pub region: String,
    /// What the agent shows it; `None` asks without a signature, which public buckets answer.
    pub credentials: Option<S3Credentials>,
}

impl Default for S3Config {
    fn default() -> Self {
        Self { endpoint: None, region: "us-east-1".to_owned(), credentials: None }
    }
}

/// An access key. It does not show its secret and leaves memory when dropped.
#[derive(Clone)]
pub struct S3Credentials {
    pub(crate) key_id: String,
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "no store is asked without it"))]
    pub(crate) secret: Zeroizing<String>,
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "no store is asked without it"))]
    pub(crate) token: Option<Zeroizing<String>>,
}

impl S3Credentials {
    /// An access key's id and secret and, if it is a temporary one, its session token.
    #[must_use]
    pub const fn new(key_id: String, secret: Zeroizing<String>, token: Option<Zeroizing<String>>) -> Self {
        Self { key_id, secret, token }
    }
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// A host that the agent may ask, with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: String,
    port: u16,
}

impl AllowedHost {
    /// The host that an address names.
    #[must_use]
    pub fn of(url: &HttpsUrl) -> Self {
        Self { host: url.host().to_owned(), port: url.port() }
    }

    /// Its name or IP address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address, without the port if that is https' own.
    #[cfg(feature = "pull")]
    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.to_string().trim_end_matches(":443"))
    }
}

/// A text is not `HOST` or `HOST:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected HOST, or HOST:PORT if the port is not 443, in lower case, found another text; write it as in the manifest's addresses"
)]
#[non_exhaustive]
pub struct AllowedHostError;

impl FromStr for AllowedHost {
    type Err = AllowedHostError;

    fn from_str(text: &str) -> Result<Self, AllowedHostError> {
        match format!("https://{text}").parse::<HttpsUrl>() {
            Ok(url) if !text.contains('/') => Ok(Self::of(&url)),
            _ => Err(AllowedHostError),
        }
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)
    }
}

/// A file does not hold certificates in PEM (RFC 7468).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected certificates in PEM, found something else; give the file of the authority that vouches for the host")]
#[non_exhaustive]
pub struct RootsError;

impl Coded for RootsError {
    fn code(&self) -> Code {
        Code::FileMalformed
    }
}

impl PullConfig {
    /// The certificates (DER) in a PEM file, at least one.
    ///
    /// # Errors
    /// [`RootsError`].
    pub fn roots_from_pem(pem: &[u8]) -> Result<Vec<Vec<u8>>, RootsError> {
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let roots: Vec<Vec<u8>> = roots.map_err(|_| RootsError)?.into_iter().map(|der| der.to_vec()).collect();
        if roots.is_empty() { Err(RootsError) } else { Ok(roots) }
    }

    /// The host that has an object.
    #[must_use]
    pub fn host_of(&self, url: &ObjectUrl) -> AllowedHost {
        match (url, &self.s3.endpoint) {
            (ObjectUrl::Https(url), _) | (_, Some(url)) => AllowedHost::of(url),
            _ => AllowedHost { host: format!("s3.{}.amazonaws.com", self.s3.region), port: 443 },
        }
    }

    /// Refuses terms that this agent could never fulfil, before anybody waits for it.
    ///
    /// # Errors
    /// [`SourceError`] of the first dataset that it may not fetch.
    pub(crate) fn require_reach(&self, manifest: &Manifest) -> Result<(), SourceError> {
        for dataset in &manifest.datasets {
            let Some(SealedObject { url, release, .. }) = &dataset.source else { continue };
            let asset = || dataset.name.clone();
            if cfg!(not(feature = "pull")) {
                return Err(SourceError::NotBuiltIn { asset: asset() });
            }
            let brokers = match release {
                KeyRelease::Kbs { url, .. } => Some(AllowedHost::of(url)),
                _ => None,
            };
            let asked = [Some(self.host_of(url)), brokers.clone()];
            if let Some(host) = asked.into_iter().flatten().find(|host| !self.allow.contains(host)) {
                return Err(SourceError::HostNotAllowed { asset: asset(), host });
            }
            if brokers.is_some() && self.broker_roots.is_empty() {
                return Err(SourceError::BrokerWithoutRoot { asset: asset() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_reads_back_and_other_texts_are_refused() {
        for (text, shown) in
            [("store.example", "store.example:443"), ("127.0.0.1:9000", "127.0.0.1:9000"), ("[::1]:9000", "[::1]:9000")]
        {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), shown);
        }
        for text in
            ["", "https://store.example", "store.example/x", "a@store.example", "*.example", "Store.example", "x:443"]
        {
            assert_eq!(text.parse::<AllowedHost>(), Err(AllowedHostError), "{text}");
        }
    }

    #[test]
    fn an_access_key_does_not_show_its_secret() {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        let credentials = S3Credentials::new("id".to_owned(), secret("hush"), Some(secret("whisper")));
        let config = S3Config { credentials: Some(credentials), ..S3Config::default() };
        let shown = format!("{:?}", PullConfig { s3: config, ..PullConfig::default() });
        assert!(shown.contains("id") && !shown.contains("hush") && !shown.contains("whisper"), "{shown}");
    }
}
