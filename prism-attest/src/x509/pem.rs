//! Chains of certificates as text (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// How many certificates the text says that it has, without reading them.
pub(crate) fn count(text: &[u8]) -> usize {
    text.windows(BEGIN.len()).filter(|window| *window == BEGIN.as_bytes()).count()
}

/// The certificates (DER) in their order, with nothing between them but line ends. Zeros may follow the last one, as
/// they do in quotes.
pub(crate) fn certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = std::str::from_utf8(text).ok()?.trim_end_matches('\0').trim_ascii();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (body, after) = rest.strip_prefix(BEGIN)?.split_once(END)?;
        let base64: Vec<u8> = body.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        found.push(STANDARD.decode(base64).ok()?);
        rest = after.trim_start_matches(['\r', '\n']);
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reads_in_its_order() {
        let text = b"-----BEGIN CERTIFICATE-----\nAQI=\n-----END CERTIFICATE-----\r\n-----BEGIN CERTIFICATE-----\nAw==\n-----END CERTIFICATE-----\n\0\0";
        assert_eq!(certificates(text), Some(vec![vec![1, 2], vec![3]]));
        assert_eq!(count(text), 2);
    }

    #[test]
    fn anything_else_in_the_text_is_refused() {
        for text in [
            "",
            "\0",
            "-----BEGIN CERTIFICATE-----\nAQI=\n",
            "-----BEGIN CERTIFICATE-----\nAQI\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAQ I=\n-----END CERTIFICATE-----",
            "subject=/CN=x\n-----BEGIN CERTIFICATE-----\nAQI=\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAQI=\n-----END CERTIFICATE-----x",
            "-----BEGIN CERTIFICATE-----\nAQI=\n-----END CERTIFICATE-----\0\n-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(certificates(text.as_bytes()), None, "{text:?}");
        }
    }
}
