use std::process::Command;

use super::*;
use crate::attester::tdx_attest::TdxAttest;

/// What a pretend library does, and how often its quote was given back.
pub(super) struct Pretend {
    dir: tempfile::TempDir,
    pub(super) path: PathBuf,
}

impl Pretend {
    /// A library whose `tdx_att_get_quote` runs this C code after it has looked at the arguments; `None` without a
    /// compiler.
    #[expect(clippy::print_stderr, reason = "a test says what it skips")]
    pub(super) fn build(body: &str, quote: &[u8]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let (source, path, freed) = (dir.path().join("a.c"), dir.path().join("libtdx.so"), dir.path().join("freed"));
        let bytes: Vec<String> = quote.iter().map(u8::to_string).collect();
        let text = format!(
            r#"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const uint8_t recorded[] = {{ {} }};
static int calls;
uint32_t tdx_att_get_quote(const uint8_t *data, const void *ids, uint32_t n, uint8_t *id, uint8_t **pp, uint32_t *len,
                           uint32_t flags) {{
    if (!data || ids || n || !id || !pp || *pp || !len || flags) return 2;
    calls++;
    {body}
}}
uint32_t tdx_att_free_quote(uint8_t *quote) {{
    FILE *f = fopen("{}", "a");
    fputc('x', f);
    fclose(f);
    free(quote);
    return 0;
}}
"#,
            bytes.join(","),
            freed.display()
        );
        fs::write(&source, text).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).arg(&path).arg(&source).status();
        let Ok(status) = built else {
            eprintln!("skipped: no C compiler");
            return None;
        };
        assert!(status.success());
        Some(Self { dir, path })
    }

    fn quote(&self) -> Result<Vec<u8>, AttesterError> {
        TdxAttest::open(&self.path).unwrap().quote_with(Patience::HURRIED, &data())
    }

    fn freed(&self) -> usize {
        fs::read(self.dir.path().join("freed")).map_or(0, |marks| marks.len())
    }
}

/// Hands out the recorded quote with the report data in it.
pub(super) const GIVE: &str = "
    *pp = malloc(sizeof recorded); memcpy(*pp, recorded, sizeof recorded);
    memcpy(*pp + 0x238, data, 64); *len = sizeof recorded; return 0;";

#[test]
fn intels_library_gives_the_quote_over_our_data() {
    let mut recorded = vector("real/dcap-qvl/tdx_quote").unwrap_or_else(tdx_quote);
    let Some(library) = Pretend::build(GIVE, &recorded) else { return };
    let quote = library.quote().unwrap();
    recorded[0x238..0x278].copy_from_slice(data().as_bytes());
    assert_eq!(quote, recorded);
    assert_eq!(library.freed(), 1);
}

#[test]
fn each_error_of_intels_library_has_its_own_name() {
    for code in 1..=0xd_u32 {
        let Some(library) = Pretend::build(&format!("return {code};"), b"-") else { return };
        let error = library.quote().unwrap_err();
        let AttesterError::TdxAttest(error) = error else {
            assert!(code == 9 && matches!(error, AttesterError::Busy { attempts: 10 }), "{code}: {error}");
            continue;
        };
        let fits = match error {
            TdxAttestError::Unexpected { code: found } => (code == 1 || code == 0xd) && found == code,
            TdxAttestError::Parameter => code == 2,
            TdxAttestError::Memory => code == 3,
            TdxAttestError::Vsock => code == 4,
            TdxAttestError::Report => code == 5,
            TdxAttestError::Extend => code == 6,
            TdxAttestError::Unsupported => code == 7,
            TdxAttestError::Quote => code == 8,
            TdxAttestError::Device => code == 0xa,
            TdxAttestError::Register => code == 0xb,
            TdxAttestError::KeyId => code == 0xc,
            _ => false,
        };
        assert!(fits, "{code}: {error}");
        assert_eq!(library.freed(), 0);
    }
}

#[test]
fn a_busy_library_is_asked_again() {
    let Some(library) = Pretend::build(&format!("if (calls < 4) return 9; {GIVE}"), &tdx_quote()) else { return };
    assert_eq!(library.quote().unwrap().len(), tdx_quote().len());
    assert_eq!(library.freed(), 1);
}

#[test]
fn a_length_beyond_evidence_is_refused_unread_and_the_buffer_given_back() {
    for (length, found) in [("65537", 65537), ("0xffffffffu", u32::MAX), ("0", 0)] {
        let body = format!("*pp = malloc(1); *len = {length}; return 0;");
        let Some(library) = Pretend::build(&body, b"-") else { return };
        let refused = library.quote();
        let fits = matches!(refused, Err(AttesterError::TdxAttest(TdxAttestError::Size { found: f })) if f == found);
        assert!(fits, "{length}");
        assert_eq!(library.freed(), 1, "{length}");
    }
}

#[test]
fn a_success_without_a_quote_is_refused() {
    let Some(library) = Pretend::build("*len = 100; return 0;", b"-") else { return };
    assert!(matches!(library.quote(), Err(AttesterError::TdxAttest(TdxAttestError::Size { found: 100 }))));
    assert_eq!(library.freed(), 0);
}

#[test]
fn what_is_not_intels_library_is_not_called() {
    let (dir, _) = bare_machine();
    let absent = dir.path().join("libtdx_attest.so.1");
    assert!(matches!(TdxAttest::open(&absent), Err(TdxAttestError::Load { .. })));
    fs::write(&absent, b"no library").unwrap();
    assert!(matches!(TdxAttest::open(&absent), Err(TdxAttestError::Load { .. })));
}
