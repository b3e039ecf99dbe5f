//! `ATTESTATION_REPORT` over the bytes received (publication 56860, table 23).

use prism_core::manifest::platform::{HexBytes, Product};

#[cfg(feature = "simulator")]
mod write;

use super::product;
use crate::finding::{Check, Notes, Stop};

/// Length of every report.
pub(crate) const REPORT_LEN: usize = 1184;

/// The signature covers the bytes before this offset.
pub(crate) const SIGNED_LEN: usize = 0x2a0;

/// ECDSA P-384 with SHA-384.
pub(crate) const ALGORITHM: u32 = 1;

/// Length of one number in the signature; the upper 24 bytes are zero for P-384.
const NUMBER_LEN: usize = 72;
const P384_LEN: usize = 48;
const HIGHEST_VMPL: u32 = 3;

/// Who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    Vcek,
    Vlek,
}

impl Signer {
    pub(crate) const ALL: [Self; 2] = [Self::Vcek, Self::Vlek];

    /// The common name in the key's certificate.
    pub(crate) const fn subject(self) -> &'static str {
        match self {
            Self::Vcek => "SEV-VCEK",
            Self::Vlek => "SEV-VLEK",
        }
    }

    /// How the name of the key's issuer begins.
    pub(crate) const fn issuer(self) -> &'static str {
        match self {
            Self::Vcek => "SEV",
            Self::Vlek => "SEV-VLEK",
        }
    }
}

/// Bits of the guest's `POLICY`.
pub(crate) mod policy {
    pub(crate) const SMT: u64 = 1 << 16;
    pub(crate) const ALWAYS_ONE: u64 = 1 << 17;
    pub(crate) const MIGRATE_MA: u64 = 1 << 18;
    pub(crate) const DEBUG: u64 = 1 << 19;
    pub(crate) const SINGLE_SOCKET: u64 = 1 << 20;
    pub(crate) const CXL_ALLOW: u64 = 1 << 21;
    pub(crate) const MEM_AES_256_XTS: u64 = 1 << 22;
    pub(crate) const RAPL_DIS: u64 = 1 << 23;
    pub(crate) const CIPHERTEXT_HIDING: u64 = 1 << 24;
    pub(crate) const PAGE_SWAP_DISABLE: u64 = 1 << 25;
    #[cfg(feature = "simulator")]
    pub(crate) const PROTECTIONS: u64 =
        SINGLE_SOCKET | MEM_AES_256_XTS | RAPL_DIS | CIPHERTEXT_HIDING | PAGE_SWAP_DISABLE;
}

/// Bits of `PLATFORM_INFO`.
pub(crate) mod platform {
    pub(crate) const SMT: u64 = 1;
    pub(crate) const TSME: u64 = 1 << 1;
    pub(crate) const ECC: u64 = 1 << 2;
    pub(crate) const RAPL_DIS: u64 = 1 << 3;
    pub(crate) const CIPHERTEXT_HIDING: u64 = 1 << 4;
    pub(crate) const ALIAS_CHECK: u64 = 1 << 5;
    pub(crate) const TIO: u64 = 1 << 7;
    #[cfg(feature = "simulator")]
    pub(crate) const PROTECTIONS: u64 = TSME | ECC | RAPL_DIS | CIPHERTEXT_HIDING | ALIAS_CHECK;
    pub(crate) const KNOWN: u64 = SMT | TSME | ECC | RAPL_DIS | CIPHERTEXT_HIDING | ALIAS_CHECK | TIO;
}

/// Bits of `KEY_INFO`.
pub(crate) mod key_info {
    pub(crate) const AUTHOR_KEY: u32 = 1;
    pub(crate) const MASK_CHIP_KEY: u32 = 1 << 1;
    pub(crate) const SIGNING_KEY_SHIFT: u32 = 2;
    pub(crate) const SIGNING_KEY_MASK: u32 = 7;
    pub(crate) const RESERVED: u32 = !0x1f;
}

/// A report whose static fields are as they must be. Its signature is not checked yet.
pub(crate) struct Report<'a> {
    bytes: &'a [u8],
    pub(crate) signer: Signer,
    /// The product by CPUID; reports of version 2 do not say.
    pub(crate) product: Option<Product>,
    pub(crate) fields: Fields,
}

/// The fields in the order of the layout; versions of firmware are build, minor, major.
pub(crate) struct Fields {
    pub(crate) version: u32,
    pub(crate) guest_svn: u32,
    pub(crate) policy: u64,
    pub(crate) family_id: [u8; 16],
    pub(crate) image_id: [u8; 16],
    pub(crate) vmpl: u32,
    pub(crate) algorithm: u32,
    pub(crate) current_tcb: [u8; 8],
    pub(crate) platform_info: u64,
    pub(crate) key_info: u32,
    pub(crate) reserved_4c: [u8; 4],
    pub(crate) report_data: [u8; 64],
    pub(crate) measurement: [u8; 48],
    pub(crate) host_data: [u8; 32],
    pub(crate) id_key: [u8; 48],
    pub(crate) author_key: [u8; 48],
    pub(crate) report_id: [u8; 32],
    pub(crate) report_id_ma: [u8; 32],
    pub(crate) reported_tcb: [u8; 8],
    pub(crate) cpuid: [u8; 3],
    pub(crate) reserved_18b: [u8; 21],
    pub(crate) chip_id: [u8; 64],
    pub(crate) committed_tcb: [u8; 8],
    pub(crate) current_firmware: [u8; 3],
    pub(crate) reserved_1eb: [u8; 1],
    pub(crate) committed_firmware: [u8; 3],
    pub(crate) reserved_1ef: [u8; 1],
    pub(crate) launch_tcb: [u8; 8],
    pub(crate) launch_mitigations: u64,
    pub(crate) current_mitigations: u64,
    pub(crate) reserved_208: [u8; 152],
    pub(crate) r: [u8; NUMBER_LEN],
    pub(crate) s: [u8; NUMBER_LEN],
    pub(crate) reserved_330: [u8; 368],
}

impl<'a> Report<'a> {
    /// Reads a report and checks every field that has one right form.
    pub(crate) fn read(bytes: &'a [u8], notes: &mut Notes) -> Result<Self, Stop> {
        let fields = Fields::read(bytes);
        notes.need(
            Check::ReportLength,
            fields.is_some(),
            format_args!("{REPORT_LEN} bytes"),
            format_args!("{} bytes", bytes.len()),
        )?;
        let fields = fields.ok_or(Stop)?;
        fields.check_version(notes)?;
        let signer = fields.check_signer(notes)?;
        fields.check_guest(notes)?;
        fields.check_reserved(notes)?;
        let product = fields.check_product(notes)?;
        Ok(Self { bytes, signer, product, fields })
    }

    /// The bytes that the signature covers, as received.
    pub(crate) fn signed_bytes(&self) -> &'a [u8] {
        self.bytes.get(..SIGNED_LEN).unwrap_or_default()
    }

    /// The signature as `r ‖ s`, big-endian.
    pub(crate) fn signature(&self) -> [u8; 2 * P384_LEN] {
        let Fields { r, s, .. } = &self.fields;
        let digits = [r, s].into_iter().flat_map(|number| number.iter().take(P384_LEN).rev());
        let mut signature = [0; 2 * P384_LEN];
        for (place, digit) in signature.iter_mut().zip(digits) {
            *place = *digit;
        }
        signature
    }

    /// Checks the layout of security versions, which only the product tells.
    pub(crate) fn check_layout(&self, product: Product, notes: &mut Notes) -> Result<(), Stop> {
        let Fields { current_tcb, committed_tcb, launch_tcb, reported_tcb, .. } = self.fields;
        let all = [current_tcb, committed_tcb, launch_tcb, reported_tcb];
        let ok = all.iter().all(|bytes| product::tcb(product, *bytes).1);
        let [current, committed, launch, reported] = all.map(HexBytes::new);
        let expected = format_args!("security versions in the layout of {product}");
        notes.need(Check::ReportTcbLayout, ok, expected, format_args!("{current} {committed} {launch} {reported}"))
    }
}

impl Fields {
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != REPORT_LEN {
            return None;
        }
        let mut rest = Rest(bytes);
        Some(Self {
            version: rest.u32()?,
            guest_svn: rest.u32()?,
            policy: rest.u64()?,
            family_id: rest.take()?,
            image_id: rest.take()?,
            vmpl: rest.u32()?,
            algorithm: rest.u32()?,
            current_tcb: rest.take()?,
            platform_info: rest.u64()?,
            key_info: rest.u32()?,
            reserved_4c: rest.take()?,
            report_data: rest.take()?,
            measurement: rest.take()?,
            host_data: rest.take()?,
            id_key: rest.take()?,
            author_key: rest.take()?,
            report_id: rest.take()?,
            report_id_ma: rest.take()?,
            reported_tcb: rest.take()?,
            cpuid: rest.take()?,
            reserved_18b: rest.take()?,
            chip_id: rest.take()?,
            committed_tcb: rest.take()?,
            current_firmware: rest.take()?,
            reserved_1eb: rest.take()?,
            committed_firmware: rest.take()?,
            reserved_1ef: rest.take()?,
            launch_tcb: rest.take()?,
            launch_mitigations: rest.u64()?,
            current_mitigations: rest.u64()?,
            reserved_208: rest.take()?,
            r: rest.take()?,
            s: rest.take()?,
            reserved_330: rest.take()?,
        })
    }

    fn check_version(&self, notes: &mut Notes) -> Result<(), Stop> {
        let known = (2..=5).contains(&self.version);
        notes.need(Check::ReportVersion, known, "a version from 2 to 5", self.version)?;
        let algorithm = self.algorithm == ALGORITHM;
        notes.need(Check::ReportAlgorithm, algorithm, "1 (ECDSA P-384 with SHA-384)", self.algorithm)
    }

    fn check_signer(&self, notes: &mut Notes) -> Result<Signer, Stop> {
        let masked = self.key_info & key_info::MASK_CHIP_KEY != 0;
        let signer = match (self.key_info >> key_info::SIGNING_KEY_SHIFT) & key_info::SIGNING_KEY_MASK {
            0 if !masked => Some(Signer::Vcek),
            1 if !masked => Some(Signer::Vlek),
            _ => None,
        };
        let found = format_args!("key info {:#x}", self.key_info);
        notes.need(Check::ReportSigningKey, signer.is_some(), "a report signed by VCEK or VLEK", found)?;
        signer.ok_or(Stop)
    }

    fn check_guest(&self, notes: &mut Notes) -> Result<(), Stop> {
        // Bit 25 came with reports of version 5.
        let highest = if self.version >= 5 { policy::PAGE_SWAP_DISABLE } else { policy::CIPHERTEXT_HIDING };
        let unknown = self.policy & !((highest << 1) - 1);
        let ok = self.policy & policy::ALWAYS_ONE != 0 && unknown == 0;
        let found = format_args!("{:#x}", self.policy);
        notes.need(Check::ReportGuestPolicy, ok, "bit 17 set and no unknown bit", found)?;
        notes.need(Check::ReportVmpl, self.vmpl <= HIGHEST_VMPL, "a privilege level from 0 to 3", self.vmpl)
    }

    fn check_reserved(&self, notes: &mut Notes) -> Result<(), Stop> {
        let mitigations = self.version >= 5 || (self.launch_mitigations | self.current_mitigations) == 0;
        let cpuid = self.version >= 3 || self.cpuid == [0; 3];
        let zeros: [&[u8]; 6] = [
            &self.reserved_4c,
            &self.reserved_18b,
            &self.reserved_1eb,
            &self.reserved_1ef,
            &self.reserved_208,
            &(self.key_info & key_info::RESERVED).to_le_bytes(),
        ];
        let ok = mitigations && cpuid && zeros.into_iter().flatten().all(|byte| *byte == 0);
        notes.need(
            Check::ReportReserved,
            ok,
            "zeros in reserved fields",
            if ok { "only zeros" } else { "other bytes" },
        )?;
        let (_, high_r) = self.r.split_at(P384_LEN);
        let (_, high_s) = self.s.split_at(P384_LEN);
        let ok = [high_r, high_s, &self.reserved_330].into_iter().flatten().all(|byte| *byte == 0);
        let found = if ok { "two numbers of 48 bytes" } else { "other bytes" };
        notes.need(Check::ReportSignatureForm, ok, "two numbers of 48 bytes and zeros", found)
    }

    fn check_product(&self, notes: &mut Notes) -> Result<Option<Product>, Stop> {
        let unknown_bits = self.platform_info & !platform::KNOWN;
        let found = format_args!("{:#x}, of which unknown here {unknown_bits:#x}", self.platform_info);
        notes.check(Check::ReportPlatformBits, true, "bits of the platform", found);
        if self.version < 3 {
            return Ok(None);
        }
        let [family, model, stepping] = self.cpuid;
        let product = product::from_cpuid(family, model);
        let name = product.map_or("unknown", Product::name);
        let found = format_args!("{name} (family {family:#x}, model {model:#x}, stepping {stepping:#x})");
        notes.need(Check::ReportProduct, product.is_some(), "a known product", found)?;
        Ok(product)
    }
}

/// The bytes that are not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*part)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
