//! Cards: what a notebook or a page shows of a key, a verdict, a run or an audit.
//!
//! A card is a fragment of HTML that changes nothing around it: its styles are its own, it holds no script and names
//! nothing from elsewhere, every text is escaped. It follows the colours of the notebook, or of the reader's system.

mod page;
mod plot;

use std::fmt::{self, Display, Write};

use crate::printable::{SIMULATED, is_printable_line};

pub use page::page;

/// What a card says at first glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mood {
    /// It tells.
    #[default]
    Plain,
    /// What was asked holds.
    Good,
    /// What was asked does not hold.
    Bad,
}

/// Longest text of a cell that is shown, in characters.
const CELL_MAX: usize = 400;
/// Most lines of a longer text.
const LINES_MAX: usize = 2000;
/// Most conditions that hold and are shown without being asked for.
const SHOWN_MAX: usize = 12;

/// Styles that reach nothing outside of a card. Notebooks bring their own colours in `--jp-*`.
const STYLE: &str = ".prism-card{--ink:var(--jp-content-font-color1,#1b1f24);--soft:var(--jp-content-font-color2,#59636e);\
--line:var(--jp-border-color1,#d1d9e0);--good:#116329;--bad:#a40e26;--loud:#7d4e00;--paper:\
var(--jp-layout-color0,#fff);color:var(--ink);background:var(--paper);border:1px solid \
var(--line);border-radius:8px;padding:.6rem 1rem;margin:.3rem 0;max-width:60rem;font:14px/1.5 system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.prism-card{--ink:var(--jp-content-font-color1,#f0f6fc);--soft:\
var(--jp-content-font-color2,#9198a1);--line:var(--jp-border-color1,#3d444d);--good:#3fb950;--bad:#ff7b72;--loud:#e3b341;\
--paper:var(--jp-layout-color0,#0d1117)}}\
[data-jp-theme-light=false] .prism-card{--good:#3fb950;--bad:#ff7b72;--loud:#e3b341}[data-jp-theme-light=true] \
.prism-card{--good:#116329;--bad:#a40e26;--loud:#7d4e00}.prism-card b{font-size:1.05rem}.prism-card .good{color:\
var(--good)}.prism-card .bad{color:var(--bad)}.prism-card p.loud{color:var(--loud);border:2px solid;border-radius:4px;\
padding:.1rem .5rem;margin:.3rem 0;font-weight:700}.prism-card.prism-card table{border-collapse:collapse;table-layout:auto;\
width:100%;margin:.4rem 0 0;font-size:.92rem}.prism-card.prism-card tr{background:none}\
.prism-card.prism-card td{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0;border-top:1px solid \
var(--line);overflow-wrap:anywhere;white-space:normal;color:var(--ink)}.prism-card.prism-card td.key{color:var(--soft);\
min-width:6em;width:12em}.prism-card pre{margin:.3rem 0;padding:0;background:none;color:var(--ink);font-size:.85rem;\
white-space:pre-wrap;overflow-wrap:anywhere}.prism-card summary{cursor:pointer;color:var(--soft)}";

/// What stands in a row.
#[derive(Clone, Debug)]
enum Fact {
    Text(String),
    Figures(Vec<f64>),
    Spans(Vec<plot::Span>),
}

/// One card.
///
/// ```
/// use prism_core::card::{Card, Mood};
///
/// let card = Card::new("Key <hospital-1>", Mood::Good).row("kind", "ed25519");
/// assert!(card.to_html().contains("Key &lt;hospital-1&gt;"));
/// ```
#[derive(Clone, Debug)]
pub struct Card {
    title: String,
    mood: Mood,
    simulated: bool,
    rows: Vec<(String, Fact)>,
    checks: Vec<(bool, String, String)>,
    folded: Option<(String, String)>,
}

impl Card {
    /// A card with a title.
    #[must_use]
    pub fn new(title: impl Into<String>, mood: Mood) -> Self {
        Self { title: title.into(), mood, simulated: false, rows: Vec::new(), checks: Vec::new(), folded: None }
    }

    /// The same card, which says aloud whether a machine is simulated.
    #[must_use]
    pub const fn simulated(mut self, simulated: bool) -> Self {
        self.simulated = simulated;
        self
    }

    /// The same card with one more fact.
    #[must_use]
    pub fn row(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.rows.push((name.into(), Fact::Text(value.into())));
        self
    }

    /// The same card with figures in their order, drawn as a line; those that are no numbers are left out.
    #[must_use]
    pub fn figures(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        self.rows.push((name.into(), Fact::Figures(values)));
        self
    }

    /// The same card with what happened one after the other and how many seconds each took, drawn as a band.
    #[must_use]
    pub fn spans(mut self, name: impl Into<String>, spans: Vec<(String, f64)>) -> Self {
        self.rows.push((name.into(), Fact::Spans(spans)));
        self
    }

    /// The same card with one more condition that was looked at.
    #[must_use]
    pub fn check(mut self, holds: bool, name: impl Into<String>, found: impl Into<String>) -> Self {
        self.checks.push((holds, name.into(), found.into()));
        self
    }

    /// The same card with a longer text of several lines below, folded until it is asked for.
    #[must_use]
    pub fn folded(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.folded = Some((name.into(), text.into()));
        self
    }

    /// A fragment of HTML, well-formed also as XML.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut html = String::with_capacity(4096);
        // Writing into a String cannot fail.
        let _ = self.write(&mut html);
        html
    }

    fn write(&self, html: &mut String) -> fmt::Result {
        let class = match self.mood {
            Mood::Plain => "",
            Mood::Good => "good",
            Mood::Bad => "bad",
        };
        write!(html, "<div class=\"prism-card\"><style>{STYLE}</style><b class=\"{class}\">{}</b>", cell(&self.title))?;
        if self.simulated {
            write!(html, "<p class=\"loud\">{SIMULATED}</p>")?;
        }
        html.push_str("<table>");
        for (name, fact) in &self.rows {
            write!(html, "<tr><td class=\"key\">{}</td><td>", cell(name))?;
            match fact {
                Fact::Text(text) if text.contains('\n') => lines(html, text)?,
                Fact::Text(text) => write!(html, "{}", cell(text))?,
                Fact::Figures(values) => plot::figures(html, values)?,
                Fact::Spans(spans) => plot::spans(html, spans)?,
            }
            html.push_str("</td></tr>");
        }
        // What does not hold is what people look for.
        let (kept, broken): (Vec<_>, Vec<_>) = self.checks.iter().partition(|check| check.0);
        broken.into_iter().try_for_each(|check| condition(html, check))?;
        let folded = kept.len() > SHOWN_MAX;
        if folded {
            write!(html, "</table><details><summary>{} conditions that hold</summary><table>", kept.len())?;
        }
        kept.into_iter().try_for_each(|check| condition(html, check))?;
        html.push_str(if folded { "</table></details>" } else { "</table>" });
        if let Some((name, text)) = &self.folded {
            write!(html, "<details><summary>{}</summary>", cell(name))?;
            lines(html, text)?;
            html.push_str("</details>");
        }
        html.push_str("</div>");
        Ok(())
    }
}

/// One condition as a row of its own.
fn condition(html: &mut String, (holds, name, found): &(bool, String, String)) -> fmt::Result {
    let (class, mark) = if *holds { ("good", "✔") } else { ("bad", "✘") };
    write!(html, "<tr><td class=\"key\"><span class=\"{class}\">{mark}</span> {}</td>", cell(name))?;
    write!(html, "<td>{}</td></tr>", cell(found))
}

/// A text of several lines, as they stand.
fn lines(html: &mut String, text: &str) -> fmt::Result {
    html.push_str("<pre>");
    text.lines().take(LINES_MAX).try_for_each(|line| writeln!(html, "{}", cell(line)))?;
    html.push_str("</pre>");
    Ok(())
}

/// A text of a card: escaped, and cut where it is too long to be read.
fn cell(text: &str) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        let end = text.char_indices().nth(CELL_MAX).map(|(at, _)| at);
        let shown = end.and_then(|end| text.get(..end)).unwrap_or(text);
        write!(f, "{}", Text(shown))?;
        if end.is_some() { f.write_char('…') } else { Ok(()) }
    })
}

/// A value as text between tags or in an attribute, whatever is in it: escaped, without characters that XML cannot hold
/// or that reorder what stands around them.
///
/// ```
/// assert_eq!(prism_core::card::Text("<b>").to_string(), "&lt;b&gt;");
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is its value, escaped")]
pub struct Text<T>(
    /// The value.
    pub T,
);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'f, 'g>(&'f mut fmt::Formatter<'g>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '&' => self.0.write_str("&amp;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            shown if is_printable_line(shown.encode_utf8(&mut [0; 4])) => self.0.write_char(shown),
            hidden => write!(self.0, "{}", hidden.escape_unicode()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let evil = "</td><script>alert(1)</script>\u{202e}\"'&";
        let html = Card::new(evil, Mood::Bad).row(evil, evil).check(false, evil, evil).to_html();
        assert!(!html.contains("<script") && !html.contains('\u{202e}'), "{html}");
        assert_eq!(html.matches("&lt;script&gt;").count(), 5);
    }

    #[test]
    fn a_card_says_aloud_that_a_machine_is_simulated_and_first_what_does_not_hold() {
        let card = Card::new("run", Mood::Plain).check(true, "fresh", "yes").check(false, "debug", "on");
        assert!(!card.to_html().contains(SIMULATED));
        let html = card.simulated(true).to_html();
        assert!(html.contains(SIMULATED));
        assert!(html.find("debug").unwrap() < html.find("fresh").unwrap());
    }

    #[test]
    fn what_was_printed_keeps_its_lines_and_cannot_leave_them() {
        let html = Card::new("log", Mood::Plain).row("printed", "epoch 1\n  loss <0.3>\n</pre>").to_html();
        assert!(html.contains("<pre>epoch 1\n  loss &lt;0.3&gt;\n&lt;/pre&gt;\n</pre>"), "{html}");
    }

    #[test]
    fn many_conditions_that_hold_are_folded_and_those_that_do_not_never() {
        let few = (0..12).fold(Card::new("verdict", Mood::Good), |card, n| card.check(true, n.to_string(), "yes"));
        assert!(!few.to_html().contains("<details>"));
        let html = few.check(true, "12", "yes").check(false, "debug", "on").to_html();
        assert!(html.contains("13 conditions that hold"), "{html}");
        assert!(html.find("debug").unwrap() < html.find("<details>").unwrap());
    }

    #[test]
    fn a_long_text_is_cut() {
        let html = Card::new("x".repeat(100_000), Mood::Plain).to_html();
        assert!(html.len() < 8_000 && html.contains('…'));
    }
}
