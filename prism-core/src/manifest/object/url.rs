//! Addresses in a manifest: few forms, each with one text, and no place for a secret.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

use crate::code::{Code, Coded};

/// Longest address in bytes.
const URL_MAX: usize = 2048;
/// Longest key of an object in bytes, as S3 bounds it.
const KEY_MAX: usize = 1024;
/// The port of https (RFC 9110, section 4.2.2).
const HTTPS_PORT: u16 = 443;

/// Why a text is not an address that a manifest may hold. It does not repeat the text, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Another scheme: nothing is fetched over an open line.
    #[error("expected an address that begins with https:// or s3://, found another; use one of these")]
    Scheme,
    /// A user, a password, a query or a fragment: secrets would be read by every participant.
    #[error(
        "expected an address without user, password, query and fragment, found one of them; leave it out: what opens the store is the agent's configuration"
    )]
    Secret,
    /// Not a host.
    #[error(
        "expected a host name in lower case or an IP address, and a port only if it is not 443, found another text"
    )]
    Host,
    /// Not a bucket.
    #[error("expected a bucket of 3 to 63 of a-z 0-9 . - (as S3 names them), found another text")]
    Bucket,
    /// Not a path.
    #[error(
        "expected a path of plain segments (letters, digits and -._~!$&'()*+,;=:@), none of them empty, . or .., found another text"
    )]
    Path,
    /// Longer than an address may be.
    #[error("expected an address of at most {URL_MAX} bytes, found a longer one")]
    TooLong,
}

impl Coded for UrlError {
    fn code(&self) -> Code {
        Code::ManifestMalformed
    }
}

/// Where an object lies: `https://host/path` or `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObjectUrl {
    /// A file of a web server.
    Https(HttpsUrl),
    /// An object of the S3-compatible store that the agent is configured for.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object's key in it.
        key: String,
    },
}

impl FromStr for ObjectUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let Some(rest) = text.strip_prefix("s3://") else {
            let url: HttpsUrl = text.parse()?;
            return if url.path().len() > 1 { Ok(Self::Https(url)) } else { Err(UrlError::Path) };
        };
        no_secret(text)?;
        let (bucket, key) = rest.split_once('/').ok_or(UrlError::Path)?;
        if bucket.contains('@') {
            return Err(UrlError::Secret);
        }
        if !is_bucket(bucket) {
            return Err(UrlError::Bucket);
        }
        if key.len() > KEY_MAX || !is_path(key) {
            return Err(UrlError::Path);
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Https(url) => url.fmt(f),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

/// An address of the form `https://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpsUrl {
    host: String,
    port: u16,
    path: String,
}

impl HttpsUrl {
    /// The host: a name in lower case, an IPv4 address, or an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path with its leading slash; `/` when none was written.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for HttpsUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = text.strip_prefix("https://").ok_or(UrlError::Scheme)?;
        no_secret(text)?;
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
        if authority.contains('@') {
            return Err(UrlError::Secret);
        }
        if path.is_some_and(|path| !is_path(path)) {
            return Err(UrlError::Path);
        }
        let (host, port) = host_and_port(authority).ok_or(UrlError::Host)?;
        Ok(Self { host, port, path: format!("/{}", path.unwrap_or_default()) })
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        match self.port {
            HTTPS_PORT => write!(f, "https://{open}{}{close}{path}", self.host),
            port => write!(f, "https://{open}{}{close}:{port}{path}", self.host),
        }
    }
}

fn no_secret(text: &str) -> Result<(), UrlError> {
    match text {
        _ if text.len() > URL_MAX => Err(UrlError::TooLong),
        _ if text.contains(['?', '#']) => Err(UrlError::Secret),
        _ => Ok(()),
    }
}

/// One text for each host and port.
fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let address: Ipv6Addr = host.parse().ok()?;
        (address.to_string() == host).then_some(())?;
        (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        is_host(host).then_some(())?;
        (host, port)
    };
    let port = match port {
        None => HTTPS_PORT,
        Some(text) => {
            let port: u16 = text.parse().ok()?;
            (port != 0 && port != HTTPS_PORT && port.to_string() == text).then_some(port)?
        }
    };
    Some((host.to_owned(), port))
}

/// A name of labels (RFC 1123, section 2.1) in lower case, or an IPv4 address. What ends like a number is an address or
/// nothing: resolvers read `1.2`, `0x7f.1` and `2130706433` as addresses.
fn is_host(host: &str) -> bool {
    if host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let top_is_a_word = host.rsplit('.').next().is_some_and(|top| top.starts_with(|c: char| c.is_ascii_lowercase()));
    host.len() <= 253 && host.split('.').all(label) && top_is_a_word
}

/// As S3 names buckets ("General purpose bucket naming rules").
fn is_bucket(bucket: &str) -> bool {
    let plain = bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = bucket.starts_with(edge) && bucket.ends_with(edge);
    let no_address = bucket.parse::<IpAddr>().is_err();
    (3..=63).contains(&bucket.len()) && plain && ends && !bucket.contains("..") && no_address
}

/// Segments of RFC 3986's `pchar` without percent-encoding: what it means is the same to every reader.
fn is_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(plain))
}
