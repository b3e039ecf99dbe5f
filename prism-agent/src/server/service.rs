//! The calls of `prism.agent.v1`: convert, ask who is there, call, convert.

mod entrance;
mod log;
mod metrics;
mod outlet;
mod release;
mod results;
mod upload;

use std::pin::Pin;
use std::sync::Arc;

use prism_core::audit::entry::{Actor, Event, StopBody as StopEvent};
use prism_core::code::{Code, Coded};
use prism_core::statement::StopBody;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use self::outlet::Outlet;
use super::attest::Batcher;
use super::config::Limits;
use super::engine::{Engine, now};
use super::ledger::{LedgerError, Signed};
use super::pulls::Pulls;
use super::session::{Member, Session};
use super::shares::Fair;
use super::statements;
use super::upload::Uploads;
use crate::wire::{self, agent_server};

/// A stream of responses.
type Reply<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What every call can reach.
pub(super) struct Service {
    pub(super) engine: Engine,
    pub(super) batcher: Batcher,
    pub(super) uploads: Arc<Uploads>,
    pub(super) pulls: Arc<Pulls>,
    pub(super) limits: Limits,
    /// What participants share.
    pub(super) fair: Arc<Fair>,
    /// The bytes `B`, and what a statement for any session of this boot has to say.
    pub(super) boot: Arc<Boot>,
}

/// What is the same for a whole boot.
pub(super) struct Boot {
    pub(super) id: [u8; 16],
    pub(super) binding: Vec<u8>,
}

/// The wire form of an error: its code and its words, with their causes left inside.
fn refuse(error: &impl Coded) -> Status {
    if error.code() == Code::Internal {
        tracing::error!(%error, "a call failed");
    }
    wire::refusal(error.code(), &error.to_string())
}

fn receipt(signed: Signed) -> wire::Receipt {
    wire::Receipt { proof: signed.proof, entry: signed.entry }
}

fn session<T>(request: &Request<T>) -> Result<Arc<Session>, Status> {
    let session = request.extensions().get::<Arc<Session>>();
    session.cloned().ok_or_else(|| wire::refusal(Code::Internal, "expected a connection of this agent, found none"))
}

/// The participant who calls; everything but Attest and Authenticate asks for it first.
fn member<T>(request: &Request<T>) -> Result<Member, Status> {
    session(request)?.member().map_err(|error| refuse(&error))
}

impl Service {
    /// A stream of answers to whoever calls, as part of its share.
    fn outlet<T>(&self, request: &Request<T>) -> Result<Outlet, Status> {
        let session = session(request)?;
        let member = session.member().map_err(|error| refuse(&error))?;
        let share = self.fair.downloads.take(&member.name).map_err(|error| refuse(&error))?;
        Ok(Outlet::new(share, session.link().clone(), &self.limits))
    }
}

#[tonic::async_trait]
impl agent_server::Agent for Service {
    type WatchStream = Reply<wire::WatchResponse>;
    type LogsStream = Reply<wire::LogsResponse>;
    type MetricsStream = Reply<wire::MetricsResponse>;
    type DownloadResultStream = Reply<wire::DownloadResultResponse>;
    type TranscriptStream = Reply<wire::TranscriptResponse>;

    async fn attest(&self, request: Request<wire::AttestRequest>) -> Result<Response<wire::AttestResponse>, Status> {
        let session = session(&request)?;
        entrance::attest(self, &session, request.into_inner()).await.map(Response::new)
    }

    async fn authenticate(
        &self,
        request: Request<wire::AuthenticateRequest>,
    ) -> Result<Response<wire::AuthenticateResponse>, Status> {
        let session = session(&request)?;
        entrance::authenticate(self, &session, request.into_inner()).await.map(Response::new)
    }

    async fn upload(
        &self,
        request: Request<Streaming<wire::UploadRequest>>,
    ) -> Result<Response<wire::UploadResponse>, Status> {
        let member = member(&request)?;
        upload::upload(self, member, request.into_inner()).await.map(Response::new)
    }

    async fn upload_status(
        &self,
        request: Request<wire::UploadStatusRequest>,
    ) -> Result<Response<wire::UploadStatusResponse>, Status> {
        let member = member(&request)?;
        upload::status(self, member, request.into_inner()).await.map(Response::new)
    }

    async fn release_target(
        &self,
        request: Request<wire::ReleaseTargetRequest>,
    ) -> Result<Response<wire::ReleaseTargetResponse>, Status> {
        let member = member(&request)?;
        release::target(self, &member, &request.into_inner().asset).map(Response::new)
    }

    async fn release(&self, request: Request<wire::ReleaseRequest>) -> Result<Response<wire::ReleaseResponse>, Status> {
        let member = member(&request)?;
        release::release(self, member, request.into_inner()).await.map(Response::new)
    }

    async fn watch(&self, request: Request<wire::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let outlet = self.outlet(&request)?;
        Ok(Response::new(log::watch(self, outlet, request.into_inner().from)))
    }

    async fn logs(&self, request: Request<wire::LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        let (member, outlet) = (member(&request)?, self.outlet(&request)?);
        log::output(self, &member, outlet, request.into_inner()).map(Response::new)
    }

    async fn metrics(&self, request: Request<wire::MetricsRequest>) -> Result<Response<Self::MetricsStream>, Status> {
        let (member, outlet) = (member(&request)?, self.outlet(&request)?);
        metrics::metrics(self, &member, outlet, request.into_inner()).map(Response::new)
    }

    async fn stop(&self, request: Request<wire::StopRequest>) -> Result<Response<wire::StopResponse>, Status> {
        let member = member(&request)?;
        let envelope = request.into_inner().envelope;
        let stop = move |engine: &Engine| {
            let speaker = (&member.name, &member.facts);
            statements::take_from::<StopBody>(&envelope, engine.signed(), speaker, now()).map_err(|e| refuse(&e))?;
            let event = Event::Stop(StopEvent { code: Code::RunStopped.to_string() });
            let stopped = engine.ledger().act(Actor::Participant(member.name.clone()), event);
            stopped.map_err(|e: LedgerError| refuse(&e))
        };
        let signed = self.engine.blocking(stop).await.map_err(|e| refuse(&e))??;
        Ok(Response::new(wire::StopResponse { receipt: Some(receipt(signed)) }))
    }

    async fn request_result(
        &self,
        request: Request<wire::RequestResultRequest>,
    ) -> Result<Response<wire::RequestResultResponse>, Status> {
        let member = member(&request)?;
        results::request(self, member, request.into_inner()).await.map(Response::new)
    }

    async fn download_result(
        &self,
        request: Request<wire::DownloadResultRequest>,
    ) -> Result<Response<Self::DownloadResultStream>, Status> {
        let (member, outlet) = (member(&request)?, self.outlet(&request)?);
        results::download(self, &member, outlet, request.into_inner().offset).await.map(Response::new)
    }

    async fn ack_result(
        &self,
        request: Request<wire::AckResultRequest>,
    ) -> Result<Response<wire::AckResultResponse>, Status> {
        let member = member(&request)?;
        results::acknowledge(self, member, request.into_inner()).await.map(Response::new)
    }

    async fn checkpoint(
        &self,
        request: Request<wire::CheckpointRequest>,
    ) -> Result<Response<wire::CheckpointResponse>, Status> {
        member(&request)?;
        log::checkpoint(self, request.into_inner().known_size).await.map(Response::new)
    }

    async fn tile(&self, request: Request<wire::TileRequest>) -> Result<Response<wire::TileResponse>, Status> {
        member(&request)?;
        log::tile(self, &request.into_inner().path).await.map(Response::new)
    }

    async fn transcript(
        &self,
        request: Request<wire::TranscriptRequest>,
    ) -> Result<Response<Self::TranscriptStream>, Status> {
        let outlet = self.outlet(&request)?;
        log::transcript(self, outlet).await.map(Response::new)
    }

    async fn status(&self, request: Request<wire::StatusRequest>) -> Result<Response<wire::StatusResponse>, Status> {
        member(&request)?;
        log::status(self).await.map(Response::new)
    }
}
