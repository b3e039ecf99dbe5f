//! Each condition of the policy can refuse a guest by itself.

use prism_attest::platform::simulated::{QuoteVersion, SimulatedTd, TdxMutation, TdxMutations};
use prism_attest::{
    Check, Claims, Endorsements, ExpectedBinding, Roots, TdxEndorsements, Verdict, appraise, judge, verify,
};
use prism_core::digest::Digest;
use prism_core::manifest::platform::{
    Accept, HexBytes, List, PlatformPolicy, Profile, SimulatedTdxPolicy, TdxPolicy, TdxStatus,
};

use crate::simulated::{NOW, attest, judged_by, report_data, vendor};
use crate::support;

const DAY: u64 = 86_400;

/// The strictest policy for the machine, changed.
fn changed(td: &SimulatedTd, change: impl Fn(&mut TdxPolicy)) -> PlatformPolicy {
    let mut policy = td.policy();
    change(&mut policy);
    PlatformPolicy::only(Profile::SimulatedTdx(SimulatedTdxPolicy::new(vendor().root_digest(), policy)))
}

fn unmet(verdict: &Verdict) -> Vec<Check> {
    let unmet: Vec<_> = verdict.findings().unmet().map(|finding| finding.check).collect();
    assert_eq!(unmet.is_empty(), verdict.is_good(), "{verdict}");
    unmet
}

/// The machine that the mutations ask for, under a changed policy for it.
fn unmet_by(mutations: &[TdxMutation], change: impl Fn(&mut TdxPolicy)) -> Vec<Check> {
    let td = TdxMutations::new(mutations.to_vec()).machine(&SimulatedTd::default());
    let (evidence, endorsements) = attest(mutations);
    unmet(&judged_by(&changed(&td, change), &evidence, &endorsements))
}

fn other<const N: usize>() -> Accept<HexBytes<N>> {
    Accept::only(HexBytes::new([0xee; N]))
}

/// A condition that the default machine does not meet, and its check.
type Tightening = (Check, fn(&mut TdxPolicy));

const TIGHTENINGS: &[Tightening] = &[
    (Check::EvaluationNumber, |p| p.min_tcb_evaluation_number += 1),
    (Check::MinQeSvn, |p| p.min_qe_svn += 1),
    (Check::MinPceSvn, |p| p.min_pce_svn += 1),
    (Check::MrTd, |p| p.mrtd = other()),
    (Check::Rtmr0, |p| p.rtmrs.rtmr0 = other()),
    (Check::Rtmr1, |p| p.rtmrs.rtmr1 = other()),
    (Check::Rtmr2, |p| p.rtmrs.rtmr2 = other()),
    (Check::Rtmr3, |p| p.rtmrs.rtmr3 = other()),
    (Check::MrConfigId, |p| p.mr_config_ids = other()),
    (Check::MrOwner, |p| p.mr_owners = other()),
    (Check::MrOwnerConfig, |p| p.mr_owner_configs = other()),
    (Check::MrSeam, |p| p.mr_seams = other()),
    (Check::MrServiceTd, |p| p.mr_service_tds = other()),
    (Check::TdAttributes, |p| p.td_attributes = other()),
    (Check::Xfam, |p| p.xfam = other()),
    (Check::Fmspc, |p| p.fmspcs = other()),
    (Check::Ppid, |p| p.ppids = other()),
    (Check::PlatformInstance, |p| p.platform_instance_ids = other()),
];

#[test]
fn each_condition_of_a_policy_refuses_by_itself() {
    for (check, tighten) in TIGHTENINGS {
        assert_eq!(unmet_by(&[], tighten), [*check]);
        assert_eq!(unmet_by(&[TdxMutation::V5], tighten), [*check]);
    }
    assert_eq!(unmet_by(&[], |_| ()), []);
}

#[test]
fn each_part_of_the_security_versions_refuses_by_itself() {
    for at in 0..16 {
        let above = |policy: &mut TdxPolicy| {
            let mut least = *policy.min_tee_tcb_svn.as_bytes();
            least[at] += 1;
            policy.min_tee_tcb_svn = HexBytes::new(least);
        };
        assert_eq!(unmet_by(&[], above), [Check::MinTeeTcbSvn], "part {at}");
    }
}

#[test]
fn each_weakness_that_a_policy_accepts_is_accepted_and_no_other() {
    use TdxMutation as M;
    type Weakness = (M, fn(&mut TdxPolicy), Check);
    let weaknesses: [Weakness; 9] = [
        (M::Debug, |p| p.allow.debug = true, Check::TdDebug),
        (M::NoSeptVeDisable, |p| p.require.sept_ve_disable = false, Check::SeptVeDisable),
        (M::Perfmon, |p| p.allow.perfmon = true, Check::Perfmon),
        (M::Pks, |p| p.allow.pks = true, Check::Pks),
        (M::Migratable, |p| p.allow.migratable = true, Check::Migratable),
        (M::ServiceTd, |p| p.allow.service_td = true, Check::ServiceTd),
        (M::DynamicPlatform, |p| p.allow.dynamic_platform = true, Check::DynamicPlatform),
        (M::CachedKeys, |p| p.allow.cached_keys = true, Check::CachedKeys),
        (M::Smt, |p| p.allow.smt = true, Check::PlatformSmt),
    ];
    for (at, (_, allow, _)) in weaknesses.iter().enumerate() {
        for (other, (mutation, _, check)) in weaknesses.iter().enumerate() {
            let found = unmet_by(&[*mutation], |policy| {
                (policy.td_attributes, policy.mr_service_tds) = (Accept::Any, Accept::Any);
                allow(policy);
            });
            assert_eq!(found, if at == other { vec![] } else { vec![*check] }, "{mutation}");
        }
    }
}

#[test]
fn key_locker_is_refused_until_the_policy_accepts_it() {
    let mut td = SimulatedTd::default();
    td.td_attributes |= 1 << 31;
    let (evidence, endorsements) = vendor().attest_as(&td, &report_data(), &TdxMutations::none()).unwrap();
    let verdict = judged_by(&changed(&td, |_| ()), &evidence, &endorsements);
    assert_eq!(unmet(&verdict), [Check::KeyLocker]);
    let verdict = judged_by(&changed(&td, |policy| policy.allow.key_locker = true), &evidence, &endorsements);
    assert_eq!(unmet(&verdict), []);
}

/// The bits from 0 to 63 with which a guest is refused by this check, each added by itself.
fn refused_bits(check: Check, set: impl Fn(&mut SimulatedTd, u64)) -> Vec<u32> {
    let is_refused = |bit: &u32| {
        let mut td = SimulatedTd::default();
        set(&mut td, 1 << bit);
        let (evidence, endorsements) = vendor().attest_as(&td, &report_data(), &TdxMutations::none()).unwrap();
        let error = verify(&evidence, &endorsements, &pinned(), NOW).err();
        error.is_some_and(|error| error.findings().last().is_some_and(|finding| finding.check == check))
    };
    (0..64).filter(is_refused).collect()
}

#[test]
fn every_bit_of_attributes_and_processor_state_has_a_meaning_or_is_refused() {
    // Intel TDX module ABI: DEBUG, profiling, LASS, SEPT_VE_DISABLE, MIGRATABLE, PKS, KL, PERFMON; not TPA (62).
    let known = [0, 4, 5, 6, 27, 28, 29, 30, 31, 63];
    let unknown: Vec<_> = (0..64).filter(|bit| !known.contains(bit)).collect();
    assert_eq!(refused_bits(Check::QuoteAttributes, |td, bit| td.td_attributes |= bit), unknown);
    // What XSAVE has components for, but for those that no guest gets: MPX, HDC, HWP and what is reserved.
    let known = [0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 18];
    let unknown: Vec<_> = (0..64).filter(|bit| !known.contains(bit)).collect();
    assert_eq!(refused_bits(Check::QuoteXfam, |td, bit| td.xfam |= bit), unknown);
    assert_eq!(refused_bits(Check::QuoteXfam, |td, bit| td.xfam &= !bit), [0, 1]);
}

#[test]
fn what_a_certificate_does_not_tell_may_be_so() {
    for (check, tighten) in [
        (Check::DynamicPlatform, (|p| p.allow.dynamic_platform = false) as fn(&mut TdxPolicy)),
        (Check::CachedKeys, |p| p.allow.cached_keys = false),
        (Check::PlatformSmt, |p| p.allow.smt = false),
        (Check::PlatformInstance, |p| p.platform_instance_ids = other()),
    ] {
        assert_eq!(unmet_by(&[TdxMutation::Processor], tighten), [check]);
    }
}

/// Accepts levels that are out of date for so many days.
fn out_of_date(policy: &mut TdxPolicy, days: u32) {
    policy.tcb_status = List::new(vec![TdxStatus::UpToDate, TdxStatus::OutOfDate]).unwrap();
    (policy.grace_days, policy.min_tee_tcb_svn) = (days, HexBytes::new([0; 16]));
    policy.min_qe_svn = 0;
}

#[test]
fn a_level_that_is_out_of_date_is_accepted_for_the_days_of_grace_and_not_a_second_longer() {
    for mutation in [TdxMutation::OutOfDate, TdxMutation::QeOutOfDate, TdxMutation::OldModule] {
        let (evidence, endorsements) = attest(&[mutation]);
        let at = |days, now| {
            let policy = changed(&SimulatedTd::default(), |policy| out_of_date(policy, days));
            let expected = ExpectedBinding::foreign(*report_data().as_bytes());
            unmet(&judge(&evidence, &endorsements, &policy, &expected, now))
        };
        let claims = verify(&evidence, &endorsements, &pinned(), NOW).unwrap();
        let since = claims.as_tdx().unwrap().tcb().out_of_date_since().unwrap();
        assert!(since > NOW - 10_000 * DAY && since < NOW, "{mutation}: {since}");
        let days = u32::try_from((NOW - since) / DAY).unwrap();
        let last = since + u64::from(days) * DAY;
        assert!(last <= NOW && NOW - last < DAY, "{mutation}");
        assert_eq!(at(days, last), [], "{mutation}");
        assert_eq!(at(days, last + 1), [Check::TcbGrace], "{mutation}");
        assert_eq!(at(days + 1, NOW), [], "{mutation}");
        assert_eq!(at(0, NOW), [Check::TcbGrace], "{mutation}");
    }
}

#[test]
fn a_verdict_that_bears_with_an_old_level_ends_with_the_days_of_grace() {
    let (evidence, endorsements) = attest(&[TdxMutation::OutOfDate]);
    let expected = ExpectedBinding::foreign(*report_data().as_bytes());
    let claims = verify(&evidence, &endorsements, &pinned(), NOW).unwrap();
    let since = claims.as_tdx().unwrap().tcb().out_of_date_since().unwrap();
    let days = (NOW - since) / DAY + 1;
    let last = since + days * DAY;
    let policy = changed(&SimulatedTd::default(), |policy| out_of_date(policy, u32::try_from(days).unwrap()));
    let at = |now| judge(&evidence, &endorsements, &policy, &expected, now);
    let verdict = at(NOW);
    let window = verdict.window().unwrap();
    assert!(verdict.is_good() && last < claims.window().not_after, "{verdict}");
    assert_eq!((window.not_before, window.not_after), (claims.window().not_before, last));
    assert_eq!(appraise(&claims, &policy).window(), Some(window));
    assert_eq!((at(last).is_good(), at(last + 1).is_good()), (true, false));
    // Who refuses bears with nothing: the dates are those of the evidence. Nor does an up-to-date machine need grace.
    assert_eq!(at(last + 1).window(), Some(claims.window()));
    assert_eq!(appraise(&verify(&evidence, &endorsements, &pinned(), last + 1).unwrap(), &policy).window(), None);
    let (evidence, endorsements) = attest(&[]);
    let verdict = judge(&evidence, &endorsements, &policy, &expected, NOW);
    assert!(verdict.is_good() && verdict.window() == verdict.claims().map(Claims::window), "{verdict}");
}

fn pinned() -> Roots {
    Roots::built_in().with_simulated(vendor().root_digest())
}

#[test]
fn a_denied_advisory_is_refused_and_another_is_not() {
    let open = {
        let (evidence, endorsements) = attest(&[TdxMutation::OldModule]);
        let claims = verify(&evidence, &endorsements, &pinned(), NOW).unwrap();
        claims.as_tdx().unwrap().tcb().advisories.first().unwrap().clone()
    };
    let deny = |id: &str| {
        unmet_by(&[TdxMutation::OldModule], |policy| {
            out_of_date(policy, 100_000);
            policy.deny_advisories = [id.parse().unwrap()].into();
        })
    };
    assert_eq!(deny(&open), [Check::Advisories]);
    assert_eq!(deny("INTEL-SA-99999"), []);
}

/// The default machine's endorsements, changed on the way.
fn after(change: impl Fn(&mut TdxEndorsements)) -> Vec<Check> {
    let (evidence, endorsements) = attest(&[]);
    let mut parts = endorsements.as_tdx().unwrap().clone();
    change(&mut parts);
    let policy = changed(&SimulatedTd::default(), |_| ());
    unmet(&judged_by(&policy, &evidence, &Endorsements::tdx(parts).unwrap()))
}

#[test]
fn endorsements_that_are_no_certificates_lists_or_chains_are_refused() {
    assert_eq!(after(|_| ()), []);
    assert_eq!(after(|parts| parts.root_crl = vec![0]), [Check::CrlForm]);
    assert_eq!(after(|parts| parts.pck_crl.push(0)), [Check::CrlForm]);
    assert_eq!(after(|parts| parts.pck_crl_chain.truncate(900)), [Check::CertificateChain]);
    assert_eq!(after(|parts| parts.tcb_info_chain = parts.pck_crl_chain.clone()), [Check::TcbSigner]);
    assert_eq!(after(|parts| parts.qe_identity_chain = parts.pck_crl_chain.clone()), [Check::TcbSigner]);
    assert_eq!(after(|parts| parts.qe_identity.signature[0] ^= 1), [Check::QeIdentitySignature]);
    assert_eq!(after(|parts| parts.tcb_info.signature[63] ^= 1), [Check::TcbInfoSignature]);
}

/// Replaces one byte sequence by another in a certificate of a chain in PEM, counted from the leaf.
fn edited(chain: &[u8], number: usize, edit: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut certificates = support::certificates(chain);
    edit(&mut certificates[number]);
    support::pem(&certificates)
}

/// ecdsa-with-SHA256 becomes ecdsa-with-SHA384 (RFC 5758), inside and outside alike.
fn with_sha384(der: &mut [u8]) {
    let from = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let places: Vec<_> = (0..der.len() - 8).filter(|at| der[*at..*at + 8] == from).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        der[at + 7] = 3;
    }
}

/// The curve P-256 becomes P-192 (RFC 5480).
fn on_p192(der: &mut [u8]) {
    let from = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let at = der.windows(8).position(|window| window == from).unwrap();
    der[at + 7] = 1;
}

#[test]
fn certificates_with_other_keys_algorithms_or_signatures_are_refused() {
    let (evidence, _) = attest(&[]);
    let bytes = evidence.bytes();
    let start = bytes.windows(5).position(|window| window == b"-----").unwrap();
    let chain = &bytes[start..];
    let last = |der: &mut Vec<u8>| *der.last_mut().unwrap() ^= 1;
    assert_eq!(after(|parts| parts.pck_chain = Some(edited(chain, 0, last))), [Check::PckSignature]);
    assert_eq!(
        after(|parts| parts.pck_chain = Some(edited(chain, 0, |der| with_sha384(der)))),
        [Check::EcdsaAlgorithm]
    );
    assert_eq!(after(|parts| parts.pck_chain = Some(edited(chain, 0, |der| der.push(0)))), [Check::CertificateForm]);
    let ca = |edit: fn(&mut Vec<u8>)| after(|parts| parts.pck_crl_chain = edited(&parts.pck_crl_chain, 0, edit));
    assert_eq!(ca(last), [Check::PckCaSignature]);
    assert_eq!(ca(|der| with_sha384(der)), [Check::EcdsaAlgorithm]);
    assert_eq!(ca(|der| der.push(0)), [Check::CertificateForm]);
    let signer = |edit: fn(&mut Vec<u8>)| after(|parts| parts.tcb_info_chain = edited(&parts.tcb_info_chain, 0, edit));
    assert_eq!([signer(last), signer(|der| with_sha384(der))], [[Check::TcbSigner], [Check::TcbSigner]]);
}

/// Key usage becomes the signing of certificates alone.
fn without_lists(der: &mut [u8]) {
    let usage = [0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x01];
    let at = der.windows(11).position(|window| window == usage).unwrap();
    assert_eq!(der[at + 11], 0x06);
    der[at + 11] = 0x04;
}

/// Key usage becomes the signing of lists alone.
fn without_certificates(der: &mut [u8]) {
    without_lists(der);
    let usage = [0x03, 0x02, 0x01, 0x04];
    let at = der.windows(4).position(|window| window == usage).unwrap();
    der[at + 3] = 0x02;
}

#[test]
fn an_authority_signs_certificates_and_lists() {
    let ca =
        |edit: fn(&mut [u8])| after(|parts| parts.pck_crl_chain = edited(&parts.pck_crl_chain, 0, |der| edit(der)));
    assert_eq!(ca(without_lists), [Check::CertificateUsage]);
    assert_eq!(ca(without_certificates), [Check::CertificateUsage]);
}

#[test]
fn the_list_s_own_chain_may_be_that_of_the_signer_of_judgements() {
    // Some caches of Intel's service answer so; the quote's chain has the authority in any case.
    assert_eq!(after(|parts| parts.pck_crl_chain = parts.tcb_info_chain.clone()), []);
}

#[test]
fn a_pinned_root_with_a_key_on_another_curve_is_refused() {
    let (evidence, endorsements) = attest(&[]);
    let mut parts = endorsements.as_tdx().unwrap().clone();
    parts.pck_crl_chain = edited(&parts.pck_crl_chain, 1, |der| on_p192(der));
    let root = Digest::sha256(&support::last_certificate(&parts.pck_crl_chain));
    let roots = Roots::built_in().with_simulated(root);
    let error = verify(&evidence, &Endorsements::tdx(parts).unwrap(), &roots, NOW).unwrap_err();
    let last = error.findings().last().unwrap();
    assert!(last.check == Check::P256Key && !last.ok, "{error}");
}

#[test]
fn both_versions_of_tdx_1_5_have_to_be_high_enough() {
    let mut td = SimulatedTd::default();
    td.quote = QuoteVersion::V5Td15;
    let policy = changed(&td, |policy| {
        policy.tcb_status = List::new(TdxStatus::ALL.to_vec()).unwrap();
        policy.grace_days = 100_000;
    });
    let (evidence, endorsements) = attest(&[TdxMutation::RelaunchAdvised]);
    assert_eq!(unmet(&judged_by(&policy, &evidence, &endorsements)), [Check::MinTeeTcbSvn]);
}
