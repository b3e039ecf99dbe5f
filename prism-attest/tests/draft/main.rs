//! Policies drafted from genuine machines: what a draft accepts once a person has confirmed it, and what it never does.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test says why; a skipped one too")]

mod real;
mod snp;
mod tdx;

use prism_attest::binding::{AgentBinding, ReportData, SessionBinding};
use prism_attest::{
    Claims, Endorsements, Evidence, ExpectedBinding, PolicyDraft, Roots, Verdict, judge, policy_from, verify,
};
use prism_core::digest::Digest;
use prism_core::manifest::platform::{PlatformPolicy, PolicyDocument, PolicyError};
use serde_json::Value;

const NOW: u64 = 1_800_000_000;

fn report_data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2; 91], "log.key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    ReportData::compose(&session.leaf(), &agent)
}

type Machine = (Evidence, Endorsements);

fn genuine((evidence, endorsements): &Machine, root: Digest) -> Claims {
    verify(evidence, endorsements, &Roots::built_in().with_simulated(root), NOW).unwrap()
}

/// What a person does who answers for the draft as it is: reads the file, writes `true`.
fn confirm(draft: &PolicyDraft) -> PlatformPolicy {
    let text = draft.to_toml().unwrap();
    let refused = PolicyDocument::read(text.as_bytes()).unwrap().into_policy();
    assert!(matches!(refused, Err(PolicyError::Unconfirmed)));
    let confirmed = text.replacen("\nconfirmed = false\n", "\nconfirmed = true\n", 1);
    PolicyDocument::read(confirmed.as_bytes()).unwrap().into_policy().unwrap()
}

fn judged((evidence, endorsements): &Machine, policy: &PlatformPolicy) -> Verdict {
    judge(evidence, endorsements, policy, &ExpectedBinding::unbound(), NOW)
}

/// Every remark is a line of the file, above a field that is there; and every field of the profile has one, but for
/// weaknesses that the machine does not have.
fn check_remarks(claims: &Claims, profile: &[&str]) {
    let draft = policy_from(claims);
    let text = draft.to_toml().unwrap();
    assert_eq!(text.matches("# CONFIRM: ").count(), draft.remarks().len(), "{text}");
    let document = serde_json::to_value(draft.document()).unwrap();
    let body = profile.iter().fold(&document["accept"][0], |value, key| &value[key]);
    for field in body.as_object().unwrap().keys().filter(|field| *field != "allow") {
        let place = format!("accept[0].{}.{field}", profile.join("."));
        assert!(draft.remarks().contains_key(&place) || field == "require", "{place}");
    }
    let origin = &draft.remarks()["confirmed"];
    assert!(origin.contains(&claims.evidence().to_string()) && origin.contains("SIMULATED"), "{origin}");
}

fn allow(draft: &PolicyDraft, profile: &[&str]) -> Value {
    let document = serde_json::to_value(draft.document()).unwrap();
    profile.iter().fold(&document["accept"][0], |value, key| &value[key])["allow"].clone()
}
