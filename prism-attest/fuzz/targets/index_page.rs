//! What a package index says: read to its end, whatever it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::requirements::{IndexPage, PageForm};

fuzz_target!(|data: &[u8]| {
    for form in [PageForm::Json, PageForm::Html] {
        if let Ok(page) = IndexPage::read(form, data) {
            assert!(page.files.iter().all(|file| !file.url.contains('#')));
        }
    }
});
