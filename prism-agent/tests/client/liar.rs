//! An agent that earns trust on a genuine (pretend) machine and then does whatever a test wants.

#[path = "liar/wiretap.rs"]
mod wiretap;
#[path = "liar/world.rs"]
mod world;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use prism_attest::binding::{Batch, ReportData, SessionBinding};
use prism_core::audit::entry::{
    Actor, AssetBody, AuthBody, Event, KeyReleasedBody, Releaser, ResultAckedBody, ResultReleasedBody, StopBody,
};
use prism_core::envelope::Envelope;
use prism_core::release::{Answer, Release};
use prism_core::seal;
use prism_core::statement::{self, ResultRequestBody};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::common::Computation;
use crate::common::wire::{self, agent_server, upload_request};
use wiretap::Tapped;
pub(crate) use world::{Lies, RESULT, World};

type Reply<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answered<T> = Result<Response<T>, Status>;

/// The agent; its world may be looked at and changed while it runs.
pub(crate) struct Liar {
    pub(crate) address: std::net::SocketAddr,
    world: Arc<Mutex<World>>,
}

impl Liar {
    pub(crate) async fn start(computation: &Computation) -> Self {
        let (world, tls) = World::new(computation);
        let world = Arc::new(Mutex::new(world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let (accepted, incoming) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    let _ = accepted.send(Ok::<_, std::io::Error>(Tapped::new(tls))).await;
                }
            }
        });
        let service = agent_server::AgentServer::new(Service(Arc::clone(&world)));
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
        Self { address, world }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// From now on, lies like this.
    pub(crate) fn lie(&self, how: impl FnOnce(&mut Lies)) {
        how(&mut self.world().lies);
    }
}

struct Service(Arc<Mutex<World>>);

impl Service {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Hands an answer out, or breaks the call after its effect.
    fn answer<T>(&self, call: &'static str, answer: T) -> Answered<T> {
        let confirmed = matches!(self.world().release, Release::Acked { .. });
        let is_gone = confirmed && self.world().lies.leaves_when_done && call != "ack_result";
        if is_gone || self.world().lies.lost_answers.remove(call) {
            return Err(Status::unavailable("the line broke"));
        }
        Ok(Response::new(answer))
    }
}

fn said<T: DeserializeOwned>(envelope: &[u8]) -> T {
    serde_json::from_slice(Envelope::read(envelope).unwrap().payload_unverified()).unwrap()
}

fn speaker(envelope: &[u8]) -> Actor {
    #[derive(serde::Deserialize)]
    struct Said {
        participant: prism_core::name::Name,
    }
    Actor::Participant(said::<Said>(envelope).participant)
}

#[tonic::async_trait]
impl agent_server::Agent for Service {
    type WatchStream = Reply<wire::WatchResponse>;
    type LogsStream = Reply<wire::LogsResponse>;
    type MetricsStream = Reply<wire::MetricsResponse>;
    type DownloadResultStream = Reply<wire::DownloadResultResponse>;
    type TranscriptStream = Reply<wire::TranscriptResponse>;

    async fn attest(&self, request: Request<wire::AttestRequest>) -> Answered<wire::AttestResponse> {
        let tap = request.extensions().get::<wiretap::Tap>().unwrap().clone();
        let wire::AttestRequest { client_nonce, known_size } = request.into_inner();
        let client_nonce: [u8; 32] = client_nonce.as_ref().try_into().unwrap();
        let session = SessionBinding { exporter: tap.export(&client_nonce), client_nonce, agent_nonce: [0xA1; 32] };
        let batch = Batch::new(&[session.leaf()]).unwrap();
        let mut world = self.world();
        world.session = hex::encode(session.leaf().as_bytes());
        let data = ReportData::compose(&batch.root(), &world.binding);
        let (evidence, endorsements) = world.vendor.attest(&data, &world.lies.mutations).unwrap();
        let head = world.head(known_size);
        let mut answer = wire::AttestResponse {
            agent_nonce: session.agent_nonce.to_vec().into(),
            platform: evidence.platform().to_string(),
            evidence: evidence.bytes().to_vec().into(),
            endorsements: endorsements.to_json().into(),
            path: vec![],
            index: 0,
            batch_size: 1,
            binding: world.binding.encode().into(),
            checkpoint: head.checkpoint,
            consistency: head.consistency,
            event_log: Vec::new().into(),
        };
        if let Some(lie) = &world.lies.attest {
            lie(&mut answer);
        }
        drop(world);
        self.answer("attest", answer)
    }

    async fn authenticate(&self, request: Request<wire::AuthenticateRequest>) -> Answered<wire::AuthenticateResponse> {
        let actor = speaker(&request.into_inner().envelope);
        let receipt = {
            let mut world = self.world();
            let session = world.session.clone();
            world.act(actor, Event::AuthOk(AuthBody { session }))
        };
        self.answer("authenticate", wire::AuthenticateResponse { receipt: Some(receipt) })
    }

    async fn upload(&self, request: Request<Streaming<wire::UploadRequest>>) -> Answered<wire::UploadResponse> {
        let mut steps = request.into_inner();
        let Some(upload_request::Step::Begin(begin)) = steps.message().await?.unwrap().step else { panic!("no begin") };
        let statement::AssetBody { asset, digest, size, .. } = said(&begin.envelope);
        let body = AssetBody { asset, digest, size };
        self.world().act(speaker(&begin.envelope), Event::AssetBegin(body.clone()));
        while let Some(message) = steps.message().await? {
            let Some(upload_request::Step::Frame(frame)) = message.step else { panic!("no frame") };
            self.world().received.extend_from_slice(&frame);
        }
        let receipt = self.world().act(speaker(&begin.envelope), Event::AssetAccepted(body));
        self.answer("upload", wire::UploadResponse { receipt: Some(receipt), held: false })
    }

    async fn upload_status(&self, _: Request<wire::UploadStatusRequest>) -> Answered<wire::UploadStatusResponse> {
        let durable = self.world().lies.durable;
        self.answer("upload_status", wire::UploadStatusResponse { durable, size: 0, receipt: None, beyond: vec![] })
    }

    async fn release_target(&self, _: Request<wire::ReleaseTargetRequest>) -> Answered<wire::ReleaseTargetResponse> {
        let recipient = self.world().lies.target.clone();
        self.answer("release_target", wire::ReleaseTargetResponse { recipient })
    }

    async fn release(&self, request: Request<wire::ReleaseRequest>) -> Answered<wire::ReleaseResponse> {
        let wire::ReleaseRequest { envelope, header, sealed_key, .. } = request.into_inner();
        let statement::AssetBody { asset, .. } = said(&envelope);
        let receipt = {
            let mut world = self.world();
            world.received.extend_from_slice(&header);
            world.received.extend_from_slice(&sealed_key);
            let recipient = world.lies.target.clone();
            let body = KeyReleasedBody { asset, recipient, by: Releaser::Provider };
            world.act(speaker(&envelope), Event::KeyReleased(body))
        };
        self.answer("release", wire::ReleaseResponse { receipt: Some(receipt) })
    }

    async fn watch(&self, request: Request<wire::WatchRequest>) -> Answered<Self::WatchStream> {
        let mut told = self.world().watched(request.into_inner().from);
        if let Some(lie) = &self.world().lies.watch {
            lie(&mut told);
        }
        let stream = tokio_stream::iter(told.into_iter().map(Ok)).chain(tokio_stream::pending());
        Ok(Response::new(Box::pin(stream)))
    }

    async fn logs(&self, _: Request<wire::LogsRequest>) -> Answered<Self::LogsStream> {
        Err(Status::unimplemented("logs"))
    }

    async fn metrics(&self, _: Request<wire::MetricsRequest>) -> Answered<Self::MetricsStream> {
        let told = self.world().lies.metrics.clone();
        Ok(Response::new(Box::pin(tokio_stream::iter(told.into_iter().map(Ok)))))
    }

    async fn stop(&self, request: Request<wire::StopRequest>) -> Answered<wire::StopResponse> {
        let event = Event::Stop(StopBody { code: "run.stopped".to_owned() });
        let receipt = self.world().act(speaker(&request.into_inner().envelope), event);
        self.answer("stop", wire::StopResponse { receipt: Some(receipt) })
    }

    async fn request_result(
        &self,
        request: Request<wire::RequestResultRequest>,
    ) -> Answered<wire::RequestResultResponse> {
        let envelope = request.into_inner().envelope;
        let ResultRequestBody { recipient, ciphertext, .. } = said(&envelope);
        let answer = {
            let mut world = self.world();
            match world.release.request(&recipient, ciphertext) {
                Ok(Answer::First) => {
                    world.release = world.release.released(&recipient, ciphertext).unwrap();
                    let event = ResultReleasedBody { recipient: recipient.clone(), payload: ciphertext };
                    world.receipt = Some(world.act(speaker(&envelope), Event::ResultReleased(event)));
                }
                Ok(_) => {}
                Err(refused) => return Err(world::refusal(&refused)),
            }
            let header = seal::header(&world.file_key, &[recipient.parse().unwrap()], &mut world::entropy()).unwrap();
            let sealed_length = world.payload.len() as u64;
            wire::RequestResultResponse { header: header.into(), sealed_length, receipt: world.receipt.clone() }
        };
        self.answer("request_result", answer)
    }

    async fn download_result(
        &self,
        request: Request<wire::DownloadResultRequest>,
    ) -> Answered<Self::DownloadResultStream> {
        let offset = usize::try_from(request.into_inner().offset).unwrap();
        let mut world = self.world();
        world.downloads.push(offset);
        let mut frames: Vec<_> = world.payload[offset..]
            .chunks(1000)
            .map(|chunk| Ok(wire::DownloadResultResponse { frame: chunk.to_vec().into() }))
            .collect();
        if let Some(n) = world.lies.frames_before_break.pop_front() {
            frames.truncate(n);
            frames.push(Err(Status::unavailable("the line broke")));
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(frames))))
    }

    async fn ack_result(&self, request: Request<wire::AckResultRequest>) -> Answered<wire::AckResultResponse> {
        let envelope = request.into_inner().envelope;
        let receipt = {
            let mut world = self.world();
            let payload = world.release.payload();
            if matches!(world.release.ack(payload).map_err(|e| world::refusal(&e))?, Answer::First) {
                world.release = world.release.acked(payload).unwrap();
                let event = Event::ResultAcked(ResultAckedBody { payload });
                world.receipt = Some(world.act(speaker(&envelope), event));
            }
            world.receipt.clone()
        };
        self.answer("ack_result", wire::AckResultResponse { receipt })
    }

    async fn checkpoint(&self, request: Request<wire::CheckpointRequest>) -> Answered<wire::CheckpointResponse> {
        let mut answer = self.world().head(request.into_inner().known_size);
        if let Some(lie) = &self.world().lies.head {
            lie(&mut answer);
        }
        self.answer("checkpoint", answer)
    }

    async fn tile(&self, _: Request<wire::TileRequest>) -> Answered<wire::TileResponse> {
        Err(Status::unimplemented("tile"))
    }

    async fn transcript(&self, _: Request<wire::TranscriptRequest>) -> Answered<Self::TranscriptStream> {
        let frame = self.world().transcript().into();
        Ok(Response::new(Box::pin(tokio_stream::iter([Ok(wire::TranscriptResponse { frame })]))))
    }

    async fn status(&self, _: Request<wire::StatusRequest>) -> Answered<wire::StatusResponse> {
        let answer = self.world().status();
        self.answer("status", answer)
    }
}
