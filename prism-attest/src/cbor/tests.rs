use super::{Item, Reader, Value};

/// RFC 8949, appendix A.
#[test]
fn the_examples_of_the_standard_are_written_as_it_says() {
    for (value, expected) in [
        (Value::Int(0), "00"),
        (Value::Int(23), "17"),
        (Value::Int(24), "1818"),
        (Value::Int(1000), "1903e8"),
        (Value::Int(1_000_000), "1a000f4240"),
        (Value::Int(1_000_000_000_000), "1b000000e8d4a51000"),
        (Value::Int(-1), "20"),
        (Value::Int(-1000), "3903e7"),
        (Value::Int(i64::MIN), "3b7fffffffffffffff"),
        (Value::Bool(true), "f5"),
        (Value::Null, "f6"),
        (Value::Bytes(vec![1, 2, 3, 4]), "4401020304"),
        (Value::text("IETF"), "6449455446"),
        (Value::Array(vec![Value::Int(1), Value::Array(vec![Value::Int(2)])]), "82018102"),
        (Value::Tag(1, Box::new(Value::Int(1_363_896_240))), "c11a514b67b0"),
        (Value::Map(vec![(Value::text("b"), Value::Int(1)), (Value::Int(10), Value::Int(2))]), "a20a02616201"),
    ] {
        assert_eq!(hex::encode(value.encode()), expected, "{value:?}");
    }
}

#[test]
fn what_is_written_reads_back_and_longer_or_indefinite_forms_do_not() {
    for number in [0, 23, 24, 255, 256, 65_535, 65_536, 1 << 32] {
        let bytes = Value::Int(number).encode();
        assert_eq!(Reader::new(&bytes).uint(), u64::try_from(number).ok());
    }
    for bad in
        ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "5f4101ff", "9f01ff", "bf01ff", "1c", "f5", "62c328"]
    {
        assert_eq!(Reader::new(&hex::decode(bad).unwrap()).item(), None, "{bad}");
    }
    assert_eq!(Reader::new(&[0x42, 1]).item(), None, "a string longer than what is left");
    assert_eq!(Reader::new(&[0x20]).item(), Some(Item::Negative(0)));
}
