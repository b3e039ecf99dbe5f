//! Object stores and key brokers: whom to ask, who vouches for them, and what opens them.

use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::pull::{AllowedHost, PullConfig, S3Credentials};
use prism_core::manifest::HttpsUrl;
use zeroize::Zeroizing;

use crate::exit::{Failure, Outcome};
use crate::inputs::{DOCUMENT_MAX, read};

/// How an agent fetches what lies in stores.
#[derive(Args, Debug)]
pub(crate) struct PullArgs {
    /// Hosts of object stores and key brokers that the agent may ask; by default none
    #[arg(long, value_name = "HOST[:PORT]", num_args = 1.., help_heading = "Object stores")]
    pull_allow: Vec<AllowedHost>,
    #[command(flatten)]
    store: StoreArgs,
    /// The certificate (PEM) under which key brokers prove themselves; no other is accepted
    #[arg(long, value_name = "FILE", help_heading = "Object stores")]
    kbs_ca: Option<PathBuf>,
}

/// How a store is asked.
#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// A certificate (PEM) that may vouch for a store, besides those that this machine trusts
    #[arg(long, value_name = "FILE", help_heading = "Object stores")]
    pull_ca: Option<PathBuf>,
    /// The address of the store behind s3:// [default: Amazon's, in the configured region]
    #[arg(long, value_name = "URL", help_heading = "Object stores")]
    s3_endpoint: Option<HttpsUrl>,
}

impl PullArgs {
    pub(crate) fn config(self) -> Outcome<PullConfig> {
        let mut config = self.store.config()?;
        config.allow = self.pull_allow;
        config.broker_roots = self.kbs_ca.as_deref().map(roots).transpose()?.unwrap_or_default();
        Ok(config)
    }
}

impl StoreArgs {
    /// A configuration that may ask nobody yet.
    pub(crate) fn config(&self) -> Outcome<PullConfig> {
        let mut config = PullConfig::default();
        config.extra_roots = self.pull_ca.as_deref().map(roots).transpose()?.unwrap_or_default();
        if self.s3_endpoint.as_ref().is_some_and(|url| url.path() != "/") {
            return Err(Failure::usage("expected --s3-endpoint without a path, found one with a path"));
        }
        config.s3.endpoint.clone_from(&self.s3_endpoint);
        if let Some(region) = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) {
            config.s3.region = region.to_string();
        }
        config.s3.credentials = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => Some(S3Credentials::new(id.to_string(), secret, variable("AWS_SESSION_TOKEN"))),
            (None, None) => None,
            _ => {
                let message = "expected both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found one of them";
                return Err(Failure::usage(message).hint("set both, or none to ask without a signature"));
            }
        };
        Ok(config)
    }
}

fn variable(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new)
}

/// The certificates of a PEM file.
pub(crate) fn roots(path: &Path) -> Outcome<Vec<Vec<u8>>> {
    let roots = PullConfig::roots_from_pem(&read(path, DOCUMENT_MAX)?);
    roots.map_err(|error| Failure::from(error).at(path.display()))
}
