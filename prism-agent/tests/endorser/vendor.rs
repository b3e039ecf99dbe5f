//! A vendor's service on this machine, which answers as a test wants it to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What the service sends for one path.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes, and then the end.
    Whole(Vec<u8>),
    /// These bytes, and then nothing, without an end.
    Stuck(Vec<u8>),
}

impl Reply {
    /// Status 200 with fields (each with its line break) and a body.
    pub(crate) fn ok(fields: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
        Self::Whole([head.as_bytes(), body].concat())
    }

    /// Another status.
    pub(crate) fn status(status: &str, fields: &str) -> Self {
        Self::Whole(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{fields}\r\n").into_bytes())
    }
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    asked: Mutex<Vec<String>>,
    sent: Notify,
}

/// The running service; ends when it is dropped.
pub(crate) struct Vendor {
    port: u16,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Vendor {
    /// Starts on a free port, with TLS if there is a certificate.
    pub(crate) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, tls, Arc::clone(&shared)));
        Self { port, shared, _tasks: tasks }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on this path has this reply; all others are not found.
    pub(crate) fn reply(&self, path: impl Into<String>, reply: Reply) {
        self.shared.replies.lock().unwrap().insert(path.into(), reply);
    }

    /// The paths that were asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    /// Waits until one reply is on its way.
    pub(crate) async fn has_sent(&self) {
        self.shared.sent.notified().await;
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut talks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        talks.spawn(async move {
            match tls {
                None => talk(stream, &shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        talk(stream, &shared).await;
                    }
                }
            }
        });
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.strip_prefix("GET ").unwrap().split(' ').next().unwrap().to_owned();
    let reply = shared.replies.lock().unwrap().get(&path).cloned();
    shared.asked.lock().unwrap().push(path);
    let (bytes, stuck) = match reply.unwrap_or_else(|| Reply::status("404 Not Found", "")) {
        Reply::Whole(bytes) => (bytes, false),
        Reply::Stuck(bytes) => (bytes, true),
    };
    // The other side may have seen enough before everything is sent.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.flush().await;
    shared.sent.notify_one();
    if stuck {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
}
