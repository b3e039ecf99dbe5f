//! Measurements of Prism against peers and raw primitives, always as a ratio within one run: machines are shared and
//! noisy, absolute figures belong to one machine. Run them with `cargo bench -p prism-benches`.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Rounds in which every operation has its turn; the fastest turn of each counts.
const ROUNDS: usize = 60;

/// How long one turn lasts at least.
const TURN: Duration = Duration::from_millis(20);

/// Something to measure: a name and what to do.
pub struct Operation<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
    best: f64,
}

impl<'a> Operation<'a> {
    /// `run` does the operation once.
    #[must_use]
    pub fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Self { name, run: Box::new(run), best: f64::INFINITY }
    }

    /// The processor time of this thread for one run, in microseconds.
    fn once(&mut self) -> f64 {
        let from = processor_time();
        (self.run)();
        processor_time().saturating_sub(from).as_secs_f64() * 1e6
    }

    /// One turn: the processor time of this thread for one operation, in microseconds.
    fn turn(&mut self) {
        let (begun, from, mut times) = (Instant::now(), processor_time(), 0_u32);
        while begun.elapsed() < TURN {
            (self.run)();
            times += 1;
        }
        let spent = processor_time().saturating_sub(from);
        self.best = self.best.min(spent.as_secs_f64() * 1e6 / f64::from(times));
    }
}

/// The processor time that this thread has used.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// What was measured: the first operation is the floor that the others are divided by.
pub struct Ratios<'a>(Vec<Operation<'a>>);

impl<'a> Ratios<'a> {
    /// Measures the operations in turns, so that whatever else the machine does hits all of them alike.
    #[must_use]
    pub fn measure(mut operations: Vec<Operation<'a>>) -> Self {
        for _ in 0..ROUNDS {
            operations.iter_mut().for_each(Operation::turn);
        }
        Self(operations)
    }

    /// Measures operations that take long: one run each in every round, of which the median counts.
    #[must_use]
    pub fn medians(mut operations: Vec<Operation<'a>>, rounds: usize) -> Self {
        let mut times = vec![Vec::new(); operations.len()];
        for _ in 0..rounds {
            operations.iter_mut().zip(&mut times).for_each(|(operation, times)| times.push(operation.once()));
        }
        for (operation, times) in operations.iter_mut().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            operation.best = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        }
        Self(operations)
    }
}

impl fmt::Display for Ratios<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let floor = self.0.first().map_or(f64::NAN, |operation| operation.best);
        for operation in &self.0 {
            writeln!(f, "  {:52} {:9.1} us  {:6.2}", operation.name, operation.best, operation.best / floor)?;
        }
        Ok(())
    }
}
