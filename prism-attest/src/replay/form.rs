use super::rest::Rest;
use super::{Bank, EventLogError, canonical, header::Header};

/// How a log is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    /// Records behind a header that declares algorithms.
    Agile(Header<'a>),
    /// Records that stand for themselves.
    Canonical,
}

impl<'a> Form<'a> {
    /// Looks at the first bytes, and steps over the header if there is one.
    pub(super) fn read(rest: &mut Rest<'a>) -> Result<Self, EventLogError> {
        if canonical::begins(rest.0) { Ok(Self::Canonical) } else { Header::read(rest).map(Self::Agile) }
    }

    /// Whether digests of this bank are declared; records that stand for themselves declare nothing.
    pub(super) fn declares(&self, bank: Bank) -> Option<bool> {
        match self {
            Self::Agile(header) => Some(header.declares(bank)),
            Self::Canonical => None,
        }
    }
}

/// The next digest of an event with its `TPM_ALG_ID`.
pub(super) fn digest<'a>(form: Form<'_>, rest: &mut Rest<'a>) -> Option<(u16, &'a [u8])> {
    match form {
        Form::Agile(header) => {
            let algorithm = rest.u16()?;
            Some((algorithm, rest.bytes(header.digest_len(algorithm)?)?))
        }
        Form::Canonical => Some((u16::from(rest.u8()?), canonical::value(rest)?)),
    }
}
