use prism_core::digest::Digest;
use proptest::prelude::*;

use super::{Text, Verdict};
use crate::binding::Bound;
use crate::evidence::Platform;
use crate::finding::{Check, Notes};

fn refused(platform: Platform, expected: &str, found: &str) -> Verdict {
    let mut notes = Notes::default();
    notes.check(Check::CertificateNames, false, expected, found);
    Verdict {
        platform,
        evidence: Digest::sha256(b"evidence"),
        now: 1_800_000_000,
        findings: notes.into_findings(),
        claims: None,
        window: None,
        wanted: false,
        bound: Bound::Nothing,
    }
}

/// Checks that tags nest and that every ampersand begins one of five entities, as XML wants it.
pub(crate) fn assert_well_formed(page: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    let mut open: Vec<&str> = Vec::new();
    for (at, part) in body.split('<').enumerate().skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("tag {at} is not closed: {part}"));
        assert!(!text.contains('>'), "a bare > in {text}");
        for entity in text.split('&').skip(1) {
            assert!(["lt;", "gt;", "amp;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)), "{entity}");
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_card_shouts_that_a_machine_is_simulated_and_a_real_ones_does_not() {
    for (platform, shouts) in [(Platform::Simulated, true), (Platform::SimulatedTdx, true), (Platform::Snp, false)] {
        let page = refused(platform, "a", "b").to_html();
        assert_eq!(page.contains("SIMULATED, NOT A TEE"), shouts, "{platform}");
        assert!(page.contains(">refused</h1>"));
    }
}

#[test]
fn a_hostile_name_becomes_text() {
    let page = refused(Platform::Snp, "SEV", "</td><script>alert('x')</script>&\"\u{202e}").to_html();
    assert!(page.contains("&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;?"), "{page}");
    assert_well_formed(&page);
}

#[test]
fn the_card_says_the_same_first_what_is_not_met_and_is_no_page_of_its_own() {
    let card = refused(Platform::Snp, "SEV", "</td><script>alert('x')</script>").card().to_html();
    assert!(card.starts_with("<div class=\"prism-card\">") && !card.contains("<body"), "{card}");
    assert!(card.contains("0 of 1 conditions met") && card.contains("expected SEV, found &lt;/td&gt;"), "{card}");
}

proptest! {
    #[test]
    fn nothing_in_a_finding_becomes_markup(expected in any::<String>(), found in ".*[<>&\"'].*") {
        let plain = refused(Platform::Snp, "", "").to_html();
        let page = refused(Platform::Snp, &expected, &found).to_html();
        assert_well_formed(&page);
        for mark in ['<', '>'] {
            prop_assert_eq!(page.matches(mark).count(), plain.matches(mark).count());
        }
        prop_assert!(!page.contains("<script"));
        let text = Text(&found).to_string();
        prop_assert!(!text.contains(['<', '>', '"', '\'']));
    }
}
