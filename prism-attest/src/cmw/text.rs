//! Wrappers in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_core::strict;
use serde_json::{Value, json};

use super::{CMW_MAX, COLLECTION_TYPE, CmwError, IND_EVIDENCE, Record, RecordType, Walk, media_type};
use crate::evidence::Evidence;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Record>, CmwError> {
    // Duplicate labels, trailing bytes and floats end here.
    let document: Value = strict::read(bytes, CMW_MAX).map_err(|_| CmwError::Malformed)?;
    let mut walk = Walk::default();
    wrapper(&document, &mut walk)?;
    Ok(walk.records)
}

pub(super) fn write(evidence: &Evidence) -> String {
    json!([media_type(evidence.platform()), URL_SAFE_NO_PAD.encode(evidence.bytes()), IND_EVIDENCE]).to_string()
}

fn wrapper(value: &Value, walk: &mut Walk) -> Result<(), CmwError> {
    walk.enter()?;
    match value {
        Value::Array(parts) => record(parts, walk),
        Value::Object(entries) if entries.keys().any(|label| label != COLLECTION_TYPE) => {
            for (label, entry) in entries {
                if label == COLLECTION_TYPE {
                    entry.as_str().ok_or(CmwError::Malformed)?;
                    continue;
                }
                walk.labels.push(label.clone());
                wrapper(entry, walk)?;
                walk.labels.pop();
            }
            Ok(())
        }
        _ => Err(CmwError::Malformed),
    }
}

fn record(parts: &[Value], walk: &mut Walk) -> Result<(), CmwError> {
    let (kind, value, indicator) = match parts {
        [kind, value] => (kind, value, None),
        [kind, value, indicator] => (kind, value, Some(indicator.as_u64().ok_or(CmwError::Malformed)?)),
        _ => return Err(CmwError::Malformed),
    };
    let (Value::String(kind), Value::String(value)) = (kind, value) else { return Err(CmwError::Malformed) };
    let value = URL_SAFE_NO_PAD.decode(value).map_err(|_| CmwError::Malformed)?;
    walk.record(RecordType::Media(kind.clone()), value, indicator)
}
