//! Upload and `UploadStatus`.

use std::sync::Arc;

use bytes::Bytes;
use prism_core::audit::entry::{Actor, AssetBody as AssetEvent, Event};
use prism_core::code::Code;
use prism_core::digest::Salt;
use prism_core::statement::AssetBody;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{Service, receipt, refuse};
use crate::server::config::Limits;
use crate::server::engine::{Engine, now};
use crate::server::ledger::LedgerError;
use crate::server::session::Member;
use crate::server::statements;
use crate::server::upload::{self, Begin, QUEUE};
use crate::wire::{self, upload_request::Step};

pub(super) async fn upload(
    service: &Service,
    member: Member,
    mut requests: Streaming<wire::UploadRequest>,
) -> Result<wire::UploadResponse, Status> {
    let mut pace = Pace::new(&service.limits);
    let first = pace.next(&mut requests).await?.and_then(|request| request.step);
    let Some(Step::Begin(begin)) = first else {
        return Err(out_of_turn());
    };
    let (session, most) = (member.facts.session, service.limits.logged_uploads);
    let begin = service.engine.blocking(move |engine| authorise(engine, &member, &begin, most)).await;
    let begin = begin.map_err(|e| refuse(&e))??;
    let slot = service.uploads.slot(&begin.terms.name);
    let turn = slot.take_turn(session);
    let (frames, queue) = mpsc::channel(QUEUE);
    let own = Arc::clone(&slot);
    let receiving = service.engine.blocking(move |engine| upload::receive(engine, &own, &begin, queue));
    let (fed, received) = tokio::join!(feed(requests, frames, turn, pace), receiving);
    let received = received.map_err(|e| refuse(&e))?;
    match (received, fed) {
        (Ok(signed), _) => Ok(wire::UploadResponse { receipt: Some(receipt(signed)) }),
        // What kept the frames from coming says more than that they did not come.
        (Err(upload::UploadError::Incomplete { .. }), Err(cause)) => Err(cause),
        (Err(error), _) => Err(refuse(&error)),
    }
}

/// Whether this participant may send this asset now, by its own signed word and the manifest.
fn authorise(engine: &Engine, member: &Member, begin: &wire::UploadBegin, most: u64) -> Result<Begin, Status> {
    let speaker = (&member.name, &member.facts);
    let said = statements::take_from::<AssetBody>(&begin.envelope, engine.signed(), speaker, now());
    let said = said.map_err(|e| refuse(&e))?;
    let event = Event::AssetBegin(AssetEvent { asset: said.asset.clone(), digest: said.digest, size: said.size });
    let permitted = engine.ledger().permits(&Actor::Participant(member.name.clone()), &event);
    permitted.map_err(|e| refuse(&LedgerError::from(e)))?;
    let terms = engine.signed().manifest().asset(said.asset.as_str());
    let terms = terms.ok_or_else(|| wire::refusal(Code::AssetUnknown, "the manifest names no such asset"))?;
    let salt = read_salt(&begin.salt)?;
    let begin = Begin { provider: member.name.clone(), terms, salt, offset: begin.offset, most };
    begin.hasher().map_err(|e| refuse(&e))?;
    Ok(begin)
}

/// 32 bytes of salt, or none.
pub(super) fn read_salt(bytes: &[u8]) -> Result<Option<Salt>, Status> {
    match <[u8; 32]>::try_from(bytes) {
        Ok(salt) => Ok(Some(Salt::from_bytes(salt))),
        Err(_) if bytes.is_empty() => Ok(None),
        Err(_) => Err(refuse(&upload::UploadError::Salt)),
    }
}

/// Hands frames on until they end, somebody else's turn comes, or they come too slowly.
async fn feed(
    mut requests: Streaming<wire::UploadRequest>,
    frames: mpsc::Sender<Bytes>,
    turn: CancellationToken,
    mut pace: Pace,
) -> Result<(), Status> {
    loop {
        let next = tokio::select! {
            biased;
            () = turn.cancelled() => return Err(superseded()),
            next = pace.next(&mut requests) => next?,
        };
        let Some(request) = next else { return Ok(()) };
        let Some(Step::Frame(frame)) = request.step else { return Err(out_of_turn()) };
        if frame.is_empty() || frame.len() > wire::FRAME_MAX {
            return Err(out_of_turn());
        }
        // The writer went away: its own error says why.
        if frames.send(frame).await.is_err() {
            return Ok(());
        }
    }
}

fn out_of_turn() -> Status {
    wire::refusal(Code::Usage, "expected one begin and then frames of 1 byte to 1 MiB, found another message")
}

fn superseded() -> Status {
    wire::refusal(
        Code::AgentBusy,
        "expected to finish this upload, found another connection of yours sending the asset",
    )
}

/// Ends a stream that is slower than the least rate for longer than the grace: every byte buys time.
struct Pace {
    due: Instant,
    grace: Duration,
    rate: u64,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        let grace = limits.upload_grace;
        Self { due: Instant::now() + grace, grace, rate: limits.upload_min_rate.max(1) }
    }

    async fn next(
        &mut self,
        requests: &mut Streaming<wire::UploadRequest>,
    ) -> Result<Option<wire::UploadRequest>, Status> {
        let next = timeout_at(self.due, requests.message()).await.map_err(|_| too_slow())?;
        let next = next.map_err(|status| wire::refusal(Code::ConnectionLost, status.message()))?;
        if let Some(Step::Frame(frame)) = next.as_ref().and_then(|request| request.step.as_ref()) {
            let bought = Duration::from_millis((frame.len() as u64).saturating_mul(1000) / self.rate);
            self.due = (self.due + bought).min(Instant::now() + self.grace);
        }
        Ok(next)
    }
}

fn too_slow() -> Status {
    wire::refusal(Code::LimitReached, "expected the upload at its least rate, found it slower; resume on a better line")
}

pub(super) async fn status(
    service: &Service,
    member: Member,
    asset: &str,
) -> Result<wire::UploadStatusResponse, Status> {
    let terms = service.engine.signed().manifest().asset(asset);
    let terms = terms.ok_or_else(|| wire::refusal(Code::AssetUnknown, "the manifest names no such asset"))?;
    if terms.provider != member.name {
        return Err(wire::refusal(
            Code::AssetWrongProvider,
            "expected the asset's provider, found another participant",
        ));
    }
    if terms.source.is_some() {
        let words = "expected an asset that is uploaded, found one that the agent fetches; see Status";
        return Err(wire::refusal(Code::AssetOtherWay, words));
    }
    let slot = service.uploads.slot(&terms.name);
    let look = move |engine: &Engine| {
        let durable = slot.settle(member.facts.session);
        let ledger = engine.ledger();
        let accepted = ledger.accepted(&terms.name);
        let durable = if accepted.is_some() { terms.size } else { durable };
        wire::UploadStatusResponse { durable, size: terms.size, receipt: accepted.map(receipt) }
    };
    service.engine.blocking(look).await.map_err(|e| refuse(&e))
}
