//! The JSON documents of an image: what matters of them is read strictly, what does not is left alone, as the standard
//! asks.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ImageError;
use super::path::ImagePath;
use crate::digest::{Digest, DigestAlgorithm};
use crate::strict;

/// Longest document: what the OCI's image specification tells registries to accept.
pub(super) const DOCUMENT_MAX: usize = 4 << 20;

/// A machine's architecture, as images call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Architecture {
    /// `x86_64`.
    Amd64,
    /// `aarch64`.
    Arm64,
}

impl Architecture {
    /// The one that this program was compiled for, if images for it are known here.
    #[must_use]
    pub const fn here() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::Amd64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Arm64)
        } else {
            None
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// `oci-layout`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layout {
    pub(super) image_layout_version: String,
}

/// `index.json`, and an index that it names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    pub(super) schema_version: u32,
    pub(super) manifests: Vec<Descriptor>,
}

/// What a document says of a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) platform: Option<Platform>,
}

impl Descriptor {
    /// The digest, which has to be a plain SHA-256.
    pub(super) fn sha256(&self) -> Result<Digest, ImageError> {
        sha256("descriptor", &self.digest)
    }
}

/// For which machines an image is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Platform {
    pub(super) architecture: String,
    pub(super) os: String,
}

/// An image's manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// One image of `manifest.json`, which `docker save` writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    pub(super) layers: Vec<String>,
}

/// An image's configuration.
#[derive(Deserialize)]
pub(super) struct Configuration {
    pub(super) architecture: String,
    pub(super) os: String,
    config: Option<Execution>,
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: String,
    diff_ids: Vec<String>,
}

/// What an image says of its execution. Its user, ports, volumes, stop signal and health check mean nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageConfig {
    /// What is executed, and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments that follow when nobody gives others.
    pub cmd: Vec<String>,
    /// Environment variables, in their order.
    pub environment: Vec<(String, String)>,
    /// The working directory; `None` when it is not named or is the root.
    pub working_dir: Option<ImagePath>,
}

impl Configuration {
    /// The digests of the uncompressed layers, the lowest first.
    pub(super) fn diff_ids(&self) -> Result<Vec<Digest>, ImageError> {
        if self.rootfs.kind != "layers" {
            return Err(terms(CONFIG, "a root file system of type \"layers\"", &self.rootfs.kind));
        }
        self.rootfs.diff_ids.iter().map(|text| sha256(CONFIG, text)).collect()
    }

    /// What is to be executed.
    pub(super) fn execution(self) -> Result<ImageConfig, ImageError> {
        let config = self.config.unwrap_or_default();
        let (entrypoint, cmd) = (config.entrypoint.unwrap_or_default(), config.cmd.unwrap_or_default());
        if let Some(word) = entrypoint.iter().chain(&cmd).find(|word| word.contains('\0')) {
            return Err(terms(CONFIG, "words without zero bytes", word));
        }
        let variables = config.env.unwrap_or_default().into_iter().map(|text| {
            let pair = text.split_once('=').filter(|(name, _)| !name.is_empty() && !text.contains('\0'));
            let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| terms(CONFIG, "environment variables such as \"NAME=value\"", &text))
        });
        let environment = variables.collect::<Result<_, _>>()?;
        let named = config.working_dir.unwrap_or_default();
        let working_dir = ImagePath::read(named.as_bytes());
        let working_dir = working_dir.map_err(|_| terms(CONFIG, "a working directory that stays inside", &named))?;
        Ok(ImageConfig { entrypoint, cmd, environment, working_dir })
    }
}

/// What errors call the configuration.
pub(super) const CONFIG: &str = "the image's configuration";

/// Reads a document.
pub(super) fn read<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ImageError> {
    strict::read(bytes, DOCUMENT_MAX).map_err(|source| ImageError::Document { name: name.to_owned(), source })
}

/// A digest that has to be a plain SHA-256.
pub(super) fn sha256(name: &str, text: &str) -> Result<Digest, ImageError> {
    let digest = text.parse::<Digest>().ok().filter(|digest| digest.algorithm() == DigestAlgorithm::Sha256);
    digest.ok_or_else(|| terms(name, "a digest such as \"sha256:<64 hex digits>\"", text))
}

/// The longest piece of a document that an error repeats.
const SHOWN_MAX: usize = 200;

pub(super) fn terms(name: &str, expected: &'static str, found: &str) -> ImageError {
    ImageError::Terms { name: name.to_owned(), expected, found: found.chars().take(SHOWN_MAX).collect() }
}
