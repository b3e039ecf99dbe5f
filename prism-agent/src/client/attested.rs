use std::fmt;
use std::sync::Arc;

use prism_attest::{Summary, Trust, Verdict};
use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::{Actor, Event};
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::key::SigningKey;
use prism_core::name::Name;
use prism_core::statement::{AuthBody, Context, SessionFacts};

use super::connecting::Endpoint;
use super::options::Clock;
use super::session::{Live, Session};
use super::witness::Witness;
use super::{AuthenticateError, Receipt, SignError, bounded, stub};
use crate::channel::RawChannel;
use crate::wire::AuthenticateRequest;

/// How long a statement counts, in seconds: a connection's first words are spoken at once.
const STATEMENT_SECONDS: u64 = 300;

/// A connection to an agent that earned trust. Only a good verdict makes it.
///
/// Nothing confidential can be sent before:
/// ```compile_fail
/// # use prism_agent::{client::{Connecting, Progress}, files::Source};
/// async fn too_early(connecting: Connecting, data: Source) {
///     connecting.upload("h1.zip", data, None, |_: Progress| {}).await;
/// }
/// ```
/// Nor before the agent knows who sends it:
/// ```compile_fail
/// # use prism_agent::{client::{AttestedChannel, Progress}, files::Source};
/// async fn too_early(channel: AttestedChannel, data: Source) {
///     channel.upload("h1.zip", data, None, |_: Progress| {}).await;
/// }
/// ```
/// After both, it compiles:
/// ```
/// # use std::sync::Arc;
/// # use prism_agent::{client::{Connecting, Progress}, files::Source};
/// # use prism_core::key::SigningKey;
/// async fn in_time(connecting: Connecting, key: Arc<SigningKey>, data: Source) -> Option<()> {
///     let channel = connecting.attest(1_800_000_000).await.ok()?;
///     let session = channel.authenticate(key).await.ok()?;
///     session.upload("h1.zip", data, None, |_: Progress| {}).await.ok().map(drop)
/// }
/// ```
/// It cannot be made from parts:
/// ```compile_fail
/// let channel = prism_agent::client::AttestedChannel { ..todo!() };
/// ```
pub struct AttestedChannel {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) raw: RawChannel,
    pub(super) trust: Trust,
    pub(super) verdict: Verdict,
    pub(super) facts: SessionFacts,
    pub(super) witness: Arc<Witness>,
    pub(super) clock: Clock,
}

impl fmt::Debug for AttestedChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestedChannel").field("trust", self.trust.summary()).finish_non_exhaustive()
    }
}

impl AttestedChannel {
    /// What is trusted.
    #[must_use]
    pub const fn trust(&self) -> &Summary {
        self.trust.summary()
    }

    /// The verdict with every finding.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The signed head of the agent's log at attestation or, if it has been seen since, a newer one.
    #[must_use]
    pub fn head(&self) -> Option<SignedCheckpoint> {
        self.witness.newest().map(|seen| seen.signed)
    }

    /// Says who the client is: the participant whose key this is.
    ///
    /// # Errors
    /// [`AuthenticateError::NotNamed`] when the manifest names no such key, before anything is sent.
    pub async fn authenticate(self, key: impl Into<Arc<SigningKey>>) -> Result<Session, AuthenticateError> {
        let key = key.into();
        let (participant, receipt) = self.say_who(&key).await?;
        let session = Session::begin(self, key, participant, receipt);
        session.0.witness.settle(session.arrival(), &session).await?;
        Ok(session)
    }

    /// Authenticates and gives the connection to a session that exists already.
    pub(super) async fn join(self, key: &SigningKey) -> Result<Live, AuthenticateError> {
        self.say_who(key).await?;
        Ok(Live::new(&self.raw, self.trust, self.facts))
    }

    async fn say_who(&self, key: &SigningKey) -> Result<(Name, Receipt), AuthenticateError> {
        let named = self.endpoint.signed.manifest().participant_with_key(key.public());
        let fingerprint = || key.public().fingerprint();
        let participant = named.ok_or_else(|| AuthenticateError::NotNamed { fingerprint: fingerprint() })?.name.clone();
        let context = context(&self.facts, &participant, self.clock);
        let body = AuthBody::new(&context).to_json().map_err(SignError::from)?;
        let envelope = Envelope::sign(PayloadType::Auth, &body, key).map_err(SignError::from)?;
        let request = AuthenticateRequest { envelope: envelope.to_json().into() };
        let response = bounded(stub(self.raw.channel()).authenticate(request)).await?;
        let session = hex::encode(self.facts.session);
        let receipt = Receipt::verify(response.receipt, self.witness.key(), "this authentication", |entry| {
            match (&entry.event, &entry.actor) {
                (Event::AuthOk(body), Actor::Participant(name)) => *name == participant && body.session == session,
                // A closed log takes no entry any more, and lets its participants in to read.
                (Event::LogClose(_), Actor::Agent) => true,
                _ => false,
            }
        })?;
        Ok((participant, receipt))
    }
}

/// What a participant's statement repeats of its connection.
pub(super) fn context(facts: &SessionFacts, participant: &Name, clock: Clock) -> Context {
    Context { facts: facts.clone(), participant: participant.clone(), exp: clock.now() + STATEMENT_SECONDS }
}
