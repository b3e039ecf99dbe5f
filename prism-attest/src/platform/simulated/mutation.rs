//! Named faults, so that anyone can see a policy refuse what it should.

use std::fmt;
use std::str::FromStr;

use prism_core::manifest::platform::{Product, Tcb};

use super::SimulatedVendor;
use super::certificate::{ListDraft, VekDraft};
use super::machine::{ReportVersion, SimulatedKey, SimulatedMachine};
use crate::binding::ReportData;
use crate::platform::snp::product::{chip_id_len, tcb_bytes};
use crate::platform::snp::report::{Fields, REPORT_LEN, SIGNED_LEN, key_info, platform, policy};

const DAY: u64 = 24 * 60 * 60;
const BITS: usize = REPORT_LEN * 8;

/// A text names no mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a mutation such as \"debug\" or \"flip-bit-1234\", found another text; list them all")]
#[non_exhaustive]
pub struct UnknownMutation;

macro_rules! mutations {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One named fault, or another shape of the machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Mutation {
            $($(#[$doc])* $name,)*
            /// One bit of the signed report is flipped: `flip-bit-N`, N below 9,472.
            FlipBit(u16),
        }

        impl Mutation {
            /// Every named mutation.
            pub const NAMED: &[Self] = &[$(Self::$name,)*];
        }

        impl fmt::Display for Mutation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($text),)*
                    Self::FlipBit(bit) => write!(f, "flip-bit-{bit}"),
                }
            }
        }
    };
}

mutations! {
    /// A report of version 2.
    V2 = "v2",
    /// A report of version 4.
    V4 = "v4",
    /// A report of version 5.
    V5 = "v5",
    /// A Milan.
    Milan = "milan",
    /// A Turin.
    Turin = "turin",
    /// Signed by a provider's key.
    Vlek = "vlek",
    /// The guest can be debugged.
    Debug = "debug",
    /// The guest can be migrated.
    Migration = "migration",
    /// The guest accepts CXL memory.
    Cxl = "cxl",
    /// The platform runs two threads a core although the guest forbids it.
    SmtAgainstPolicy = "smt-against-policy",
    /// Guest and platform have every protection there is (version 5).
    Hardened = "hardened",
    /// Memory was not checked for aliases.
    NoAliasCheck = "no-alias-check",
    /// Trusted devices may be attached.
    TrustedIo = "trusted-io",
    /// Another program was launched.
    OtherMeasurement = "other-measurement",
    /// The host said something else.
    OtherHostData = "other-host-data",
    /// The report is bound to something else.
    OtherReportData = "other-report-data",
    /// The least privileged level asked.
    Vmpl3 = "vmpl-3",
    /// A level that does not exist asked.
    Vmpl4 = "vmpl-4",
    /// The guest's security version is zero.
    OldGuest = "old-guest",
    /// Security versions are below the machine's.
    TcbBelow = "tcb-below",
    /// Security versions at launch were below the machine's.
    LaunchTcbBelow = "launch-tcb-below",
    /// The reported security versions are above the current ones.
    TcbOrder = "tcb-order",
    /// Firmware runs that is not committed.
    ProvisionalFirmware = "provisional-firmware",
    /// The certificate is of older security versions.
    WrongTcb = "wrong-tcb",
    /// The certificate is of another chip.
    WrongChip = "wrong-chip",
    /// The certificate names no chip.
    NoChip = "no-chip",
    /// The report hides the chip.
    MaskedChip = "masked-chip",
    /// The certificate is of another product.
    WrongProduct = "wrong-product",
    /// The report says that the chip signed, but a provider did.
    VlekAsVcek = "vlek-as-vcek",
    /// The root is another one.
    OtherRoot = "other-root",
    /// The intermediate certificate's key may not sign certificates.
    AskNotAuthority = "ask-not-authority",
    /// The intermediate certificate has expired.
    AskExpired = "ask-expired",
    /// The intermediate key has 2,048 bits.
    WeakIssuer = "weak-issuer",
    /// The certificate names another issuer.
    OtherIssuerName = "other-issuer-name",
    /// The machine's key is on P-256.
    VekP256 = "vek-p256",
    /// The certificate leaves out a security version.
    NoTcb = "no-tcb",
    /// The certificate has one extension twice.
    RepeatedExtension = "repeated-extension",
    /// The certificate has a critical extension that nobody knows.
    UnknownExtension = "unknown-extension",
    /// The certificate has expired.
    Expired = "expired",
    /// The certificate is not valid yet.
    NotYetValid = "not-yet-valid",
    /// The certificate is signed with PKCS #1 v1.5.
    Pkcs1 = "pkcs1",
    /// The intermediate certificate is revoked.
    Revoked = "revoked",
    /// The revocation list has expired.
    CrlExpired = "crl-expired",
    /// The revocation list is not valid yet.
    CrlFuture = "crl-future",
    /// Another key signed the revocation list.
    CrlOtherKey = "crl-other-key",
    /// The revocation list is by another issuer.
    CrlOtherIssuer = "crl-other-issuer",
    /// There is no revocation list.
    NoCrl = "no-crl",
    /// The report lacks the simulator's mark.
    UnmarkedReport = "unmarked-report",
    /// The certificate lacks the simulator's mark.
    UnmarkedCertificate = "unmarked-certificate",
    /// Another key signed the report.
    OtherSigner = "other-signer",
    /// The signature is all zeros.
    Unsigned = "unsigned",
    /// The report's version is unknown.
    UnknownVersion = "unknown-version",
    /// The report's signature algorithm is unknown.
    UnknownAlgorithm = "unknown-algorithm",
    /// The report claims to be unsigned.
    MaskedKey = "masked-key",
    /// A reserved field is not zero.
    Reserved = "reserved",
    /// The signature is followed by something.
    SignatureTail = "signature-tail",
    /// The current security versions are in another product's layout.
    TcbLayout = "tcb-layout",
    /// The guest's policy has an unknown bit.
    UnknownPolicyBit = "unknown-policy-bit",
    /// The processor is unknown.
    UnknownProduct = "unknown-product",
    /// The report is a byte short.
    Truncated = "truncated",
    /// The report is a byte long.
    Extended = "extended",
}

impl FromStr for Mutation {
    type Err = UnknownMutation;

    fn from_str(text: &str) -> Result<Self, UnknownMutation> {
        if let Some(bit) = text.strip_prefix("flip-bit-") {
            let bit: u16 = bit.parse().map_err(|_| UnknownMutation)?;
            return if usize::from(bit) < BITS { Ok(Self::FlipBit(bit)) } else { Err(UnknownMutation) };
        }
        Self::NAMED.iter().copied().find(|named| named.to_string() == text).ok_or(UnknownMutation)
    }
}

/// Mutations that are applied together, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutations(Vec<Mutation>);

impl Mutations {
    /// A machine without faults.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// All of these.
    #[must_use]
    pub const fn new(mutations: Vec<Mutation>) -> Self {
        Self(mutations)
    }

    /// The machine in the shape that the mutations ask for.
    pub(super) fn reshape(&self, machine: &SimulatedMachine) -> SimulatedMachine {
        let mut machine = machine.clone();
        for mutation in &self.0 {
            match mutation {
                Mutation::V2 => machine.version = ReportVersion::V2,
                Mutation::V4 => machine.version = ReportVersion::V4,
                Mutation::V5 | Mutation::Hardened => machine.version = ReportVersion::V5,
                Mutation::Milan => machine.product = Product::Milan,
                Mutation::Turin => machine.product = Product::Turin,
                Mutation::Vlek => machine.key = SimulatedKey::Vlek,
                Mutation::TcbBelow => machine.tcb.snp = machine.tcb.snp.saturating_sub(1),
                _ => {}
            }
        }
        machine
    }

    pub(super) fn apply(&self, draft: &mut Draft) {
        for mutation in &self.0 {
            mutation.guest(draft);
            mutation.versions(draft);
            mutation.certificates(draft);
            mutation.revocation(draft);
            mutation.layout(draft);
        }
    }
}

/// Evidence in the making.
pub(super) struct Draft {
    pub(super) report: Fields,
    pub(super) vek: VekDraft,
    pub(super) issuer: IssuerDraft,
    pub(super) list: Option<ListDraft>,
    pub(super) other_root: bool,
    pub(super) signed_by_stranger: bool,
    pub(super) after_signing: Vec<Change>,
    created: u64,
    product: Product,
}

/// The intermediate certificate that goes with the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IssuerDraft {
    AsKept,
    NotAuthority,
    Expired,
    Weak,
}

/// What happens to a report after it was signed.
pub(super) type Change = Box<dyn Fn(&mut Vec<u8>)>;

impl Draft {
    pub(super) fn new(vendor: &SimulatedVendor, machine: &SimulatedMachine, report_data: &ReportData) -> Self {
        let mut chip = [0; 64];
        for (byte, value) in chip.iter_mut().zip(vendor.chip).take(chip_id_len(machine.product)) {
            *byte = value;
        }
        Self {
            report: machine.report(chip, *report_data.as_bytes()),
            vek: vendor.vek_draft(machine),
            issuer: IssuerDraft::AsKept,
            list: Some(vendor.list_draft()),
            other_root: false,
            signed_by_stranger: false,
            after_signing: Vec::new(),
            created: vendor.created,
            product: machine.product,
        }
    }
}

impl Mutation {
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
            Self::OldGuest => report.guest_svn = 0,
            Self::UnmarkedReport => report.family_id = [0; 16],
            Self::MaskedChip => report.chip_id = [0; 64],
            _ => {}
        }
    }

    /// What runs, and what ran.
    fn versions(self, draft: &mut Draft) {
        let report = &mut draft.report;
        match self {
            Self::LaunchTcbBelow => report.launch_tcb = [0; 8],
            Self::TcbOrder => {
                let older = tcb_bytes(draft.product, Tcb::default());
                report.current_tcb = older;
                report.committed_tcb = older;
            }
            Self::ProvisionalFirmware => report.current_firmware = [41, 55, 1],
            Self::WrongTcb => draft.vek.tcb = [0; 8],
            _ => {}
        }
    }

    /// What the vendor vouches for, and who signed.
    fn certificates(self, draft: &mut Draft) {
        match self {
            Self::WrongChip => draft.vek.chip.iter_mut().for_each(|byte| *byte = !*byte),
            Self::NoChip => draft.vek.chip.clear(),
            Self::WrongProduct => "Siena".clone_into(&mut draft.vek.product),
            Self::VlekAsVcek => draft.vek.key = SimulatedKey::Vlek,
            Self::AskNotAuthority => draft.issuer = IssuerDraft::NotAuthority,
            Self::AskExpired => draft.issuer = IssuerDraft::Expired,
            Self::WeakIssuer => draft.issuer = IssuerDraft::Weak,
            Self::OtherIssuerName => draft.vek.other_issuer = true,
            Self::VekP256 => draft.vek.p256 = true,
            Self::NoTcb => draft.vek.leaves_out_tcb = true,
            Self::RepeatedExtension => draft.vek.repeats_extension = true,
            Self::UnknownExtension => draft.vek.unknown_extension = true,
            Self::OtherRoot => draft.other_root = true,
            Self::Expired => {
                draft.vek.not_before = draft.created.saturating_sub(2 * DAY);
                draft.vek.not_after = draft.created.saturating_sub(DAY);
            }
            Self::NotYetValid => draft.vek.not_before = draft.created.saturating_add(DAY),
            Self::Pkcs1 => draft.vek.pkcs1 = true,
            Self::UnmarkedCertificate => draft.vek.marked = false,
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
            Self::Revoked => list.revokes_ask = true,
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
            Self::UnknownVersion => report.version = 6,
            Self::UnknownAlgorithm => report.algorithm = 2,
            Self::MaskedKey => report.key_info |= key_info::MASK_CHIP_KEY,
            Self::Reserved => report.reserved_208 = [1; 152],
            Self::TcbLayout => report.current_tcb = [0xff; 8],
            Self::SignatureTail => draft.after_signing.push(Box::new(|bytes| {
                bytes.iter_mut().rev().take(1).for_each(|byte| *byte = 1);
            })),
            Self::UnknownPolicyBit => report.policy |= 1 << 30,
            Self::UnknownProduct => report.cpuid = [0x17, 0x31, 0],
            Self::Unsigned => draft.after_signing.push(Box::new(|bytes| {
                bytes.iter_mut().skip(SIGNED_LEN).for_each(|byte| *byte = 0);
            })),
            Self::Truncated => draft.after_signing.push(Box::new(|bytes| bytes.truncate(REPORT_LEN - 1))),
            Self::Extended => draft.after_signing.push(Box::new(|bytes| bytes.push(0))),
            Self::FlipBit(bit) => draft.after_signing.push(Box::new(move |bytes| {
                if let Some(byte) = bytes.get_mut(usize::from(bit / 8)) {
                    *byte ^= 1 << (bit % 8);
                }
            })),
            _ => {}
        }
    }
}
