use super::*;

fn octets(length: u8, raw: &[u8]) -> Vec<u8> {
    [&[0x04, length], raw].concat()
}

#[test]
fn a_chip_s_id_is_raw_or_in_one_octet_string() {
    let raw: Vec<u8> = (1..=64).collect();
    let chip = chip_id_of(&raw, Product::Genoa);
    assert_eq!(chip.map(|chip| chip.to_vec()), Some(raw.clone()));
    assert_eq!(chip_id_of(&octets(64, &raw), Product::Genoa), chip);
    for other in [octets(63, &raw), octets(65, &raw), octets(64, &raw[1..]), octets(63, &raw[1..]), raw[1..].to_vec()] {
        assert_eq!(chip_id_of(&other, Product::Genoa), None);
    }
    assert_eq!(chip_id_of(&[5; 64], Product::Turin), None);
}

#[test]
fn an_id_that_begins_like_an_octet_string_is_still_raw() {
    let turin = [0x04, 0x08, 3, 4, 5, 6, 7, 8];
    let mut expected = [0; 64];
    expected[..8].copy_from_slice(&turin);
    assert_eq!(chip_id_of(&turin, Product::Turin), Some(expected));
    assert_eq!(chip_id_of(&octets(8, &turin), Product::Turin), Some(expected));
    let genoa = [&[0x04, 0x40][..], &[7; 62]].concat();
    assert_eq!(chip_id_of(&genoa, Product::Genoa).map(|chip| chip.to_vec()), Some(genoa));
}

#[test]
fn numbers_have_their_shortest_form_and_fit_a_byte() {
    for number in 0..=0x7f {
        assert_eq!(small_integer(&[0x02, 0x01, number]), Some(number));
        assert_eq!(small_integer(&[0x02, 0x02, 0x00, number]), None);
    }
    for number in 0x80..=0xff {
        assert_eq!(small_integer(&[0x02, 0x01, number]), None);
        assert_eq!(small_integer(&[0x02, 0x02, 0x00, number]), Some(number));
    }
    for other in [&[0x02, 0x02, 0x01, 0x80][..], &[0x02, 0x01], &[0x02, 0x01, 1, 0], &[0x03, 0x01, 1], &[]] {
        assert_eq!(small_integer(other), None);
    }
}

#[test]
fn texts_are_printable_and_as_long_as_they_say() {
    assert_eq!(ia5_string(b"\x16\x05Genoa"), Some("Genoa"));
    assert_eq!(ia5_string(b"\x16\x02 ~"), Some(" ~"));
    for other in [&b"\x16\x04Genoa"[..], b"\x16\x06Genoa", b"\x0c\x05Genoa", b"\x16\x01\x1f", b"\x16\x01\x7f", b"\x16"]
    {
        assert_eq!(ia5_string(other), None);
    }
    let text = |length: u8| [&[0x16, length][..], &vec![b'a'; usize::from(length)]].concat();
    assert!(ia5_string(&text(0x7f)).is_some() && ia5_string(&text(0x80)).is_none());
}
