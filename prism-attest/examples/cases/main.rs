//! Runs a folder of attestation cases and prints one line for each: id, verdict, stage, code.
//!
//! ```text
//! cargo run -p prism-attest --example cases -- DIR
//! ```
//!
//! Each case is a folder with `report.bin vek.der ask.der ark.der [crl.der]` (SEV-SNP) or `quote.bin collateral.json`
//! (TDX), and `expect.json`, of which only `now` and `policy` are read before judging. The test roots lie beside the
//! cases: `test-ark-<product>.der`, `test-root.der`. Where `expect.json` names a verdict and a stage, a case that ends
//! otherwise is marked, and the exit code is 1.
#![expect(clippy::print_stdout, reason = "the lines are what this program is for")]

mod case;
mod policy;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use case::Case;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err("expected a folder of cases, found no argument; run: cases DIR".into());
    };
    let mut wrong = 0_usize;
    let cases = folders(&folder)?;
    for path in &cases {
        let case = Case::read(path)?;
        let outcome = case.judge();
        let mark = if case.agrees(&outcome) { "" } else { "  <- expected otherwise" };
        wrong += usize::from(!mark.is_empty());
        println!("{} {outcome}{mark}", case.id());
    }
    println!("{} cases, {wrong} otherwise than expected", cases.len());
    Ok(if wrong == 0 && !cases.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folders of cases in order.
fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    folders.retain(|path| path.join("expect.json").is_file());
    folders.sort();
    Ok(folders)
}
