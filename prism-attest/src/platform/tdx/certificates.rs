//! Intel's certificates (PCK Certificate and Certificate Revocation List Profile Specification): fixed shapes under one
//! root, no path building.

use super::verdict;
use crate::crypto;
use crate::finding::{Check, Notes, Stop};
use crate::roots::Assurance;
use crate::window::Window;
use crate::x509::pem::ChainProblem;
use crate::x509::{Certificate, SIMULATOR_ORGANISATION, Scheme, pem, time_text};

const INTEL_ORGANISATION: &str = "Intel Corporation";

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Root,
    /// Certifies machines.
    PckCa,
    /// A machine.
    Pck,
    /// Signs TCB info and the quoting enclave's identity.
    TcbSigner,
}

impl Role {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["Intel SGX Root CA"],
            Self::PckCa => &["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"],
            Self::Pck => &["Intel SGX PCK Certificate"],
            Self::TcbSigner => &["Intel SGX TCB Signing"],
        }
    }

    /// Whether the certificate has this role's name; nobody has verified that.
    pub(super) fn is_named(self, der: &[u8]) -> bool {
        let certificate = Certificate::parse(der);
        certificate.is_ok_and(|it| it.subject().is_some_and(|(_, name)| self.names().contains(&name)))
    }

    const fn is_authority(self) -> bool {
        matches!(self, Self::Root | Self::PckCa)
    }

    /// Whoever signs TCB data belongs to the collateral, not to the machine.
    const fn check(self, check: Check) -> Check {
        match self {
            Self::TcbSigner => Check::TcbSigner,
            _ => check,
        }
    }

    const fn signature(self) -> Check {
        match self {
            Self::Root | Self::PckCa => Check::PckCaSignature,
            Self::Pck => Check::PckSignature,
            Self::TcbSigner => Check::TcbSigner,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::PckCa => "PCK CA",
            Self::Pck => "PCK",
            Self::TcbSigner => "TCB signer",
        }
    }
}

/// What stays of a certificate once it is verified.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    pub(super) der: Vec<u8>,
    pub(super) key: [u8; 65],
    pub(super) subject: Vec<u8>,
    pub(super) serial: Vec<u8>,
    pub(super) window: Window,
}

/// More certificates than this cannot be a chain; nobody looks at them.
const CERTIFICATES_MAX: usize = 8;

/// The chain in `text` (PEM) if it is one of `N` certificates.
pub(super) fn chain<const N: usize>(
    part: &'static str,
    text: &[u8],
    check: Check,
    notes: &mut Notes,
) -> Result<[Vec<u8>; N], Stop> {
    let read = pem::certificates(text, CERTIFICATES_MAX);
    if read == Err(ChainProblem::TooMany) {
        let expected = format_args!("at most {CERTIFICATES_MAX} certificates for the {part}");
        notes.check(Check::CertificatesMax, false, expected, "more");
        return Err(Stop);
    }
    let read = read.unwrap_or_default();
    let number = read.len();
    let found = <[Vec<u8>; N]>::try_from(read);
    let expected = format_args!("{N} certificates in PEM for the {part}");
    notes.need(check, found.is_ok(), expected, format_args!("{number} certificates"))?;
    found.map_err(|_| Stop)
}

/// What every certificate is compared with.
#[derive(Clone, Copy)]
pub(super) struct Vetting {
    pub(super) assurance: Assurance,
    /// Unix seconds.
    pub(super) now: u64,
}

impl Vetting {
    /// Verifies a root: it is pinned already, so that its own signature says nothing.
    pub(super) fn root(self, der: &[u8], notes: &mut Notes) -> Result<Issuer, Stop> {
        let certificate = parse(Role::Root, der, notes)?;
        self.vet(Role::Root, &certificate, certificate.subject_der(), notes)?;
        keep(Role::Root, der, &certificate, notes)
    }

    /// Verifies what another certificate issued.
    pub(super) fn issued(self, role: Role, der: &[u8], by: &Issuer, notes: &mut Notes) -> Result<Issuer, Stop> {
        let certificate = parse(role, der, notes)?;
        self.vet_issued(role, &certificate, by, notes)?;
        keep(role, der, &certificate, notes)
    }

    /// Verifies names, dates, usage, algorithm and signature of what another certificate issued.
    pub(super) fn vet_issued(
        self,
        role: Role,
        certificate: &Certificate,
        by: &Issuer,
        notes: &mut Notes,
    ) -> Result<(), Stop> {
        self.vet(role, certificate, &by.subject, notes)?;
        let holds = crypto::ecdsa_p256_sha256_der(&by.key, certificate.tbs(), certificate.signature());
        notes.need(role.signature(), holds, format_args!("{}: a signature by the issuer", role.label()), verdict(holds))
    }

    fn vet(self, role: Role, certificate: &Certificate, issuer: &[u8], notes: &mut Notes) -> Result<(), Stop> {
        self.check_marks(role, certificate, notes)?;
        self.check_names(role, certificate, issuer, notes)?;
        let current = certificate.is_current(self.now);
        let found = format_args!("{}: {}", role.label(), certificate.window());
        notes.need(Check::CertificateDates, current, time_text(self.now), found)?;
        check_usage(role, certificate, notes)?;
        let ecdsa = certificate.is_signed_with(Scheme::Ecdsa);
        let found = if ecdsa { "ECDSA on P-256 with SHA-256" } else { "another algorithm or wrapping" };
        notes.need(role.check(Check::EcdsaAlgorithm), ecdsa, "ECDSA on P-256 with SHA-256", found)
    }

    /// A simulator's marks are in every certificate, or nowhere.
    fn check_marks(self, role: Role, certificate: &Certificate, notes: &mut Notes) -> Result<(), Stop> {
        let (whole, some) = (certificate.has_every_simulator_mark(), certificate.has_a_simulator_mark());
        let simulated = self.assurance.is_simulated();
        let expected = if simulated { "the simulator's marks" } else { "no mark of a simulator" };
        let found = match (whole, some) {
            (true, _) => "the simulator's marks",
            (false, true) => "some of the simulator's marks",
            (false, false) => "no mark of a simulator",
        };
        let ok = if simulated { whole } else { !some };
        notes.need(Check::SimulatorMark, ok, expected, format_args!("{}: {found}", role.label()))
    }

    fn check_names(self, role: Role, certificate: &Certificate, issuer: &[u8], notes: &mut Notes) -> Result<(), Stop> {
        let organisation = if self.assurance.is_simulated() { SIMULATOR_ORGANISATION } else { INTEL_ORGANISATION };
        let subject = certificate.subject();
        let named = subject.is_some_and(|(of, name)| of == organisation && role.names().contains(&name));
        let linked = certificate.issuer_der() == issuer;
        let first = role.names().first().copied().unwrap_or_default();
        let (of, name) = subject.unwrap_or(("", "no name"));
        let other = if linked { "" } else { ", issued by another" };
        let check = role.check(Check::CertificateNames);
        notes.need(check, named && linked, format_args!("{organisation}: {first}"), format_args!("{of}: {name}{other}"))
    }
}

fn check_usage(role: Role, certificate: &Certificate, notes: &mut Notes) -> Result<(), Stop> {
    let authority = certificate.may_sign_certificates() && certificate.may_sign_lists();
    let (ok, expected) = if role.is_authority() {
        (authority, "an authority that signs certificates and lists")
    } else {
        (!certificate.is_authority(), "no authority")
    };
    let found = if ok { expected } else { "another use of the key" };
    notes.need(role.check(Check::CertificateUsage), ok, expected, format_args!("{}: {found}", role.label()))
}

pub(super) fn parse<'a>(role: Role, der: &'a [u8], notes: &mut Notes) -> Result<Certificate<'a>, Stop> {
    let parsed = Certificate::parse(der);
    let found = parsed.as_ref().map_or_else(|problem| *problem, |_| "a certificate");
    let check = role.check(Check::CertificateForm);
    let found = format_args!("{}: {found}", role.label());
    notes.need(check, parsed.is_ok(), "a certificate of version 3 in DER", found)?;
    parsed.map_err(|_| Stop)
}

/// The certificate's point on P-256.
pub(super) fn key(role: Role, certificate: &Certificate, notes: &mut Notes) -> Result<[u8; 65], Stop> {
    let point = certificate.p256_key();
    let found = if point.is_some() { "a P-256 key" } else { "another key" };
    let check = role.check(Check::P256Key);
    notes.need(check, point.is_some(), "a key on P-256", format_args!("{}: {found}", role.label()))?;
    point.copied().ok_or(Stop)
}

fn keep(role: Role, der: &[u8], certificate: &Certificate, notes: &mut Notes) -> Result<Issuer, Stop> {
    Ok(Issuer {
        der: der.to_vec(),
        key: key(role, certificate, notes)?,
        subject: certificate.subject_der().to_vec(),
        serial: certificate.serial(),
        window: certificate.window(),
    })
}
