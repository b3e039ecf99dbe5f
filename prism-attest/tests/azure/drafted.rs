//! Policies drafted from machines on Azure.

use prism_attest::{Check, ExpectedBinding, PolicyDraft, Roots, policy_from, verify};
use prism_core::manifest::platform::{
    Accept, AzureSnpPolicy, HexBytes, List, PcrIndex, PlatformPolicy, PolicyDocument, Profile, Revocation, TdxStatus,
};

use crate::amd::NOW;
use crate::machine::{Draft, NONCE, digest, judge, processor, roots};
use crate::tdx;

fn drafted(machine: &Draft) -> PolicyDraft {
    policy_from(&verify(&machine.evidence(), processor().endorsements(), &roots(), NOW).unwrap())
}

/// What a person does who answers for the draft as it is: reads the file, writes `true`.
fn confirm(draft: &PolicyDraft) -> Profile {
    let text = draft.to_toml().unwrap().replacen("\nconfirmed = false\n", "\nconfirmed = true\n", 1);
    let PlatformPolicy { accept, .. } = PolicyDocument::read(text.as_bytes()).unwrap().into_policy().unwrap();
    accept[0].clone()
}

/// The same; and the laboratory has no revocation list.
fn policy(machine: &Draft) -> AzureSnpPolicy {
    let Profile::AzureSnp(mut policy) = confirm(&drafted(machine)) else {
        unreachable!("it is drafted from azure-snp")
    };
    policy.snp.revocation = Revocation::IfPresent;
    policy
}

fn unmet(machine: &Draft, policy: &AzureSnpPolicy) -> Vec<Check> {
    let verdict = judge(&machine.evidence(), policy.clone(), &ExpectedBinding::foreign(NONCE));
    verdict.findings().unmet().map(|finding| finding.check).collect()
}

#[test]
fn a_confirmed_draft_accepts_the_machine_that_it_was_made_from_and_no_other() {
    let policy = policy(&Draft::default());
    assert_eq!(unmet(&Draft::default(), &policy), []);
    let mut other = Draft::default();
    other.registers.insert(11, HexBytes::new([0; 32]));
    other.digest = digest(other.registers.values());
    assert_eq!(unmet(&other, &policy), [Check::Pcr]);
    let moved = |claims: &str| claims.replace("26F8BC30", "26F8BC31");
    let elsewhere = Draft { claims: moved(&Draft::default().claims), ..Draft::default() };
    assert_eq!(unmet(&elsewhere, &policy), [Check::VmId]);
}

#[test]
fn every_field_of_a_draft_says_what_a_person_has_to_look_at() {
    let draft = drafted(&Draft::default());
    let document = serde_json::to_value(draft.document()).unwrap();
    let profile = &document["accept"][0]["azure-snp"];
    for part in ["snp", "vtpm"] {
        for field in
            profile[part].as_object().unwrap().keys().filter(|field| !["allow", "require"].contains(&&***field))
        {
            let place = format!("accept[0].azure-snp.{part}.{field}");
            assert!(draft.remarks().contains_key(&place), "{place}");
        }
    }
    assert!(draft.remarks()["confirmed"].contains("UNDER A ROOT THAT IS NOT THE VENDOR'S"));
    assert_eq!(draft.to_toml().unwrap().matches("# CONFIRM: ").count(), draft.remarks().len());
}

#[test]
fn a_draft_from_a_machine_without_protection_says_so_and_refuses_it() {
    let claims = Draft::default().claims.replace(r#""secure-boot":true"#, r#""secure-boot":false"#);
    for (machine, lacks, check) in [
        (Draft { claims, ..Draft::default() }, "LACKS secure boot:", Check::SecureBoot),
        (Draft { safe: 0, ..Draft::default() }, "LACKS a safe clock:", Check::SafeClock),
    ] {
        let draft = drafted(&machine);
        let remark = &draft.remarks()["accept[0].azure-snp.vtpm.require"];
        assert!(remark.contains(lacks), "{remark}");
        assert_eq!(unmet(&machine, &policy(&machine)), [check]);
    }
    assert!(!drafted(&Draft::default()).remarks().contains_key("accept[0].azure-snp.vtpm.require"));
}

#[test]
fn a_draft_from_a_real_tdx_machine_refuses_what_the_machine_lacks_until_a_person_accepts_it() {
    let Some(machine) = tdx::machine() else { return };
    let claims = verify(&machine.evidence(), &machine.endorsements, &Roots::built_in(), tdx::NOW).unwrap();
    let draft = policy_from(&claims);
    let said = |field: &str| draft.remarks()[&format!("accept[0].azure-tdx.tdx.{field}")].clone();
    assert!(said("tcb_status").contains("THE MACHINE IS OutOfDate"), "{}", said("tcb_status"));
    assert!(said("require").contains("THE MACHINE LACKS THIS"), "{}", said("require"));
    let Profile::AzureTdx(mut policy) = confirm(&draft) else { unreachable!("it is drafted from azure-tdx") };
    let unmet = |policy: &_| {
        let verdict = machine.judge(Clone::clone(policy), tdx::NONCE);
        verdict.findings().unmet().map(|finding| finding.check).collect::<Vec<_>>()
    };
    let mut found = unmet(&policy);
    found.sort_by_key(|check| check.as_str());
    assert_eq!(found, [Check::SeptVeDisable, Check::TcbGrace, Check::TcbStatus]);
    policy.tdx.tcb_status = List::only(TdxStatus::OutOfDate);
    policy.tdx.grace_days = 3_650;
    policy.tdx.require.sept_ve_disable = false;
    assert_eq!(unmet(&policy), []);
    policy.vtpm.pcrs.insert(PcrIndex::try_from(9).unwrap(), Accept::only(HexBytes::new([9; 32])));
    assert_eq!(unmet(&policy), [Check::Pcr]);
}
