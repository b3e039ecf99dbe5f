use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

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
    worker: Arc<Worker>,
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

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident of $item:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Stream<$item>);

        impl $name {
            pub(super) fn start(worker: Arc<Worker>, mut source: crate::client::$name) -> Self {
                let (sender, items) = sync_channel(AHEAD);
                let task = worker.handle().spawn(async move {
                    loop {
                        let item = source.next().await;
                        let last = !matches!(item, Some(Ok(_)));
                        // The thread may read slowly; the runtime has other things to do meanwhile.
                        let sent = tokio::task::block_in_place(|| sender.send(item).is_ok());
                        if last || !sent {
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
