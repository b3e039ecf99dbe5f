//! The order of work on a payload: every worker takes the next batch, works on it alone and gives it away in its turn.
//!
//! There are no queues. Whoever takes a batch also hashes it, while it is in that processor's cache; a worker owns one
//! buffer for its whole life. So memory is one batch for each worker, and one worker alone costs nothing but two locks
//! that nobody contends for.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What is done with a batch `B`.
pub(super) trait Stages<B, E>: Sync {
    /// Makes a worker's buffer.
    fn buffer(&self) -> B;
    /// Works on a batch, at the same time as other workers on others. The fault that it finds, if any, is told after
    /// what was sound before it has been given.
    fn work(&self, batch: &mut B) -> Option<E>;
}

/// Runs `take` and `give` on every batch in order, with the stages' work between them on `workers` threads, of which
/// the caller's is one. `take` says whether there was another batch.
///
/// Ends at the first fault in the order of batches: every batch before it has been given, none after it.
pub(super) fn run<B, E: Send>(
    workers: NonZeroUsize,
    stages: &impl Stages<B, E>,
    take: impl FnMut(&mut B) -> Result<bool, E> + Send,
    give: impl FnMut(&mut B) -> Result<(), E> + Send,
) -> Result<(), E> {
    let belt = Belt {
        intake: Mutex::new(Intake { take, next: 0, ended: false }),
        outlet: Mutex::new(Outlet { give, turn: 0, end: None }),
        turned: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 1..workers.get() {
            // Fewer workers than wanted do the same work.
            if thread::Builder::new().name("prism-seal".to_owned()).spawn_scoped(scope, || belt.work(stages)).is_err() {
                break;
            }
        }
        belt.work(stages);
    });
    let outlet = belt.outlet.into_inner().unwrap_or_else(PoisonError::into_inner);
    match outlet.end {
        Some(End::Fault(fault)) => Err(fault),
        Some(End::Panicked) | None => Ok(()),
    }
}

struct Belt<T, G, E> {
    intake: Mutex<Intake<T>>,
    outlet: Mutex<Outlet<G, E>>,
    turned: Condvar,
}

struct Intake<T> {
    take: T,
    next: u64,
    ended: bool,
}

struct Outlet<G, E> {
    give: G,
    turn: u64,
    end: Option<End<E>>,
}

enum End<E> {
    Fault(E),
    /// A worker panicked: its batch will never be given, and nobody may wait for it. The scope passes the panic on.
    Panicked,
}

impl<T, G, E> Belt<T, G, E> {
    fn work<B>(&self, stages: &impl Stages<B, E>)
    where
        T: FnMut(&mut B) -> Result<bool, E>,
        G: FnMut(&mut B) -> Result<(), E>,
    {
        let _watch = Watch(self);
        let mut batch = stages.buffer();
        while let Some((turn, taken)) = self.take(&mut batch) {
            let (sound, fault) = match taken {
                Ok(()) => (true, stages.work(&mut batch)),
                Err(fault) => (false, Some(fault)),
            };
            if !self.give(turn, sound.then_some(&mut batch), fault) {
                lock(&self.intake).ended = true;
                return;
            }
        }
    }

    /// The next batch and its turn; a failure to read has its turn, too.
    fn take<B>(&self, batch: &mut B) -> Option<(u64, Result<(), E>)>
    where
        T: FnMut(&mut B) -> Result<bool, E>,
    {
        let mut intake = lock(&self.intake);
        if intake.ended {
            return None;
        }
        let taken = (intake.take)(batch);
        intake.ended = !matches!(taken, Ok(true));
        if matches!(taken, Ok(false)) {
            return None;
        }
        let turn = intake.next;
        intake.next += 1;
        Some((turn, taken.map(|_| ())))
    }

    /// Waits for the turn, then gives the batch; whether work goes on.
    fn give<B>(&self, turn: u64, batch: Option<&mut B>, fault: Option<E>) -> bool
    where
        G: FnMut(&mut B) -> Result<(), E>,
    {
        let mut outlet = lock(&self.outlet);
        while outlet.turn != turn && outlet.end.is_none() {
            outlet = self.turned.wait(outlet).unwrap_or_else(PoisonError::into_inner);
        }
        if outlet.end.is_some() {
            return false;
        }
        let given = batch.map_or(Ok(()), |batch| (outlet.give)(batch));
        let fault = given.err().or(fault);
        outlet.turn += 1;
        outlet.end = fault.map(End::Fault);
        let goes_on = outlet.end.is_none();
        drop(outlet);
        self.turned.notify_all();
        goes_on
    }
}

/// Frees the others when a worker panics.
struct Watch<'a, T, G, E>(&'a Belt<T, G, E>);

impl<T, G, E> Drop for Watch<'_, T, G, E> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.intake).ended = true;
            lock(&self.0.outlet).end.get_or_insert(End::Panicked);
            self.0.turned.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
