//! Records of a canonical log in its TLV encoding (TCG Canonical Event Log Format 1.0, sections 4 and 5), of what
//! firmware measured: records of Linux's IMA are refused.

use super::event::Event;
use super::form::{Form, digest};
use super::rest::Rest;
use super::{Bank, EventLogError, EventType};

/// Types of a record's four fields, in their order.
const NUMBER: u8 = 0;
const PCR: u8 = 1;
const DIGESTS: u8 = 3;
const PC_CLIENT: u8 = 5;

/// Types of the two fields of `PC_CLIENT`.
const EVENT_TYPE: u8 = 0;
const EVENT_DATA: u8 = 1;

/// Longest digest of any algorithm in the TCG registry.
const DIGEST_MAX: usize = 64;

/// Whether a log begins with a record's number, of four or eight bytes.
pub(super) const fn begins(bytes: &[u8]) -> bool {
    matches!(bytes, [NUMBER, 0, 0, 0, 4 | 8, ..])
}

/// The next event, or nothing at the log's end.
pub(super) fn record<'a>(rest: &mut Rest<'a>, event: usize) -> Result<Option<Event<'a>>, EventLogError> {
    if rest.0.is_empty() {
        return Ok(None);
    }
    let fault = |fault| EventLogError::Record { event, fault };
    number(field(rest, event, NUMBER)?).ok_or(fault("a record's number of an impossible length"))?;
    let register = number(field(rest, event, PCR)?).and_then(|register| u32::try_from(register).ok());
    let register = register.ok_or(fault("an impossible register"))?;
    let digests = field(rest, event, DIGESTS)?;
    check_digests(digests, event)?;
    let mut content = Rest(field(rest, event, PC_CLIENT)?);
    let kind = number(field(&mut content, event, EVENT_TYPE)?).and_then(|kind| u32::try_from(kind).ok());
    let kind = EventType::new(kind.ok_or(fault("an impossible type"))?);
    let data = field(&mut content, event, EVENT_DATA)?;
    if !content.0.is_empty() {
        return Err(fault("more than a type and data"));
    }
    Ok(Some(Event { number: event, register, kind, form: Form::Canonical, digests, data }))
}

/// The value of the next field, which has to be of this type.
fn field<'a>(rest: &mut Rest<'a>, event: usize, expected: u8) -> Result<&'a [u8], EventLogError> {
    let kind = rest.u8().ok_or(EventLogError::Truncated { event })?;
    if kind != expected {
        return Err(EventLogError::Record { event, fault: "another field" });
    }
    value(rest).ok_or(EventLogError::Truncated { event })
}

/// A length in big-endian and so many bytes.
pub(super) fn value<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.take()?);
    rest.bytes(usize::try_from(length).ok()?)
}

/// A number of one to eight bytes in big-endian.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// One digest or more, each algorithm once and each digest of its algorithm's length.
fn check_digests(bytes: &[u8], event: usize) -> Result<(), EventLogError> {
    let fault = |fault| EventLogError::Record { event, fault };
    let (mut rest, mut seen) = (Rest(bytes), [false; 256]);
    while !rest.0.is_empty() {
        let (algorithm, digest) = digest(Form::Canonical, &mut rest).ok_or(EventLogError::Truncated { event })?;
        let right = Bank::of(algorithm).is_none_or(|bank| bank.digest_len() == digest.len());
        if !right || digest.is_empty() || digest.len() > DIGEST_MAX {
            return Err(fault("a digest of an impossible length"));
        }
        let seen = seen.get_mut(usize::from(algorithm)).ok_or(fault("an impossible algorithm"))?;
        if std::mem::replace(seen, true) {
            return Err(EventLogError::RepeatedAlgorithm { event, algorithm });
        }
    }
    if seen.contains(&true) { Ok(()) } else { Err(fault("no digests")) }
}
