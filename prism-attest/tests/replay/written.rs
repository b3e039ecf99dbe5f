//! Logs written here, byte by byte.

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use prism_attest::replay::EventType;

pub(crate) const SHA256_ID: u16 = 0xb;
pub(crate) const SHA384_ID: u16 = 0xc;

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn sha384(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA384, bytes).as_ref().to_vec()
}

/// A value extended by hand.
pub(crate) fn extended(hash: fn(&[u8]) -> Vec<u8>, start: Vec<u8>, digests: &[Vec<u8>]) -> Vec<u8> {
    digests.iter().fold(start, |value, digest| hash(&[value, digest.clone()].concat()))
}

/// One event.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) register: u32,
    pub(crate) kind: EventType,
    pub(crate) digests: Vec<(u16, Vec<u8>)>,
    pub(crate) data: Vec<u8>,
}

impl Line {
    /// An event with both digests of these bytes.
    pub(crate) fn of(register: u32, kind: EventType, hashed: &[u8], data: &[u8]) -> Self {
        let digests = vec![(SHA256_ID, sha256(hashed)), (SHA384_ID, sha384(hashed))];
        Self { register, kind, digests, data: data.to_vec() }
    }

    /// An event that extends nothing.
    pub(crate) fn told(register: u32, data: &[u8]) -> Self {
        let digests = vec![(SHA256_ID, vec![0; 32]), (SHA384_ID, vec![0; 48])];
        Self { register, kind: EventType::NO_ACTION, digests, data: data.to_vec() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = u32::try_from(self.digests.len()).unwrap();
        let mut bytes = [self.register, self.kind.number(), count].map(u32::to_le_bytes).concat();
        for (algorithm, digest) in &self.digests {
            bytes.extend(algorithm.to_le_bytes());
            bytes.extend(digest);
        }
        bytes.extend(u32::try_from(self.data.len()).unwrap().to_le_bytes());
        bytes.extend(&self.data);
        bytes
    }
}

/// The header's event for these algorithms and their lengths.
pub(crate) fn spec_id(algorithms: &[(u16, u16)]) -> Vec<u8> {
    let mut event = b"Spec ID Event03\0\0\0\0\0\0\x02\x00\x02".to_vec();
    event.extend(u32::try_from(algorithms.len()).unwrap().to_le_bytes());
    for (algorithm, length) in algorithms {
        event.extend([algorithm.to_le_bytes(), length.to_le_bytes()].concat());
    }
    event.push(2);
    event.extend(b"Vz");
    event
}

/// A header record with this event.
pub(crate) fn header(kind: EventType, event: &[u8]) -> Vec<u8> {
    let mut bytes = [0, kind.number()].map(u32::to_le_bytes).concat();
    bytes.extend([0; 20]);
    bytes.extend(u32::try_from(event.len()).unwrap().to_le_bytes());
    bytes.extend(event);
    bytes
}

/// A log of SHA-256 and SHA-384.
pub(crate) fn log(lines: &[Line]) -> Vec<u8> {
    let records = lines.iter().flat_map(Line::bytes);
    header(EventType::NO_ACTION, &spec_id(&[(SHA256_ID, 32), (SHA384_ID, 48)])).into_iter().chain(records).collect()
}

/// `UEFI_VARIABLE_DATA`.
pub(crate) fn variable(name: &str, value: &[u8]) -> Vec<u8> {
    let wide: Vec<u16> = name.encode_utf16().collect();
    let mut bytes = vec![7; 16];
    bytes.extend((wide.len() as u64).to_le_bytes());
    bytes.extend((value.len() as u64).to_le_bytes());
    bytes.extend(wide.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes.extend(value);
    bytes
}

/// Events of every register of a trust domain but RTMR3, with every kind whose digest proves its data.
pub(crate) fn boot() -> Vec<Line> {
    let config = variable("SecureBoot", &[1]);
    let order = variable("BootOrder", &[0, 0]);
    let whole = |register, kind, data: &[u8]| Line::of(register, kind, data, data);
    vec![
        Line::told(1, b"StartupLocality?"),
        whole(1, EventType::S_CRTM_VERSION, b"1\0.\x002\0\0\0"),
        Line::of(1, EventType::EFI_PLATFORM_FIRMWARE_BLOB2, b"the firmware", b"Fv"),
        whole(1, EventType::EFI_VARIABLE_DRIVER_CONFIG, &config),
        Line::of(1, EventType::EFI_VARIABLE_BOOT, &[0, 0], &order),
        whole(1, EventType::EFI_VARIABLE_BOOT2, &order),
        whole(1, EventType::EFI_VARIABLE_AUTHORITY, &variable("db", b"certificate")),
        whole(1, EventType::SEPARATOR, &[0; 4]),
        whole(2, EventType::EFI_ACTION, b"Calling EFI Application from Boot Option"),
        whole(2, EventType::EFI_GPT_EVENT, b"partitions"),
        whole(2, EventType::ACTION, b"an action"),
        Line::of(3, EventType::EVENT_TAG, b"the command line", b"LOADED_IMAGE::LoadOptions"),
    ]
}
