//! Upload and `UploadStatus`.

use std::ops::Range;

use bytes::Bytes;
use prism_core::audit::entry::{Actor, AssetBody as AssetEvent, Event};
use prism_core::code::Code;
use prism_core::digest::Salt;
use prism_core::statement::AssetBody;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{Service, receipt, refuse};
use crate::ranges::Spans;
use crate::server::engine::{Engine, now};
use crate::server::ledger::LedgerError;
use crate::server::pace::Pace;
use crate::server::session::Member;
use crate::server::statements;
use crate::server::upload::{self, Begin, QUEUE, Received, STREAMS, UploadError};
use crate::wire::{self, upload_request::Step};

pub(super) async fn upload(
    service: &Service,
    member: Member,
    mut requests: Streaming<wire::UploadRequest>,
) -> Result<wire::UploadResponse, Status> {
    // Before anything is read, so that what is read is bounded.
    let admitted = service.fair.uploads.take(&member.name).map_err(|e| refuse(&e))?;
    let mut pace = Pace::bringing(&service.limits);
    let first = next(&mut requests, &mut pace).await?.and_then(|request| request.step);
    let Some(Step::Begin(begin)) = first else {
        return Err(out_of_turn());
    };
    let (session, most) = (member.facts.session, service.limits.logged_uploads);
    let begin = service.engine.blocking(move |engine| authorise(engine, &member, &begin, most)).await;
    let begin = begin.map_err(|e| refuse(&e))??;
    let span = begin.span().map_err(|e| refuse(&e))?;
    let turn = service.uploads.slot(&begin.terms.name).take_turn(session, span);
    let turn = turn.ok_or_else(|| refuse(&UploadError::Scattered { most: STREAMS }))?;
    let end = turn.end();
    let (frames, queue) = mpsc::channel(QUEUE);
    let receiving = service.engine.blocking(move |engine| {
        let received = upload::receive(engine, &turn, &begin, queue);
        drop(admitted);
        received
    });
    let (fed, received) = tokio::join!(feed(requests, frames, end, pace), receiving);
    match (received.map_err(|e| refuse(&e))?, fed) {
        (Ok(received), _) => Ok(answer(received)),
        // What kept the frames from coming says more than that they did not come.
        (Err(UploadError::Incomplete { .. }), Err(cause)) => Err(cause),
        (Err(error), _) => Err(refuse(&error)),
    }
}

fn answer(received: Received) -> wire::UploadResponse {
    match received {
        Received::Accepted(signed) => wire::UploadResponse { receipt: Some(receipt(signed)), held: false },
        Received::Held => wire::UploadResponse { receipt: None, held: true },
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
    let (offset, length) = (begin.offset, begin.length);
    let begin = Begin { provider: member.name.clone(), terms, salt, offset, length, most };
    begin.hasher().map_err(|e| refuse(&e))?;
    Ok(begin)
}

/// 32 bytes of salt, or none.
pub(super) fn read_salt(bytes: &[u8]) -> Result<Option<Salt>, Status> {
    match Salt::from_slice(bytes) {
        None if bytes.is_empty() => Ok(None),
        None => Err(refuse(&UploadError::Salt)),
        salt => Ok(salt),
    }
}

/// How long a stream that has to make room is quiet before it is taken to have brought all that was on its way, and how
/// long it may go on in any case.
const QUIET: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(2);

/// Hands frames on until they end, somebody else's turn comes, or they come too slowly. What a broken connection had
/// brought when another one took its place is not lost: its sender would have to send it again.
async fn feed(
    mut requests: Streaming<wire::UploadRequest>,
    frames: mpsc::Sender<Bytes>,
    end: CancellationToken,
    mut pace: Pace,
) -> Result<(), Status> {
    // Also when this call is dropped because its client gave it up.
    let _over = end.clone().drop_guard();
    let mut closing: Option<Instant> = None;
    loop {
        let next = match closing {
            None => tokio::select! {
                biased;
                () = end.cancelled() => {
                    closing = Some(Instant::now() + LAST);
                    continue;
                }
                next = next(&mut requests, &mut pace) => next?,
            },
            Some(last) if Instant::now() >= last => return Err(superseded()),
            Some(_) => timeout(QUIET, next(&mut requests, &mut pace)).await.map_err(|_| superseded())??,
        };
        let Some(request) = next else { return Ok(()) };
        let Some(Step::Frame(frame)) = request.step else { return Err(out_of_turn()) };
        if frame.is_empty() || frame.len() > wire::FRAME_MAX {
            return Err(out_of_turn());
        }
        let begun = Instant::now();
        // The writer went away: its own error says why.
        if frames.send(frame).await.is_err() {
            return Ok(());
        }
        // A disk that is slower than the line is not its sender's fault.
        pace.excuse(begun.elapsed());
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

/// The next message, if it comes in time.
async fn next(
    requests: &mut Streaming<wire::UploadRequest>,
    pace: &mut Pace,
) -> Result<Option<wire::UploadRequest>, Status> {
    let next = timeout_at(pace.due(), requests.message()).await.map_err(|_| too_slow())?;
    let next = next.map_err(|status| wire::refusal(Code::ConnectionLost, status.message()))?;
    if let Some(Step::Frame(frame)) = next.as_ref().and_then(|request| request.step.as_ref()) {
        pace.buy(frame.len());
    }
    Ok(next)
}

fn too_slow() -> Status {
    wire::refusal(Code::LimitReached, "expected the upload at its least rate, found it slower; resume on a better line")
}

pub(super) async fn status(
    service: &Service,
    member: Member,
    asked: wire::UploadStatusRequest,
) -> Result<wire::UploadStatusResponse, Status> {
    let terms = service.engine.signed().manifest().asset(&asked.asset);
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
    // Threads are few: a participant's questions wait for each other, not everybody's for one participant's.
    let place = service.fair.statuses.take(&member.name).await;
    let slot = service.uploads.slot(&terms.name);
    let size = terms.size;
    let length = if asked.length == 0 { size } else { asked.length };
    let span = asked.offset.min(size)..asked.offset.saturating_add(length).min(size);
    let look = move |engine: &Engine| {
        let _place = place;
        slot.settle(member.facts.session, &span);
        let held = slot.durable();
        match engine.ledger().accepted(&terms.name) {
            Some(signed) => {
                wire::UploadStatusResponse { durable: size, size, receipt: Some(receipt(signed)), beyond: vec![] }
            }
            None => {
                wire::UploadStatusResponse { durable: held.end_from(0), size, receipt: None, beyond: beyond(&held) }
            }
        }
    };
    service.engine.blocking(look).await.map_err(|e| refuse(&e))
}

/// What is held after the first gap.
fn beyond(held: &Spans) -> Vec<wire::Span> {
    let span = |Range { start, end }: Range<u64>| wire::Span { offset: start, length: end - start };
    held.iter().filter(|span| span.start > 0).map(span).collect()
}
