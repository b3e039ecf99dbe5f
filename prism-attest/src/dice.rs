//! Evidence in a TLS certificate (RA-TLS): the extension 2.23.133.5.4.9 of the TCG's DICE attestation architecture.
//!
//! The signed bytes then stand for the certificate's key and for nothing else: not for this channel, not for this
//! moment. Evidence replayed by whoever stole the key, and a relay to another machine's key, pass. The verdict says
//! `key-only` and never earns [`Trust`](crate::Trust). It is accepted only where the caller asks for it by the name
//! [`ExpectedBinding::dangerous_key_only`], under a policy that says `accept_key_only = true`.
//!
//! Two forms of the extension are read, both in deterministic encodings:
//! - tag 60000 of `[quote, claims-buffer]` with an Intel TDX quote. The report data are the SHA-256 of the claims buffer
//!   and zeros; the claims buffer is a map of `pubkey-hash` (`[algorithm, hash of the SPKI]`; SHA-256, SHA-384 or
//!   SHA-512 by their numbers 1, 7 and 8 in IANA's registry of named information) and, perhaps, a `nonce`.
//! - a message wrapper ([`cmw`](crate::cmw)) of any platform's evidence. It has no claims buffer: the report data are
//!   the SHA-256 of the certificate's SPKI (DER) and zeros.
//!
//! That the peer holds the key, and that the certificate is within its dates, is for the TLS library to see.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::hexadecimal::Hex;

use crate::binding::ExpectedBinding;
use crate::cbor::{Item, Reader};
use crate::cmw::CmwError;
use crate::evidence::{Evidence, EvidenceError, Platform};
use crate::finding::{Check, Notes};
use crate::platform::tdx::quote::SIMULATOR_USER_DATA;
use crate::x509::{Certificate, pem};

/// DER content of 2.23.133.5.4.9.
const EXTENSION: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x09];

/// The tag of an Intel quote with its claims buffer.
const INTEL_QUOTE: u64 = 60_000;

/// Largest certificate in bytes.
pub const DICE_CERTIFICATE_MAX: usize = 128 * 1024;

/// Where a quote's header has the user data in which the simulator puts its mark.
const QUOTE_USER_DATA: std::ops::Range<usize> = 28..48;

/// Why a certificate carries no evidence that is read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiceError {
    /// Not one strict certificate, or one whose extensions repeat.
    #[error("expected a certificate of version 3 in DER, found {0}; give the peer's own certificate")]
    Certificate(&'static str),
    /// The certificate has no such extension.
    #[error("expected the extension 2.23.133.5.4.9 in the certificate, found none; this peer offers no evidence")]
    NoEvidence,
    /// The extension is of another tag or not in its form.
    #[error("expected tag 60000 with a quote and a claims buffer, or a message wrapper, found something else")]
    Form,
    /// The claims buffer is not in its form.
    #[error("expected a claims buffer with a pubkey-hash and at most a nonce, found something else")]
    Claims,
    /// The message wrapper was not read.
    #[error("expected evidence in the certificate's message wrapper, found none")]
    Wrapper(#[source] CmwError),
    /// The bytes cannot be evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl Coded for DiceError {
    fn code(&self) -> Code {
        Code::EvidenceRefused
    }
}

/// What a certificate carries. Nothing in it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiceEvidence {
    evidence: Evidence,
    spki: Vec<u8>,
    claims: Option<Claims>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Claims {
    buffer: Vec<u8>,
    hash: Vec<u8>,
    nonce: Option<Vec<u8>>,
}

/// Reads the evidence in a certificate (DER).
///
/// # Errors
/// [`DiceError`].
pub fn read(certificate_der: &[u8]) -> Result<DiceEvidence, DiceError> {
    if certificate_der.len() > DICE_CERTIFICATE_MAX {
        return Err(DiceError::Certificate("more bytes than one has"));
    }
    let certificate = Certificate::parse(certificate_der).map_err(DiceError::Certificate)?;
    let value = certificate.extension(EXTENSION).ok_or(DiceError::NoEvidence)?;
    let spki = certificate.spki_der().to_vec();
    let mut reader = Reader::new(value);
    if reader.item() != Some(Item::Tag(INTEL_QUOTE)) {
        let evidence = Evidence::from_cmw(value).map_err(|error| match error {
            CmwError::Malformed => DiceError::Form,
            other => DiceError::Wrapper(other),
        })?;
        return Ok(DiceEvidence { evidence, spki, claims: None });
    }
    let (quote, buffer) = tagged(&mut reader).ok_or(DiceError::Form)?;
    let claims = Claims::read(buffer).ok_or(DiceError::Claims)?;
    let simulated = quote.get(QUOTE_USER_DATA) == Some(SIMULATOR_USER_DATA.as_slice());
    let platform = if simulated { Platform::SimulatedTdx } else { Platform::Tdx };
    Ok(DiceEvidence { evidence: Evidence::new(platform, quote.to_vec())?, spki, claims: Some(claims) })
}

/// Reads the evidence in a certificate as it lies in a file: DER, or one certificate in PEM.
///
/// # Errors
/// [`DiceError`].
pub fn read_file(bytes: &[u8]) -> Result<DiceEvidence, DiceError> {
    if bytes.len() > 2 * DICE_CERTIFICATE_MAX {
        return Err(DiceError::Certificate("more bytes than one has"));
    }
    let der = pem::der_or_one(bytes).ok_or(DiceError::Certificate("more or less than one"))?;
    read(&der)
}

fn tagged<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let Item::Array(2) = reader.item()? else { return None };
    let (quote, buffer) = (reader.bytes()?, reader.bytes()?);
    reader.is_empty().then_some((quote, buffer))
}

impl DiceEvidence {
    /// What the machine signed.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The claims buffer as it came; a message wrapper has none.
    #[must_use]
    pub fn claims_buffer(&self) -> Option<&[u8]> {
        self.claims.as_ref().map(|claims| claims.buffer.as_slice())
    }

    /// The nonce in the claims buffer, which says something about freshness only if the caller drew it.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.claims.as_ref().and_then(|claims| claims.nonce.as_deref())
    }

    /// The certificate's public key (SPKI DER).
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Compares with the signed bytes and returns the key's SHA-256 if they stand for it.
    pub(crate) fn check(&self, report_data: &[u8; 64], notes: &mut Notes) -> Option<Digest> {
        let signed = self.claims.as_ref().map_or_else(|| self.spki.as_slice(), |claims| &claims.buffer);
        let mut expected = [0; 64];
        for (byte, of) in expected.iter_mut().zip(Digest::sha256(signed).as_bytes()) {
            *byte = *of;
        }
        let key = Digest::sha256(&self.spki);
        // A message wrapper has no claims: the machine signed for the key itself.
        let named = self.claims.as_ref().is_none_or(|claims| {
            let named = claims.name(&self.spki);
            let found = if named { "the certificate's key" } else { "another key" };
            notes.check(Check::BindingCertificateKey, named, format_args!("TLS key {key}"), found)
        });
        let stands = verify_slices_are_equal(&expected, report_data).is_ok();
        notes.check(Check::BindingKeyOnly, stands, Hex(&expected), Hex(report_data));
        (named && stands).then_some(key)
    }
}

impl Claims {
    fn read(buffer: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(buffer);
        let Item::Map(pairs @ 1..=2) = reader.item()? else { return None };
        let (mut hash, mut nonce) = (None, None);
        for _ in 0..pairs {
            match reader.text()? {
                "pubkey-hash" if hash.is_none() => hash = Some(key_hash(&mut reader)?),
                // Twice, it leaves no room for the hash, and these claims are none.
                "nonce" => nonce = Some(reader.bytes()?.to_vec()),
                _ => return None,
            }
        }
        reader.is_empty().then_some(Self { buffer: buffer.to_vec(), hash: hash?, nonce })
    }

    fn name(&self, spki: &[u8]) -> bool {
        let algorithm = match self.hash.len() {
            32 => &SHA256,
            48 => &SHA384,
            _ => &SHA512,
        };
        verify_slices_are_equal(digest::digest(algorithm, spki).as_ref(), &self.hash).is_ok()
    }
}

/// `[algorithm, hash]`, or the same inside of a byte string, as Gramine and RATS-TLS write it.
fn key_hash(reader: &mut Reader) -> Option<Vec<u8>> {
    match reader.item()? {
        Item::Bytes(inner) => {
            let mut inner = Reader::new(inner);
            let pair = inner.item()?;
            let hash = (pair == Item::Array(2)).then(|| hash_value(&mut inner)).flatten();
            hash.filter(|_| inner.is_empty())
        }
        Item::Array(2) => hash_value(reader),
        _ => None,
    }
}

fn hash_value(reader: &mut Reader) -> Option<Vec<u8>> {
    let length = match reader.uint()? {
        1 => 32,
        7 => 48,
        8 => 64,
        _ => return None,
    };
    reader.bytes().filter(|hash| hash.len() == length).map(<[u8]>::to_vec)
}

impl ExpectedBinding {
    /// For a certificate's evidence whose key the TLS library saw in use: the signed bytes have to stand for that key.
    /// Dangerous, because they stand for nothing else: evidence that is replayed or relayed passes. The verdict says
    /// `key-only` and never makes trust in a channel.
    #[must_use]
    pub fn dangerous_key_only(found: &DiceEvidence) -> Self {
        Self::key_only(found.clone())
    }
}
