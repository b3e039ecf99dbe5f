//! Container images: chosen, checked and unpacked without a daemon and without trust.
//!
//! An image comes as one file, in the OCI layout (`oci-layout`, `index.json`, `blobs/…`) or as `docker save` writes it
//! (`manifest.json`). [`Image::open`] finds the one image for a machine in it and reads everything once: every blob has
//! to have the size and digest of its descriptor, every layer the `diff_id` of the image's configuration, every entry a
//! path that stays inside. Only then can it be unpacked, into a [`Sink`] that sees nothing but [`ImagePath`]s.
//!
//! Memory does not grow with the image: what is kept is the list of the archive's own files and the few documents.
//!
//! What an image says beyond files and folders is dropped: owners, special modes, extended attributes, devices, pipes.

mod blobs;
mod choose;
mod compression;
mod document;
mod error;
mod layer;
mod path;
mod walk;

use std::io::{self, Read, Seek, Write};

use crate::archive::Limits;
use blobs::Blobs;
pub use document::{Architecture, ImageConfig};
pub use error::{BlobFault, EntryFault, ImageError, LayerFault};
use layer::{Item, Layer, Meter, Step};
pub use path::{ImagePath, PATH_MAX, PathFault};

/// What an image unpacks to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// Layers, the lowest included.
    pub layers: u64,
    /// Entries of all layers together, those that a higher layer replaces or hides included.
    pub entries: u64,
    /// Bytes of all files of all layers together.
    pub bytes: u64,
}

/// How a file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileTerms {
    /// Its length.
    pub size: u64,
    /// Permissions for owner, group and others; never more than those nine bits.
    pub mode: u32,
    /// When it was last changed.
    pub modified: u64,
}

impl FileTerms {
    /// A file of `size` bytes with the permissions `mode`, last changed at `modified`.
    #[must_use]
    pub const fn new(size: u64, mode: u32, modified: u64) -> Self {
        Self { size, mode: mode & 0o777, modified }
    }
}

/// Where an image is unpacked. The edge implements it, confined to one directory: a path may lead over symbolic links
/// that the image brought, which are to be followed as if that directory were the root.
pub trait Sink {
    /// Makes a directory with these permissions, or gives them to the directory that is there. Anything else there goes.
    ///
    /// # Errors
    /// Whatever keeps the directory from being made; unpacking ends with it.
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()>;

    /// Makes a file, in the place of whatever is there; its bytes are then written and flushed.
    ///
    /// # Errors
    /// Whatever keeps the file from being made; unpacking ends with it.
    fn file(&mut self, path: &ImagePath, terms: FileTerms) -> io::Result<Box<dyn Write + '_>>;

    /// Makes a symbolic link, in the place of whatever is there. Its target may be any text.
    ///
    /// # Errors
    /// Whatever keeps the link from being made; unpacking ends with it.
    fn symlink(&mut self, path: &ImagePath, target: &[u8]) -> io::Result<()>;

    /// Gives an existing file another name, in the place of whatever is there.
    ///
    /// # Errors
    /// Whatever keeps the link from being made; unpacking ends with it.
    fn hard_link(&mut self, path: &ImagePath, target: &ImagePath) -> io::Result<()>;

    /// Removes whatever is there, if anything is.
    ///
    /// # Errors
    /// Whatever keeps it from being removed; unpacking ends with it.
    fn remove(&mut self, path: &ImagePath) -> io::Result<()>;

    /// Removes whatever is in a directory, if there is one; the root when no path is given.
    ///
    /// # Errors
    /// Whatever keeps it from being removed; unpacking ends with it.
    fn clear(&mut self, path: Option<&ImagePath>) -> io::Result<()>;
}

/// An image that was read whole: everything in it is what its configuration says.
#[derive(Debug)]
pub struct Image<R> {
    blobs: Blobs<R>,
    layers: Vec<Layer>,
    config: ImageConfig,
    contents: Contents,
    limits: Limits,
}

impl<R: Read + Seek> Image<R> {
    /// Finds the one image for `architecture` in the archive that `reader` holds, and checks all of it.
    ///
    /// # Errors
    /// [`ImageError`] says what is wrong, where, or which limit the image exceeds.
    pub fn open(reader: R, architecture: Architecture, limits: &Limits) -> Result<Self, ImageError> {
        let mut blobs = Blobs::list(reader)?;
        let (config, mut layers) = choose::image(&mut blobs, architecture)?;
        let mut contents = Contents { layers: layers.len() as u64, ..Contents::default() };
        let mut meter = Meter::new(limits);
        layer::mark_repeated(&mut layers);
        for layer in &mut layers {
            let mut hides = false;
            layer::walk(&mut blobs, layer, &mut meter, &mut |item, _| {
                hides |= matches!(item.step, Step::Remove(_) | Step::Clear(_)) && item.whiteout;
                contents.entries += 1;
                // A size that is only said: the content that is read next decides.
                contents.bytes = contents.bytes.saturating_add(item.size);
                Ok(())
            })?;
            layer.hides = hides;
        }
        Ok(Self { blobs, layers, config, contents, limits: *limits })
    }

    /// What unpacking it makes, at most.
    #[must_use]
    pub const fn contents(&self) -> Contents {
        self.contents
    }

    /// Unpacks every layer into `sink`, the lowest first, and says what to execute. After an error the sink may hold a
    /// part of the image: throw all of it away.
    ///
    /// # Errors
    /// [`ImageError`]: reader or sink failed.
    pub fn unpack(mut self, sink: &mut dyn Sink) -> Result<ImageConfig, ImageError> {
        let mut meter = Meter::new(&self.limits);
        for layer in &self.layers {
            if layer.hides {
                // What a layer hides is below it: first all of that, then its own files, whatever their order.
                let mut again = Meter::new(&self.limits);
                layer::walk(&mut self.blobs, layer, &mut again, &mut |item, _| hide(&item, layer, sink))?;
            }
            layer::walk(&mut self.blobs, layer, &mut meter, &mut |item, content| place(&item, layer, content, sink))?;
        }
        Ok(self.config)
    }
}

fn hide(item: &Item, layer: &Layer, sink: &mut dyn Sink) -> Result<(), ImageError> {
    let done = match &item.step {
        Step::Remove(path) if item.whiteout => sink.remove(path),
        Step::Clear(path) => sink.clear(path.as_ref()),
        _ => Ok(()),
    };
    done.map_err(|source| layer.write(item, source))
}

fn place(item: &Item, layer: &Layer, content: &mut dyn Read, sink: &mut dyn Sink) -> Result<(), ImageError> {
    let done = match &item.step {
        Step::Remove(path) if !item.whiteout => sink.remove(path),
        Step::Directory(path, mode) => sink.directory(path, *mode),
        Step::Symlink(path, target) => sink.symlink(path, target),
        Step::HardLink(path, target) => sink.hard_link(path, target),
        Step::File(path, terms) => {
            let mut writer = sink.file(path, *terms).map_err(|source| layer.write(item, source))?;
            layer.pour(item, content, writer.as_mut())?;
            writer.flush()
        }
        Step::Remove(_) | Step::Clear(_) | Step::Nothing => Ok(()),
    };
    done.map_err(|source| layer.write(item, source))
}

#[cfg(test)]
mod tests;
