//! What each mutation of a simulated report has to be refused for.

use prism_attest::Check;
use prism_attest::platform::simulated::Mutation as M;

const REASONS: &[(Check, &[M])] = &[
    (Check::Product, &[M::Milan, M::Turin]),
    (Check::SigningKey, &[M::Vlek]),
    (Check::Debug, &[M::Debug]),
    (Check::Migration, &[M::Migration]),
    (Check::Cxl, &[M::Cxl]),
    (Check::GuestPolicyKept, &[M::SmtAgainstPolicy]),
    (Check::AliasCheck, &[M::NoAliasCheck]),
    (Check::TrustedIo, &[M::TrustedIo]),
    (Check::Measurement, &[M::OtherMeasurement]),
    (Check::HostData, &[M::OtherHostData]),
    (Check::BindingAgent, &[M::OtherReportData, M::ReportDataPrefix]),
    (Check::VmplLevel, &[M::Vmpl3]),
    (Check::ReportVmpl, &[M::Vmpl4]),
    (Check::GuestSvn, &[M::OldGuest]),
    (Check::MinTcb, &[M::TcbBelow]),
    (Check::MinLaunchTcb, &[M::LaunchTcbBelow]),
    (Check::TcbOrder, &[M::TcbOrder, M::CommittedAboveCurrent]),
    (Check::CommittedFirmware, &[M::ProvisionalFirmware, M::ProvisionalTcb]),
    (
        Check::VekTcb,
        &[M::WrongTcb, M::NoTcb, M::NewerTcb, M::LongMicrocode, M::NegativeMicrocode, M::WrongFmc, M::MilanLayout],
    ),
    (Check::VekIdentity, &[M::WrongChip, M::NoChip, M::LongChip]),
    (Check::ChipId, &[M::MaskedChip]),
    (Check::VekProduct, &[M::WrongProduct, M::OtherProduct]),
    (Check::VekKind, &[M::VlekAsVcek, M::VcekAsVlek]),
    (Check::Root, &[M::OtherRoot, M::ForgedRoot, M::Disguised]),
    (Check::CertificateUsage, &[M::AskNotAuthority]),
    (Check::IssuerKey, &[M::WeakIssuer]),
    (Check::CertificateNames, &[M::OtherIssuerName]),
    (Check::VekKey, &[M::VekP256]),
    (Check::CertificateForm, &[M::RepeatedExtension, M::UnknownExtension]),
    (Check::CrlSignature, &[M::CrlOtherKey]),
    (Check::CrlIssuer, &[M::CrlOtherIssuer]),
    (Check::ReportSignatureForm, &[M::SignatureTail, M::LongR, M::LongS]),
    (Check::ReportTcbLayout, &[M::TcbLayout]),
    (Check::CertificateDates, &[M::AskExpired, M::Expired, M::NotYetValid, M::VlekExpired]),
    (Check::CertificateAlgorithm, &[M::Pkcs1, M::PssSha256, M::ShortSalt]),
    (Check::NotRevoked, &[M::Revoked, M::AsvkRevoked]),
    (Check::CrlDates, &[M::CrlExpired, M::CrlFuture]),
    (Check::CrlPresent, &[M::NoCrl]),
    (Check::SimulatorMark, &[M::UnmarkedReport, M::UnmarkedCertificate]),
    (
        Check::ReportSignature,
        &[M::OtherSigner, M::Unsigned, M::FlippedMeasurement, M::FlippedSignature, M::ZeroR, M::ZeroS],
    ),
    (Check::ReportVersion, &[M::UnknownVersion, M::Version0, M::Version1, M::VersionMax]),
    (Check::ReportAlgorithm, &[M::UnknownAlgorithm, M::NoAlgorithm]),
    (Check::ReportSigningKey, &[M::MaskedKey, M::NoSigner, M::UnknownSigner]),
    (Check::ReportReserved, &[M::Reserved, M::ReservedKeyBit, M::Reserved4c, M::Reserved18b, M::Reserved29f]),
    (Check::ReportGuestPolicy, &[M::UnknownPolicyBit, M::PolicyBit17]),
    (Check::ReportProduct, &[M::UnknownProduct]),
    (Check::ReportLength, &[M::Truncated, M::Extended]),
    (Check::VekSignature, &[M::VekByRoot]),
    (Check::LaunchMitigations, &[M::NoMitigations, M::UntoldMitigations]),
    (Check::Abi, &[M::OldAbi]),
];

pub(crate) fn reason(mutation: M) -> Check {
    let found = REASONS.iter().find(|(_, mutations)| mutations.contains(&mutation));
    found.unwrap_or_else(|| panic!("say what {mutation} has to be refused for")).0
}
