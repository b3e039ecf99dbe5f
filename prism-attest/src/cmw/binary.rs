//! Wrappers in CBOR.

use super::{COLLECTION_TYPE, CmwError, IND_EVIDENCE, Labels, Record, RecordType, Walk, media_type};
use crate::cbor::{Item, Reader, Value};
use crate::evidence::Evidence;

/// The tag of content format 0 (RFC 9277, section 4.3); those of others follow it.
const FIRST_TAG: u64 = 1_668_546_817;
const LAST_TAG: u64 = 1_668_612_095;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Record>, CmwError> {
    let (mut reader, mut walk) = (Reader::new(bytes), Walk::default());
    wrapper(&mut reader, &mut walk)?;
    if reader.is_empty() { Ok(walk.records) } else { Err(CmwError::Malformed) }
}

pub(super) fn write(evidence: &Evidence) -> Vec<u8> {
    let indicator = Value::Int(IND_EVIDENCE.cast_signed());
    let value = Value::Bytes(evidence.bytes().to_vec());
    Value::Array(vec![Value::Text(media_type(evidence.platform())), value, indicator]).encode()
}

fn wrapper(reader: &mut Reader, walk: &mut Walk) -> Result<(), CmwError> {
    walk.enter()?;
    match reader.item().ok_or(CmwError::Malformed)? {
        Item::Array(parts @ 2..=3) => record(reader, parts == 3, walk),
        Item::Map(pairs) => collection(reader, pairs, walk),
        Item::Tag(tag @ FIRST_TAG..=LAST_TAG) => {
            let value = reader.bytes().ok_or(CmwError::Malformed)?;
            walk.record(content_format(tag - FIRST_TAG)?, value.to_vec(), None)
        }
        _ => Err(CmwError::Malformed),
    }
}

fn record(reader: &mut Reader, indicated: bool, walk: &mut Walk) -> Result<(), CmwError> {
    let kind = match reader.item().ok_or(CmwError::Malformed)? {
        Item::Uint(number) => content_format(number)?,
        Item::Text(kind) => RecordType::Media(kind.to_owned()),
        _ => return Err(CmwError::Malformed),
    };
    let value = reader.bytes().ok_or(CmwError::Malformed)?;
    let indicator = if indicated { Some(reader.uint().ok_or(CmwError::Malformed)?) } else { None };
    walk.record(kind, value.to_vec(), indicator)
}

fn collection(reader: &mut Reader, pairs: u64, walk: &mut Walk) -> Result<(), CmwError> {
    let (mut labels, mut entries) = (Labels::default(), 0);
    for _ in 0..pairs {
        let label = match reader.item().ok_or(CmwError::Malformed)? {
            Item::Text(COLLECTION_TYPE) => {
                labels.add(COLLECTION_TYPE)?;
                reader.text().ok_or(CmwError::Malformed)?;
                continue;
            }
            Item::Text(label) => format!("{label:?}"),
            Item::Uint(label) => label.to_string(),
            Item::Negative(label) => format!("-{}", u128::from(label) + 1),
            _ => return Err(CmwError::Malformed),
        };
        labels.add(&label)?;
        entries += 1;
        walk.labels.push(label.trim_matches('"').to_owned());
        wrapper(reader, walk)?;
        walk.labels.pop();
    }
    if entries == 0 { Err(CmwError::Malformed) } else { Ok(()) }
}

fn content_format(number: u64) -> Result<RecordType, CmwError> {
    u16::try_from(number).map(RecordType::ContentFormat).map_err(|_| CmwError::Malformed)
}
