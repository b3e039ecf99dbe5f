//! A computation from its draft to its run: nothing runs while anything is missing, and the list says who owes it.

use super::exchange::{ComputationFile, FILE_MAX, ImportError, PEER_MAX, read_peer};
use super::*;
use crate::audit::checkpoint::{Checkpoint, LogKey};
use crate::audit::tree::Tree;
use crate::manifest::SignedManifest;
use crate::transcript::Base64Bytes;

/// The five participants of the sample as members, by their own keys; the lab owns the computation.
struct Life {
    world: World,
    keys: Vec<SigningKey>,
    bytes: Vec<u8>,
    log: LogKey,
}

const PEOPLE: [&str; 5] = ["lab", "hospital-1", "hospital-2", "hospital-3", "institute"];

impl Life {
    fn begun(plan: Plan) -> Self {
        let (manifest, keys) = crate::manifest::tests::sample();
        let mut world = World::begun(&keys[0], plan);
        for (who, key) in PEOPLE.iter().zip(&keys).skip(1) {
            world.join(&keys[0], key, who, &["member"]);
        }
        world.done(&keys[0], Action::ComputationCreate { computation: name("covid19"), title: line("COVID-19") });
        let log = LogKey::generate("prism.log/test", &mut SystemEntropy).unwrap();
        Self { world, keys, bytes: manifest.to_bytes().unwrap(), log }
    }

    fn lab(&mut self, action: Action) {
        let Self { world, keys, .. } = self;
        world.done(&keys[0], action);
    }

    fn propose(&mut self) {
        let manifest = Base64Bytes(self.bytes.clone());
        self.lab(Action::ComputationPropose { computation: name("covid19"), manifest });
    }

    fn roles(&mut self) {
        let roles = ["algo_provider", "dataset_provider", "dataset_provider", "dataset_provider", "result_consumer"];
        for (who, role) in PEOPLE.iter().zip(roles) {
            let (computation, organisation) = (name("covid19"), name(who));
            self.lab(Action::ComputationGive { computation, organisation, role: name(role) });
        }
    }

    fn approval(&self, by: usize) -> Action {
        let envelope = SignedManifest::approve(&self.bytes, &self.keys[by]).unwrap();
        let (key, signature) = envelope.signatures().next().map(|(key, bytes)| (*key, bytes.to_vec())).unwrap();
        Action::ComputationApprove { computation: name("covid19"), key, signature: Base64Bytes(signature) }
    }

    fn approve(&mut self) {
        for by in 0..self.keys.len() {
            let action = self.approval(by);
            let Self { world, keys, .. } = self;
            world.done(&keys[by], action);
        }
    }

    fn register(&mut self, agent: &str, platform: &str) {
        let log = self.log.verifier().clone();
        self.lab(Action::AgentRegister {
            agent: name(agent),
            endpoint: line("127.0.0.1:6110"),
            platform: name(platform),
            software: line("prism 0.1.0"),
            evidence: Digest::sha256(b"evidence"),
            log,
        });
    }

    fn missing(&self) -> Vec<Missing> {
        self.world.workspace().dry_run(&name("covid19"), None, NOW).unwrap()
    }

    fn schedule() -> Action {
        Action::ComputationSchedule { computation: name("covid19"), agent: name("agent") }
    }

    fn stage(&self) -> Stage {
        self.world.workspace().computations()[&name("covid19")].stage()
    }

    fn scheduled() -> Self {
        let mut life = Self::begun(Plan::Enterprise);
        life.propose();
        life.roles();
        life.approve();
        life.register("agent", "simulated");
        life.lab(Self::schedule());
        life
    }
}

#[test]
fn the_dry_run_names_what_is_missing_until_nothing_is() {
    let mut life = Life::begun(Plan::Enterprise);
    let codes = |life: &Life| life.missing().iter().map(Missing::code).collect::<Vec<_>>();
    assert_eq!(codes(&life), ["manifest.missing", "agent.missing"]);
    life.propose();
    assert_eq!(life.stage(), Stage::Proposed);
    let missing = codes(&life);
    assert_eq!(missing.iter().filter(|code| **code == "approval.missing").count(), 5, "{missing:?}");
    assert!(missing.contains(&"role.missing") && missing.contains(&"agent.missing"), "{missing:?}");
    let refused = life.world.clone().refused(&life.keys[0], Life::schedule());
    assert!(matches!(&refused, Refusal::NotReady(list) if *list == life.missing()), "{refused}");
    life.roles();
    life.register("other", "snp");
    life.approve();
    assert_eq!(life.stage(), Stage::Ready);
    assert_eq!(codes(&life), ["agent.missing"], "an agent of another platform is none");
    life.register("agent", "simulated");
    assert!(life.missing().is_empty());
    life.lab(Life::schedule());
    assert_eq!(life.stage(), Stage::Scheduled);
    assert!(codes(&life).contains(&"run.not-ended"));
    assert_eq!(History::replay(&life.world.entries).unwrap(), life.world.history);
}

#[test]
fn an_approval_of_other_bytes_or_by_somebody_else_does_not_count() {
    let mut life = Life::begun(Plan::Enterprise);
    life.propose();
    let Action::ComputationApprove { computation, key, signature } = life.approval(1) else { unreachable!() };
    let mut altered = signature.clone();
    altered.0[3] ^= 1;
    let wrong = Action::ComputationApprove { computation: computation.clone(), key, signature: altered };
    let refused = life.world.refused(&life.keys[0], wrong);
    assert!(matches!(refused, Refusal::Approval(_)), "{refused}");
    let other =
        Action::ComputationApprove { computation: computation.clone(), key: fingerprint(&life.keys[2]), signature };
    assert!(matches!(life.world.refused(&life.keys[0], other), Refusal::Approval(_)));
    let stranger = super::key();
    let envelope_key = fingerprint(&stranger);
    let nobody = Action::ComputationApprove { computation, key: envelope_key, signature: Base64Bytes(vec![0; 64]) };
    assert!(matches!(life.world.refused(&life.keys[0], nobody), Refusal::Approval(_)));
    assert_eq!(life.stage(), Stage::Proposed);
}

#[test]
fn whoever_carries_an_approval_need_not_have_given_it() {
    let mut life = Life::begun(Plan::Enterprise);
    life.propose();
    let theirs = life.approval(3);
    life.lab(theirs);
    let missing = life.missing();
    assert!(
        !missing.iter().any(|m| matches!(m, Missing::Approval { participant } if participant.as_str() == "hospital-3"))
    );
}

#[test]
fn a_run_stands_where_its_agent_signed_and_nowhere_else() {
    let mut life = Life::scheduled();
    let report = |entries: Vec<String>, checkpoint: String| Action::ComputationReport {
        computation: name("covid19"),
        entries,
        checkpoint,
    };
    let empty = Checkpoint::new("prism.log/test", &Tree::new());
    let other = LogKey::generate("prism.log/test", &mut SystemEntropy).unwrap();
    let forged = other.sign(&empty).unwrap().as_str().to_owned();
    let refused = life.world.refused(&life.keys[0], report(vec![], forged));
    assert!(matches!(refused, Refusal::Report(ReportError::Checkpoint(_))), "{refused}");
    let refused = life.world.refused(&life.keys[0], report(vec![], "nothing".to_owned()));
    assert!(matches!(refused, Refusal::Report(ReportError::Checkpoint(_))), "{refused}");
    let nothing_new = life.log.sign(&empty).unwrap().as_str().to_owned();
    let refused = life.world.refused(&life.keys[0], report(vec![], nothing_new.clone()));
    assert!(matches!(refused, Refusal::Unchanged), "{refused}");
    let invented = vec!["{\"seq\":0}".to_owned()];
    let refused = life.world.refused(&life.keys[0], report(invented, nothing_new));
    assert!(matches!(refused, Refusal::Report(ReportError::Entry(_))), "{refused}");
}

#[test]
fn what_has_not_begun_is_called_off_and_its_agent_serves_no_other_manifest() {
    let mut life = Life::scheduled();
    let busy = life.world.refused(&life.keys[0], Action::AgentRemove { agent: name("agent") });
    assert!(matches!(busy, Refusal::InUse { thing: Thing::Agent, .. }), "{busy}");
    let busy = life.world.refused(&life.keys[0], Action::WorkspaceDelete {});
    assert!(matches!(busy, Refusal::InUse { thing: Thing::Computation, .. }), "{busy}");
    life.lab(Action::ComputationStop { computation: name("covid19") });
    let runs = &life.world.workspace().computations()[&name("covid19")].runs;
    assert!(matches!(runs[0].ended, Some((Ending::Cancelled, _))) && !Ending::Cancelled.is_signed_by_the_agent());
    life.lab(Action::ComputationDelete { computation: name("covid19") });
    assert_eq!(life.world.workspace().runs().count(), 1, "runs of what was deleted still count");
    let again = Action::ComputationCreate { computation: name("covid19"), title: line("Again") };
    assert!(
        matches!(life.world.refused(&life.keys[0], again), Refusal::Taken { .. }),
        "a name means one thing for ever"
    );
}

#[test]
fn a_plan_bounds_what_a_workspace_may_use() {
    let limits = Limits { members: Some(5), agents: Some(1), run_seconds: Some(599), ..Limits::NONE };
    let mut life = Life::begun(Plan::Custom(limits));
    life.register("agent", "simulated");
    let refused = life.world.refused(
        &life.keys[0],
        Action::AgentRegister {
            agent: name("second"),
            endpoint: line("127.0.0.1:1"),
            platform: name("simulated"),
            software: line("prism"),
            evidence: Digest::sha256(b""),
            log: life.log.verifier().clone(),
        },
    );
    assert!(matches!(refused, Refusal::Plan(Bound::Agents)), "{refused}");
    life.propose();
    assert!(life.missing().contains(&Missing::Plan(Bound::RunSeconds)), "600 seconds are more than 599");
    let sixth = key();
    let (to, expires) = (Addressee::Key(fingerprint(&sixth)), NOW + 10);
    life.lab(Action::InvitationSend { invitation: name("sixth"), to, roles: [].into(), expires });
    let accept = Action::InvitationAccept { invitation: name("sixth"), organisation: introduction("sixth") };
    assert!(matches!(life.world.refused(&sixth, accept), Refusal::Plan(Bound::Members)));
}

#[test]
fn a_month_is_paid_by_whole_cents_and_every_record_counts_where_it_belongs() {
    let record = |began, ended, bytes| UsageRecord { computation: name("covid19"), began, ended, bytes };
    let january = Month::new(1970, 1).unwrap();
    let tariff = Tariff { month: 9_900, agent_hour: 50, gibibyte: 10 };
    let end = january.until();
    // One hour and one GiB; a second of agent that begins a cent; a run that goes on into the next month.
    let records = [record(0, 3_600, 1 << 30), record(10, 11, 0), record(end - 10, end + 3_600, 1 << 40)];
    let paid = statement(&records, january, tariff).unwrap();
    assert_eq!((paid.runs, paid.agent_seconds, paid.bytes), (3, 3_611, 1 << 30));
    assert_eq!((paid.plan_cents, paid.agent_cents, paid.byte_cents, paid.total_cents), (9_900, 51, 10, 9_961));
    let february = statement(&records, Month::new(1970, 2).unwrap(), tariff).unwrap();
    assert_eq!((february.runs, february.agent_seconds, february.bytes), (0, 3_600, 1 << 40));
    assert_eq!(statement(&[], january, tariff).unwrap().total_cents, 9_900);
}

#[test]
fn records_that_cannot_be_right_are_refused() {
    let record = |began, ended, bytes| UsageRecord { computation: name("covid19"), began, ended, bytes };
    let (january, free) = (Month::new(1970, 1).unwrap(), Tariff { month: 0, agent_hour: 0, gibibyte: 0 });
    assert!(matches!(statement(&[record(2, 1, 0)], january, free), Err(UsageError::Order { began: 2, ended: 1 })));
    let full = vec![record(0, 1, u64::MAX); 2];
    assert_eq!(statement(&full, january, free), Err(UsageError::Overflow));
    let dear = Tariff { month: u64::MAX, agent_hour: u64::MAX, gibibyte: u64::MAX };
    assert_eq!(statement(&[record(0, 3_600, 0)], january, dear), Err(UsageError::Overflow));
    assert!(Month::new(1970, 13).is_err() && Month::new(1970, 0).is_err() && Month::new(1969, 1).is_err());
}

#[test]
fn runs_are_counted_by_how_and_when_they_ended() {
    let mut life = Life::scheduled();
    assert_eq!(life.world.workspace().statistics(0).running, 1);
    life.lab(Action::ComputationStop { computation: name("covid19") });
    let counts = life.world.workspace().statistics(0);
    assert_eq!((counts.running, counts.outcomes.get(&Ending::Cancelled)), (0, Some(&1)));
    assert_eq!(counts.days.keys().collect::<Vec<_>>(), [&0]);
    assert!(life.world.workspace().statistics(NOW + 1).outcomes.is_empty(), "before that nothing is counted");
}

#[test]
fn a_computation_goes_into_a_file_and_comes_out_the_same() {
    let mut life = Life::begun(Plan::Enterprise);
    life.propose();
    let file = ComputationFile::of(&name("covid19"), &life.world.workspace().computations()[&name("covid19")]);
    let bytes = file.to_bytes().unwrap();
    assert_eq!(ComputationFile::read(&bytes).unwrap(), file);
    let text = String::from_utf8(bytes).unwrap();
    let other = text.replace("\"covid19\"", "\"covid20\"");
    assert!(matches!(ComputationFile::read(other.as_bytes()), Err(ImportError::OtherManifest { .. })));
    assert!(ComputationFile::read(text.trim_end().as_bytes()).is_err(), "another text");
    assert!(ComputationFile::read(text.replacen('{', "{\"more\":1,", 1).as_bytes()).is_err());
    assert!(ComputationFile::read(&vec![b' '; FILE_MAX + 1]).is_err());
}

#[test]
fn of_the_peers_export_what_is_not_understood_is_named() {
    let hash: Vec<String> = (0..32).map(|n: u8| n.to_string()).collect();
    let export = format!(
        r#"{{"name":"covid","description":"x-rays","agent_config":{{"port":"7002"}},
            "algorithm":{{"filename":"train.py","hash":[{hash}],"user_key":"bm90IGEga2V5"}},
            "datasets":[{{"hash":[1,2,3]}},7],"result_consumers":"nobody"}}"#,
        hash = hash.join(",")
    );
    let read = read_peer(export.as_bytes()).unwrap();
    assert_eq!((&*read.name, &*read.description), ("covid", "x-rays"));
    let algorithm = read.algorithm.unwrap();
    assert_eq!(algorithm.filename.as_deref(), Some("train.py"));
    assert!(algorithm.digest.is_some() && algorithm.key.is_none());
    let fields: Vec<&str> = read.not_understood.iter().map(|what| &*what.field).collect();
    let expected = ["agent_config", "algorithm.user_key", "datasets[0].hash", "datasets[1]", "result_consumers"];
    assert_eq!(fields, expected);
    assert!(read_peer(b"[]").is_err() && read_peer(&vec![b' '; PEER_MAX + 1]).is_err());
}
