//! Whether a vendor signed an entry at all: what may be kept, and what may outrank another. Dates, revocation and what
//! evidence it is for are for verification to look at.

use prism_core::code::{Code, Coded};

use super::content::certificates;
use super::entry::Entry;
use super::key::EndorsementKey;
use crate::crypto;
use crate::endorsements::collateral::{Signed, read_signed};
use crate::roots;
use crate::x509::{Certificate, RevocationList, Scheme, pem};

/// The certificates under which endorsements are signed: AMD's ARK, ASK and ASVK of each product and Intel's root, and
/// those that a caller brings for a private laboratory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities(Vec<Vec<u8>>);

/// Why an entry is not taken for the vendor's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("expected {key} under a signature of the vendor's, found {found}; whoever sent it is not to be trusted")]
pub struct UnsignedError {
    /// What it is about.
    pub key: Box<EndorsementKey>,
    /// What was found instead.
    pub found: &'static str,
}

impl Coded for UnsignedError {
    fn code(&self) -> Code {
        Code::EndorsementsUnsigned
    }
}

type Checked = Result<(), &'static str>;

impl Authorities {
    /// The vendors' own.
    #[must_use]
    pub fn built_in() -> Self {
        Self(roots::authorities().map(<[u8]>::to_vec).collect())
    }

    /// Also this one (DER or PEM, one certificate), of a private laboratory.
    ///
    /// # Errors
    /// [`roots::RootError`] for anything else than one certificate.
    pub fn with_file(mut self, bytes: &[u8]) -> Result<Self, roots::RootError> {
        let der = pem::der_or_one(bytes).ok_or(roots::RootError::Certificate)?;
        Certificate::parse(&der).map_err(|_| roots::RootError::Certificate)?;
        self.0.push(der);
        Ok(self)
    }

    /// Whether one of them signed this entry, or whoever it names as its signer.
    ///
    /// # Errors
    /// [`UnsignedError`] if not.
    pub fn check(&self, entry: &Entry) -> Result<(), UnsignedError> {
        self.look(entry).map_err(|found| UnsignedError { key: Box::new(entry.key().clone()), found })
    }

    fn look(&self, entry: &Entry) -> Checked {
        let bytes = &entry.answer().bytes;
        match entry.key() {
            EndorsementKey::Vcek { .. } | EndorsementKey::Vlek { .. } => self.check_certificate(bytes),
            EndorsementKey::AmdChain { .. } | EndorsementKey::PckChain { .. } => self.chain(bytes).map(|_| ()),
            EndorsementKey::AmdCrl { .. } => self.check_list(bytes, Scheme::Pss),
            EndorsementKey::RootCrl => self.check_list(bytes, Scheme::Ecdsa),
            EndorsementKey::PckCrl { .. } => {
                let signer = self.signer(entry)?;
                let list = RevocationList::parse(bytes, Scheme::Ecdsa)?;
                let by = Certificate::parse(&signer)?;
                held(list.issuer_der() == by.subject_der() && signed(&by, Scheme::Ecdsa, list.tbs(), list.signature()))
            }
            EndorsementKey::TcbInfo { .. } => self.check_json(entry, Signed::TcbInfo),
            EndorsementKey::QeIdentity => self.check_json(entry, Signed::QeIdentity),
        }
    }

    fn check_certificate(&self, der: &[u8]) -> Checked {
        if self.0.iter().any(|known| known == der) {
            return Ok(());
        }
        let certificate = Certificate::parse(der)?;
        held(self.issuers(certificate.issuer_der()).any(|by| issued(&by, &certificate)))
    }

    fn check_list(&self, der: &[u8], scheme: Scheme) -> Checked {
        let list = RevocationList::parse(der, scheme)?;
        held(self.issuers(list.issuer_der()).any(|by| signed(&by, scheme, list.tbs(), list.signature())))
    }

    fn check_json(&self, entry: &Entry, what: Signed) -> Checked {
        let signer = self.signer(entry)?;
        let json = read_signed(what, &entry.answer().bytes).map_err(|_| "another form")?;
        let by = Certificate::parse(&signer)?;
        let key = by.p256_key().ok_or("a signer with another key")?;
        held(crypto::ecdsa_p256_sha256(key, &json.json, &json.signature))
    }

    /// The certificate of whoever signed the entry, directly under one of these: no machine's key speaks for the vendor.
    fn signer(&self, entry: &Entry) -> Result<Vec<u8>, &'static str> {
        let issuers = entry.answer().issuers.as_deref().ok_or("no signer")?;
        match <[Vec<u8>; 2]>::try_from(self.chain(issuers)?) {
            Ok([signer, _]) => Ok(signer),
            Err(_) => Err("a signer that is not directly under the root"),
        }
    }

    /// A chain whose last certificate is one of these, and in which each signed the one before.
    fn chain(&self, pem: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
        let chain = certificates(pem)?;
        let last = chain.last().ok_or("no certificate")?;
        held(self.0.contains(last)).map_err(|_| "another root")?;
        for (of, by) in chain.iter().zip(chain.iter().skip(1)) {
            held(issued(&Certificate::parse(by)?, &Certificate::parse(of)?))?;
        }
        Ok(chain)
    }

    fn issuers(&self, name: &[u8]) -> impl Iterator<Item = Certificate<'_>> {
        let known = self.0.iter().filter_map(|der| Certificate::parse(der).ok());
        known.filter(move |certificate| certificate.subject_der() == name)
    }
}

fn issued(by: &Certificate, certificate: &Certificate) -> bool {
    let scheme = if by.p256_key().is_some() { Scheme::Ecdsa } else { Scheme::Pss };
    by.may_sign_certificates()
        && certificate.issuer_der() == by.subject_der()
        && certificate.is_signed_with(scheme)
        && signed(by, scheme, certificate.tbs(), certificate.signature())
}

fn signed(by: &Certificate, scheme: Scheme, tbs: &[u8], signature: &[u8]) -> bool {
    match scheme {
        Scheme::Pss => by.rsa_key().is_some_and(|key| crypto::rsa_pss_sha384(key, tbs, signature)),
        Scheme::Ecdsa => by.p256_key().is_some_and(|key| crypto::ecdsa_p256_sha256_der(key, tbs, signature)),
    }
}

fn held(ok: bool) -> Checked {
    if ok { Ok(()) } else { Err("a signature that does not hold") }
}
