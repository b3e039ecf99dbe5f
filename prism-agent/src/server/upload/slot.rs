//! One asset's place: which streams bring it, and what is held of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use prism_core::name::Name;
use tokio_util::sync::CancellationToken;

use super::crew::Crew;
use super::holding::Holding;
use crate::ranges::Spans;

/// Streams that may bring one asset at a time, and separate spans that may be held of it.
pub(crate) const STREAMS: usize = 32;

/// Every asset on its way in.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<BTreeMap<Name, Arc<Slot>>>);

impl Uploads {
    /// The place of an asset.
    pub(crate) fn slot(&self, asset: &Name) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(asset.clone()).or_default())
    }

    /// Drops everything on its way in and ends the streams that bring it.
    pub(crate) fn abandon(&self) {
        let slots = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in slots.values() {
            slot.dismiss_all();
        }
    }
}

/// One asset's place.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    streams: Mutex<Streams>,
    left: Condvar,
    holding: Mutex<Option<Arc<Holding>>>,
    /// Who works on the asset. Held while somebody comes or goes, also over slow work: blocking threads only.
    pub(super) seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
pub(super) struct Seats {
    pub(super) taken: usize,
    pub(super) crew: Option<Crew>,
}

#[derive(Debug, Default)]
struct Streams {
    next: u64,
    open: BTreeMap<u64, Stream>,
}

#[derive(Debug)]
struct Stream {
    span: Range<u64>,
    session: [u8; 32],
    end: CancellationToken,
}

impl Stream {
    /// Whether both have a say about some byte. The end of the asset is everybody's who sends up to it.
    fn concerns(&self, span: &Range<u64>) -> bool {
        self.span.start < span.end && span.start < self.span.end || self.span == *span
    }
}

/// One stream's right to bring a span of an asset. Dropping it lets the next one have it.
#[derive(Debug)]
pub(crate) struct Turn {
    slot: Arc<Slot>,
    id: u64,
    end: CancellationToken,
}

impl Turn {
    /// Comes true when the stream has to end because another one takes its place. Whoever feeds it says so as well when
    /// no more will come.
    pub(crate) fn end(&self) -> CancellationToken {
        self.end.clone()
    }

    /// Waits until the earlier streams that concern the same bytes are gone. Blocking threads only.
    pub(super) fn wait(&self) -> &Slot {
        let mut streams = self.slot.streams();
        while let Some(span) = streams.open.get(&self.id).map(|own| own.span.clone())
            && streams.open.range(..self.id).any(|(_, earlier)| earlier.concerns(&span))
        {
            streams = self.slot.left.wait(streams).unwrap_or_else(PoisonError::into_inner);
        }
        drop(streams);
        &self.slot
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.slot.streams().open.remove(&self.id);
        self.slot.left.notify_all();
    }
}

impl Slot {
    /// What the agent holds durably.
    pub(crate) fn durable(&self) -> Spans {
        self.holding().map_or_else(Spans::default, |holding| holding.durable())
    }

    /// A turn for a stream that brings `span`. It ends the streams that concern the same bytes; `None` when too many
    /// others are open.
    pub(crate) fn take_turn(self: &Arc<Self>, session: [u8; 32], span: Range<u64>) -> Option<Turn> {
        let mut streams = self.streams();
        streams.open.values().filter(|other| other.concerns(&span)).for_each(|other| other.end.cancel());
        if streams.open.values().filter(|other| !other.end.is_cancelled()).count() >= STREAMS {
            return None;
        }
        let (id, end) = (streams.next, CancellationToken::new());
        streams.next += 1;
        streams.open.insert(id, Stream { span, session, end: end.clone() });
        Some(Turn { slot: Arc::clone(self), id, end })
    }

    /// Ends the streams of other connections that concern `span` and waits until they are gone, and those of this one
    /// that were broken off. When nobody sends any of it then, what came is made durable: that is all of it. Blocking
    /// threads only.
    pub(crate) fn settle(&self, session: [u8; 32], span: &Range<u64>) {
        let over = |stream: &Stream| stream.session != session || stream.end.is_cancelled();
        let mut streams = self.streams();
        let ids: Vec<u64> = streams
            .open
            .iter()
            .filter(|(_, stream)| stream.concerns(span) && over(stream))
            .map(|(id, _)| *id)
            .collect();
        ids.iter().filter_map(|id| streams.open.get(id)).for_each(|stream| stream.end.cancel());
        while ids.iter().any(|id| streams.open.contains_key(id)) {
            streams = self.left.wait(streams).unwrap_or_else(PoisonError::into_inner);
        }
        let at_rest = !streams.open.values().any(|stream| stream.concerns(span));
        drop(streams);
        if let Some(holding) = self.holding().filter(|_| at_rest)
            && let Err(error) = holding.sync()
        {
            tracing::warn!(%error, "what was held of an asset could not be synchronised to the disk");
        }
    }

    /// Ends every stream.
    pub(super) fn dismiss_all(&self) {
        self.streams().open.values().for_each(|stream| stream.end.cancel());
    }

    pub(super) fn holding(&self) -> Option<Arc<Holding>> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn hold(&self, holding: Option<Arc<Holding>>) {
        *self.holding.lock().unwrap_or_else(PoisonError::into_inner) = holding;
    }

    pub(super) fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
