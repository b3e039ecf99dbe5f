//! Three hospitals: one uploads, one leaves its data sealed in an S3 store and releases the key, one leaves the key at a
//! broker and is offline.

use prism_agent::pull::S3Credentials;
use prism_agent::server::Agent;
use prism_attest::audit::{ExpectedComputation, audit};
use prism_core::audit::entry::{Actor, Outcome, Releaser};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::lifecycle::Phase;
use prism_core::manifest::{Codec, Dataset, KeyRelease, SealedObject, grant};
use prism_core::seal::{Identity, RecipientKind, read_header, seal};
use tempfile::TempDir;

use crate::common::Computation;
use crate::common::computation::{PEOPLE, name, now, policy};
use crate::kbs::Kbs;
use crate::people::join;
use crate::s3::{KEY, SECRET, s3};
use crate::scene::{TRAIN, give, until};
use crate::tests;
use crate::tls::Authority;
use prism_agent::client::ResultOptions;

tests!["pulled": data_that_is_uploaded_released_and_brokered_become_one_result_that_a_stranger_audits];

/// One hospital's data, sealed.
struct Sealed {
    plain: Vec<u8>,
    object: Vec<u8>,
    identity: Identity,
}

impl Sealed {
    fn new(plain: Vec<u8>) -> Self {
        let identity = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
        let mut object = Vec::new();
        let recipients = [identity.recipient().clone()];
        seal(plain.as_slice(), &recipients, &mut SystemEntropy::default(), &mut object).unwrap();
        Self { plain, object, identity }
    }

    fn dataset(&self, asset: &str, provider: &str, release: KeyRelease) -> Dataset {
        let source = SealedObject {
            url: format!("s3://bucket/covid/{asset}.age").parse().unwrap(),
            size: self.object.len() as u64,
            digest: Digest::sha256(&self.object),
            codec: Codec::Age,
            release,
        };
        Dataset {
            name: name(asset),
            provider: name(provider),
            digest: Digest::sha256(&self.plain),
            size: self.plain.len() as u64,
            unpack: false,
            path: name(asset),
            source: Some(source),
        }
    }
}

struct Stage {
    computation: Computation,
    agent: Agent,
    released: Sealed,
    _bucket: TempDir,
    _kbs: Kbs,
}

async fn stage() -> Stage {
    let authority = Authority::new();
    let (released, brokered) = (Sealed::new(vec![2; 300_000]), Sealed::new(vec![3; 400_000]));
    let kbs = Kbs::open(&authority, policy(), "").await;
    let objects = [("h2.age", released.object.as_slice()), ("h3.age", brokered.object.as_slice())];
    let (address, bucket) = s3(&authority, &objects).await;
    let people = [&PEOPLE[..], &["hospital-3"]].concat();
    let by_broker = KeyRelease::Kbs { url: kbs.url().parse().unwrap(), resource: "default/key/h1".parse().unwrap() };
    let computation = Computation::among(&people, |manifest, assets| {
        let script = TRAIN.as_bytes().to_vec();
        (manifest.algorithm.digest, manifest.algorithm.size) = (Digest::sha256(&script), script.len() as u64);
        assets.insert("train.py", script);
        manifest.datasets[1] = released.dataset("h2", "hospital-2", KeyRelease::Provider {});
        manifest.datasets.push(brokered.dataset("h3", "hospital-3", by_broker));
    });
    kbs.keep(&grant(&brokered.identity, computation.signed.digest()));
    let mut config = computation.config();
    config.pull.allow = vec![address.to_string().parse().unwrap(), kbs.address.to_string().parse().unwrap()];
    config.pull.extra_roots = vec![authority.root.clone()];
    config.pull.broker_roots = vec![authority.root.clone()];
    config.pull.s3.endpoint = Some(format!("https://{address}").parse().unwrap());
    config.pull.s3.credentials = Some(S3Credentials::new(KEY.to_owned(), SECRET.to_owned().into(), None));
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    Stage { computation, agent, released, _bucket: bucket, _kbs: kbs }
}

async fn data_that_is_uploaded_released_and_brokered_become_one_result_that_a_stranger_audits() {
    let Stage { computation, agent, released, _bucket, _kbs } = stage().await;
    let address = agent.local_addr().to_string();
    let mut watch = join(&address, &computation, "institute").await.watch(0);
    let hospital = join(&address, &computation, "hospital-2").await;
    let header = read_header(&mut released.object.as_slice()).unwrap();
    hospital.release("h2", &header, &released.identity, None).await.unwrap();
    give(&address, &computation, &[("hospital-1", "h1"), ("lab", "train.py")]).await;
    assert_eq!(until(&mut watch, "result.sealed").await.phase, Phase::Delivering);

    let institute = join(&address, &computation, "institute").await;
    let out = computation.dir.path().join("results.zip");
    institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap();
    let archive = String::from_utf8_lossy(&std::fs::read(&out).unwrap()).into_owned();
    assert!(archive.contains(r#"{"h1": 3000, "h2": 600000, "h3": 1200000}"#), "{archive}");
    until(&mut watch, "log.close").await;

    let transcript = computation.dir.path().join("run.transcript");
    join(&address, &computation, "hospital-3").await.transcript(&transcript).await.unwrap();
    agent.shutdown().await;
    let expected = ExpectedComputation::Manifest(computation.signed.digest());
    let report = audit(&std::fs::read(&transcript).unwrap(), expected, now());
    assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
    let summary = report.summary().unwrap();
    assert_eq!(summary.outcome, Some(Outcome::Completed));
    let mut seen: Vec<_> =
        summary.releases.iter().map(|r| (r.asset.to_string(), r.by, r.actor.clone(), r.url.is_some())).collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let hospital = Actor::Participant(name("hospital-2"));
    let expected =
        [("h2".to_owned(), Releaser::Provider, hospital, true), ("h3".to_owned(), Releaser::Kbs, Actor::Agent, true)];
    assert_eq!(seen, expected);
}
