//! Named faults of the pretend Intel's machines.

mod effects;

use super::{Expectation, UnknownMutation, mutations};
use crate::platform::simulated::tdx::draft::Draft;
use crate::platform::simulated::tdx::{PckAuthority, QuoteVersion, SimulatedTd};

mutations! {
    /// One named fault of a pretend TDX machine, or another shape of it.
    TdxMutation with 5056 bits;
    /// A quote of version 5 with the body of TDX 1.5.
    V5 = "v5", Accepted;
    /// A quote of version 5 with the body of TDX 1.0.
    V5Td10 = "v5-td10", Accepted;
    /// A machine with one processor, certified by the other authority (policy for it).
    Processor = "processor-ca", Accepted;
    /// The quoting enclave adds no authentication data.
    NoAuthentication = "no-authentication-data", Accepted;
    /// The quoting enclave adds 1,000 bytes of authentication data.
    LongAuthentication = "long-authentication-data", Accepted;
    /// Zeros fill the kernel's buffer after the quote.
    ZeroPadding = "zero-padding", Accepted;
    /// The quote lacks the simulator's mark.
    UnmarkedQuote = "unmarked-quote", Endorsement;
    /// The machine's certificate lacks the simulator's mark.
    UnmarkedCertificate = "unmarked-certificate", Endorsement;
    /// Everything lacks the simulator's marks and names Intel as the organisation.
    Disguised = "disguised", Endorsement;
    /// Every certificate lacks the simulator's marks and names Intel as the organisation; the quote has its mark.
    DisguisedCertificates = "disguised-certificates", Endorsement;
    /// One bit of MRTD is flipped after signing.
    FlippedMrTd = "flipped-mrtd", Signature;
    /// One bit of the report data is flipped after signing.
    FlippedReportData = "flipped-report-data", Signature;
    /// One bit of the header's reserved bytes is flipped after signing.
    FlippedHeader = "flipped-header", Signature;
    /// The quote is a byte short.
    Truncated = "truncated", Format;
    /// Something other than zeros follows the quote.
    Trailing = "trailing", Format;
    /// The quote is of version 3.
    Version3 = "version-3", Format;
    /// The quote is of version 6.
    Version6 = "version-6", Format;
    /// The quoting enclave is of another vendor.
    OtherVendor = "other-vendor", Format;
    /// The attestation key is on P-384.
    KeyType3 = "key-type-3", Format;
    /// The quote is of an SGX enclave.
    SgxQuote = "sgx-quote", Format;
    /// The quoting enclave's report is signed by another key.
    QeOtherSigner = "qe-other-signer", Signature;
    /// The quote is signed by a key that the quoting enclave does not vouch for.
    OtherAttestationKey = "other-attestation-key", Signature;
    /// The second half of the quoting enclave's report data is not zero.
    QeReportDataTail = "qe-report-data-tail", Signature;
    /// The authentication data are changed after signing.
    OtherAuthentication = "other-authentication-data", Signature;
    /// The attestation key is no point of the curve.
    KeyOffCurve = "key-off-curve", Signature;
    /// The quoting enclave is signed by another.
    QeOtherMrSigner = "qe-other-mrsigner", QeIdentity;
    /// The quoting enclave is another product.
    QeOtherProduct = "qe-other-product", QeIdentity;
    /// The quoting enclave has another MISCSELECT.
    QeMiscSelect = "qe-misc-select", QeIdentity;
    /// The quoting enclave has other attributes.
    QeAttributes = "qe-attributes", QeIdentity;
    /// The quoting enclave can be debugged.
    QeDebug = "qe-debug", QeIdentity;
    /// The quoting enclave's version is revoked.
    QeRevoked = "qe-revoked", Tcb;
    /// The quoting enclave's version is below all levels.
    QeNoLevel = "qe-no-level", Tcb;
    /// The quoting enclave is out of date.
    QeOutOfDate = "qe-out-of-date", Tcb;
    /// The identity is that of an SGX quoting enclave.
    QeIdentitySgx = "qe-identity-sgx", Collateral;
    /// The quoting enclave's identity is signed by a stranger.
    QeIdentitySignature = "qe-identity-signature", Collateral;
    /// The quoting enclave's identity has expired.
    QeIdentityExpired = "qe-identity-expired", Collateral;
    /// The quoting enclave's identity is not valid yet.
    QeIdentityFuture = "qe-identity-future", Collateral;
    /// The quoting enclave's identity is signed by the machine's key.
    QeIdentityByPck = "qe-identity-by-pck", Collateral;
    /// The TCB information is signed by a stranger.
    TcbInfoSignature = "tcb-info-signature", Collateral;
    /// The TCB information is edited after signing.
    TcbInfoEdited = "tcb-info-edited", Collateral;
    /// The TCB information has expired.
    TcbInfoExpired = "tcb-info-expired", Collateral;
    /// The TCB information is not valid yet.
    TcbInfoFuture = "tcb-info-future", Collateral;
    /// The TCB information is for SGX.
    TcbInfoSgx = "tcb-info-sgx", Collateral;
    /// The TCB information is of version 2.
    TcbInfoV2 = "tcb-info-v2", Collateral;
    /// The TCB information is of another kind of platform.
    OtherFmspc = "other-fmspc", Collateral;
    /// The TCB information is of another provisioning enclave.
    OtherPceId = "other-pceid", Collateral;
    /// The TCB information has its levels twice.
    RepeatedLevels = "repeated-levels", Collateral;
    /// The TCB information has no level.
    NoLevels = "no-levels", Collateral;
    /// The TCB information is of an older evaluation.
    OldEvaluation = "old-evaluation", Policy;
    /// The platform is out of date.
    OutOfDate = "out-of-date", Tcb;
    /// The TDX module is up to date, but the platform is not.
    ModuleOnly = "module-only", Tcb;
    /// The platform's versions are revoked.
    TcbRevoked = "tcb-revoked", Tcb;
    /// The platform's versions are below all levels.
    NoLevel = "no-level", Tcb;
    /// The provisioning enclave is older than the level needs.
    OldPce = "old-pce", Tcb;
    /// A version of the TDX platform is older than the level needs.
    OldTdxComponent = "old-tdx-component", Tcb;
    /// The TDX module is out of date.
    OldModule = "old-module", Tcb;
    /// Intel does not know the TDX module.
    UnknownModule = "unknown-module", Tcb;
    /// The TDX module is signed by another.
    ModuleSigner = "module-signer", Tcb;
    /// The TDX module can be debugged.
    ModuleAttributes = "module-attributes", Tcb;
    /// The TDX module is below all levels.
    ModuleNoLevel = "module-no-level", Tcb;
    /// The platform of now is below all levels, unlike that of the launch (policy for TDX 1.5).
    CurrentNoLevel = "current-no-level", Tcb;
    /// The platform was updated after the launch (policy for TDX 1.5).
    RelaunchAdvised = "relaunch-advised", Tcb;
    /// The guest can be debugged.
    Debug = "debug", Policy;
    /// The host can make the guest handle exceptions of memory.
    NoSeptVeDisable = "no-sept-ve-disable", Policy;
    /// A reserved attribute of the guest is set.
    ReservedAttribute = "reserved-attribute", Format;
    /// The guest uses performance counters.
    Perfmon = "perfmon", Policy;
    /// The guest uses supervisor protection keys.
    Pks = "pks", Policy;
    /// The guest can be migrated.
    Migratable = "migratable", Policy;
    /// The guest lacks processor state that every guest has.
    Xfam = "xfam", Format;
    /// A service guest is bound to the guest (policy for TDX 1.5).
    ServiceTd = "service-td", Policy;
    /// The quote's body is of another type than its size.
    BodyType = "body-type", Format;
    /// Another report data.
    OtherReportData = "other-report-data", Binding;
    /// Only the first half of the report data is as agreed.
    ReportDataPrefix = "report-data-prefix", Binding;
    /// Another first memory.
    OtherMrTd = "other-mrtd", Policy;
    /// Another runtime register.
    OtherRtmr = "other-rtmr", Policy;
    /// Another configuration.
    OtherConfigId = "other-config-id", Policy;
    /// Another owner.
    OtherOwner = "other-owner", Policy;
    /// The machine's certificate is revoked.
    PckRevoked = "pck-revoked", Revocation;
    /// The authority for machines is revoked.
    CaRevoked = "ca-revoked", Revocation;
    /// The signer of TCB information is revoked.
    TcbSigningRevoked = "tcb-signing-revoked", Revocation;
    /// The root revokes itself.
    RootRevoked = "root-revoked", Revocation;
    /// The root's revocation list has expired.
    RootCrlExpired = "root-crl-expired", Revocation;
    /// The authority's revocation list has expired.
    PckCrlExpired = "pck-crl-expired", Revocation;
    /// The authority's revocation list is signed by a stranger.
    PckCrlForged = "pck-crl-forged", Revocation;
    /// The revocation list is of the other authority for machines.
    OtherAuthoritysCrl = "other-authoritys-crl", Revocation;
    /// The authority's revocation list is not valid yet.
    PckCrlFuture = "pck-crl-future", Revocation;
    /// The root's revocation list is not valid yet.
    RootCrlFuture = "root-crl-future", Revocation;
    /// The machine's certificate has expired.
    PckExpired = "pck-expired", Endorsement;
    /// The machine's certificate does not say of which machine.
    NoPckExtension = "no-pck-extension", Endorsement;
    /// The machine's certificate names its kind of platform twice.
    RepeatedFmspc = "repeated-fmspc", Endorsement;
    /// The machine's certificate has another name.
    OtherPckName = "other-pck-name", Endorsement;
    /// All certificates are below a stranger's root with the vendor's names.
    ForgedRoot = "forged-root", Endorsement;
    /// The authority for machines is certified by a stranger.
    ForgedCa = "forged-ca", Endorsement;
    /// The authority for machines may not sign certificates.
    CaNotAuthority = "ca-not-authority", Endorsement;
    /// The machine is certified by the signer of TCB information.
    PckByTcbSigning = "pck-by-tcb-signing", Endorsement;
    /// Processors may be added to the machine.
    DynamicPlatform = "dynamic-platform", Policy;
    /// Intel keeps the machine's root keys.
    CachedKeys = "cached-keys", Policy;
    /// Two threads may share a core.
    Smt = "smt", Policy;
    /// The quote brings an encrypted identity in place of certificates.
    NoChain = "no-chain", Format;
    /// The quote brings 40 certificates of the authority.
    LongChain = "long-chain", Limits;
    /// The authentication data claim to be longer than the quote.
    SizeLie = "size-lie", Format;
}

/// Mutations that are applied together, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TdxMutations(Vec<TdxMutation>);

impl TdxMutations {
    /// A machine without faults.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// All of these.
    #[must_use]
    pub const fn new(mutations: Vec<TdxMutation>) -> Self {
        Self(mutations)
    }

    /// The machine before the faults, whose policy they are made to break: `td`, or the kind of it that a fault needs to
    /// show.
    #[must_use]
    pub fn machine(&self, td: &SimulatedTd) -> SimulatedTd {
        let mut td = td.clone();
        self.0.iter().for_each(|mutation| mutation.ask_for(&mut td));
        td
    }

    /// The machine in the shape that the mutations ask for.
    pub(crate) fn reshape(&self, td: &SimulatedTd) -> SimulatedTd {
        let mut td = self.machine(td);
        self.0.iter().for_each(|mutation| mutation.reshape(&mut td));
        td
    }

    pub(crate) fn apply(&self, draft: &mut Draft) {
        self.0.iter().for_each(|mutation| mutation.apply(draft));
    }
}

impl TdxMutation {
    /// What the fault needs to show.
    fn ask_for(self, td: &mut SimulatedTd) {
        match self {
            Self::V5 | Self::CurrentNoLevel | Self::RelaunchAdvised | Self::ServiceTd | Self::BodyType => {
                td.quote = QuoteVersion::V5Td15;
            }
            Self::Processor => td.authority = PckAuthority::Processor,
            _ => {}
        }
    }

    /// The shape of machine that the mutation is.
    fn reshape(self, td: &mut SimulatedTd) {
        if self == Self::V5Td10 {
            td.quote = QuoteVersion::V5Td10;
        }
    }
}
