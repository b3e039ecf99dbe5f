//! The records of a ZIP file (PKWARE APPNOTE 6.3, section 4.3): their signatures, flags and little-endian fields.

pub(super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
pub(super) const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
pub(super) const CENTRAL: [u8; 4] = *b"PK\x01\x02";
pub(super) const END: [u8; 4] = *b"PK\x05\x06";
pub(super) const END64: [u8; 4] = *b"PK\x06\x06";
pub(super) const LOCATOR64: [u8; 4] = *b"PK\x06\x07";

pub(super) const LOCAL_LEN: usize = 30;
pub(super) const CENTRAL_LEN: usize = 46;
pub(super) const END_LEN: usize = 22;
pub(super) const END64_LEN: usize = 56;
pub(super) const LOCATOR64_LEN: usize = 20;

/// Sizes and CRC follow the data (general purpose bit 3).
pub(super) const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// The name is UTF-8 (bit 11).
pub(super) const FLAG_UTF8: u16 = 1 << 11;

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// Extra field with the 64-bit values of fields that are all ones (section 4.5.3).
pub(super) const EXTRA_ZIP64: u16 = 0x0001;
/// Extra field with the time of modification in seconds since 1970.
pub(super) const EXTRA_TIME: u16 = 0x5455;
/// Extra field with another spelling of the name (section 4.6.9).
pub(super) const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// All ones: the value is in the ZIP64 record.
pub(super) const WIDE_16: u16 = u16::MAX;
pub(super) const WIDE_32: u32 = u32::MAX;

/// Little-endian fields, read one after the other; `None` when the bytes end too soon.
#[derive(Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn signature(&mut self, signature: [u8; 4]) -> Option<()> {
        (self.bytes(4)? == signature).then_some(())
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
}

/// The extra fields of an entry that have a meaning here.
#[derive(Clone, Default)]
pub(super) struct Extra<'a> {
    pub(super) zip64: Option<&'a [u8]>,
    unicode_path: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    /// `None` when the fields do not fill the bytes exactly or one that matters is there twice.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let mut extra = Self::default();
        while !fields.is_empty() {
            let (id, len) = (fields.u16()?, fields.u16()?);
            let body = fields.bytes(len.into())?;
            let earlier = match id {
                EXTRA_ZIP64 => extra.zip64.replace(body),
                EXTRA_UNICODE_PATH => extra.unicode_path.replace(body),
                _ => None,
            };
            if earlier.is_some() {
                return None;
            }
        }
        Some(extra)
    }

    /// Whether no other name than `name` is given: after a version and a CRC the field holds the name itself.
    pub(super) fn agrees_with(&self, name: &[u8]) -> bool {
        self.unicode_path.is_none_or(|body| body.get(5..) == Some(name))
    }
}

/// A size or offset: the 32-bit field, or when that is all ones the next value of the ZIP64 extra field.
pub(super) fn widen(narrow: u32, wide: &mut Fields<'_>) -> Option<u64> {
    if narrow == WIDE_32 { wide.u64() } else { Some(narrow.into()) }
}
