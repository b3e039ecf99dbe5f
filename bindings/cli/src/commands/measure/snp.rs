//! `prism measure snp`: the launch measurement of an SEV-SNP guest.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::files::measure_file;
use prism_attest::measure::{DirectBoot, FIRMWARE_MAX, Firmware, GuestFeatures, SnpLaunch, VcpuSignature, Vmm};
use prism_core::digest::{Digest, Hasher};
use prism_core::hexadecimal::HexBytes;
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::inputs::read;
use crate::print::Printer;
use crate::progress::Progress;

pub(super) const EXAMPLE: &str = "\
Example
  prism measure snp --firmware OVMF.fd --vcpus 4 --vcpu-type EPYC-Milan
  prism measure snp --firmware OVMF.fd --kernel vmlinuz --initrd initrd.img --append \"console=ttyS0\" \
--vcpus 4 --vcpu-type EPYC-Milan

The files and numbers are those of the host's command line: one byte or one processor more is another \
measurement. Guest features are those that the host's KVM sets: 0x1 since Linux 6.8, often 0x21 before.";

/// The arguments of `prism measure snp`.
#[derive(Args, Debug)]
pub(crate) struct Snp {
    /// The firmware (OVMF) as the host loads it
    #[arg(long, value_name = "FILE")]
    firmware: PathBuf,
    /// The kernel, if the host hands it to the firmware
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The initrd beside the kernel
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// The kernel's command line
    #[arg(long, value_name = "TEXT", requires = "kernel", allow_hyphen_values = true)]
    append: Option<String>,
    /// How many virtual processors the guest has
    #[arg(long, value_name = "N")]
    vcpus: u32,
    /// The kind of virtual processor in QEMU's words, such as EPYC-v4, EPYC-Milan or EPYC-Genoa, or its signature
    /// (0x800f12)
    #[arg(long, value_name = "TYPE")]
    vcpu_type: VcpuSignature,
    /// What the processors are told to do (`SEV_FEATURES`)
    #[arg(long, value_name = "BITS", default_value_t = GuestFeatures::SNP)]
    guest_features: GuestFeatures,
    /// The virtual machine monitor: qemu, ec2 or gce
    #[arg(long, value_name = "VMM", default_value_t = Vmm::Qemu)]
    vmm: Vmm,
}

#[derive(Serialize)]
struct Measured {
    measurement: HexBytes<48>,
    firmware: Digest,
    firmware_launch_digest: HexBytes<48>,
    boot: Option<Boot>,
    vcpus: u32,
    vcpu_signature: String,
    guest_features: String,
    vmm: &'static str,
}

#[derive(Serialize)]
struct Boot {
    kernel: Digest,
    initrd: Digest,
    command_line: Digest,
}

impl Snp {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let image = read(&self.firmware, FIRMWARE_MAX as u64)?;
        let firmware = Firmware::read(&image).map_err(|error| Failure::from(error).at(self.firmware.display()))?;
        let boot = self.boot(printer)?;
        let Self { vcpus, vcpu_type: vcpu, guest_features: features, vmm, .. } = self;
        let launch = SnpLaunch { firmware, boot, vcpus, vcpu, features, vmm };
        printer.show(&Measured {
            measurement: launch.measurement()?,
            firmware: Digest::sha256(&image),
            firmware_launch_digest: firmware.launch_digest(),
            boot: boot.map(|boot| Boot {
                kernel: boot.kernel(),
                initrd: boot.initrd(),
                command_line: boot.command_line(),
            }),
            vcpus,
            vcpu_signature: vcpu.to_string(),
            guest_features: features.to_string(),
            vmm: vmm.name(),
        })?;
        printer.note("put it into the policy: under \"snp\", \"measurements\": [\"…\"]");
        Ok(())
    }

    fn boot(&self, printer: Printer) -> Outcome<Option<DirectBoot>> {
        let Some(kernel) = &self.kernel else { return Ok(None) };
        let kernel = digest(kernel, printer)?;
        let initrd = self.initrd.as_deref().map(|initrd| digest(initrd, printer)).transpose()?;
        Ok(Some(DirectBoot::new(kernel, initrd, self.append.as_deref().unwrap_or_default())?))
    }
}

/// SHA-256 of a file, however large.
fn digest(path: &Path, printer: Printer) -> Outcome<Digest> {
    let total = std::fs::metadata(path).map_or(0, |facts| facts.len());
    let mut progress = Progress::new(printer, "file");
    let measured = measure_file(path, Hasher::sha256(), &mut |done| progress.aside("hashed", done, total))?;
    Ok(measured.digest)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.measurement)?;
        writeln!(f, "  firmware        {}", self.firmware)?;
        if let Some(boot) = &self.boot {
            writeln!(f, "  kernel          {}", boot.kernel)?;
            writeln!(f, "  initrd          {}", boot.initrd)?;
            writeln!(f, "  command line    {}", boot.command_line)?;
        }
        writeln!(f, "  processors      {} of signature {}", self.vcpus, self.vcpu_signature)?;
        writeln!(f, "  guest features  {}", self.guest_features)?;
        writeln!(f, "  monitor         {}", self.vmm)
    }
}
