//! What each fault does to the evidence.

use super::TdxMutation;
use crate::platform::simulated::mutation::{Change, DAY, flip};
use crate::platform::simulated::tdx::certificate::{PROCESSOR_CA, PckDraft, TCB_SIGNING};
use crate::platform::simulated::tdx::collateral::{Hex, SGX_COMPONENTS};
use crate::platform::simulated::tdx::draft::{By, Draft, serial};
use crate::platform::simulated::tdx::quote::TD10;
use crate::platform::simulated::tdx::td::SEPT_VE_DISABLE;

/// Offsets in a quote of version 4, after its signature data's length.
const MRTD_AT: usize = 48 + 136;
const REPORT_DATA_AT: usize = 48 + 520;
const RESERVED_AT: usize = 8;
/// Signature, key and the header of what certifies it; the quoting enclave's report, its signature and a length.
const AUTHENTICATION_AT: usize = 48 + 584 + 4 + 128 + 6 + 384 + 64 + 2;

/// The type of certification data that is an encrypted identity.
const ENCRYPTED_PPID: u16 = 3;

/// Bits of `TDATTRIBUTES` (Intel TDX module ABI, table "ATTRIBUTES").
mod attribute {
    pub(super) const DEBUG: u64 = 1;
    pub(super) const RESERVED: u64 = 1 << 40;
    pub(super) const MIGRATABLE: u64 = 1 << 29;
    pub(super) const PKS: u64 = 1 << 30;
    pub(super) const PERFMON: u64 = 1 << 63;
}

impl TdxMutation {
    pub(super) fn apply(self, draft: &mut Draft) {
        self.shape(draft);
        self.layout(draft);
        self.guest(draft);
        self.quoting_enclave(draft);
        self.platform_versions(draft);
        self.module_versions(draft);
        self.tcb_info(draft);
        self.qe_identity(draft);
        self.certificates(draft);
        self.chain(draft);
        self.revocation(draft);
        self.after_signing(draft);
    }

    /// What is still a good machine, or lacks a mark.
    fn shape(self, draft: &mut Draft) {
        match self {
            Self::NoAuthentication => draft.quote.authentication.clear(),
            Self::LongAuthentication => draft.quote.authentication.resize(1000, 0x5a),
            Self::UnmarkedQuote => draft.quote.user_data = [0; 20],
            Self::UnmarkedCertificate => draft.pck.marked = false,
            Self::DisguisedCertificates => draft.disguise(),
            Self::Disguised => {
                draft.quote.user_data = [0; 20];
                draft.disguise();
            }
            _ => {}
        }
    }

    /// What no machine writes.
    fn layout(self, draft: &mut Draft) {
        let quote = &mut draft.quote;
        match self {
            Self::Version3 => quote.version = 3,
            Self::Version6 => quote.version = 6,
            Self::OtherVendor => quote.vendor = [0x51; 16],
            Self::KeyType3 => quote.key_type = 3,
            Self::SgxQuote => quote.tee = 0,
            Self::BodyType => quote.body_type = TD10,
            Self::ReservedAttribute => quote.body.td_attributes |= attribute::RESERVED,
            Self::Xfam => quote.body.xfam = 0,
            Self::SizeLie => quote.lies_about_authentication = Some(u16::MAX),
            Self::NoChain => {
                draft.no_chain = true;
                quote.chain_type = ENCRYPTED_PPID;
            }
            _ => {}
        }
    }

    /// What the guest is.
    fn guest(self, draft: &mut Draft) {
        let body = &mut draft.quote.body;
        match self {
            Self::Debug => body.td_attributes |= attribute::DEBUG,
            Self::NoSeptVeDisable => body.td_attributes &= !SEPT_VE_DISABLE,
            Self::Perfmon => body.td_attributes |= attribute::PERFMON,
            Self::Pks => body.td_attributes |= attribute::PKS,
            Self::Migratable => body.td_attributes |= attribute::MIGRATABLE,
            Self::ServiceTd => body.mr_service_td = [0x77; 48],
            Self::OtherReportData => body.report_data = body.report_data.map(|byte| !byte),
            Self::ReportDataPrefix => body.report_data.iter_mut().skip(32).for_each(|byte| *byte = !*byte),
            Self::OtherMrTd => body.mr_td = [0x77; 48],
            Self::OtherRtmr => body.rtmrs.iter_mut().skip(1).take(1).for_each(|register| *register = [0x77; 48]),
            Self::OtherConfigId => body.mr_config_id = [0x77; 48],
            Self::OtherOwner => body.mr_owner = [0x77; 48],
            _ => {}
        }
    }

    /// What the quoting enclave is and vouches for.
    fn quoting_enclave(self, draft: &mut Draft) {
        let qe = &mut draft.quote.qe;
        match self {
            Self::QeOtherSigner => draft.signers.qe = By::Stranger,
            Self::OtherAttestationKey => draft.signers.quote = By::Stranger,
            Self::QeReportDataTail => qe.tail = 1,
            Self::KeyOffCurve => draft.quote.named_key = Some([0x55; 64]),
            Self::QeOtherMrSigner => qe.signer = [0x77; 32],
            Self::QeOtherProduct => qe.product = 3,
            Self::QeMiscSelect => qe.misc_select = 1,
            Self::QeAttributes => qe.attributes = qe.attributes.map(|byte| byte & 0x01),
            Self::QeDebug => qe.attributes = qe.attributes.map(|byte| if byte == 0 { 0 } else { byte | 0x02 }),
            Self::QeRevoked => qe.svn = 1,
            Self::QeNoLevel => qe.svn = 0,
            Self::QeOutOfDate => qe.svn = 2,
            _ => {}
        }
    }

    /// What the machine is certified to run.
    fn platform_versions(self, draft: &mut Draft) {
        let [_, out_of_date, revoked] = SGX_COMPONENTS;
        let Some(pck) = &mut draft.pck.pck else { return };
        match self {
            Self::OutOfDate | Self::ModuleOnly => pck.components = out_of_date,
            Self::TcbRevoked => pck.components = revoked,
            Self::NoLevel => pck.components = [0; 16],
            Self::OldPce => pck.pce_svn = 10,
            Self::DynamicPlatform | Self::CachedKeys | Self::Smt => self.property(pck),
            Self::RepeatedFmspc => pck.repeats_fmspc = true,
            Self::NoPckExtension => draft.pck.pck = None,
            _ => {}
        }
    }

    fn property(self, pck: &mut PckDraft) {
        let flags = [Self::DynamicPlatform, Self::CachedKeys, Self::Smt].map(|property| property == self);
        pck.platform = pck.platform.map(|(instance, _)| (instance, flags));
    }

    /// What the TDX module is.
    fn module_versions(self, draft: &mut Draft) {
        let body = &mut draft.quote.body;
        match self {
            // A module of version 0 has no identity of its own: the platform's level says it all.
            Self::OutOfDate => body.tee_tcb_svn = svns([5, 0, 7]),
            Self::OldTdxComponent | Self::RelaunchAdvised => body.tee_tcb_svn = svns([6, 1, 7]),
            Self::OldModule => body.tee_tcb_svn = svns([2, 1, 8]),
            Self::UnknownModule => body.tee_tcb_svn = svns([6, 9, 8]),
            Self::ModuleNoLevel => body.tee_tcb_svn = svns([1, 1, 8]),
            Self::ModuleSigner => body.mr_signer_seam = [0x77; 48],
            Self::ModuleAttributes => body.seam_attributes = [1, 0, 0, 0, 0, 0, 0, 0],
            Self::CurrentNoLevel => body.tee_tcb_svn_2 = svns([6, 1, 1]),
            _ => {}
        }
    }

    /// What Intel thinks of the platform.
    fn tcb_info(self, draft: &mut Draft) {
        let (info, created) = (&mut draft.tcb_info, draft.created);
        match self {
            Self::TcbInfoSignature => draft.signers.tcb_info = By::Stranger,
            Self::TcbInfoEdited => draft.edits_tcb_info = true,
            Self::TcbInfoExpired => {
                (info.issue_date, info.next_update) = (created.saturating_sub(30 * DAY), created.saturating_sub(DAY));
            }
            Self::TcbInfoFuture => info.issue_date = created.saturating_add(DAY),
            Self::TcbInfoSgx => info.id = "SGX",
            Self::TcbInfoV2 => info.version = 2,
            Self::OtherFmspc => info.fmspc = Hex([0x51; 6]),
            Self::OtherPceId => info.pce_id = Hex([1, 0]),
            Self::RepeatedLevels => draft.repeats_levels = true,
            Self::NoLevels => info.tcb_levels.clear(),
            Self::OldEvaluation => {
                info.tcb_evaluation_data_number = info.tcb_evaluation_data_number.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// What Intel thinks of the quoting enclave.
    fn qe_identity(self, draft: &mut Draft) {
        let (identity, created) = (&mut draft.qe_identity, draft.created);
        match self {
            Self::QeIdentitySgx => identity.id = "QE",
            Self::QeIdentitySignature => draft.signers.qe_identity = By::Stranger,
            Self::QeIdentityExpired => {
                identity.issue_date = created.saturating_sub(30 * DAY);
                identity.next_update = created.saturating_sub(DAY);
            }
            Self::QeIdentityFuture => identity.issue_date = created.saturating_add(DAY),
            Self::QeIdentityByPck => draft.signers.qe_identity = By::Pck,
            _ => {}
        }
    }

    /// What the certificates say.
    fn certificates(self, draft: &mut Draft) {
        match self {
            Self::PckExpired => {
                draft.pck.not_before = draft.created.saturating_sub(2 * DAY);
                draft.pck.not_after = draft.created.saturating_sub(DAY);
            }
            Self::OtherPckName => draft.pck.subject = "Intel SGX Other Certificate",
            Self::CaNotAuthority => draft.ca.authority = None,
            _ => {}
        }
    }

    /// Who certifies whom.
    fn chain(self, draft: &mut Draft) {
        match self {
            Self::ForgedRoot => draft.forged_root = true,
            Self::ForgedCa => draft.signers.ca = By::Stranger,
            Self::PckByTcbSigning => {
                draft.signers.pck = By::TcbSigning;
                draft.pck.issuer = TCB_SIGNING;
            }
            Self::LongChain => draft.authorities = 40,
            _ => {}
        }
    }

    /// What the vendor took back.
    fn revocation(self, draft: &mut Draft) {
        let (yesterday, tomorrow) = (draft.created.saturating_sub(DAY), draft.created.saturating_add(DAY));
        let (root, machines) = (&mut draft.root_crl, &mut draft.pck_crl);
        match self {
            Self::PckRevoked => machines.revoked.push(serial::PCK),
            Self::CaRevoked => root.revoked.extend([serial::PLATFORM_CA, serial::PROCESSOR_CA]),
            Self::TcbSigningRevoked => root.revoked.push(serial::TCB_SIGNING),
            Self::RootRevoked => root.revoked.push(serial::ROOT),
            Self::RootCrlExpired => root.next_update = yesterday,
            Self::PckCrlExpired => machines.next_update = yesterday,
            Self::PckCrlForged => draft.signers.pck_crl = By::Stranger,
            Self::OtherAuthoritysCrl => {
                draft.other_authoritys_list = true;
                machines.issuer = PROCESSOR_CA;
            }
            Self::PckCrlFuture => machines.this_update = tomorrow,
            Self::RootCrlFuture => root.this_update = tomorrow,
            _ => {}
        }
    }

    /// What happens on the way.
    fn after_signing(self, draft: &mut Draft) {
        draft.after_signing.extend(match self {
            Self::FlippedMrTd => Some(flip(MRTD_AT * 8)),
            Self::FlippedReportData => Some(flip(REPORT_DATA_AT * 8)),
            Self::FlippedHeader => Some(flip(RESERVED_AT * 8)),
            Self::OtherAuthentication => Some(flip(AUTHENTICATION_AT * 8)),
            Self::ZeroPadding => Some(Box::new(|bytes: &mut Vec<u8>| bytes.extend([0; 500])) as Change),
            Self::Trailing => Some(Box::new(|bytes: &mut Vec<u8>| bytes.push(1)) as Change),
            Self::Truncated => {
                Some(Box::new(|bytes: &mut Vec<u8>| bytes.truncate(bytes.len().saturating_sub(1))) as Change)
            }
            Self::FlipBit(bit) => Some(flip(usize::from(bit))),
            _ => None,
        });
    }
}

/// `TEE_TCB_SVN`: the module's version and generation, and the platform's.
fn svns(first: [u8; 3]) -> [u8; 16] {
    let mut all = [0; 16];
    all.iter_mut().zip(first).for_each(|(byte, value)| *byte = value);
    all
}
