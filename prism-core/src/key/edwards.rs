//! Ed25519 points that a strict verifier refuses (RFC 8032 leaves the choice; this is the strict one).

/// The y coordinates, canonical and little-endian, of the points whose order divides 8.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    hex32(*b"0000000000000000000000000000000000000000000000000000000000000000"),
    hex32(*b"0100000000000000000000000000000000000000000000000000000000000000"),
    hex32(*b"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    hex32(*b"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    hex32(*b"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
];

/// Whether an encoded point is of small order or not the only encoding of its point.
pub(super) fn is_weak(encoding: &[u8; 32]) -> bool {
    let mut y = *encoding;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f; // the sign of x does not matter here
    }
    SMALL_ORDER_Y.contains(&y) || is_unreduced(&y)
}

/// Whether y is at least the field's prime, 2^255 - 19.
fn is_unreduced(y: &[u8; 32]) -> bool {
    match y {
        [first, middle @ .., 0x7f] => *first >= 0xed && middle.iter().all(|b| *b == 0xff),
        _ => false,
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only: a wrong index does not build")]
const fn hex32(text: [u8; 64]) -> [u8; 32] {
    const fn digit(c: u8) -> u8 {
        if c.is_ascii_digit() { c - b'0' } else { c - b'a' + 10 }
    }
    let mut bytes = [0; 32];
    let mut i = 0;
    while i < 32 {
        bytes[i] = digit(text[2 * i]) << 4 | digit(text[2 * i + 1]);
        i += 1;
    }
    bytes
}
