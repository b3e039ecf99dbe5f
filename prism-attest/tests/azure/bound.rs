//! What binds a machine on Azure to a channel is the nonce of its TPM's quote: whole, or as the digest of report data.

use prism_attest::binding::{Batch, BatchPath, BindingClaim, ExpectedManifest, LiveBinding};
use prism_attest::{AgentBinding, AzureEvidence, Check, ExpectedBinding, ReportData, SessionBinding, Stage};

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
    let empty = Draft { nonce: Vec::new(), ..Draft::default() };
    for expected in [ExpectedBinding::foreign_nonce(Vec::new()), ExpectedBinding::foreign([0; 64])] {
        assert_eq!(refused(&empty, &expected), Some(Check::BindingReportData));
    }
    let short = Draft { nonce: NONCE[..20].to_vec(), ..Draft::default() };
    assert_eq!(refused(&short, &ExpectedBinding::foreign(NONCE)), Some(Check::BindingReportData));
    let verdict = judge(&short.evidence(), policy(), &ExpectedBinding::foreign_nonce(NONCE[..20].to_vec()));
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

fn report_data() -> ReportData {
    ReportData::compose(&Batch::new(&[session().leaf()]).unwrap().root(), &agent())
}

/// Evidence as Prism's agent makes it: Azure's TPM takes 50 bytes, so it signs the digest of the report data.
fn digested() -> Draft {
    let parts = |parts: &mut AzureEvidence| parts.report_data = Some(*report_data().as_bytes());
    Draft { nonce: report_data().digest().as_bytes().to_vec(), parts, ..Draft::default() }
}

#[test]
fn a_tpm_that_quoted_the_digest_of_the_report_data_binds_them() {
    let verdict = judge(&digested().evidence(), policy(), &ExpectedBinding::live(live()));
    assert!(verdict.is_good(), "{verdict}");
    assert_eq!(verdict.into_trust().unwrap().summary().agent(), &agent());
    let elsewhere = LiveBinding { exporter: [9; 32], ..live() };
    assert_eq!(refused(&digested(), &ExpectedBinding::live(elsewhere)), Some(Check::BindingSession));
    let foreign = ExpectedBinding::foreign(*report_data().as_bytes());
    assert!(judge(&digested().evidence(), policy(), &foreign).is_good());
}

#[test]
fn report_data_whose_digest_the_tpm_did_not_quote_are_refused() {
    let nonces: [fn(&mut Vec<u8>); 4] = [
        |nonce| nonce[31] ^= 1,
        |nonce| nonce.truncate(31),
        |nonce| nonce.push(0),
        |nonce| *nonce = report_data().as_bytes().to_vec(),
    ];
    for change in nonces {
        let mut draft = digested();
        change(&mut draft.nonce);
        let verdict = judge(&draft.evidence(), policy(), &ExpectedBinding::live(live()));
        assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::TpmReportData), "{verdict}");
    }
    // Without the report data beside it, the digest is bound to nothing.
    let bare = Draft { parts: |_| {}, ..digested() };
    assert_eq!(refused(&bare, &ExpectedBinding::live(live())), Some(Check::BindingReportData));
}

#[test]
fn a_machine_whose_tpm_quoted_the_agent_s_binding_is_trusted_on_that_connection_only() {
    let draft = Draft { nonce: report_data().as_bytes().to_vec(), ..Draft::default() };
    let verdict = judge(&draft.evidence(), policy(), &ExpectedBinding::live(live()));
    assert!(verdict.is_good(), "{verdict}");
    let trust = verdict.into_trust().unwrap();
    assert_eq!(trust.summary().agent(), &agent());
    assert!(trust.summary().to_string().contains("on Azure, machine 26F8BC30"), "{}", trust.summary());

    let elsewhere = LiveBinding { exporter: [9; 32], ..live() };
    assert_eq!(refused(&draft, &ExpectedBinding::live(elsewhere)), Some(Check::BindingSession));
    assert!(judge(&draft.evidence(), policy(), &ExpectedBinding::recorded(agent().encode())).is_good());
}

#[test]
fn a_nonce_that_is_no_agent_s_binding_is_refused_where_one_is_expected() {
    let short = Draft { nonce: NONCE[..63].to_vec(), ..Draft::default() };
    for expected in [ExpectedBinding::live(live()), ExpectedBinding::recorded(agent().encode())] {
        assert_eq!(refused(&short, &expected), Some(Check::BindingReportData));
        assert!(judge(&short.evidence(), policy(), &expected).agent().is_none());
    }
}
