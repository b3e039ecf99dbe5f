//! Waking up: keys of this boot, the state directory, the log's first entries, the listening socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prism_attest::Platform;
use prism_attest::binding::{AgentBinding, BindingError};
use prism_core::audit::checkpoint::{LogKey, LogKeyError};
use prism_core::audit::entry::{Actor, Event, LogOpenBody, LostBoot, ManifestBody};
use prism_core::audit::log_origin;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::{EntropyError, SystemEntropy, draw};
use prism_core::lifecycle::Terms;
use prism_core::manifest::platform::Profile;
use prism_core::manifest::{Manifest, ManifestError, SignedManifest};
use prism_core::seal::{Identity, RecipientKind, SealError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Router;

use super::Agent;
use super::attest::Batcher;
use super::conductor::Conductor;
use super::config::{AgentConfig, Limits};
use super::door::Door;
use super::engine::{Engine, now};
use super::gate::GateLayer;
use super::ledger::{Ledger, LedgerError};
use super::means::{Means, TermError};
use super::pulls::Pulls;
use super::registry::{Registry, ServerStream};
use super::run::Setting;
use super::service::{Boot, Service};
use super::shares::Fair;
use super::store::{Store, StoreError};
use crate::attester::{Attester, AttesterError};
use crate::channel::{self, AgentCertificate, CertificateError};
use crate::index::IndexError;
use crate::pull::SourceError;
use crate::runner::{KeptError, Scratch, require_known_media_types};
use crate::wire::{self, agent_server::AgentServer};

/// HTTP/2, set explicitly: what a peer may have open, send ahead and reset.
const STREAMS: u32 = 32;
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// A frame of an upload fits into one of these: each more costs its own records and bookkeeping.
const HTTP2_FRAME: u32 = 260 * 1024;
const HEADERS: u32 = 16 * 1024;
const PENDING_RESETS: usize = 20;
const LOCAL_RESETS: usize = 64;
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Why an agent did not wake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The manifest is not valid now.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest does not name this kind of machine, so that no client could trust the agent.
    #[error(
        "expected a machine that the manifest names ({named}), found {found}; use such a machine and its --platform"
    )]
    PlatformNotNamed {
        /// The kind of machine that this is.
        found: Platform,
        /// The kinds that the manifest names.
        named: String,
    },
    /// The manifest has terms that this agent cannot keep.
    #[error(transparent)]
    Term(#[from] TermError),
    /// The manifest names a source that the agent may not ask.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The manifest wants packages from an index, and there is none.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Somebody else could write to the directory of kept environments.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The state directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no evidence to be had on this machine.
    #[error(transparent)]
    Attester(#[from] AttesterError),
    /// The address cannot be listened on.
    #[error("expected to listen on {address}, found an error of the system; choose another --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Keys could not be made.
    #[error("expected fresh keys for this boot, found a failure; check the machine's random source")]
    Keys(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log could not be begun.
    #[error("expected to begin the audit log, found a failure; check the state directory")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Coded for StartError {
    fn code(&self) -> Code {
        match self {
            Self::Manifest(error) => error.code(),
            Self::PlatformNotNamed { .. } => Code::PlatformUnsupported,
            Self::Source(error) => error.code(),
            Self::Term(error) => error.code(),
            Self::Index(error) => error.code(),
            Self::Kept(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Attester(error) => error.code(),
            Self::Listen { .. } => Code::AgentUnreachable,
            Self::Keys(_) | Self::Log(_) => Code::Internal,
        }
    }
}

macro_rules! boxed {
    ($variant:ident: $($error:ty),*) => {$(
        impl From<$error> for StartError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        }
    )*};
}

boxed!(Keys: EntropyError, LogKeyError, CertificateError, BindingError, SealError);
boxed!(Log: LedgerError);

impl Agent {
    /// Wakes an agent for one computation: fresh keys, a fresh log, a listening socket.
    ///
    /// What earlier boots left in the state directory is destroyed, except their logs; [`Agent::lost`] says what was
    /// lost. Needs a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing is listening then.
    pub async fn start(config: AgentConfig, manifest: SignedManifest) -> Result<Self, StartError> {
        let listen = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let limits = config.limits.clone();
        let means = Means::find(&manifest.manifest().algorithm, &config.runner).await?;
        let waking = task::spawn_blocking(move || Awake::wake(&config, manifest, means)).await;
        let awake = waking.map_err(|error| StartError::Log(Box::new(error)))??;
        Ok(awake.open_doors(listener, local_addr, limits))
    }
}

/// Everything of a boot but its connections.
struct Awake {
    boot: Boot,
    lost: Vec<LostBoot>,
    attester: Attester,
    binding: AgentBinding,
    tls: TlsAcceptor,
    engine: Engine,
    conductor: Conductor,
    pulls: Arc<Pulls>,
}

impl Awake {
    fn wake(config: &AgentConfig, manifest: SignedManifest, means: Means) -> Result<Self, StartError> {
        manifest.manifest().require_current(now())?;
        config.pull.require_reach(manifest.manifest())?;
        config.runner.require_index(manifest.manifest())?;
        require_known_media_types(&manifest.manifest().results.media_types).map_err(TermError::from)?;
        config.runner.require_kept_safely()?;
        // What runs leave beside the state directory when their agent dies.
        Scratch::sweep(&std::env::temp_dir());
        let attester = Attester::open(&config.platform, now())?;
        require_named(attester.platform(), manifest.manifest())?;
        let attester = attester.prepare_for(&manifest.manifest().platform)?;
        let id: [u8; 16] = draw(&mut SystemEntropy::default())?;
        let (store, lost) = Store::open(&config.state_dir, &hex::encode(id), config.limits.disk_bytes)?;
        let certificate = AgentCertificate::generate()?;
        let origin = log_origin(&manifest.manifest().id, &id);
        let key = LogKey::generate(&origin, &mut SystemEntropy::default())?;
        let vkey = key.verifier().to_string();
        let binding = AgentBinding::new(id, certificate.spki_der(), vkey, Some(manifest.digest()))?;
        let file = store.create_log(key.verifier())?;
        let ledger = Ledger::begin(Terms::of(&manifest), key, file)?;
        let (engine, duties) = Engine::new(manifest, attester.platform(), store, ledger);
        let boot = Boot { id, binding: binding.encode() };
        log_beginning(&engine, &boot, lost.clone())?;
        let tls = TlsAcceptor::from(channel::server_config(certificate)?);
        let release_key = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default())?;
        let pulls = Arc::new(Pulls::new(config.pull.clone(), config.limits.clone(), release_key));
        let conductor = Conductor::new(engine.clone(), duties, Arc::clone(&pulls), Setting::new(config, means));
        Ok(Self { boot, lost, attester, binding, tls, engine, conductor, pulls })
    }

    fn open_doors(self, listener: TcpListener, local_addr: SocketAddr, limits: Limits) -> Agent {
        let Self { boot, lost, attester, binding, tls, engine, conductor, pulls } = self;
        let (registry, closing) = (Arc::new(Registry::new(limits.connections)), CancellationToken::new());
        let boot_id = boot.id;
        let (batcher, uploads) = (Batcher::start(attester, binding), conductor.uploads());
        #[cfg(feature = "pull")]
        pulls.start_brokered(&engine, &uploads, &batcher);
        let service = Service {
            engine: engine.clone(),
            batcher,
            uploads,
            pulls,
            fair: Arc::new(Fair::new(&limits)),
            limits: limits.clone(),
            boot: Arc::new(boot),
        };
        let (admitted, connections) = mpsc::channel(limits.pending_handshakes.max(1));
        let door = Door { listener, tls, limits, registry: Arc::clone(&registry), admitted };
        let working = [tokio::spawn(door.keep(closing.clone())), tokio::spawn(conductor.conduct(closing.clone()))];
        let serving = serve(service, connections, closing.clone());
        Agent { local_addr, boot_id, lost, engine, registry, closing, serving, working }
    }
}

/// Refuses a machine that every client would refuse, before anything is kept or logged.
fn require_named(found: Platform, manifest: &Manifest) -> Result<(), StartError> {
    let mut named: Vec<_> = manifest.platform.accept.iter().map(Profile::platform).collect();
    if named.contains(&found.name()) {
        return Ok(());
    }
    named.dedup();
    Err(StartError::PlatformNotNamed { found, named: named.join(", ") })
}

fn log_beginning(engine: &Engine, boot: &Boot, lost: Vec<LostBoot>) -> Result<(), LedgerError> {
    let manifest = engine.signed().manifest();
    let open = LogOpenBody {
        boot: hex::encode(boot.id),
        computation: manifest.id.clone(),
        manifest: engine.signed().digest(),
        binding: Digest::sha256(&boot.binding),
        simulated: engine.platform().is_simulated(),
        software: concat!("prism-agent ", env!("CARGO_PKG_VERSION")).to_owned(),
        lost,
    };
    let participants = manifest.participants.iter().map(|p| p.name.clone()).collect();
    let accepted = ManifestBody { digest: engine.signed().digest(), participants };
    let mut ledger = engine.ledger();
    ledger.act(Actor::Agent, Event::LogOpen(open))?;
    ledger.act(Actor::Agent, Event::ManifestAccepted(accepted)).map(|_| ())
}

fn serve(service: Service, connections: mpsc::Receiver<ServerStream>, closing: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let incoming = tokio_stream::StreamExt::map(ReceiverStream::new(connections), Ok::<_, io::Error>);
        let goodbye = async move { closing.cancelled().await };
        match router(service).await.serve_with_incoming_shutdown(incoming, goodbye).await {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "the agent stopped serving"),
        }
    })
}

async fn router(service: Service) -> Router<tower::layer::util::Stack<GateLayer, tower::layer::util::Identity>> {
    let gate = GateLayer::new(service.fair.calls.clone());
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<AgentServer<Service>>().await;
    let agent = AgentServer::new(service)
        .max_decoding_message_size(wire::MESSAGE_MAX)
        .max_encoding_message_size(wire::MESSAGE_MAX);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTOR)
        .build_v1();
    Server::builder()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP2_FRAME)
        .http2_max_header_list_size(HEADERS)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .layer(gate)
        .add_service(agent)
        .add_service(health)
        .add_optional_service(reflection.ok())
}
