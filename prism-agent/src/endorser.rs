//! Endorsements from the vendors, fetched at the edge and never while verifying: AMD's key distribution service
//! (publication 57230), Intel's provisioning certification service (API version 4), or a mirror of them.
//!
//! What is fetched has the form of its kind, is about what was asked for and was signed by the vendor: a mirror can hold
//! back, and nothing more. Dates and revocation are for verification to look at. Only hosts that are on the list are
//! asked, no redirect is followed, and nothing is kept of an answer that is no endorsement of the vendor's.

mod address;
mod cache;
mod clock;
mod config;
mod error;
mod http;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use prism_attest::Evidence;
use prism_attest::endorsements::bundle::{Bundle, EndorsementKey, Entry, MergeError, Origin};
use prism_core::UnixSeconds;

pub use self::address::BaseUrl;
use self::address::Question;
use self::cache::Cache;
pub use self::clock::{Clock, SystemClock};
pub use self::config::{EndorserConfig, Pace, Update};
pub use self::error::FetchError;
use self::http::Transport;
use self::pace::Paces;

/// What happens while something is fetched, for people.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// It was fetched before and is fresh.
    Kept(&'a EndorsementKey),
    /// The vendor wants pauses between questions.
    Waiting(Duration),
    /// The question goes to this address.
    Asking(&'a EndorsementKey, &'a str),
    /// It does not exist there.
    Absent(&'a EndorsementKey),
}

/// Somebody who is told of each [`Step`].
pub type Listener<'l> = dyn FnMut(Step<'_>) + Send + 'l;

/// Fetches endorsements. Dropping a future of it cancels what it does and leaves no part of an answer behind.
#[derive(Debug)]
pub struct Endorser {
    config: EndorserConfig,
    transport: Transport,
    paces: Paces,
    cache: Option<Cache>,
    clock: Arc<dyn Clock>,
}

impl Endorser {
    /// An endorser with these bounds, by the system's clock.
    ///
    /// # Errors
    /// [`FetchError`] when this machine trusts nobody for https, or the cache cannot be made.
    pub fn new(config: EndorserConfig) -> Result<Self, FetchError> {
        Self::with_clock(config, Arc::new(SystemClock::default()))
    }

    /// An endorser by another clock.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_clock(config: EndorserConfig, clock: Arc<dyn Clock>) -> Result<Self, FetchError> {
        let transport = Transport::new(&config)?;
        let cache = config.cache.as_deref().map(Cache::open).transpose()?;
        Ok(Self { config, transport, paces: Paces::default(), cache, clock })
    }

    /// One endorsement: the kept one while it is fresh, otherwise the vendor's.
    ///
    /// # Errors
    /// [`FetchError`]; nothing of the answer is kept then.
    pub async fn fetch(&self, key: &EndorsementKey, tell: &mut Listener<'_>) -> Result<Entry, FetchError> {
        // What nobody signed is neither fresh nor ahead of anything, wherever it came from.
        let kept = self.cache.as_ref().and_then(|cache| cache.load(key, self.config.update));
        let kept = kept.filter(|entry| self.config.authorities.check(entry).is_ok());
        if let Some(entry) = kept.as_ref().filter(|entry| self.is_fresh(entry)) {
            tell(Step::Kept(key));
            return Ok(entry.clone());
        }
        let question = Question::about(key, &self.config)?;
        self.wait(&question, tell).await;
        let source = question.address.to_string();
        tell(Step::Asking(key, &source));
        let reply = self.transport.ask(&question.address).await?;
        let answer = question.answer(reply)?;
        let origin = Origin { source: source.clone(), fetched_at: self.clock.unix() };
        let entry = match Entry::new(key.clone(), answer, origin) {
            Ok(entry) => entry,
            Err(error) => return Err(FetchError::Answer { address: source, source: Box::new(error) }),
        };
        match self.config.authorities.check(&entry) {
            Ok(()) => self.keep(kept, entry).await,
            Err(error) => Err(FetchError::Unsigned { address: source, source: error }),
        }
    }

    /// All of these in a bundle.
    ///
    /// # Errors
    /// [`FetchError`] of the first that fails.
    pub async fn gather(&self, keys: &[EndorsementKey], tell: &mut Listener<'_>) -> Result<Bundle, FetchError> {
        let mut bundle = Bundle::new();
        for key in keys {
            bundle.add(self.fetch(key, tell).await?)?;
        }
        Ok(bundle)
    }

    /// What this evidence needs, in a bundle. The evidence is read without verification, and only to know what to ask
    /// for: verify its form first where strangers may send it.
    ///
    /// # Errors
    /// [`FetchError`]; that a certificate does not exist for one of several possible products is no error, but a list
    /// that does not exist is: nobody gets rid of a revocation by not answering.
    pub async fn gather_for(&self, evidence: &Evidence, tell: &mut Listener<'_>) -> Result<Bundle, FetchError> {
        let (mut bundle, mut absent) = (Bundle::new(), Vec::new());
        let mut first = None;
        loop {
            let missing = bundle.missing(evidence)?;
            let Some(key) = missing.into_iter().find(|key| !absent.contains(key)) else { break };
            match self.fetch(&key, tell).await {
                Ok(entry) => bundle.add(entry)?,
                Err(error @ FetchError::Absent { .. }) if is_of_a_chip(&key) => {
                    tell(Step::Absent(&key));
                    first.get_or_insert(error);
                    absent.push(key);
                }
                Err(error) => return Err(error),
            }
        }
        match bundle.select(evidence) {
            Ok(_) => Ok(bundle),
            Err(error) => Err(first.unwrap_or_else(|| error.into())),
        }
    }

    fn is_fresh(&self, entry: &Entry) -> bool {
        let now: UnixSeconds = self.clock.unix();
        let age = now.checked_sub(entry.origin().fetched_at);
        let young = age.is_some_and(|age| !entry.key().is_renewed() || age < self.config.renew_after.as_secs());
        young && entry.window().contains(now)
    }

    async fn wait(&self, question: &Question, tell: &mut Listener<'_>) {
        let pace = if question.is_of_amd { self.config.amd_pace } else { self.config.intel_pace };
        let pause = self.paces.reserve(&question.address.host, pace, self.clock.elapsed());
        if !pause.is_zero() {
            tell(Step::Waiting(pause));
            self.clock.pause(pause).await;
        }
    }

    /// Keeps what is not older than what was kept before.
    async fn keep(&self, kept: Option<Entry>, entry: Entry) -> Result<Entry, FetchError> {
        let Some(cache) = &self.cache else { return Ok(entry) };
        if let Some(kept) = kept {
            let mut order = Bundle::new();
            let added = order.add(kept).and_then(|()| order.add(entry.clone()));
            added.map_err(|error: MergeError| FetchError::Order(Box::new(error)))?;
        }
        cache.store(entry.clone(), self.config.update).await?;
        Ok(entry)
    }
}

/// Whether it is asked for on a guess: reports do not always say of which product their chip is.
const fn is_of_a_chip(key: &EndorsementKey) -> bool {
    matches!(key, EndorsementKey::Vcek { .. } | EndorsementKey::Vlek { .. })
}
