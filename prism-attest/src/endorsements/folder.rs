//! The vendor's files of one machine in a folder, by their names.

use super::{Endorsements, EndorsementsError, SnpEndorsements};

/// The names that are looked for: AMD's certificates and list (DER), or Intel's answers.
const NAMES: [&str; 5] = ["vek.der", "ask.der", "ark.der", "crl.der", "collateral.json"];

impl Endorsements {
    /// Takes the files of a folder: `collateral.json` for TDX, or `vek.der`, `ask.der`, `ark.der` and `crl.der` for
    /// SEV-SNP, of which the built-in issuers and no list stand in for those that are missing. Other names are passed
    /// over.
    ///
    /// # Errors
    /// [`EndorsementsError`] when a file is missing or is none of its kind.
    pub fn from_named_files<N: AsRef<str>>(
        files: impl IntoIterator<Item = (N, Vec<u8>)>,
    ) -> Result<Self, EndorsementsError> {
        let [mut vek, mut ask, mut ark, mut crl, mut collateral] = [const { None }; NAMES.len()];
        for (name, bytes) in files {
            match name.as_ref() {
                "vek.der" => vek = Some(bytes),
                "ask.der" => ask = Some(bytes),
                "ark.der" => ark = Some(bytes),
                "crl.der" => crl = Some(bytes),
                "collateral.json" => collateral = Some(bytes),
                _ => {}
            }
        }
        match (collateral, vek, ask, ark) {
            (Some(json), None, None, None) => Self::from_collateral_json(&json),
            (None, Some(vek), Some(ask), Some(ark)) => Self::snp(SnpEndorsements { vek, ask, ark, crl }),
            (None, Some(vek), None, None) => Self::snp_from_leaf(vek, crl),
            (None, Some(_), _, _) => Err(EndorsementsError::HalfChain),
            _ => Err(EndorsementsError::Folder),
        }
    }

    /// The names that [`from_named_files`](Self::from_named_files) looks for.
    pub const FILE_NAMES: [&'static str; 5] = NAMES;
}
