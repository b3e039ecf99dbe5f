//! One asset on its way, over one connection or several, each as often as it takes.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prism_core::asset::AssetTerms;
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::envelope::PayloadType;
use prism_core::statement::AssetBody;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::feed::{Feed, Step};
use super::options::UploadOptions;
use super::plan::{Held, parts};
use super::{Progress, UploadError};
use crate::client::error::is_broken;
use crate::client::options::Retries;
use crate::client::session::{Live, Session};
use crate::client::{CallError, LogError, Receipt, SessionError, bounded};
use crate::files::Source;
use crate::wire::{self, UploadBegin, UploadStatusRequest, upload_request};

/// How often the agent is asked for what it holds durably while bytes travel.
const DURABLE_INTERVAL: Duration = Duration::from_millis(500);

/// What the connections have to tell that nobody has heard yet.
const NEWS: usize = 64;

/// One asset on its way.
pub(super) struct Delivery {
    pub(super) session: Session,
    pub(super) terms: AssetTerms,
    pub(super) source: Source,
    pub(super) options: UploadOptions,
    parts: Mutex<VecDeque<Range<u64>>>,
}

/// What a connection has to tell.
enum News {
    /// So many bytes more were handed over.
    Sent(u64),
    /// So many bytes have to be handed over again.
    Lost(u64),
    /// So many bytes of the asset are durable.
    Durable(u64),
}

/// Why a part is not there yet.
enum Stop {
    Paused,
    Failed(UploadError),
}

impl<E: Into<UploadError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Delivery {
    pub(super) fn new(session: Session, terms: AssetTerms, source: Source, options: UploadOptions) -> Arc<Self> {
        Arc::new(Self { session, terms, source, options, parts: Mutex::default() })
    }

    /// Connections that are worth having.
    fn connections(&self) -> usize {
        if self.source.is_seekable() { self.options.connections.get() } else { 1 }
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<Range<u64>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the agent holds, as often as the connection has to be made for that.
    pub(super) async fn look(&self) -> Result<Held, UploadError> {
        let whole = 0..self.terms.size;
        let mut line = Line::shared(&self.session);
        loop {
            match self.status(&line.live, &whole).await {
                Ok(held) => return Ok(held),
                Err(error) => line.recover(&self.session, error).await?,
            }
        }
    }

    /// Sends what the agent does not hold, until a connection brings the receipt or all parts are with the agent.
    pub(super) async fn send(
        self: &Arc<Self>,
        held: &Held,
        so_far: &mut Progress,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Option<wire::Receipt>, UploadError> {
        let connections = self.connections();
        *self.parts() = parts(&held.durable, self.terms.size, connections);
        let useful = connections.min(self.parts().len());
        let (tell, mut news) = mpsc::channel(NEWS);
        // Dropped with this future: what is given up stops at once.
        let mut working = JoinSet::new();
        for number in 0..useful {
            working.spawn(Worker { delivery: Arc::clone(self), tell: tell.clone(), number }.work());
        }
        drop(tell);
        loop {
            tokio::select! {
                biased;
                Some(news) = news.recv() => {
                    so_far.hear(&news);
                    progress(*so_far);
                }
                Some(done) = working.join_next() => {
                    let receipt = done.map_err(|_| LogError::Interrupted)??;
                    if receipt.is_some() {
                        return Ok(receipt);
                    }
                }
                else => return Ok(None),
            }
        }
    }

    async fn status(&self, live: &Live, span: &Range<u64>) -> Result<Held, UploadError> {
        let (asset, offset, length) = (self.terms.name.to_string(), span.start, span.end - span.start);
        let request = UploadStatusRequest { asset, offset, length };
        let told = bounded(live.stub().upload_status(request)).await?;
        Ok(Held::read(told, self.terms.size)?)
    }

    fn begin(&self, live: &Live, span: &Range<u64>) -> Result<upload_request::Step, SessionError> {
        let AssetTerms { name, digest, size, .. } = &self.terms;
        let envelope = self.session.sign(live, PayloadType::Asset, |context| {
            AssetBody::new(context, name.clone(), *digest, *size).to_json()
        })?;
        let salt = self.options.salt.as_ref().map(|salt| salt.expose().to_vec()).unwrap_or_default();
        let (envelope, salt) = (envelope.into(), salt.into());
        Ok(upload_request::Step::Begin(UploadBegin {
            envelope,
            salt,
            offset: span.start,
            length: span.end - span.start,
        }))
    }

    /// Whether a receipt says that the agent accepted this asset from this provider.
    pub(super) fn verify(&self, received: Option<wire::Receipt>) -> Result<Receipt, LogError> {
        let AssetTerms { name, provider, digest, size, .. } = &self.terms;
        Receipt::verify(received, self.session.0.witness.key(), "this asset", |entry| {
            let accepted = matches!(&entry.event, Event::AssetAccepted(body)
                if body.asset == *name && body.digest == *digest && body.size == *size);
            accepted && entry.actor.participant() == Some(provider)
        })
    }
}

impl Progress {
    fn hear(&mut self, news: &News) {
        match news {
            News::Sent(bytes) => self.sent = self.sent.saturating_add(*bytes).min(self.total),
            News::Lost(bytes) => self.sent = self.sent.saturating_sub(*bytes),
            News::Durable(bytes) => self.durable = self.durable.max(*bytes).min(self.total),
        }
        self.sent = self.sent.max(self.durable);
    }
}

/// A connection and what it may still cost.
struct Line {
    live: Arc<Live>,
    retries: Retries,
    /// Whether it is the session's, which others use as well.
    shared: bool,
}

impl Line {
    fn shared(session: &Session) -> Self {
        Self { live: session.live(), retries: session.retries(), shared: true }
    }

    async fn recover(&mut self, session: &Session, error: UploadError) -> Result<(), UploadError> {
        self.live = if self.shared {
            session.recover(&self.live, &mut self.retries, error).await?
        } else {
            session.recover_beside(&mut self.retries, error).await?
        };
        Ok(())
    }
}

/// One connection's share of the work.
struct Worker {
    delivery: Arc<Delivery>,
    tell: mpsc::Sender<News>,
    number: usize,
}

impl Worker {
    /// Brings parts until none are left. The receipt, if the last part of all was among them.
    async fn work(self) -> Result<Option<wire::Receipt>, UploadError> {
        let Some(mut line) = self.line().await? else { return Ok(None) };
        loop {
            let Some(part) = self.delivery.parts().pop_front() else { return Ok(None) };
            if let Some(receipt) = self.bring(&mut line, part).await? {
                return Ok(Some(receipt));
            }
        }
    }

    /// The connection to work on. One that cannot be had beside the session's is done without.
    async fn line(&self) -> Result<Option<Line>, UploadError> {
        let session = &self.delivery.session;
        if self.number == 0 {
            return Ok(Some(Line::shared(session)));
        }
        match session.open().await {
            Ok(live) => Ok(Some(Line { live, retries: session.retries(), shared: false })),
            Err(error) if is_broken(error.code()) || error.code() == Code::LimitReached => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings one part over as many connections as it takes.
    async fn bring(&self, line: &mut Line, part: Range<u64>) -> Result<Option<wire::Receipt>, UploadError> {
        let mut missing = vec![part.clone()];
        let mut sent = 0;
        loop {
            match self.fill(&line.live, &missing, &mut sent).await {
                Ok(receipt) => return Ok(receipt),
                Err(Stop::Paused) => self.delivery.options.control.wait(false).await,
                Err(Stop::Failed(error)) => line.recover(&self.delivery.session, error).await?,
            }
            let held = loop {
                match self.delivery.status(&line.live, &part).await {
                    Ok(held) => break held,
                    Err(error) => line.recover(&self.delivery.session, error).await?,
                }
            };
            if let Some(receipt) = held.receipt {
                return Ok(Some(receipt));
            }
            let before: u64 = missing.iter().map(|gap| gap.end - gap.start).sum();
            missing = held.durable.missing(part.clone());
            let left: u64 = missing.iter().map(|gap| gap.end - gap.start).sum();
            if left < before {
                line.retries.reset();
            }
            self.correct(&mut sent, part.end - part.start - left, &held).await;
        }
    }

    /// Says what turned out to be with the agent, `kept` bytes of the part, where `sent` had been handed over.
    async fn correct(&self, sent: &mut u64, kept: u64, held: &Held) {
        let news = if kept < *sent { News::Lost(*sent - kept) } else { News::Sent(kept - *sent) };
        *sent = kept;
        self.say(news).await;
        self.say(News::Durable(held.durable.bytes())).await;
    }

    /// Sends the gaps of one part, one after the other, over one connection.
    async fn fill(&self, live: &Arc<Live>, gaps: &[Range<u64>], sent: &mut u64) -> Result<Option<wire::Receipt>, Stop> {
        for gap in gaps {
            if let Some(receipt) = self.stream(live, gap, sent).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn stream(&self, live: &Arc<Live>, gap: &Range<u64>, sent: &mut u64) -> Result<Option<wire::Receipt>, Stop> {
        let Delivery { source, options, .. } = &*self.delivery;
        if options.control.is_paused() {
            return Err(Stop::Paused);
        }
        let mut feed = Feed::start(source.clone(), gap.clone(), self.delivery.begin(live, gap)?);
        let frames = feed.frames()?;
        let mut stub = live.stub();
        // Declared after the feed, hence dropped before it: a call that is given up never looks finished.
        let call = stub.upload(frames);
        tokio::pin!(call);
        let mut ticks = interval(DURABLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut handed = 0;
        loop {
            tokio::select! {
                answer = &mut call => {
                    let answer = answer.map_err(CallError::from)?.into_inner();
                    return answered(answer);
                }
                step = feed.step() => if let Step::Sent(bytes) = step? {
                    self.say(News::Sent(bytes - handed)).await;
                    *sent += bytes - handed;
                    handed = bytes;
                },
                () = options.control.wait(true) => return Err(Stop::Paused),
                // One connection asks for all of them.
                _ = ticks.tick(), if self.number == 0 => {
                    // Only for the eye: a failure here will be one of the call as well.
                    let Ok(held) = self.delivery.status(live, gap).await else { continue };
                    self.say(News::Durable(held.durable.bytes())).await;
                }
            }
        }
    }

    async fn say(&self, news: News) {
        // Whoever does not listen any more has given the upload up.
        let _ = self.tell.send(news).await;
    }
}

/// The receipt, if the part was the last one.
fn answered(answer: wire::UploadResponse) -> Result<Option<wire::Receipt>, Stop> {
    if answer.receipt.is_none() && !answer.held {
        return Err(LogError::Malformed { expected: "a receipt, or the word that a part is held" }.into());
    }
    Ok(answer.receipt)
}
