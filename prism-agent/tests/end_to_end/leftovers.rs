//! What dead agents left behind, where it does not want to go.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use prism_core::audit::entry::{Event, LogOpenBody};

use crate::common::peer::frames;
use crate::common::{Computation, Peer};
use crate::people::{join, source};
use crate::processes::AgentProcess;
use crate::tests;

tests!["leftovers":
    directories_that_an_algorithm_closed_are_removed_by_the_next_agent,
    what_cannot_be_removed_does_not_keep_the_rest,
];

async fn opening(address: &str, computation: &Computation) -> LogOpenBody {
    let mut watch = join(address, computation, "lab").await.watch(0);
    let Event::LogOpen(open) = watch.next().await.unwrap().unwrap().entry.event else { panic!("no opening") };
    open
}

async fn directories_that_an_algorithm_closed_are_removed_by_the_next_agent() {
    let computation = Computation::new();
    let agent = AgentProcess::start_bound(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    hospital.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    let (boot, entries) = (agent.boot(), hospital.status().await.unwrap().log_size);
    agent.kill();
    let closed = boot.join("run/results/closed");
    fs::create_dir_all(&closed).unwrap();
    fs::write(closed.join("secret"), "patients").unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let anew = AgentProcess::start_bound(&computation);
    assert!(!boot.exists());
    let lost = opening(&anew.address, &computation).await.lost;
    assert_eq!(lost.iter().map(|lost| lost.entries).collect::<Vec<_>>(), [entries]);
}

async fn what_cannot_be_removed_does_not_keep_the_rest() {
    let computation = Computation::new();
    let agent = AgentProcess::start_retentive(&computation);
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let begun = [peer.begin(&computation, "hospital-1", "h1", 0), frames(&computation.assets["h1"])[0].clone()];
    assert!(peer.client.upload(tokio_stream::iter(begun)).await.is_err());
    let boot = agent.boot();
    join(&agent.address, &computation, "hospital-1").await.stop().await.unwrap();
    for gone in ["assets", "run", "results"] {
        while boot.join(gone).exists() {
            tokio::task::yield_now().await;
        }
    }
    assert!(boot.join("partial/h1").exists(), "nothing stood in the way");
}
