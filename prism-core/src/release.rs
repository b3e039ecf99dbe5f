//! Exactly-once release of a result (protocol, section 7).
//!
//! For each consumer the result key goes to at most one recipient key, ever, and the log shows it before it happens. That
//! recipient may repeat the download until it confirms; afterwards nobody can obtain it. *Lose rather than leak.*

use crate::code::{Code, Coded};
use crate::digest::Digest;

/// Longest recipient text in bytes; a hybrid `age1pq1…` recipient has 1959.
pub const RECIPIENT_MAX: usize = 4096;

/// What has become of one consumer's result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// Encrypted; nobody has the key.
    Sealed {
        /// Digest of the age payload.
        payload: Digest,
    },
    /// One recipient may have the key.
    Released {
        /// Digest of the age payload.
        payload: Digest,
        /// That recipient.
        recipient: String,
    },
    /// Confirmed and destroyed.
    Acked {
        /// Digest of the age payload.
        payload: Digest,
        /// The recipient that confirmed.
        recipient: String,
    },
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Log the release first, then answer.
    First,
    /// The same answer as before; nothing new to log.
    Repeat,
}

/// Why a result is not released or not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The request is for another payload.
    #[error("expected a request for the payload {expected}, found one for {found}; fetch the payload again")]
    OtherPayload {
        /// Digest of the payload at hand.
        expected: Digest,
        /// Digest in the request.
        found: Digest,
    },
    /// The key went to somebody else.
    #[error(
        "expected the recipient that the key was released to ({released}), found another; if that one is not yours, your signing key is in other hands and the log proves it"
    )]
    OtherRecipient {
        /// The one recipient, shortened for people.
        released: String,
    },
    /// The result was confirmed and destroyed.
    #[error("expected an unconfirmed result, found that it was confirmed and destroyed; it is released only once")]
    Gone,
    /// An acknowledgement without a release.
    #[error("expected a release before its acknowledgement, found none; request the result first")]
    NotReleased,
    /// The recipient text is too long to log.
    #[error("expected a recipient of at most {RECIPIENT_MAX} printable characters, found another text")]
    BadRecipient,
}

impl Coded for ReleaseError {
    fn code(&self) -> Code {
        match self {
            Self::OtherPayload { .. } => Code::AssetMismatch,
            Self::OtherRecipient { .. } => Code::ResultReleased,
            Self::Gone => Code::ResultGone,
            Self::NotReleased => Code::StateRefused,
            Self::BadRecipient => Code::Usage,
        }
    }
}

impl Release {
    /// Digest of the age payload.
    #[must_use]
    pub fn payload(&self) -> Digest {
        match self {
            Self::Sealed { payload } | Self::Released { payload, .. } | Self::Acked { payload, .. } => *payload,
        }
    }

    /// Decides over a request for the key.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing changes.
    pub fn request(&self, recipient: &str, payload: Digest) -> Result<Answer, ReleaseError> {
        let plain = recipient.len() <= RECIPIENT_MAX && recipient.bytes().all(|b| b.is_ascii_graphic());
        if !plain {
            return Err(ReleaseError::BadRecipient);
        }
        self.same_payload(payload)?;
        match self {
            Self::Sealed { .. } => Ok(Answer::First),
            Self::Released { recipient: only, .. } if only == recipient => Ok(Answer::Repeat),
            Self::Released { recipient: only, .. } => {
                Err(ReleaseError::OtherRecipient { released: only.chars().take(24).collect() })
            }
            Self::Acked { .. } => Err(ReleaseError::Gone),
        }
    }

    /// The state after a release that [`request`](Self::request) permitted as the first.
    ///
    /// # Errors
    /// [`ReleaseError`] when it was not the first; nothing changes.
    pub fn released(&self, recipient: &str, payload: Digest) -> Result<Self, ReleaseError> {
        match self.request(recipient, payload)? {
            Answer::First => Ok(Self::Released { payload, recipient: recipient.to_owned() }),
            Answer::Repeat => Err(ReleaseError::OtherRecipient { released: recipient.chars().take(24).collect() }),
        }
    }

    /// Decides over an acknowledgement: [`Answer::First`] is to be logged, [`Answer::Repeat`] has been.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing changes.
    pub fn ack(&self, payload: Digest) -> Result<Answer, ReleaseError> {
        self.same_payload(payload)?;
        match self {
            Self::Sealed { .. } => Err(ReleaseError::NotReleased),
            Self::Released { .. } => Ok(Answer::First),
            Self::Acked { .. } => Ok(Answer::Repeat),
        }
    }

    /// The state after the first acknowledgement.
    ///
    /// # Errors
    /// [`ReleaseError`] when there was no release or it was acknowledged before; nothing changes.
    pub fn acked(&self, payload: Digest) -> Result<Self, ReleaseError> {
        self.same_payload(payload)?;
        match self {
            Self::Sealed { .. } => Err(ReleaseError::NotReleased),
            Self::Released { recipient, .. } => Ok(Self::Acked { payload, recipient: recipient.clone() }),
            Self::Acked { .. } => Err(ReleaseError::Gone),
        }
    }

    fn same_payload(&self, found: Digest) -> Result<(), ReleaseError> {
        let expected = self.payload();
        if expected == found {
            return Ok(());
        }
        Err(ReleaseError::OtherPayload { expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (Release, Digest) {
        let payload = Digest::sha256(b"payload");
        (Release::Sealed { payload }, payload)
    }

    #[test]
    fn a_second_recipient_never_gets_the_key() {
        let (release, payload) = sealed();
        let release = release.released("age1first", payload).unwrap();
        assert_eq!(release.request("age1first", payload), Ok(Answer::Repeat));
        assert!(matches!(release.request("age1thief", payload), Err(ReleaseError::OtherRecipient { .. })));
        assert!(release.released("age1thief", payload).is_err());
    }

    #[test]
    fn after_the_confirmation_nobody_gets_it() {
        let (release, payload) = sealed();
        let release = release.released("age1first", payload).unwrap().acked(payload).unwrap();
        assert_eq!(release.request("age1first", payload), Err(ReleaseError::Gone));
        assert_eq!(release.request("age1thief", payload), Err(ReleaseError::Gone));
        assert_eq!(release.ack(payload), Ok(Answer::Repeat));
    }

    #[test]
    fn a_confirmation_needs_a_release_of_the_same_payload() {
        let (release, payload) = sealed();
        assert_eq!(release.ack(payload), Err(ReleaseError::NotReleased));
        assert_eq!(release.acked(payload), Err(ReleaseError::NotReleased));
        let other = Digest::sha256(b"other");
        assert!(matches!(release.request("age1first", other), Err(ReleaseError::OtherPayload { .. })));
    }

    #[test]
    fn a_recipient_that_could_not_be_logged_is_refused() {
        let (release, payload) = sealed();
        for recipient in ["a b", "a\nb", "ä", &"a".repeat(RECIPIENT_MAX + 1)] {
            assert_eq!(release.request(recipient, payload), Err(ReleaseError::BadRecipient));
        }
    }
}
