//! A participant's conversation with its agent, over as many connections as it takes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prism_attest::{Summary, Trust};
use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::Event;
use prism_core::code::{Coded, message};
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::key::SigningKey;
use prism_core::manifest::{Role, SignedManifest};
use prism_core::name::Name;
use prism_core::statement::{Context, SessionFacts, StatementError, StopBody};

use super::attested::context;
use super::connecting::{Connecting, Endpoint};
use super::error::is_broken;
use super::options::{Clock, Listener, Notice, Retries};
use super::status::Status;
use super::witness::{AskHead, Witness};
use super::{AttestedChannel, CallError, LogError, Receipt, SessionError, SignError, Stub, bounded, stub};
use crate::channel::RawChannel;
use crate::wire::{CheckpointRequest, CheckpointResponse, StatusRequest, StopRequest};

/// An attested and authenticated participant's session with one boot of an agent.
///
/// Clones share it. When the connection breaks, a call connects, attests and authenticates again by itself, as the
/// [`RetryPolicy`](super::RetryPolicy) allows, and goes on where it was. A new boot of the agent ends the session: what
/// the old one held is gone.
#[derive(Clone)]
pub struct Session(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) witness: Arc<Witness>,
    key: Arc<SigningKey>,
    participant: Name,
    arrival: Receipt,
    clock: Clock,
    live: Mutex<Arc<Live>>,
}

/// One attested, authenticated connection.
pub(super) struct Live {
    stub: Stub,
    trust: Trust,
    facts: SessionFacts,
}

impl Live {
    pub(super) fn new(raw: &RawChannel, trust: Trust, facts: SessionFacts) -> Self {
        Self { stub: stub(raw.channel()), trust, facts }
    }

    /// The calls of this connection.
    pub(super) fn stub(&self) -> Stub {
        self.stub.clone()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { endpoint, participant, .. } = &*self.0;
        f.debug_struct("Session").field("address", &endpoint.address).field("as", participant).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn begin(channel: AttestedChannel, key: Arc<SigningKey>, participant: Name, arrival: Receipt) -> Self {
        let AttestedChannel { endpoint, raw, trust, facts, witness, clock, .. } = channel;
        let live = Mutex::new(Arc::new(Live::new(&raw, trust, facts)));
        Self(Arc::new(Inner { endpoint, witness, key, participant, arrival, clock, live }))
    }

    /// Who the caller is, as the manifest names the key.
    #[must_use]
    pub fn participant(&self) -> &Name {
        &self.0.participant
    }

    /// The agent's boot, in hex: each run of a computation has another one.
    #[must_use]
    pub fn boot(&self) -> String {
        hex::encode(self.live().facts.boot)
    }

    /// The caller's roles.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.manifest().manifest().roles(self.participant().as_str())
    }

    /// The terms.
    #[must_use]
    pub fn manifest(&self) -> &SignedManifest {
        &self.0.endpoint.signed
    }

    /// The agent's word that it knows who the caller is; or, on a closed log, the log's last word.
    #[must_use]
    pub fn arrival(&self) -> &Receipt {
        &self.0.arrival
    }

    /// What is trusted on the present connection.
    #[must_use]
    pub fn trust(&self) -> Summary {
        self.live().trust.summary().clone()
    }

    /// How things stand. Informational: [`watch`](Session::watch) is what the log proves.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn status(&self) -> Result<Status, SessionError> {
        let answer = self.ask(|mut stub| async move { bounded(stub.status(StatusRequest {})).await }).await?;
        Ok(Status::from(answer))
    }

    /// The newest signed head of the log, proven to continue what was seen before.
    ///
    /// # Errors
    /// [`LogError::Forked`] when it does not.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, SessionError> {
        Ok(self.0.witness.follow(self).await?.signed)
    }

    /// Stops the computation for good.
    ///
    /// # Errors
    /// [`SessionError`]; the code says when the caller may not, or when it has ended already.
    pub async fn stop(&self) -> Result<Receipt, SessionError> {
        let live = self.live();
        let envelope = self.sign(&live, PayloadType::Stop, |context| StopBody::new(context).to_json())?;
        let answer = bounded(live.stub().stop(StopRequest { envelope: envelope.into() })).await?;
        let is_ours = |actor: Option<&Name>| actor == Some(self.participant());
        let receipt = Receipt::verify(answer.receipt, self.0.witness.key(), "this stop", |entry| {
            is_ours(entry.actor.participant()) && matches!(entry.event, Event::Stop(_))
        })?;
        self.0.witness.settle(&receipt, self).await?;
        Ok(receipt)
    }

    /// Signs a statement for one connection.
    pub(super) fn sign(
        &self,
        live: &Live,
        kind: PayloadType,
        body: impl FnOnce(&Context) -> Result<Vec<u8>, StatementError>,
    ) -> Result<Vec<u8>, SignError> {
        let body = body(&context(&live.facts, &self.0.participant, self.0.clock))?;
        Ok(Envelope::sign(kind, &body, &self.0.key)?.to_json())
    }

    /// The present connection.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.0.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn retries(&self) -> Retries {
        Retries::new(self.0.endpoint.options.retry)
    }

    /// Asks until an answer comes or the retries are used up.
    pub(super) async fn ask<T, F>(&self, call: impl Fn(Stub) -> F) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut retries = self.retries();
        let mut live = self.live();
        loop {
            match call(live.stub()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => live = self.recover(&live, &mut retries, SessionError::from(error)).await?,
            }
        }
    }

    /// After `error` on a connection: another connection, or what stands against it.
    pub(super) async fn recover<E: Coded + From<SessionError> + 'static>(
        &self,
        dead: &Arc<Live>,
        retries: &mut Retries,
        error: E,
    ) -> Result<Arc<Live>, E> {
        try_again(self.listener(), retries, error, || self.renew(dead)).await
    }

    /// After `error` on a connection beside the session's: another one of its kind, or what stands against it.
    pub(super) async fn recover_beside<E: Coded + From<SessionError> + 'static>(
        &self,
        retries: &mut Retries,
        error: E,
    ) -> Result<Arc<Live>, E> {
        try_again(self.listener(), retries, error, || self.open()).await
    }

    fn listener(&self) -> &Listener {
        &self.0.endpoint.options.listener
    }

    /// Connects, attests and authenticates again, unless another call of this session has done so already.
    async fn renew(&self, dead: &Arc<Live>) -> Result<Arc<Live>, SessionError> {
        let present = self.live();
        if !Arc::ptr_eq(&present, dead) {
            return Ok(present);
        }
        let live = self.open().await?;
        *self.0.live.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&live);
        Ok(live)
    }

    /// One more connection, attested and authenticated by itself, to the same boot.
    pub(super) async fn open(&self) -> Result<Arc<Live>, SessionError> {
        let channel = Connecting::to(Arc::clone(&self.0.endpoint)).await?.attest(self.0.clock.now()).await?;
        let (expected, found) = (self.live().facts.boot, channel.facts.boot);
        if expected != found {
            return Err(SessionError::OtherBoot { expected: hex::encode(expected), found: hex::encode(found) });
        }
        Ok(Arc::new(channel.join(&self.0.key).await?))
    }
}

/// Connects again after `error`, as often as the retries allow, and says so.
async fn try_again<E, F>(
    listener: &Listener,
    retries: &mut Retries,
    error: E,
    connect: impl Fn() -> F,
) -> Result<Arc<Live>, E>
where
    E: Coded + From<SessionError> + 'static,
    F: Future<Output = Result<Arc<Live>, SessionError>>,
{
    if !is_broken(error.code()) {
        return Err(error);
    }
    let mut last = error;
    while let Some(pause) = retries.next() {
        listener.tell(retries.notice(message(&last), pause));
        tokio::time::sleep(pause).await;
        match connect().await {
            Ok(live) => {
                listener.tell(Notice::Recovered);
                return Ok(live);
            }
            Err(again) if is_broken(again.code()) => last = again.into(),
            Err(other) => return Err(other.into()),
        }
    }
    listener.tell(Notice::GaveUp { reason: message(&last) });
    Err(last)
}

impl AskHead for Session {
    async fn ask_head(&self, known_size: u64) -> Result<CheckpointResponse, LogError> {
        let call = |mut stub: Stub| async move { bounded(stub.checkpoint(CheckpointRequest { known_size })).await };
        self.ask(call).await.map_err(|error| match error {
            SessionError::Call(error) => LogError::Call(error),
            SessionError::Log(error) => error,
            other => LogError::Session(Box::new(other)),
        })
    }
}
