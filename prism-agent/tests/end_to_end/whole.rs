//! From agreement to audit.

use std::io::Cursor;

use prism_agent::client::{LogChunk, ResultOptions};
use prism_agent::server::Agent;
use prism_attest::audit::{AuditReport, ExpectedComputation, audit};
use prism_core::archive::{Limits, SafePath, Sink, unpack};
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::lifecycle::Phase;

use crate::common::Computation;
use crate::common::computation::{name, now};
use crate::people::{code, join};
use crate::scene::{ASSETS, TRAIN, computation, computation_with, give, until};
use crate::tests;

tests!["whole":
    three_datasets_in_any_order_become_one_result_that_a_stranger_audits,
    the_same_inputs_give_the_same_archive_and_the_log_says_what_could_differ,
    figures_go_to_whom_the_manifest_names_and_to_nobody_else,
    what_is_printed_goes_to_whom_the_manifest_names,
];

/// Writes files in an order that only hashing decides, at other times.
const UNORDERED: &str = r#"
import os
for name in {"a", "b", "c", "d", "e", "f"}:
    os.makedirs("results/" + name, exist_ok=True)
    with open("results/" + name + "/order.txt", "w") as out:
        out.write(" ".join({str(n) for n in range(50)}))
"#;

/// Prints figures among other things, the last without an end of line.
const FIGURES: &str = r#"
import sys
print("hello")
print('metrics {"step": 1, "loss": 2, "accuracy": 0.5}')
print("metrics are great")
print('metrics {"patients": 3}', flush=True)
sys.stdout.write('metrics {"step": 2, "loss": 1e-9}')
"#;

/// Keeps the one file that the result has.
#[derive(Default)]
struct OneFile(Vec<u8>);

impl Sink for OneFile {
    fn directory(&mut self, path: &SafePath) -> std::io::Result<()> {
        panic!("no folder is expected, found {}", path.as_str());
    }

    fn file(&mut self, path: &SafePath, _: u64) -> std::io::Result<Box<dyn std::io::Write + '_>> {
        assert_eq!(path.as_str(), "model.json");
        Ok(Box::new(&mut self.0))
    }
}

async fn three_datasets_in_any_order_become_one_result_that_a_stranger_audits() {
    let computation = computation(TRAIN);
    let agent = computation.start().await;
    let report = the_whole_day(&computation, agent).await;
    let conditions = report.summary().unwrap().conditions.as_ref().unwrap();
    assert!(conditions.interpreter.starts_with("cpython 3."), "{conditions:?}");
}

/// Uploads, the run, the result once, and a transcript in which a stranger finds nothing broken.
pub(crate) async fn the_whole_day(computation: &Computation, agent: Agent) -> AuditReport {
    let address = agent.local_addr().to_string();
    let mut watch = join(&address, computation, "institute").await.watch(0);
    let [algorithm, h1, h2, h3] = ASSETS;
    give(&address, computation, &[h3, algorithm, h2, h1]).await;
    assert_eq!(until(&mut watch, "result.sealed").await.phase, Phase::Delivering);

    let institute = join(&address, computation, "institute").await;
    let out = computation.dir.path().join("results.zip");
    institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap();
    let mut result = OneFile::default();
    unpack(Cursor::new(std::fs::read(&out).unwrap()), &Limits::default(), &mut result).unwrap();
    assert_eq!(String::from_utf8(result.0).unwrap(), r#"{"h1": 3000, "h2": 10000, "h3": 21000}"#);

    let again = computation.dir.path().join("again.zip");
    assert_eq!(code(institute.result(&again, ResultOptions::default(), |_| {}).await), Code::ResultGone);
    assert_eq!(until(&mut watch, "log.close").await.phase, Phase::Closed);
    assert!(watch.next().await.is_none());

    let transcript = computation.dir.path().join("run.transcript");
    join(&address, computation, "hospital-1").await.transcript(&transcript).await.unwrap();
    agent.shutdown().await;
    let expected = ExpectedComputation::Manifest(computation.signed.digest());
    let report = audit(&std::fs::read(&transcript).unwrap(), expected, now());
    assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
    report
}

async fn the_same_inputs_give_the_same_archive_and_the_log_says_what_could_differ() {
    let mut archives = Vec::new();
    for _ in 0..2 {
        let computation = computation(UNORDERED);
        let agent = computation.start().await;
        let address = agent.local_addr().to_string();
        let institute = join(&address, &computation, "institute").await;
        let mut watch = institute.watch(0);
        give(&address, &computation, &ASSETS).await;
        let exit = until(&mut watch, "run.exit").await;
        let Event::RunExit(body) = &exit.entry.event else { panic!("{exit:?}") };
        let conditions = body.conditions.as_ref().unwrap();
        assert!(conditions.interpreter.starts_with("cpython 3.") && conditions.processors > 0, "{conditions:?}");
        until(&mut watch, "result.sealed").await;
        let out = computation.dir.path().join("results.zip");
        institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap();
        archives.push(std::fs::read(out).unwrap());
        agent.shutdown().await;
    }
    assert_eq!(archives[0], archives[1]);
}

async fn figures_go_to_whom_the_manifest_names_and_to_nobody_else() {
    let computation = computation_with(FIGURES, |manifest| {
        manifest.logs.stdout.clear();
        manifest.logs.metrics = vec![name("institute")];
    });
    let agent = computation.start().await;
    let address = agent.local_addr().to_string();
    let institute = join(&address, &computation, "institute").await;
    let mut metrics = institute.metrics();
    give(&address, &computation, &ASSETS).await;
    let mut read = Vec::new();
    while let Some(line) = metrics.next().await {
        let line = line.unwrap();
        read.push((line.step, line.values.into_iter().collect::<Vec<_>>()));
    }
    let figure = |name: &str, value: f64| (name.to_owned(), value);
    let expected = [
        (Some(1), vec![figure("accuracy", 0.5), figure("loss", 2.0)]),
        (None, vec![figure("patients", 3.0)]),
        (Some(2), vec![figure("loss", 1e-9)]),
    ];
    assert_eq!(read, expected);
    // Nobody reads the rest of what is printed, and the figures are for the institute alone.
    let refused = institute.logs().next().await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::RoleRefused);
    for stranger in ["lab", "hospital-1"] {
        let refused = join(&address, &computation, stranger).await.metrics().next().await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::RoleRefused, "{stranger}");
    }
    agent.shutdown().await;
}

async fn what_is_printed_goes_to_whom_the_manifest_names() {
    let computation = computation(TRAIN);
    let agent = computation.start().await;
    let address = agent.local_addr().to_string();
    let mut logs = join(&address, &computation, "lab").await.logs();
    give(&address, &computation, &ASSETS).await;
    let mut printed = Vec::new();
    while let Some(chunk) = logs.next().await {
        let LogChunk::Stdout(bytes) = chunk.unwrap() else { panic!("standard error was released") };
        printed.extend(bytes);
    }
    assert_eq!(String::from_utf8(printed).unwrap(), "trained on 3\n");
    agent.shutdown().await;
}
