//! Cards: what a notebook or a page shows of a key, a verdict, a run or an audit.
//!
//! A card is a fragment of HTML that changes nothing around it: its styles are its own, it holds no script and names
//! nothing from elsewhere, every text is escaped. It follows the colours of the notebook, or of the reader's system.

mod plot;

use std::fmt::{self, Display, Write as _};

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

/// What is said of every computation, verdict or log of a simulated machine.
pub const SIMULATED: &str = "SIMULATED: no hardware protects this data";

/// Longest text of a cell that is shown, in characters.
const CELL_MAX: usize = 400;

/// Styles that reach nothing outside of a card. Notebooks bring their own colours in `--jp-*`.
const STYLE: &str = ".prism-card{--ink:var(--jp-content-font-color1,#1b1f24);--soft:var(--jp-content-font-color2,#59636e);\
--line:var(--jp-border-color1,#d1d9e0);--good:#116329;--bad:#a40e26;--loud:#7d4e00;color:var(--ink);border:1px solid \
var(--line);border-radius:8px;padding:.6rem 1rem;margin:.3rem 0;max-width:60rem;font:14px/1.5 system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.prism-card{--ink:var(--jp-content-font-color1,#f0f6fc);--soft:\
var(--jp-content-font-color2,#9198a1);--line:var(--jp-border-color1,#3d444d);--good:#3fb950;--bad:#ff7b72;--loud:#e3b341}}\
[data-jp-theme-light=false] .prism-card{--good:#3fb950;--bad:#ff7b72;--loud:#e3b341}[data-jp-theme-light=true] \
.prism-card{--good:#116329;--bad:#a40e26;--loud:#7d4e00}.prism-card b{font-size:1.05rem}.prism-card .good{color:\
var(--good)}.prism-card .bad{color:var(--bad)}.prism-card p.loud{color:var(--loud);border:2px solid;border-radius:4px;\
padding:.1rem .5rem;margin:.3rem 0;font-weight:700}.prism-card table{border-collapse:collapse;width:100%;margin:.4rem 0 \
0;font-size:.92rem}.prism-card td{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0;border-top:1px solid \
var(--line);overflow-wrap:anywhere;white-space:normal;color:var(--ink)}.prism-card td.key{color:var(--soft);white-space:\
nowrap;width:1%}";

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
}

impl Card {
    /// A card with a title.
    #[must_use]
    pub fn new(title: impl Into<String>, mood: Mood) -> Self {
        Self { title: title.into(), mood, simulated: false, rows: Vec::new(), checks: Vec::new() }
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
        write!(html, "<div class=\"prism-card\"><style>{STYLE}</style><b class=\"{class}\">{}</b>", Text(&self.title))?;
        if self.simulated {
            write!(html, "<p class=\"loud\">{SIMULATED}</p>")?;
        }
        html.push_str("<table>");
        for (name, value) in &self.rows {
            write!(html, "<tr><td class=\"key\">{}</td><td>", Text(name))?;
            match value {
                Fact::Text(text) => write!(html, "{}", Text(text))?,
                Fact::Figures(values) => plot::figures(html, values)?,
                Fact::Spans(spans) => plot::spans(html, spans)?,
            }
            html.push_str("</td></tr>");
        }
        // What does not hold is what people look for.
        for (holds, name, found) in self.checks.iter().filter(|c| !c.0).chain(self.checks.iter().filter(|c| c.0)) {
            let (class, mark) = if *holds { ("good", "✔") } else { ("bad", "✘") };
            write!(html, "<tr><td class=\"key\"><span class=\"{class}\">{mark}</span> {}</td>", Text(name))?;
            write!(html, "<td>{}</td></tr>", Text(found))?;
        }
        html.push_str("</table></div>");
        Ok(())
    }
}

/// Text from anywhere: escaped, bounded, without characters that reorder what stands around them.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(CELL_MAX) {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                shown if crate::printable::is_printable_line(shown.encode_utf8(&mut [0; 4])) => f.write_char(shown)?,
                hidden => write!(f, "{}", hidden.escape_default())?,
            }
        }
        if self.0.chars().nth(CELL_MAX).is_some() { f.write_char('…') } else { Ok(()) }
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
    fn a_long_text_is_cut() {
        let html = Card::new("x".repeat(100_000), Mood::Plain).to_html();
        assert!(html.len() < 8_000 && html.contains('…'));
    }
}
