//! What a result file is, judged by its content alone: names prove nothing.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use prism_core::manifest::MediaType;
use serde::de::IgnoredAny;

/// First bytes that signatures are looked for in.
const HEAD: u64 = 8192;

/// Bytes of a text that are checked at a time.
const PIECE: usize = 64 << 10;

/// Text that has no signature of its own: whoever permits one of these permits any plain text.
const TEXT: [&str; 4] = ["text/plain", "text/csv", "text/tab-separated-values", "text/markdown"];

/// Whether the file is of one of the `wanted` media types. Reads it once or twice from its beginning, in bounded memory.
pub(super) fn is_admitted(file: &mut File, wanted: &[MediaType]) -> io::Result<bool> {
    let admits = |found: &str| wanted.iter().any(|media| media.admits(found));
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    if let Some(kind) = infer::get(&head) {
        return Ok(admits(kind.mime_type()));
    }
    file.seek(SeekFrom::Start(0))?;
    if !is_text(file)? {
        return Ok(admits("application/octet-stream"));
    }
    if TEXT.iter().any(|text| admits(text)) {
        return Ok(true);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(admits("application/json") && is_json(file))
}

/// UTF-8 without control characters but tabulators and line ends.
fn is_text(file: &mut File) -> io::Result<bool> {
    let (mut piece, mut held) = (vec![0; PIECE], 0);
    loop {
        let Some(room) = piece.get_mut(held..) else { return Ok(false) };
        let count = file.read(room)?;
        let bytes = piece.get(..held + count).unwrap_or_default();
        if count == 0 {
            // A character that the end of the file cuts is none.
            return Ok(bytes.is_empty());
        }
        let (text, rest) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, 0),
            Err(error) if error.error_len().is_none() => {
                let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
                (std::str::from_utf8(whole).unwrap_or_default(), bytes.len() - error.valid_up_to())
            }
            Err(_) => return Ok(false),
        };
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Ok(false);
        }
        let end = held + count;
        piece.copy_within(end - rest..end, 0);
        held = rest;
    }
}

fn is_json(file: &File) -> bool {
    serde_json::from_reader::<_, IgnoredAny>(BufReader::with_capacity(PIECE, file)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn admitted(content: &[u8], wanted: &[&str]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let wanted: Vec<MediaType> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        is_admitted(&mut file, &wanted).unwrap()
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn a_file_is_what_its_content_says() {
        assert!(admitted(PNG, &["image/png"]) && admitted(PNG, &["text/plain", "image/*"]));
        assert!(!admitted(PNG, &["image/jpeg"]) && !admitted(PNG, &["text/plain"]));
        assert!(!admitted(PNG, &["application/octet-stream"]), "what is known is not anything");
        assert!(admitted(b"\0\x01\x02\x03", &["application/octet-stream"]));
        assert!(!admitted(b"\0\x01\x02\x03", &["text/plain", "application/json"]));
        assert!(admitted(b"PK\x03\x04rest of a zip", &["application/zip"]));
    }

    #[test]
    fn text_is_text_to_its_last_byte() {
        let long = "ä".repeat(PIECE);
        for text in ["", "a,b\n1,2\n", long.as_str(), &format!("x{long}")] {
            assert!(admitted(text.as_bytes(), &["text/csv"]), "{} bytes", text.len());
        }
        for (tail, what) in
            [(&b"\0"[..], "a zero"), (b"\xc3", "half a character"), (b"\x1b[2J", "an escape"), (b"\xff", "no UTF-8")]
        {
            assert!(!admitted(&[long.as_bytes(), tail].concat(), &["text/plain"]), "{what}");
        }
    }

    #[test]
    fn json_is_whole_json() {
        assert!(admitted(b"{\"accuracy\": 0.9}\n", &["application/json"]));
        assert!(admitted(b"{\"accuracy\": 0.9}", &["text/plain"]), "it is text as well");
        for other in ["{", "{} {}", "accuracy: 0.9", ""] {
            assert!(!admitted(other.as_bytes(), &["application/json"]), "{other}");
        }
        assert!(!admitted("[".repeat(100_000).as_bytes(), &["application/json"]), "nested without end");
    }
}
