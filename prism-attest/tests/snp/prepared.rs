//! Endorsements that were verified once: the same verdicts as from the beginning, and nothing outlives its dates.

use std::thread;

use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedMachine, SimulatedVendor};
use prism_attest::{Check, Evidence, ExpectedBinding, Platform, Prepared, Roots, VerifyError, verify};

use crate::simulated::{NOW, report_data, vendor};

fn roots(vendor: &SimulatedVendor) -> Roots {
    Roots::built_in().with_simulated(vendor.root_digest())
}

fn refused(error: &VerifyError) -> Check {
    error.findings().last().unwrap().check
}

#[test]
fn a_prepared_verification_says_what_a_whole_one_says() {
    let vendor = vendor();
    for mutation in Mutation::NAMED {
        let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::new(vec![*mutation])).unwrap();
        let whole = verify(&evidence, &endorsements, &roots(vendor), NOW);
        let prepared = Prepared::new(Platform::Simulated, &endorsements, &roots(vendor), NOW);
        let again = prepared.and_then(|prepared| prepared.verify(&evidence, NOW));
        match (whole, again) {
            (Ok(whole), Ok(again)) => assert_eq!(whole, again, "{mutation}"),
            (Err(whole), Err(again)) => assert_eq!(refused(&whole), refused(&again), "{mutation}"),
            (whole, again) => panic!("{mutation}: {whole:?} but {again:?}"),
        }
    }
}

#[test]
fn prepared_endorsements_do_not_outlive_their_dates() {
    let vendor = vendor();
    let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::none()).unwrap();
    let prepared = Prepared::new(Platform::Simulated, &endorsements, &roots(vendor), NOW).unwrap();
    let window = prepared.window();
    assert!(
        prepared.verify(&evidence, window.not_before).is_ok() && prepared.verify(&evidence, window.not_after).is_ok()
    );
    for outside in [window.not_before - 1, window.not_after + 1] {
        let check = refused(&prepared.verify(&evidence, outside).unwrap_err());
        assert!(matches!(check, Check::CertificateDates | Check::CrlDates), "{check}");
        assert!(verify(&evidence, &endorsements, &roots(vendor), outside).is_err());
    }
}

#[test]
fn endorsements_that_have_ended_are_not_prepared() {
    for (mutation, check) in [
        (Mutation::Expired, Check::CertificateDates),
        (Mutation::AskExpired, Check::CertificateDates),
        (Mutation::NotYetValid, Check::CertificateDates),
        (Mutation::CrlExpired, Check::CrlDates),
        (Mutation::CrlFuture, Check::CrlDates),
    ] {
        let (_, endorsements) = vendor().attest(&report_data(), &Mutations::new(vec![mutation])).unwrap();
        let error = Prepared::new(Platform::Simulated, &endorsements, &roots(vendor()), NOW).unwrap_err();
        assert_eq!(refused(&error), check, "{mutation}");
    }
}

#[test]
fn a_prepared_list_that_has_ended_since_is_refused() {
    let vendor = vendor();
    let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::new(vec![Mutation::CrlExpired])).unwrap();
    let yesterday = NOW - 24 * 60 * 60;
    let prepared = Prepared::new(Platform::Simulated, &endorsements, &roots(vendor), yesterday).unwrap();
    assert!(prepared.verify(&evidence, yesterday).is_ok());
    assert_eq!(refused(&prepared.verify(&evidence, yesterday + 1).unwrap_err()), Check::CrlDates);
}

#[test]
fn prepared_endorsements_are_of_one_machine_and_one_platform() {
    let vendor = vendor();
    let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::none()).unwrap();
    let prepared = Prepared::new(Platform::Simulated, &endorsements, &roots(vendor), NOW).unwrap();
    let renamed = Evidence::new(Platform::Snp, evidence.bytes().to_vec()).unwrap();
    assert_eq!(refused(&prepared.verify(&renamed, NOW).unwrap_err()), Check::EndorsementsKind);
    let (milan, _) = vendor.attest(&report_data(), &Mutations::new(vec![Mutation::Milan])).unwrap();
    assert_eq!(refused(&prepared.verify(&milan, NOW).unwrap_err()), Check::VekProduct);
    let (provider, _) = vendor.attest(&report_data(), &Mutations::new(vec![Mutation::Vlek])).unwrap();
    assert_eq!(refused(&prepared.verify(&provider, NOW).unwrap_err()), Check::VekKind);
    let foreign = Prepared::new(Platform::Snp, &endorsements, &roots(vendor), NOW).unwrap_err();
    assert_eq!(refused(&foreign), Check::Root);
}

#[test]
fn threads_share_prepared_endorsements() {
    let vendor = vendor();
    let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::none()).unwrap();
    let prepared = Prepared::new(Platform::Simulated, &endorsements, &roots(vendor), NOW).unwrap();
    let policy = vendor.policy_for(&SimulatedMachine::default());
    let verdicts = thread::scope(|scope| {
        let look = || prepared.judge(&evidence, &policy, &ExpectedBinding::unbound(), NOW);
        [scope.spawn(look), scope.spawn(look)].map(|thread| thread.join().unwrap())
    });
    for verdict in verdicts {
        assert!(verdict.is_good() && verdict.is_simulated(), "{verdict}");
        assert!(verdict.findings().iter().any(|finding| finding.check == Check::AskSignature), "{verdict}");
    }
}
