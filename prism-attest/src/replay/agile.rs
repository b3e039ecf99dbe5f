//! Records of a crypto-agile log, `TCG_PCR_EVENT2` (profile, section 10.2.2).

use super::event::Event;
use super::form::{Form, digest};
use super::header::Header;
use super::rest::Rest;
use super::{EventLogError, EventType};

/// The next event, or nothing at the log's end.
pub(super) fn record<'a>(
    header: Header<'a>,
    rest: &mut Rest<'a>,
    number: usize,
) -> Result<Option<Event<'a>>, EventLogError> {
    if at_end(rest.0) {
        return Ok(None);
    }
    let truncated = EventLogError::Truncated { event: number };
    let (register, kind) = rest.u32().zip(rest.u32()).ok_or(truncated.clone())?;
    let count = rest.u32().ok_or(truncated.clone())?;
    let digests = digests(header, rest, number, count)?;
    let data = rest.sized().ok_or(truncated)?;
    let (form, kind) = (Form::Agile(header), EventType::new(kind));
    Ok(Some(Event { number, register, kind, form, digests, data }))
}

/// Whether no byte follows, or only what fills the log's memory: the first bytes tell nearly always.
fn at_end(bytes: &[u8]) -> bool {
    matches!(bytes.first(), None | Some(0 | 0xff)) && bytes.windows(2).all(|pair| pair.first() == pair.last())
}

/// The bytes of so many digests.
fn digests<'a>(header: Header<'a>, rest: &mut Rest<'a>, event: usize, count: u32) -> Result<&'a [u8], EventLogError> {
    let (before, declared) = (rest.0, header.count());
    if count == 0 || usize::try_from(count).is_ok_and(|count| count > declared) {
        return Err(EventLogError::DigestCount { event, declared, found: count });
    }
    let form = Form::Agile(header);
    for position in 0..count {
        let mut peek = *rest;
        let algorithm = peek.u16().ok_or(EventLogError::Truncated { event })?;
        if header.digest_len(algorithm).is_none() {
            return Err(EventLogError::UndeclaredAlgorithm { event, algorithm });
        }
        let mut earlier = Rest(before);
        if (0..position).filter_map(|_| digest(form, &mut earlier)).any(|(other, _)| other == algorithm) {
            return Err(EventLogError::RepeatedAlgorithm { event, algorithm });
        }
        digest(form, rest).ok_or(EventLogError::Truncated { event })?;
    }
    before.get(..before.len() - rest.0.len()).ok_or(EventLogError::Truncated { event })
}
