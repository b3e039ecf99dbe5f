//! A computation: `lab` owns it and brings the algorithm, two hospitals bring data, `institute` consumes the result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use prism_agent::attester::simulated_root;
use prism_agent::server::{Agent, AgentConfig, PlatformChoice, StartError};
use prism_attest::platform::simulated::{SimulatedMachine, SimulatedVendor};
use prism_core::digest::Digest;
use prism_core::entropy::{SystemEntropy, draw};
use prism_core::hexadecimal::HexBytes;
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::manifest::platform::PlatformPolicy;
use prism_core::manifest::{
    Algorithm, Dataset, Format, Limits, LogsPolicy, Manifest, Network, Participant, Results, Runtime, SignedManifest,
};
use prism_core::name::Name;
use tempfile::TempDir;

pub const PEOPLE: [&str; 4] = ["lab", "hospital-1", "hospital-2", "institute"];

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The pretend vendor's keys, made once for all tests: making them takes seconds.
pub fn vendor_file() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vendor");
        simulated_root(&path, now()).unwrap();
        path
    };
    MADE.get_or_init(make).clone()
}

pub fn policy() -> PlatformPolicy {
    let vendor = SimulatedVendor::from_bytes(&std::fs::read(vendor_file()).unwrap()).unwrap();
    vendor.policy_for(&SimulatedMachine::default())
}

/// A computation that has been agreed, and its assets.
pub struct Computation {
    pub dir: TempDir,
    pub keys: BTreeMap<&'static str, SigningKey>,
    pub assets: BTreeMap<&'static str, Vec<u8>>,
    pub signed: SignedManifest,
}

impl Computation {
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// Lets a test change terms and assets before everybody signs.
    pub fn with(change: impl FnOnce(&mut Manifest, &mut BTreeMap<&'static str, Vec<u8>>)) -> Self {
        Self::among(&PEOPLE, change)
    }

    /// The same among more people.
    pub fn among(
        people: &[&'static str],
        change: impl FnOnce(&mut Manifest, &mut BTreeMap<&'static str, Vec<u8>>),
    ) -> Self {
        let generate =
            |person| (person, SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy::default()).unwrap());
        let keys: BTreeMap<_, _> = people.iter().copied().map(generate).collect();
        let mut assets: BTreeMap<_, _> =
            [("train.py", b"print('hello')\n".to_vec()), ("h1", vec![1; 3000]), ("h2", vec![2; 5000])].into();
        let mut manifest = terms(people, &keys, &assets);
        change(&mut manifest, &mut assets);
        let bytes = manifest.to_bytes().unwrap();
        let approvals: Vec<_> = keys.values().map(|key| SignedManifest::approve(&bytes, key).unwrap()).collect();
        let signed = SignedManifest::assemble(&bytes, &approvals).unwrap();
        Self { dir: TempDir::new().unwrap(), keys, assets, signed }
    }

    pub fn config(&self) -> AgentConfig {
        let platform = PlatformChoice::Simulated { vendor: vendor_file() };
        AgentConfig::new("127.0.0.1:0".parse().unwrap(), self.dir.path().join("state"), platform)
    }

    pub async fn start(&self) -> Agent {
        self.try_start().await.unwrap()
    }

    pub async fn try_start(&self) -> Result<Agent, StartError> {
        Agent::start(self.config(), self.signed.clone()).await
    }
}

fn terms(
    people: &[&'static str],
    keys: &BTreeMap<&'static str, SigningKey>,
    assets: &BTreeMap<&'static str, Vec<u8>>,
) -> Manifest {
    let participant = |person: &&str| Participant {
        name: name(person),
        organisation: format!("The {person}"),
        key: keys[person].public().clone(),
    };
    let size = |asset: &str| assets[asset].len() as u64;
    let dataset = |(asset, provider): (&str, &str)| Dataset {
        name: name(asset),
        provider: name(provider),
        digest: Digest::sha256(&assets[asset]),
        size: size(asset),
        unpack: false,
        path: name(asset),
        source: None,
    };
    Manifest {
        format: Format::V1,
        id: name("test"),
        title: "A test".to_owned(),
        salt: HexBytes::new(draw(&mut SystemEntropy::default()).unwrap()),
        not_before: now() - 60,
        not_after: now() + 3600,
        owner: name("lab"),
        participants: people.iter().map(participant).collect(),
        platform: policy(),
        algorithm: algorithm(Digest::sha256(&assets["train.py"]), size("train.py")),
        datasets: [("h1", "hospital-1"), ("h2", "hospital-2")].into_iter().map(dataset).collect(),
        results: Results {
            consumers: vec![name("institute")],
            max_bytes: 1 << 20,
            files: vec!["**".to_owned()],
            media_types: vec![],
        },
        logs: LogsPolicy { stdout: vec![name("lab")], stderr: vec![], metrics: vec![] },
        network: Network::None,
        reviewers: vec![],
        auditors: vec![],
        max_runs: 1,
    }
}

fn algorithm(digest: Digest, size: u64) -> Algorithm {
    Algorithm {
        name: name("train.py"),
        provider: name("lab"),
        digest,
        size,
        runtime: Runtime::Python3,
        unpack: false,
        entry: "train.py".to_owned(),
        args: vec![],
        environment: vec![],
        interpreter: None,
        requirements: None,
        auxiliary: vec![],
        devices: vec![],
        limits: Limits {
            memory_bytes: 1 << 30,
            cpu_milli: 1000,
            processes: 64,
            open_files: 256,
            disk_bytes: 1 << 28,
            datasets_bytes: None,
            output_bytes: 1 << 20,
            wall_seconds: 60,
        },
        sandbox: vec![],
    }
}
