//! Measurements of Prism against peers and raw primitives, always as a ratio within one run: machines are shared and
//! noisy, absolute figures belong to one machine. Run them with `cargo bench -p prism-benches`.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
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

/// How many turns each operation has; the median counts.
const TURNS: usize = 7;

/// What one turn took.
#[derive(Clone, Copy, Debug)]
pub struct Median {
    /// Processor time of all threads of this process and of the children that it waited for.
    pub processor: Duration,
    /// Time on the wall.
    pub wall: Duration,
}

impl Median {
    /// How many times the processor time of `other` this is.
    #[must_use]
    pub fn over(self, other: Self) -> f64 {
        self.processor.as_secs_f64() / other.processor.as_secs_f64()
    }
}

/// What is left of an operation and dropped after its time was taken.
pub trait Left {}

impl<T> Left for T {}

type Run<'a> = Box<dyn FnOnce() -> Box<dyn Left + 'a> + 'a>;
type Prepare<'a> = Box<dyn FnMut() -> Run<'a> + 'a>;

/// Long operations, each done once a turn.
#[derive(Default)]
pub struct Turns<'a>(Vec<(String, Prepare<'a>)>);

impl<'a> Turns<'a> {
    /// Adds an operation; the number by which to find what it took.
    pub fn add(&mut self, name: impl Into<String>, run: impl FnMut() + 'a) -> usize {
        let run = Rc::new(RefCell::new(run));
        self.add_prepared(name, move || {
            let run = Rc::clone(&run);
            move || run.borrow_mut()()
        })
    }

    /// Adds an operation that something precedes and follows which no time is taken of: `prepare` gives what is
    /// measured, and what that gives is dropped afterwards.
    pub fn add_prepared<P, R, T>(&mut self, name: impl Into<String>, mut prepare: P) -> usize
    where
        P: FnMut() -> R + 'a,
        R: FnOnce() -> T + 'a,
        T: 'a,
    {
        let prepare = move || -> Run<'a> {
            let run = prepare();
            Box::new(move || Box::new(run()))
        };
        self.0.push((name.into(), Box::new(prepare)));
        self.0.len() - 1
    }

    /// Measures the operations in turns, so that whatever else the machine does hits all of them alike. In a first
    /// round that does not count, buffers, pages and connections become warm.
    #[must_use]
    pub fn measure(mut self) -> Medians {
        let mut times = vec![Vec::new(); self.0.len()];
        self.0.iter_mut().for_each(|(_, prepare)| drop(prepare()()));
        for _ in 0..TURNS {
            for ((_, prepare), times) in self.0.iter_mut().zip(&mut times) {
                let run = prepare();
                let (begun, from) = (Instant::now(), whole_processor_time());
                let left = run();
                let processor = whole_processor_time().saturating_sub(from);
                times.push((processor, begun.elapsed()));
                drop(left);
            }
        }
        let middle = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        let median = |times: &Vec<(Duration, Duration)>| Median {
            processor: middle(times.iter().map(|(processor, _)| *processor).collect()),
            wall: middle(times.iter().map(|(_, wall)| *wall).collect()),
        };
        let names = self.0.into_iter().map(|(name, _)| name);
        Medians(names.zip(times.iter().map(median)).collect())
    }
}

/// What each operation took, in the order in which they were added.
pub struct Medians(Vec<(String, Median)>);

impl std::ops::Index<usize> for Medians {
    type Output = Median;

    fn index(&self, index: usize) -> &Median {
        &self.0[index].1
    }
}

impl fmt::Display for Medians {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, took) in &self.0 {
            writeln!(f, "  {name:52} {:9.1} ms of processor time", took.processor.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}

/// The processor time that this process and the children that it waited for have used.
fn whole_processor_time() -> Duration {
    let own = clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default();
    children_time().map_or(own, |children| own + children)
}

/// User and system time of children (proc(5), fields 16 and 17 of `stat`), to a hundredth of a second.
fn children_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks = stat.rsplit_once(')')?.1.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap_or_default()).sum();
    Some(Duration::from_millis(ticks * 10))
}
