//! Text that is safe to show: no control, format or bidirectional characters.

/// Whether every character of `text` can be printed without changing what stands around it, and it is one line.
///
/// Control characters (Cc), format characters such as bidirectional marks and zero-width joiners (Cf), line and
/// paragraph separators, private use and the replacement character are not printable here.
#[must_use]
pub fn is_printable_line(text: &str) -> bool {
    text.chars().all(is_printable)
}

fn is_printable(c: char) -> bool {
    let format = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}');
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    !c.is_control() && !format && !private
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_could_deceive_is_not_printable() {
        for text in ["a\nb", "\u{1b}[2J", "a\u{202e}b", "\u{200b}", "a\u{85}b", "\u{feff}a", "\u{e0041}"] {
            assert!(!is_printable_line(text), "{text:?}");
        }
        assert!(is_printable_line("Hôpital Saint-Louis, Zürich – 東京"));
    }
}
