//! Unpacks an image: `prism_core::image` decides, `runner::ImageFolder` writes, this keeps to the room on the disk.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use prism_core::image::{Architecture, Contents, Image, ImageConfig, ImageError};

use super::unpack::{LOOK_EVERY, Stoppable, UnpackAssetError, Unpacker, go_on, make};
use crate::runner::{BLOCK, ImageFolder};
use crate::server::room::{Claim, NoRoom, Room};

impl Unpacker<'_> {
    /// Unpacks the image at `file` into the new directory `folder`. All of it is read and verified, and room claimed,
    /// before anything is written.
    pub(super) fn image(
        &self,
        file: &Path,
        folder: &Path,
        architecture: Architecture,
    ) -> Result<ImageConfig, UnpackAssetError> {
        let disk = |source| UnpackAssetError::Disk { asset: file.to_owned(), source };
        let reader = Stoppable { reader: File::open(file).map_err(disk)?, cancel: self.cancel };
        let image = Image::open(reader, architecture, self.limits).map_err(|error| self.explain_image(file, error))?;
        let contents = image.contents();
        let no_room = |source| no_room(file, &contents, source);
        let mut growing = Growing::new(self.room, &contents).map_err(no_room)?;
        make(folder).map_err(disk)?;
        let unpacked = {
            let mut take = |bytes| go_on(self.cancel).and_then(|()| growing.take(bytes));
            let mut sink = ImageFolder::open(folder, self.limits.entries, &mut take).map_err(disk)?;
            image.unpack(&mut sink)
        };
        match (unpacked, growing.keep()) {
            (Ok(config), _) => Ok(config),
            (Err(_), Some(full)) => Err(no_room(full)),
            (Err(error), None) => Err(self.explain_image(file, error)),
        }
    }

    fn explain_image(&self, file: &Path, error: ImageError) -> UnpackAssetError {
        let asset = file.to_owned();
        match error {
            _ if self.cancel.is_cancelled() => UnpackAssetError::Stopped { asset },
            ImageError::Read(source) => UnpackAssetError::Disk { asset, source },
            ImageError::Write { source, .. } if !is_of_image(source.kind()) => UnpackAssetError::Disk { asset, source },
            source => UnpackAssetError::Image { asset, source: Box::new(source) },
        }
    }
}

/// What the system says when an entry cannot be: a folder below a file, links in a circle, a link to nothing.
const fn is_of_image(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::TooManyLinks // Links in a circle, whose kind has no stable name.
    )
}

fn no_room(file: &Path, contents: &Contents, source: NoRoom) -> UnpackAssetError {
    let (bytes, entries) = (size_on_disk(contents), contents.entries);
    UnpackAssetError::NoRoom { asset: file.to_owned(), bytes, entries, source }
}

/// So many bytes of the disk are taken, but for folders that no entry names.
const fn size_on_disk(contents: &Contents) -> u64 {
    contents.bytes.saturating_add(contents.entries.saturating_mul(BLOCK))
}

/// Room that was claimed, and more of it as it is taken.
struct Growing<'a> {
    room: &'a Arc<Room>,
    claim: Claim,
    /// What is left of it.
    left: u64,
    /// What was taken of it.
    taken: u64,
    looked: u64,
    /// What is missing, once the disk is full.
    full: Option<NoRoom>,
}

impl<'a> Growing<'a> {
    fn new(room: &'a Arc<Room>, contents: &Contents) -> Result<Self, NoRoom> {
        let bytes = size_on_disk(contents);
        Ok(Self { room, claim: room.claim(bytes, contents.entries)?, left: bytes, taken: 0, looked: 0, full: None })
    }

    fn take(&mut self, bytes: u64) -> io::Result<()> {
        self.try_take(bytes).map_err(|no_room| {
            self.full = Some(no_room);
            io::ErrorKind::StorageFull.into()
        })
    }

    fn try_take(&mut self, bytes: u64) -> Result<(), NoRoom> {
        if bytes > self.left {
            let more = bytes.max(LOOK_EVERY);
            let before = std::mem::replace(&mut self.claim, self.room.claim(more, 1)?);
            before.holds(self.taken.saturating_add(self.left));
            before.keep();
            (self.left, self.taken, self.looked) = (more, 0, 0);
        }
        self.left -= bytes;
        self.taken = self.taken.saturating_add(bytes);
        if self.taken - self.looked >= LOOK_EVERY {
            self.looked = self.taken;
            self.claim.holds(self.taken);
            self.claim.look()?;
        }
        Ok(())
    }

    /// What it takes is never given back while the agent lives, as with the asset itself.
    fn keep(self) -> Option<NoRoom> {
        self.claim.keep();
        self.full
    }
}
