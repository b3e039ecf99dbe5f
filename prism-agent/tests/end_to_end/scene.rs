//! What is played: a lab, two hospitals with three datasets, an institute, and what the algorithm does.

use prism_agent::client::{Observed, Progress, Receipt, Session, UploadControl, UploadError, UploadOptions, Watch};
use prism_core::audit::entry::Event;
use prism_core::digest::Digest;
use prism_core::manifest::platform::PlatformPolicy;
use prism_core::manifest::{Dataset, Manifest};
use tokio::task::JoinHandle;

use crate::common::Computation;
use crate::common::computation::{name, policy};
use crate::people::{join, source};

/// Adds up every dataset and writes the sum down.
pub(crate) const TRAIN: &str = r#"
import os, json
total = {}
for name in sorted(os.listdir("datasets")):
    with open(os.path.join("datasets", name), "rb") as data:
        total[name] = sum(data.read())
os.makedirs("results", exist_ok=True)
with open("results/model.json", "w") as out:
    json.dump(total, out)
print("trained on", len(total))
"#;

/// Who brings what.
pub(crate) const ASSETS: [(&str, &str); 4] =
    [("lab", "train.py"), ("hospital-1", "h1"), ("hospital-2", "h2"), ("hospital-2", "h3")];

/// A computation with three datasets and this algorithm.
pub(crate) fn computation(script: &str) -> Computation {
    computation_on(script, policy())
}

/// The same on machines that this policy accepts.
pub(crate) fn computation_on(script: &str, machines: PlatformPolicy) -> Computation {
    computation_with(script, |manifest| manifest.platform = machines)
}

/// The same under other terms.
pub(crate) fn computation_with(script: &str, change: impl FnOnce(&mut Manifest)) -> Computation {
    Computation::with(|manifest, assets| {
        change(manifest);
        let script = script.as_bytes().to_vec();
        (manifest.algorithm.digest, manifest.algorithm.size) = (Digest::sha256(&script), script.len() as u64);
        assets.insert("train.py", script);
        let third = vec![3; 7000];
        manifest.datasets.push(Dataset {
            name: name("h3"),
            provider: name("hospital-2"),
            digest: Digest::sha256(&third),
            size: 7000,
            unpack: false,
            path: name("h3"),
            source: None,
        });
        assets.insert("h3", third);
    })
}

/// Everybody gives what is theirs, each on a connection of their own, in this order.
pub(crate) async fn give(address: &str, computation: &Computation, assets: &[(&str, &str)]) {
    for (who, asset) in assets {
        let session = join(address, computation, who).await;
        session.upload(asset, source(computation, asset), None, |_| {}).await.unwrap();
    }
}

/// An upload of `h1` that pauses when so many bytes were handed over.
pub(crate) fn pausing_beyond(
    session: &Session,
    computation: &Computation,
    bytes: u64,
) -> (UploadControl, JoinHandle<Result<Receipt, UploadError>>) {
    let (session, source, control) = (session.clone(), source(computation, "h1"), UploadControl::new());
    let (own, mut paused) = (control.clone(), false);
    let upload = tokio::spawn(async move {
        let options = UploadOptions::default().control(own.clone());
        let told = move |progress: Progress| {
            if progress.sent > bytes && !paused {
                paused = true;
                own.pause();
            }
        };
        session.upload("h1", source, options, told).await
    });
    (control, upload)
}

/// Watches until an entry of this type, and returns it.
pub(crate) async fn until(watch: &mut Watch, kind: &str) -> Observed {
    loop {
        let observed = watch.next().await.unwrap_or_else(|| panic!("the log ends without {kind}")).unwrap();
        if observed.entry.event.kind() == kind {
            return observed;
        }
    }
}

/// The whole log of a computation that is over.
pub(crate) async fn whole_log(session: &Session) -> Vec<Event> {
    let mut watch = session.watch(0);
    let mut events = Vec::new();
    while let Some(observed) = watch.next().await {
        events.push(observed.unwrap().entry.event);
    }
    events
}
