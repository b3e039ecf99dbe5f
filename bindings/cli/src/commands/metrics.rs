//! `prism metrics`: the figures of a run, live, and how they went.

use std::collections::BTreeMap;
use std::fmt;

use clap::Args;
use prism_core::metric::Metrics;
use serde::Serialize;

use crate::exit::Outcome;
use crate::interrupt;
use crate::print::Printer;
use crate::session::ParticipantArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism metrics --key lab.key
  prism metrics --key lab.key --json | jq .values.loss

The figures that the program prints in lines such as

  metrics {\"step\": 3, \"loss\": 0.25}

live, for those whom the manifest's logs.metrics names, and at the end how each of them went.";

/// Columns of a curve: a terminal's width less a name and two figures.
const COLUMNS: usize = 40;

/// The heights of a curve, from the lowest.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The arguments of `prism metrics`.
#[derive(Args, Debug)]
pub(crate) struct ShowMetrics {
    #[command(flatten)]
    participant: ParticipantArgs,
}

/// One line of figures.
#[derive(Serialize)]
struct Line {
    step: Option<u64>,
    values: BTreeMap<String, f64>,
}

impl ShowMetrics {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let (mut metrics, mut curves) = (session.metrics(), Curves::default());
                while let Some(line) = metrics.next().await {
                    let Metrics { step, values, .. } = line?;
                    curves.add(&values);
                    printer.follow(&Line { step, values })?;
                }
                if printer.json() { Ok(()) } else { Printer::raw(curves.to_string().as_bytes()) }
            },
            "reading has ended; the computation goes on",
        )
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step {
            write!(f, "step {step}")?;
        }
        self.values.iter().try_for_each(|(name, value)| write!(f, "  {name} {value}"))
    }
}

/// How every figure went, in bounded memory.
#[derive(Default)]
struct Curves(BTreeMap<String, Curve>);

/// Figures to keep the course of; further names are shown as they come and not at the end.
const CURVES_MAX: usize = 64;

impl Curves {
    fn add(&mut self, values: &BTreeMap<String, f64>) {
        for (name, value) in values {
            if let Some(curve) = self.0.get_mut(name) {
                curve.add(*value);
            } else if self.0.len() < CURVES_MAX {
                self.0.insert(name.clone(), Curve::begin(*value));
            }
        }
    }
}

impl fmt::Display for Curves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(String::len).max().unwrap_or_default();
        self.0.iter().try_for_each(|(name, curve)| writeln!(f, "{name:width$}  {curve}"))
    }
}

/// One figure's course: at most twice as many points as there are columns, each the mean of equally many values.
struct Curve {
    first: f64,
    last: f64,
    points: Vec<f64>,
    /// Values to a point.
    every: u32,
    sum: f64,
    count: u32,
}

impl Curve {
    fn begin(value: f64) -> Self {
        let mut curve = Self { first: value, last: value, points: Vec::new(), every: 1, sum: 0.0, count: 0 };
        curve.add(value);
        curve
    }

    fn add(&mut self, value: f64) {
        self.last = value;
        (self.sum, self.count) = (self.sum + value, self.count + 1);
        if self.count == self.every {
            self.points.push(self.sum / f64::from(self.every));
            (self.sum, self.count) = (0.0, 0);
        }
        if self.points.len() == 2 * COLUMNS {
            self.points = self.points.chunks(2).map(|pair| pair.iter().sum::<f64>() / 2.0).collect();
            self.every = self.every.saturating_mul(2);
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let low = self.points.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let group = self.points.len().div_ceil(COLUMNS).max(1);
        for points in self.points.chunks(group) {
            let mean = points.iter().sum::<f64>() / f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX));
            let height = if high > low { (mean - low) / (high - low) } else { 0.5 };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 0 to 7, or 0 of no number"
            )]
            let index = (height * 7.0).round() as usize;
            write!(f, "{}", HEIGHTS.get(index).unwrap_or(&'▁'))?;
        }
        write!(f, "  {} → {}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: impl IntoIterator<Item = f64>) -> String {
        let mut values = values.into_iter();
        let mut curve = Curve::begin(values.next().unwrap());
        values.for_each(|value| curve.add(value));
        curve.to_string()
    }

    #[test]
    fn a_curve_shows_how_a_figure_went() {
        assert_eq!(curve([1.0, 0.5, 0.0]), "█▅▁  1 → 0");
        assert_eq!(curve([2.0]), "▅  2 → 2");
        assert!(curve([f64::MAX, -f64::MAX]).starts_with("▁▁  "), "differences beyond all numbers");
    }

    #[test]
    fn a_long_curve_stays_as_wide_as_a_terminal() {
        for count in [40_u32, 41, 79, 80, 81, 1_000_000] {
            let text = curve((0..count).map(f64::from));
            let (bars, ends) = text.split_once("  ").unwrap();
            assert!((20..=COLUMNS).contains(&bars.chars().count()), "{count}: {bars}");
            assert!(bars.starts_with('▁') && bars.ends_with('█'), "{count}: {bars}");
            assert_eq!(ends, format!("0 → {}", count - 1));
        }
    }
}
