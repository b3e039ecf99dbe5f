use std::iter::FusedIterator;

use super::header::Header;
use super::rest::Rest;
use super::{Bank, EventLogError, EventType};

/// One record, `TCG_PCR_EVENT2` (profile, section 10.2.2): what it says, borrowed from the log.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    number: usize,
    register: u32,
    kind: EventType,
    header: Header<'a>,
    digests: &'a [u8],
    data: &'a [u8],
}

impl<'a> Event<'a> {
    /// Its place in the log, counted from 1 behind the header.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The register as the log numbers it: a PCR, or in a CCEL 0 for MRTD and 1 to 4 for RTMR0 to RTMR3.
    #[must_use]
    pub const fn register(&self) -> u32 {
        self.register
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> EventType {
        self.kind
    }

    /// What it tells about what was measured.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The digest that a register of this bank was extended with.
    #[must_use]
    pub fn digest(&self, bank: Bank) -> Option<&'a [u8]> {
        self.digests().find(|(algorithm, _)| *algorithm == bank.algorithm()).map(|(_, digest)| digest)
    }

    /// Every digest with its `TPM_ALG_ID`.
    pub fn digests(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let (mut rest, header) = (Rest(self.digests), self.header);
        std::iter::from_fn(move || digest(&mut rest, &header))
    }
}

fn digest<'a>(rest: &mut Rest<'a>, header: &Header<'_>) -> Option<(u16, &'a [u8])> {
    let algorithm = rest.u16()?;
    Some((algorithm, rest.bytes(header.digest_len(algorithm)?)?))
}

/// The events of a log, one after the other.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    header: Header<'a>,
    rest: Rest<'a>,
    number: usize,
}

impl<'a> Events<'a> {
    pub(super) const fn of(header: Header<'a>, records: &'a [u8]) -> Self {
        Self { header, rest: Rest(records), number: 0 }
    }

    /// The next event, or nothing at the log's end.
    pub(super) fn advance(&mut self) -> Result<Option<Event<'a>>, EventLogError> {
        if self.at_end() {
            return Ok(None);
        }
        self.number += 1;
        let truncated = EventLogError::Truncated { event: self.number };
        let (register, kind) = self.rest.u32().zip(self.rest.u32()).ok_or(truncated.clone())?;
        let count = self.rest.u32().ok_or(truncated.clone())?;
        let digests = self.digests(count)?;
        let data = self.rest.sized().ok_or(truncated)?;
        let (number, header, kind) = (self.number, self.header, EventType::new(kind));
        Ok(Some(Event { number, register, kind, header, digests, data }))
    }

    /// Whether no byte follows, or only what fills the log's memory: the first bytes tell nearly always.
    fn at_end(&self) -> bool {
        let bytes = self.rest.0;
        matches!(bytes.first(), None | Some(0 | 0xff)) && bytes.windows(2).all(|pair| pair.first() == pair.last())
    }

    fn digests(&mut self, count: u32) -> Result<&'a [u8], EventLogError> {
        let (event, before) = (self.number, self.rest.0);
        let declared = self.header.count();
        if count == 0 || usize::try_from(count).is_ok_and(|count| count > declared) {
            return Err(EventLogError::DigestCount { event, declared, found: count });
        }
        for position in 0..count {
            let mut peek = self.rest;
            let algorithm = peek.u16().ok_or(EventLogError::Truncated { event })?;
            if self.header.digest_len(algorithm).is_none() {
                return Err(EventLogError::UndeclaredAlgorithm { event, algorithm });
            }
            let (mut earlier, header) = (Rest(before), self.header);
            if (0..position).filter_map(|_| digest(&mut earlier, &header)).any(|(other, _)| other == algorithm) {
                return Err(EventLogError::RepeatedAlgorithm { event, algorithm });
            }
            digest(&mut self.rest, &header).ok_or(EventLogError::Truncated { event })?;
        }
        before.get(..before.len() - self.rest.0.len()).ok_or(EventLogError::Truncated { event })
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        // `EventLog::read` went the same way without an error.
        self.advance().ok().flatten()
    }
}

impl FusedIterator for Events<'_> {}
