//! Package indexes: which to ask, for whom it answers, and who vouches for it.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_agent::index::PackageIndex;
use prism_agent::pull::AllowedHost;

use crate::exit::{Failure, Outcome};
use crate::stores::roots;

/// How a package index is asked.
#[derive(Args)]
pub(crate) struct IndexArgs {
    /// The package index that wheels are fetched from, over https; by default none. With a user and password in it, it is
    /// better given in the environment
    #[arg(long, value_name = "URL", env = "PRISM_INDEX", hide_env_values = true, help_heading = "Packages")]
    index: Option<String>,
    /// Hosts that may be asked besides the index's own, because its files lie there
    #[arg(long, value_name = "HOST[:PORT]", num_args = 1.., help_heading = "Packages")]
    index_allow: Vec<AllowedHost>,
    /// A certificate (PEM) that may vouch for these hosts, besides those that this machine trusts
    #[arg(long, value_name = "FILE", help_heading = "Packages")]
    index_ca: Option<PathBuf>,
}

impl fmt::Debug for IndexArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexArgs").field("index_allow", &self.index_allow).finish_non_exhaustive()
    }
}

impl IndexArgs {
    pub(crate) fn index(&self) -> Outcome<Option<PackageIndex>> {
        let Some(text) = self.index.as_deref().filter(|text| !text.is_empty()) else {
            if !self.index_allow.is_empty() || self.index_ca.is_some() {
                return Err(Failure::usage("expected --index with --index-allow and --index-ca, found none"));
            }
            return Ok(None);
        };
        let mut index: PackageIndex = text.parse().map_err(|error| Failure::from(error).at("--index"))?;
        index.files.clone_from(&self.index_allow);
        index.extra_roots = self.index_ca.as_deref().map(roots).transpose()?.unwrap_or_default();
        Ok(Some(index))
    }
}
