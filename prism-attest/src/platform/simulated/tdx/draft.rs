//! Evidence of the pretend Intel while it can still be changed.

use super::SimulatedTdxVendor;
use super::certificate::{CertificateDraft, ListDraft, PCK, PLATFORM_CA, PROCESSOR_CA, ROOT, TCB_SIGNING, pem};
use super::collateral::{QeIdentity, TcbInfo, sign, write};
use super::keys::P256Key;
use super::quote::{QuoteDraft, Signers};
use super::td::{FMSPC, PCE_ID, PckAuthority, SimulatedTd};
use crate::endorsements::{Endorsements, TdxEndorsements};
use crate::evidence::{Evidence, Platform};
use crate::platform::simulated::SimulatorError;
use crate::platform::simulated::mutation::{Change, DAY};

const YEAR: u64 = 365 * DAY;

/// Serial numbers of the certificates.
pub(crate) mod serial {
    pub(crate) const ROOT: u64 = 0x5150_0001;
    pub(crate) const PLATFORM_CA: u64 = 0x5150_0002;
    pub(crate) const PROCESSOR_CA: u64 = 0x5150_0003;
    pub(crate) const TCB_SIGNING: u64 = 0x5150_0004;
    pub(crate) const PCK: u64 = 0x5150_0005;
}

/// Whose key signs in place of the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The right one.
    Right,
    /// One that nobody certified.
    Stranger,
    /// The key of the machine's certificate.
    Pck,
    /// The key that signs TCB information.
    TcbSigning,
}

/// Everything that a fault can change.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault that a mutation switches on")]
pub(crate) struct Draft {
    pub(crate) created: u64,
    pub(crate) authority: PckAuthority,
    pub(crate) quote: QuoteDraft,
    pub(crate) root: CertificateDraft,
    pub(crate) ca: CertificateDraft,
    pub(crate) pck: CertificateDraft,
    pub(crate) tcb_signing: CertificateDraft,
    pub(crate) tcb_info: TcbInfo,
    pub(crate) qe_identity: QeIdentity,
    pub(crate) root_crl: ListDraft,
    pub(crate) pck_crl: ListDraft,
    /// Who signs what.
    pub(crate) signers: WhoSigns,
    /// A root of a stranger stands above everything.
    pub(crate) forged_root: bool,
    /// The revocation list is of the other authority for machines.
    pub(crate) other_authoritys_list: bool,
    /// The quote has no chain of certificates.
    pub(crate) no_chain: bool,
    /// How often the authority stands in the quote's chain.
    pub(crate) authorities: usize,
    /// The levels stand in the TCB information twice.
    pub(crate) repeats_levels: bool,
    /// The TCB information is edited after signing.
    pub(crate) edits_tcb_info: bool,
    pub(crate) after_signing: Vec<Change>,
}

/// Who signs what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WhoSigns {
    /// Header and body; the quoting enclave vouches for the right one all the same.
    pub(crate) quote: By,
    /// The quoting enclave's report.
    pub(crate) qe: By,
    pub(crate) ca: By,
    pub(crate) pck: By,
    pub(crate) tcb_info: By,
    pub(crate) qe_identity: By,
    pub(crate) pck_crl: By,
}

impl Draft {
    pub(crate) fn new(created: u64, td: &SimulatedTd, report_data: [u8; 64]) -> Self {
        let (ca, ca_serial) = match td.authority {
            PckAuthority::Platform => (PLATFORM_CA, serial::PLATFORM_CA),
            PckAuthority::Processor => (PROCESSOR_CA, serial::PROCESSOR_CA),
        };
        let begin = created.saturating_sub(DAY);
        let certificate = |serial, issuer, subject, years: u64, authority| CertificateDraft {
            serial,
            issuer,
            subject,
            not_before: begin,
            not_after: created.saturating_add(years * YEAR),
            authority,
            pck: None,
            marked: true,
            disguised: false,
        };
        let list = |issuer| ListDraft {
            issuer,
            this_update: begin,
            next_update: created.saturating_add(25 * YEAR),
            revoked: Vec::new(),
            disguised: false,
        };
        let pck = td.pck();
        Self {
            created,
            authority: td.authority,
            quote: QuoteDraft::new(td.version(), td.body(report_data), pck.components),
            root: certificate(serial::ROOT, ROOT, ROOT, 25, Some(1)),
            ca: certificate(ca_serial, ROOT, ca, 25, Some(0)),
            pck: CertificateDraft { pck: Some(pck), ..certificate(serial::PCK, ca, PCK, 7, None) },
            tcb_signing: certificate(serial::TCB_SIGNING, ROOT, TCB_SIGNING, 7, None),
            tcb_info: TcbInfo::new(created, FMSPC, PCE_ID),
            qe_identity: QeIdentity::new(created),
            root_crl: list(ROOT),
            pck_crl: list(ca),
            signers: WhoSigns {
                quote: By::Right,
                qe: By::Right,
                ca: By::Right,
                pck: By::Right,
                tcb_info: By::Right,
                qe_identity: By::Right,
                pck_crl: By::Right,
            },
            forged_root: false,
            other_authoritys_list: false,
            no_chain: false,
            authorities: 1,
            repeats_levels: false,
            edits_tcb_info: false,
            after_signing: Vec::new(),
        }
    }

    /// Every certificate and list without the simulator's marks and with Intel's organisation.
    pub(crate) fn disguise(&mut self) {
        for certificate in [&mut self.root, &mut self.ca, &mut self.pck, &mut self.tcb_signing] {
            certificate.disguised = true;
        }
        (self.root_crl.disguised, self.pck_crl.disguised) = (true, true);
    }

    /// Signs all of it with the vendor's keys.
    pub(crate) fn sign(self, vendor: &SimulatedTdxVendor) -> Result<(Evidence, Endorsements), SimulatorError> {
        let stranger = P256Key::generate()?;
        let keys = Keys { vendor, stranger: &stranger, root: if self.forged_root { &stranger } else { &vendor.root } };
        let chains = self.chains(&keys)?;
        let quote_key = keys.by(self.signers.quote, &vendor.attestation);
        let signers =
            Signers { quote: quote_key, vouched: &vendor.attestation, qe: keys.by(self.signers.qe, &vendor.pck) };
        let mut quote = self.quote.sign(&signers, &chains.quote)?;
        self.after_signing.iter().for_each(|change| change(&mut quote));
        let parts = self.collateral(&keys, &chains)?;
        let evidence = Evidence::new(Platform::SimulatedTdx, quote).map_err(|_| SimulatorError::Crypto)?;
        Ok((evidence, Endorsements::tdx(parts).map_err(|_| SimulatorError::Crypto)?))
    }

    fn chains(&self, keys: &Keys) -> Result<Chains, SimulatorError> {
        let vendor = keys.vendor;
        let kept = !self.forged_root && !self.root.disguised;
        let root = if kept { vendor.root_der.clone() } else { self.root.build(keys.root, keys.root)? };
        let ca_key = vendor.authority(self.authority);
        let ca = self.ca.build(ca_key, keys.by(self.signers.ca, keys.root))?;
        let pck = self.pck.build(&vendor.pck, keys.by(self.signers.pck, ca_key))?;
        let tcb_signing = self.tcb_signing.build(&vendor.tcb_signing, keys.root)?;
        let issuer = if self.signers.pck == By::TcbSigning { &tcb_signing } else { &ca };
        let issuers = std::iter::repeat_n(issuer.as_slice(), self.authorities);
        let chain: Vec<&[u8]> = [&pck[..]].into_iter().chain(issuers).chain([&root[..]]).collect();
        let quote = if self.no_chain { vec![0; ENCRYPTED_PPID_LEN] } else { pem(&chain) };
        Ok(Chains { quote, pck: pem(&chain), ca: pem(&[&ca, &root]), tcb_signing: pem(&[&tcb_signing, &root]) })
    }

    fn collateral(&self, keys: &Keys, chains: &Chains) -> Result<TdxEndorsements, SimulatorError> {
        let vendor = keys.vendor;
        let mut json = write(&self.tcb_info)?;
        if self.repeats_levels {
            repeat_levels(&mut json, &write(&self.tcb_info.tcb_levels)?);
        }
        let mut tcb_info = sign(json, keys.by(self.signers.tcb_info, &vendor.tcb_signing))?;
        if self.edits_tcb_info {
            let text = String::from_utf8_lossy(&tcb_info.json).replace("OutOfDate", "UpToDate");
            tcb_info.json = text.into_bytes();
        }
        let by_pck = self.signers.qe_identity == By::Pck;
        let authority =
            if self.other_authoritys_list { &vendor.processor_ca } else { vendor.authority(self.authority) };
        Ok(TdxEndorsements {
            tcb_info,
            tcb_info_chain: chains.tcb_signing.clone(),
            qe_identity: sign(write(&self.qe_identity)?, keys.by(self.signers.qe_identity, &vendor.tcb_signing))?,
            qe_identity_chain: if by_pck { chains.pck.clone() } else { chains.tcb_signing.clone() },
            pck_crl: self.pck_crl.build(keys.by(self.signers.pck_crl, authority))?,
            pck_crl_chain: self.list_chain(keys, chains)?,
            root_crl: self.root_crl.build(keys.root)?,
            pck_chain: None,
        })
    }

    fn list_chain(&self, keys: &Keys, chains: &Chains) -> Result<Vec<u8>, SimulatorError> {
        if !self.other_authoritys_list {
            return Ok(chains.ca.clone());
        }
        let other = CertificateDraft { serial: serial::PROCESSOR_CA, subject: PROCESSOR_CA, ..self.ca.clone() };
        let ca = other.build(&keys.vendor.processor_ca, keys.root)?;
        Ok(pem(&[&ca, &keys.vendor.root_der]))
    }
}

/// Length of the encrypted identity with versions that older machines send in place of certificates.
const ENCRYPTED_PPID_LEN: usize = 404;

struct Keys<'k> {
    vendor: &'k SimulatedTdxVendor,
    stranger: &'k P256Key,
    root: &'k P256Key,
}

impl<'k> Keys<'k> {
    const fn by(&self, by: By, right: &'k P256Key) -> &'k P256Key {
        match by {
            By::Right => right,
            By::Stranger => self.stranger,
            By::Pck => &self.vendor.pck,
            By::TcbSigning => &self.vendor.tcb_signing,
        }
    }
}

/// Chains of certificates in PEM.
struct Chains {
    quote: Vec<u8>,
    pck: Vec<u8>,
    ca: Vec<u8>,
    tcb_signing: Vec<u8>,
}

/// Says `tcbLevels` a second time at the end of the object.
fn repeat_levels(json: &mut Vec<u8>, levels: &[u8]) {
    json.truncate(json.len().saturating_sub(1));
    json.extend_from_slice(b",\"tcbLevels\":");
    json.extend_from_slice(levels);
    json.push(b'}');
}
