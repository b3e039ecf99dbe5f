//! A broker that gives a key, but not as it should: what the agent logs about that.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prism_agent::client::RetryPolicy;
use prism_agent::pull::PullConfig;
use prism_agent::server::Agent;
use prism_core::digest::Digest;
use prism_core::manifest::{Codec, KeyRelease, SealedObject, grant};
use tracing_subscriber::filter::LevelFilter;

use crate::common::Computation;
use crate::common::computation::policy;
use crate::hidden::hidden;
use crate::kbs::{Fault, Kbs, refused};
use crate::marked::Marked;
use crate::people::join;
use crate::tls::Authority;
use crate::{identity, marks};

/// All that this program logs.
static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Said;

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `h1` lies in a store that is never asked, and its key at this broker.
fn brokered(kbs: &Kbs) -> Computation {
    Computation::with(|manifest, _| {
        let (url, resource) = (kbs.url().parse().unwrap(), "default/key/h1".parse().unwrap());
        let size = 100_000;
        manifest.datasets[0].size = size;
        manifest.datasets[0].source = Some(SealedObject {
            url: "https://store.example/h1".parse().unwrap(),
            size: size + 2_000,
            digest: Digest::sha256(b"sealed"),
            codec: Codec::Age,
            release: KeyRelease::Kbs { url, resource },
        });
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_broker_gives_in_a_wrong_way_is_in_no_log() {
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(|| Said).init();
    let authority = Authority::new();
    let kbs = Kbs::open(&authority, policy(), "").await;
    let computation = brokered(&kbs);
    let (text, own) = (identity().to_text(), computation.signed.digest());
    let right = grant(&identity(), own).to_string();
    let ways = [
        (text.to_string(), None),
        (grant(&identity(), Digest::sha256(b"another")).to_string(), None),
        (format!("{right}{}", *text), None),
        (right.replace("AGE", "age"), None),
        (right.clone(), Some(Fault::Bare)),
        (format!("{{\"{}\":1}}", *text), Some(Fault::Bare)),
    ];
    for (secret, fault) in ways {
        kbs.keep(&secret);
        if let Some(fault) = fault {
            kbs.err("resource", fault);
        }
        let mut pull = PullConfig::default();
        pull.allow = ["store.example", &kbs.address.to_string()].map(|host| host.parse().unwrap()).into();
        pull.broker_roots = vec![authority.root.clone()];
        pull.broker_retry = RetryPolicy { attempts: 0, first: Duration::ZERO, longest: Duration::ZERO };
        let config = computation.config().fetching(pull);
        let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
        let lab = join(agent.local_addr(), &computation, "lab").await;
        assert_eq!(refused(&lab).await, "broker.misbehaved");
        agent.shutdown().await;
    }
    let said = String::from_utf8(SAID.lock().unwrap().clone()).unwrap();
    assert!(said.matches("a key broker gave no key").count() >= 6);
    let marks = marks();
    let marks: Vec<&Marked> = marks.iter().collect();
    said.lines().filter(|line| !line.is_empty()).for_each(|line| hidden(&marks, line));
}
