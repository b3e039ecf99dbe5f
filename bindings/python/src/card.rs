//! What a notebook shows.

use prism_core::card::{Card, Mood};
use pyo3::prelude::*;

/// What stands in a row of a card.
#[derive(FromPyObject)]
pub(crate) enum Fact {
    /// Some text.
    Text(String),
    /// Figures in their order.
    Figures(Vec<f64>),
    /// What happened one after the other, and how many seconds each took.
    Spans(Vec<(String, f64)>),
}

/// A card as HTML: its title, whether what was asked holds, facts, conditions, and a longer text under a name.
#[pyfunction]
#[pyo3(signature = (title, good, simulated, rows, checks, folded=None))]
#[expect(clippy::too_many_arguments, reason = "arguments of one Python function")]
pub(crate) fn card(
    title: String,
    good: Option<bool>,
    simulated: bool,
    rows: Vec<(String, Fact)>,
    checks: Vec<(bool, String, String)>,
    folded: Option<(String, String)>,
) -> String {
    let mood = match good {
        None => Mood::Plain,
        Some(true) => Mood::Good,
        Some(false) => Mood::Bad,
    };
    let card = Card::new(title, mood).simulated(simulated);
    let card = rows.into_iter().fold(card, |card, (name, fact)| match fact {
        Fact::Text(text) => card.row(name, text),
        Fact::Figures(values) => card.figures(name, values),
        Fact::Spans(spans) => card.spans(name, spans),
    });
    let card = checks.into_iter().fold(card, |card, (holds, name, found)| card.check(holds, name, found));
    folded.into_iter().fold(card, |card, (name, text)| card.folded(name, text)).to_html()
}

/// A number of bytes for people: `412.6 MiB`.
#[pyfunction]
pub(crate) fn size(bytes: u64) -> String {
    prism_core::printable::size(bytes)
}
