//! The way of one result from the agent to the output.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prism_core::audit::entry::Event;
use prism_core::code::Coded;
use prism_core::digest::Digest;
use prism_core::envelope::PayloadType;
use prism_core::seal::sealed_len;
use prism_core::statement::{ResultAckBody, ResultRequestBody};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::inflow::Inflow;
use super::place::{Holder, Place};
use super::{Delivered, Held, ResultError, ResultOptions, ResultProgress, ResultStep};
use crate::client::error::is_broken;
use crate::client::session::{Live, Session};
use crate::client::witness::blocking;
use crate::client::{CallError, LogError, Receipt, ResultStatus, SessionError, bounded};
use crate::files::Measured;
use crate::wire::{AckResultRequest, DownloadResultRequest, RequestResultRequest};

/// How much of a recipient is shown to people.
const RECIPIENT_SHOWN: usize = 24;

/// A result that the agent has, and whom it may be opened by.
pub(super) struct Take<'a> {
    session: &'a Session,
    place: Place,
    options: ResultOptions,
    holder: Arc<Holder>,
    payload: Digest,
    length: u64,
    acknowledged: bool,
}

impl<'a> Take<'a> {
    /// Finds out where things stand, here and there, and makes sure that there is an identity on disk.
    pub(super) async fn begin(session: &'a Session, out: &Path, options: ResultOptions) -> Result<Self, ResultError> {
        let stated = stated(session).await?;
        let payload = stated.digest.parse().map_err(|_| ResultError::Malformed { expected: "the result's digest" })?;
        let place = Place::new(out, payload);
        let holder = holder(&place).await?;
        let ours = holder.as_ref().map(|holder| holder.identity.recipient().to_string());
        refuse_what_is_over(&stated, ours.as_deref(), &place)?;
        let at = place.clone();
        blocking(move || at.refuse_what_is_kept()).await?;
        let holder = if let Some(holder) = holder {
            holder
        } else {
            let at = place.clone();
            blocking(move || at.start(options.kind)).await?
        };
        let most = sealed_len(session.manifest().manifest().results.max_bytes).unwrap_or(u64::MAX);
        if stated.sealed_length > most {
            return Err(ResultError::Malformed { expected: "a result no larger than the manifest permits" });
        }
        let (length, acknowledged) = (stated.sealed_length, stated.acknowledged);
        Ok(Self { session, place, options, holder: Arc::new(holder), payload, length, acknowledged })
    }

    /// Goes through the steps that are still to be done.
    pub(super) async fn finish(self, progress: impl FnMut(ResultProgress) + Send) -> Result<Delivered, ResultError> {
        let mut tell = teller(self.length, progress);
        let opened = self.open(&mut tell).await?;
        self.confirm(opened, &mut tell).await
    }

    /// As [`finish`](Self::finish), but the output is in memory before anybody hears that it arrived, and on disk no
    /// longer after that.
    pub(super) async fn finish_in_memory(
        self,
        most: u64,
        progress: impl FnMut(ResultProgress) + Send,
    ) -> Result<Held, ResultError> {
        let mut tell = teller(self.length, progress);
        let opened = self.open(&mut tell).await?;
        if opened.size > most {
            return Err(ResultError::TooLarge { most, size: opened.size });
        }
        let place = self.place.clone();
        let bytes = blocking(move || place.read(opened)).await?;
        let at = self.place.clone();
        let delivered = self.confirm(opened, &mut tell).await?;
        blocking(move || at.remove()).await?;
        Ok(Held { bytes, digest: delivered.digest, receipt: delivered.receipt, compared: delivered.compared })
    }

    /// Everything until the output is on disk.
    async fn open(&self, tell: &mut (impl FnMut(ResultStep, u64) + Send)) -> Result<Measured, ResultError> {
        tell(ResultStep::Identity, self.place.received());
        if !self.acknowledged {
            self.receive(&mut |received| tell(ResultStep::Receiving, received)).await?;
        }
        tell(ResultStep::Received, self.length);
        let header = self.header().await?;
        tell(ResultStep::Released, self.length);
        let (place, holder, keep) = (self.place.clone(), Arc::clone(&self.holder), self.options.keep_sealed);
        let opened = blocking(move || {
            let opened = place.open(&header, &holder.identity)?;
            if keep {
                place.keep_sealed(&header)?;
            }
            Ok::<_, ResultError>(opened)
        })
        .await?;
        tell(ResultStep::Opened, self.length);
        Ok(opened)
    }

    /// Has the agent log that the output arrived, and removes what resuming needed.
    async fn confirm(
        self,
        opened: Measured,
        tell: &mut (impl FnMut(ResultStep, u64) + Send),
    ) -> Result<Delivered, ResultError> {
        let (receipt, compared) = self.acknowledge(opened).await?;
        if self.options.keep_receipt {
            self.keep_receipt(&receipt, opened).await?;
        }
        tell(ResultStep::Acknowledged, self.length);
        let place = self.place.clone();
        blocking(move || place.clear()).await?;
        let sealed = self.options.keep_sealed.then(|| self.place.sealed.clone());
        Ok(Delivered { path: self.place.out, digest: opened.digest, size: opened.size, sealed, receipt, compared })
    }

    /// Fetches the sealed bytes that are missing, over as many connections as it takes, hashing them as they come.
    async fn receive(&self, tell: &mut (impl FnMut(u64) + Send)) -> Result<(), ResultError> {
        let mut retries = self.session.retries();
        let mut live = self.session.live();
        let place = self.place.clone();
        let mut inflow = blocking(move || place.open_payload()).await?;
        while inflow.length() < self.length {
            let before = inflow.length();
            let (flowed, broken) = self.receive_over(&live, inflow, tell).await?;
            inflow = flowed;
            let Some(error) = broken else { continue };
            if inflow.length() > before {
                retries.reset();
            }
            live = self.session.recover(&live, &mut retries, error).await?;
        }
        let length = inflow.length();
        let found = blocking(move || inflow.finish()).await?;
        if (found, length) == (self.payload, self.length) {
            return Ok(());
        }
        let place = self.place.clone();
        blocking(move || place.discard_payload()).await?;
        Err(ResultError::Altered { expected: self.payload.to_string(), found })
    }

    /// Receives over one connection until all is here or the connection ends, and why it did. What came is kept.
    async fn receive_over(
        &self,
        live: &Live,
        inflow: Inflow,
        tell: &mut (impl FnMut(u64) + Send),
    ) -> Result<(Inflow, Option<ResultError>), ResultError> {
        let mut received = inflow.length();
        let (queue, thread) = inflow.begin();
        let outcome = self.pour(live, &mut received, &queue, tell).await;
        drop(queue);
        let inflow = thread.await.map_err(|_| LogError::Interrupted)??;
        Ok((inflow, outcome.err()))
    }

    async fn pour(
        &self,
        live: &Live,
        received: &mut u64,
        queue: &mpsc::Sender<Bytes>,
        tell: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), ResultError> {
        let mut stub = live.stub();
        let mut stream = bounded(stub.download_result(DownloadResultRequest { offset: *received })).await?;
        while *received < self.length {
            let message = stream.message().await.map_err(CallError::from)?.ok_or_else(CallError::ended)?;
            *received += message.frame.len() as u64;
            if *received > self.length {
                return Err(ResultError::Malformed { expected: "no more sealed bytes than were stated" });
            }
            // A queue without its other end means that the disk refused: the thread says why.
            let Ok(()) = queue.send(message.frame).await else { return Ok(()) };
            tell(*received);
        }
        Ok(())
    }

    /// The header for our identity: kept from before, or asked for now.
    async fn header(&self) -> Result<Vec<u8>, ResultError> {
        let place = self.place.clone();
        if let Some(header) = blocking(move || place.header()).await? {
            return Ok(header);
        }
        if self.acknowledged {
            return Err(ResultError::Gone);
        }
        let mut retries = self.session.retries();
        let mut live = self.session.live();
        let header = loop {
            match self.request_over(&live).await {
                Ok(header) => break header,
                Err(error) => live = self.session.recover(&live, &mut retries, error).await?,
            }
        };
        let (place, keep) = (self.place.clone(), header.clone());
        blocking(move || place.keep_header(&keep)).await?;
        Ok(header)
    }

    async fn request_over(&self, live: &Live) -> Result<Vec<u8>, ResultError> {
        let recipient = self.holder.identity.recipient().to_string();
        let envelope = self.session.sign(live, PayloadType::ResultRequest, |context| {
            ResultRequestBody::new(context, recipient.clone(), self.payload).to_json()
        })?;
        let answer = bounded(live.stub().request_result(RequestResultRequest { envelope: envelope.into() })).await?;
        let receipt = Receipt::verify(answer.receipt, self.session.0.witness.key(), "this release", |entry| {
            let ours = entry.actor.participant() == Some(self.session.participant());
            ours && matches!(&entry.event, Event::ResultReleased(body)
                if body.recipient == recipient && body.payload == self.payload)
        })?;
        self.session.0.witness.settle(&receipt, self.session).await?;
        Ok(answer.header.into())
    }

    /// Writes beside the output whose it is, and the proof.
    async fn keep_receipt(&self, receipt: &Receipt, opened: Measured) -> Result<(), ResultError> {
        let (manifest, participant) = (self.session.manifest().digest(), self.session.participant());
        let (boot, digest) = (self.session.boot(), opened.digest);
        let text = format!("{manifest} {boot} {participant} {digest}\n{}", receipt.proof().to_text());
        let place = self.place.clone();
        blocking(move || place.keep_receipt(&text)).await
    }

    /// The verified receipt, and whether its head was compared with the log's newest one.
    async fn acknowledge(&self, opened: Measured) -> Result<(Receipt, bool), ResultError> {
        let mut retries = self.session.retries();
        let mut live = self.session.live();
        loop {
            match self.acknowledge_over(&live, opened).await {
                Ok(acknowledged) => return Ok(acknowledged),
                Err(error) => live = self.session.recover(&live, &mut retries, error).await?,
            }
        }
    }

    async fn acknowledge_over(&self, live: &Live, opened: Measured) -> Result<(Receipt, bool), ResultError> {
        let envelope = self
            .session
            .sign(live, PayloadType::ResultAck, |context| ResultAckBody::new(context, opened.digest).to_json())?;
        let answer = bounded(live.stub().ack_result(AckResultRequest { envelope: envelope.into() })).await?;
        let receipt = Receipt::verify(answer.receipt, self.session.0.witness.key(), "this confirmation", |entry| {
            let ours = entry.actor.participant() == Some(self.session.participant());
            ours && matches!(&entry.event, Event::ResultAcked(body) if body.payload == self.payload)
        })?;
        match self.session.0.witness.settle(&receipt, self.session).await {
            Ok(()) => Ok((receipt, true)),
            // Once everybody has confirmed, an agent may go: what it has signed holds.
            Err(error) if is_gone(&error) => Ok((receipt, false)),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long a call waits for another one at the same result: one of this program that was interrupted is about to end.
const LEAVING: Duration = Duration::from_secs(2);

/// The identity of an earlier attempt, if there is one and nobody else is at it.
async fn holder(place: &Place) -> Result<Option<Holder>, ResultError> {
    let at = place.clone();
    match blocking(move || at.resume()).await {
        Err(busy @ ResultError::Busy { .. }) => {
            let at = place.clone();
            timeout(LEAVING, blocking(move || at.resume_when_left())).await.unwrap_or(Err(busy))
        }
        resumed => resumed,
    }
}

/// Says how far a result of `total` sealed bytes is.
fn teller(total: u64, mut progress: impl FnMut(ResultProgress) + Send) -> impl FnMut(ResultStep, u64) + Send {
    move |step, received| progress(ResultProgress { step, received, total })
}

/// Whether the agent could not be asked any more, as opposed to an answer that does not hold.
fn is_gone(error: &LogError) -> bool {
    match error {
        LogError::Call(error) => is_broken(error.code()),
        LogError::Session(error) => is_broken(error.code()) || matches!(**error, SessionError::OtherBoot { .. }),
        _ => false,
    }
}

/// What the agent says of the caller's result.
async fn stated(session: &Session) -> Result<ResultStatus, ResultError> {
    let status = session.status().await?;
    let own = status.results.into_iter().find(|result| session.participant() == result.consumer.as_str());
    match own {
        Some(result) => Ok(result),
        None if matches!(status.state.as_str(), "Failed" | "Stopped" | "Closed") => Err(no_result(session).await),
        None => Err(ResultError::NotReady { state: status.state }),
    }
}

/// Reads in the log how the computation ended.
async fn no_result(session: &Session) -> ResultError {
    let mut log = session.watch(0);
    while let Some(entry) = log.next().await {
        if let Err(error) = entry {
            return error.into();
        }
    }
    match log.outcome() {
        Some(outcome) => ResultError::NoResult { outcome },
        None => ResultError::Malformed { expected: "a log that was closed" },
    }
}

/// Refuses a result that was confirmed, unless only clearing up is left, and one that somebody else may have.
fn refuse_what_is_over(stated: &ResultStatus, ours: Option<&str>, place: &Place) -> Result<(), ResultError> {
    let recipient = stated.recipient.as_str();
    if stated.acknowledged && (ours != Some(recipient) || !place.is_complete()) {
        return Err(ResultError::Gone);
    }
    if !recipient.is_empty() && ours != Some(recipient) {
        let recipient = recipient.chars().filter(char::is_ascii_graphic).take(RECIPIENT_SHOWN).collect();
        return Err(ResultError::Released { recipient });
    }
    Ok(())
}
