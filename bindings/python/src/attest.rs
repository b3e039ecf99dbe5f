//! Evidence judged offline, without an agent.

use std::str::FromStr;

use prism_attest::{Case, Endorsements, Evidence, ExpectedBinding, Platform, Roots};
use prism_core::UnixSeconds;
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::PolicyDocument;
use pyo3::prelude::*;

use crate::fault::{fault, usage};

/// Judges what a machine signed: `(good, verdict as JSON, verdict as a card)`.
#[pyfunction]
#[pyo3(signature = (platform, evidence, endorsements, policy, now, report_data=None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(crate) fn judge(
    py: Python<'_>,
    platform: &str,
    evidence: Vec<u8>,
    endorsements: &[u8],
    policy: &[u8],
    now: UnixSeconds,
    report_data: Option<&str>,
) -> PyResult<(bool, String, String)> {
    let platform = Platform::from_str(platform).map_err(fault)?;
    let evidence = Evidence::new(platform, evidence).map_err(fault)?;
    let endorsements = Endorsements::read(endorsements).map_err(fault)?;
    let policy = PolicyDocument::read(policy).and_then(PolicyDocument::into_policy).map_err(fault)?;
    let expected = match report_data.map(HexBytes::<64>::from_str) {
        None => ExpectedBinding::unbound(),
        Some(Ok(data)) => ExpectedBinding::foreign(*data.as_bytes()),
        Some(Err(_)) => return Err(usage("expected report data of 128 hex digits, found another text")),
    };
    let case = Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now };
    let verdict = py.detach(|| case.judge_under(&Roots::built_in()));
    Ok((verdict.is_good(), verdict.to_json(), verdict.card().to_html()))
}
