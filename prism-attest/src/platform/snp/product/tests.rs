use super::*;

#[test]
fn processors_are_known_by_family_and_model() {
    for (family, models, product) in [
        (0x19, 0x00..=0x0f, Product::Milan),
        (0x19, 0x10..=0x1f, Product::Genoa),
        (0x19, 0xa0..=0xaf, Product::Genoa),
        (0x1a, 0x00..=0x11, Product::Turin),
    ] {
        assert!(models.into_iter().all(|model| from_cpuid(family, model) == Some(product)));
    }
    for (family, model) in [(0x19, 0x20), (0x19, 0x9f), (0x19, 0xb0), (0x1a, 0x12), (0x18, 0), (0x1b, 0), (0, 0)] {
        assert_eq!(from_cpuid(family, model), None);
    }
}

#[test]
fn a_certificate_s_product_may_name_a_stepping() {
    assert_eq!(from_certificate("Milan-B0"), Some(Product::Milan));
    assert_eq!(from_certificate("Genoa"), Some(Product::Genoa));
    assert_eq!([from_certificate("genoa"), from_certificate("Naples"), from_certificate("")], [None, None, None]);
}

#[test]
fn every_reserved_byte_of_the_security_versions_is_looked_at() {
    let reserved = |product: Product| if product == Product::Turin { 4..7 } else { 2..6 };
    for product in Product::ALL {
        assert!(tcb(product, [0; 8]).1);
        for at in 0..8 {
            let mut bytes = [0; 8];
            bytes[at] = 1;
            assert_eq!(tcb(product, bytes).1, !reserved(product).contains(&at), "{product} {at}");
        }
    }
    let turin = tcb(Product::Turin, [1, 2, 3, 4, 0, 0, 0, 5]).0;
    assert_eq!(turin, Tcb { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 5 });
    let genoa = tcb(Product::Genoa, [1, 2, 0, 0, 0, 0, 3, 4]).0;
    assert_eq!(genoa, Tcb { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 4 });
}

#[test]
fn certificates_have_one_extension_for_each_byte() {
    // Publication 57230, table 9: blSPL 1, teeSPL 2, snpSPL 3, spl4 to spl7, ucodeSPL 8; Turin's fmcSPL is 9.
    assert_eq!(tcb_extensions(Product::Turin), [9, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(tcb_extensions(Product::Milan), [1, 2, 4, 5, 6, 7, 3, 8]);
    assert_eq!(tcb_extensions(Product::Genoa), tcb_extensions(Product::Milan));
    assert_eq!(Product::ALL.map(chip_id_len), [64, 64, 8]);
}
