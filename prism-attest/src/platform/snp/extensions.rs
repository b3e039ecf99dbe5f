//! AMD's extensions of machines' certificates (publication 57230, section 3.1): product, security versions, chip, provider.

use prism_core::manifest::platform::{Product, Tcb};

use super::product;
use crate::x509::Certificate;

/// DER content of 1.3.6.1.4.1.3704.1, AMD's arc for these certificates.
const AMD_ARC: [u8; 8] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01];
const PRODUCT_ARC: u8 = 2;
const TCB_ARC: u8 = 3;
const HWID_ARC: u8 = 4;
const CSP_ARC: u8 = 5;

/// The product's name in the certificate, which may name a stepping.
pub(super) fn product_name<'v>(vek: &'v Certificate<'_>) -> Option<&'v str> {
    vek.extension(&oid(&[PRODUCT_ARC])).and_then(ia5_string)
}

/// The chip's identity, unless the certificate also names a provider.
pub(super) fn chip_id(vek: &Certificate, product: Product) -> Option<[u8; 64]> {
    let value = vek.extension(&oid(&[HWID_ARC]))?;
    chip_id_of(value, product).filter(|_| vek.extension(&oid(&[CSP_ARC])).is_none())
}

/// The cloud provider's id, unless the certificate also names a chip.
pub(super) fn csp_id<'v>(vek: &'v Certificate<'_>) -> Option<&'v str> {
    let value = vek.extension(&oid(&[CSP_ARC]))?;
    ia5_string(value).filter(|_| vek.extension(&oid(&[HWID_ARC])).is_none())
}

/// The eight bytes that the certificate's security versions make in the product's layout.
pub(super) fn certified_tcb(vek: &Certificate, product: Product) -> Option<[u8; 8]> {
    let mut bytes = [0; 8];
    for (byte, arc) in bytes.iter_mut().zip(product::tcb_extensions(product)) {
        *byte = vek.extension(&oid(&[TCB_ARC, arc])).and_then(small_integer)?;
    }
    Some(bytes)
}

/// The product that the certificate names.
pub(crate) fn certified_product(vek: &Certificate) -> Option<Product> {
    product_name(vek).and_then(product::from_certificate)
}

/// Identity and security versions of a chip's certificate.
pub(crate) fn chip_and_tcb(vek: &Certificate, product: Product) -> Option<([u8; 64], Tcb)> {
    let (tcb, _) = product::tcb(product, certified_tcb(vek, product)?);
    chip_id(vek, product).filter(|_| certified_product(vek) == Some(product)).map(|chip| (chip, tcb))
}

/// Security versions of a provider's certificate.
pub(crate) fn provider_tcb(vek: &Certificate, product: Product) -> Option<Tcb> {
    let (tcb, _) = product::tcb(product, certified_tcb(vek, product)?);
    csp_id(vek).filter(|_| certified_product(vek) == Some(product)).map(|_| tcb)
}

/// `CHIP_ID` as the certificate has it: raw, or wrapped in an OCTET STRING.
fn chip_id_of(value: &[u8], product: Product) -> Option<[u8; 64]> {
    let length = product::chip_id_len(product);
    let raw = match value {
        [0x04, short, raw @ ..] if usize::from(*short) == length && raw.len() == length => raw,
        raw => raw,
    };
    if raw.len() != length {
        return None;
    }
    let mut chip = [0; 64];
    chip.get_mut(..length)?.copy_from_slice(raw);
    Some(chip)
}

/// A DER INTEGER from 0 to 255.
fn small_integer(value: &[u8]) -> Option<u8> {
    match value {
        [0x02, 0x01, low @ 0..=0x7f] => Some(*low),
        [0x02, 0x02, 0x00, high @ 0x80..=0xff] => Some(*high),
        _ => None,
    }
}

/// A DER `IA5String` of printable characters.
fn ia5_string(value: &[u8]) -> Option<&str> {
    let [0x16, length, text @ ..] = value else { return None };
    let plain = usize::from(*length) == text.len() && *length < 0x80 && text.iter().all(|b| matches!(b, 0x20..=0x7e));
    std::str::from_utf8(text).ok().filter(|_| plain)
}

/// AMD's extension with these last arcs, each below 128.
fn oid(arcs: &[u8]) -> Vec<u8> {
    [&AMD_ARC, arcs].concat()
}

#[cfg(test)]
mod tests;
