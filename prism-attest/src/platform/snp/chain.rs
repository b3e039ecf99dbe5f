//! ARK → ASK or ASVK → VCEK or VLEK: three certificates of a fixed shape.

use std::fmt;

use prism_core::manifest::platform::Product;
use serde::{Serialize, Serializer};

use super::report::Signer;
use super::verdict;
use crate::crypto;
use crate::finding::{Check, Notes, Stop};
use crate::roots::Assurance;
use crate::x509::{Certificate, SIMULATOR_ORGANISATION, Scheme, time_text};

const AMD_ORGANISATION: &str = "Advanced Micro Devices";

/// Which key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The chip's own.
    Vcek,
    /// That of the cloud provider with this id.
    Vlek(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vcek => f.write_str("vcek"),
            Self::Vlek(provider) => write!(f, "vlek {provider}"),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The three certificates while they are being tied together.
pub(super) struct Links<'l, 'a> {
    pub(super) ark: &'l Certificate<'a>,
    pub(super) ask: &'l Certificate<'a>,
    pub(super) vek: &'l Certificate<'a>,
}

impl Links<'_, '_> {
    /// Verifies names, dates, usage, algorithms and signatures, and says which kind of key the leaf is.
    pub(super) fn verify(
        &self,
        assurance: Assurance,
        product: Product,
        now: u64,
        notes: &mut Notes,
    ) -> Result<Signer, Stop> {
        self.check_marks(assurance, notes)?;
        let signer = self.check_kind(notes)?;
        self.check_names(assurance, product, signer, notes)?;
        self.check_dates(now, notes)?;
        self.check_usage(notes)?;
        self.check_signatures(notes)?;
        Ok(signer)
    }

    fn all(&self) -> [(&'static str, &Certificate<'_>); 3] {
        [("ARK", self.ark), ("ASK", self.ask), ("VEK", self.vek)]
    }

    /// A simulator's marks are in every certificate, or nowhere.
    fn check_marks(&self, assurance: Assurance, notes: &mut Notes) -> Result<(), Stop> {
        let everywhere = self.all().iter().all(|(_, certificate)| certificate.has_every_simulator_mark());
        let somewhere = self.all().iter().any(|(_, certificate)| certificate.has_a_simulator_mark());
        let found = match (everywhere, somewhere) {
            (true, _) => "the simulator's marks",
            (false, true) => "some of the simulator's marks",
            (false, false) => "no mark of a simulator",
        };
        if assurance.is_simulated() {
            notes.need(Check::SimulatorMark, everywhere, "the simulator's marks in every certificate", found)
        } else {
            notes.need(Check::SimulatorMark, !somewhere, "no mark of a simulator", found)
        }
    }

    fn check_kind(&self, notes: &mut Notes) -> Result<Signer, Stop> {
        let kind = self.vek.subject().map_or("no name", |(_, name)| name);
        let signer = Signer::ALL.into_iter().find(|signer| signer.subject() == kind);
        if signer.is_none() {
            notes.check(Check::VekKind, false, "SEV-VCEK or SEV-VLEK", kind);
        }
        signer.ok_or(Stop)
    }

    fn check_names(
        &self,
        assurance: Assurance,
        product: Product,
        signer: Signer,
        notes: &mut Notes,
    ) -> Result<(), Stop> {
        let simulated = assurance.is_simulated();
        let organisation = if simulated { SIMULATOR_ORGANISATION } else { AMD_ORGANISATION };
        let line = if simulated { "Simulated" } else { product.name() };
        let names = [format!("ARK-{line}"), format!("{}-{line}", signer.issuer()), signer.subject().to_owned()];
        let as_expected = self
            .all()
            .into_iter()
            .zip(&names)
            .all(|((_, certificate), name)| certificate.subject() == Some((organisation, name.as_str())));
        let linked = self.ark.issuer_der() == self.ark.subject_der()
            && self.ask.issuer_der() == self.ark.subject_der()
            && self.vek.issuer_der() == self.ask.subject_der();
        let found = self.all().map(|(_, certificate)| certificate.subject().map_or("unnamed", |(_, name)| name));
        let found = format!("{}{}", found.join(", "), if linked { "" } else { ", not issued in this order" });
        notes.need(
            Check::CertificateNames,
            as_expected && linked,
            format_args!("{organisation}: {}", names.join(", ")),
            found,
        )
    }

    fn check_dates(&self, now: u64, notes: &mut Notes) -> Result<(), Stop> {
        for (name, certificate) in self.all() {
            let found = format!("{name}: {}", certificate.dates());
            notes.need(Check::CertificateDates, certificate.is_current(now), time_text(now), found)?;
        }
        Ok(())
    }

    fn check_usage(&self, notes: &mut Notes) -> Result<(), Stop> {
        let issuers = self.ark.may_sign_certificates() && self.ask.may_sign_certificates();
        let ok = issuers && !self.vek.is_authority();
        let found = if ok { "two authorities and a leaf" } else { "another use of the keys" };
        notes.need(Check::CertificateUsage, ok, "two authorities that sign certificates, and a leaf", found)?;
        let keys = self.ark.rsa_key().is_some() && self.ask.rsa_key().is_some();
        let found = if keys { "RSA keys of 4096 bits" } else { "another key" };
        notes.need(Check::IssuerKey, keys, "RSA keys of 4096 bits with exponent 65537", found)?;
        let key = self.vek.p384_key().is_some();
        notes.need(Check::VekKey, key, "a key on P-384", if key { "a P-384 key" } else { "another key" })
    }

    fn check_signatures(&self, notes: &mut Notes) -> Result<(), Stop> {
        let pss = self.all().iter().all(|(_, certificate)| certificate.is_signed_with(Scheme::Pss));
        let expected = "RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes";
        notes.need(
            Check::CertificateAlgorithm,
            pss,
            expected,
            if pss { "RSASSA-PSS with SHA-384" } else { "another algorithm" },
        )?;
        for (check, issuer, certificate) in
            [(Check::AskSignature, self.ark, self.ask), (Check::VekSignature, self.ask, self.vek)]
        {
            let key = issuer.rsa_key().unwrap_or_default();
            let holds = crypto::rsa_pss_sha384(key, certificate.tbs(), certificate.signature());
            notes.need(check, holds, "a signature by the issuer", verdict(holds))?;
        }
        Ok(())
    }
}
