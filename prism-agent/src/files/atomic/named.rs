//! Names of files in the making, where there has to be one: whoever ends the work removes them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Names that this process gave to drafts and has neither removed nor turned into their final ones.
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn held() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a draft. Dropping it removes what has it.
#[derive(Debug)]
pub(super) struct Named {
    path: PathBuf,
}

impl Named {
    /// Takes the name for what the caller makes next; what a crash left there is removed.
    pub(super) fn take(path: PathBuf) -> io::Result<Self> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        held().insert(path.clone());
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its final name, which nothing may have yet.
    pub(super) fn become_new(self, name: &Path) -> io::Result<()> {
        match renameat_with(CWD, &self.path, CWD, name, RenameFlags::NOREPLACE) {
            // File systems without that flag: a hard link refuses an existing name as well. Dropping removes the other.
            Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(&self.path, name),
            renamed => {
                renamed?;
                self.given_up();
                Ok(())
            }
        }
    }

    /// Gives the file its final name, in place of what had it.
    pub(super) fn become_in_place(self, name: &Path) -> io::Result<()> {
        fs::rename(&self.path, name)?;
        self.given_up();
        Ok(())
    }

    /// Nothing has the name any more: there is nothing to remove.
    fn given_up(mut self) {
        held().remove(&mem::take(&mut self.path));
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if held().remove(&self.path) {
            // Nothing can be done about a failure here; a later draft of the same name overwrites what stays behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes every draft of this process that has a name, for a program that is about to end while threads still write:
/// they find their names gone. Where the file system has files without a name, drafts have none, and vanish by themselves.
pub fn remove_drafts() {
    for path in mem::take(&mut *held()) {
        let _ = fs::remove_file(path);
    }
}
