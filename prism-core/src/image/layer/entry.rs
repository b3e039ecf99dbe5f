//! What an entry of a layer asks for.

use tar::EntryType;

use crate::image::FileTerms;
use crate::image::error::EntryFault;
use crate::image::path::{ImagePath, PATH_MAX};
use crate::image::walk::Entry;

/// What hides a name of the layers below (OCI image specification, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";

/// What hides everything of the layers below in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Files of an older system of layers, which mean nothing.
const FOREIGN: &[u8] = b".wh..wh.";

/// An entry that was understood.
pub(in crate::image) struct Item {
    pub(in crate::image) name: Vec<u8>,
    pub(in crate::image) step: Step,
    pub(in crate::image) size: u64,
    /// Whether it speaks of the layers below only.
    pub(in crate::image) whiteout: bool,
}

/// What an entry asks for.
pub(in crate::image) enum Step {
    Directory(ImagePath, u32),
    File(ImagePath, FileTerms),
    Symlink(ImagePath, Vec<u8>),
    HardLink(ImagePath, ImagePath),
    /// Hides a name, or is something that is left out and takes the name of what was there.
    Remove(ImagePath),
    /// Hides everything in a directory.
    Clear(Option<ImagePath>),
    Nothing,
}

/// What an entry asks for; with its name, why not.
pub(super) fn understand(entry: Entry) -> Result<Item, (Vec<u8>, EntryFault)> {
    let step = step(&entry);
    let whiteout = name_of(&entry.path).starts_with(WHITEOUT);
    match step {
        Ok(step) => Ok(Item { step, size: entry.size, whiteout, name: entry.path }),
        Err(fault) => Err((entry.path, fault)),
    }
}

fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty()).unwrap_or_default()
}

fn step(entry: &Entry) -> Result<Step, EntryFault> {
    let Some(path) = ImagePath::read(&entry.path)? else {
        // The root itself: it is there.
        return if entry.kind == EntryType::Directory { Ok(Step::Nothing) } else { Err(EntryFault::Header) };
    };
    if path.parts().any(|part| part.starts_with(WHITEOUT)) {
        return whiteout(&path);
    }
    let permissions = entry.mode & 0o777;
    Ok(match entry.kind {
        EntryType::Directory => Step::Directory(path, permissions),
        // How folders were written before they had a type.
        EntryType::Regular if entry.path.ends_with(b"/") && entry.size == 0 => Step::Directory(path, permissions),
        EntryType::Regular | EntryType::Continuous => {
            Step::File(path, FileTerms::new(entry.size, permissions, entry.modified))
        }
        EntryType::Symlink => Step::Symlink(path, target(&entry.link)?.to_vec()),
        EntryType::Link => Step::HardLink(path, ImagePath::read(target(&entry.link)?)?.ok_or(EntryFault::Target)?),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Step::Remove(path),
        kind => return Err(EntryFault::Kind { kind: char::from(kind.as_byte()) }),
    })
}

fn target(link: &[u8]) -> Result<&[u8], EntryFault> {
    if link.is_empty() || link.contains(&0) || link.len() > PATH_MAX { Err(EntryFault::Target) } else { Ok(link) }
}

fn whiteout(path: &ImagePath) -> Result<Step, EntryFault> {
    let (parent, name) = path.split();
    let below_another = parent.as_ref().is_some_and(|above| above.parts().any(|part| part.starts_with(WHITEOUT)));
    if path.parts().any(|part| part.starts_with(FOREIGN) && part != OPAQUE) {
        return Ok(Step::Nothing);
    }
    if below_another {
        return Err(EntryFault::Whiteout);
    }
    if name == OPAQUE {
        return Ok(Step::Clear(parent));
    }
    match name.strip_prefix(WHITEOUT).unwrap_or_default() {
        b"" | b"." | b".." => Err(EntryFault::Whiteout),
        hidden => Ok(Step::Remove(path.beside(hidden))),
    }
}
