use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use prism_core::metric;
use tokio::task::AbortHandle;

use super::worker::Worker;
use crate::client::error::Cancelled;
use crate::client::{LogChunk, Observed, SessionError};

/// Items that are read ahead.
const AHEAD: usize = 16;

type Item<T> = Option<Result<T, SessionError>>;

/// A stream that a task reads for a thread.
#[derive(Debug)]
struct Stream<T> {
    worker: Worker,
    items: Receiver<Item<T>>,
    task: AbortHandle,
    over: bool,
}

impl<T> Drop for Stream<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T: Send + 'static> Stream<T> {
    /// Waits for the next item. An interrupt ends the waiting, not the stream.
    fn next(&mut self) -> Item<T> {
        if self.over {
            return None;
        }
        match self.worker.listen(&self.items, Some) {
            Some(Some(Ok(item))) => Some(Ok(item)),
            Some(last) => {
                self.over = true;
                last
            }
            None => Some(Err(SessionError::cancelled())),
        }
    }
}

/// Hands an item to the thread; false when it does not read any more.
fn give<T>(sender: &SyncSender<Item<T>>, item: Item<T>) -> bool {
    match sender.try_send(item) {
        Ok(()) => true,
        // The thread reads slowly; the runtime has other things to do meanwhile, which costs it a thread.
        Err(TrySendError::Full(item)) => tokio::task::block_in_place(|| sender.send(item).is_ok()),
        Err(TrySendError::Disconnected(_)) => false,
    }
}

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident of $item:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Stream<$item>);

        impl $name {
            pub(super) fn start(worker: Worker, mut source: crate::client::$name) -> Self {
                let (sender, items) = sync_channel(AHEAD);
                let task = worker.handle().spawn(async move {
                    loop {
                        let item = source.next().await;
                        let last = !matches!(item, Some(Ok(_)));
                        if !give(&sender, item) || last {
                            return;
                        }
                    }
                });
                Self(Stream { worker, items, task: task.abort_handle(), over: false })
            }
        }

        impl Iterator for $name {
            type Item = Result<$item, SessionError>;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next()
            }
        }
    )*};
}

streams! {
    /// The entries of the log as they are proven. See [`crate::client::Watch`].
    Watch of Observed;
    /// What the algorithm writes. See [`crate::client::Logs`].
    Logs of LogChunk;
    /// The figures that the algorithm prints. See [`crate::client::Metrics`].
    Metrics of metric::Metrics;
}
