//! Bytes over TLS, bare and as gRPC frames; and the usual scheme, which has all of them in memory before it looks.

use std::io::{self, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use aws_lc_rs::digest::{SHA3_256, digest};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::server::Connected;
use tonic::transport::{Endpoint, Server, Uri};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::common::peer::{handshake, tls};
use crate::common::wire::upload_request::Step;
use crate::common::wire::{UploadRequest, UploadResponse};

/// As an agent and a client set them.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
const MESSAGE_MAX: usize = 2 * 1024 * 1024;

type Upload = Result<Response<UploadResponse>, Status>;

/// A listening socket and what a server does its handshakes with.
async fn listening() -> (TcpListener, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["x.invalid".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut config = ServerConfig::builder_with_protocol_versions(&[&TLS13])
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (TcpListener::bind("127.0.0.1:0").await.unwrap(), TlsAcceptor::from(Arc::new(config)))
}

/// TLS and nothing else; the answer of one byte says that everything has come.
pub(crate) fn bare(runtime: &Runtime, data: &Bytes) {
    let data = data.clone();
    runtime.block_on(async {
        let (listener, acceptor) = listening().await;
        let address = listener.local_addr().unwrap();
        let length = data.len();
        let receiving = tokio::spawn(async move {
            let mut tls = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            let (mut buffer, mut received) = (vec![0; 64 << 10], 0);
            while received < length {
                received += tls.read(&mut buffer).await.unwrap();
            }
            tls.write_all(b"!").await.unwrap();
            tls.flush().await.unwrap();
        });
        let mut stream = handshake(address, tls(&[&TLS13])).await.unwrap();
        let sending = tokio::spawn(async move {
            for piece in data.chunks(64 << 10) {
                stream.write_all(piece).await.unwrap();
            }
            stream.flush().await.unwrap();
            stream.read_u8().await.unwrap();
        });
        receiving.await.unwrap();
        sending.await.unwrap();
    });
}

/// Frames that nobody keeps.
pub(crate) fn grpc(runtime: &Runtime, data: &Bytes, frame: usize, http2: u32) {
    let discard = |mut frames: Streaming<UploadRequest>| async move {
        while let Some(request) = frames.message().await? {
            std::hint::black_box(request);
        }
        Ok(Response::new(UploadResponse::default()))
    };
    over_grpc(runtime, data, (frame, http2), discard);
}

/// Frames of 1 MiB are gathered, then hashed, then written. The file is removed when what this gives is dropped.
pub(crate) fn usual(runtime: &Runtime, data: &Bytes, dir: &Path) -> TempPath {
    let path = NamedTempFile::new_in(dir).unwrap().into_temp_path();
    let own = path.to_path_buf();
    let gather = move |mut frames: Streaming<UploadRequest>| {
        let path = own.clone();
        async move {
            let mut file = Vec::new();
            while let Some(request) = frames.message().await? {
                if let Some(Step::Frame(frame)) = request.step {
                    file.extend_from_slice(&frame);
                }
            }
            std::hint::black_box(digest(&SHA3_256, &file));
            let mut out = std::fs::File::create(&path).unwrap();
            out.write_all(&file).unwrap();
            out.sync_data().unwrap();
            Ok(Response::new(UploadResponse::default()))
        }
    };
    over_grpc(runtime, data, (1 << 20, 16 << 10), gather);
    path
}

fn over_grpc<F, S>(runtime: &Runtime, data: &Bytes, (frame, http2): (usize, u32), serve: S)
where
    F: Future<Output = Upload> + Send + 'static,
    S: Fn(Streaming<UploadRequest>) -> F + Clone + Send + Sync + 'static,
{
    let data = data.clone();
    runtime.block_on(async {
        let (listener, acceptor) = listening().await;
        let address = listener.local_addr().unwrap();
        let (accepted, incoming) = mpsc::channel(1);
        tokio::spawn(async move {
            let tls = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            accepted.send(Ok::<_, io::Error>(Accepted(tls))).await.unwrap();
        });
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(http2)
            .add_service(Discarding(serve));
        let serving = tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
        send(address, data, frame).await;
        serving.abort();
    });
}

async fn send(address: std::net::SocketAddr, data: Bytes, frame: usize) {
    let only = Mutex::new(Some(TokioIo::new(handshake(address, tls(&[&TLS13])).await.unwrap())));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = only.lock().unwrap().take();
        async move { stream.ok_or_else(|| io::Error::other("one connection only")) }
    });
    let endpoint = Endpoint::from_static("https://x.invalid")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    let mut client = tonic::client::Grpc::new(channel).max_encoding_message_size(MESSAGE_MAX);
    client.ready().await.unwrap();
    let mut left = data;
    let frames = std::iter::from_fn(move || {
        let piece = left.split_to(frame.min(left.len()));
        (!piece.is_empty()).then(|| UploadRequest { step: Some(Step::Frame(piece)) })
    });
    // Through a queue, as a client's reading thread has it.
    let (queue, waiting) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || frames.for_each(|frame| queue.blocking_send(frame).unwrap()));
    let codec = ProstCodec::<UploadRequest, UploadResponse>::default();
    let path = PathAndQuery::from_static("/bench.Discard/Upload");
    client.client_streaming(Request::new(ReceiverStream::new(waiting)), path, codec).await.unwrap();
    reading.await.unwrap();
}

/// A connection that a server may own.
struct Accepted(TlsStream<TcpStream>);

impl Connected for Accepted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A service of one method, whatever it is called.
#[derive(Clone)]
struct Discarding<S>(S);

impl<S> tonic::server::NamedService for Discarding<S> {
    const NAME: &'static str = "bench.Discard";
}

struct Method<S>(S);

impl<F, S> tonic::server::ClientStreamingService<UploadRequest> for Method<S>
where
    F: Future<Output = Upload> + Send + 'static,
    S: Fn(Streaming<UploadRequest>) -> F,
{
    type Response = UploadResponse;
    type Future = F;

    fn call(&mut self, request: Request<Streaming<UploadRequest>>) -> F {
        (self.0)(request.into_inner())
    }
}

impl<F, S> tower::Service<tonic::codegen::http::Request<tonic::body::Body>> for Discarding<S>
where
    F: Future<Output = Upload> + Send + 'static,
    S: Fn(Streaming<UploadRequest>) -> F + Clone + Send + Sync + 'static,
{
    type Response = tonic::codegen::http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = tonic::codegen::BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Ok(()).into()
    }

    fn call(&mut self, request: tonic::codegen::http::Request<tonic::body::Body>) -> Self::Future {
        let method = Method(self.0.clone());
        Box::pin(async move {
            let codec = ProstCodec::<UploadResponse, UploadRequest>::default();
            let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(MESSAGE_MAX);
            Ok(grpc.client_streaming(method, request).await)
        })
    }
}
