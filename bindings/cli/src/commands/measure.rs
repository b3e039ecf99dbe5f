//! `prism measure`: what a machine's measurements have to be, before it is asked.

mod log;
mod snp;

use clap::Subcommand;

use crate::exit::Outcome;
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism measure snp --firmware OVMF.fd --kernel vmlinuz --initrd initrd.img --append \"console=ttyS0\" \
--vcpus 4 --vcpu-type EPYC-Milan
  prism measure log /sys/firmware/acpi/tables/data/CCEL --rtmrs
  prism measure log /sys/kernel/security/tpm0/binary_bios_measurements --bank sha256";

/// The commands below `prism measure`.
#[derive(Debug, Subcommand)]
pub(crate) enum Measure {
    /// Compute the launch measurement of an AMD SEV-SNP guest from what it is built of
    #[command(after_help = snp::EXAMPLE)]
    Snp(snp::Snp),
    /// Replay an event log: which register values does it lead to?
    #[command(after_help = log::EXAMPLE)]
    Log(log::Log),
}

impl Measure {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::Snp(snp) => snp.run(printer),
            Self::Log(log) => log.run(printer),
        }
    }
}
