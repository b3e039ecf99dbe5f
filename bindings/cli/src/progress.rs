//! How far something large has come: a bar on a terminal, one line for every tenth elsewhere.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::print::{Printer, size, span};

/// Progress of one transfer, in one or more stages.
pub(crate) struct Progress {
    printer: Printer,
    what: String,
    stage: &'static str,
    state: State,
}

enum State {
    Waiting,
    Bar(ProgressBar),
    Lines(Lines),
}

/// What is needed to say rate and time left without a terminal.
struct Lines {
    since: Instant,
    start: u64,
    told: u64,
    durable: Option<u64>,
}

impl Progress {
    /// A transfer that has not begun; `what` names it, without control characters.
    pub(crate) fn new(printer: Printer, what: &str) -> Self {
        Self { printer, what: what.to_owned(), stage: "", state: State::Waiting }
    }

    /// Work of this machine before or after the transfer: only a bar shows it.
    pub(crate) fn aside(&mut self, stage: &'static str, done: u64, total: u64) {
        if self.printer.shows_bar() {
            self.at(stage, done, total);
        }
    }

    /// A stage in which `done` of `total` bytes were there already; nothing if it has begun.
    pub(crate) fn begins(&mut self, stage: &'static str, done: u64, total: u64) {
        if stage != self.stage {
            self.finish();
            (self.stage, self.state) = (stage, self.begin(stage, done, total));
        }
    }

    /// So many bytes need not be sent again, whatever happens.
    pub(crate) fn keeps(&mut self, durable: u64) {
        match &mut self.state {
            State::Waiting => {}
            State::Bar(bar) => bar.set_prefix(format!(", {} durable", size(durable))),
            State::Lines(lines) => lines.durable = Some(durable),
        }
    }

    /// `done` of `total` bytes are where they belong in this stage, for example `sent`.
    pub(crate) fn at(&mut self, stage: &'static str, done: u64, total: u64) {
        self.begins(stage, done, total);
        match &mut self.state {
            State::Waiting => {}
            State::Bar(bar) => bar.set_position(done),
            State::Lines(lines) => {
                if let Some(text) = lines.at(done, total) {
                    self.printer.note(format_args!("{}: {stage} {text}", self.what));
                }
            }
        }
    }

    fn begin(&self, stage: &str, done: u64, total: u64) -> State {
        if !self.printer.shows_bar() {
            if done > 0 && done < total {
                self.printer.note(format_args!("{}: goes on after {}", self.what, size(done)));
            }
            return State::Lines(Lines {
                since: Instant::now(),
                start: done,
                told: tenths(done, total).min(9),
                durable: None,
            });
        }
        let template = "{msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left{prefix}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style);
        bar.set_message(format!("{} {stage}", self.what));
        bar.set_position(done);
        // The rate counts what is sent now, not what was there already.
        bar.reset_eta();
        State::Bar(bar)
    }

    fn finish(&mut self) {
        if let State::Bar(bar) = &self.state {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Lines {
    fn at(&mut self, done: u64, total: u64) -> Option<String> {
        let tenth = tenths(done, total);
        if tenth <= self.told {
            return None;
        }
        self.told = tenth;
        let elapsed = self.since.elapsed().as_secs_f64();
        Some(format!(
            "{} % of {}{}{}",
            tenth * 10,
            size(total),
            rate(done - self.start.min(done), total - done.min(total), elapsed),
            self.durable.map(|durable| format!(", {} durable", size(durable))).unwrap_or_default()
        ))
    }
}

fn tenths(done: u64, total: u64) -> u64 {
    done.min(total).saturating_mul(10).checked_div(total).unwrap_or(10)
}

/// `, 96 MiB/s, 4 s left`; nothing while too little is known.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate for people"
)]
fn rate(sent: u64, left: u64, elapsed: f64) -> String {
    if elapsed < 0.1 || sent == 0 {
        return String::new();
    }
    let rate = sent as f64 / elapsed;
    let said = format!(", {}/s", size(rate as u64));
    if left == 0 { said } else { format!("{said}, {} left", span((left as f64 / rate).ceil() as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_there_is_one_line_for_every_tenth() {
        let mut lines = Lines { since: Instant::now(), start: 0, told: 0, durable: None };
        let said: Vec<String> = (0..=1000).filter_map(|done| lines.at(done, 1000)).collect();
        assert_eq!(said.len(), 10);
        assert!(said[0].starts_with("10 % of 1000 bytes") && said[9].starts_with("100 %"), "{said:?}");
    }

    #[test]
    fn rate_and_time_left_are_those_of_this_transfer() {
        assert_eq!(rate(10 << 20, 20 << 20, 1.0), ", 10 MiB/s, 2 s left");
        assert_eq!(rate(10 << 20, 0, 1.0), ", 10 MiB/s");
        assert_eq!(rate(0, 10, 1.0), "");
    }

    #[test]
    fn an_empty_file_is_whole_at_once() {
        assert_eq!(tenths(0, 0), 10);
    }
}
