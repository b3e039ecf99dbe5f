//! Endorsements from the vendors, fetched at the edge and never while verifying: AMD's key distribution service
//! (publication 57230), Intel's provisioning certification service (API version 4), or a mirror of them.
//!
//! What is fetched has the form of its kind and is about what was asked for; whether the vendor signed it is for
//! verification to say. Only hosts that are on the list are asked, no redirect is followed, and nothing is kept of an
//! answer that cannot be an endorsement.

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
        let kept = self.cache.as_ref().and_then(|cache| cache.load(key));
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
        let refused = |source| move |error| FetchError::Answer { address: source, source: Box::new(error) };
        let entry = Entry::new(key.clone(), answer, origin).map_err(refused(source))?;
        self.keep(kept, entry).await
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
    /// [`FetchError`]; a certificate that does not exist for one of several possible products is none.
    pub async fn gather_for(&self, evidence: &Evidence, tell: &mut Listener<'_>) -> Result<Bundle, FetchError> {
        let (mut bundle, mut absent) = (Bundle::new(), Vec::new());
        let mut first = None;
        loop {
            let missing = bundle.missing(evidence)?;
            let Some(key) = missing.into_iter().find(|key| !absent.contains(key)) else { break };
            match self.fetch(&key, tell).await {
                Ok(entry) => bundle.add(entry)?,
                Err(error @ FetchError::Absent { .. }) => {
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
        cache.store(entry.clone()).await?;
        Ok(entry)
    }
}
