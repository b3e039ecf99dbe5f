//! The little of DER (ITU-T X.690) that extensions need: definite, shortest lengths, or nothing.

/// Universal tag of BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// Universal tag of INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// Universal tag of BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// Universal tag of OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// Universal tag of OBJECT IDENTIFIER.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// Universal tag of ENUMERATED.
pub(crate) const ENUMERATED: u8 = 0x0a;
/// Universal tag of SEQUENCE, constructed.
pub(crate) const SEQUENCE: u8 = 0x30;

/// The content of one value with this tag, and what follows it.
pub(crate) fn next(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match bytes {
        [found, short @ 0..=0x7f, rest @ ..] if *found == tag => (usize::from(*short), rest),
        [found, 0x81, length @ 0x80..=0xff, rest @ ..] if *found == tag => (usize::from(*length), rest),
        [found, 0x82, high @ 1..=0xff, low, rest @ ..] if *found == tag => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        [found, 0x83, high @ 1..=0xff, middle, low, rest @ ..] if *found == tag => {
            (usize::try_from(u32::from_be_bytes([0, *high, *middle, *low])).ok()?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The content of the one value with this tag that `bytes` are.
pub(crate) fn only(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
    next(tag, bytes).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// A non-negative INTEGER of at most 16 bits that `bytes` are.
pub(crate) fn small_integer(bytes: &[u8]) -> Option<u16> {
    match only(INTEGER, bytes)? {
        [low @ 0..=0x7f] | [0, low @ 0x80..=0xff] => Some(u16::from(*low)),
        [high @ 1..=0x7f, low] | [0, high @ 0x80..=0xff, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// The BOOLEAN that `bytes` are.
pub(crate) fn boolean(bytes: &[u8]) -> Option<bool> {
    match only(BOOLEAN, bytes)? {
        [0] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

/// The OCTET STRING of exactly `N` bytes that `bytes` are.
pub(crate) fn octets<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    only(OCTET_STRING, bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_form_only() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(only(OCTET_STRING, &long), Some(&[7; 128][..]));
        for bytes in [&[0x04, 0x81, 0x01, 7][..], &[0x04, 0x82, 0, 1, 7], &[0x04, 0x80, 7, 0, 0], &[0x04, 2, 7]] {
            assert_eq!(next(OCTET_STRING, bytes), None, "{bytes:x?}");
        }
        assert_eq!(only(OCTET_STRING, &[0x04, 1, 7, 0]), None);
        assert_eq!(only(INTEGER, &[0x04, 1, 7]), None);
    }

    #[test]
    fn every_form_of_length_is_of_the_wanted_tag() {
        for length in [0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0x01_0203] {
            let number = u32::try_from(length).unwrap().to_be_bytes();
            let head: &[u8] = match length {
                0..=0x7f => &number[3..],
                0x80..=0xff => &[0x81, number[3]],
                0x100..=0xffff => &[0x82, number[2], number[3]],
                _ => &[0x83, number[1], number[2], number[3]],
            };
            let bytes = [&[OCTET_STRING][..], head, &vec![7; length], &[9]].concat();
            let (content, rest) = next(OCTET_STRING, &bytes).unwrap();
            assert_eq!((content.len(), rest), (length, &[9][..]));
            assert_eq!(next(SEQUENCE, &bytes), None);
        }
    }

    #[test]
    fn small_integers_are_not_negative_and_shortest() {
        for (bytes, value) in [
            (&[2, 1, 0][..], Some(0)),
            (&[2, 1, 0x7f], Some(127)),
            (&[2, 2, 0, 0x80], Some(128)),
            (&[2, 2, 1, 0], Some(256)),
            (&[2, 3, 0, 0xff, 0xff], Some(65_535)),
            (&[2, 1, 0x80], None),
            (&[2, 2, 0, 1], None),
            (&[2, 3, 0, 1, 0], None),
            (&[2, 3, 1, 0, 0], None),
            (&[2, 0], None),
        ] {
            assert_eq!(small_integer(bytes), value, "{bytes:x?}");
        }
    }

    #[test]
    fn a_boolean_is_all_ones_or_zero() {
        assert_eq!([&[1, 1, 0][..], &[1, 1, 0xff], &[1, 1, 1]].map(boolean), [Some(false), Some(true), None]);
    }
}
