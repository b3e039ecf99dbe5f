mod pulled;

use super::*;
use crate::audit::entry::{
    AssetBody, AssetRefusedBody, AuthBody, ErrorBody, LogCloseBody, LogOpenBody, ManifestBody, Output, OutputBody,
    ResultAckedBody, ResultReleasedBody, ResultSealedBody, RunEnd, RunExitBody, RunStartBody, StopBody, WithheldBody,
};
use crate::manifest::tests::signed;

struct Bench {
    terms: Terms,
    state: State,
}

impl Bench {
    fn new() -> Self {
        Self { terms: Terms::of(&signed().0), state: State::default() }
    }

    fn take(&mut self, actor: &str, event: &Event) -> Vec<Effect> {
        let step = self.attempt(actor, event).unwrap_or_else(|e| panic!("{}: {e}", event.kind()));
        self.state = step.state;
        step.effects
    }

    fn attempt(&self, actor: &str, event: &Event) -> Result<Step, Illegal> {
        let actor = match actor {
            "agent" => Actor::Agent,
            name => Actor::Participant(name.parse().unwrap()),
        };
        step(&self.terms, &self.state, &actor, event)
    }

    fn opened() -> Self {
        let mut bench = Self::new();
        bench.take("agent", &log_open(&bench.terms));
        bench.take("agent", &accepted(&bench.terms));
        bench.take("lab", &auth());
        bench
    }

    fn give(&mut self, name: &str) -> Vec<Effect> {
        let (provider, body) = self.asset(name);
        self.take(&provider, &Event::AssetBegin(body.clone()));
        self.take(&provider, &Event::AssetAccepted(body))
    }

    fn asset(&self, name: &str) -> (String, AssetBody) {
        let terms = &self.terms.assets[name];
        let body = AssetBody { asset: terms.name.clone(), digest: terms.digest, size: terms.size };
        (terms.provider.to_string(), body)
    }

    fn delivering() -> Self {
        let mut bench = Self::opened();
        for name in ["h2.zip", "train.py", "h3.zip", "h1.zip"] {
            bench.give(name);
        }
        bench.take("agent", &Event::RunStart(RunStartBody { run: 1 }));
        bench.take("agent", &exit(0));
        bench
            .take("agent", &Event::OutputChecked(OutputBody { files: 1, bytes: 1, withheld: WithheldBody::default() }));
        bench.take("agent", &sealed("institute"));
        bench
    }
}

fn log_open(terms: &Terms) -> Event {
    Event::LogOpen(LogOpenBody {
        boot: "00".repeat(16),
        computation: terms.id.clone(),
        manifest: terms.manifest,
        binding: Digest::sha256(b"B"),
        simulated: true,
        software: "0.1.0".to_owned(),
        lost: vec![],
    })
}

fn accepted(terms: &Terms) -> Event {
    Event::ManifestAccepted(ManifestBody { digest: terms.manifest, participants: terms.participants.clone() })
}

fn auth() -> Event {
    Event::AuthOk(AuthBody { session: "00".repeat(32) })
}

fn exit(status: i32) -> Event {
    let nothing = Output { bytes: 0, digest: Digest::sha256(b"") };
    Event::RunExit(Box::new(RunExitBody {
        run: 1,
        end: RunEnd::Exited,
        status,
        layers: vec![],
        stdout: nothing.clone(),
        stderr: nothing,
        wall_ms: 1,
        code: None,
        conditions: None,
    }))
}

fn payload() -> Digest {
    Digest::sha256(b"payload")
}

fn sealed(consumer: &str) -> Event {
    Event::ResultSealed(ResultSealedBody { consumer: consumer.parse().unwrap(), payload: payload(), size: 1 })
}

fn released(recipient: &str) -> Event {
    Event::ResultReleased(ResultReleasedBody { recipient: recipient.to_owned(), payload: payload() })
}

fn acked() -> Event {
    Event::ResultAcked(ResultAckedBody { payload: payload() })
}

fn stop() -> Event {
    Event::Stop(StopBody { code: "cancelled".to_owned() })
}

fn close(outcome: Outcome) -> Event {
    Event::LogClose(LogCloseBody { outcome, refusals_unlogged: 0 })
}

#[test]
fn a_run_goes_through_its_phases_in_order() {
    let mut bench = Bench::new();
    assert_eq!(bench.state.phase(), Phase::Empty);
    bench.take("agent", &log_open(&bench.terms));
    bench.take("agent", &accepted(&bench.terms));
    assert_eq!(bench.state.phase(), Phase::Manifested);
    bench.take("hospital-2", &auth());
    assert_eq!(bench.state.phase(), Phase::WaitingForAlgorithm);
    assert_eq!(bench.give("h2.zip"), []);
    assert_eq!(bench.state.phase(), Phase::WaitingForAlgorithm);
    assert_eq!(bench.give("train.py"), []);
    assert_eq!(bench.state.phase(), Phase::WaitingForDatasets);
    assert_eq!(bench.give("h1.zip"), []);
    assert_eq!(bench.give("h3.zip"), [Effect::StartRun]);
    bench.take("agent", &Event::RunStart(RunStartBody { run: 1 }));
    assert_eq!(bench.state.phase(), Phase::Running);
    assert_eq!(bench.take("agent", &exit(0)), [Effect::CheckOutput]);
    let institute: Name = "institute".parse().unwrap();
    let seal = bench
        .take("agent", &Event::OutputChecked(OutputBody { files: 2, bytes: 9, withheld: WithheldBody::default() }));
    assert_eq!(seal, [Effect::Seal(institute.clone())]);
    assert_eq!(bench.state.phase(), Phase::Running);
    bench.take("agent", &sealed("institute"));
    assert_eq!(bench.state.phase(), Phase::Delivering);
    bench.take("institute", &released("age1first"));
    let last = bench.take("institute", &acked());
    assert_eq!(last, [Effect::DestroyResult(institute), Effect::DestroyAll, Effect::Close(Outcome::Completed)]);
    bench.take("agent", &close(Outcome::Completed));
    assert_eq!((bench.state.phase(), bench.state.outcome()), (Phase::Closed, Some(Outcome::Completed)));
}

#[test]
fn an_asset_is_refused_from_another_provider_twice_and_with_other_bytes() {
    let mut bench = Bench::opened();
    let (_, body) = bench.asset("h1.zip");
    let wrong = bench.attempt("hospital-2", &Event::AssetBegin(body.clone())).unwrap_err();
    assert_eq!(wrong.code(), Code::AssetWrongProvider);
    let bigger = AssetBody { size: 2, ..body.clone() };
    let wrong = bench.attempt("hospital-1", &Event::AssetBegin(bigger)).unwrap_err();
    assert_eq!(wrong.code(), Code::AssetMismatch);
    let other = AssetBody { digest: Digest::sha256(b"other"), ..body.clone() };
    let wrong = bench.attempt("hospital-1", &Event::AssetBegin(other)).unwrap_err();
    assert_eq!(wrong.code(), Code::AssetMismatch);
    let unknown = AssetBody { asset: "h9.zip".parse().unwrap(), ..body.clone() };
    let wrong = bench.attempt("hospital-1", &Event::AssetBegin(unknown)).unwrap_err();
    assert_eq!(wrong.code(), Code::AssetUnknown);
    let never_begun = bench.attempt("hospital-1", &Event::AssetAccepted(body.clone())).unwrap_err();
    assert_eq!(never_begun.code(), Code::LogInvalid);
    bench.give("h1.zip");
    let twice = bench.attempt("hospital-1", &Event::AssetBegin(body)).unwrap_err();
    assert_eq!(twice.code(), Code::AssetDuplicate);
}

#[test]
fn an_asset_that_was_refused_may_be_sent_again() {
    let mut bench = Bench::opened();
    let (provider, body) = bench.asset("h1.zip");
    bench.take(&provider, &Event::AssetBegin(body.clone()));
    let refused = AssetRefusedBody { asset: body.asset.clone(), code: "asset.mismatch".to_owned() };
    bench.take(&provider, &Event::AssetRefused(refused));
    assert!(bench.attempt(&provider, &Event::AssetAccepted(body)).is_err());
    bench.give("h1.zip");
    assert_eq!(bench.state.accepted().count(), 1);
}

#[test]
fn nothing_runs_before_everything_is_there() {
    let mut bench = Bench::opened();
    for name in ["h1.zip", "h2.zip", "h3.zip"] {
        bench.give(name);
        let early = bench.attempt("agent", &Event::RunStart(RunStartBody { run: 1 }));
        assert_eq!(early.unwrap_err().code(), Code::StateRefused);
    }
}

#[test]
fn the_log_of_another_manifest_is_refused() {
    let bench = Bench::new();
    let Event::LogOpen(body) = log_open(&bench.terms) else { unreachable!() };
    let other = LogOpenBody { manifest: Digest::sha256(b"other"), ..body };
    assert!(matches!(bench.attempt("agent", &Event::LogOpen(other)), Err(Illegal::Contradiction { .. })));
}

#[test]
fn a_result_is_released_to_one_recipient_only() {
    let mut bench = Bench::delivering();
    let stranger = bench.attempt("hospital-1", &released("age1thief")).unwrap_err();
    assert_eq!(stranger.code(), Code::RoleRefused);
    bench.take("institute", &released("age1first"));
    let thief = bench.attempt("institute", &released("age1thief")).unwrap_err();
    assert_eq!(thief.code(), Code::ResultReleased);
    let institute = "institute".parse().unwrap();
    assert_eq!(bench.state.answer_request(&institute, "age1first", payload()), Ok(crate::release::Answer::Repeat));
    bench.take("institute", &acked());
    let gone = bench.state.answer_request(&institute, "age1first", payload()).unwrap_err();
    assert_eq!(gone.code(), Code::ResultGone);
}

#[test]
fn a_failed_algorithm_delivers_nothing() {
    let mut bench = Bench::opened();
    for name in ["h2.zip", "train.py", "h3.zip", "h1.zip"] {
        bench.give(name);
    }
    bench.take("agent", &Event::RunStart(RunStartBody { run: 1 }));
    assert_eq!(bench.take("agent", &exit(3)), [Effect::DestroyAll, Effect::Close(Outcome::Failed)]);
    assert_eq!(bench.state.phase(), Phase::Failed);
    for event in [
        Event::OutputChecked(OutputBody { files: 1, bytes: 1, withheld: WithheldBody::default() }),
        sealed("institute"),
        exit(0),
        stop(),
    ] {
        assert!(bench.attempt("agent", &event).is_err(), "{}", event.kind());
    }
    assert!(bench.attempt("agent", &close(Outcome::Completed)).is_err());
    bench.take("agent", &close(Outcome::Failed));
}

#[test]
fn the_owner_and_providers_may_stop_and_nobody_else() {
    for name in ["lab", "hospital-3"] {
        let mut bench = Bench::delivering();
        assert_eq!(bench.take(name, &stop()), [Effect::DestroyAll, Effect::Close(Outcome::Stopped)]);
        assert_eq!(bench.state.phase(), Phase::Stopped);
    }
    let bench = Bench::opened();
    for name in ["institute", "stranger"] {
        assert_eq!(bench.attempt(name, &stop()).unwrap_err().code(), Code::RoleRefused, "{name}");
    }
}

#[test]
fn an_output_larger_than_agreed_is_not_checked() {
    let mut bench = Bench::opened();
    for name in ["h2.zip", "train.py", "h3.zip", "h1.zip"] {
        bench.give(name);
    }
    bench.take("agent", &Event::RunStart(RunStartBody { run: 1 }));
    bench.take("agent", &exit(0));
    let large = Event::OutputChecked(OutputBody { files: 1, bytes: 1_000_001, withheld: WithheldBody::default() });
    assert!(bench.attempt("agent", &large).is_err());
}

#[test]
fn nothing_happens_after_the_log_is_closed() {
    let mut bench = Bench::delivering();
    assert_eq!(bench.take("agent", &close(Outcome::Expired)), [Effect::DestroyAll]);
    let error = Event::Error(ErrorBody { code: "internal".to_owned() });
    for (actor, event) in [
        ("lab", auth()),
        ("lab", stop()),
        ("institute", released("age1late")),
        ("agent", error),
        ("agent", close(Outcome::Expired)),
        ("agent", log_open(&bench.terms)),
    ] {
        assert!(bench.attempt(actor, &event).is_err(), "{}", event.kind());
    }
}

#[test]
fn participants_cannot_cause_the_agents_events() {
    let bench = Bench::delivering();
    for event in [log_open(&bench.terms), accepted(&bench.terms), exit(0), sealed("institute"), close(Outcome::Expired)]
    {
        assert!(bench.attempt("lab", &event).is_err(), "{}", event.kind());
    }
    for event in [auth(), released("age1agent"), acked()] {
        assert!(bench.attempt("agent", &event).is_err(), "{}", event.kind());
    }
}

#[test]
fn a_phase_reads_back_and_another_word_is_refused() {
    for phase in Phase::ALL {
        assert_eq!(phase.name().to_ascii_lowercase().parse(), Ok(phase));
    }
    assert_eq!("Paused".parse::<Phase>(), Err(PhaseError));
}
