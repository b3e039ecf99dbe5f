use std::fmt::{self, Write};

use super::{Card, Text};

/// What a page may do: show. No script runs in it and nothing is fetched, whatever is in its cards.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Colours of the reader's system around the cards, and one column at the width of a telephone.
const STYLE: &str = "body{margin:0 auto;padding:1rem;max-width:62rem;background:#fff}\
@media(prefers-color-scheme:dark){body{background:#010409}}";

/// Cards as one HTML file that needs nothing else: no script, no reference to anything elsewhere.
///
/// ```
/// use prism_core::card::{Card, Mood, page};
///
/// let html = page("Audit of <run>", &[Card::new("Audit ok", Mood::Good)]);
/// assert!(html.starts_with("<!doctype html>") && html.contains("<title>Audit of &lt;run&gt;</title>"));
/// ```
#[must_use]
pub fn page(title: &str, cards: &[Card]) -> String {
    let mut html = String::with_capacity(16 << 10);
    // Writing into a String cannot fail.
    let _ = write(&mut html, title, cards);
    html
}

fn write(html: &mut String, title: &str, cards: &[Card]) -> fmt::Result {
    html.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    write!(html, "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">")?;
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    write!(html, "<title>{}</title><style>{STYLE}</style></head><body><main>", Text(title))?;
    for card in cards {
        write!(html, "\n<section>{}</section>", card.to_html())?;
    }
    html.push_str("\n</main></body></html>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Mood;

    #[test]
    fn a_page_runs_nothing_and_fetches_nothing_whatever_its_title_is() {
        let html = page("</title><script src=//x></script>", &[Card::new("<img src=//x>", Mood::Bad)]);
        assert!(html.contains("default-src 'none'"));
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("http://"), "{html}");
        assert!(html.contains("<title>&lt;/title&gt;"), "{html}");
    }
}
