//! Azure's evidence: nothing made up is genuine, and what is read is written alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::{AzureEvidence, AzureQuote, Endorsements, Evidence, Platform, Roots, SnpEndorsements, verify};

const NOW: u64 = 1_700_000_000;

fuzz_target!(|data: &[u8]| {
    if let Ok(parts) = AzureEvidence::read(data) {
        assert_eq!(AzureEvidence::read(&parts.to_json()).ok(), Some(parts), "the container reads back");
    }
    judge(data.to_vec());
    // The same bytes as the parts of a well-formed container, so that they reach the layouts inside.
    let (hcl_report, rest) = data.split_at(data.len().min(2600));
    let (message, signature) = rest.split_at(rest.len().min(122));
    let quote = AzureQuote { message: message.to_vec(), signature: signature.to_vec(), registers: [].into() };
    judge(AzureEvidence { report_data: None, hcl_report: hcl_report.to_vec(), quote, td_quote: None }.to_json());
});

fn judge(bytes: Vec<u8>) {
    let parts = SnpEndorsements { vek: vec![0x30], ask: vec![0x30], ark: vec![0x30], crl: None };
    let Ok(endorsements) = Endorsements::snp(parts) else { return };
    let Ok(evidence) = Evidence::new(Platform::AzureSnp, bytes) else { return };
    assert!(verify(&evidence, &endorsements, &Roots::built_in(), NOW).is_err(), "nobody guesses a signature");
}
