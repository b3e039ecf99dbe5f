use std::iter::FusedIterator;

use super::form::{Form, digest};
use super::rest::Rest;
use super::{Bank, EventLogError, EventType, agile, canonical};

/// One record: what it says, borrowed from the log.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub(super) number: usize,
    pub(super) register: u32,
    pub(super) kind: EventType,
    pub(super) form: Form<'a>,
    pub(super) digests: &'a [u8],
    pub(super) data: &'a [u8],
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
        let (mut rest, form) = (Rest(self.digests), self.form);
        std::iter::from_fn(move || digest(form, &mut rest))
    }
}

/// The events of a log, one after the other.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    form: Form<'a>,
    rest: Rest<'a>,
    number: usize,
}

impl<'a> Events<'a> {
    pub(super) const fn of(form: Form<'a>, records: &'a [u8]) -> Self {
        Self { form, rest: Rest(records), number: 0 }
    }

    /// The next event, or nothing at the log's end.
    pub(super) fn advance(&mut self) -> Result<Option<Event<'a>>, EventLogError> {
        self.number += 1;
        match self.form {
            Form::Agile(header) => agile::record(header, &mut self.rest, self.number),
            Form::Canonical => canonical::record(&mut self.rest, self.number),
        }
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
