//! What each fault does to the evidence.

use prism_core::manifest::platform::{Product, Tcb};

use super::Mutation;
use super::draft::{Draft, IssuerDraft};
use crate::platform::simulated::certificate::Microcode;
use crate::platform::simulated::keys::{NUMBER_LEN, P384_LEN, Padding};
use crate::platform::simulated::machine::SimulatedKey;
use crate::platform::simulated::mutation::{Change, DAY, fill, flip};
use crate::platform::snp::product::{tcb, tcb_bytes};
use crate::platform::snp::report::{REPORT_LEN, SIGNED_LEN, key_info, platform, policy};

impl Mutation {
    pub(super) fn apply(self, draft: &mut Draft) {
        self.guest(draft);
        self.versions(draft);
        self.certificates(draft);
        self.signers(draft);
        self.revocation(draft);
        self.layout(draft);
        self.reserved(draft);
        self.after_signing(draft);
    }

    /// What the guest and its host say.
    fn guest(self, draft: &mut Draft) {
        let report = &mut draft.report;
        match self {
            Self::Debug => report.policy |= policy::DEBUG,
            Self::Migration => report.policy |= policy::MIGRATE_MA,
            Self::Cxl => report.policy |= policy::CXL_ALLOW,
            Self::SmtAgainstPolicy => report.policy &= !policy::SMT,
            Self::Hardened => {
                report.policy |= policy::PROTECTIONS;
                report.platform_info |= platform::PROTECTIONS;
            }
            Self::NoAliasCheck => report.platform_info &= !platform::ALIAS_CHECK,
            Self::TrustedIo => report.platform_info |= platform::TIO,
            Self::OtherMeasurement => report.measurement = [0x77; 48],
            Self::OtherHostData => report.host_data = [0x77; 32],
            Self::OtherReportData => report.report_data = report.report_data.map(|byte| !byte),
            Self::Vmpl3 => report.vmpl = 3,
            Self::ReportDataPrefix => report.report_data.iter_mut().skip(32).for_each(|byte| *byte = !*byte),
            Self::OldGuest => report.guest_svn = 0,
            Self::OldAbi => report.policy &= !0xff,
            Self::NoMitigations => (report.launch_mitigations, report.current_mitigations) = (0, 0),
            Self::UnmarkedReport => report.family_id = [0; 16],
            Self::MaskedChip => report.chip_id = [0; 64],
            _ => {}
        }
    }

    /// What runs, and what ran.
    fn versions(self, draft: &mut Draft) {
        let report = &mut draft.report;
        let newer = |tcb: [u8; 8]| tcb.map(|part| if part == 0 { 0 } else { part.saturating_add(1) });
        match self {
            Self::LaunchTcbBelow => report.launch_tcb = [0; 8],
            Self::TcbOrder => {
                let older = tcb_bytes(draft.product, Tcb::default());
                report.current_tcb = older;
                report.committed_tcb = older;
            }
            Self::ProvisionalFirmware => report.current_firmware = [41, 55, 1],
            Self::CommittedAboveCurrent => report.committed_tcb = newer(report.current_tcb),
            Self::ProvisionalTcb => report.committed_tcb = [0; 8],
            Self::WrongTcb => draft.vek.tcb = [0; 8],
            Self::NewerTcb => draft.vek.tcb = newer(draft.vek.tcb),
            Self::WrongFmc => draft.vek.tcb.iter_mut().take(1).for_each(|fmc| *fmc = 0),
            Self::MilanLayout => {
                let (tcb, _) = tcb(draft.product, report.reported_tcb);
                let bytes = tcb_bytes(Product::Milan, tcb);
                (report.reported_tcb, report.current_tcb) = (bytes, bytes);
                (report.committed_tcb, report.launch_tcb) = (bytes, bytes);
            }
            _ => {}
        }
    }

    /// What the vendor vouches for, and who signed.
    fn certificates(self, draft: &mut Draft) {
        match self {
            Self::WrongChip => draft.vek.chip.iter_mut().for_each(|byte| *byte = !*byte),
            Self::NoChip => draft.vek.chip.clear(),
            Self::WrongProduct => "Siena".clone_into(&mut draft.vek.product),
            Self::OtherProduct => Product::Milan.name().clone_into(&mut draft.vek.product),
            Self::LongMicrocode => draft.vek.microcode = Microcode::TwoBytes,
            Self::NegativeMicrocode => draft.vek.microcode = Microcode::Negative,
            Self::LongChip => draft.report.chip_id.iter_mut().skip(8).take(1).for_each(|byte| *byte = 1),
            Self::OtherIssuerName => draft.vek.other_issuer = true,
            Self::VekP256 => draft.vek.p256 = true,
            Self::NoTcb => draft.vek.microcode = Microcode::Missing,
            Self::RepeatedExtension => draft.vek.repeats_extension = true,
            Self::UnknownExtension => draft.vek.unknown_extension = true,
            Self::Expired | Self::VlekExpired => {
                draft.vek.not_before = draft.created.saturating_sub(2 * DAY);
                draft.vek.not_after = draft.created.saturating_sub(DAY);
            }
            Self::NotYetValid => draft.vek.not_before = draft.created.saturating_add(DAY),
            Self::UnmarkedCertificate => draft.vek.marked = false,
            Self::Disguised => {
                draft.report.family_id = [0; 16];
                (draft.disguised, draft.vek.disguised) = (true, true);
                draft.list.iter_mut().for_each(|list| list.disguised = true);
            }
            _ => {}
        }
    }

    /// Whose keys sign, and how.
    fn signers(self, draft: &mut Draft) {
        match self {
            Self::VlekAsVcek => draft.vek.key = SimulatedKey::Vlek,
            Self::VcekAsVlek => draft.report.key_info |= 1 << key_info::SIGNING_KEY_SHIFT,
            Self::AskNotAuthority => draft.issuer = IssuerDraft::NotAuthority,
            Self::AskExpired => draft.issuer = IssuerDraft::Expired,
            Self::WeakIssuer => draft.issuer = IssuerDraft::Weak,
            Self::OtherRoot => draft.other_root = true,
            Self::ForgedRoot => {
                draft.other_root = true;
                draft.issuer = IssuerDraft::UnderOtherRoot;
            }
            Self::VekByRoot => draft.vek_by_root = true,
            Self::Pkcs1 => draft.vek.padding = Padding::Pkcs1,
            Self::PssSha256 => draft.vek.padding = Padding::PssSha256,
            Self::ShortSalt => draft.vek.padding = Padding::PssShortSalt,
            Self::OtherSigner => draft.signed_by_stranger = true,
            _ => {}
        }
    }

    /// What the vendor took back.
    fn revocation(self, draft: &mut Draft) {
        let (yesterday, tomorrow) = (draft.created.saturating_sub(DAY), draft.created.saturating_add(DAY));
        let Some(list) = &mut draft.list else { return };
        match self {
            Self::NoCrl => draft.list = None,
            Self::Revoked | Self::AsvkRevoked => list.revokes_ask = true,
            Self::CrlExpired => list.next_update = yesterday,
            Self::CrlFuture => list.this_update = tomorrow,
            Self::CrlOtherKey => list.other_key = true,
            Self::CrlOtherIssuer => list.other_issuer = true,
            _ => {}
        }
    }

    /// What no machine writes.
    fn layout(self, draft: &mut Draft) {
        let report = &mut draft.report;
        match self {
            Self::Vmpl4 => report.vmpl = 4,
            Self::Version0 => report.version = 0,
            Self::Version1 => report.version = 1,
            Self::UnknownVersion => report.version = 6,
            Self::VersionMax => report.version = u32::MAX,
            Self::NoAlgorithm => report.algorithm = 0,
            Self::UnknownAlgorithm => report.algorithm = 2,
            Self::MaskedKey => report.key_info |= key_info::MASK_CHIP_KEY,
            Self::NoSigner => report.key_info |= key_info::SIGNING_KEY_MASK << key_info::SIGNING_KEY_SHIFT,
            Self::UnknownSigner => report.key_info |= 2 << key_info::SIGNING_KEY_SHIFT,
            Self::TcbLayout => report.current_tcb = [0xff; 8],
            Self::UnknownPolicyBit => report.policy |= 1 << 30,
            Self::PolicyBit17 => report.policy &= !policy::ALWAYS_ONE,
            Self::UnknownProduct => report.cpuid = [0x17, 0x31, 0],
            _ => {}
        }
    }

    /// What has to be zero.
    fn reserved(self, draft: &mut Draft) {
        let report = &mut draft.report;
        match self {
            Self::ReservedKeyBit => report.key_info |= 1 << 5,
            Self::Reserved => report.reserved_208 = [1; 152],
            Self::Reserved4c => report.reserved_4c = [1, 0, 0, 0],
            Self::Reserved18b => report.reserved_18b = [1; 21],
            Self::Reserved29f => report.reserved_208.iter_mut().rev().take(1).for_each(|byte| *byte = 1),
            _ => {}
        }
    }

    /// What happens on the way.
    fn after_signing(self, draft: &mut Draft) {
        draft.after_signing.extend(match self {
            Self::FlippedMeasurement => Some(flip(0x90 * 8)),
            Self::FlippedSignature => Some(flip(SIGNED_LEN * 8)),
            Self::LongR => Some(fill(SIGNED_LEN + P384_LEN, 1, 1)),
            Self::LongS => Some(fill(SIGNED_LEN + NUMBER_LEN + P384_LEN, 1, 1)),
            Self::ZeroR => Some(fill(SIGNED_LEN, NUMBER_LEN, 0)),
            Self::ZeroS => Some(fill(SIGNED_LEN + NUMBER_LEN, NUMBER_LEN, 0)),
            Self::Unsigned => Some(fill(SIGNED_LEN, 2 * NUMBER_LEN, 0)),
            Self::SignatureTail => Some(fill(REPORT_LEN - 1, 1, 1)),
            Self::Truncated => Some(Box::new(|bytes: &mut Vec<u8>| bytes.truncate(REPORT_LEN - 1)) as Change),
            Self::Extended => Some(Box::new(|bytes: &mut Vec<u8>| bytes.push(0)) as Change),
            Self::FlipBit(bit) => Some(flip(usize::from(bit))),
            _ => None,
        });
    }
}
