//! What all connections share: the ledger, the sealed results, the uploads.
//!
//! The ledger's lock is held only on blocking threads and never over an await. Whoever commits an act carries out or
//! hands on its effects, so no effect is ever before its entry.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prism_attest::evidence::Platform;
use prism_core::audit::entry::{Actor, AuthBody, AuthRefusedBody, Event, EvidenceBody, Outcome, SessionBody};
use prism_core::code::{Code, Coded};
use prism_core::lifecycle::{Effect, Phase};
use prism_core::manifest::SignedManifest;
use prism_core::name::Name;
use tokio::sync::{mpsc, watch};
use tokio::task;

use super::attest::Report;
use super::config::Limits;
use super::ledger::{Ledger, LedgerError, Signed, ends};
use super::quota::{Quota, Spent};
use super::session::Attested;
use super::store::Store;
use super::vault::Vault;

/// The shared state; clones are the same.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Inner>);

struct Inner {
    signed: SignedManifest,
    platform: Platform,
    store: Store,
    vault: Vault,
    ledger: Mutex<Ledger>,
    shown: Mutex<Shown>,
    mark: watch::Sender<Mark>,
    duties: mpsc::UnboundedSender<Duty>,
}

/// What somebody else has to carry out.
#[derive(Debug)]
pub(crate) enum Duty {
    /// What follows from a logged act.
    Effect(Effect),
    /// An act that ends the computation is permitted and could not be logged yet: it ends all the same.
    Unlogged(Box<(Actor, Event)>),
}

/// Evidence that the log names, and refusals that it does not. Its lock is taken before the ledger's, never after.
#[derive(Default)]
struct Shown {
    reports: Vec<Arc<Report>>,
    /// What the reports take in bytes.
    report_bytes: u64,
    refusals: u64,
    unlogged: u64,
    authentications: Quota,
    uploads: Quota,
}

impl Shown {
    /// Counts what was refused for want of quota.
    fn count<T>(&mut self, spent: Result<T, Spent>) -> Result<T, Spent> {
        self.unlogged = self.unlogged.saturating_add(u64::from(spent.is_err()));
        spent
    }
}

/// Why an authentication with a signature that holds is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AuthError {
    /// It could not be logged.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The participant authenticated too often, or everybody's evidence together is too much.
    #[error(transparent)]
    Spent(#[from] Spent),
}

impl Coded for AuthError {
    fn code(&self) -> Code {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Spent(spent) => spent.code(),
        }
    }
}

/// How far the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Number of entries.
    pub(crate) size: u64,
    /// Where the run stands.
    pub(crate) phase: Phase,
    /// How it ended, once the log is closed.
    pub(crate) outcome: Option<Outcome>,
}

/// A blocking thread ended before its work.
#[derive(Debug, thiserror::Error)]
#[error("expected the agent to finish the call, found it shutting down; try again later")]
pub(crate) struct Interrupted;

impl Coded for Interrupted {
    fn code(&self) -> Code {
        Code::AgentUnreachable
    }
}

impl Engine {
    /// Shares a ledger; what somebody else has to carry out arrives at the receiver.
    pub(crate) fn new(
        signed: SignedManifest,
        platform: Platform,
        store: Store,
        ledger: Ledger,
    ) -> (Self, mpsc::UnboundedReceiver<Duty>) {
        let (duties, receiver) = mpsc::unbounded_channel();
        let (mark, _) = watch::channel(mark_of(&ledger));
        let (ledger, shown) = (Mutex::new(ledger), Mutex::default());
        let inner = Inner { signed, platform, store, vault: Vault::default(), ledger, shown, mark, duties };
        (Self(Arc::new(inner)), receiver)
    }

    /// The terms and everybody's approval of them.
    pub(crate) fn signed(&self) -> &SignedManifest {
        &self.0.signed
    }

    /// The kind of machine.
    pub(crate) fn platform(&self) -> Platform {
        self.0.platform
    }

    /// The agent's directory.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// The sealed results.
    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// How far the log is, now and whenever it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Mark> {
        self.0.mark.subscribe()
    }

    /// Runs `work` on a blocking thread.
    pub(crate) async fn blocking<T, F>(&self, work: F) -> Result<T, Interrupted>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> T + Send + 'static,
    {
        let engine = self.clone();
        task::spawn_blocking(move || work(&engine)).await.map_err(|_| Interrupted)
    }

    /// The ledger. Blocking threads only.
    pub(crate) fn ledger(&self) -> Acting<'_> {
        let guard = self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        Acting { engine: self, guard }
    }

    /// Logs that a session goes on after it was shown evidence, and that evidence if it is new. Nothing is logged if the
    /// reports would take more than `most` bytes then; whether it was.
    fn log_session(&self, attested: &Attested, most: u64) -> Result<bool, LedgerError> {
        let (evidence, session) = (attested.report.evidence.digest(), hex::encode(attested.facts.session));
        let mut shown = self.shown();
        let mut ledger = self.ledger();
        if !shown.reports.iter().any(|known| Arc::ptr_eq(known, &attested.report)) {
            let bytes = shown.report_bytes.saturating_add(attested.report.size());
            if bytes > most {
                shown.unlogged = shown.unlogged.saturating_add(1);
                return Ok(false);
            }
            let body = EvidenceBody { digest: evidence, platform: self.platform_name()? };
            ledger.act(Actor::Agent, Event::Evidence(body))?;
            shown.reports.push(Arc::clone(&attested.report));
            shown.report_bytes = bytes;
        }
        ledger.act(Actor::Agent, Event::SessionAttested(SessionBody { session, evidence }))?;
        Ok(true)
    }

    fn platform_name(&self) -> Result<Name, LedgerError> {
        self.0.platform.name().parse().map_err(|_| LedgerError::Broken)
    }

    /// Logs who is at the other end and what it was shown. A closed log takes no entry any more: its end is the receipt
    /// then, and such a participant can only read. Blocking threads only.
    pub(crate) fn log_auth_ok(&self, name: &Name, attested: &Attested, limits: &Limits) -> Result<Signed, AuthError> {
        if let Some(end) = self.ledger().end() {
            return Ok(end);
        }
        self.spend_authentication(name, limits.logged_authentications)?;
        let most = limits.logged_report_bytes;
        if !self.log_session(attested, most)? {
            return Err(Spent { what: "bytes of evidence", most }.into());
        }
        let body = AuthBody { session: hex::encode(attested.facts.session) };
        Ok(self.ledger().act(Actor::Participant(name.clone()), Event::AuthOk(body))?)
    }

    fn spend_authentication(&self, name: &Name, most: u64) -> Result<(), Spent> {
        let mut shown = self.shown();
        let spent = shown.authentications.spend(name, most, "authentications of one participant");
        shown.count(spent)
    }

    /// Takes one of the `most` uploads that a participant may have logged, or counts the refusal. Not to be called with
    /// the ledger locked.
    pub(crate) fn spend_upload(&self, name: &Name, most: u64) -> Result<(), Spent> {
        let mut shown = self.shown();
        let spent = shown.uploads.spend(name, most, "uploads of one participant");
        shown.count(spent)
    }

    /// Logs that somebody failed to prove who they are, or counts it when that happened too often. Blocking threads only.
    pub(crate) fn log_auth_refused(&self, attested: &Attested, code: Code, limits: &Limits) -> Result<(), LedgerError> {
        if self.count_refusal(limits.logged_refusals) || self.ledger().end().is_some() {
            return Ok(());
        }
        // Strangers leave room for those who can prove who they are.
        if !self.log_session(attested, limits.logged_report_bytes / 2)? {
            return Ok(());
        }
        let body = AuthRefusedBody { session: hex::encode(attested.facts.session), code: code.to_string() };
        self.ledger().act(Actor::Agent, Event::AuthRefused(body)).map(|_| ())
    }

    /// Counts a refusal; whether that is all that happens with it.
    fn count_refusal(&self, most: u64) -> bool {
        let mut shown = self.shown();
        shown.refusals = shown.refusals.saturating_add(1);
        let only_counted = shown.refusals > most;
        shown.unlogged = shown.unlogged.saturating_add(u64::from(only_counted));
        only_counted
    }

    /// Refusals that were not logged one by one.
    pub(crate) fn unlogged_refusals(&self) -> u64 {
        self.shown().unlogged
    }

    /// The log and every report that it names, at one moment. Blocking threads only.
    pub(crate) fn at_one_moment<T>(&self, look: impl FnOnce(&Ledger, &[Arc<Report>]) -> T) -> T {
        let shown = self.shown();
        look(&self.ledger(), &shown.reports)
    }

    fn assign(&self, duty: Duty) {
        // An error means that the agent is shutting down, which destroys everything anyway.
        let _ = self.0.duties.send(duty);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The locked ledger.
pub(crate) struct Acting<'a> {
    engine: &'a Engine,
    guard: MutexGuard<'a, Ledger>,
}

impl Acting<'_> {
    /// Logs an act, hands on its effects and returns its receipt.
    pub(crate) fn act(&mut self, actor: Actor, event: Event) -> Result<Signed, LedgerError> {
        let (signed, effects) = self.act_for(actor, event)?;
        self.hand_on(effects);
        Ok(signed)
    }

    /// Logs an act and leaves its effects to the caller. One that ends the computation and is permitted, but cannot be
    /// logged, is handed on too: no full disk keeps anybody's data.
    pub(crate) fn act_for(&mut self, actor: Actor, event: Event) -> Result<(Signed, Vec<Effect>), LedgerError> {
        let ending =
            (ends(&event) && self.guard.permits(&actor, &event).is_ok()).then(|| (actor.clone(), event.clone()));
        let (index, effects) = self.guard.commit(actor, event).inspect_err(|_| {
            if let Some(ending) = ending {
                self.engine.assign(Duty::Unlogged(Box::new(ending)));
            }
        })?;
        let mark = mark_of(&self.guard);
        self.engine.0.mark.send_replace(mark);
        let signed = self.guard.receipt(index).ok_or(LedgerError::Broken)?;
        Ok((signed, effects))
    }

    /// Gives effects to whoever carries them out in the background.
    pub(crate) fn hand_on(&self, effects: Vec<Effect>) {
        for effect in effects {
            self.engine.assign(Duty::Effect(effect));
        }
    }
}

impl std::ops::Deref for Acting<'_> {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.guard
    }
}

fn mark_of(ledger: &Ledger) -> Mark {
    let state = ledger.state();
    Mark { size: ledger.size(), phase: state.phase(), outcome: state.outcome() }
}

/// The system's clock in Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
