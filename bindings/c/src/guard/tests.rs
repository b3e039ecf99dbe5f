use std::io::Read as _;
use std::mem::offset_of;

use super::*;
use crate::error::{PRISM_INTERNAL, PRISM_USAGE};
use crate::upload::PrismUploadOptions;

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

#[test]
fn options_are_read_as_far_as_their_own_size_says() {
    let mut given = options(std::ptr::null::<PrismUploadOptions>()).unwrap();
    given.size = size_of::<PrismUploadOptions>();
    (given.connections, given.one_pass) = (7, 1);
    assert_eq!(options(&raw const given).map(|own| (own.connections, own.one_pass)).unwrap(), (7, 1));
    // A header that did not know the last field.
    given.size = offset_of!(PrismUploadOptions, connections);
    assert_eq!(options(&raw const given).map(|own| (own.connections, own.one_pass)).unwrap(), (0, 0));
    for size in [0, size_of::<usize>() - 1, size_of::<usize>() + 4, size_of::<PrismUploadOptions>() + 1, usize::MAX] {
        given.size = size;
        assert!(options(&raw const given).is_err(), "{size}");
    }
    assert_eq!(options(std::ptr::null::<PrismUploadOptions>()).map(|own| own.connections).unwrap(), 0);
}

#[test]
fn a_buffer_that_was_lent_is_read_by_nobody_after_the_call() {
    let mut kept = None;
    let read = |source: &Source| {
        let mut bytes = Vec::new();
        source.reader(0).unwrap().read_to_end(&mut bytes).map(|_| bytes)
    };
    let seen = lend((b"abc".as_ptr(), 3), "a buffer", |source| {
        let bytes = read(&source).unwrap();
        kept = Some(source);
        Ok(bytes)
    });
    assert_eq!(seen.unwrap(), b"abc");
    assert!(read(&kept.unwrap()).is_err());
    let mut kept = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        lend((b"abc".as_ptr(), 3), "a buffer", |source| -> Result<(), Fault> {
            kept = Some(source);
            panic!("boom")
        })
    }));
    assert!(panicked.is_err() && read(&kept.unwrap()).is_err());
    assert!(lend((std::ptr::null(), 3), "a buffer", |_| Ok(())).is_err());
}

#[test]
fn parts_and_texts_of_nobody_are_nothing() {
    assert!(part(None::<&u8>, |_| Some(&7_u8)).is_null());
    assert!(part(Some(&1_u8), |_| -> Option<&u8> { panic!("boom") }).is_null());
    let list = [c"one".as_ptr(), c"two".as_ptr()];
    assert_eq!(texts((list.as_ptr(), 2), "a text").unwrap(), ["one", "two"]);
    assert!(texts(([c"one".as_ptr(), std::ptr::null()].as_ptr(), 2), "a text").is_err());
    assert!(texts((std::ptr::null(), 1), "a text").is_err());
    assert!(handle(std::ptr::null::<u8>()).is_none());
}
