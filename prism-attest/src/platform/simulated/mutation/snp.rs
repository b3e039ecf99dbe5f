//! Named faults of the pretend AMD's machines.

mod draft;
mod effects;

use prism_core::manifest::platform::Product;

pub(crate) use self::draft::{Draft, IssuerDraft};
use super::{Expectation, UnknownMutation, mutations};
use crate::platform::simulated::machine::{ReportVersion, SimulatedKey, SimulatedMachine};

mutations! {
    /// One named fault of a pretend SEV-SNP machine, or another shape of it.
    Mutation with 9472 bits;
    /// A report of version 2.
    V2 = "v2", Accepted;
    /// A report of version 4.
    V4 = "v4", Accepted;
    /// A report of version 5.
    V5 = "v5", Accepted;
    /// A Milan.
    Milan = "milan", Policy;
    /// A Turin.
    Turin = "turin", Policy;
    /// Signed by a provider's key.
    Vlek = "vlek", Policy;
    /// The guest can be debugged.
    Debug = "debug", Policy;
    /// The guest can be migrated.
    Migration = "migration", Policy;
    /// The guest accepts CXL memory.
    Cxl = "cxl", Policy;
    /// The platform runs two threads a core although the guest forbids it.
    SmtAgainstPolicy = "smt-against-policy", Policy;
    /// Guest and platform have every protection there is (version 5).
    Hardened = "hardened", Accepted;
    /// Memory was not checked for aliases.
    NoAliasCheck = "no-alias-check", Policy;
    /// Trusted devices may be attached.
    TrustedIo = "trusted-io", Policy;
    /// Another program was launched.
    OtherMeasurement = "other-measurement", Policy;
    /// The host said something else.
    OtherHostData = "other-host-data", Policy;
    /// The report is bound to something else.
    OtherReportData = "other-report-data", Binding;
    /// The least privileged level asked.
    Vmpl3 = "vmpl-3", Policy;
    /// A level that does not exist asked.
    Vmpl4 = "vmpl-4", Format;
    /// The guest's security version is zero.
    OldGuest = "old-guest", Policy;
    /// Security versions are below the machine's.
    TcbBelow = "tcb-below", Policy;
    /// Security versions at launch were below the machine's.
    LaunchTcbBelow = "launch-tcb-below", Policy;
    /// The reported security versions are above the current ones.
    TcbOrder = "tcb-order", Policy;
    /// Firmware runs that is not committed.
    ProvisionalFirmware = "provisional-firmware", Policy;
    /// The certificate is of older security versions.
    WrongTcb = "wrong-tcb", Endorsement;
    /// The certificate is of another chip.
    WrongChip = "wrong-chip", Endorsement;
    /// The certificate names no chip.
    NoChip = "no-chip", Endorsement;
    /// The report hides the chip.
    MaskedChip = "masked-chip", Policy;
    /// The certificate is of another product.
    WrongProduct = "wrong-product", Endorsement;
    /// The report says that the chip signed, but a provider did.
    VlekAsVcek = "vlek-as-vcek", Endorsement;
    /// The root is another one.
    OtherRoot = "other-root", Endorsement;
    /// The intermediate certificate's key may not sign certificates.
    AskNotAuthority = "ask-not-authority", Endorsement;
    /// The intermediate certificate has expired.
    AskExpired = "ask-expired", Endorsement;
    /// The intermediate key has 2,048 bits.
    WeakIssuer = "weak-issuer", Endorsement;
    /// The certificate names another issuer.
    OtherIssuerName = "other-issuer-name", Endorsement;
    /// The machine's key is on P-256.
    VekP256 = "vek-p256", Endorsement;
    /// The certificate leaves out a security version.
    NoTcb = "no-tcb", Endorsement;
    /// The certificate has one extension twice.
    RepeatedExtension = "repeated-extension", Endorsement;
    /// The certificate has a critical extension that nobody knows.
    UnknownExtension = "unknown-extension", Endorsement;
    /// The certificate has expired.
    Expired = "expired", Endorsement;
    /// The certificate is not valid yet.
    NotYetValid = "not-yet-valid", Endorsement;
    /// The certificate is signed with PKCS #1 v1.5.
    Pkcs1 = "pkcs1", Endorsement;
    /// The intermediate certificate is revoked.
    Revoked = "revoked", Revocation;
    /// The revocation list has expired.
    CrlExpired = "crl-expired", Revocation;
    /// The revocation list is not valid yet.
    CrlFuture = "crl-future", Revocation;
    /// Another key signed the revocation list.
    CrlOtherKey = "crl-other-key", Revocation;
    /// The revocation list is by another issuer.
    CrlOtherIssuer = "crl-other-issuer", Revocation;
    /// There is no revocation list.
    NoCrl = "no-crl", Revocation;
    /// The report lacks the simulator's mark.
    UnmarkedReport = "unmarked-report", Endorsement;
    /// The certificate lacks the simulator's mark.
    UnmarkedCertificate = "unmarked-certificate", Endorsement;
    /// Everything lacks the simulator's marks and names AMD as the organisation.
    Disguised = "disguised", Endorsement;
    /// Another key signed the report.
    OtherSigner = "other-signer", Signature;
    /// The signature is all zeros.
    Unsigned = "unsigned", Signature;
    /// The report's version is unknown.
    UnknownVersion = "unknown-version", Format;
    /// The report's signature algorithm is unknown.
    UnknownAlgorithm = "unknown-algorithm", Format;
    /// The report claims to be unsigned.
    MaskedKey = "masked-key", Format;
    /// A reserved field is not zero.
    Reserved = "reserved", Format;
    /// The signature is followed by something.
    SignatureTail = "signature-tail", Format;
    /// The current security versions are in another product's layout.
    TcbLayout = "tcb-layout", Format;
    /// The guest's policy has an unknown bit.
    UnknownPolicyBit = "unknown-policy-bit", Format;
    /// The processor is unknown.
    UnknownProduct = "unknown-product", Format;
    /// The report is a byte short.
    Truncated = "truncated", Format;
    /// The report is a byte long.
    Extended = "extended", Format;
    /// One bit of the measurement is flipped after signing.
    FlippedMeasurement = "flipped-measurement", Signature;
    /// One bit of the signature is flipped.
    FlippedSignature = "flipped-signature", Signature;
    /// The number r of the signature is longer than the curve allows.
    LongR = "long-r", Format;
    /// The number s of the signature is longer than the curve allows.
    LongS = "long-s", Format;
    /// The number r of the signature is zero.
    ZeroR = "zero-r", Signature;
    /// The number s of the signature is zero.
    ZeroS = "zero-s", Signature;
    /// The report is of version 0.
    Version0 = "version-0", Format;
    /// The report is of version 1.
    Version1 = "version-1", Format;
    /// The report is of the highest version there could be.
    VersionMax = "version-max", Format;
    /// The report names no signature algorithm.
    NoAlgorithm = "no-algorithm", Format;
    /// The report says that nobody signed it.
    NoSigner = "no-signer", Format;
    /// The report is signed by a kind of key that does not exist.
    UnknownSigner = "unknown-signer", Format;
    /// A reserved bit beside the signing key is set.
    ReservedKeyBit = "reserved-key-bit", Format;
    /// The report says that a provider signed, but the chip did.
    VcekAsVlek = "vcek-as-vlek", Endorsement;
    /// The bit of the guest's policy that is always one is zero.
    PolicyBit17 = "policy-bit-17", Format;
    /// The reserved field after the signing key is not zero.
    Reserved4c = "reserved-4c", Format;
    /// The reserved field after the processor's model is not zero.
    Reserved18b = "reserved-18b", Format;
    /// The last reserved byte before the signature is not zero.
    Reserved29f = "reserved-29f", Format;
    /// The certificate is of newer security versions.
    NewerTcb = "newer-tcb", Endorsement;
    /// The certificate's microcode version is 256 too high, with the same last byte.
    LongMicrocode = "long-microcode", Endorsement;
    /// The certificate's microcode version is a negative number.
    NegativeMicrocode = "negative-microcode", Endorsement;
    /// The provider's certificate has expired after its year (policy for a provider's key).
    VlekExpired = "vlek-expired", Endorsement;
    /// Root and intermediate certificate are of a stranger with the vendor's names.
    ForgedRoot = "forged-root", Endorsement;
    /// The certificate is of another product than the processor.
    OtherProduct = "other-product", Endorsement;
    /// The root signed the machine's certificate, in the intermediate's name.
    VekByRoot = "vek-by-root", Endorsement;
    /// The certificate is signed with SHA-256.
    PssSha256 = "pss-sha256", Endorsement;
    /// The certificate says that its signature has a shorter salt.
    ShortSalt = "short-salt", Endorsement;
    /// The provider's intermediate certificate is revoked (policy for a provider's key).
    AsvkRevoked = "asvk-revoked", Revocation;
    /// The committed security versions are above the current ones.
    CommittedAboveCurrent = "committed-above-current", Policy;
    /// The current security versions are not committed yet.
    ProvisionalTcb = "provisional-tcb", Policy;
    /// No mitigation is active (policy for version 5).
    NoMitigations = "no-mitigations", Policy;
    /// The report is too old to tell mitigations (policy for version 5).
    UntoldMitigations = "untold-mitigations", Policy;
    /// The guest demands an older firmware interface.
    OldAbi = "old-abi", Policy;
    /// Only the first half of the report data is as agreed.
    ReportDataPrefix = "report-data-prefix", Binding;
    /// A Turin with security versions in the layout of Milan (policy for Turin).
    MilanLayout = "milan-layout", Endorsement;
    /// The certificate is of another first-stage loader (policy for Turin).
    WrongFmc = "wrong-fmc", Endorsement;
    /// The chip's identity has something behind its eight bytes (policy for Turin).
    LongChip = "long-chip", Endorsement;
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

    /// The machine before the faults, whose policy they are made to break: `machine`, or the kind of it that a fault
    /// needs to show.
    #[must_use]
    pub fn machine(&self, machine: &SimulatedMachine) -> SimulatedMachine {
        let mut machine = machine.clone();
        self.0.iter().for_each(|mutation| mutation.ask_for(&mut machine));
        machine
    }

    /// The machine in the shape that the mutations ask for.
    pub(crate) fn reshape(&self, machine: &SimulatedMachine) -> SimulatedMachine {
        let mut machine = self.machine(machine);
        self.0.iter().for_each(|mutation| mutation.reshape(&mut machine));
        machine
    }

    pub(crate) fn apply(&self, draft: &mut Draft) {
        self.0.iter().for_each(|mutation| mutation.apply(draft));
    }
}

impl Mutation {
    /// What the fault needs to show.
    fn ask_for(self, machine: &mut SimulatedMachine) {
        match self {
            Self::NoMitigations | Self::UntoldMitigations => machine.version = ReportVersion::V5,
            Self::VlekExpired | Self::AsvkRevoked => machine.key = SimulatedKey::Vlek,
            Self::MilanLayout | Self::WrongFmc | Self::LongChip => {
                machine.product = Product::Turin;
                machine.tcb.fmc = 1;
            }
            _ => {}
        }
    }

    /// The shape of machine that the mutation is.
    fn reshape(self, machine: &mut SimulatedMachine) {
        match self {
            Self::V2 => machine.version = ReportVersion::V2,
            Self::UntoldMitigations => machine.version = ReportVersion::V3,
            Self::V4 => machine.version = ReportVersion::V4,
            Self::V5 | Self::Hardened => machine.version = ReportVersion::V5,
            Self::Milan => machine.product = Product::Milan,
            Self::Turin => machine.product = Product::Turin,
            Self::Vlek => machine.key = SimulatedKey::Vlek,
            Self::TcbBelow => machine.tcb.snp = machine.tcb.snp.saturating_sub(1),
            _ => {}
        }
    }
}
