//! The Rust library `age`, which knows X25519 but cannot open hybrid files yet.

use std::io::Read as _;
use std::iter;

use age::{Decryptor, Encryptor, x25519};
use prism_core::seal::RecipientKind;

use super::{SIZES, data, identity, opened, sealed};

#[test]
fn the_rust_library_opens_ours() {
    let ours = identity(RecipientKind::X25519);
    let theirs: x25519::Identity = ours.to_text().parse().unwrap();
    for size in SIZES {
        let file = sealed(&data(size), &ours);
        let decryptor = Decryptor::new(file.as_slice()).unwrap();
        let mut plain = Vec::new();
        decryptor.decrypt(iter::once(&theirs as &dyn age::Identity)).unwrap().read_to_end(&mut plain).unwrap();
        assert!(plain == data(size), "{size}");
    }
}

#[test]
fn we_open_the_rust_librarys() {
    let ours = identity(RecipientKind::X25519);
    let theirs: x25519::Recipient = ours.recipient().to_string().parse().unwrap();
    for size in SIZES {
        let encryptor = Encryptor::with_recipients(iter::once(&theirs as &dyn age::Recipient)).unwrap();
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        std::io::Write::write_all(&mut writer, &data(size)).unwrap();
        writer.finish().unwrap();
        assert!(opened(&file, &ours).unwrap() == data(size), "{size}");
    }
}
