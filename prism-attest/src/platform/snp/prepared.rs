//! Endorsements verified once: what is left for each report is to tie it to them and one signature.

use prism_core::hexadecimal::Hex;
use prism_core::manifest::platform::Product;

use super::chain::{Key, Links};
use super::report::{Report, Signer};
use super::{SIMULATOR_FAMILY, SnpClaims, extensions, revocation, sha256, verdict};
use crate::crypto;
use crate::endorsements::SnpEndorsements;
use crate::evidence::Platform;
use crate::finding::{Check, Notes, Stop};
use crate::roots::{Assurance, Roots, Vendor};
use crate::window::Window;
use crate::x509::{Certificate, time_text};

/// What a chain is verified from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) platform: Platform,
    pub(crate) endorsements: &'a SnpEndorsements,
    pub(crate) roots: &'a Roots,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// A machine's key and all that its certificate says, under a root that is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    product: Product,
    assurance: Assurance,
    point: [u8; 97],
    tcb: [u8; 8],
    identity: Identity,
    certificates: Window,
    list: Option<Window>,
}

/// Whose key it is.
#[derive(Clone, Debug)]
enum Identity {
    Chip([u8; 64]),
    Provider(String),
}

impl Prepared {
    /// Verifies certificates and revocation list.
    pub(crate) fn new(source: Source, notes: &mut Notes) -> Result<Self, Stop> {
        let parts = source.endorsements;
        let ark = parse("ARK", &parts.ark, notes)?;
        let ask = parse("ASK", &parts.ask, notes)?;
        let vek = parse("VEK", &parts.vek, notes)?;
        let product = check_product(&vek, notes)?;
        let assurance = check_root(source, product, notes)?;
        let links = Links { ark: &ark, ask: &ask, vek: &vek };
        let signer = links.verify(assurance, product, source.now, notes)?;
        let list = revocation::verify(source, &links, product, notes)?;
        Ok(Self {
            product,
            assurance,
            point: *vek.p384_key().ok_or(Stop)?,
            tcb: check_tcb(&vek, product, notes)?,
            identity: check_identity(&vek, product, signer, notes)?,
            certificates: ark.window().intersect(ask.window()).intersect(vek.window()),
            list,
        })
    }

    /// When all of it is within its dates.
    pub(crate) fn window(&self) -> Window {
        self.list.map_or(self.certificates, |list| self.certificates.intersect(list))
    }

    pub(crate) const fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// Verifies that the report is by this key, at `now`.
    pub(crate) fn verify(&self, report: &Report, now: u64, notes: &mut Notes) -> Result<SnpClaims, Stop> {
        self.check_dates(now, notes)?;
        self.tie(report, notes)?;
        report.check_layout(self.product, notes)?;
        let signature = report.signature();
        let signed = crypto::ecdsa_p384_sha384(&self.point, report.signed_bytes(), &signature);
        notes.need(Check::ReportSignature, signed, "a signature by the machine's key", verdict(signed))?;
        let key = match &self.identity {
            Identity::Chip(_) => Key::Vcek,
            Identity::Provider(provider) => Key::Vlek(provider.clone()),
        };
        Ok(SnpClaims::new(report, self.product, key, self.list.is_some()))
    }

    fn check_dates(&self, now: u64, notes: &mut Notes) -> Result<(), Stop> {
        let current = self.certificates.contains(now);
        notes.need(Check::CertificateDates, current, time_text(now), self.certificates)?;
        let Some(list) = self.list else { return Ok(()) };
        notes.need(Check::CrlDates, list.contains(now), time_text(now), list)
    }

    /// Ties the certificate to the report's product, kind of key, security versions, and chip or provider.
    fn tie(&self, report: &Report, notes: &mut Notes) -> Result<(), Stop> {
        let product = report.product.is_none_or(|reported| reported == self.product);
        let expected = report.product.map_or("a known product", Product::name);
        notes.need(Check::VekProduct, product, expected, self.product)?;
        let marked = report.fields.family_id == *SIMULATOR_FAMILY;
        let (expected, found) = (mark(self.assurance.is_simulated()), mark(marked));
        notes.need(Check::SimulatorMark, marked == self.assurance.is_simulated(), expected, found)?;
        let signer = self.signer();
        notes.need(Check::VekKind, signer == report.signer, report.signer.subject(), signer.subject())?;
        let reported = report.fields.reported_tcb;
        notes.need(Check::VekTcb, self.tcb == reported, Hex(&reported), Hex(&self.tcb))?;
        match &self.identity {
            Identity::Chip(chip) => {
                // A host may hide the chip; the policy decides about that. The certificate still names it.
                let reported = report.fields.chip_id;
                let ok = reported == [0; 64] || reported == *chip;
                notes.need(Check::VekIdentity, ok, Hex(&reported), Hex(chip))
            }
            Identity::Provider(provider) => notes.need(Check::VekIdentity, true, "a provider's id", provider),
        }
    }

    const fn signer(&self) -> Signer {
        match self.identity {
            Identity::Chip(_) => Signer::Vcek,
            Identity::Provider(_) => Signer::Vlek,
        }
    }
}

const fn mark(simulated: bool) -> &'static str {
    if simulated { "the simulator's mark in the report" } else { "no mark of a simulator in the report" }
}

fn parse<'a>(name: &str, der: &'a [u8], notes: &mut Notes) -> Result<Certificate<'a>, Stop> {
    let parsed = Certificate::parse(der);
    let found = parsed.as_ref().map_or_else(|problem| *problem, |_| "a certificate");
    let found = format!("{name}: {found}");
    notes.need(Check::CertificateForm, parsed.is_ok(), "a certificate of version 3 in DER", found)?;
    parsed.map_err(|_| Stop)
}

fn check_product(vek: &Certificate, notes: &mut Notes) -> Result<Product, Stop> {
    let name = extensions::product_name(vek);
    let certified = name.and_then(super::product::from_certificate);
    if certified.is_none() {
        notes.check(Check::VekProduct, false, "a known product", name.unwrap_or("no product"));
    }
    certified.ok_or(Stop)
}

fn check_root(source: Source, product: Product, notes: &mut Notes) -> Result<Assurance, Stop> {
    let (digest, vendor) = (sha256(&source.endorsements.ark), Vendor::Amd(product));
    let assurance = source.roots.find(&digest, source.platform, vendor);
    notes.need(Check::Root, assurance.is_some(), source.roots.expected(source.platform, vendor), digest)?;
    assurance.ok_or(Stop)
}

fn check_tcb(vek: &Certificate, product: Product, notes: &mut Notes) -> Result<[u8; 8], Stop> {
    let tcb = extensions::certified_tcb(vek, product);
    if tcb.is_none() {
        let expected = format!("security versions in the form of {product}");
        notes.check(Check::VekTcb, false, expected, "security versions in another form");
    }
    tcb.ok_or(Stop)
}

fn check_identity(vek: &Certificate, product: Product, signer: Signer, notes: &mut Notes) -> Result<Identity, Stop> {
    let identity = match signer {
        Signer::Vcek => extensions::chip_id(vek, product).map(Identity::Chip),
        Signer::Vlek => extensions::csp_id(vek).map(|provider| Identity::Provider(provider.to_owned())),
    };
    if identity.is_none() {
        notes.check(Check::VekIdentity, false, "a chip's or a provider's id", "no id of the certificate's kind");
    }
    identity.ok_or(Stop)
}
