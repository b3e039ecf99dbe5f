use super::*;
use crate::error::{PRISM_INTERNAL, PRISM_USAGE};

/// The status of a call and the error that came out of it.
fn tried(work: impl FnOnce() -> Result<(), Fault>) -> (c_int, Option<Box<PrismError>>) {
    let mut place = MaybeUninit::new(std::ptr::null_mut());
    let status = call(Some(&mut place), work);
    // SAFETY: NULL as it was, or what `call` wrote there: the caller's own box.
    let error = unsafe { place.assume_init() };
    // SAFETY: as above; nobody else has it.
    (status, (!error.is_null()).then(|| unsafe { Box::from_raw(error) }))
}

#[test]
fn a_panic_is_an_error_of_ours_and_says_what_it_said() {
    let (status, error) = tried(|| panic!("the {} broke", "mirror"));
    assert_eq!(status, PRISM_INTERNAL);
    let error = error.unwrap();
    assert_eq!(error.code.to_str(), Ok("internal"));
    assert!(error.message.to_str().unwrap().contains("the mirror broke"));
    assert!(!error.hint.is_empty());
    assert_eq!(call(None, || panic!("nobody listens")), PRISM_INTERNAL);
}

#[test]
fn a_panic_with_a_payload_that_panics_is_caught_too() {
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    let (status, error) = tried(|| std::panic::panic_any(Spiteful));
    assert_eq!(status, PRISM_INTERNAL);
    assert!(error.unwrap().message.to_str().unwrap().contains("without words"));
}

#[test]
fn a_panic_while_reading_or_freeing_a_handle_stays_inside() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    assert!(borrowed(Some(&1), |_| panic!("boom")).is_null());
    assert_eq!(fact(Some(&1), 7, |_| panic!("boom")), 7);
    free(Some(Box::new(Bomb)));
}

#[test]
fn a_panic_while_making_leaves_the_place_untouched() {
    let mut marker = 5_u8;
    let before = &raw mut marker;
    let mut place = MaybeUninit::new(before);
    assert_eq!(make(Some(&mut place), None, || -> Result<u8, Fault> { panic!("boom") }), PRISM_INTERNAL);
    assert_eq!(make(Some(&mut place), None, || Err::<u8, _>(Fault::usage("no"))), PRISM_USAGE);
    // SAFETY: initialised above.
    assert_eq!(unsafe { place.assume_init() }, before);
}

#[test]
fn success_writes_no_error() {
    let (status, error) = tried(|| Ok(()));
    assert!(status == PRISM_OK && error.is_none());
}

#[test]
fn null_text_and_buffers_and_impossible_lengths_are_refused() {
    assert!(text(std::ptr::null(), "a text").is_err());
    assert!(text(c"\xff".as_ptr(), "a text").is_err());
    assert!(path(c"".as_ptr()).is_err());
    assert!(bytes((std::ptr::null(), 1), "a buffer", |_| Ok(())).is_err());
    assert_eq!(bytes((std::ptr::null(), 0), "a buffer", |bytes| Ok(bytes.len())).ok(), Some(0));
    assert!(bytes((b"x".as_ptr(), usize::MAX), "a buffer", |_| Ok(())).is_err());
    let none: [Option<&u8>; 1] = [None];
    assert!(handles((none.as_ptr(), 1), "handles", |_| Ok(())).is_err());
}

#[test]
fn zero_bytes_in_text_do_not_cut_it() {
    assert_eq!(c_text("a\0b").to_str(), Ok("a\u{fffd}b"));
}
