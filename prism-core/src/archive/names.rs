//! One name, one file: on every file system, whether it knows upper and lower case or composed letters or not.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use aws_lc_rs::digest;
use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

use super::path::SafePath;

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

/// Half a SHA-256: a collision would refuse an archive or fail to unpack it, and nothing else.
type Key = [u8; 16];

/// Every path seen so far, with the directories that it implies.
///
/// A path's key is a chain of digests over its folded parts, so that memory does not grow with the length of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    nodes: HashMap<Key, Node>,
    entries: usize,
    trail: Trail,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// How the last part is spelled; nothing when it is its own folded form.
    spelling: Option<Key>,
    /// An entry of the archive, not only implied by one below it.
    explicit: bool,
    entry: u32,
}

/// The folders of the entry before: the next one is mostly beside it, and what they share needs no second look.
#[derive(Debug, Default)]
struct Trail {
    path: String,
    /// Where each folder's path ends, and its key.
    folders: Vec<(usize, Key)>,
}

impl Names {
    /// Adds the next entry; returns the directories that were not there before, the outermost first.
    pub(super) fn add(&mut self, path: &SafePath, kind: Kind) -> Result<Vec<SafePath>, Clash> {
        let entry = u32::try_from(self.entries).unwrap_or(u32::MAX);
        self.entries += 1;
        let mut new = Vec::new();
        let (mut key, mut start) = self.trail.keep(path.as_str());
        let folders = path.as_str().match_indices('/').map(|(end, _)| end).skip(self.trail.folders.len());
        for end in folders {
            let component = path.as_str().get(start..end).unwrap_or_default();
            let (child, node) = Node::below(key, component, entry);
            if self.put(child, node)? {
                new.push(SafePath::from_ancestor(path.as_str().get(..end).unwrap_or_default()));
            }
            self.trail.folders.push((end, child));
            (key, start) = (child, end + 1);
        }
        let (child, node) = Node::below(key, path.as_str().get(start..).unwrap_or_default(), entry);
        if self.put(child, Node { kind, explicit: true, ..node })? && kind == Kind::Directory {
            new.push(path.clone());
        }
        Ok(new)
    }

    /// The number of files and directories.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the node is new; an error if it contradicts one that is there.
    fn put(&mut self, key: Key, node: Node) -> Result<bool, Clash> {
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
                    return Err(Clash { earlier: earlier.entry as usize, is_file_and_directory });
                }
                earlier.explicit |= node.explicit;
                Ok(false)
            }
        }
    }
}

/// Names of files that one archive can hold: [`SafePath`]s that every file system can tell apart.
///
/// ```
/// let mut names = prism_core::archive::NameSet::default();
/// assert!(names.take("model"));
/// assert!(!names.take("Model"), "some file system takes it for the first");
/// assert!(!names.take("model/weights"), "a file is no folder");
/// assert!(!names.take("c:model"), "not a safe path");
/// ```
#[derive(Debug, Default)]
pub struct NameSet(Names);

impl NameSet {
    /// Takes the name of one more file, if an archive can hold it beside all that were taken before; whether it can.
    pub fn take(&mut self, name: &str) -> bool {
        SafePath::new(name).is_ok_and(|path| self.0.add(&path, Kind::File).is_ok())
    }
}

impl Trail {
    /// Goes on to the next path: forgets the folders that it does not share. Returns the key of the innermost that it
    /// does, and where the part after it starts.
    fn keep(&mut self, path: &str) -> (Key, usize) {
        let shared = self.path.bytes().zip(path.bytes()).take_while(|(before, now)| before == now).count();
        // The slash behind a folder is shared, too: "a" is no folder of "ab/c".
        self.folders.retain(|(end, _)| *end < shared);
        self.path.clear();
        self.path.push_str(path);
        self.folders.last().map_or((Key::default(), 0), |(end, key)| (*key, end + 1))
    }
}

impl Node {
    /// The key and the node of a folder that an entry implies.
    fn below(parent: Key, component: &str, entry: u32) -> (Key, Self) {
        let mut bytes = parent.to_vec();
        let spelling = if component.is_ascii() {
            bytes.extend(component.bytes().map(|byte| byte.to_ascii_lowercase()));
            component.bytes().any(|byte| byte.is_ascii_uppercase())
        } else {
            bytes.extend(fold(component).bytes());
            bytes.get(parent.len()..) != Some(component.as_bytes())
        };
        let spelling = spelling.then(|| half(component.as_bytes()));
        (half(&bytes), Self { kind: Kind::Directory, spelling, explicit: false, entry })
    }
}

fn half(bytes: &[u8]) -> Key {
    let mut key = Key::default();
    for (to, from) in key.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    key
}

/// The canonical caseless form (Unicode, definition D145): equal for names that some file system takes for the same.
/// Of ASCII it is the lower case.
fn fold(component: &str) -> String {
    component.nfd().default_case_fold().nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_folded_form_of_ascii_is_its_lower_case(text in "[ -~]{0,12}") {
            prop_assert_eq!(fold(&text), text.to_ascii_lowercase());
        }

        #[test]
        fn what_entries_share_is_looked_at_as_if_they_shared_nothing(
            paths in proptest::collection::vec("[aA]{1,2}(/[aA\u{e9}]{1,2}){0,3}", 1..12)
        ) {
            let (mut short, mut long) = (Names::default(), Names::default());
            for path in &paths {
                let path = SafePath::new(path).unwrap();
                long.trail = Trail::default();
                prop_assert_eq!(short.add(&path, Kind::File), long.add(&path, Kind::File));
            }
        }
    }
}
