//! `RequestResult`, `DownloadResult` and `AckResult`: exactly once (protocol, section 7).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use prism_core::code::Code;
use prism_core::statement::{ResultAckBody, ResultRequestBody};
use tokio::task;
use tonic::Status;

use super::outlet::{Outlet, Tap};
use super::{Reply, Service, receipt, refuse};
use crate::server::engine::{Engine, now};
use crate::server::session::Member;
use crate::server::statements;
use crate::server::vault::{self, VaultError};
use crate::wire;

/// Bytes of one frame of a download.
const FRAME: usize = 256 * 1024;

/// Frames that may wait for the network.
const QUEUE: usize = 4;

pub(super) async fn request(
    service: &Service,
    member: Member,
    request: wire::RequestResultRequest,
) -> Result<wire::RequestResultResponse, Status> {
    let release = move |engine: &Engine| {
        let speaker = (&member.name, &member.facts);
        let said = statements::take_from::<ResultRequestBody>(&request.envelope, engine.signed(), speaker, now());
        vault::release(engine, &member.name, &said.map_err(|e| refuse(&e))?).map_err(|e| refuse(&e))
    };
    let (released, signed) = service.engine.blocking(release).await.map_err(|e| refuse(&e))??;
    Ok(wire::RequestResultResponse {
        header: released.header,
        sealed_length: released.length,
        receipt: Some(receipt(signed)),
    })
}

pub(super) async fn acknowledge(
    service: &Service,
    member: Member,
    request: wire::AckResultRequest,
) -> Result<wire::AckResultResponse, Status> {
    let acknowledge = move |engine: &Engine| {
        let speaker = (&member.name, &member.facts);
        let said = statements::take_from::<ResultAckBody>(&request.envelope, engine.signed(), speaker, now());
        vault::acknowledge(engine, &member.name, &said.map_err(|e| refuse(&e))?).map_err(|e| refuse(&e))
    };
    let signed = service.engine.blocking(acknowledge).await.map_err(|e| refuse(&e))??;
    Ok(wire::AckResultResponse { receipt: Some(receipt(signed)) })
}

pub(super) async fn download(
    service: &Service,
    member: &Member,
    outlet: Outlet,
    offset: u64,
) -> Result<Reply<wire::DownloadResultResponse>, Status> {
    let consumer = member.name.clone();
    let open = move |engine: &Engine| {
        if !engine.signed().manifest().results.consumers.contains(&consumer) {
            return Err(wire::refusal(
                Code::RoleRefused,
                "expected a consumer of the result, found another participant",
            ));
        }
        let path = engine.vault().ciphertext(&consumer).ok_or_else(|| refuse(&gone(engine, &consumer)))?;
        open_at(&path, offset).map_err(|_| wire::refusal(Code::FileIo, "expected to read the sealed result"))
    };
    let file = service.engine.blocking(open).await.map_err(|e| refuse(&e))??;
    let (tap, answers) = outlet.open(QUEUE);
    tokio::spawn(send(file, tap));
    Ok(answers)
}

fn gone(engine: &Engine, consumer: &prism_core::name::Name) -> VaultError {
    if engine.vault().holdings().contains_key(consumer) { VaultError::Gone } else { VaultError::None }
}

fn open_at(path: &std::path::Path, offset: u64) -> io::Result<File> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file)
}

/// Sends the rest of a file; ends by itself when the client goes.
async fn send(mut file: File, mut tap: Tap<wire::DownloadResultResponse>) {
    loop {
        let read = task::spawn_blocking(move || read_frame(&mut file).map(|frame| (file, frame))).await;
        let Ok(Ok((returned, frame))) = read else {
            let failed = wire::refusal(Code::FileIo, "expected to read the sealed result, found an error");
            tap.fail(failed).await;
            return;
        };
        file = returned;
        let length = frame.len();
        if length == 0 || !tap.give(wire::DownloadResultResponse { frame }, length).await {
            return;
        }
    }
}

fn read_frame(file: &mut File) -> io::Result<Bytes> {
    let mut frame = Vec::with_capacity(FRAME);
    file.take(FRAME as u64).read_to_end(&mut frame)?;
    Ok(frame.into())
}
