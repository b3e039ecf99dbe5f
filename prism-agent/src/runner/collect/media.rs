//! What a result file is, judged by its content alone: names prove nothing.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use prism_core::code::{Code, Coded};
use prism_core::manifest::MediaType;
use serde::de::IgnoredAny;

/// First bytes that signatures are looked for in.
const HEAD: u64 = 8192;

/// Bytes of a text that are checked at a time.
const PIECE: usize = 64 << 10;

/// Text that has no signature of its own: whoever permits one of these permits any plain text.
const TEXT: [&str; 4] = ["text/plain", "text/csv", "text/tab-separated-values", "text/markdown"];

/// Everything else that is known by its content: JSON to its last byte, and what nothing is known of.
const OTHERS: [&str; 2] = ["application/json", "application/octet-stream"];

/// What is known by its first bytes: types that the crate `infer` finds.
const SIGNED: [&str; 91] = [
    "application/dicom",
    "application/epub+zip",
    "application/font-sfnt",
    "application/font-woff",
    "application/gzip",
    "application/java",
    "application/msword",
    "application/pdf",
    "application/postscript",
    "application/rtf",
    "application/vnd.android.dex",
    "application/vnd.android.dey",
    "application/vnd.bzip3",
    "application/vnd.debian.binary-package",
    "application/vnd.microsoft.portable-executable",
    "application/vnd.ms-cab-compressed",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.rar",
    "application/vnd.sqlite3",
    "application/wasm",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-compress",
    "application/x-cpio",
    "application/x-executable",
    "application/x-google-chrome-extension",
    "application/x-llvm",
    "application/x-lz4",
    "application/x-lzip",
    "application/x-mach-binary",
    "application/x-mobipocket-ebook",
    "application/x-nintendo-nes-rom",
    "application/x-ole-storage",
    "application/x-par2",
    "application/x-qemu-disk",
    "application/x-rpm",
    "application/x-shockwave-flash",
    "application/x-tar",
    "application/x-unix-archive",
    "application/x-x509-ca-cert",
    "application/x-xz",
    "application/zip",
    "application/zstd",
    "audio/aac",
    "audio/amr",
    "audio/m4a",
    "audio/midi",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/x-aiff",
    "audio/x-ape",
    "audio/x-dsf",
    "audio/x-flac",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heif",
    "image/jp2",
    "image/jpeg",
    "image/jxl",
    "image/openraster",
    "image/png",
    "image/tiff",
    "image/vnd.adobe.photoshop",
    "image/vnd.djvu",
    "image/vnd.dwg",
    "image/vnd.microsoft.icon",
    "image/vnd.ms-photo",
    "image/webp",
    "image/x-canon-cr2",
    "text/html",
    "text/x-shellscript",
    "text/xml",
    "video/mp4",
    "video/mpeg",
    "video/quicktime",
    "video/webm",
    "video/x-flv",
    "video/x-m4v",
    "video/x-matroska",
    "video/x-ms-wmv",
    "video/x-msvideo",
];

/// Every media type that a result file can have, in the order of their names: the closed list for
/// `results.media_types`. Text is `text/plain`, and as well whatever else of text has no signature; what is none of
/// these is `application/octet-stream`.
#[must_use]
pub fn known_media_types() -> Vec<&'static str> {
    let mut known = [&TEXT[..], &OTHERS, &SIGNED].concat();
    known.sort_unstable();
    known
}

/// A media type that no content is ever found to have: a file of it could not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected in results.media_types what can be known by content, found {found}; choose among those that `prism manifest new --help` lists"
)]
#[non_exhaustive]
pub struct UnknownMediaType {
    /// The manifest's media type.
    pub found: MediaType,
}

impl Coded for UnknownMediaType {
    fn code(&self) -> Code {
        Code::ManifestUnsupported
    }
}

/// Refuses media types, and ranges of them, that no result file could ever have.
///
/// # Errors
/// [`UnknownMediaType`] names the first.
pub fn require_known_media_types(wanted: &[MediaType]) -> Result<(), UnknownMediaType> {
    let known = known_media_types();
    let is_known = |media: &MediaType| known.iter().any(|known| media.admits(known));
    wanted.iter().find(|media| !is_known(media)).map_or(Ok(()), |found| Err(UnknownMediaType { found: found.clone() }))
}

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
    fn the_list_is_closed_and_everything_on_it_can_be_found() {
        for media in SIGNED {
            assert!(infer::is_mime_supported(media), "{media} is found in nothing");
        }
        let known = known_media_types();
        assert!(known.is_sorted_by(|a, b| a < b), "{known:?}");
        let refused = |text: &str| require_known_media_types(&[text.parse().unwrap()]).is_err();
        for text in known.iter().copied().chain(["image/*", "text/*", "application/*"]) {
            assert!(!refused(text), "{text}");
        }
        for text in ["image/x-unheard-of", "model/*", "application/x-npz", "text/x-python"] {
            assert!(refused(text), "{text}");
        }
    }

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
    fn markup_is_known_by_its_first_line() {
        assert!(admitted(b"<?xml version=\"1.0\"?><PMML/>", &["text/xml"]));
        assert!(!admitted(b"age,label\n61,1\n", &["text/xml"]));
        assert!(known_media_types().contains(&"text/xml"));
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
