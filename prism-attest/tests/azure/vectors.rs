//! Evidence of real machines in another project's forms, brought into ours.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use prism_attest::{AzureEvidence, AzureQuote};
use prism_core::manifest::platform::HexBytes;
use serde_json::Value;

/// Evidence of a machine, as the other project has it.
pub(crate) fn vector(name: &str) -> Option<Value> {
    file(&format!("real/trustee/deps__verifier__test_data__{name}.json"))
}

/// A JSON file of the vectors; says so when there is none.
pub(crate) fn file(name: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = root.join(name);
    let Ok(bytes) = std::fs::read(&file) else {
        println!("skipped: no test vector at {}", file.display());
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// Bytes that the other project writes as numbers, as hexadecimal or as base64.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(numbers) => numbers.iter().map(|number| u8::try_from(number.as_u64().unwrap()).unwrap()).collect(),
        Value::String(pem) if pem.starts_with("-----") => {
            let body: String = pem.lines().take_while(|line| !line.starts_with("-----END")).skip(1).collect();
            STANDARD.decode(body).unwrap()
        }
        other => {
            let text = other.as_str().unwrap();
            hex::decode(text).unwrap_or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap())
        }
    }
}

/// Either version of the other project's form: the first calls the report and the quote otherwise.
pub(crate) fn parts(value: &Value) -> AzureEvidence {
    let either = |one: &str, other: &str| if value[one].is_null() { value[other].clone() } else { value[one].clone() };
    let quote = either("tpm_quote", "quote");
    let registers =
        quote["pcrs"].as_array().unwrap().iter().map(|value| HexBytes::new(bytes(value).try_into().unwrap()));
    AzureEvidence {
        report_data: None,
        hcl_report: bytes(&either("hcl_report", "report")),
        quote: AzureQuote {
            message: bytes(&quote["message"]),
            signature: bytes(&quote["signature"]),
            registers: (0..).zip(registers).collect(),
        },
        td_quote: value.get("td_quote").map(bytes),
    }
}
