//! How products differ: processor families, and the layout of security versions.

use prism_core::manifest::platform::{Product, Tcb};

/// The product of a processor by its CPUID family and model (report of version 3 and later).
pub(crate) const fn from_cpuid(family: u8, model: u8) -> Option<Product> {
    match (family, model) {
        (0x19, 0x00..=0x0f) => Some(Product::Milan),
        (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Product::Genoa),
        (0x1a, 0x00..=0x11) => Some(Product::Turin),
        _ => None,
    }
}

/// The product in a certificate's product name, which may name a stepping: `Milan-B0`.
pub(crate) fn from_certificate(name: &str) -> Option<Product> {
    let product = name.split_once('-').map_or(name, |(product, _)| product);
    Product::ALL.into_iter().find(|known| known.name() == product)
}

/// The parts of a `TCB_VERSION` in a product's layout, and whether its reserved bytes are zero.
pub(crate) const fn tcb(product: Product, bytes: [u8; 8]) -> (Tcb, bool) {
    match (product, bytes) {
        (Product::Turin, [fmc, bootloader, tee, snp, reserved @ .., microcode]) => {
            (Tcb { fmc, bootloader, tee, snp, microcode }, matches!(reserved, [0, 0, 0]))
        }
        (_, [bootloader, tee, reserved @ .., snp, microcode]) => {
            (Tcb { fmc: 0, bootloader, tee, snp, microcode }, matches!(reserved, [0, 0, 0, 0]))
        }
    }
}

/// The `TCB_VERSION` of these parts in a product's layout.
#[cfg(feature = "simulator")]
pub(crate) const fn tcb_bytes(product: Product, tcb: Tcb) -> [u8; 8] {
    let Tcb { fmc, bootloader, tee, snp, microcode } = tcb;
    match product {
        Product::Turin => [fmc, bootloader, tee, snp, 0, 0, 0, microcode],
        _ => [bootloader, tee, 0, 0, 0, 0, snp, microcode],
    }
}

/// The last arcs of the certificate extensions 1.3.6.1.4.1.3704.1.3.x that make up the eight bytes of a
/// `TCB_VERSION`, in order.
pub(crate) const fn tcb_extensions(product: Product) -> [u8; 8] {
    match product {
        Product::Turin => [9, 1, 2, 3, 5, 6, 7, 8],
        _ => [1, 2, 4, 5, 6, 7, 3, 8],
    }
}

/// How many bytes of `CHIP_ID` a product's chips have; the rest is zero.
pub(crate) const fn chip_id_len(product: Product) -> usize {
    match product {
        Product::Turin => 8,
        _ => 64,
    }
}

#[cfg(test)]
mod tests;
