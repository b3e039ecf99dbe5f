//! Every condition of a TDX policy refuses by itself what it is there to refuse.

use std::fs;
use std::path::Path;

use prism_attest::{Case, Check, Endorsements, Evidence, ExpectedBinding, Platform, Stage, Verdict};
use prism_core::manifest::platform::{Accept, HexBytes, TdxPolicy};

use crate::support;

const NOW: u64 = 1_780_272_000;

struct Machine {
    evidence: Evidence,
    endorsements: Endorsements,
    roots: prism_attest::Roots,
}

impl Machine {
    /// The machine of a public synthetic case.
    fn read(folder: &Path, case: &str) -> Self {
        let evidence = Evidence::new(Platform::Tdx, fs::read(folder.join(case).join("quote.bin")).unwrap()).unwrap();
        let endorsements = support::endorsements(&folder.join(case).join("collateral.json"));
        Self { evidence, endorsements, roots: support::synthetic_roots(folder) }
    }

    fn judge(&self, policy: TdxPolicy) -> Verdict {
        let Self { evidence, endorsements, roots } = self;
        let policy = support::accept(policy);
        Case { evidence, endorsements, policy: &policy, expected: &ExpectedBinding::unbound(), now: NOW }
            .judge_under(roots)
    }

    /// Asserts that a changed policy refuses the machine for exactly these conditions.
    fn refuses(&self, change: impl FnOnce(&mut TdxPolicy), checks: &[Check]) {
        let mut policy = support::open_policy();
        change(&mut policy);
        let verdict = self.judge(policy);
        let unmet: Vec<_> = verdict.findings().unmet().map(|finding| finding.check).collect();
        assert_eq!(unmet, checks, "{verdict}");
        assert!(!verdict.is_good());
    }

    /// Asserts that a changed policy accepts the machine.
    fn accepts(&self, change: impl FnOnce(&mut TdxPolicy)) {
        let mut policy = support::open_policy();
        change(&mut policy);
        let verdict = self.judge(policy);
        assert!(verdict.is_good(), "{verdict}");
    }
}

fn other<const N: usize>() -> Accept<HexBytes<N>> {
    Accept::only(HexBytes::new([0xee; N]))
}

#[test]
fn every_identity_is_compared() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let machine = Machine::read(&folder, "ok-v5");
    machine.accepts(|_| ());
    machine.refuses(|policy| policy.mrtd = other(), &[Check::MrTd]);
    machine.refuses(|policy| policy.rtmrs.rtmr0 = other(), &[Check::Rtmr0]);
    machine.refuses(|policy| policy.rtmrs.rtmr1 = other(), &[Check::Rtmr1]);
    machine.refuses(|policy| policy.rtmrs.rtmr2 = other(), &[Check::Rtmr2]);
    machine.refuses(|policy| policy.rtmrs.rtmr3 = other(), &[Check::Rtmr3]);
    machine.refuses(|policy| policy.mr_config_ids = other(), &[Check::MrConfigId]);
    machine.refuses(|policy| policy.mr_owners = other(), &[Check::MrOwner]);
    machine.refuses(|policy| policy.mr_owner_configs = other(), &[Check::MrOwnerConfig]);
    machine.refuses(|policy| policy.mr_seams = other(), &[Check::MrSeam]);
    machine.refuses(|policy| policy.mr_service_tds = other(), &[Check::MrServiceTd]);
    machine.refuses(|policy| policy.td_attributes = other(), &[Check::TdAttributes]);
    machine.refuses(|policy| policy.xfam = other(), &[Check::Xfam]);
    machine.refuses(|policy| policy.fmspcs = other(), &[Check::Fmspc]);
    machine.refuses(|policy| policy.ppids = other(), &[Check::Ppid]);
    machine.refuses(|policy| policy.platform_instance_ids = other(), &[Check::PlatformInstance]);
}

#[test]
fn what_the_machine_is_satisfies_a_policy_that_names_it() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let machine = Machine::read(&folder, "ok-v5");
    let Machine { evidence, endorsements, roots } = &machine;
    let claims = prism_attest::verify(evidence, endorsements, roots, NOW).unwrap();
    let tdx = claims.as_tdx().unwrap();
    machine.accepts(|policy| {
        policy.mrtd = Accept::only(tdx.mrtd());
        let [rtmr0, rtmr1, rtmr2, rtmr3] = *tdx.rtmrs();
        (policy.rtmrs.rtmr0, policy.rtmrs.rtmr1) = (Accept::only(rtmr0), Accept::only(rtmr1));
        (policy.rtmrs.rtmr2, policy.rtmrs.rtmr3) = (Accept::only(rtmr2), Accept::only(rtmr3));
        policy.mr_config_ids = Accept::only(tdx.mr_config_id());
        policy.mr_owners = Accept::only(tdx.mr_owner());
        policy.mr_owner_configs = Accept::only(tdx.mr_owner_config());
        policy.mr_seams = Accept::only(tdx.mr_seam());
        policy.mr_service_tds = Accept::only(tdx.mr_service_td().unwrap());
        policy.td_attributes = Accept::only(tdx.td_attributes());
        policy.xfam = Accept::only(tdx.xfam());
        policy.fmspcs = Accept::only(tdx.fmspc());
        policy.ppids = Accept::only(tdx.ppid());
        policy.platform_instance_ids = Accept::only(tdx.platform_instance_id().unwrap());
        policy.min_tee_tcb_svn = tdx.tee_tcb_svn();
        policy.min_qe_svn = tdx.qe_svn();
        policy.min_pce_svn = tdx.pce_svn();
        policy.min_tcb_evaluation_number = tdx.tcb().evaluation_number;
    });
}

#[test]
fn every_minimum_is_one_too_high_only_above() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let machine = Machine::read(&folder, "ok-v5");
    machine.refuses(|policy| policy.min_tcb_evaluation_number = 21, &[Check::EvaluationNumber]);
    machine.refuses(|policy| policy.min_qe_svn = 5, &[Check::MinQeSvn]);
    machine.refuses(|policy| policy.min_pce_svn = 12, &[Check::MinPceSvn]);
    for at in 0..16 {
        let mut least = [8, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        least[at] += 1;
        machine.refuses(|policy| policy.min_tee_tcb_svn = HexBytes::new(least), &[Check::MinTeeTcbSvn]);
    }
}

#[test]
fn platform_properties_are_refused_when_they_are_not_allowed() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let machine = Machine::read(&folder, "ok-v4");
    machine.refuses(|policy| policy.allow.dynamic_platform = false, &[Check::DynamicPlatform]);
    machine.refuses(|policy| policy.allow.cached_keys = false, &[Check::CachedKeys]);
    machine.refuses(|policy| policy.allow.smt = false, &[Check::PlatformSmt]);
    // Quotes of TDX 1.0 say nothing about service guests, which only "any" accepts.
    machine.refuses(|policy| policy.mr_service_tds = other(), &[Check::MrServiceTd]);
}

#[test]
fn weaknesses_are_refused_unless_they_are_allowed() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let debug = Machine::read(&folder, "n53-debug-td");
    debug.refuses(|_| (), &[Check::TdDebug]);
    debug.accepts(|policy| policy.allow.debug = true);
    let pks = Machine::read(&folder, "n57-pks");
    pks.refuses(|_| (), &[Check::Pks]);
    pks.accepts(|policy| policy.allow.pks = true);
}

#[test]
fn a_denied_advisory_is_refused_under_any_status() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let machine = Machine::read(&folder, "n23-qe-outofdate");
    let out_of_date = |policy: &mut TdxPolicy| {
        let both =
            [prism_core::manifest::platform::TdxStatus::UpToDate, prism_core::manifest::platform::TdxStatus::OutOfDate];
        policy.tcb_status = prism_core::manifest::platform::List::new(both.to_vec()).unwrap();
        policy.grace_days = 100_000;
    };
    machine.accepts(out_of_date);
    machine.refuses(
        |policy| {
            out_of_date(policy);
            policy.deny_advisories = ["INTEL-SA-00615".parse().unwrap()].into();
        },
        &[Check::Advisories],
    );
    machine.accepts(|policy| {
        out_of_date(policy);
        policy.deny_advisories = ["INTEL-SA-00616".parse().unwrap()].into();
    });
    assert_eq!((Check::Advisories.stage(), Check::TcbStatus.stage()), (Stage::Policy, Stage::Tcb));
}
