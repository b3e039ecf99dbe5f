//! Addresses: of services, and of what is asked for there.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use prism_attest::endorsements::bundle::{Answer, EndorsementKey, chip_text};
use prism_core::manifest::platform::{Product, Tcb};

use super::config::EndorserConfig;
use super::error::FetchError;
use super::http::Reply;

/// The address of a service: scheme, host, port and the path before the service's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    tls: bool,
    host: String,
    port: u16,
    prefix: String,
}

impl BaseUrl {
    /// An address without TLS, for a mirror whose network is trusted with what is asked for. What it answers is verified
    /// all the same.
    ///
    /// # Errors
    /// [`FetchError::Address`].
    pub fn allow_plain_http(text: &str) -> Result<Self, FetchError> {
        Self::read(text).ok_or_else(|| FetchError::Address { found: shown(text) })
    }

    fn read(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        // A port that is none must not become another one.
        let unnamed = authority.as_str().ends_with(authority.host());
        let port = authority.port_u16().or_else(|| unnamed.then_some(if tls { 443 } else { 80 }))?;
        let prefix = uri.path().trim_end_matches('/').to_owned();
        (!host.is_empty()).then_some(Self { tls, host, port, prefix })
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn at(&self, path: &str) -> Address {
        let Self { tls, host, port, prefix } = self;
        Address { tls: *tls, host: host.clone(), port: *port, path: format!("{prefix}{path}") }
    }

    /// Whether this service is where the address leads.
    pub(super) fn is_host_of(&self, address: &Address) -> bool {
        (self.tls, &self.host, self.port) == (address.tls, &address.host, address.port)
    }

    /// Whether it is asked over TLS.
    pub(super) const fn uses_tls(&self) -> bool {
        self.tls
    }
}

impl FromStr for BaseUrl {
    type Err = FetchError;

    /// Reads an https address, or a plain http one of this very machine.
    fn from_str(text: &str) -> Result<Self, FetchError> {
        let base = Self::allow_plain_http(text)?;
        if base.tls || base.is_loopback() { Ok(base) } else { Err(FetchError::PlainHttp { found: shown(text) }) }
    }
}

/// An address without what may be a password or a ticket in it.
fn shown(text: &str) -> String {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme)).unwrap_or("");
    let (address, query) = text.find(['?', '#']).map_or((text, ""), |at| text.split_at(at));
    if query.contains('@') {
        // A password with such a character in it?
        return format!("{scheme}…");
    }
    let end = if query.is_empty() { "" } else { "…" };
    match address.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{host}{end}"),
        None => format!("{address}{end}"),
    }
}

/// Where one question goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Address {
    /// Host and port as in the `Host` field: the scheme's own port is left out.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// One question to a vendor, and how its answer is understood.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) address: Address,
    pub(super) is_of_amd: bool,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// The body as it is.
    Body,
    /// A list in DER; a PCCS may write it in hexadecimal.
    List,
    /// A body, and its signer's certificates in this field of the answer's head.
    Signed(&'static str),
    /// Both.
    SignedList(&'static str),
}

impl Question {
    /// Where the vendor keeps what the key is about.
    pub(super) fn about(key: &EndorsementKey, config: &EndorserConfig) -> Result<Self, FetchError> {
        let (base, path, form) = match key {
            EndorsementKey::AmdChain { product, signer } => {
                (&config.amd, format!("/{}/v1/{product}/cert_chain", signer.name()), Form::Body)
            }
            EndorsementKey::AmdCrl { product, signer } => {
                (&config.amd, format!("/{}/v1/{product}/crl", signer.name()), Form::Body)
            }
            EndorsementKey::Vcek { product, chip, tcb } if chip.as_bytes() != &[0; 64] => {
                let chip = chip_text(*product, chip);
                (&config.amd, format!("/vcek/v1/{product}/{chip}?{}", versions(*product, *tcb)), Form::Body)
            }
            EndorsementKey::TcbInfo { fmspc } => {
                let fmspc = fmspc.to_string().to_ascii_uppercase();
                let path = format!("/tdx/certification/v4/tcb?fmspc={fmspc}&update={}", config.update.name());
                (&config.intel, path, Form::Signed("TCB-Info-Issuer-Chain"))
            }
            EndorsementKey::QeIdentity => {
                let path = format!("/tdx/certification/v4/qe/identity?update={}", config.update.name());
                (&config.intel, path, Form::Signed("SGX-Enclave-Identity-Issuer-Chain"))
            }
            EndorsementKey::PckCrl { ca } => {
                let path = format!("/sgx/certification/v4/pckcrl?ca={}&encoding=der", ca.name());
                (&config.intel, path, Form::SignedList("SGX-PCK-CRL-Issuer-Chain"))
            }
            EndorsementKey::RootCrl => match &config.intel_root {
                Some(base) => (base, "/IntelSGXRootCA.der".to_owned(), Form::List),
                None => (&config.intel, "/sgx/certification/v4/rootcacrl".to_owned(), Form::List),
            },
            other => return Err(FetchError::NotOffered { key: Box::new(other.clone()) }),
        };
        Ok(Self { address: base.at(&path), is_of_amd: key.is_of_amd(), form })
    }

    /// What the vendor answered.
    pub(super) fn answer(&self, reply: Reply) -> Result<Answer, FetchError> {
        let issuers = |field| self.issuers(&reply, field).map(Some);
        let (is_list, issuers) = match self.form {
            Form::Body => (false, None),
            Form::List => (true, None),
            Form::Signed(field) => (false, issuers(field)?),
            Form::SignedList(field) => (true, issuers(field)?),
        };
        Ok(Answer { bytes: if is_list { der_of(reply.body) } else { reply.body }, issuers })
    }

    fn issuers(&self, reply: &Reply, field: &'static str) -> Result<Vec<u8>, FetchError> {
        let missing = || FetchError::NoIssuers { address: self.address.to_string(), field };
        let mut values = reply.head.get_all(field).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
        percent_decoded(value.as_bytes()).ok_or_else(missing)
    }
}

/// Security versions as AMD's addresses spell them: two digits or more.
fn versions(product: Product, tcb: Tcb) -> String {
    let Tcb { fmc, bootloader, tee, snp, microcode } = tcb;
    let rest = format!("blSPL={bootloader:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={microcode:02}");
    if product == Product::Turin { format!("fmcSPL={fmc:02}&{rest}") } else { rest }
}

/// DER, also when it was written in hexadecimal.
fn der_of(body: Vec<u8>) -> Vec<u8> {
    hex::decode(body.trim_ascii()).unwrap_or(body)
}

/// Text without its percent-encoding (RFC 3986, section 2.1).
fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = rest.split_first_chunk::<2>()?;
            decoded.extend(hex::decode(digits).ok()?);
            rest = after;
        } else {
            decoded.push(*byte);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests;
