//! The closed lists of stages and conditions, with their stable words.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! words {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $type { $($(#[$doc])* $name,)* }

        impl $type {
            /// Every value, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable word for it, in JSON and on every print.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// The step of verification or appraisal that a condition belongs to.
    Stage {
        /// Which kinds of machine are verified here and accepted by the policy.
        Platform = "platform",
        /// Sizes, before anything is read. Evidence and endorsements beyond theirs cannot be made.
        Limits = "limits",
        /// Layout, versions, reserved fields.
        Format = "format",
        /// The vendor's certificates.
        Endorsement = "endorsement",
        /// The machine's signature.
        Signature = "signature",
        /// The vendor's revocation lists.
        Revocation = "revocation",
        /// Other data signed by the vendor (TDX).
        Collateral = "collateral",
        /// The vendor's judgement of security versions (TDX).
        Tcb = "tcb",
        /// The quoting enclave (TDX).
        QeIdentity = "qe-identity",
        /// What the participants demand.
        Policy = "policy",
        /// This agent, this channel, this moment.
        Binding = "binding",
    }
}

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $stage:ident, $text:literal;)*) => {
        words! {
            /// One condition. Its word is stable: it is the code that programs compare.
            Check { $($(#[$doc])* $name = $text,)* }
        }

        impl Check {
            /// The step it belongs to.
            #[must_use]
            pub const fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)* }
            }
        }
    };
}

checks! {
    /// The platform is one that this version verifies.
    PlatformSupported = Platform, "platform.supported";
    /// The policy names the platform.
    PlatformAccepted = Platform, "platform.accepted";
    /// The endorsements are of the evidence's platform.
    EndorsementsKind = Platform, "platform.endorsements";

    /// The report has exactly its length.
    ReportLength = Format, "report.length";
    /// The report's version is known.
    ReportVersion = Format, "report.version";
    /// The report is signed with ECDSA P-384 and SHA-384.
    ReportAlgorithm = Format, "report.algorithm";
    /// The report is signed by a VCEK or a VLEK.
    ReportSigningKey = Format, "report.signing-key";
    /// The guest's policy has its fixed bits and no unknown ones.
    ReportGuestPolicy = Format, "report.guest-policy";
    /// The privilege level exists.
    ReportVmpl = Format, "report.vmpl";
    /// Reserved bytes are zero.
    ReportReserved = Format, "report.reserved";
    /// The signature's numbers are in their places and the rest is zero.
    ReportSignatureForm = Format, "report.signature-form";
    /// The processor is of a known product.
    ReportProduct = Format, "report.product";
    /// The security versions are in the product's layout.
    ReportTcbLayout = Format, "report.tcb-layout";
    /// Bits of the platform that are not known here are shown, and mean nothing.
    ReportPlatformBits = Format, "report.platform-bits";

    /// Certificates are strict DER of version 3 without unknown critical extensions.
    CertificateForm = Endorsement, "endorsement.form";
    /// Certificates carry the simulator's mark exactly when a simulator is meant.
    SimulatorMark = Endorsement, "endorsement.simulator-mark";
    /// The root is the pinned one.
    Root = Endorsement, "endorsement.root";
    /// Subjects and issuers have the vendor's names and form a chain.
    CertificateNames = Endorsement, "endorsement.names";
    /// Every certificate is within its dates.
    CertificateDates = Endorsement, "endorsement.dates";
    /// Issuers may sign certificates.
    CertificateUsage = Endorsement, "endorsement.usage";
    /// Certificates are signed with RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt of 48 bytes.
    CertificateAlgorithm = Endorsement, "endorsement.algorithm";
    /// Issuers have RSA keys of 4,096 bits.
    IssuerKey = Endorsement, "endorsement.issuer-key";
    /// The root signed the intermediate certificate.
    AskSignature = Endorsement, "endorsement.ask-signature";
    /// The intermediate key signed the machine's certificate.
    VekSignature = Endorsement, "endorsement.vek-signature";
    /// The machine's key is on P-384.
    VekKey = Endorsement, "endorsement.vek-key";
    /// The certificate is of the kind that the report names.
    VekKind = Endorsement, "endorsement.vek-kind";
    /// The certificate is of the report's product.
    VekProduct = Endorsement, "endorsement.vek-product";
    /// The certificate is of the report's security versions.
    VekTcb = Endorsement, "endorsement.vek-tcb";
    /// The certificate is of the report's chip, or of a named provider.
    VekIdentity = Endorsement, "endorsement.vek-identity";

    /// The revocation list is strict DER of the vendor's form.
    CrlForm = Revocation, "revocation.form";
    /// The revocation list is by the product's root.
    CrlIssuer = Revocation, "revocation.issuer";
    /// The revocation list is within its dates.
    CrlDates = Revocation, "revocation.dates";
    /// The root signed the revocation list.
    CrlSignature = Revocation, "revocation.signature";
    /// The intermediate certificate is not revoked.
    NotRevoked = Revocation, "revocation.revoked";
    /// The revocation list is at hand if the policy demands it.
    CrlPresent = Revocation, "revocation.present";

    /// The machine's key signed the report.
    ReportSignature = Signature, "signature.report";

    /// The container of Azure's evidence has its form.
    AzureForm = Format, "azure.form";
    /// The paravisor's report has its form, and its lengths and numbers fit.
    HclForm = Format, "hcl.form";
    /// The TPM signed a quote and nothing else.
    TpmQuoteKind = Format, "tpm.quote-kind";
    /// The TPM's quote has its form.
    TpmQuoteForm = Format, "tpm.quote-form";
    /// The paravisor asked for the processor's report.
    ParavisorLevel = Binding, "binding.paravisor-level";
    /// The paravisor's own report of the machine and the processor's quote are about the same claims.
    TdReport = Binding, "binding.td-report";
    /// The processor's report vouches for the runtime claims.
    RuntimeClaims = Binding, "binding.runtime-claims";
    /// The runtime claims can be understood in one way only.
    RuntimeClaimsForm = Binding, "binding.runtime-claims-form";
    /// The runtime claims name one attestation key.
    TpmAttestationKey = Binding, "binding.attestation-key";
    /// The attestation key signed the TPM's quote.
    TpmQuoteSignature = Signature, "signature.tpm-quote";
    /// The quote is about exactly the registers that are claimed.
    PcrSelection = Policy, "tpm.pcr-selection";
    /// The registers have the quoted digest.
    PcrDigest = Signature, "signature.pcr-digest";
    /// The quote's nonce is the digest of the report data beside it.
    BindingNonce = Binding, "binding.nonce";
    /// The register's value is accepted.
    Pcr = Policy, "policy.pcr";
    /// The registers that the policy does not name are shown, and mean nothing.
    PcrsNotAppraised = Policy, "policy.pcrs-not-appraised";
    /// What stands behind the attestation key is accepted.
    AkAnchor = Policy, "policy.ak-anchor";
    /// The machine's id is accepted.
    VmId = Policy, "policy.vm-id";
    /// The number of the TPM's resets is accepted.
    ResetCount = Policy, "policy.reset-count";
    /// The number of the TPM's restarts is accepted.
    RestartCount = Policy, "policy.restart-count";
    /// The TPM's clock has not been set back.
    SafeClock = Policy, "policy.safe-clock";
    /// The machine boots signed programs only.
    SecureBoot = Policy, "policy.secure-boot";

    /// The product is accepted.
    Product = Policy, "policy.product";
    /// The kind of signing key is accepted.
    SigningKey = Policy, "policy.signing-key";
    /// The launch measurement is accepted.
    Measurement = Policy, "policy.measurement";
    /// The host data are accepted.
    HostData = Policy, "policy.host-data";
    /// The family id is accepted.
    FamilyId = Policy, "policy.family-id";
    /// The image id is accepted.
    ImageId = Policy, "policy.image-id";
    /// The report id is accepted.
    ReportId = Policy, "policy.report-id";
    /// The chip is accepted.
    ChipId = Policy, "policy.chip-id";
    /// The identity block's key is accepted.
    IdKey = Policy, "policy.id-key";
    /// The author key is accepted.
    AuthorKey = Policy, "policy.author-key";
    /// The privilege level is accepted.
    VmplLevel = Policy, "policy.vmpl";
    /// The guest's security version is high enough.
    GuestSvn = Policy, "policy.guest-svn";
    /// The guest demands a firmware interface that is new enough.
    Abi = Policy, "policy.abi";
    /// The security versions are high enough.
    MinTcb = Policy, "policy.min-tcb";
    /// The security versions at launch were high enough.
    MinLaunchTcb = Policy, "policy.min-launch-tcb";
    /// Reported and committed security versions are not above the current ones.
    TcbOrder = Policy, "policy.tcb-order";
    /// Firmware that runs is committed.
    CommittedFirmware = Policy, "policy.committed-firmware";
    /// The demanded mitigations were active at launch.
    LaunchMitigations = Policy, "policy.launch-mitigations";
    /// The demanded mitigations are active.
    CurrentMitigations = Policy, "policy.current-mitigations";
    /// Debugging is off.
    Debug = Policy, "policy.debug";
    /// Migration is off.
    Migration = Policy, "policy.migration";
    /// Simultaneous multithreading is as accepted.
    Smt = Policy, "policy.smt";
    /// CXL is as accepted.
    Cxl = Policy, "policy.cxl";
    /// Trusted devices are as accepted.
    TrustedIo = Policy, "policy.trusted-io";
    /// The machine gives what the guest's own policy demands.
    GuestPolicyKept = Policy, "policy.guest-policy-kept";
    /// Memory was checked for aliases.
    AliasCheck = Policy, "policy.alias-check";
    /// Ciphertext is hidden from the host.
    CiphertextHiding = Policy, "policy.ciphertext-hiding";
    /// The guest runs on one socket.
    SingleSocket = Policy, "policy.single-socket";
    /// Running-average power limits are off.
    RaplDisabled = Policy, "policy.rapl-disabled";
    /// Memory corrects errors.
    Ecc = Policy, "policy.ecc";
    /// All memory is encrypted.
    Tsme = Policy, "policy.tsme";
    /// The guest demands AES-256-XTS.
    Aes256Xts = Policy, "policy.aes-256-xts";
    /// The guest forbids moving its pages.
    PageSwapDisabled = Policy, "policy.page-swap-disabled";
    /// The pretend vendor's root is the one that the policy pins.
    SimulatedRoot = Policy, "policy.simulated-root";

    /// TDX: every part of the quote is there whole, and its sizes fit.
    QuoteLength = Format, "quote.length";
    /// TDX: the quote's version is known.
    QuoteVersion = Format, "quote.version";
    /// TDX: the quote is signed with ECDSA on P-256.
    QuoteKeyType = Format, "quote.key-type";
    /// TDX: the quote is of a trust domain.
    QuoteTee = Format, "quote.tee";
    /// TDX: the quote is by Intel's quoting enclave.
    QuoteVendor = Format, "quote.vendor";
    /// TDX: the body is of a known type and of its size.
    QuoteBody = Format, "quote.body";
    /// TDX: only bits of `TDATTRIBUTES` that have a meaning are set.
    QuoteAttributes = Format, "quote.td-attributes";
    /// TDX: `XFAM` has its fixed bits and no unknown ones.
    QuoteXfam = Format, "quote.xfam";
    /// TDX: only zeros follow the signature data.
    QuoteTrailing = Format, "quote.trailing";
    /// TDX: the certification data are of a kind that is verified here.
    QuoteCertification = Format, "quote.certification";
    /// TDX: chains have few certificates.
    CertificatesMax = Limits, "limits.certificates";

    /// TDX: chains are PEM with exactly the certificates of their shape.
    CertificateChain = Endorsement, "endorsement.chain";
    /// TDX: certificates are signed with ECDSA on P-256 and SHA-256.
    EcdsaAlgorithm = Endorsement, "endorsement.ecdsa-algorithm";
    /// TDX: certified keys are on P-256.
    P256Key = Endorsement, "endorsement.p256-key";
    /// TDX: the root signed the certificate of the authority that certifies machines.
    PckCaSignature = Endorsement, "endorsement.pck-ca-signature";
    /// TDX: that authority signed the machine's certificate.
    PckSignature = Endorsement, "endorsement.pck-signature";
    /// TDX: the machine's certificate has every field of Intel's extension once, in its form.
    PckExtension = Endorsement, "endorsement.pck-extension";

    /// TDX: whoever signed TCB data has a certificate for it by the root.
    TcbSigner = Collateral, "collateral.signer";
    /// TDX: the TCB info is signed.
    TcbInfoSignature = Collateral, "collateral.tcb-info-signature";
    /// TDX: the TCB info has exactly the fields of its version.
    TcbInfoForm = Collateral, "collateral.tcb-info-form";
    /// TDX: the TCB info is within its dates.
    TcbInfoDates = Collateral, "collateral.tcb-info-dates";
    /// TDX: the TCB info is about the machine's kind of platform.
    TcbInfoPlatform = Collateral, "collateral.tcb-info-platform";
    /// TDX: the quoting enclave's identity is signed.
    QeIdentitySignature = Collateral, "collateral.qe-identity-signature";
    /// TDX: the quoting enclave's identity has exactly the fields of its version.
    QeIdentityForm = Collateral, "collateral.qe-identity-form";
    /// TDX: the quoting enclave's identity is within its dates.
    QeIdentityDates = Collateral, "collateral.qe-identity-dates";

    /// TDX: the machine's key signed the quoting enclave's report.
    QeReportSignature = Signature, "signature.qe-report";
    /// TDX: the quoting enclave's report names the attestation key.
    AttestationKey = Signature, "signature.attestation-key";
    /// TDX: the attestation key signed the quote.
    QuoteSignature = Signature, "signature.quote";

    /// TDX: the quoting enclave is by Intel's signer.
    QeSigner = QeIdentity, "qe-identity.signer";
    /// TDX: the quoting enclave is that product.
    QeProduct = QeIdentity, "qe-identity.product";
    /// TDX: the quoting enclave's MISCSELECT is as listed.
    QeMiscSelect = QeIdentity, "qe-identity.misc-select";
    /// TDX: the quoting enclave's attributes are as listed; it cannot be debugged.
    QeAttributes = QeIdentity, "qe-identity.attributes";

    /// TDX: the TDX module is of a version that Intel lists.
    TcbModule = Tcb, "tcb.module";
    /// TDX: the TDX module is by its signer.
    TcbModuleSigner = Tcb, "tcb.module-signer";
    /// TDX: the TDX module has no attributes, such as debugging.
    TcbModuleAttributes = Tcb, "tcb.module-attributes";
    /// TDX: the platform reaches a level.
    TcbPlatformLevel = Tcb, "tcb.platform-level";
    /// TDX: the TDX module reaches a level.
    TcbModuleLevel = Tcb, "tcb.module-level";
    /// TDX: the quoting enclave reaches a level.
    TcbQeLevel = Tcb, "tcb.qe-level";
    /// TDX: none of the levels is revoked.
    TcbNotRevoked = Tcb, "tcb.not-revoked";
    /// TDX: the policy accepts the status.
    TcbStatus = Tcb, "tcb.status";
    /// TDX: a level that is out of date is within the policy's days of grace.
    TcbGrace = Tcb, "tcb.grace";

    /// TDX: no advisory that the policy denies is open.
    Advisories = Policy, "policy.advisories";
    /// TDX: Intel's judgement is recent enough.
    EvaluationNumber = Policy, "policy.tcb-evaluation-number";
    /// TDX: the security versions of the TDX module and others are high enough.
    MinTeeTcbSvn = Policy, "policy.min-tee-tcb-svn";
    /// TDX: the quoting enclave's security version is high enough.
    MinQeSvn = Policy, "policy.min-qe-svn";
    /// TDX: the provisioning certification enclave's security version is high enough.
    MinPceSvn = Policy, "policy.min-pce-svn";
    /// TDX: the measurement of the first memory is accepted.
    MrTd = Policy, "policy.mrtd";
    /// TDX: runtime register 0 is accepted.
    Rtmr0 = Policy, "policy.rtmr0";
    /// TDX: runtime register 1 is accepted.
    Rtmr1 = Policy, "policy.rtmr1";
    /// TDX: runtime register 2 is accepted.
    Rtmr2 = Policy, "policy.rtmr2";
    /// TDX: runtime register 3 is accepted.
    Rtmr3 = Policy, "policy.rtmr3";
    /// TDX: `MRCONFIGID` is accepted.
    MrConfigId = Policy, "policy.mr-config-id";
    /// TDX: `MROWNER` is accepted.
    MrOwner = Policy, "policy.mr-owner";
    /// TDX: `MROWNERCONFIG` is accepted.
    MrOwnerConfig = Policy, "policy.mr-owner-config";
    /// TDX: the TDX module's measurement is accepted.
    MrSeam = Policy, "policy.mr-seam";
    /// TDX: `MRSERVICETD` is accepted.
    MrServiceTd = Policy, "policy.mr-service-td";
    /// TDX: `TDATTRIBUTES` are accepted, every bit.
    TdAttributes = Policy, "policy.td-attributes";
    /// TDX: `XFAM` is accepted, every bit.
    Xfam = Policy, "policy.xfam";
    /// TDX: the kind of platform is accepted.
    Fmspc = Policy, "policy.fmspc";
    /// TDX: the processor is accepted.
    Ppid = Policy, "policy.ppid";
    /// TDX: the platform's instance is accepted.
    PlatformInstance = Policy, "policy.platform-instance-id";
    /// TDX: adding processors later is as accepted.
    DynamicPlatform = Policy, "policy.dynamic-platform";
    /// TDX: keeping root keys at Intel's is as accepted.
    CachedKeys = Policy, "policy.cached-keys";
    /// TDX: simultaneous multithreading is as accepted.
    PlatformSmt = Policy, "policy.platform-smt";
    /// TDX: debugging and other ways to break the trust domain are off.
    TdDebug = Policy, "policy.td-debug";
    /// TDX: migration is off.
    Migratable = Policy, "policy.migratable";
    /// TDX: no service trust domain is bound.
    ServiceTd = Policy, "policy.service-td";
    /// TDX: performance counters are as accepted.
    Perfmon = Policy, "policy.perfmon";
    /// TDX: Key Locker is as accepted.
    KeyLocker = Policy, "policy.key-locker";
    /// TDX: supervisor protection keys are as accepted.
    Pks = Policy, "policy.pks";
    /// TDX: pages that the host takes away stop the trust domain.
    SeptVeDisable = Policy, "policy.sept-ve-disable";

    /// The policy accepts evidence that stands for a key alone, if that is what it is to stand for.
    KeyOnlyAccepted = Policy, "policy.key-only";

    /// The event log is well-formed.
    EventLogForm = Format, "event-log.form";
    /// The event log is there if the policy demands it.
    EventLogPresent = Policy, "event-log.present";
    /// The event log leads to the registers that the machine signed.
    EventLogRegisters = Policy, "event-log.registers";
    /// Digests in the event log follow from the data beside them, where they have to.
    EventLogDigests = Policy, "event-log.digests";

    /// The agent's claimed binding has its form.
    BindingForm = Binding, "binding.form";
    /// The signed bytes name the claimed agent.
    BindingAgent = Binding, "binding.agent";
    /// The agent's TLS key is that of this connection.
    BindingChannelKey = Binding, "binding.channel-key";
    /// The agent serves the expected manifest.
    BindingManifest = Binding, "binding.manifest";
    /// The signed bytes name this session.
    BindingSession = Binding, "binding.session";
    /// The signed bytes are the expected ones.
    BindingReportData = Binding, "binding.report-data";

    /// The claims buffer in a certificate names the certificate's key.
    BindingCertificateKey = Binding, "binding.certificate-key";
    /// The signed bytes stand for the certificate's key, and for nothing else.
    BindingKeyOnly = Binding, "binding.key-only";
}
