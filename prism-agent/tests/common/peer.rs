//! A participant's end of a connection, written down from the protocol and not from the agent's code.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use prism_agent::server::Agent;
use prism_attest::binding::{AgentBinding, SessionBinding};
use prism_attest::{Endorsements, Evidence};
use prism_core::audit::checkpoint::{Checkpoint, VerifierKey};
use prism_core::audit::entry::Entry;
use prism_core::audit::proof::Receipt;
use prism_core::digest::Digest;
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::key::SigningKey;
use prism_core::statement::{AssetBody, AuthBody, Context, SessionFacts};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Response, Status};

use super::computation::{Computation, name, now};
use super::wire::agent_client::AgentClient;
use super::wire::{self, upload_request::Step};

pub const NONCE: [u8; 32] = [0xC1; 32];

/// The stable code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> String {
    let status = result.expect_err("expected a refusal");
    let code = status.metadata().get("prism-code").map(|code| code.to_str().unwrap().to_owned());
    code.unwrap_or_else(|| format!("no code: {status:?}"))
}

pub fn tls(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

pub async fn handshake(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("x.invalid").unwrap(), tcp).await
}

/// An envelope as it goes over the wire.
pub fn sign(kind: PayloadType, body: &[u8], key: &SigningKey) -> Bytes {
    Envelope::sign(kind, body, key).unwrap().to_json().into()
}

/// What can be connected to.
pub trait Reach {
    /// Its address and its boot.
    fn reach(&self) -> (SocketAddr, [u8; 16]);
}

impl Reach for Agent {
    fn reach(&self) -> (SocketAddr, [u8; 16]) {
        (self.local_addr(), *self.boot_id())
    }
}

impl Reach for (SocketAddr, [u8; 16]) {
    fn reach(&self) -> Self {
        *self
    }
}

/// One connection of one participant.
pub struct Peer {
    pub channel: Channel,
    pub client: AgentClient<Channel>,
    pub exporter: [u8; 32],
    /// What the last Attest answered.
    pub attested: Option<wire::AttestResponse>,
    pub facts: SessionFacts,
}

impl Peer {
    /// Connects and nothing more.
    pub async fn connect(agent: &impl Reach, computation: &Computation) -> Self {
        let (address, boot) = agent.reach();
        let stream = handshake(address, tls(&[&rustls::version::TLS13])).await.unwrap();
        let label = b"EXPERIMENTAL prism session v1";
        let exporter = stream.get_ref().1.export_keying_material([0; 32], label, Some(&NONCE)).unwrap();
        let only = Mutex::new(Some(TokioIo::new(stream)));
        let connector = tower::service_fn(move |_: Uri| {
            let stream = only.lock().unwrap().take();
            async move { stream.ok_or_else(|| std::io::Error::other("one connection only")) }
        });
        let endpoint = Endpoint::from_static("https://agent.invalid");
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        let facts = SessionFacts {
            boot,
            computation: computation.signed.manifest().id.clone(),
            manifest: computation.signed.digest(),
            session: [0; 32],
            agent_nonce: [0; 32],
        };
        Self { client: AgentClient::new(channel.clone()), channel, exporter, attested: None, facts }
    }

    /// Connects and attests.
    pub async fn attest(agent: &impl Reach, computation: &Computation) -> Self {
        let mut peer = Self::connect(agent, computation).await;
        let request = wire::AttestRequest { client_nonce: NONCE.to_vec().into(), known_size: 0 };
        let response = peer.client.attest(request).await.unwrap().into_inner();
        let agent_nonce = response.agent_nonce.as_ref().try_into().unwrap();
        let binding = SessionBinding { exporter: peer.exporter, client_nonce: NONCE, agent_nonce };
        peer.facts.session = *binding.leaf().as_bytes();
        peer.facts.agent_nonce = agent_nonce;
        peer.attested = Some(response);
        peer
    }

    /// Connects, attests and authenticates.
    pub async fn join(agent: &impl Reach, computation: &Computation, who: &str) -> Self {
        let mut peer = Self::attest(agent, computation).await;
        let envelope = peer.auth(who, &computation.keys[who]);
        let response = peer.client.authenticate(wire::AuthenticateRequest { envelope }).await.unwrap().into_inner();
        peer.verify(response.receipt.as_ref());
        peer
    }

    pub fn context(&self, who: &str) -> Context {
        Context { facts: self.facts.clone(), participant: name(who), exp: now() + 60 }
    }

    pub fn auth(&self, who: &str, key: &SigningKey) -> Bytes {
        let body = AuthBody::new(&self.context(who)).to_json().unwrap();
        sign(PayloadType::Auth, &body, key)
    }

    pub fn evidence(&self) -> (Evidence, Endorsements) {
        let attested = self.attested.as_ref().unwrap();
        let evidence = Evidence::new(attested.platform.parse().unwrap(), attested.evidence.to_vec()).unwrap();
        (evidence, Endorsements::read(&attested.endorsements).unwrap())
    }

    pub fn log_key(&self) -> VerifierKey {
        let binding = AgentBinding::decode(&self.attested.as_ref().unwrap().binding).unwrap();
        binding.log_vkey().parse().unwrap()
    }

    /// Verifies a receipt and returns its entry and the head that covers it.
    pub fn verify(&self, receipt: Option<&wire::Receipt>) -> (Entry, Checkpoint) {
        let receipt = receipt.expect("expected a receipt");
        let head = Receipt::read(receipt.proof.as_bytes()).unwrap().verify(&self.log_key(), &receipt.entry).unwrap();
        (Entry::read(&receipt.entry).unwrap(), head)
    }

    /// The first message of an upload.
    pub fn begin(&self, computation: &Computation, who: &str, asset: &str, offset: u64) -> wire::UploadRequest {
        let bytes = &computation.assets[asset];
        self.begin_as(computation, who, (asset, Digest::sha256(bytes), bytes.len() as u64), offset)
    }

    pub fn begin_as(
        &self,
        computation: &Computation,
        who: &str,
        (asset, digest, size): (&str, Digest, u64),
        offset: u64,
    ) -> wire::UploadRequest {
        let body = AssetBody::new(&self.context(who), name(asset), digest, size).to_json().unwrap();
        let envelope = sign(PayloadType::Asset, &body, &computation.keys[who]);
        let begin = wire::UploadBegin { envelope, salt: Bytes::new(), offset, length: 0 };
        wire::UploadRequest { step: Some(Step::Begin(begin)) }
    }

    /// Sends an asset in frames of 1,000 bytes.
    pub async fn upload(
        &mut self,
        computation: &Computation,
        who: &str,
        asset: &str,
    ) -> Result<Response<wire::UploadResponse>, Status> {
        let mut requests = vec![self.begin(computation, who, asset, 0)];
        requests.extend(frames(&computation.assets[asset]));
        self.client.upload(tokio_stream::iter(requests)).await
    }
}

pub fn frames(bytes: &[u8]) -> Vec<wire::UploadRequest> {
    let frame = |chunk: &[u8]| wire::UploadRequest { step: Some(Step::Frame(chunk.to_vec().into())) };
    bytes.chunks(1000).map(frame).collect()
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
