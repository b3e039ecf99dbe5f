//! Newer entries replace older ones, never the other way round, and a check says what is current.

use prism_attest::Window;
use prism_attest::endorsements::bundle::{Bundle, MergeError};
use prism_core::code::{Code, Coded};

use crate::made::{self, judgement};

const FMSPC: [u8; 6] = [1, 2, 3, 4, 5, 6];

fn of(entries: impl IntoIterator<Item = prism_attest::endorsements::bundle::Entry>) -> Bundle {
    let mut bundle = Bundle::new();
    entries.into_iter().for_each(|entry| bundle.add(entry).unwrap());
    bundle
}

#[test]
fn a_higher_number_replaces_and_a_lower_one_is_refused() {
    let mut bundle = of([judgement(FMSPC, 17, 0)]);
    bundle.merge(of([judgement(FMSPC, 18, 0)])).unwrap();
    assert_eq!(bundle.entries()[0].number(), Some(18));
    let refused = bundle.merge(of([judgement([0; 6], 1, 0), judgement(FMSPC, 17, 9)])).unwrap_err();
    assert!(matches!(refused, MergeError::Lower { known: 18, found: 17, .. }));
    assert_eq!(refused.code(), Code::EndorsementsRolledBack);
    assert_eq!(bundle, of([judgement(FMSPC, 18, 0)]), "a refused merge changes nothing");
}

#[test]
fn of_one_number_the_later_one_stays() {
    for days in [[1, 2], [2, 1]] {
        let bundle = of(days.map(|day| judgement(FMSPC, 17, day)));
        assert_eq!(bundle, of([judgement(FMSPC, 17, 2)]));
    }
}

#[test]
fn a_check_names_each_window_and_what_is_current() {
    let bundle = of([judgement(FMSPC, 17, 3)]);
    let window = bundle.window();
    for (now, current) in [
        (window.not_before - 1, false),
        (window.not_before, true),
        (window.not_after, true),
        (window.not_after + 1, false),
    ] {
        let findings = bundle.check(now);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].current, findings[0].window), (current, window), "{now}");
        assert_eq!(findings[0].number, Some(17));
        assert_eq!(findings[0].key, "tcb-info/010203040506");
    }
}

#[test]
fn a_window_is_that_of_the_answer_and_of_its_signer() {
    let issued = judgement(FMSPC, 17, 3).window();
    let date: prism_core::manifest::draft::Moment = "2027-01-18T08:00:00Z".parse().unwrap();
    assert_eq!(issued.not_before, date.0);
    let machine = made::bundle();
    let chain = machine.entries().iter().find(|entry| entry.key().kind() == "amd-chain").unwrap();
    assert_eq!(issued.intersect(chain.window()), issued, "the signer's dates are around these");
    let whole = machine.entries().iter().fold(Window::ALWAYS, |window, entry| window.intersect(entry.window()));
    assert_eq!(machine.window(), whole);
}
