//! Real quotes of real machines, each at its time, and refused one second outside.

use std::fs;
use std::path::Path;

use prism_attest::{Assurance, Case, VerifyError, Window, verify};
use prism_attest::{Check, Claims, Endorsements, Evidence, ExpectedBinding, Platform, Prepared, Roots, Stage, Verdict};
use prism_core::manifest::platform::{List, TdxPolicy, TdxStatus};

use crate::support;

/// An up-to-date machine of July 2025, and the moment at which it was seen.
const UP_TO_DATE: (&str, &str) = ("dcap-qvl/tdx_quote", "dcap-qvl/tdx_quote_collateral.json");
pub(crate) const UP_TO_DATE_AT: u64 = 1_751_624_191;

/// A machine whose platform is out of date under a module that is not.
const CONVERGED: (&str, &str) = ("dcap-rs/data__quote_tdx_00806f050000.dat", "derived/dcaprs2.json");
const CONVERGED_AT: u64 = 1_740_714_290;

pub(crate) fn up_to_date(folder: &Path) -> (Evidence, Endorsements) {
    read(folder, UP_TO_DATE)
}

fn read(folder: &Path, (quote, collateral): (&str, &str)) -> (Evidence, Endorsements) {
    let quote = fs::read(folder.join(quote)).unwrap();
    (Evidence::new(Platform::Tdx, quote).unwrap(), support::endorsements(&folder.join(collateral)))
}

fn judge((evidence, endorsements): &(Evidence, Endorsements), policy: TdxPolicy, now: u64) -> Verdict {
    let policy = support::accept(policy);
    Case { evidence, endorsements, policy: &policy, expected: &ExpectedBinding::unbound(), now }
        .judge_under(&Roots::built_in())
}

fn genuine((evidence, endorsements): &(Evidence, Endorsements), now: u64) -> Result<Claims, VerifyError> {
    verify(evidence, endorsements, &Roots::built_in(), now)
}

fn refused(result: Result<Claims, VerifyError>) -> Check {
    result.unwrap_err().findings().last().unwrap().check
}

fn pks_allowed() -> TdxPolicy {
    let mut policy = support::open_policy();
    policy.allow.pks = true;
    policy
}

#[test]
fn an_up_to_date_machine_is_accepted_within_its_window_and_not_a_second_outside() {
    let Some(folder) = support::vectors("real") else { return };
    let machine = up_to_date(&folder);
    let claims = genuine(&machine, UP_TO_DATE_AT).unwrap();
    assert_eq!(claims.assurance(), Assurance::Hardware);
    assert_eq!(claims.window(), Window::new(1_750_329_147, 1_752_919_235));
    let tdx = claims.as_tdx().unwrap();
    assert_eq!(tdx.tcb().status, TdxStatus::UpToDate);
    assert_eq!(tdx.fmspc().to_string(), "b0c06f000000");
    assert_eq!((tdx.quote_version(), tdx.tcb().evaluation_number), (4, 17));
    for now in [1_750_329_147, UP_TO_DATE_AT, 1_752_919_235] {
        let verdict = judge(&machine, pks_allowed(), now);
        assert!(verdict.is_good(), "{verdict}");
    }
    for now in [0, 1_750_329_146, 1_752_919_236, u64::MAX] {
        let verdict = judge(&machine, pks_allowed(), now);
        assert!(!verdict.is_good(), "{verdict}");
    }
}

#[test]
fn prepared_endorsements_end_with_their_window() {
    let Some(folder) = support::vectors("real") else { return };
    let (evidence, endorsements) = up_to_date(&folder);
    let prepared = Prepared::new(Platform::Tdx, &endorsements, &Roots::built_in(), UP_TO_DATE_AT).unwrap();
    for prepared in [prepared.admit(&evidence, UP_TO_DATE_AT).unwrap(), prepared] {
        for now in [1_750_329_147, 1_752_919_235] {
            assert_eq!(
                prepared.verify(&evidence, now).unwrap(),
                verify(&evidence, &endorsements, &Roots::built_in(), now).unwrap()
            );
        }
        for now in [1_750_329_146, 1_752_919_236] {
            let check = refused(prepared.verify(&evidence, now));
            assert!(matches!(check, Check::CrlDates | Check::TcbInfoDates | Check::QeIdentityDates), "{check}");
        }
    }
}

#[test]
fn the_status_of_module_and_platform_converges() {
    let Some(folder) = support::vectors("real") else { return };
    let machine = read(&folder, CONVERGED);
    let claims = genuine(&machine, CONVERGED_AT).unwrap();
    let tcb = claims.as_tdx().unwrap().tcb();
    assert_eq!(tcb.status, TdxStatus::OutOfDate);
    assert_eq!(tcb.platform.status, TdxStatus::OutOfDate);
    assert_eq!(tcb.module.unwrap().status, TdxStatus::UpToDate);
    assert!(!tcb.advisories.is_empty());
    let verdict = judge(&machine, pks_allowed(), CONVERGED_AT);
    assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::TcbStatus), "{verdict}");
    let window = claims.window();
    assert!(genuine(&machine, window.not_before).is_ok() && genuine(&machine, window.not_after).is_ok());
    assert!(genuine(&machine, window.not_before - 1).is_err() && genuine(&machine, window.not_after + 1).is_err());
}

#[test]
fn grace_days_end_on_their_day() {
    let Some(folder) = support::vectors("real") else { return };
    let machine = read(&folder, CONVERGED);
    let since = genuine(&machine, CONVERGED_AT).unwrap().as_tdx().unwrap().tcb().out_of_date_since().unwrap();
    let mut policy = pks_allowed();
    policy.tcb_status = List::new(vec![TdxStatus::UpToDate, TdxStatus::OutOfDate]).unwrap();
    let days = u32::try_from((CONVERGED_AT - since) / 86_400).unwrap();
    for (grace_days, good) in [(days + 1, true), (days, false), (0, false)] {
        policy.grace_days = grace_days;
        let verdict = judge(&machine, policy.clone(), CONVERGED_AT);
        assert_eq!(verdict.is_good(), good, "{verdict}");
        assert!(good || verdict.refusal().map(|finding| finding.check) == Some(Check::TcbGrace), "{verdict}");
    }
}

#[test]
fn tcb_info_of_another_kind_of_platform_is_refused() {
    let Some(folder) = support::vectors("real") else { return };
    let machine = read(&folder, (CONVERGED.0, "derived/dcaprs.json"));
    assert_eq!(refused(genuine(&machine, CONVERGED_AT)), Check::TcbInfoPlatform);
}

#[test]
fn a_machine_below_every_level_is_refused() {
    let Some(folder) = support::vectors("real") else { return };
    let v5 = ("dcap-qvl/tdx_quote_outdated", "dcap-qvl/tdx_quote_outdated_collateral.json");
    assert_eq!(refused(genuine(&read(&folder, v5), 1_772_707_803)), Check::TcbPlatformLevel);
}

#[test]
fn a_quote_that_goes_on_after_its_end_is_refused_and_without_that_for_its_level() {
    let Some(folder) = support::vectors("real") else { return };
    let old = ("go-tdx-guest/testing__testdata__tdx_prod_quote_SPR_E4.dat", "derived/gtg_50806f.json");
    let (evidence, endorsements) = read(&folder, old);
    let now = 1_688_169_600;
    assert_eq!(refused(verify(&evidence, &endorsements, &Roots::built_in(), now)), Check::QuoteTrailing);
    let whole = Evidence::new(Platform::Tdx, evidence.bytes()[..4935].to_vec()).unwrap();
    assert_eq!(refused(verify(&whole, &endorsements, &Roots::built_in(), now)), Check::TcbPlatformLevel);
}

#[test]
fn an_enclaves_quote_is_no_trust_domains() {
    let Some(folder) = support::vectors("real") else { return };
    let sgx = read(&folder, ("dcap-qvl/sgx_quote", "dcap-qvl/sgx_quote_collateral.json"));
    assert_eq!(refused(genuine(&sgx, UP_TO_DATE_AT)), Check::QuoteVersion);
    assert_eq!(Check::QuoteVersion.stage(), Stage::Format);
}
