use prism_core::code::{Code, Coded};

use super::firmware::FIRMWARE_MAX;
use super::{PAGE, VCPUS_MAX};

/// Why no launch measurement can be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The firmware is empty, too large, or not made of whole pages.
    #[error(
        "expected firmware of whole pages of {PAGE} bytes, at most {FIRMWARE_MAX} bytes, found {found} bytes; pass the \
         OVMF image as the host loads it"
    )]
    FirmwareSize {
        /// Its length in bytes.
        found: usize,
    },
    /// The firmware does not say how an encrypted guest starts.
    #[error(
        "expected OVMF's table of GUIDs at the end of the firmware, found none; pass an image that is built for SEV-SNP"
    )]
    NoFirmwareTable,
    /// An entry of the firmware's tables lies outside of its place or contradicts another.
    #[error("expected firmware with a well-formed {table}, found {fault}; the image is damaged or of a newer kind")]
    FirmwareTable {
        /// Which table.
        table: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The firmware lacks an entry that this launch needs.
    #[error("expected firmware with {missing}, found none; pass an image that is built for such a guest")]
    FirmwareLacks {
        /// What is missing.
        missing: &'static str,
    },
    /// The firmware describes a kind of memory that is not known here.
    #[error("expected firmware sections of the types 1 to 4 and 16, found type {found}; the image is of a newer kind")]
    UnknownSection {
        /// The type found.
        found: u32,
    },
    /// A kernel is given, and the firmware would start it without looking at its hash.
    #[error(
        "expected firmware with room for kernel hashes, found none: it would start any kernel unmeasured; use the \
         AmdSev build of OVMF or launch without a kernel"
    )]
    NoKernelHashes,
    /// A digest of kernel or initrd is not a bare SHA-256.
    #[error("expected a sha256 digest of {part}, found one of another algorithm; compute it anew")]
    NotSha256 {
        /// Which part.
        part: &'static str,
    },
    /// The command line has a zero byte, where it would end for the kernel.
    #[error("expected a command line without zero bytes, found one; what follows it would be measured and not used")]
    CommandLine,
    /// No virtual processors, or too many.
    #[error("expected 1 to {VCPUS_MAX} virtual processors, found {found}; pass the number that the host starts")]
    Vcpus {
        /// The number found.
        found: u32,
    },
    /// The virtual processor is none that has a name here, and no signature.
    #[error(
        "expected a type of virtual processor such as EPYC-v4, EPYC-Milan, EPYC-Genoa or EPYC-Turin, or its signature \
         such as 0x800f12, found another word; use the type that the host's command line names"
    )]
    UnknownVcpu,
    /// The features are not a number, or do not make an SEV-SNP guest.
    #[error("expected guest features with bit 0 (SEV-SNP active) such as 0x1, found {found}; see the host's KVM")]
    Features {
        /// What was found.
        found: String,
    },
    /// The monitor has no name here.
    #[error("expected a monitor qemu, ec2 or gce, found another word; another monitor measures in its own order")]
    UnknownVmm,
}

impl Coded for MeasureError {
    fn code(&self) -> Code {
        match self {
            Self::NotSha256 { .. }
            | Self::CommandLine
            | Self::Vcpus { .. }
            | Self::UnknownVcpu
            | Self::Features { .. }
            | Self::UnknownVmm => Code::Usage,
            _ => Code::FileMalformed,
        }
    }
}
