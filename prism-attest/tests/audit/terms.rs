//! Five participants agree: a laboratory's algorithm, three hospitals' datasets, an institute that gets the result.

use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::hexadecimal::HexBytes;
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::manifest::platform::PlatformPolicy;
use prism_core::manifest::{
    Algorithm, Dataset, Format, Limits, LogsPolicy, Manifest, Network, Participant, Results, Runtime, SandboxLayer,
    SignedManifest,
};

use crate::world::NOW;

const NAMES: [&str; 5] = ["lab", "hospital-1", "hospital-2", "hospital-3", "institute"];

pub(crate) fn keys() -> Vec<SigningKey> {
    let key = |_| SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy::default()).unwrap();
    NAMES.iter().map(key).collect()
}

/// The terms on machines of `platform`, approved by everybody.
pub(crate) fn signed(keys: &[SigningKey], platform: PlatformPolicy) -> SignedManifest {
    signed_with(keys, platform, |_| {})
}

/// The same after a change.
pub(crate) fn signed_with(
    keys: &[SigningKey],
    platform: PlatformPolicy,
    change: impl FnOnce(&mut Manifest),
) -> SignedManifest {
    let mut manifest = manifest(keys, platform);
    change(&mut manifest);
    let bytes = manifest.to_bytes().unwrap();
    let approvals: Vec<_> = keys.iter().map(|key| SignedManifest::approve(&bytes, key).unwrap()).collect();
    SignedManifest::assemble(&bytes, &approvals).unwrap()
}

fn manifest(keys: &[SigningKey], platform: PlatformPolicy) -> Manifest {
    let participant = |(name, key): (&&str, &SigningKey)| Participant {
        name: name.parse().unwrap(),
        organisation: format!("The {name}"),
        key: key.public().clone(),
    };
    Manifest {
        format: Format::V1,
        id: "covid19".parse().unwrap(),
        title: "COVID-19 chest X-ray classifier".to_owned(),
        salt: HexBytes::new([7; 16]),
        not_before: NOW - 1_000,
        not_after: NOW + 1_000,
        owner: "lab".parse().unwrap(),
        participants: NAMES.iter().zip(keys).map(participant).collect(),
        platform,
        algorithm: algorithm(),
        datasets: (1..=3).map(dataset).collect(),
        results: Results {
            consumers: vec!["institute".parse().unwrap()],
            max_bytes: 1_000_000,
            files: vec!["**".to_owned()],
            media_types: vec![],
        },
        logs: LogsPolicy { stdout: vec![], stderr: vec![], metrics: vec![] },
        network: Network::None,
        reviewers: vec![],
        auditors: vec![],
        max_runs: 1,
    }
}

fn dataset(n: u8) -> Dataset {
    Dataset {
        name: format!("h{n}.zip").parse().unwrap(),
        provider: format!("hospital-{n}").parse().unwrap(),
        digest: Digest::sha256(&[n]),
        size: 1,
        unpack: true,
        path: format!("h{n}").parse().unwrap(),
        source: None,
    }
}

fn algorithm() -> Algorithm {
    Algorithm {
        name: "train.py".parse().unwrap(),
        provider: "lab".parse().unwrap(),
        digest: Digest::sha256(b"print()"),
        size: 7,
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
            cpu_milli: 2000,
            processes: 64,
            open_files: 256,
            disk_bytes: 1 << 30,
            datasets_bytes: None,
            output_bytes: 1 << 20,
            wall_seconds: 600,
        },
        sandbox: vec![SandboxLayer::Seccomp],
    }
}
