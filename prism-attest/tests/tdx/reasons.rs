//! What each mutation of a simulated quote has to be refused for.

use prism_attest::Check;
use prism_attest::platform::simulated::TdxMutation as M;

/// Other shapes of good machines.
const ACCEPTED: &[M] = &[M::V5, M::V5Td10, M::Processor, M::NoAuthentication, M::LongAuthentication, M::ZeroPadding];

const REASONS: &[(Check, &[M])] = &[
    (Check::SimulatorMark, &[M::UnmarkedQuote, M::UnmarkedCertificate]),
    (Check::Root, &[M::Disguised, M::DisguisedCertificates, M::ForgedRoot]),
    (Check::QuoteSignature, &[M::FlippedMrTd, M::FlippedReportData, M::FlippedHeader, M::KeyOffCurve]),
    (Check::QuoteLength, &[M::Truncated, M::SizeLie]),
    (Check::QuoteTrailing, &[M::Trailing]),
    (Check::QuoteVersion, &[M::Version3, M::Version6]),
    (Check::QuoteVendor, &[M::OtherVendor]),
    (Check::QuoteKeyType, &[M::KeyType3]),
    (Check::QuoteTee, &[M::SgxQuote]),
    (Check::QuoteAttributes, &[M::ReservedAttribute]),
    (Check::QuoteXfam, &[M::Xfam]),
    (Check::QuoteBody, &[M::BodyType]),
    (Check::QuoteCertification, &[M::NoChain]),
    (Check::CertificatesMax, &[M::LongChain]),
    (Check::QeReportSignature, &[M::QeOtherSigner]),
    (Check::AttestationKey, &[M::QeReportDataTail, M::OtherAuthentication, M::OtherAttestationKey]),
    (Check::QeSigner, &[M::QeOtherMrSigner]),
    (Check::QeProduct, &[M::QeOtherProduct]),
    (Check::QeMiscSelect, &[M::QeMiscSelect]),
    (Check::QeAttributes, &[M::QeAttributes, M::QeDebug]),
    (Check::TcbNotRevoked, &[M::QeRevoked, M::TcbRevoked, M::OldPce]),
    (Check::TcbQeLevel, &[M::QeNoLevel]),
    (Check::TcbStatus, &[M::QeOutOfDate, M::OutOfDate, M::ModuleOnly, M::OldTdxComponent, M::OldModule]),
    (Check::TcbStatus, &[M::RelaunchAdvised]),
    (Check::TcbPlatformLevel, &[M::NoLevel, M::CurrentNoLevel]),
    (Check::TcbModule, &[M::UnknownModule]),
    (Check::TcbModuleSigner, &[M::ModuleSigner]),
    (Check::TcbModuleAttributes, &[M::ModuleAttributes]),
    (Check::TcbModuleLevel, &[M::ModuleNoLevel]),
    (Check::QeIdentityForm, &[M::QeIdentitySgx]),
    (Check::QeIdentitySignature, &[M::QeIdentitySignature]),
    (Check::QeIdentityDates, &[M::QeIdentityExpired, M::QeIdentityFuture]),
    (Check::TcbSigner, &[M::QeIdentityByPck]),
    (Check::TcbInfoSignature, &[M::TcbInfoSignature, M::TcbInfoEdited]),
    (Check::TcbInfoDates, &[M::TcbInfoExpired, M::TcbInfoFuture]),
    (Check::TcbInfoForm, &[M::TcbInfoSgx, M::TcbInfoV2, M::RepeatedLevels, M::NoLevels]),
    (Check::TcbInfoPlatform, &[M::OtherFmspc, M::OtherPceId]),
    (Check::EvaluationNumber, &[M::OldEvaluation]),
    // What they allow the host is refused too, but the policy names every attribute.
    (Check::TdAttributes, &[M::Debug, M::NoSeptVeDisable, M::Perfmon, M::Pks, M::Migratable]),
    (Check::MrServiceTd, &[M::ServiceTd]),
    (Check::BindingReportData, &[M::OtherReportData, M::ReportDataPrefix]),
    (Check::MrTd, &[M::OtherMrTd]),
    (Check::Rtmr1, &[M::OtherRtmr]),
    (Check::MrConfigId, &[M::OtherConfigId]),
    (Check::MrOwner, &[M::OtherOwner]),
    (Check::NotRevoked, &[M::PckRevoked, M::CaRevoked, M::TcbSigningRevoked, M::RootRevoked]),
    (Check::CrlDates, &[M::RootCrlExpired, M::PckCrlExpired, M::PckCrlFuture, M::RootCrlFuture]),
    (Check::CrlSignature, &[M::PckCrlForged]),
    (Check::CrlIssuer, &[M::OtherAuthoritysCrl]),
    (Check::CertificateDates, &[M::PckExpired]),
    (Check::PckExtension, &[M::NoPckExtension, M::RepeatedFmspc]),
    (Check::CertificateNames, &[M::OtherPckName, M::PckByTcbSigning]),
    (Check::PckCaSignature, &[M::ForgedCa]),
    (Check::CertificateUsage, &[M::CaNotAuthority]),
    (Check::DynamicPlatform, &[M::DynamicPlatform]),
    (Check::CachedKeys, &[M::CachedKeys]),
    (Check::PlatformSmt, &[M::Smt]),
];

/// The check that has to refuse it; none for another shape of a good machine.
pub(crate) fn reason(mutation: M) -> Option<Check> {
    if ACCEPTED.contains(&mutation) {
        return None;
    }
    let found = REASONS.iter().find(|(_, mutations)| mutations.contains(&mutation));
    Some(found.unwrap_or_else(|| panic!("say what {mutation} has to be refused for")).0)
}
