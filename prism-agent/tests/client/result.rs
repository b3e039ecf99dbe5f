//! Taking a result: exactly once, whatever breaks in between.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use prism_agent::client::{Delivered, ResultError, ResultOptions, ResultStep, Session};
use prism_core::audit::entry::{AuthBody, Event};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::release::Release;
use prism_core::seal::{Identity, open};

use crate::common::Computation;
use crate::liar::{Liar, RESULT};
use crate::people::{code, join};

struct Scene {
    computation: Computation,
    agent: Liar,
    out: PathBuf,
}

impl Scene {
    async fn set() -> Self {
        let computation = Computation::new();
        let agent = Liar::start(&computation).await;
        let out = computation.dir.path().join("results.zip");
        Self { computation, agent, out }
    }

    async fn institute(&self) -> Session {
        join(self.agent.address, &self.computation, "institute").await
    }

    async fn take(&self, out: &Path) -> Result<Delivered, ResultError> {
        self.institute().await.result(out, ResultOptions::default(), |_| {}).await
    }

    /// The consumer's program dies when a step is done.
    async fn die_at(&self, step: ResultStep) {
        let (session, out) = (self.institute().await, self.out.clone());
        let dying = tokio::spawn(async move {
            let die = |progress: prism_agent::client::ResultProgress| assert_ne!(progress.step, step, "dies here");
            AssertUnwindSafe(session.result(&out, ResultOptions::default(), die)).0.await.map(drop)
        });
        assert!(dying.await.unwrap_err().is_panic());
    }

    /// Files beside the output, by what follows its name.
    fn beside(&self) -> Vec<String> {
        let listed = fs::read_dir(self.computation.dir.path()).unwrap();
        let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.contains("results.zip")).collect();
        names.sort();
        names
    }
}

fn is_whole(scene: &Scene, delivered: &Delivered) {
    assert_eq!(fs::read(&scene.out).unwrap(), RESULT.repeat(1000));
    assert_eq!(delivered.digest, Digest::sha256(&RESULT.repeat(1000)));
    assert!(matches!(delivered.receipt.entry().event, Event::ResultAcked(_)));
    assert!(matches!(scene.agent.world().release, Release::Acked { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_arrives_and_nothing_else_is_left() {
    let scene = Scene::set().await;
    let mut steps = Vec::new();
    let institute = scene.institute().await;
    let delivered = institute.result(&scene.out, ResultOptions::default(), |p| steps.push(p.step)).await.unwrap();
    is_whole(&scene, &delivered);
    assert_eq!(scene.beside(), ["results.zip"]);
    steps.dedup();
    assert!(steps.is_sorted());
    assert_eq!(steps.len(), 6, "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_receipt_is_there_before_what_resuming_needs_goes() {
    let scene = Scene::set().await;
    let institute = scene.institute().await;
    let mut options = ResultOptions::default();
    options.keep_receipt = true;
    let mut beside = Vec::new();
    let look = |progress: prism_agent::client::ResultProgress| {
        if progress.step == ResultStep::Acknowledged {
            beside = scene.beside();
        }
    };
    let delivered = institute.result(&scene.out, options, look).await.unwrap();
    is_whole(&scene, &delivered);
    let there = |word: &str| beside.iter().any(|name| name.starts_with(&format!("results.zip.{word}")));
    assert!(["identity-", "payload-", "header-", "receipt"].into_iter().all(there), "{beside:?}");
    assert_eq!(scene.beside(), ["results.zip", "results.zip.receipt"]);
    let (manifest, proof) = (scene.computation.signed.digest(), delivered.receipt.proof().to_text());
    let kept = fs::read_to_string(scene.out.with_file_name("results.zip.receipt")).unwrap();
    assert_eq!(kept, format!("{manifest} {} institute {}\n{proof}", institute.boot(), delivered.digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_arrives_in_memory_and_nothing_is_left_on_the_disk() {
    let scene = Scene::set().await;
    let (institute, options) = (scene.institute().await, ResultOptions::default());
    let held = institute.result_in_memory(&scene.out, u64::MAX, options, |_| {}).await.unwrap();
    assert_eq!(held.bytes, RESULT.repeat(1000));
    assert_eq!(held.digest, Digest::sha256(&held.bytes));
    assert!(matches!(held.receipt.entry().event, Event::ResultAcked(_)) && held.compared);
    assert!(!format!("{held:?}").contains("bytes"), "no content in a debug text");
    assert!(scene.beside().is_empty(), "{:?}", scene.beside());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_does_not_fit_into_memory_is_not_confirmed_and_not_lost() {
    let scene = Scene::set().await;
    let (institute, options) = (scene.institute().await, ResultOptions::default());
    let size = RESULT.repeat(1000).len() as u64;
    let refused = institute.result_in_memory(&scene.out, size - 1, options, |_| {}).await.unwrap_err();
    assert!(matches!(refused, ResultError::TooLarge { size: found, .. } if found == size), "{refused}");
    assert_eq!(refused.code(), Code::Usage);
    assert!(!matches!(scene.agent.world().release, Release::Acked { .. }));
    let held = institute.result_in_memory(&scene.out, size, options, |_| {}).await.unwrap();
    assert_eq!(held.bytes, RESULT.repeat(1000));
    assert!(scene.beside().is_empty(), "{:?}", scene.beside());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_before_the_result_in_memory_is_confirmed_goes_on() {
    let scene = Scene::set().await;
    scene.die_at(ResultStep::Opened).await;
    assert!(scene.beside().contains(&"results.zip".to_owned()));
    let institute = scene.institute().await;
    let held = institute.result_in_memory(&scene.out, u64::MAX, ResultOptions::default(), |_| {}).await.unwrap();
    assert_eq!(held.bytes, RESULT.repeat(1000));
    assert!(scene.beside().is_empty(), "{:?}", scene.beside());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_a_moment_ago_is_waited_for() {
    let scene = Scene::set().await;
    scene.die_at(ResultStep::Identity).await;
    let left = scene.beside().into_iter().find(|name| name.contains(".identity-")).unwrap();
    let held = fs::File::open(scene.computation.dir.path().join(left)).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let taking = scene.take(&scene.out);
    let mut taking = std::pin::pin!(taking);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(200), &mut taking).await.is_err(), "it waits");
    drop(held);
    is_whole(&scene, &taking.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_fetch_says_that_it_is_gone() {
    let scene = Scene::set().await;
    scene.take(&scene.out).await.unwrap();
    let elsewhere = scene.computation.dir.path().join("again.zip");
    for out in [&scene.out, &elsewhere] {
        assert_eq!(code(scene.take(out).await), Code::ResultGone);
    }
    assert!(!elsewhere.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_step_goes_on_and_gets_the_result_once() {
    let steps = [
        ResultStep::Identity,
        ResultStep::Receiving,
        ResultStep::Received,
        ResultStep::Released,
        ResultStep::Opened,
        ResultStep::Acknowledged,
    ];
    for step in steps {
        let scene = Scene::set().await;
        scene.die_at(step).await;
        let delivered = scene.take(&scene.out).await.unwrap();
        is_whole(&scene, &delivered);
        assert_eq!(scene.beside(), ["results.zip"], "{step:?}");
        assert_eq!(code(scene.take(&scene.out).await), Code::ResultGone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_every_step_in_turn_gets_it_as_well() {
    let scene = Scene::set().await;
    for step in [ResultStep::Identity, ResultStep::Received, ResultStep::Released, ResultStep::Acknowledged] {
        scene.die_at(step).await;
    }
    is_whole(&scene, &scene.take(&scene.out).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_after_its_effect_is_asked_for_again() {
    for call in ["status", "request_result", "ack_result", "checkpoint"] {
        let scene = Scene::set().await;
        let institute = scene.institute().await;
        scene.agent.lie(|lies| lies.lost_answers.extend([call]));
        let delivered = institute.result(&scene.out, ResultOptions::default(), |_| {}).await.unwrap();
        is_whole(&scene, &delivered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_resumes_where_it_was() {
    let scene = Scene::set().await;
    scene.agent.lie(|lies| lies.frames_before_break = [3, 0, 5].into());
    is_whole(&scene, &scene.take(&scene.out).await.unwrap());
    assert_eq!(scene.agent.world().downloads, [0, 3000, 3000, 8000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_went_to_another_recipient_is_explained() {
    let scene = Scene::set().await;
    scene.die_at(ResultStep::Released).await;
    let elsewhere = scene.computation.dir.path().join("elsewhere.zip");
    let error = scene.take(&elsewhere).await.unwrap_err();
    assert_eq!(error.code(), Code::ResultReleased);
    assert!(error.to_string().contains("age1pq1") && error.to_string().contains(".identity"), "{error}");
    assert!(!elsewhere.with_file_name("elsewhere.zip.identity").exists());
    // The first output still gets it.
    is_whole(&scene, &scene.take(&scene.out).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_boot_left_behind_does_not_mix_with_a_later_result() {
    let scene = Scene::set().await;
    scene.die_at(ResultStep::Released).await;
    let anew = Liar::start(&scene.computation).await;
    assert_ne!(anew.world().payload, scene.agent.world().payload);
    let institute = join(anew.address, &scene.computation, "institute").await;
    let before = scene.beside();
    institute.result(&scene.out, ResultOptions::default(), |_| {}).await.unwrap();
    // The key was released to what lies there: it is not for a later result to remove.
    let mut after = before;
    after.insert(0, "results.zip".to_owned());
    assert_eq!(scene.beside(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_was_kept_survives_a_later_one_at_the_same_output() {
    let scene = Scene::set().await;
    let mut options = ResultOptions::default();
    options.keep_sealed = true;
    scene.institute().await.result(&scene.out, options, |_| {}).await.unwrap();
    let read = |file: &str| fs::read(scene.out.with_file_name(file)).unwrap();
    let kept = (read("results.zip.age"), read("results.zip.identity"));
    fs::remove_file(&scene.out).unwrap();
    let anew = Liar::start(&scene.computation).await;
    let institute = join(anew.address, &scene.computation, "institute").await;
    for options in [options, ResultOptions::default()] {
        assert_eq!(code(institute.result(&scene.out, options, |_| {}).await), Code::FileExists);
    }
    fs::rename(scene.out.with_file_name("results.zip.age"), scene.out.with_file_name("moved.age")).unwrap();
    assert_eq!(code(institute.result(&scene.out, options, |_| {}).await), Code::FileExists);
    assert!(matches!(anew.world().release, Release::Sealed { .. }));
    assert_eq!((read("moved.age"), read("results.zip.identity")), kept);
    assert_eq!(scene.beside(), ["results.zip.identity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_the_place_of_what_is_to_be_kept_is_never_overwritten() {
    for file in ["results.zip.age", "results.zip.identity"] {
        let scene = Scene::set().await;
        let (path, mut options) = (scene.out.with_file_name(file), ResultOptions::default());
        options.keep_sealed = true;
        let squat = |step| {
            if step == ResultStep::Released {
                somebody_elses(&path);
            }
        };
        let refused = scene.institute().await.result(&scene.out, options, |p| squat(p.step)).await;
        assert_eq!(code(refused), Code::FileExists);
        fs::remove_file(&path).unwrap();
        is_whole(&scene, &scene.institute().await.result(&scene.out, options, |_| {}).await.unwrap());
        assert_eq!(scene.beside(), ["results.zip", "results.zip.age", "results.zip.identity"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_received_into_a_file_that_somebody_else_put_there() {
    let plants: [fn(&Path, &Path); 4] = [
        |victim, at| std::os::unix::fs::symlink(victim, at).unwrap(),
        |victim, at| fs::hard_link(victim, at).unwrap(),
        |_, at| rustix::fs::mkfifoat(rustix::fs::CWD, at, 0o600.into()).unwrap(),
        |_, at| {
            fs::write(at, "").unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(0o644)).unwrap();
        },
    ];
    for plant in plants {
        let scene = Scene::set().await;
        let payload = Digest::sha256(&scene.agent.world().payload).to_hex();
        let victim = scene.computation.dir.path().join("diary");
        somebody_elses(&victim);
        for part in ["payload", "header"] {
            let place = scene.out.with_file_name(format!("results.zip.{part}-{}", &payload[..16]));
            plant(&victim, &place);
            let error = scene.take(&scene.out).await.unwrap_err();
            assert_eq!(error.code(), Code::FileExists, "{part}: {error}");
            assert_eq!(fs::read(&victim).unwrap(), b"somebody else's");
            fs::remove_file(&place).unwrap();
        }
        is_whole(&scene, &scene.take(&scene.out).await.unwrap());
    }
}

/// Somebody else's private file.
fn somebody_elses(path: &Path) {
    prism_agent::files::write_new_private(path, b"somebody else's").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dies_with_everything_kept_goes_on_as_well() {
    let scene = Scene::set().await;
    let mut options = ResultOptions::default();
    options.keep_sealed = true;
    let (session, out) = (scene.institute().await, scene.out.clone());
    let dying = tokio::spawn(async move {
        let die = |p: prism_agent::client::ResultProgress| assert_ne!(p.step, ResultStep::Acknowledged, "dies here");
        AssertUnwindSafe(session.result(&out, options, die)).0.await.map(drop)
    });
    assert!(dying.await.unwrap_err().is_panic());
    is_whole(&scene, &scene.institute().await.result(&scene.out, options, |_| {}).await.unwrap());
    assert_eq!(scene.beside(), ["results.zip", "results.zip.age", "results.zip.identity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_exists_is_never_overwritten() {
    let scene = Scene::set().await;
    fs::write(&scene.out, "mine").unwrap();
    assert_eq!(code(scene.take(&scene.out).await), Code::FileExists);
    fs::remove_file(&scene.out).unwrap();
    scene.die_at(ResultStep::Released).await;
    fs::write(&scene.out, "mine").unwrap();
    assert_eq!(code(scene.take(&scene.out).await), Code::FileExists);
    assert_eq!(fs::read(&scene.out).unwrap(), b"mine");
    assert!(!matches!(scene.agent.world().release, Release::Acked { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_bytes_that_are_not_those_of_the_log_are_discarded_and_no_key_is_asked_for() {
    let scene = Scene::set().await;
    scene.agent.world().payload[5000] ^= 1;
    let error = scene.take(&scene.out).await.unwrap_err();
    assert!(matches!(error, ResultError::Altered { .. }), "{error:?}");
    assert!(matches!(scene.agent.world().release, Release::Sealed { .. }));
    scene.agent.world().payload[5000] ^= 1;
    is_whole(&scene, &scene.take(&scene.out).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_larger_than_agreed_or_than_stated_is_refused() {
    let scene = Scene::set().await;
    scene.agent.lie(|lies| lies.status = Some(Box::new(|status| status.results[0].sealed_length = 1 << 40)));
    assert_eq!(code(scene.take(&scene.out).await), Code::AgentMisbehaved);
    scene.agent.lie(|lies| lies.status = Some(Box::new(|status| status.results[0].sealed_length -= 1)));
    assert_eq!(code(scene.take(&scene.out).await), Code::AgentMisbehaved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_not_there_yet_is_said_so() {
    let scene = Scene::set().await;
    for state in ["Running", "WaitingForDatasets"] {
        scene.agent.lie(|lies| {
            lies.status = Some(Box::new(move |status| {
                status.results.clear();
                status.state = state.to_owned();
            }));
        });
        let error = scene.take(&scene.out).await.unwrap_err();
        assert_eq!(error.code(), Code::ResultNotReady);
        assert!(error.to_string().contains(state), "{error}");
    }
    assert!(scene.beside().is_empty(), "{:?}", scene.beside());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_or_confirmation_that_was_not_logged_is_refused() {
    type Lie = fn(Event) -> Event;
    let nothing_said: Lie = |_| Event::AuthOk(AuthBody { session: "x".to_owned() });
    let no_confirmation: Lie = |event| match event {
        Event::ResultAcked(_) => Event::AuthOk(AuthBody { session: "x".to_owned() }),
        other => other,
    };
    for (lie, opened) in [(nothing_said, false), (no_confirmation, true)] {
        let scene = Scene::set().await;
        let institute = scene.institute().await;
        scene.agent.lie(|lies| lies.logged = Some(lie));
        let refused = institute.result(&scene.out, ResultOptions::default(), |_| {}).await;
        assert_eq!(code(refused), Code::LogInvalid);
        assert_eq!(scene.out.exists(), opened);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_consumer_may_ask() {
    let scene = Scene::set().await;
    let lab = join(scene.agent.address, &scene.computation, "lab").await;
    assert_eq!(code(lab.result(&scene.out, ResultOptions::default(), |_| {}).await), Code::RoleRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_with_one_output_do_not_disturb_each_other() {
    let scene = Scene::set().await;
    let (first, second) = (scene.institute().await, scene.institute().await);
    let mut busy = None;
    let out = scene.out.clone();
    let handle = tokio::runtime::Handle::current();
    let delivered = first
        .result(&scene.out, ResultOptions::default(), |progress| {
            if progress.step == ResultStep::Received {
                let (second, out) = (second.clone(), out.clone());
                let other = async move { code(second.result(&out, ResultOptions::default(), |_| {}).await) };
                busy = Some(tokio::task::block_in_place(|| handle.block_on(other)));
            }
        })
        .await
        .unwrap();
    assert_eq!(busy, Some(Code::AgentBusy));
    is_whole(&scene, &delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sealed_file_that_was_kept_is_a_standard_age_file() {
    let scene = Scene::set().await;
    let mut options = ResultOptions::default();
    options.keep_sealed = true;
    let delivered = scene.institute().await.result(&scene.out, options, |_| {}).await.unwrap();
    assert_eq!(scene.beside(), ["results.zip", "results.zip.age", "results.zip.identity"]);
    let identity = fs::read_to_string(scene.out.with_file_name("results.zip.identity")).unwrap();
    let identity = Identity::from_file(&identity).unwrap();
    let sealed = fs::read(delivered.sealed.unwrap()).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n"));
    let mut opened = Vec::new();
    open(sealed.as_slice(), &identity, &mut opened).unwrap();
    assert_eq!(opened, RESULT.repeat(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_result_has_arrived_even_if_the_agent_is_gone_at_once() {
    let scene = Scene::set().await;
    let institute = scene.institute().await;
    scene.agent.lie(|lies| lies.leaves_when_done = true);
    let delivered = institute.result(&scene.out, ResultOptions::default(), |_| {}).await.unwrap();
    is_whole(&scene, &delivered);
    assert!(!delivered.compared);
    assert_eq!(scene.beside(), ["results.zip"]);
    let honest = Scene::set().await;
    assert!(honest.take(&honest.out).await.unwrap().compared);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_in_a_log_that_nobody_else_is_shown_is_still_caught() {
    let scene = Scene::set().await;
    let institute = scene.institute().await;
    let hide = |step| scene.agent.lie(|lies| lies.hidden_log = step >= ResultStep::Opened);
    let refused = institute.result(&scene.out, ResultOptions::default(), |p| hide(p.step)).await;
    assert_eq!(code(refused), Code::LogForked);
}
