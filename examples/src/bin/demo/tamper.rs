//! The day as it should not go: everybody cheats once.

mod log;
mod machine;
mod prying;
mod terms;
mod uploads;

use prism_examples::failure::{Failure, Refusal};
use prism_examples::room::{Agent, Room};

use crate::honest::{self, Stage, Watch};
use crate::options::Options;
use crate::story::{act, chapter, line};

/// One attempt to cheat and what came of it.
struct Cheat {
    who: String,
    what: String,
    outcome: String,
    refused: bool,
}

/// Everything that was tried.
#[derive(Default)]
pub(crate) struct Cheats(Vec<Cheat>);

impl Cheats {
    /// Notes an attempt. It counts as refused only when it was refused for one of the reasons in `codes`: a cheat that
    /// fails by accident proves nothing.
    fn note(&mut self, who: &str, what: &str, codes: &[&str], tried: Result<Refusal, Failure>) {
        let (refused, outcome, said) = match tried {
            Ok(refusal) if codes.contains(&refusal.code.as_str()) => (true, refusal.code.clone(), refusal.to_string()),
            Ok(refusal) => (false, format!("refused for another reason: {refusal}"), refusal.to_string()),
            Err(failure) => (false, format!("NOT REFUSED: {failure}"), failure.to_string()),
        };
        act(who, what);
        act("", &format!("-> {said}"));
        self.0.push(Cheat { who: who.to_owned(), what: what.to_owned(), outcome, refused });
    }

    /// The table, and whether everything was refused.
    fn close(&self) -> bool {
        chapter("What was tried, and how it was refused", "Codes are stable: `prism explain CODE` says more.");
        let width = self.0.iter().map(|cheat| cheat.what.chars().count()).max().unwrap_or(0);
        for Cheat { who, what, outcome, refused } in &self.0 {
            let mark = if *refused { "refused" } else { "PASSED " };
            line(&format!("  {who:<11} {what:<width$}  {mark}  {outcome}"));
        }
        self.0.iter().all(|cheat| cheat.refused)
    }
}

/// Lets everybody cheat; the last line, and whether every cheat was refused.
pub(crate) fn run(options: &Options) -> Result<(String, bool), Failure> {
    let mut stage = honest::prepare(options)?;
    let mut cheats = Cheats::default();
    honest::agree(&mut stage.room)?;
    terms::play(&mut stage.room, &mut cheats)?;
    machine::play(&mut stage.room, &mut cheats)?;
    let agent = honest::wake(&mut stage.room)?;
    play_with(&mut stage, agent, &mut cheats)?;
    prying::play(&mut stage, &mut cheats)?;
    let all = cheats.close();
    let (tried, refused) = (cheats.0.len(), cheats.0.iter().filter(|cheat| cheat.refused).count());
    Ok((format!("demo: {tried} cheats, {refused} refused"), all))
}

/// Cheats while and after an agent runs.
fn play_with(stage: &mut Stage, agent: Agent, cheats: &mut Cheats) -> Result<(), Failure> {
    let watch = Watch::start(&stage.room)?;
    uploads::play(&mut stage.room, cheats)?;
    watch.until(&["Delivering"])?;
    log::take_results(&mut stage.room, cheats)?;
    watch.until(&["Closed"])?;
    honest::judge(&mut stage.room)?;
    log::forge_transcripts(&mut stage.room, cheats)?;
    agent.finish()
}

/// What an agent that has to refuse its manifest says; if it does start, what the participants say about it.
fn refused_agent(room: &Room, manifest: &str, started: Result<Agent, Failure>) -> Result<Refusal, Failure> {
    let agent = match started {
        Ok(agent) => agent,
        Err(Failure::Program { said, .. }) => return Refusal::read(&said),
        Err(failure) => return Err(failure),
    };
    let mut hospital = room.party("hospital-1")?.clone();
    hospital.set("PRISM_AGENT_URL", agent.address());
    hospital.set("PRISM_MANIFEST", manifest);
    let refusal = hospital.refused(&["attest"]);
    agent.finish().and(refusal)
}
