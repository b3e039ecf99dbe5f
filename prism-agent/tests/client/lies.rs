//! An agent on a genuine machine that lies about its log, its receipts and its results.

use std::time::Duration;

use prism_agent::client::{AttestError, LogError, SessionError};
use prism_attest::platform::simulated::{Mutation, Mutations};
use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::{Actor, AuthBody, Event, StopBody};
use prism_core::code::{Code, Coded};

use crate::common::Computation;
use crate::liar::Liar;
use crate::people::{attest, code, join, source};

fn forked(error: &SessionError) -> &std::path::Path {
    match error {
        SessionError::Log(LogError::Forked { kept, .. })
        | SessionError::Attest(AttestError::Log(LogError::Forked { kept, .. })) => kept,
        other => panic!("expected a fork, found {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_it_lies_it_is_trusted() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    session.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap();
    assert_eq!(liar.world().received, computation.assets["h1"]);
    session.checkpoint().await.unwrap();
    let mut watch = session.watch(0);
    assert_eq!(watch.next().await.unwrap().unwrap().entry.event.kind(), "log.open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_a_fault_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    liar.lie(|lies| lies.mutations = Mutations::new(vec![Mutation::FlipBit(100)]));
    assert_eq!(code(attest(liar.address, &computation, "lab").await), Code::EvidenceRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_answer_is_checked() {
    type Lie = fn(&mut crate::common::wire::AttestResponse);
    let lies: [(&str, Lie); 9] = [
        ("nonce", |a| a.agent_nonce = vec![0xA2; 32].into()),
        ("short nonce", |a| a.agent_nonce = vec![0xA1; 31].into()),
        ("platform", |a| a.platform = "tdx".to_owned()),
        ("evidence", |a| a.evidence = a.evidence.slice(1..)),
        ("endorsements", |a| a.endorsements = b"{}".to_vec().into()),
        ("binding", |a| a.binding = a.binding.slice(..a.binding.len() - 1)),
        ("batch", |a| a.batch_size = 2),
        ("event log", |a| a.event_log = b"of a machine that has none".to_vec().into()),
        ("checkpoint", |a| a.checkpoint = a.checkpoint.replace("\n2\n", "\n3\n")),
    ];
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    for (field, lie) in lies {
        liar.lie(|lies| lies.attest = Some(Box::new(lie)));
        let refused = code(attest(liar.address, &computation, "lab").await);
        let expected = [Code::EvidenceRefused, Code::AgentMisbehaved, Code::LogInvalid, Code::PlatformUnsupported];
        assert!(expected.contains(&refused), "{field}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_between_two_connections_is_caught_and_both_heads_are_kept_as_proof() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let _ = join(liar.address, &computation, "hospital-1").await.checkpoint().await.unwrap();
    liar.world().rewrite_history(&computation);
    let error = attest(liar.address, &computation, "hospital-1").await.unwrap_err();
    assert_eq!(error.code(), Code::LogForked);
    let error = SessionError::from(error);
    let kept = forked(&error);
    let read = |file: &str| SignedCheckpoint::read(&std::fs::read(kept.join(file)).unwrap()).unwrap();
    let key = std::fs::read_to_string(kept.join("vkey")).unwrap().trim_end().parse().unwrap();
    assert_ne!(read("seen-before").verify(&key).unwrap(), read("seen-now").verify(&key).unwrap());
    // A party that has seen nothing before has nothing to compare with.
    assert!(attest(liar.address, &computation, "hospital-2").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_within_a_session_is_caught() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    session.checkpoint().await.unwrap();
    liar.world().rewrite_history(&computation);
    let error = session.checkpoint().await.unwrap_err();
    assert!(forked(&error).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_log_is_caught() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.world().act(Actor::Agent, Event::Stop(StopBody { code: "x".to_owned() }));
    session.checkpoint().await.unwrap();
    let (tree, entries) = {
        let world = liar.world();
        let mut tree = prism_core::audit::tree::Tree::new();
        for entry in &world.entries[..2] {
            tree.append(prism_core::audit::tree::leaf_hash(entry));
        }
        (tree, world.entries[..2].to_vec())
    };
    (liar.world().tree, liar.world().entries) = (tree, entries);
    assert_eq!(code(session.checkpoint().await), Code::LogForked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_another_act_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.lie(|lies| lies.logged = Some(|_| Event::AuthOk(AuthBody { session: "x".to_owned() })));
    let upload = session.upload("h1", source(&computation, "h1"), None, |_| {}).await;
    assert_eq!(code(upload), Code::LogInvalid);
    assert_eq!(code(session.stop().await), Code::LogInvalid);
    let channel = attest(liar.address, &computation, "lab").await.unwrap();
    let refused = channel.authenticate(crate::people::key(&computation, "lab")).await;
    assert_eq!(code(refused), Code::LogInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_whose_proof_is_of_other_bytes_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.lie(|lies| {
        lies.entry = Some(Box::new(|entry| {
            let text = String::from_utf8(entry.clone()).unwrap();
            *entry = text.replace("\"ts\":0", "\"ts\":1").into_bytes();
        }));
    });
    let upload = session.upload("h1", source(&computation, "h1"), None, |_| {}).await;
    assert_eq!(code(upload), Code::LogInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_states_another_index_than_its_receipt_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.lie(|lies| lies.misnumbered = true);
    assert_eq!(code(session.stop().await), Code::LogInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_without_any_signed_head_are_not_gathered_for_ever() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    for i in 0..4100 {
        let said = AuthBody { session: i.to_string() };
        liar.world().note(Actor::Participant("lab".parse().unwrap()), Event::AuthOk(said));
    }
    liar.lie(|lies| lies.watch = Some(Box::new(|told| told.iter_mut().for_each(|t| t.checkpoint.clear()))));
    let mut watch = session.watch(0);
    let next = tokio::time::timeout(Duration::from_mins(1), watch.next()).await.expect("it gathers for ever");
    assert_eq!(code(next.unwrap()), Code::LogInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_a_log_that_nobody_else_is_shown_is_caught() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.lie(|lies| lies.hidden_log = true);
    let error = session.upload("h1", source(&computation, "h1"), None, |_| {}).await.unwrap_err();
    assert_eq!(error.code(), Code::LogForked, "{error}");
    assert_eq!(code(session.stop().await), Code::LogForked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_beyond_the_asset_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.lie(|lies| lies.durable = 3001);
    let upload = session.upload("h1", source(&computation, "h1"), None, |_| {}).await;
    assert_eq!(code(upload), Code::LogInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_shown_otherwise_than_it_was_signed_is_refused() {
    type Lie = fn(&mut Vec<crate::common::wire::WatchResponse>);
    let lies: [(&str, Lie); 6] = [
        ("changed", |told| {
            let text = String::from_utf8(told[2].entry.to_vec()).unwrap();
            told[2].entry = text.replace("\"ts\":0", "\"ts\":1").into();
        }),
        ("dropped", |told| drop(told.remove(1))),
        ("swapped", |told| {
            let (one, two) = (told[0].entry.clone(), told[1].entry.clone());
            (told[0].entry, told[1].entry) = (two, one);
        }),
        ("renumbered", |told| told[1].index = 7),
        ("unsigned", |told| told[2].checkpoint = "nonsense".to_owned()),
        ("doubled", |told| {
            let again = told[1].clone();
            told.insert(1, again);
        }),
    ];
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    for (how, lie) in lies {
        liar.lie(|lies| lies.watch = Some(Box::new(lie)));
        let mut watch = session.watch(0);
        let refused = code(watch.next().await.unwrap());
        assert_eq!(refused, Code::LogInvalid, "{how}");
        assert!(watch.next().await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_entry_that_the_rules_do_not_permit_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    let closed = prism_core::audit::entry::LogCloseBody {
        outcome: prism_core::audit::entry::Outcome::Completed,
        refusals_unlogged: 0,
    };
    liar.world().act(Actor::Agent, Event::LogClose(closed));
    let error = session.watch(0).next().await.unwrap().unwrap_err();
    assert!(matches!(error, SessionError::Log(LogError::Illegal { index: 3, .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_catches_a_history_that_contradicts_what_was_seen_before() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    session.checkpoint().await.unwrap();
    liar.world().rewrite_history(&computation);
    let error = session.watch(0).next().await.unwrap().unwrap_err();
    assert!(forked(&error).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_of_another_log_or_computation_is_refused_and_leaves_no_file() {
    type Lie = fn(&mut prism_core::transcript::Transcript);
    let lies: [(&str, Lie, Code); 4] = [
        ("changed", |t| t.entries[1] = t.entries[1].replace("\"ts\":0", "\"ts\":1"), Code::LogInvalid),
        ("dropped", |t| drop(t.entries.pop()), Code::LogInvalid),
        ("another", |t| t.manifest.0 = Computation::new().signed.to_bytes(), Code::AgentMisbehaved),
        ("unsigned", |t| t.manifest.0.truncate(10), Code::AgentMisbehaved),
    ];
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    let out = computation.dir.path().join("run.transcript");
    for (how, lie, expected) in lies {
        liar.lie(|lies| lies.transcript = Some(Box::new(lie)));
        assert_eq!(code(session.transcript(&out).await), expected, "{how}");
    }
    liar.lie(|lies| lies.transcript = None);
    liar.world().rewrite_history(&computation);
    assert_eq!(code(session.transcript(&out).await), Code::LogForked);
    let left = std::fs::read_dir(computation.dir.path()).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains("transcript")).count(), 0);
}

/// The log of `session`'s agent, grown to a size that the session knows, without its last entries.
async fn cut_short(liar: &Liar, session: &prism_agent::client::Session) {
    let lab = || Actor::Participant("lab".parse().unwrap());
    for i in 0..3 {
        liar.world().act(lab(), Event::AuthOk(AuthBody { session: i.to_string() }));
    }
    session.checkpoint().await.unwrap();
    let mut world = liar.world();
    world.entries.truncate(4);
    let mut tree = prism_core::audit::tree::Tree::new();
    for entry in &world.entries {
        tree.append(prism_core::audit::tree::leaf_hash(entry));
    }
    world.tree = tree;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_that_is_shorter_than_the_log_that_was_seen_is_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    cut_short(&liar, &session).await;
    let out = computation.dir.path().join("run.transcript");
    assert_eq!(code(session.transcript(&out).await), Code::LogForked);
    assert!(!out.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_nothing_of_a_log_that_is_shorter_than_the_one_that_was_seen() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    cut_short(&liar, &session).await;
    let mut watch = session.watch(0);
    let shown = tokio::time::timeout(Duration::from_secs(2), watch.next()).await;
    assert!(shown.is_err(), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_the_wrong_shape_accuses_nobody_of_a_fork() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "hospital-1").await;
    liar.lie(|lies| lies.head = Some(Box::new(|head| head.consistency.push(vec![1; 32].into()))));
    assert_eq!(code(session.checkpoint().await), Code::AgentMisbehaved);
    liar.lie(|lies| lies.head = Some(Box::new(|head| head.consistency.push(vec![1; 31].into()))));
    assert_eq!(code(session.checkpoint().await), Code::AgentMisbehaved);
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_that_ask_while_the_log_grows_accuse_nobody_of_a_fork() {
    let computation = Computation::new();
    let liar = std::sync::Arc::new(Liar::start(&computation).await);
    let session = join(liar.address, &computation, "hospital-1").await;
    let asking = (0..8).map(|task| {
        let (session, liar) = (session.clone(), std::sync::Arc::clone(&liar));
        tokio::spawn(async move {
            for i in 0..40 {
                let said = AuthBody { session: format!("{task} {i}") };
                liar.world().note(Actor::Participant("lab".parse().unwrap()), Event::AuthOk(said));
                match session.checkpoint().await {
                    Ok(_) | Err(SessionError::Log(LogError::Restless)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    });
    for task in asking.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_that_no_line_can_hold_are_refused() {
    let computation = Computation::new();
    let liar = Liar::start(&computation).await;
    let session = join(liar.address, &computation, "lab").await;
    let line = |offset, name: &str, value| {
        let values = [(name.to_owned(), value)].into();
        crate::common::wire::MetricsResponse { offset, step: None, values }
    };
    let good = || line(1, "loss", 0.5);
    for second in [
        line(2, "loss", f64::NAN),
        line(2, "loss", f64::INFINITY),
        line(2, "\u{1b}[2J", 0.5),
        line(2, "", 0.5),
        line(1, "loss", 0.5),
        crate::common::wire::MetricsResponse { offset: 2, step: Some(1), values: std::collections::HashMap::new() },
    ] {
        liar.lie(|lies| lies.metrics = vec![good(), second.clone(), good()]);
        let mut metrics = session.metrics();
        assert!(metrics.next().await.unwrap().is_ok());
        let refused = metrics.next().await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::AgentMisbehaved, "{second:?}");
        assert!(metrics.next().await.is_none(), "nothing more is believed");
    }
}
