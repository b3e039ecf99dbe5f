//! The accept loop. Nothing that a peer does ends it, and nobody waits behind a peer that does nothing.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::config::Limits;
use super::registry::{Registry, ServerStream};
use crate::channel::{ALPN, SharedStream};

/// How long a handshake is left alone even when others wait for its place.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often strangers are looked for.
const ROUND: Duration = Duration::from_secs(1);

/// Pause after the system refused another connection, for example for want of file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// The listening socket and what happens to those who knock.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) tls: TlsAcceptor,
    pub(crate) limits: Limits,
    pub(crate) registry: Arc<Registry>,
    pub(crate) admitted: mpsc::Sender<ServerStream>,
}

impl Door {
    /// Accepts until `closing`.
    pub(crate) async fn keep(self, closing: CancellationToken) {
        let mut lobby = Lobby { most: self.limits.pending_handshakes, tasks: JoinSet::new(), order: VecDeque::new() };
        let mut round = time::interval(ROUND);
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                _ = round.tick() => {
                    self.registry.dismiss_strangers(self.limits.authenticate_within, Instant::now());
                }
                accepted = self.next(&mut lobby) => match accepted {
                    Ok(tcp) => lobby.enter(self.shake_hands(tcp)),
                    Err(error) => {
                        tracing::warn!(%error, "the system refused a connection");
                        time::sleep(BREATH).await;
                    }
                },
            }
        }
    }

    async fn next(&self, lobby: &mut Lobby) -> io::Result<TcpStream> {
        lobby.make_room().await;
        Ok(self.listener.accept().await?.0)
    }

    fn shake_hands(&self, tcp: TcpStream) -> impl Future<Output = ()> + Send + 'static {
        let (tls, registry, admitted) = (self.tls.clone(), Arc::clone(&self.registry), self.admitted.clone());
        let budget = self.limits.handshake_within;
        async move {
            let Ok(Ok(tls)) = time::timeout(budget, handshake(tls, tcp)).await else {
                tracing::debug!("a handshake did not succeed");
                return;
            };
            let Some(stream) = registry.admit(SharedStream::new(tls), Instant::now()) else {
                tracing::warn!("a connection was refused: every place is taken by a participant");
                return;
            };
            // An error means that the agent is shutting down.
            let _ = admitted.send(stream).await;
        }
    }
}

async fn handshake(acceptor: TlsAcceptor, tcp: TcpStream) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    if tls.get_ref().1.alpn_protocol() == Some(ALPN) { Ok(tls) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Handshakes that are not complete yet.
struct Lobby {
    most: usize,
    tasks: JoinSet<()>,
    order: VecDeque<(time::Instant, AbortHandle)>,
}

impl Lobby {
    fn enter(&mut self, handshake: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(handshake);
        self.order.push_back((time::Instant::now(), task));
    }

    /// Waits until fewer than the most handshakes are pending. A burst of honest peers passes quickly; when nothing
    /// moves, whoever has been dawdling longest has to go.
    async fn make_room(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while self.tasks.len() >= self.most {
            self.order.retain(|(_, task)| !task.is_finished());
            let Some((since, oldest)) = self.order.front() else { return };
            if time::timeout_at(*since + PATIENCE, self.tasks.join_next()).await.is_err() {
                oldest.abort();
                self.tasks.join_next().await;
            }
        }
        if self.order.len() > 2 * self.most {
            self.order.retain(|(_, task)| !task.is_finished());
        }
    }
}
