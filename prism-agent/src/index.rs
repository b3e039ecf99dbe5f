//! A package index, asked by the agent itself and never from inside a sandbox.
//!
//! Packages are asked for by name (PEP 503, PEP 691), over TLS, from the operator's index and the hosts on its list only.
//! The index is not trusted: what it sends is taken only if its SHA-256 is one of the lock's.

#[cfg(feature = "pull")]
mod download;
mod error;
#[cfg(feature = "pull")]
mod fetch;
#[cfg(feature = "pull")]
mod line;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use prism_core::manifest::HttpsUrl;
use zeroize::Zeroizing;

pub use self::error::{IndexError, IndexUrlError};
#[cfg(feature = "pull")]
pub use self::fetch::{Fetched, fetch};
use crate::client::RetryPolicy;
use crate::pull::AllowedHost;

/// Where packages come from. It does not show its password, which leaves memory when dropped.
#[derive(Clone)]
#[non_exhaustive]
pub struct PackageIndex {
    url: HttpsUrl,
    /// `user:password`, as it is sent.
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "no index is asked without it"))]
    credentials: Option<Zeroizing<String>>,
    /// Hosts that may be asked besides the index's own, because its files lie there.
    pub files: Vec<AllowedHost>,
    /// Certificates (DER) that may vouch for these hosts, besides those that this machine trusts.
    pub extra_roots: Vec<Vec<u8>>,
    /// How often in a row an attempt may bring nothing before a file is given up.
    pub retry: RetryPolicy,
    /// How long connecting may take, an answer to begin, and the next bytes of it to come, each.
    pub answer_within: Duration,
}

impl PackageIndex {
    /// Its address, without what opens it.
    #[must_use]
    pub const fn url(&self) -> &HttpsUrl {
        &self.url
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> AllowedHost {
        AllowedHost::of(&self.url)
    }
}

impl FromStr for PackageIndex {
    type Err = IndexUrlError;

    /// Reads `https://[user[:password]@]host[:port]/path`, below which projects are found by name.
    fn from_str(text: &str) -> Result<Self, IndexUrlError> {
        let rest = text.strip_prefix("https://").ok_or(IndexUrlError)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(decoded(credentials).ok_or(IndexUrlError)?), host),
            None => (None, authority),
        };
        let url = format!("https://{host}{}", path.trim_end_matches('/'));
        Ok(Self {
            url: url.parse().map_err(|_| IndexUrlError)?,
            credentials,
            files: Vec::new(),
            extra_roots: Vec::new(),
            retry: RetryPolicy::default(),
            answer_within: Duration::from_secs(30),
        })
    }
}

impl fmt::Debug for PackageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackageIndex").field("url", &self.url).field("files", &self.files).finish_non_exhaustive()
    }
}

/// Without percent-encoding (RFC 3986).
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut parts = text.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.bytes());
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_shows_its_address_and_never_its_password() {
        let index: PackageIndex = "https://us%40er:hu%73h@index.example:8443/simple/".parse().unwrap();
        assert_eq!(index.url().to_string(), "https://index.example:8443/simple");
        assert_eq!(index.credentials.as_deref().map(String::as_str), Some("us@er:hush"));
        let shown = format!("{index:?}");
        assert!(!shown.contains("hush") && !shown.contains("hu%73h") && !shown.contains("us@er"), "{shown}");
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "http://index.example/simple",
            "index.example/simple",
            "https://",
            "https://user:pass@",
            "https://index.example/simple?x=y",
            "https://a%zz@index.example/",
            "file:///simple",
        ] {
            assert!(text.parse::<PackageIndex>().is_err(), "{text}");
        }
    }
}
