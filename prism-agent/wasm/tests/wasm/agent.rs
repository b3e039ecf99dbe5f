//! A whole computation: a signed manifest, an agent, two hospitals, a module, one result, a stranger's audit.

use std::fs;
use std::io::{Cursor, Write};

use prism_agent::client::ResultOptions;
use prism_agent::server::{Agent, AgentConfig, StartError};
use prism_attest::audit::{ExpectedComputation, audit};
use prism_core::archive::{Limits, SafePath, Sink, unpack};
use prism_core::audit::entry::{Event, RunEnd};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::Runtime;

use crate::computation::{Computation, now};
use crate::people::{join, source};
use crate::program::Program;
use crate::room::BUILT;
use crate::tests;
use crate::world::{Verdict, block_on};

tests!["agent":
    a_module_computes_on_two_hospitals_data_and_a_stranger_audits_it,
    a_module_that_traps_delivers_nothing,
    an_agent_without_a_host_takes_no_module,
];

/// A secret that must be nowhere but in the result.
const CANARY: &str = "canary-5c2d";

/// A computation whose algorithm is this module.
fn computation(program: &Program) -> Computation {
    let module = program.module();
    Computation::with(|manifest, assets| {
        let terms = &mut manifest.algorithm;
        terms.runtime = Runtime::Wasm;
        (terms.digest, terms.size) = (Digest::sha256(&module), module.len() as u64);
        terms.args = vec!["{\"rate\": 0.1}".to_owned()];
        manifest.logs.stdout.clear();
        assets.insert("train.py", module);
        let data = CANARY.as_bytes().to_vec();
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (Digest::sha256(&data), data.len() as u64);
        assets.insert("h1", data);
    })
}

fn config(computation: &Computation, host: Option<&str>) -> AgentConfig {
    let mut config = computation.config();
    config.runner.wasm_host = host.map(Into::into);
    config
}

/// Every file of a result.
#[derive(Default)]
struct Files(Vec<(String, Vec<u8>)>);

impl Sink for Files {
    fn directory(&mut self, _: &SafePath) -> std::io::Result<()> {
        Ok(())
    }

    fn file(&mut self, path: &SafePath, _: u64) -> std::io::Result<Box<dyn Write + '_>> {
        self.0.push((path.as_str().to_owned(), Vec::new()));
        let (_, bytes) = self.0.last_mut().unwrap();
        Ok(Box::new(bytes))
    }
}

async fn give_everything(address: &str, computation: &Computation) {
    for (who, asset) in [("hospital-2", "h2"), ("lab", "train.py"), ("hospital-1", "h1")] {
        let session = join(address, computation, who).await;
        session.upload(asset, source(computation, asset), None, |_| {}).await.unwrap();
    }
}

/// The events until one of this kind.
async fn until(address: &str, computation: &Computation, kind: &str) -> Vec<Event> {
    let mut watch = join(address, computation, "institute").await.watch(0);
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Event| event.kind() != kind) {
        let observed = watch.next().await.unwrap_or_else(|| panic!("the log ends without {kind}"));
        events.push(observed.unwrap().entry.event);
    }
    events
}

/// The transcript that a stranger takes along.
async fn transcript(address: &str, computation: &Computation) -> Vec<u8> {
    let file = computation.dir.path().join("run.transcript");
    join(address, computation, "hospital-2").await.transcript(&file).await.unwrap();
    fs::read(file).unwrap()
}

fn run_exit(events: &[Event]) -> &prism_core::audit::entry::RunExitBody {
    events.iter().find_map(|event| if let Event::RunExit(body) = event { Some(&**body) } else { None }).unwrap()
}

fn a_module_computes_on_two_hospitals_data_and_a_stranger_audits_it() -> Verdict {
    block_on(async {
        // The canary goes to the result, and to everything else that the program can reach.
        let program = Program::default()
            .with("(local.set $n (call $get (i32.const 3) {h1}))", &[("h1", "datasets/h1")])
            .then("(call $print (i32.const 65536) (local.get $n))")
            .then("(drop (call $write (i32.const 2) (i32.const 65536) (local.get $n)))")
            .with("(call $put (i32.const 3) {out} (i32.const 65536) (local.get $n))", &[("out", "results/model")])
            .put(&format!("results/{CANARY}"), "a name can tell, too");
        let computation = computation(&program);
        let agent = Agent::start(config(&computation, Some(BUILT)), computation.signed.clone()).await.unwrap();
        let address = agent.local_addr().to_string();
        give_everything(&address, &computation).await;
        let events = until(&address, &computation, "result.sealed").await;
        let exit = run_exit(&events);
        assert_eq!(exit.end, RunEnd::Exited);
        let conditions = exit.conditions.as_ref().unwrap();
        assert!(conditions.interpreter.starts_with("wasmtime 48."), "{conditions:?}");

        let institute = join(&address, &computation, "institute").await;
        let out = computation.dir.path().join("results.zip");
        institute.result(&out, ResultOptions::default(), |_| {}).await.unwrap();
        let mut result = Files::default();
        unpack(Cursor::new(fs::read(&out).unwrap()), &Limits::default(), &mut result).unwrap();
        assert!(result.0.contains(&("model".to_owned(), CANARY.as_bytes().to_vec())), "{:?}", result.0);

        let transcript = transcript(&address, &computation).await;
        agent.shutdown().await;
        let expected = ExpectedComputation::Manifest(computation.signed.digest());
        let report = audit(&transcript, expected, now());
        assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
        assert!(!transcript.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
    });
    Verdict::Held
}

fn a_module_that_traps_delivers_nothing() -> Verdict {
    block_on(async {
        let computation = computation(&Program::default().put("results/x", "x").then("(unreachable)"));
        let agent = Agent::start(config(&computation, Some(BUILT)), computation.signed.clone()).await.unwrap();
        let address = agent.local_addr().to_string();
        give_everything(&address, &computation).await;
        let events = until(&address, &computation, "run.exit").await;
        assert_eq!((run_exit(&events).end, run_exit(&events).status), (RunEnd::Exited, 134));
        let events = until(&address, &computation, "log.close").await;
        assert!(!events.iter().any(|event| event.kind() == "result.sealed"));
        agent.shutdown().await;
    });
    Verdict::Held
}

fn an_agent_without_a_host_takes_no_module() -> Verdict {
    let computation = computation(&Program::default());
    for (host, code) in
        [(None, Code::FileMissing), (Some("/nonexistent"), Code::FileMissing), (Some("/bin/true"), Code::Usage)]
    {
        let refused = block_on(Agent::start(config(&computation, host), computation.signed.clone())).err().unwrap();
        assert!(matches!(refused, StartError::Term(_)), "{refused}");
        assert_eq!(refused.code(), code);
        assert!(refused.to_string().contains("prism-wasm"), "{refused}");
        // Nobody was told that there is an agent.
        assert!(!computation.dir.path().join("state").exists());
    }
    Verdict::Held
}
