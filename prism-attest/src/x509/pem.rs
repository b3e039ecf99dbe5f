//! Chains of certificates as text (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Why a text is no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainProblem {
    /// Not certificates in PEM, one after the other.
    Malformed,
    /// More certificates than the reader looks at.
    TooMany,
}

/// The certificates (DER) in their order, with nothing between them but line ends; at most `most`. Zeros may follow the
/// last one, as they do in quotes.
pub(crate) fn certificates(text: &[u8], most: usize) -> Result<Vec<Vec<u8>>, ChainProblem> {
    let text = std::str::from_utf8(text).map_err(|_| ChainProblem::Malformed)?;
    let mut rest = text.trim_end_matches('\0').trim_ascii();
    let mut found = Vec::new();
    while !rest.is_empty() {
        if found.len() == most {
            return Err(ChainProblem::TooMany);
        }
        let (certificate, after) = first(rest).ok_or(ChainProblem::Malformed)?;
        found.push(certificate);
        rest = after.trim_start_matches(['\r', '\n']);
    }
    if found.is_empty() { Err(ChainProblem::Malformed) } else { Ok(found) }
}

/// What lies in a file that is DER, or exactly one certificate in PEM.
pub(crate) fn der_or_one(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"-----BEGIN") {
        return Some(bytes.to_vec());
    }
    let [der] = <[Vec<u8>; 1]>::try_from(certificates(bytes, 1).ok()?).ok()?;
    Some(der)
}

fn first(text: &str) -> Option<(Vec<u8>, &str)> {
    let (body, after) = text.strip_prefix(BEGIN)?.split_once(END)?;
    let base64: Vec<u8> = body.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    Some((STANDARD.decode(base64).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reads_in_its_order() {
        let text = b"-----BEGIN CERTIFICATE-----\nAQI=\n-----END CERTIFICATE-----\r\n-----BEGIN CERTIFICATE-----\nAw==\n-----END CERTIFICATE-----\n\0\0";
        assert_eq!(certificates(text, 2), Ok(vec![vec![1, 2], vec![3]]));
        assert_eq!(certificates(text, 1), Err(ChainProblem::TooMany));
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
            assert_eq!(certificates(text.as_bytes(), 8), Err(ChainProblem::Malformed), "{text:?}");
        }
    }
}
