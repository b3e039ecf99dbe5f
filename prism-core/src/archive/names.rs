//! One name, one file: on every file system, whether it knows upper and lower case or composed letters or not.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

use super::path::SafePath;
use crate::digest::Digest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// Two names that cannot be unpacked beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    /// The number of the entry that came before.
    pub(super) earlier: usize,
    /// Whether one needs as a directory what the other is as a file.
    pub(super) is_file_and_directory: bool,
}

/// Every path seen so far, with the directories that it implies.
///
/// A path's key is a chain of digests over its folded parts, so that memory does not grow with the length of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    nodes: HashMap<Digest, Node>,
    entries: usize,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// How the last part is spelled.
    spelling: Digest,
    /// An entry of the archive, not only implied by one below it.
    explicit: bool,
    entry: usize,
}

impl Names {
    /// Adds the next entry; returns the directories that were not there before, the outermost first.
    pub(super) fn add(&mut self, path: &SafePath, kind: Kind) -> Result<Vec<SafePath>, Clash> {
        let entry = self.entries;
        self.entries += 1;
        let mut new = Vec::new();
        let mut key = Digest::sha256(&[]);
        for (above, component) in path.ancestors().zip(path.components()) {
            key = child(&key, component);
            if self.put(key, Node::implied(component, entry))? {
                new.push(SafePath::from_ancestor(above));
            }
        }
        let name = path.components().next_back().unwrap_or_default();
        let node = Node { kind, explicit: true, ..Node::implied(name, entry) };
        if self.put(child(&key, name), node)? && kind == Kind::Directory {
            new.push(path.clone());
        }
        Ok(new)
    }

    /// The number of files and directories.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the node is new; an error if it contradicts one that is there.
    fn put(&mut self, key: Digest, node: Node) -> Result<bool, Clash> {
        match self.nodes.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(node);
                Ok(true)
            }
            Entry::Occupied(mut occupied) => {
                let earlier = occupied.get_mut();
                let is_file_and_directory = earlier.kind != node.kind;
                // Files are always explicit; a directory may be named once and implied any number of times.
                let same = earlier.spelling == node.spelling && !(earlier.explicit && node.explicit);
                if is_file_and_directory || !same {
                    return Err(Clash { earlier: earlier.entry, is_file_and_directory });
                }
                earlier.explicit |= node.explicit;
                Ok(false)
            }
        }
    }
}

impl Node {
    fn implied(component: &str, entry: usize) -> Self {
        Self { kind: Kind::Directory, spelling: Digest::sha256(component.as_bytes()), explicit: false, entry }
    }
}

fn child(parent: &Digest, component: &str) -> Digest {
    Digest::sha256(&[parent.as_bytes().as_slice(), fold(component).as_bytes()].concat())
}

/// The canonical caseless form (Unicode, definition D145): equal for names that some file system takes for the same.
fn fold(component: &str) -> String {
    component.nfd().default_case_fold().nfc().collect()
}
