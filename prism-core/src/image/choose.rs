//! Which image of an archive is the one for a machine, and of which layers it is made.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use super::ImageConfig;
use super::blobs::Blobs;
use super::compression::Compression;
use super::document::{
    Architecture, CONFIG, Configuration, Descriptor, Index, Layout, Manifest, Saved, read, sha256, terms,
};
use super::error::ImageError;
use super::layer::Layer;
use crate::digest::Digest;

/// Most indexes and manifests that are read.
const DOCUMENTS_MAX: usize = 64;

/// Deepest nesting of indexes.
const DEPTH_MAX: usize = 3;

/// Most layers: more than any system of files stacks.
const LAYERS_MAX: usize = 512;

const INDEXES: &[&str] =
    &["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

const MANIFESTS: &[&str] =
    &["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

const CONFIGS: &[&str] =
    &["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What layers may be.
const LAYERS: &[(&str, Compression)] = &[
    ("application/vnd.oci.image.layer.v1.tar", Compression::None),
    ("application/vnd.oci.image.layer.v1.tar+gzip", Compression::Gzip),
    ("application/vnd.oci.image.layer.v1.tar+zstd", Compression::Zstandard),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar", Compression::None),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Compression::Gzip),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Compression::Zstandard),
    ("application/vnd.docker.image.rootfs.diff.tar", Compression::None),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::Gzip),
    ("application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::Zstandard),
];

/// An image that was found.
type Found = (ImageConfig, Vec<Layer>);

/// Finds the one image for `architecture`.
pub(super) fn image<R: Read + Seek>(blobs: &mut Blobs<R>, architecture: Architecture) -> Result<Found, ImageError> {
    let (oci, saved) = (blobs.has("oci-layout") && blobs.has("index.json"), blobs.has("manifest.json"));
    match (oci, saved) {
        (true, _) => {
            Search { blobs, architecture, seen: BTreeSet::new(), found: Vec::new(), others: BTreeSet::new() }.oci()
        }
        (false, true) => self::saved(blobs, architecture),
        (false, false) => Err(ImageError::NoImage),
    }
}

struct Search<'b, R> {
    blobs: &'b mut Blobs<R>,
    architecture: Architecture,
    /// Digests of the documents that were read.
    seen: BTreeSet<String>,
    found: Vec<Found>,
    /// Platforms of images that are for other machines.
    others: BTreeSet<String>,
}

impl<R: Read + Seek> Search<'_, R> {
    fn oci(mut self) -> Result<Found, ImageError> {
        let layout: Layout = self.named("oci-layout")?;
        if layout.image_layout_version != "1.0.0" {
            return Err(terms("oci-layout", "the layout's version 1.0.0", &layout.image_layout_version));
        }
        let index: Index = self.named("index.json")?;
        self.index(&index, "index.json", 1)?;
        let Some(found) = self.found.pop() else { return Err(other_platform(self.architecture, self.others)) };
        Ok(found)
    }

    fn named<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Result<T, ImageError> {
        let span = self.blobs.span(name)?;
        read(name, &self.blobs.document(name, span, None)?)
    }

    fn index(&mut self, index: &Index, name: &str, depth: usize) -> Result<(), ImageError> {
        if index.schema_version != 2 {
            return Err(terms(name, "the schema's version 2", &index.schema_version.to_string()));
        }
        for descriptor in &index.manifests {
            if INDEXES.contains(&descriptor.media_type.as_str()) {
                if depth == DEPTH_MAX {
                    return Err(terms(name, "at most three indexes inside of each other", "more"));
                }
                if let Some((name, bytes)) = self.blob(descriptor)? {
                    self.index(&read(&name, &bytes)?, &name, depth + 1)?;
                }
            } else if MANIFESTS.contains(&descriptor.media_type.as_str())
                && self.may_fit(descriptor)
                && let Some((name, bytes)) = self.blob(descriptor)?
            {
                self.manifest(&read(&name, &bytes)?, &name)?;
            }
        }
        Ok(())
    }

    /// Whether a descriptor is of an image for this machine, as far as it says.
    fn may_fit(&mut self, descriptor: &Descriptor) -> bool {
        let Some(platform) = &descriptor.platform else { return true };
        let fits = platform.os == "linux" && platform.architecture == self.architecture.name();
        if !fits {
            self.others.insert(format!("{}/{}", platform.os, platform.architecture));
        }
        fits
    }

    /// A document by its descriptor; `None` if it was read before, under another tag.
    fn blob(&mut self, descriptor: &Descriptor) -> Result<Option<(String, Vec<u8>)>, ImageError> {
        let (digest, span) = self.blobs.blob(descriptor)?;
        let name = digest.to_string();
        if !self.seen.insert(name.clone()) {
            return Ok(None);
        }
        if self.seen.len() > DOCUMENTS_MAX {
            return Err(terms("index.json", "at most 64 indexes and manifests", "more"));
        }
        let bytes = self.blobs.document(&name, span, Some(digest))?;
        Ok(Some((name, bytes)))
    }

    fn manifest(&mut self, manifest: &Manifest, name: &str) -> Result<(), ImageError> {
        if manifest.schema_version != 2 {
            return Err(terms(name, "the schema's version 2", &manifest.schema_version.to_string()));
        }
        if !CONFIGS.contains(&manifest.config.media_type.as_str()) {
            // An artifact, such as a signature or a bill of materials: no image.
            return Ok(());
        }
        let (digest, span) = self.blobs.blob(&manifest.config)?;
        let bytes = self.blobs.document(CONFIG, span, Some(digest))?;
        let config: Configuration = read(CONFIG, &bytes)?;
        if !fits(&config, self.architecture) {
            self.others.insert(platform(&config));
            return Ok(());
        }
        let diff_ids = diff_ids(&config, manifest.layers.len())?;
        let layers = manifest.layers.iter().zip(diff_ids).enumerate().map(|(index, (descriptor, diff_id))| {
            let known = LAYERS.iter().find(|(media_type, _)| *media_type == descriptor.media_type);
            let (_, compression) = known.ok_or_else(|| terms(name, "layers as tar", &descriptor.media_type))?;
            let (digest, span) = self.blobs.blob(descriptor)?;
            Ok(Layer::new(index + 1, span, Some(digest), Some(*compression), diff_id))
        });
        let layers = layers.collect::<Result<_, ImageError>>()?;
        self.found.push((config.execution()?, layers));
        // Not at the end: what each of them holds would be held until then.
        if self.found.len() > 1 { Err(ImageError::Several { found: self.found.len() }) } else { Ok(()) }
    }
}

/// The one image that `docker save` wrote.
fn saved<R: Read + Seek>(blobs: &mut Blobs<R>, architecture: Architecture) -> Result<Found, ImageError> {
    let name = "manifest.json";
    let span = blobs.span(name)?;
    let images: Vec<Saved> = read(name, &blobs.document(name, span, None)?)?;
    let [image] = images.as_slice() else { return Err(ImageError::Several { found: images.len() }) };
    let span = blobs.span(&image.config)?;
    // Its name is its digest; that of older tools ends with ".json".
    let file = image.config.rsplit('/').next().unwrap_or_default();
    let digest = sha256(name, &format!("sha256:{}", file.trim_end_matches(".json")))?;
    let config: Configuration = read(CONFIG, &blobs.document(CONFIG, span, Some(digest))?)?;
    if !fits(&config, architecture) {
        return Err(other_platform(architecture, BTreeSet::from([platform(&config)])));
    }
    let diff_ids = diff_ids(&config, image.layers.len())?;
    let layers = image.layers.iter().zip(diff_ids).enumerate();
    let layers = layers.map(|(index, (file, id))| Ok(Layer::new(index + 1, blobs.span(file)?, None, None, id)));
    let layers = layers.collect::<Result<_, ImageError>>()?;
    Ok((config.execution()?, layers))
}

/// One `diff_id` for each layer.
fn diff_ids(config: &Configuration, layers: usize) -> Result<Vec<Digest>, ImageError> {
    let diff_ids = config.diff_ids()?;
    if layers > LAYERS_MAX {
        return Err(terms(CONFIG, "at most 512 layers", &layers.to_string()));
    }
    if diff_ids.len() != layers {
        return Err(terms(CONFIG, "as many diff_ids as layers", &format!("{} for {layers}", diff_ids.len())));
    }
    Ok(diff_ids)
}

fn fits(config: &Configuration, architecture: Architecture) -> bool {
    config.os == "linux" && config.architecture == architecture.name()
}

fn platform(config: &Configuration) -> String {
    format!("{}/{}", config.os, config.architecture)
}

/// The longest list of platforms in an error, in characters.
const SHOWN_MAX: usize = 200;

fn other_platform(architecture: Architecture, others: BTreeSet<String>) -> ImageError {
    let others: Vec<_> = others.into_iter().collect();
    let found = if others.is_empty() { "no image".to_owned() } else { others.join(", ") };
    ImageError::Platform { wanted: architecture.name(), found: found.chars().take(SHOWN_MAX).collect() }
}
