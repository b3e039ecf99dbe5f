//! `prism endorsements fetch`: the only command that asks vendors for anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args};
use prism_agent::endorser::{BaseUrl, Endorser, EndorserConfig, FetchError, Step};
use prism_agent::files::{FileError, write_atomic};
use prism_attest::endorsements::bundle::{
    AmdSigner, Authorities, BUNDLE_MAX, Bundle, EndorsementKey, PckCa, parse_chip, parse_tcb,
};
use prism_attest::{Evidence, Platform};
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::Product;

use super::list::Listed;
use crate::exit::{Failure, Outcome};
use crate::inputs::{now, read};
use crate::interrupt;
use crate::print::{Printer, Safe};
use crate::vouching::{ROOT_MAX, read_evidence};

pub(crate) const EXAMPLE: &str = "\
Example
  prism endorsements fetch --for report.bin -o bundle.json
  prism endorsements fetch --product milan --chip-id HEX --tcb bl=3,tee=0,snp=8,ucode=115 -o bundle.json
  prism endorsements fetch --fmspc 00806f050000 --mirror https://pccs.example:8081 -o bundle.json

Asks kdsintf.amd.com and Intel's trustedservices.intel.com, or the mirror and nobody else. A bundle that \
exists is renewed; an older list never replaces a newer one. Ctrl-C leaves it as it was.";

/// The arguments of `prism endorsements fetch`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["evidence", "product", "fmspc"]))]
pub(crate) struct Fetch {
    /// What this evidence needs: a report or quote
    #[arg(long = "for", value_name = "EVIDENCE")]
    evidence: Option<PathBuf>,
    /// The kind of machine of the evidence, where its form does not say it
    #[arg(long, value_name = "NAME", requires = "evidence")]
    platform: Option<Platform>,
    /// AMD's issuers and revocation list for a product: milan, genoa or turin
    #[arg(long)]
    product: Option<Product>,
    /// Also the certificate of this chip, in hexadecimal
    #[arg(long, value_name = "HEX", requires_all = ["product", "tcb"])]
    chip_id: Option<String>,
    /// The chip's security versions: `bl=3,tee=0,snp=8,ucode=115`; Turin's begin with `fmc=`
    #[arg(long, value_name = "VERSIONS", requires = "chip_id")]
    tcb: Option<String>,
    /// Intel's judgement of this kind of platform, and its revocation lists
    #[arg(long, value_name = "HEX")]
    fmspc: Option<HexBytes<6>>,
    /// Ask this address in the vendors' place
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Allow a mirror on another machine without TLS
    #[arg(long, requires = "mirror")]
    allow_plain_http: bool,
    /// Also take what this authority signed: the certificate (DER or PEM) of a laboratory's root or intermediate
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
    /// Keep answers in this directory, and do not ask again while they are fresh
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The bundle to write or to renew
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

impl Fetch {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let authorities = self.authorities()?;
        self.known(&authorities)?;
        let wanted = match &self.evidence {
            Some(path) => Wanted::Evidence(evidence(path, self.platform)?),
            None => Wanted::Keys(self.keys()?),
        };
        let mut config = self.config()?;
        config.authorities = authorities.clone();
        let endorser = Endorser::new(config)?;
        let left = format!("{} is as it was; run the command again", self.out.display());
        let fetched = interrupt::run(gather(&endorser, &wanted, printer), &left)?;
        // Read anew: another fetch may have renewed it meanwhile.
        let mut bundle = self.known(&authorities)?;
        bundle.merge(fetched).map_err(|error| Failure::from(error).at(self.out.display()))?;
        let bytes = bundle.to_bytes();
        if bytes.len() > BUNDLE_MAX {
            let (path, limit) = (self.out.clone(), BUNDLE_MAX as u64);
            let failure = Failure::from(FileError::TooLong { path, limit, found: bytes.len() as u64 });
            return Err(failure.hint("it would not be read again: begin another bundle with another --out"));
        }
        write_atomic(&self.out, &bytes)?;
        printer.show(&Listed::of(&bundle, now()))
    }

    fn authorities(&self) -> Outcome<Authorities> {
        self.root.iter().try_fold(Authorities::built_in(), |authorities, path| {
            let bytes = read(path, ROOT_MAX)?;
            authorities.with_file(&bytes).map_err(|error| Failure::from(error).at(path.display()))
        })
    }

    /// What an earlier fetch wrote. What nobody signed must not stand in the way of what the vendor says.
    fn known(&self, authorities: &Authorities) -> Outcome<Bundle> {
        if !self.out.exists() {
            return Ok(Bundle::new());
        }
        let bytes = read(&self.out, BUNDLE_MAX as u64)?;
        let bundle = Bundle::read(&bytes).map_err(|error| Failure::from(error).at(self.out.display()))?;
        let checked = bundle.entries().iter().try_for_each(|entry| authorities.check(entry));
        checked.map_err(|error| Failure::from(error).at(self.out.display()))?;
        Ok(bundle)
    }

    fn config(&self) -> Outcome<EndorserConfig> {
        let config = match &self.mirror {
            Some(text) if self.allow_plain_http => EndorserConfig::mirror(BaseUrl::allow_plain_http(text)?),
            Some(text) => EndorserConfig::mirror(text.parse()?),
            None => EndorserConfig::vendors()?,
        };
        Ok(match &self.cache {
            Some(directory) => config.with_cache(directory.clone()),
            None => config,
        })
    }

    fn keys(&self) -> Outcome<Vec<EndorsementKey>> {
        if let Some(fmspc) = self.fmspc {
            let lists = PckCa::ALL.map(|ca| EndorsementKey::PckCrl { ca });
            let judgements = [EndorsementKey::TcbInfo { fmspc }, EndorsementKey::QeIdentity, EndorsementKey::RootCrl];
            return Ok([judgements.as_slice(), &lists].concat());
        }
        let product = self.product.ok_or_else(|| Failure::usage("expected --for, --product or --fmspc, found none"))?;
        let signer = AmdSigner::Vcek;
        let mut keys = vec![EndorsementKey::AmdChain { product, signer }, EndorsementKey::AmdCrl { product, signer }];
        if let (Some(chip), Some(tcb)) = (&self.chip_id, &self.tcb) {
            let chip = parse_chip(product, &chip.to_ascii_lowercase());
            let chip =
                chip.ok_or_else(|| Failure::usage(format!("expected a chip's id of {product}, found another text")))?;
            let tcb = parse_tcb(product, tcb);
            let tcb =
                tcb.ok_or_else(|| Failure::usage(format!("expected versions of {product}, found another text")))?;
            keys.push(EndorsementKey::Vcek { product, chip, tcb });
        }
        Ok(keys)
    }
}

/// What to ask for.
enum Wanted {
    Evidence(Evidence),
    Keys(Vec<EndorsementKey>),
}

async fn gather(endorser: &Endorser, wanted: &Wanted, printer: Printer) -> Outcome<Bundle> {
    let mut tell = |step: Step<'_>| tell(printer, step);
    let fetched = match wanted {
        Wanted::Evidence(evidence) => endorser.gather_for(evidence, &mut tell).await,
        Wanted::Keys(keys) => endorser.gather(keys, &mut tell).await,
    };
    fetched.map_err(|error: FetchError| Failure::from(error))
}

/// Evidence that a vendor can vouch for.
fn evidence(path: &Path, platform: Option<Platform>) -> Outcome<Evidence> {
    let evidence = read_evidence(path, platform)?;
    if evidence.platform().is_simulated() {
        let message = format!("{}: expected evidence of hardware, found simulated evidence", path.display());
        return Err(Failure::usage(message).hint("no vendor vouches for it; `prism simulate evidence` writes who does"));
    }
    Ok(evidence)
}

fn tell(printer: Printer, step: Step<'_>) {
    match step {
        Step::Kept(key) => printer.note(format_args!("kept     {key}")),
        Step::Waiting(pause) => {
            let seconds = pause.max(Duration::from_secs(1)).as_secs();
            printer.note(format_args!("waiting  {seconds} s, as the vendor wants it"));
        }
        Step::Asking(_, address) => printer.note(format_args!("asking   {}", Safe::new(address))),
        Step::Absent(key) => printer.note(format_args!("absent   {key}")),
        _ => {}
    }
}
