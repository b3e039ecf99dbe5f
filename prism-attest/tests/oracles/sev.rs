//! What the `sev` crate says: signatures from the report to the root's own.

use prism_attest::SnpEndorsements;
use sev::certs::snp::{Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

/// Their answer.
pub(crate) fn ask(report: &[u8], parts: &SnpEndorsements) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let chain = Chain::from_der(&parts.ark, &parts.ask, &parts.vek).map_err(text)?;
    let report = AttestationReport::from_bytes(report).map_err(text)?;
    (&chain, &report).verify().map(drop).map_err(text)
}
