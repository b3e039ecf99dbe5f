//! What everybody in the manifest may see: `Watch`, `Checkpoint`, `Tile`, `Transcript`, `Status`; and `Logs` for some.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prism_core::asset::AssetTerms;
use prism_core::audit::tile::Tile;
use prism_core::code::Code;
use prism_core::lifecycle::Phase;
use prism_core::name::Name;
use prism_core::release::Release;
use prism_core::transcript::{Base64Bytes, EvidenceRecord, Transcript, TranscriptError, TranscriptFormat};
use tokio::sync::watch::Receiver;
use tonic::Status;

use super::outlet::{Outlet, Tap};
use super::{Reply, Service, refuse};
use crate::server::attest::Report;
use crate::server::engine::{Engine, Interrupted, Mark};
use crate::server::ledger::Line;
use crate::server::session::Member;
use crate::server::vault::Holding;
use crate::wire::{self, logs_response::Output};

/// Entries that are read under one lock.
const BATCH: u64 = 64;

/// Responses that may wait for the network.
const QUEUE: usize = 16;

/// Bytes of one frame of a transcript or of output.
const FRAME: usize = 256 * 1024;

/// How often the algorithm's output is looked at.
const TAIL: Duration = Duration::from_millis(250);

pub(super) fn watch(service: &Service, outlet: Outlet, from: u64) -> Reply<wire::WatchResponse> {
    let (mut tap, answers) = outlet.open(QUEUE);
    let engine = service.engine.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = tap.gone() => {}
            _ = follow(&engine, from, &mut tap) => {}
        }
    });
    answers
}

/// Sends entries as they come, until the log is closed.
async fn follow(engine: &Engine, mut next: u64, tap: &mut Tap<wire::WatchResponse>) -> Result<(), Interrupted> {
    let mut mark = engine.watch();
    loop {
        let seen = *mark.borrow_and_update();
        while next < seen.size {
            for response in engine.blocking(move |engine| read_entries(engine, next)).await? {
                next = response.index.saturating_add(1);
                let length = response.entry.len();
                if !tap.give(response, length).await {
                    return Ok(());
                }
            }
        }
        if seen.outcome.is_some() || mark.changed().await.is_err() {
            return Ok(());
        }
    }
}

fn read_entries(engine: &Engine, from: u64) -> Vec<wire::WatchResponse> {
    let ledger = engine.ledger();
    let indexes = from..ledger.size().min(from.saturating_add(BATCH));
    let last = indexes.end.saturating_sub(1);
    let read = |index| {
        let line = ledger.line(index)?;
        let checkpoint = if index == last { ledger.head().as_str().to_owned() } else { String::new() };
        Some(wire::WatchResponse { index, entry: line.entry.clone(), state: line.phase.to_string(), checkpoint })
    };
    indexes.filter_map(read).collect()
}

pub(super) async fn checkpoint(service: &Service, known: u64) -> Result<wire::CheckpointResponse, Status> {
    let look = move |engine: &Engine| {
        let ledger = engine.ledger();
        let consistency = ledger.consistency(known).iter().map(|hash| hash.as_bytes().to_vec().into()).collect();
        wire::CheckpointResponse { checkpoint: ledger.head().as_str().to_owned(), consistency }
    };
    service.engine.blocking(look).await.map_err(|e| refuse(&e))
}

pub(super) async fn tile(service: &Service, path: &str) -> Result<wire::TileResponse, Status> {
    let tile: Tile = path.parse().map_err(|e| refuse(&e))?;
    let written = service.engine.blocking(move |engine| engine.ledger().tile(&tile)).await.map_err(|e| refuse(&e))?;
    Ok(wire::TileResponse { tile: written.map_err(|e| refuse(&e))?.into() })
}

pub(super) async fn transcript(service: &Service, outlet: Outlet) -> Result<Reply<wire::TranscriptResponse>, Status> {
    let binding = service.boot.binding.clone();
    let assembled = service.engine.blocking(move |engine| assemble(engine, binding)).await.map_err(|e| refuse(&e))?;
    let mut rest = Bytes::from(assembled.map_err(|e| refuse(&e))?);
    let (mut tap, answers) = outlet.open(QUEUE);
    tokio::spawn(async move {
        while !rest.is_empty() {
            let frame = rest.split_to(rest.len().min(FRAME));
            let length = frame.len();
            if !tap.give(wire::TranscriptResponse { frame }, length).await {
                return;
            }
        }
    });
    Ok(answers)
}

fn assemble(engine: &Engine, binding: Vec<u8>) -> Result<Vec<u8>, TranscriptError> {
    let text = |line: &Line| String::from_utf8_lossy(&line.entry).into_owned();
    let record = |report: &Arc<Report>| EvidenceRecord {
        platform: report.evidence.platform().to_string(),
        evidence: Base64Bytes(report.evidence.bytes().to_vec()),
        endorsements: Base64Bytes(report.endorsements.to_json()),
    };
    // All evidence of an agent is of one boot.
    let event_log = |report: &Arc<Report>| Some(Base64Bytes(report.evidence.event_log()?.to_vec()));
    let transcript = engine.at_one_moment(|ledger, reports| Transcript {
        format: TranscriptFormat::V1,
        manifest: Base64Bytes(engine.signed().to_bytes()),
        binding: Base64Bytes(binding),
        evidence: reports.iter().map(record).collect(),
        event_log: reports.first().and_then(event_log),
        entries: ledger.lines().iter().map(text).collect(),
        checkpoint: ledger.head().as_str().to_owned(),
        receipts: Vec::new(),
    });
    transcript.to_bytes()
}

pub(super) async fn status(service: &Service) -> Result<wire::StatusResponse, Status> {
    let (uploads, pulls) = (Arc::clone(&service.uploads), Arc::clone(&service.pulls));
    let boot_id = service.boot.id.to_vec().into();
    let look = move |engine: &Engine| {
        let ledger = engine.ledger();
        let manifest = engine.signed().manifest();
        let asset = |asset: AssetTerms| {
            let accepted = ledger.accepted(&asset.name).is_some();
            let durable = if accepted { asset.size } else { uploads.slot(&asset.name).durable().bytes() };
            let pull = asset.source.as_ref().map(|source| pulls.status(&asset.name, source.size));
            wire::AssetStatus { name: asset.name.to_string(), accepted, durable, size: asset.size, pull }
        };
        wire::StatusResponse {
            boot_id,
            computation: manifest.id.to_string(),
            platform: engine.platform().to_string(),
            state: ledger.state().phase().to_string(),
            log_size: ledger.size(),
            assets: manifest.assets().into_iter().map(asset).collect(),
            results: results(engine, |consumer| ledger.state().release(consumer).cloned()),
        }
    };
    service.engine.blocking(look).await.map_err(|e| refuse(&e))
}

fn results(engine: &Engine, release: impl Fn(&str) -> Option<Release>) -> Vec<wire::ResultStatus> {
    let status = |(consumer, holding): (Name, Holding)| {
        let release = release(consumer.as_str());
        let recipient = match &release {
            Some(Release::Released { recipient, .. } | Release::Acked { recipient, .. }) => recipient.clone(),
            _ => String::new(),
        };
        wire::ResultStatus {
            consumer: consumer.to_string(),
            digest: holding.payload.to_string(),
            sealed_length: holding.length,
            recipient,
            acknowledged: matches!(release, Some(Release::Acked { .. })),
        }
    };
    engine.vault().holdings().into_iter().map(status).collect()
}

pub(super) fn output(
    service: &Service,
    member: &Member,
    outlet: Outlet,
    request: wire::LogsRequest,
) -> Result<Reply<wire::LogsResponse>, Status> {
    let policy = &service.engine.signed().manifest().logs;
    let (stdout, stderr) = (policy.stdout.contains(&member.name), policy.stderr.contains(&member.name));
    if !stdout && !stderr {
        let words = "expected a reader that the manifest's logs policy names, found another participant";
        return Err(wire::refusal(Code::RoleRefused, words));
    }
    let tails = [
        stdout.then_some(Tail::stdout(request.stdout_offset)),
        stderr.then_some(Tail { stream: "stderr", offset: request.stderr_offset, wrap: Output::Stderr }),
    ];
    let (mut tap, answers) = outlet.open(QUEUE);
    let engine = service.engine.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = tap.gone() => {}
            () = tail(&engine, tails.into_iter().flatten().collect(), &mut tap) => {}
        }
    });
    Ok(answers)
}

/// One stream of the algorithm's output and how much of it the reader has.
#[derive(Clone, Copy)]
pub(super) struct Tail {
    stream: &'static str,
    offset: u64,
    wrap: fn(Bytes) -> Output,
}

impl Tail {
    /// Standard output from `offset` on.
    pub(super) const fn stdout(offset: u64) -> Self {
        Self { stream: "stdout", offset, wrap: Output::Stdout }
    }
}

async fn tail(engine: &Engine, mut tails: Vec<Tail>, tap: &mut Tap<wire::LogsResponse>) {
    let mut mark = engine.watch();
    loop {
        // Looked at before the files: what was written until the run ended is then read after it.
        let ended = has_ended(mark.borrow_and_update().phase);
        let mut quiet = true;
        for tail in &mut tails {
            let at = *tail;
            let read = engine.blocking(move |engine| read_at(engine, at)).await;
            let Ok(Ok(bytes)) = read else {
                tap.fail(refuse(&Interrupted)).await;
                return;
            };
            if bytes.is_empty() {
                continue;
            }
            let length = bytes.len();
            (quiet, tail.offset) = (false, tail.offset.saturating_add(length as u64));
            if !tap.give(wire::LogsResponse { output: Some((tail.wrap)(bytes)) }, length).await {
                return;
            }
        }
        match (quiet, ended) {
            (true, true) => return,
            (false, _) => {}
            (true, false) => pause(&mut mark).await,
        }
    }
}

/// Waits for the next state, or until it is time to look at the output again.
pub(super) async fn pause(mark: &mut Receiver<Mark>) {
    let _ = tokio::time::timeout(TAIL, mark.changed()).await;
}

pub(super) const fn has_ended(phase: Phase) -> bool {
    matches!(phase, Phase::Delivering | Phase::Failed | Phase::Stopped | Phase::Closed)
}

pub(super) fn read_at(engine: &Engine, tail: Tail) -> io::Result<Bytes> {
    let mut file = match File::open(engine.store().output(tail.stream)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Bytes::new()),
        opened => opened?,
    };
    file.seek(SeekFrom::Start(tail.offset))?;
    let mut bytes = Vec::new();
    file.take(FRAME as u64).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}
