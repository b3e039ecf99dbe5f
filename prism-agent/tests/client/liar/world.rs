//! What the liar knows: its log, the result it holds, and the lies it is asked to tell.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;

use prism_attest::binding::AgentBinding;
use prism_attest::platform::simulated::{Mutations, SimulatedVendor};
use prism_core::audit::checkpoint::{Checkpoint, LogKey};
use prism_core::audit::entry::{Actor, Entry, Event, LogOpenBody, ManifestBody};
use prism_core::audit::proof::Receipt;
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::code::Coded;
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::release::Release;
use prism_core::seal::{FileKey, PayloadWriter};
use prism_core::transcript::{Base64Bytes, Transcript, TranscriptFormat};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;
use tonic::Status;

use crate::common::computation::vendor_file;
use crate::common::{Computation, wire};

/// What stands in the result.
pub(crate) const RESULT: &[u8] = b"accuracy,0.97\n";

type Lie<T> = Option<Box<dyn Fn(&mut T) + Send>>;

/// Nothing here is honest.
#[derive(Default)]
pub(crate) struct Lies {
    pub(crate) mutations: Mutations,
    pub(crate) attest: Lie<wire::AttestResponse>,
    /// Nobody answers any more once the result was confirmed.
    pub(crate) leaves_when_done: bool,
    pub(crate) head: Lie<wire::CheckpointResponse>,
    pub(crate) watch: Lie<Vec<wire::WatchResponse>>,
    pub(crate) status: Lie<wire::StatusResponse>,
    pub(crate) transcript: Lie<Transcript>,
    /// Another event is logged than the one that happened.
    pub(crate) logged: Option<fn(Event) -> Event>,
    /// A receipt proves its entry, but other bytes are handed out as the entry.
    pub(crate) entry: Lie<Vec<u8>>,
    /// Entries state another index than theirs.
    pub(crate) misnumbered: bool,
    /// Receipts are of a log that only their holder is shown.
    pub(crate) hidden_log: bool,
    /// Figures that it says the algorithm printed.
    pub(crate) metrics: Vec<wire::MetricsResponse>,
    /// What `UploadStatus` says.
    pub(crate) durable: u64,
    /// The recipient that it gives for released keys.
    pub(crate) target: String,
    /// Calls whose next answer is lost after their effect.
    pub(crate) lost_answers: BTreeSet<&'static str>,
    /// After how many frames the next downloads break.
    pub(crate) frames_before_break: VecDeque<usize>,
}

pub(crate) struct World {
    pub(crate) lies: Lies,
    pub(crate) tree: Tree,
    pub(crate) entries: Vec<Vec<u8>>,
    /// Asset bytes that a client has sent.
    pub(crate) received: Vec<u8>,
    /// Offsets at which downloads began.
    pub(crate) downloads: Vec<usize>,
    pub(crate) payload: Vec<u8>,
    pub(crate) release: Release,
    pub(super) key: LogKey,
    signed: Vec<u8>,
    pub(super) vendor: SimulatedVendor,
    pub(super) binding: AgentBinding,
    pub(super) session: String,
    pub(super) file_key: FileKey,
    pub(super) receipt: Option<wire::Receipt>,
}

pub(super) fn entropy() -> SystemEntropy {
    SystemEntropy::default()
}

/// The wire form of a refusal.
pub(super) fn refusal(error: &impl Coded) -> Status {
    let mut status = Status::permission_denied(error.to_string());
    status.metadata_mut().insert("prism-code", error.code().as_str().parse().unwrap());
    status
}

impl World {
    pub(super) fn new(computation: &Computation) -> (Self, ServerConfig) {
        let (tls, spki) = tls();
        let key = LogKey::generate("prism.log/test/liar", &mut entropy()).unwrap();
        let manifest = computation.signed.digest();
        let binding = AgentBinding::new([7; 16], spki, key.verifier().to_string(), Some(manifest)).unwrap();
        let file_key = FileKey::generate(&mut entropy()).unwrap();
        let mut writer = PayloadWriter::new(Vec::new(), &file_key, &mut entropy()).unwrap();
        writer.write_all(&RESULT.repeat(1000)).unwrap();
        let payload = writer.finish().unwrap();
        let mut world = Self {
            lies: Lies::default(),
            tree: Tree::new(),
            entries: Vec::new(),
            received: Vec::new(),
            downloads: Vec::new(),
            release: Release::Sealed { payload: Digest::sha256(&payload) },
            payload,
            key,
            signed: computation.signed.to_bytes(),
            vendor: SimulatedVendor::from_bytes(&std::fs::read(vendor_file()).unwrap()).unwrap(),
            binding,
            session: String::new(),
            file_key,
            receipt: None,
        };
        world.begin(computation);
        (world, tls)
    }

    fn begin(&mut self, computation: &Computation) {
        let (manifest, digest) = (computation.signed.manifest(), computation.signed.digest());
        let open = LogOpenBody {
            boot: hex::encode([7; 16]),
            computation: manifest.id.clone(),
            manifest: digest,
            binding: Digest::sha256(&self.binding.encode()),
            simulated: true,
            software: "liar".to_owned(),
            lost: vec![],
        };
        self.act(Actor::Agent, Event::LogOpen(open));
        let participants = manifest.participants.iter().map(|p| p.name.clone()).collect();
        self.act(Actor::Agent, Event::ManifestAccepted(ManifestBody { digest, participants }));
    }

    /// Logs an event and gives its receipt.
    pub(crate) fn act(&mut self, actor: Actor, event: Event) -> wire::Receipt {
        let event = self.lies.logged.map_or(event.clone(), |lie| lie(event));
        let (index, mut bytes) = self.note(actor, event);
        let shown = if self.lies.hidden_log { hidden(index, &bytes) } else { self.tree.clone() };
        let path = shown.inclusion_path(index, shown.size()).unwrap();
        let signed = self.key.sign(&Checkpoint::new(self.key.verifier().name(), &shown)).unwrap();
        if let Some(lie) = &self.lies.entry {
            lie(&mut bytes);
        }
        wire::Receipt { proof: Receipt::new(index, path, signed).to_text(), entry: bytes.into() }
    }

    /// Logs an event.
    pub(crate) fn note(&mut self, actor: Actor, event: Event) -> (u64, Vec<u8>) {
        let seq = self.tree.size() + u64::from(self.lies.misnumbered);
        let bytes = Entry { seq, ts: 0, actor, event }.to_bytes().unwrap();
        self.entries.push(bytes.clone());
        (self.tree.append(leaf_hash(&bytes)), bytes)
    }

    pub(super) fn head(&self, known: u64) -> wire::CheckpointResponse {
        let signed = self.key.sign(&Checkpoint::new(self.key.verifier().name(), &self.tree)).unwrap();
        let path = self.tree.consistency_path(known, self.tree.size()).unwrap_or_default();
        let consistency = path.iter().map(|hash| hash.as_bytes().to_vec().into()).collect();
        wire::CheckpointResponse { checkpoint: signed.as_str().to_owned(), consistency }
    }

    pub(super) fn watched(&self, from: u64) -> Vec<wire::WatchResponse> {
        let head = self.head(0).checkpoint;
        let last = self.tree.size() - 1;
        let told = |(index, entry): (u64, &Vec<u8>)| wire::WatchResponse {
            index,
            entry: entry.clone().into(),
            state: "as I please".to_owned(),
            checkpoint: if index == last { head.clone() } else { String::new() },
        };
        (0..).zip(&self.entries).skip(usize::try_from(from).unwrap()).map(told).collect()
    }

    pub(super) fn status(&self) -> wire::StatusResponse {
        let recipient = match &self.release {
            Release::Released { recipient, .. } | Release::Acked { recipient, .. } => recipient.clone(),
            _ => String::new(),
        };
        let result = wire::ResultStatus {
            consumer: "institute".to_owned(),
            digest: self.release.payload().to_string(),
            sealed_length: self.payload.len() as u64,
            recipient,
            acknowledged: matches!(self.release, Release::Acked { .. }),
        };
        let mut status = wire::StatusResponse { results: vec![result], ..wire::StatusResponse::default() };
        if let Some(lie) = &self.lies.status {
            lie(&mut status);
        }
        status
    }

    pub(super) fn transcript(&self) -> Vec<u8> {
        let text = |entry: &Vec<u8>| String::from_utf8(entry.clone()).unwrap();
        let mut transcript = Transcript {
            format: TranscriptFormat::V1,
            manifest: Base64Bytes(self.signed.clone()),
            binding: Base64Bytes(self.binding.encode()),
            evidence: vec![],
            event_log: None,
            entries: self.entries.iter().map(text).collect(),
            checkpoint: self.head(0).checkpoint,
            receipts: vec![],
        };
        if let Some(lie) = &self.lies.transcript {
            lie(&mut transcript);
        }
        transcript.to_bytes().unwrap()
    }

    /// Begins another history under the same key.
    pub(crate) fn rewrite_history(&mut self, computation: &Computation) {
        let size = self.tree.size();
        (self.tree, self.entries) = (Tree::new(), Vec::new());
        self.begin(computation);
        while self.tree.size() < size + 1 {
            let session = format!("another {}", self.tree.size());
            let body = prism_core::audit::entry::AuthBody { session };
            self.act(Actor::Participant("lab".parse().unwrap()), Event::AuthOk(body));
        }
    }
}

/// A log of other entries, then this one.
fn hidden(index: u64, entry: &[u8]) -> Tree {
    let mut tree = Tree::new();
    for other in 0..index {
        tree.append(leaf_hash(&other.to_be_bytes()));
    }
    tree.append(leaf_hash(entry));
    tree
}

fn tls() -> (ServerConfig, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["x.invalid".to_owned()]).unwrap().self_signed(&key).unwrap();
    let der = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (config, key.subject_public_key_info())
}
