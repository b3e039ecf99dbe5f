//! What the agent knows about one connection. Identity is a property of the connection: nothing on the wire names it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prism_core::code::{Code, Coded};
use prism_core::name::Name;
use prism_core::statement::SessionFacts;

use super::attest::Report;
use super::shares::Share;
use crate::channel::Link;

/// Why a call does not fit the connection's stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SessionError {
    /// Attest came a second time.
    #[error("expected one attestation on a connection, found another; open a new connection")]
    AttestedBefore,
    /// The connection was not attested yet.
    #[error("expected an attested connection, found none; call Attest first")]
    NotAttested,
    /// Authenticate came a second time.
    #[error("expected one authentication on a connection, found another; open a new connection")]
    AuthenticatedBefore,
    /// Nobody authenticated on the connection.
    #[error("expected an authenticated participant, found a stranger; call Authenticate first")]
    NotAuthenticated,
}

impl Coded for SessionError {
    fn code(&self) -> Code {
        match self {
            Self::AttestedBefore | Self::AuthenticatedBefore => Code::StateRefused,
            Self::NotAttested | Self::NotAuthenticated => Code::AuthRequired,
        }
    }
}

/// What a connection has proved so far; it only ever moves down this list, one step at a time.
#[derive(Debug)]
enum Stage {
    Fresh,
    Attesting,
    Attested(Attested),
    Authenticating(Attested),
    Authenticated(Member, #[expect(dead_code, reason = "its drop gives the participant another connection")] Share),
}

/// A connection on which the agent has shown evidence.
#[derive(Clone, Debug)]
pub(crate) struct Attested {
    /// What a statement made for this connection has to say.
    pub(crate) facts: SessionFacts,
    /// The evidence that was shown.
    pub(crate) report: Arc<Report>,
}

/// A participant on its connection.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Who it is.
    pub(crate) name: Name,
    /// What a statement made for this connection has to say.
    pub(crate) facts: SessionFacts,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    link: Link,
    stage: Mutex<Stage>,
}

impl Session {
    /// A connection of which nothing is known.
    pub(crate) fn new(link: Link) -> Self {
        Self { link, stage: Mutex::new(Stage::Fresh) }
    }

    /// The TLS connection.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Claims the one attestation that a connection may ask for.
    pub(crate) fn begin_attest(&self) -> Result<(), SessionError> {
        let mut stage = self.stage();
        match *stage {
            Stage::Fresh => *stage = Stage::Attesting,
            _ => return Err(SessionError::AttestedBefore),
        }
        Ok(())
    }

    /// The evidence was made: from now on the connection may authenticate.
    pub(crate) fn attested(&self, attested: Attested) {
        let mut stage = self.stage();
        if matches!(*stage, Stage::Attesting) {
            *stage = Stage::Attested(attested);
        }
    }

    /// Claims the one authentication that a connection may try.
    pub(crate) fn begin_authenticate(&self) -> Result<Attested, SessionError> {
        let mut stage = self.stage();
        let attested = match &*stage {
            Stage::Fresh | Stage::Attesting => return Err(SessionError::NotAttested),
            Stage::Attested(attested) => attested.clone(),
            Stage::Authenticating(_) | Stage::Authenticated(..) => return Err(SessionError::AuthenticatedBefore),
        };
        *stage = Stage::Authenticating(attested.clone());
        Ok(attested)
    }

    /// The signature held and the log says so: from now on the connection is this participant's, as part of its share.
    pub(crate) fn authenticated(&self, name: Name, share: Share) {
        let mut stage = self.stage();
        if let Stage::Authenticating(attested) = &*stage {
            let facts = attested.facts.clone();
            *stage = Stage::Authenticated(Member { name, facts }, share);
        }
    }

    /// The participant at the other end.
    pub(crate) fn member(&self) -> Result<Member, SessionError> {
        match &*self.stage() {
            Stage::Fresh | Stage::Attesting => Err(SessionError::NotAttested),
            Stage::Attested(_) | Stage::Authenticating(_) => Err(SessionError::NotAuthenticated),
            Stage::Authenticated(member, _) => Ok(member.clone()),
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
