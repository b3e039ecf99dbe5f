//! What the comparisons have in common.

use std::collections::BTreeMap;

use prism_attest::platform::simulated::Expectation;
use prism_attest::{AgentBinding, ReportData, SessionBinding};

/// Where their answer differs from ours, and why.
pub(crate) type Disagreement = (&'static str, Answer, &'static str);

/// What a verifier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepts,
    Refuses,
}

impl Answer {
    pub(crate) const fn of(accepted: bool) -> Self {
        if accepted { Self::Accepts } else { Self::Refuses }
    }

    pub(crate) fn expected(expectation: Expectation) -> Self {
        Self::of(expectation == Expectation::Accepted)
    }
}

/// Compares answers; both a difference that is not listed and one that is listed in vain are failures.
pub(crate) fn compare(answers: &[(String, Answer, Result<(), String>)], listed: &[Disagreement]) {
    let listed: BTreeMap<_, _> = listed.iter().map(|(case, theirs, reason)| (*case, (*theirs, *reason))).collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (case, ours, theirs) in answers {
        let answer = Answer::of(theirs.is_ok());
        match listed.get(case.as_str()) {
            Some((expected, reason)) => {
                seen += 1;
                if answer != *expected || answer == *ours {
                    wrong.push(format!("{case}: listed in vain, {reason}; ours {ours:?}, theirs {theirs:?}"));
                }
            }
            None if answer == *ours => {}
            None => wrong.push(format!("{case}: not listed; ours {ours:?}, theirs {theirs:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, listed.len(), "a case of the list is not there any more");
}

pub(crate) fn report_data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    ReportData::compose(&session.leaf(), &agent)
}
