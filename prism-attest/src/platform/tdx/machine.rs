//! One machine's certificate, and the authority that certified it.

use prism_core::hexadecimal::Hex;

use super::certificates::{self, Issuer, Role, Vetting};
use super::pck::Pck;
use super::prepared::Prepared;
use super::revocation::Revoked;
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
        let above = Under { vetting, root: &under.root, list: &under.root_list };
        let fresh;
        let authority = match &under.authority {
            Some(authority) if authority.issuer.der == pck_ca => authority,
            _ => {
                fresh = Authority::open(above, &pck_ca, &under.pck_crl, notes)?;
                &fresh
            }
        };
        let certificate = certificates::parse(Role::Pck, &leaf, notes)?;
        vetting.vet_issued(Role::Pck, &certificate, &authority.issuer, notes)?;
        let key = certificates::key(Role::Pck, &certificate, notes)?;
        let pck = Pck::read(&certificate);
        let expected = "every field of Intel's SGX extension, once";
        let found = if pck.is_some() { expected } else { "another extension" };
        notes.need(Check::PckExtension, pck.is_some(), expected, found)?;
        authority.list.check("PCK", &certificate.serial(), notes)?;
        let window = certificate.window().intersect(authority.window());
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

/// What certificates are verified under.
#[derive(Clone, Copy)]
pub(super) struct Under<'a> {
    pub(super) vetting: Vetting,
    pub(super) root: &'a Issuer,
    pub(super) list: &'a Revoked,
}

/// An authority that certifies machines, and its revocation list.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    pub(super) issuer: Issuer,
    pub(super) list: Revoked,
}

impl Authority {
    /// Verifies certificate and list.
    pub(super) fn open(under: Under, der: &[u8], list: &[u8], notes: &mut Notes) -> Result<Self, Stop> {
        let issuer = under.vetting.issued(Role::PckCa, der, under.root, notes)?;
        under.list.check("PCK CA", &issuer.serial, notes)?;
        let list = Revoked::open("PCK CA's list", list, &issuer, under.vetting.now, notes)?;
        Ok(Self { issuer, list })
    }

    pub(super) fn window(&self) -> Window {
        self.issuer.window.intersect(self.list.window)
    }
}
