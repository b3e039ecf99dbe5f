//! What binds a machine on Azure to a channel is the nonce of its TPM's quote, whole, or what it is the digest of.

use prism_attest::binding::{Batch, BatchPath, BindingClaim, ExpectedManifest, LiveBinding};
use prism_attest::{AgentBinding, Check, ExpectedBinding, ReportData, SessionBinding, Stage};

use crate::machine::{Draft, NONCE, judge, policy};

fn refused(draft: &Draft, expected: &ExpectedBinding) -> Option<Check> {
    let verdict = judge(&draft.evidence(), policy(), expected);
    assert!(!verdict.is_good() && verdict.claims().is_some(), "{verdict}");
    verdict.refusal().map(|finding| finding.check)
}

#[test]
fn a_nonce_is_compared_whole_and_an_empty_one_never_equals() {
    let longer = [&NONCE[..], &[0]].concat();
    for expected in [&[7; 64][..], &NONCE[..63], &NONCE[..32], &longer, &[]] {
        let expected = ExpectedBinding::foreign_nonce(expected.to_vec());
        assert_eq!(refused(&Draft::default(), &expected), Some(Check::BindingReportData));
    }
    let empty = Draft { nonce: Vec::new(), beside: None, ..Draft::default() };
    for expected in [ExpectedBinding::foreign_nonce(Vec::new()), ExpectedBinding::foreign([0; 64])] {
        assert_eq!(refused(&empty, &expected), Some(Check::BindingReportData));
    }
    let short = Draft { nonce: NONCE[..20].to_vec(), beside: None, ..Draft::default() };
    assert_eq!(refused(&short, &ExpectedBinding::foreign(NONCE)), Some(Check::BindingReportData));
    let verdict = judge(&short.evidence(), policy(), &ExpectedBinding::foreign_nonce(NONCE[..20].to_vec()));
    assert!(verdict.is_good(), "{verdict}");
    let longest = Draft { nonce: vec![0x4e; 66], beside: None, ..Draft::default() };
    let verdict = judge(&longest.evidence(), policy(), &ExpectedBinding::foreign_nonce(vec![0x4e; 66]));
    assert!(verdict.is_good(), "{verdict}");
    assert_eq!(Check::BindingReportData.stage(), Stage::Binding);
}

fn agent() -> AgentBinding {
    AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap()
}

fn session() -> SessionBinding {
    SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] }
}

fn live() -> LiveBinding {
    LiveBinding {
        tls_spki: agent().tls_spki().to_vec(),
        manifest: ExpectedManifest::NoneYet,
        exporter: session().exporter,
        client_nonce: session().client_nonce,
        claim: BindingClaim { agent: agent().encode(), agent_nonce: session().agent_nonce, path: BatchPath::alone() },
    }
}

#[test]
fn a_machine_whose_tpm_quoted_the_agent_s_binding_is_trusted_on_that_connection_only() {
    let report_data = ReportData::compose(&Batch::new(&[session().leaf()]).unwrap().root(), &agent());
    let nonce = report_data.digest().as_bytes().to_vec();
    let draft = Draft { nonce, beside: Some(*report_data.as_bytes()), ..Draft::default() };
    let verdict = judge(&draft.evidence(), policy(), &ExpectedBinding::live(live()));
    assert!(verdict.is_good(), "{verdict}");
    let (named, window) = (verdict.agent().cloned(), verdict.window());
    let trust = verdict.into_trust().unwrap();
    assert_eq!((trust.summary().agent(), named), (&agent(), Some(agent())));
    assert_eq!((Some(trust.summary().window()), trust.summary().is_simulated()), (window, false));
    assert!(trust.summary().to_string().contains("on Azure, machine 26F8BC30"), "{}", trust.summary());

    let alone = Draft { nonce: report_data.as_bytes().to_vec(), beside: None, ..Draft::default() };
    assert!(judge(&alone.evidence(), policy(), &ExpectedBinding::live(live())).is_good());
    let digest = Draft { nonce: report_data.digest().as_bytes().to_vec(), beside: None, ..Draft::default() };
    assert_eq!(refused(&digest, &ExpectedBinding::live(live())), Some(Check::BindingReportData));

    let elsewhere = LiveBinding { exporter: [9; 32], ..live() };
    assert_eq!(refused(&draft, &ExpectedBinding::live(elsewhere)), Some(Check::BindingSession));
    assert!(judge(&draft.evidence(), policy(), &ExpectedBinding::recorded(agent().encode())).is_good());
}

#[test]
fn a_nonce_that_is_no_agent_s_binding_is_refused_where_one_is_expected() {
    let short = Draft { nonce: NONCE[..63].to_vec(), beside: None, ..Draft::default() };
    for expected in [ExpectedBinding::live(live()), ExpectedBinding::recorded(agent().encode())] {
        assert_eq!(refused(&short, &expected), Some(Check::BindingReportData));
        assert!(judge(&short.evidence(), policy(), &expected).agent().is_none());
    }
}
