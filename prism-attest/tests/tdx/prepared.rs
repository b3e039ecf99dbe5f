//! Endorsements that were verified once: the same verdicts as from the beginning, and nothing outlives its dates.

use prism_attest::platform::simulated::TdxMutation;
use prism_attest::{Check, Endorsements, Evidence, Platform, Prepared, Roots, VerifyError, verify};

use crate::simulated::{NOW, attest, vendor};
use crate::support;

const DAY: u64 = 86_400;

fn roots() -> Roots {
    Roots::built_in().with_simulated(vendor().root_digest())
}

fn prepared(endorsements: &Endorsements, now: u64) -> Result<Prepared, VerifyError> {
    Prepared::new(Platform::SimulatedTdx, endorsements, &roots(), now)
}

fn refused(error: &VerifyError) -> Check {
    let last = error.findings().last().unwrap();
    assert!(!last.ok, "{error}");
    last.check
}

#[test]
fn a_prepared_verification_says_what_a_whole_one_says() {
    for mutation in TdxMutation::NAMED {
        let (evidence, endorsements) = attest(&[*mutation]);
        let whole = verify(&evidence, &endorsements, &roots(), NOW);
        let again = prepared(&endorsements, NOW).and_then(|prepared| prepared.verify(&evidence, NOW));
        match (whole, again) {
            (Ok(whole), Ok(again)) => assert_eq!(whole, again, "{mutation}"),
            (Err(whole), Err(again)) => assert_eq!(refused(&whole), refused(&again), "{mutation}"),
            (whole, again) => panic!("{mutation}: {whole:?} but {again:?}"),
        }
    }
}

#[test]
fn what_has_ended_since_is_refused_by_its_own_check() {
    // Each ends a day before now, and was good a day earlier still.
    for (mutation, check) in [
        (TdxMutation::RootCrlExpired, Check::CrlDates),
        (TdxMutation::PckCrlExpired, Check::CrlDates),
        (TdxMutation::TcbInfoExpired, Check::TcbInfoDates),
        (TdxMutation::QeIdentityExpired, Check::QeIdentityDates),
        (TdxMutation::PckExpired, Check::CertificateDates),
    ] {
        let (evidence, endorsements) = attest(&[mutation]);
        let kept = prepared(&endorsements, NOW - DAY).unwrap();
        for kept in [kept.clone(), kept.admit(&evidence, NOW - DAY).unwrap()] {
            assert!(kept.verify(&evidence, NOW - DAY).is_ok(), "{mutation}");
            assert_eq!(refused(&kept.verify(&evidence, NOW - DAY + 1).unwrap_err()), check, "{mutation}");
        }
        if mutation != TdxMutation::PckExpired {
            assert_eq!(refused(&prepared(&endorsements, NOW).unwrap_err()), check, "{mutation}");
        }
    }
}

#[test]
fn prepared_endorsements_do_not_outlive_their_dates() {
    let (evidence, endorsements) = attest(&[]);
    let kept = prepared(&endorsements, NOW).unwrap();
    let window = kept.window();
    assert!(kept.verify(&evidence, window.not_before).is_ok() && kept.verify(&evidence, window.not_after).is_ok());
    for outside in [window.not_before - 1, window.not_after + 1] {
        let check = refused(&kept.verify(&evidence, outside).unwrap_err());
        assert!(matches!(check, Check::CertificateDates | Check::CrlDates), "{check}");
    }
}

#[test]
fn a_quote_without_a_chain_needs_the_chain_from_elsewhere() {
    let (naked, endorsements) = attest(&[TdxMutation::NoChain]);
    let (whole, _) = attest(&[]);
    let kept = prepared(&endorsements, NOW).unwrap();
    assert_eq!(refused(&kept.verify(&naked, NOW).unwrap_err()), Check::QuoteCertification);
    let admitted = kept.admit(&whole, NOW).unwrap();
    assert!(admitted.verify(&naked, NOW).is_ok());
    let start = whole.bytes().windows(5).position(|window| window == b"-----").unwrap();
    let mut parts = endorsements.as_tdx().unwrap().clone();
    parts.pck_chain = Some(support::pem(&support::certificates(&whole.bytes()[start..])));
    let endorsements = Endorsements::tdx(parts).unwrap();
    assert!(verify(&naked, &endorsements, &roots(), NOW).is_ok());
    assert!(prepared(&endorsements, NOW).unwrap().verify(&naked, NOW).is_ok());
}

#[test]
fn a_byte_more_inside_of_the_quote_than_its_sizes_say_is_refused() {
    let (evidence, endorsements) = attest(&[]);
    let bytes = evidence.bytes();
    let mut longer = [bytes, &[0]].concat();
    // The length of all signature data, with nothing inside that says what the byte is.
    let length = u32::from_le_bytes(longer[632..636].try_into().unwrap()) + 1;
    longer[632..636].copy_from_slice(&length.to_le_bytes());
    let longer = Evidence::new(Platform::SimulatedTdx, longer).unwrap();
    assert_eq!(refused(&verify(&longer, &endorsements, &roots(), NOW).unwrap_err()), Check::QuoteLength);
}
