//! ARK → ASK or ASVK → VCEK or VLEK: three certificates of a fixed shape, tied to the report.

use prism_core::manifest::platform::Product;

use super::product;
use super::report::{Report, Signer};
use super::{Question, SIMULATOR_FAMILY, sha256, verdict};
use crate::crypto;
use crate::finding::{Check, Notes, Stop};
use crate::roots::{Assurance, Vendor};
use crate::x509::{Certificate, SIMULATOR_ORGANISATION, time_text};

const AMD_ORGANISATION: &str = "Advanced Micro Devices";

/// DER content of 1.3.6.1.4.1.3704.1, AMD's arc for these certificates.
const AMD_ARC: [u8; 8] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01];
const PRODUCT_ARC: u8 = 2;
const TCB_ARC: u8 = 3;
const HWID_ARC: u8 = 4;
const CSP_ARC: u8 = 5;

/// A chain that leads from a pinned root to the report's key.
pub(crate) struct Chain<'a> {
    pub(crate) ark: Certificate<'a>,
    pub(crate) ask: Certificate<'a>,
    vek: Certificate<'a>,
    pub(crate) product: Product,
    pub(crate) assurance: Assurance,
    pub(crate) key: Key,
}

/// Which key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The chip's own.
    Vcek,
    /// That of the cloud provider with this id.
    Vlek(String),
}

impl Chain<'_> {
    /// The point of the key that signs reports.
    pub(crate) fn vek_key(&self) -> &[u8] {
        self.vek.p384_key().unwrap_or_default()
    }
}

/// Verifies the chain and that it belongs to this report.
pub(crate) fn verify<'a>(question: &Question<'a>, report: &Report, notes: &mut Notes) -> Result<Chain<'a>, Stop> {
    let parts = question.endorsements;
    let ark = parse("ARK", &parts.ark, notes)?;
    let ask = parse("ASK", &parts.ask, notes)?;
    let vek = parse("VEK", &parts.vek, notes)?;
    let product = check_product(report, &vek, notes)?;
    let assurance = check_root(question, product, notes)?;
    let links = Links { ark: &ark, ask: &ask, vek: &vek };
    links.check_marks(assurance, report, notes)?;
    links.check_names(assurance, product, report.signer, notes)?;
    links.check_dates(question.now, notes)?;
    links.check_usage(notes)?;
    links.check_signatures(notes)?;
    let key = check_identity(report, &vek, product, notes)?;
    Ok(Chain { ark, ask, vek, product, assurance, key })
}

fn parse<'a>(name: &str, der: &'a [u8], notes: &mut Notes) -> Result<Certificate<'a>, Stop> {
    let parsed = Certificate::parse(der);
    let found = parsed.as_ref().map_or_else(|problem| *problem, |_| "a certificate");
    let found = format!("{name}: {found}");
    notes.need(Check::CertificateForm, parsed.is_ok(), "a certificate of version 3 in DER", found)?;
    parsed.map_err(|_| Stop)
}

/// The product comes from the signed report; only reports of version 2 leave it to the certificate.
fn check_product(report: &Report, vek: &Certificate, notes: &mut Notes) -> Result<Product, Stop> {
    let name = vek.extension(&oid(&[PRODUCT_ARC])).and_then(ia5_string);
    let certified = name.and_then(product::from_certificate);
    let ok = certified.is_some_and(|certified| report.product.is_none_or(|reported| reported == certified));
    let expected = report.product.map_or("a known product", Product::name);
    notes.need(Check::VekProduct, ok, expected, name.unwrap_or("no product"))?;
    certified.ok_or(Stop)
}

fn check_root(question: &Question, product: Product, notes: &mut Notes) -> Result<Assurance, Stop> {
    let digest = sha256(&question.endorsements.ark);
    let assurance = question.roots.find(&digest, question.platform, Vendor::Amd(product));
    let expected = question.roots.expected(question.platform, Vendor::Amd(product));
    notes.need(Check::Root, assurance.is_some(), expected, digest)?;
    assurance.ok_or(Stop)
}

/// The three certificates while they are being tied together.
struct Links<'l, 'a> {
    ark: &'l Certificate<'a>,
    ask: &'l Certificate<'a>,
    vek: &'l Certificate<'a>,
}

impl Links<'_, '_> {
    fn all(&self) -> [(&'static str, &Certificate<'_>); 3] {
        [("ARK", self.ark), ("ASK", self.ask), ("VEK", self.vek)]
    }

    /// A simulator's marks are in every certificate and in the report, or nowhere.
    fn check_marks(&self, assurance: Assurance, report: &Report, notes: &mut Notes) -> Result<(), Stop> {
        let in_report = report.fields.family_id == *SIMULATOR_FAMILY;
        let everywhere = in_report && self.all().iter().all(|(_, certificate)| certificate.has_every_simulator_mark());
        let somewhere = in_report || self.all().iter().any(|(_, certificate)| certificate.has_a_simulator_mark());
        let found = if somewhere { "the simulator's marks" } else { "no mark of a simulator" };
        if assurance.is_simulated() {
            let found = if everywhere || !somewhere { found } else { "some of the simulator's marks" };
            notes.need(Check::SimulatorMark, everywhere, "the simulator's marks in report and certificates", found)
        } else {
            notes.need(Check::SimulatorMark, !somewhere, "no mark of a simulator", found)
        }
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
        let (issuer, leaf) = match signer {
            Signer::Vcek => ("SEV", "SEV-VCEK"),
            Signer::Vlek => ("SEV-VLEK", "SEV-VLEK"),
        };
        let kind = self.vek.subject().map_or("no name", |(_, name)| name);
        notes.need(Check::VekKind, kind == leaf, leaf, kind)?;
        let names = [format!("ARK-{line}"), format!("{issuer}-{line}"), leaf.to_owned()];
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
        let pss = self.all().iter().all(|(_, certificate)| certificate.is_signed_with_pss());
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

/// Ties the certificate to the report's security versions and to its chip, or to a provider.
fn check_identity(report: &Report, vek: &Certificate, product: Product, notes: &mut Notes) -> Result<Key, Stop> {
    let certified = certified_tcb(vek, product);
    let reported = report.fields.reported_tcb;
    let found = certified.map_or_else(|| "security versions in another form".to_owned(), hex::encode);
    notes.need(Check::VekTcb, certified == Some(reported), hex::encode(reported), found)?;
    let csp_id = vek.extension(&oid(&[CSP_ARC]));
    let hwid = vek.extension(&oid(&[HWID_ARC]));
    match report.signer {
        Signer::Vcek => {
            let chip = hwid.filter(|_| csp_id.is_none()).and_then(|value| chip_id(value, product));
            // A host may hide the chip; the policy decides about that. The certificate still names it.
            let masked = report.fields.chip_id == [0; 64];
            let ok = chip.is_some_and(|chip| masked || chip == report.fields.chip_id);
            let found = chip.map_or_else(|| "no chip identity of its form".to_owned(), hex::encode);
            notes.need(Check::VekIdentity, ok, hex::encode(report.fields.chip_id), found)?;
            Ok(Key::Vcek)
        }
        Signer::Vlek => {
            let provider = csp_id.filter(|_| hwid.is_none()).and_then(ia5_string);
            let found = provider.unwrap_or("no provider's id of its form");
            notes.need(Check::VekIdentity, provider.is_some(), "a provider's id", found)?;
            provider.map(|provider| Key::Vlek(provider.to_owned())).ok_or(Stop)
        }
    }
}

/// The eight bytes that the certificate's security versions make in the product's layout.
fn certified_tcb(vek: &Certificate, product: Product) -> Option<[u8; 8]> {
    let mut bytes = [0; 8];
    for (byte, arc) in bytes.iter_mut().zip(product::tcb_extensions(product)) {
        *byte = vek.extension(&oid(&[TCB_ARC, arc])).and_then(small_integer)?;
    }
    Some(bytes)
}

/// `CHIP_ID` as the certificate has it: raw, or wrapped in an OCTET STRING.
fn chip_id(value: &[u8], product: Product) -> Option<[u8; 64]> {
    let length = product::chip_id_len(product);
    let raw = match value {
        [0x04, short, raw @ ..] if usize::from(*short) == length && raw.len() == length => raw,
        raw => raw,
    };
    if raw.len() != length {
        return None;
    }
    let mut chip = [0; 64];
    chip.get_mut(..length)?.copy_from_slice(raw);
    Some(chip)
}

/// A DER INTEGER from 0 to 255.
fn small_integer(value: &[u8]) -> Option<u8> {
    match value {
        [0x02, 0x01, low @ 0..=0x7f] => Some(*low),
        [0x02, 0x02, 0x00, high @ 0x80..=0xff] => Some(*high),
        _ => None,
    }
}

/// A DER `IA5String` of printable characters.
fn ia5_string(value: &[u8]) -> Option<&str> {
    let [0x16, length, text @ ..] = value else { return None };
    let plain = usize::from(*length) == text.len() && *length < 0x80 && text.iter().all(|b| matches!(b, 0x20..=0x7e));
    std::str::from_utf8(text).ok().filter(|_| plain)
}

/// AMD's extension with these last arcs, each below 128.
fn oid(arcs: &[u8]) -> Vec<u8> {
    [&AMD_ARC, arcs].concat()
}
