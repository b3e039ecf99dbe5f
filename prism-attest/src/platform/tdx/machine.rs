//! One machine's certificate under Intel's authorities.

use prism_core::hexadecimal::Hex;

use super::certificates::{self, Issuer, Role, Vetting};
use super::pck::Pck;
use super::prepared::Prepared;
use super::tcb_info::TcbInfo;
use crate::finding::{Check, Notes, Stop};
use crate::window::Window;

/// A machine whose certificate was verified.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// The chain as received (PEM).
    pub(super) chain: Box<[u8]>,
    pub(super) key: [u8; 65],
    pub(super) pck: Pck,
    pub(super) window: Window,
}

impl Machine {
    /// Verifies PCK → PCK CA → root and that nothing of it is revoked.
    pub(super) fn admit(under: &Prepared, chain: &[u8], now: u64, notes: &mut Notes) -> Result<Self, Stop> {
        let [leaf, pck_ca, root] = certificates::chain("machine", chain, Check::CertificateChain, notes)?;
        let same = root == under.root.der;
        let found = if same { "the same root" } else { "another root" };
        notes.need(Check::Root, same, "the root of the endorsements", found)?;
        let vetting = Vetting { assurance: under.assurance, now };
        let (pck_ca, authority) = check_authority(under, vetting, &pck_ca, notes)?;
        let certificate = certificates::parse(Role::Pck, &leaf, notes)?;
        vetting.vet_issued(Role::Pck, &certificate, &pck_ca, notes)?;
        let key = certificates::key(Role::Pck, &certificate, notes)?;
        let pck = Pck::read(&certificate);
        let expected = "every field of Intel's SGX extension, once";
        let found = if pck.is_some() { expected } else { "another extension" };
        notes.need(Check::PckExtension, pck.is_some(), expected, found)?;
        under.pck_list.check("PCK", &certificate.serial(), notes)?;
        let window = certificate.window().intersect(authority);
        Ok(Self { chain: chain.into(), key, pck: pck.ok_or(Stop)?, window })
    }

    /// Notes whether the judgement is about this kind of platform.
    pub(super) fn check_platform(&self, info: &TcbInfo, notes: &mut Notes) -> Result<(), Stop> {
        let Pck { fmspc, pce_id, .. } = &self.pck;
        let expected = format_args!("FMSPC {} PCEID {}", Hex(fmspc), Hex(pce_id));
        let found = format_args!("FMSPC {} PCEID {}", Hex(&info.fmspc), Hex(&info.pce_id));
        notes.need(Check::TcbInfoPlatform, info.fmspc == *fmspc && info.pce_id == *pce_id, expected, found)
    }
}

/// The authority in the machine's chain: that of the revocation list, or the same key under another certificate.
fn check_authority(
    under: &Prepared,
    vetting: Vetting,
    der: &[u8],
    notes: &mut Notes,
) -> Result<(Issuer, Window), Stop> {
    if der == under.pck_ca.der {
        return Ok((under.pck_ca.clone(), Window::ALWAYS));
    }
    let authority = vetting.issued(Role::PckCa, der, &under.root, notes)?;
    under.root_list.check("PCK CA", &authority.serial, notes)?;
    let same = authority.key == under.pck_ca.key && authority.subject == under.pck_ca.subject;
    let found = if same { "a list by the machine's PCK CA" } else { "a list by another PCK CA" };
    notes.need(Check::CrlIssuer, same, "a list by the machine's PCK CA", found)?;
    let window = authority.window;
    Ok((authority, window))
}
