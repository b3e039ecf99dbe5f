//! Figures as a line, and how long each state of a run took as a band: SVG in the colours of the card, without a script.

use std::fmt::{self, Write};

use super::{Text, cell};

/// Width and height of a picture, in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 36.0;

/// Room at each edge, so that no line is cut.
const EDGE: f64 = 2.0;

/// Columns that a line is drawn in: of more figures, each column shows its lowest and its highest.
const COLUMNS: usize = 120;

/// Spans that are drawn; the rest is one.
const SPANS: usize = 24;

/// One span of a band: what it is called, and how many seconds it took.
pub(super) type Span = (String, f64);

/// Draws `values` from left to right, the lowest at the bottom, and says beside it where they lead.
pub(super) fn figures(html: &mut String, values: &[f64]) -> fmt::Result {
    let shown: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else { return html.write_str("no figures") };
    let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let said =
        format!("{} figures from {} to {}, between {} and {}", shown.len(), n(*first), n(*last), n(low), n(high));
    open(html, &said)?;
    html.push_str("<polyline fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" points=\"");
    for (place, value) in thinned(&shown) {
        // The halves are taken before the difference, which of two great numbers would be infinite.
        let height = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        let height = if height.is_finite() { height } else { 0.5 };
        let x = EDGE + place * (WIDTH - 2.0 * EDGE);
        let y = HEIGHT - EDGE - height * (HEIGHT - 2.0 * EDGE);
        write!(html, "{x:.1},{y:.1} ")?;
    }
    write!(html, "\"/></svg> {} → {}", n(*first), n(*last))
}

/// At most two points for each column, as `(place from 0 to 1, value)`; a single figure is a level line.
fn thinned(values: &[f64]) -> Vec<(f64, f64)> {
    let [only] = values else {
        let step = values.len().div_ceil(COLUMNS);
        let end = share(values.len() - 1, 1);
        let columns = values.chunks(step).enumerate();
        return columns.flat_map(|(at, column)| extremes(column, at * step)).map(|(at, v)| (at / end, v)).collect();
    };
    vec![(0.0, *only), (1.0, *only)]
}

/// The lowest and the highest of a column in their order; all of a column of one or two.
fn extremes(column: &[f64], first: usize) -> Vec<(f64, f64)> {
    let placed = column.iter().enumerate().map(|(at, value)| (share(first + at, 1), *value));
    if column.len() < 3 {
        return placed.collect();
    }
    let low = placed.clone().min_by(|a, b| a.1.total_cmp(&b.1));
    let high = placed.max_by(|a, b| a.1.total_cmp(&b.1));
    let mut both: Vec<(f64, f64)> = [low, high].into_iter().flatten().collect();
    both.sort_by(|a, b| a.0.total_cmp(&b.0));
    both
}

/// Draws spans one after the other, each as wide as its share of the time, and names them beneath.
pub(super) fn spans(html: &mut String, spans: &[Span]) -> fmt::Result {
    let bounded = bounded(spans);
    let total: f64 = bounded.iter().map(|span| span.1).sum::<f64>().min(f64::MAX);
    if bounded.is_empty() {
        return html.write_str("nothing happened");
    }
    open(html, &format!("{} states in {total:.1} seconds", bounded.len()))?;
    let mut x = 0.0;
    for (at, (name, seconds)) in bounded.iter().enumerate() {
        let width = if total > 0.0 { WIDTH * (seconds / total) } else { WIDTH / share(bounded.len(), 1) };
        let shade = if at % 2 == 0 { "0.25" } else { "0.55" };
        write!(html, "<rect x=\"{x:.1}\" y=\"8\" width=\"{width:.1}\" height=\"20\" fill=\"currentColor\" ")?;
        write!(html, "fill-opacity=\"{shade}\"><title>{}: {seconds:.1} s</title></rect>", cell(name))?;
        x += width;
    }
    html.push_str("</svg><br/>");
    for (at, (name, seconds)) in bounded.iter().enumerate() {
        write!(html, "{}{} {seconds:.1} s", if at == 0 { "" } else { " · " }, cell(name))?;
    }
    Ok(())
}

/// Spans whose time is a time, the last of too many taken together.
fn bounded(spans: &[Span]) -> Vec<Span> {
    let clean = |span: &Span| (span.0.clone(), if span.1.is_finite() { span.1.max(0.0) } else { 0.0 });
    let mut shown: Vec<Span> = spans.iter().map(clean).collect();
    if shown.len() > SPANS {
        let rest: f64 = shown.split_off(SPANS - 1).iter().map(|span| span.1).sum();
        shown.push(("later".to_owned(), rest));
    }
    shown
}

/// Begins a picture whose content `said` tells those who cannot see it.
fn open(html: &mut String, said: &str) -> fmt::Result {
    write!(html, "<svg role=\"img\" aria-label=\"{}\" ", Text(said))?;
    write!(html, "viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" ")?;
    write!(html, "style=\"max-width:100%;vertical-align:middle\"><title>{}</title>", Text(said))
}

/// A count as a number to divide by; counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "a place in a picture, not a quantity")]
fn share(count: usize, of: usize) -> f64 {
    count as f64 / of as f64
}

/// A figure in as many digits as people read.
fn n(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&size) {
        let text = format!("{value:.4}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    format!("{value:.3e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f64]) -> String {
        let mut html = String::new();
        figures(&mut html, values).unwrap();
        html
    }

    #[test]
    fn a_line_goes_from_its_first_to_its_last_figure_and_says_so_in_words() {
        let html = drawn(&[0.5, 0.25, 1.0]);
        assert!(html.contains("points=\"2.0,23.3 120.0,34.0 238.0,2.0 \""), "{html}");
        assert!(html.contains("aria-label=\"3 figures from 0.5 to 1, between 0.25 and 1\""), "{html}");
    }

    #[test]
    fn hostile_figures_are_left_out_and_draw_no_infinite_line() {
        for values in [&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY][..], &[]] {
            assert_eq!(drawn(values), "no figures");
        }
        for values in
            [&[f64::MAX, f64::MIN, 0.0][..], &[f64::NAN, 1.0], &[7.0; 9], &[-0.0], &[1e-300, 2e-300], &[0.0, 5e-324]]
        {
            let html = drawn(values);
            let points = html.split_once("points=\"").unwrap().1.split_once('"').unwrap().0;
            let numbers = points.split([' ', ',']).filter(|number| !number.is_empty());
            assert!(numbers.clone().all(|number| (0.0..=WIDTH).contains(&number.parse().unwrap())), "{html}");
        }
    }

    #[test]
    fn of_a_million_figures_the_picture_stays_small_and_keeps_the_extremes() {
        let mut values = vec![0.5; 1_000_000];
        (values[333_333], values[777_777]) = (9.0, -9.0);
        let html = drawn(&values);
        assert!(html.len() < 6_000, "{}", html.len());
        assert!(html.contains(",2.0 ") && html.contains(",34.0 "), "{html}");
    }

    #[test]
    fn a_band_names_its_states_escapes_them_and_is_bounded() {
        let mut html = String::new();
        spans(&mut html, &[("<b>".to_owned(), 1.0), ("running".to_owned(), 3.0), ("odd".to_owned(), f64::NAN)])
            .unwrap();
        assert!(!html.contains("<b>") && html.contains("&lt;b&gt; 1.0 s · running 3.0 s · odd 0.0 s"), "{html}");
        assert!(html.contains("x=\"60.0\" y=\"8\" width=\"180.0\""), "{html}");
        let many: Vec<Span> = (0..1000).map(|number| (number.to_string(), 1.0)).collect();
        html.clear();
        spans(&mut html, &many).unwrap();
        assert_eq!((html.matches("<rect").count(), html.contains("later 977.0 s")), (SPANS, true), "{html}");
    }
}
