//! Cables between a client and an agent: one that breaks, and one with somebody in the middle.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::common::peer::{handshake, tls};

/// Whose bytes a cable counts.
#[derive(Clone, Copy)]
enum Counted {
    Clients,
    Agents,
}

/// A way between client and agent that breaks after so many bytes of one of them, once for each number given.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    carried: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    end: Arc<Mutex<SocketAddr>>,
    cut: Arc<AtomicBool>,
}

impl Cable {
    /// Counts what clients send.
    pub(crate) async fn to(agent: SocketAddr, cuts: impl IntoIterator<Item = u64>) -> Self {
        Self::between(agent, Counted::Clients, cuts).await
    }

    /// Counts what the agent sends.
    pub(crate) async fn from(agent: SocketAddr, cuts: impl IntoIterator<Item = u64>) -> Self {
        Self::between(agent, Counted::Agents, cuts).await
    }

    async fn between(agent: SocketAddr, counted: Counted, cuts: impl IntoIterator<Item = u64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (carried, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let cuts = Mutex::new(cuts.into_iter().collect::<VecDeque<_>>());
        let end = Arc::new(Mutex::new(agent));
        let cut = Arc::new(AtomicBool::new(false));
        let (count, opened, target) = (Arc::clone(&carried), Arc::clone(&connections), Arc::clone(&end));
        let stays = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if opened.fetch_add(1, Ordering::Relaxed) > 0 && stays.load(Ordering::Relaxed) {
                    continue;
                }
                let cut = cuts.lock().unwrap().pop_front().unwrap_or(u64::MAX);
                let agent = *target.lock().unwrap();
                let server = TcpStream::connect(agent).await.unwrap();
                let (up, down) = halves(client, server);
                match counted {
                    Counted::Clients => tokio::spawn(carry(up, down, cut, Arc::clone(&count))),
                    Counted::Agents => tokio::spawn(carry(down, up, cut, Arc::clone(&count))),
                };
            }
        });
        Self { address, carried, connections, end, cut }
    }

    /// Lets nobody through after the first connection.
    pub(crate) fn stay_cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Leads new connections elsewhere.
    pub(crate) fn lead_to(&self, agent: SocketAddr) {
        *self.end.lock().unwrap() = agent;
    }

    /// Counted bytes that have crossed.
    pub(crate) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// One direction: where bytes come from and where they go.
type Half = (OwnedReadHalf, OwnedWriteHalf);

fn halves(client: TcpStream, server: TcpStream) -> (Half, Half) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    ((from_client, to_server), (from_server, to_client))
}

async fn carry((mut from, mut to): Half, (mut back_from, mut back_to): Half, cut: u64, count: Arc<AtomicU64>) {
    let back = tokio::spawn(async move { tokio::io::copy(&mut back_from, &mut back_to).await });
    let (mut buffer, mut carried) = (vec![0; 16 * 1024], 0);
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        let n = n.min(usize::try_from(cut - carried).unwrap_or(usize::MAX));
        if to.write_all(&buffer[..n]).await.is_err() {
            break;
        }
        carried += n as u64;
        count.fetch_add(n as u64, Ordering::Relaxed);
        if carried == cut {
            break;
        }
    }
    back.abort();
}

/// Somebody who holds a TLS key of their own and passes on every byte in both directions.
pub(crate) async fn relay(agent: SocketAddr) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["x.invalid".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut config = ServerConfig::builder_with_protocol_versions(&[&TLS13])
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let mut client = acceptor.accept(client).await.unwrap();
            let mut server = handshake(agent, tls(&[&TLS13])).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    address
}
