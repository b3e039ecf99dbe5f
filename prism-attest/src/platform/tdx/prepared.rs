//! Endorsements verified once: what is left for each quote is its own signatures, and the machine's certificate unless
//! that was admitted too.

use prism_core::digest::Digest;

use super::certificates::{self, Issuer, Role, Vetting};
use super::machine::{Authority, Machine, Under};
use super::qe_identity::QeIdentity;
use super::quote::Quote;
use super::revocation::Revoked;
use super::tcb_info::TcbInfo;
use super::{TdxClaims, status, verdict};
use crate::crypto;
use crate::endorsements::TdxEndorsements;
use crate::evidence::Platform;
use crate::finding::{Check, Notes, Stop};
use crate::roots::{Assurance, Roots, Vendor};
use crate::window::Window;
use crate::x509::time_text;

/// What endorsements are verified from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) platform: Platform,
    pub(crate) endorsements: &'a TdxEndorsements,
    pub(crate) roots: &'a Roots,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// Intel's certificates, lists and judgement, under a root that is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(super) assurance: Assurance,
    pub(super) root: Issuer,
    pub(super) root_list: Revoked,
    /// `None` if the endorsements do not have its certificate; the machine's chain always has.
    pub(super) authority: Option<Authority>,
    /// The authority's list as received.
    pub(super) pck_crl: Vec<u8>,
    tcb_info: TcbInfo,
    qe_identity: QeIdentity,
    certificates: Window,
    machine: Option<Machine>,
}

impl Prepared {
    /// Verifies all that does not depend on the quote; and the machine's certificate if the endorsements have it.
    pub(crate) fn new(source: Source, notes: &mut Notes) -> Result<Self, Stop> {
        let Source { endorsements: parts, now, .. } = source;
        let [first, root] = certificates::chain("PCK CA", &parts.pck_crl_chain, Check::CertificateChain, notes)?;
        let assurance = check_root(source, &root, notes)?;
        let vetting = Vetting { assurance, now };
        let root = vetting.root(&root, notes)?;
        let root_list = Revoked::open("root's list", &parts.root_crl, &root, now, notes)?;
        root_list.check("root", &root.serial, notes)?;
        let under = Under { vetting, root: &root, list: &root_list };
        let given = !Role::TcbSigner.is_named(&first);
        let authority = if given { Some(Authority::open(under, &first, &parts.pck_crl, notes)?) } else { None };
        let tcb_signer = signer(under, &parts.tcb_info_chain, None, notes)?;
        let tcb_info = TcbInfo::open(&parts.tcb_info, &tcb_signer, now, notes)?;
        let qe_signer = signer(under, &parts.qe_identity_chain, Some(&tcb_signer), notes)?;
        let qe_identity = QeIdentity::open(&parts.qe_identity, &qe_signer, now, notes)?;
        let windows = [&root, &tcb_signer, &qe_signer].map(|issuer| issuer.window);
        let certificates = windows.into_iter().fold(Window::ALWAYS, Window::intersect);
        let (pck_crl, machine) = (parts.pck_crl.clone(), None);
        let mut prepared =
            Self { assurance, root, root_list, authority, pck_crl, tcb_info, qe_identity, certificates, machine };
        if let Some(chain) = &parts.pck_chain {
            prepared.machine = Some(Machine::admit(&prepared, chain, now, notes)?);
        }
        Ok(prepared)
    }

    /// The same with the quote's machine: its certificate is verified once, so that its quotes cost two signatures.
    pub(crate) fn admit(&self, quote: &Quote, now: u64, notes: &mut Notes) -> Result<Self, Stop> {
        let mut admitted = self.clone();
        if let Some(chain) = quote.certification.chain {
            admitted.machine = Some(Machine::admit(self, chain, now, notes)?);
        }
        Ok(admitted)
    }

    /// Whether quotes without a chain of their own can be verified.
    pub(crate) const fn has_machine(&self) -> bool {
        self.machine.is_some()
    }

    /// When all of it is within its dates.
    pub(crate) fn window(&self) -> Window {
        let machine = self.machine.as_ref().map_or(Window::ALWAYS, |machine| machine.window);
        self.collateral().intersect(machine)
    }

    fn collateral(&self) -> Window {
        let authority = self.authority.as_ref().map_or(Window::ALWAYS, Authority::window);
        [self.root_list.window, self.tcb_info.window, self.qe_identity.window, authority]
            .into_iter()
            .fold(self.certificates, Window::intersect)
    }

    pub(crate) const fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// Verifies a quote at `now`, and says until when what vouches for it is current.
    pub(crate) fn verify(&self, quote: &Quote, now: u64, notes: &mut Notes) -> Result<(TdxClaims, Window), Stop> {
        let admitted = self.admitted(quote);
        self.check_dates(admitted, now, notes)?;
        self.check_mark(quote, notes)?;
        let fresh;
        let machine = if let Some(admitted) = admitted {
            admitted
        } else {
            fresh = Machine::admit(self, quote.certification.chain.unwrap_or_default(), now, notes)?;
            &fresh
        };
        machine.check_platform(&self.tcb_info, notes)?;
        check_signatures(quote, machine, notes)?;
        let report = &quote.certification.qe_report;
        self.qe_identity.check(report, notes)?;
        let qe_level = self.qe_identity.level(report.svn());
        let standing = status::stand(&self.tcb_info, qe_level, &machine.pck, &quote.body, notes)?;
        let numbers = [self.tcb_info.evaluation_number, self.qe_identity.evaluation_number];
        let claims = TdxClaims::new(quote, &machine.pck, &standing, numbers);
        Ok((claims, self.collateral().intersect(machine.window)))
    }

    /// The machine that was admitted, if the quote is from there: its chain is byte for byte the same, or left out.
    fn admitted(&self, quote: &Quote) -> Option<&Machine> {
        let chain = quote.certification.chain;
        self.machine.as_ref().filter(|machine| chain.is_none_or(|chain| *chain == *machine.chain))
    }

    /// Compares all dates at once; only if `now` is outside, one after the other, to name what has ended.
    fn check_dates(&self, admitted: Option<&Machine>, now: u64, notes: &mut Notes) -> Result<(), Stop> {
        let window = self.collateral().intersect(admitted.map_or(Window::ALWAYS, |machine| machine.window));
        if !window.contains(now) {
            self.root_list.check_dates(now, notes)?;
            if let Some(authority) = &self.authority {
                authority.list.check_dates(now, notes)?;
            }
            self.tcb_info.check_dates(now, notes)?;
            self.qe_identity.check_dates(now, notes)?;
        }
        notes.need(Check::CertificateDates, window.contains(now), time_text(now), window)
    }

    fn check_mark(&self, quote: &Quote, notes: &mut Notes) -> Result<(), Stop> {
        let word = |marked| if marked { "the simulator's mark in the quote" } else { "no mark of a simulator" };
        let (simulated, marked) = (self.assurance.is_simulated(), quote.is_marked());
        notes.need(Check::SimulatorMark, simulated == marked, word(simulated), word(marked))
    }
}

/// Certificate → quoting enclave's report → attestation key → quote.
fn check_signatures(quote: &Quote, machine: &Machine, notes: &mut Notes) -> Result<(), Stop> {
    let Quote { certification, attestation_key, .. } = quote;
    let report = &certification.qe_report;
    let holds = crypto::ecdsa_p256_sha256(&machine.key, report.bytes(), certification.signature);
    notes.need(Check::QeReportSignature, holds, "a signature by the machine's key", verdict(holds))?;
    let named = crypto::sha256_of_two(*attestation_key, certification.auth_data);
    let data = report.report_data();
    let (digest, rest) = data.split_at(32);
    let ok = digest == named && rest.iter().all(|byte| *byte == 0);
    let found = if ok { "that key" } else { "another key, other data, or a tail" };
    notes.need(Check::AttestationKey, ok, "the attestation key in the quoting enclave's report", found)?;
    let mut point = [4; 65];
    point.iter_mut().skip(1).zip(attestation_key.iter()).for_each(|(byte, part)| *byte = *part);
    let holds = crypto::ecdsa_p256_sha256(&point, quote.signed_bytes(), quote.signature);
    notes.need(Check::QuoteSignature, holds, "a signature by the attestation key", verdict(holds))
}

fn check_root(source: Source, root: &[u8], notes: &mut Notes) -> Result<Assurance, Stop> {
    let digest = Digest::sha256(root);
    let assurance = source.roots.find(&digest, source.platform, Vendor::Intel);
    notes.need(Check::Root, assurance.is_some(), source.roots.expected(source.platform, Vendor::Intel), digest)?;
    assurance.ok_or(Stop)
}

/// Verifies the chain of whoever signs TCB data, unless it is the one that was verified before.
fn signer(under: Under, chain: &[u8], before: Option<&Issuer>, notes: &mut Notes) -> Result<Issuer, Stop> {
    let [signer, root] = certificates::chain("TCB signer", chain, Check::TcbSigner, notes)?;
    let same = root == under.root.der;
    let found = if same { "the same root" } else { "another root" };
    notes.need(Check::TcbSigner, same, "the root of the PCK CA", found)?;
    if let Some(before) = before.filter(|before| before.der == signer) {
        return Ok(before.clone());
    }
    let signer = under.vetting.issued(Role::TcbSigner, &signer, under.root, notes)?;
    under.list.check("TCB signer", &signer.serial, notes)?;
    Ok(signer)
}
