//! Statements of participants: for this connection, by the key that the manifest names, and nothing else.

use prism_core::code::{Code, Coded};
use prism_core::envelope::{Envelope, EnvelopeError, PayloadType};
use prism_core::manifest::SignedManifest;
use prism_core::name::Name;
use prism_core::statement::{
    AssetBody, AuthBody, Context, ContextError, ResultAckBody, ResultRequestBody, SessionFacts, StatementError,
    StopBody,
};

/// Why a statement is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RefusedStatement {
    /// Not an envelope, of another type, or not signed with the participant's key.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Not the body of such a statement.
    #[error(transparent)]
    Body(#[from] StatementError),
    /// Made for something else.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The manifest names nobody of that name.
    #[error("expected a participant that the manifest names, found {0}; look at the manifest's participants")]
    Stranger(Name),
    /// Somebody else's statement on this connection.
    #[error("expected a statement by {expected}, found one by {found}; each participant has a connection of its own")]
    Another {
        /// Whose connection it is.
        expected: Name,
        /// Whose statement it is.
        found: Name,
    },
}

impl Coded for RefusedStatement {
    fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Body(error) => error.code(),
            Self::Context(error) => error.code(),
            Self::Stranger(_) | Self::Another { .. } => Code::AuthRefused,
        }
    }
}

/// What every body has.
pub(crate) trait Statement: Sized {
    /// The type in the envelope.
    const TYPE: PayloadType;

    /// Reads a body.
    fn read(body: &[u8]) -> Result<Self, StatementError>;

    /// Connection, speaker and expiry.
    fn context(&self) -> Context;
}

macro_rules! statements {
    ($($name:ident is $kind:ident,)*) => {$(
        impl Statement for $name {
            const TYPE: PayloadType = PayloadType::$kind;

            fn read(body: &[u8]) -> Result<Self, StatementError> {
                Self::read(body)
            }

            fn context(&self) -> Context {
                self.context()
            }
        }
    )*};
}

statements! {
    AuthBody is Auth,
    AssetBody is Asset,
    ResultRequestBody is ResultRequest,
    ResultAckBody is ResultAck,
    StopBody is Stop,
}

/// A statement for this connection with a signature that holds; says who speaks.
pub(crate) fn take<S: Statement>(
    envelope: &[u8],
    manifest: &SignedManifest,
    own: &SessionFacts,
    now: u64,
) -> Result<(Name, S), RefusedStatement> {
    let envelope = Envelope::read(envelope)?;
    let said = S::read(envelope.payload_unverified())?.context();
    said.check(own, now)?;
    let speaker = manifest.manifest().participant(said.participant.as_str());
    let speaker = speaker.ok_or_else(|| RefusedStatement::Stranger(said.participant.clone()))?;
    let body = S::read(envelope.verify(S::TYPE, &speaker.key)?)?;
    Ok((speaker.name.clone(), body))
}

/// As [`take`], by one participant only.
pub(crate) fn take_from<S: Statement>(
    envelope: &[u8],
    manifest: &SignedManifest,
    (expected, own): (&Name, &SessionFacts),
    now: u64,
) -> Result<S, RefusedStatement> {
    let (found, body) = take(envelope, manifest, own, now)?;
    if found == *expected { Ok(body) } else { Err(RefusedStatement::Another { expected: expected.clone(), found }) }
}
