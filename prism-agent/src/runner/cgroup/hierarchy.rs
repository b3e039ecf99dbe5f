//! Where this process may make control groups: version 1, version 2, or both at once.

use std::fs;
use std::path::{Path, PathBuf};

use super::write;

/// The group that the agent moves itself into where version 2 wants no process beside a run's group.
const AGENT_GROUP: &str = "prism-agent";

/// Version of the control group interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::One => "cgroup v1",
            Self::Two => "cgroup v2",
        }
    }
}

/// The mounted hierarchies and this process's place in each.
#[derive(Debug, Default)]
pub(super) struct Hierarchies(Vec<Hierarchy>);

#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Controllers of version 1; none for version 2, whose group says itself.
    controllers: Vec<String>,
    version: Version,
    /// This process's group as a directory.
    group: PathBuf,
}

impl Hierarchies {
    pub(super) fn of_this_process() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::parse(&mounts, &groups)
    }

    fn parse(mounts: &str, groups: &str) -> Self {
        Self(mounts.lines().filter_map(|line| hierarchy(line, groups)).collect())
    }

    /// The directory below which a group with `controller` can be made.
    pub(super) fn parent(&self, controller: &str) -> Option<(PathBuf, Version)> {
        let one = self.0.iter().find(|h| h.version == Version::One && h.controllers.iter().any(|c| c == controller));
        if let Some(one) = one {
            return Some((one.group.clone(), Version::One));
        }
        let two = self.0.iter().find(|h| h.version == Version::Two)?;
        let parent = match two.group.file_name() {
            Some(name) if name == AGENT_GROUP => two.group.parent()?,
            _ => two.group.as_path(),
        };
        enable(parent, controller).then(|| (parent.to_owned(), Version::Two))
    }
}

/// Lets groups below `parent` have `controller`, moving the agent into a group of its own if that is in the way.
fn enable(parent: &Path, controller: &str) -> bool {
    let has = |file: &str| {
        let list = fs::read_to_string(parent.join(file)).unwrap_or_default();
        list.split_whitespace().any(|word| word == controller)
    };
    if !has("cgroup.controllers") {
        return false;
    }
    let control = parent.join("cgroup.subtree_control");
    let wish = format!("+{controller}");
    if has("cgroup.subtree_control") || write(&control, &wish).is_ok() {
        return true;
    }
    let own = parent.join(AGENT_GROUP);
    let moved =
        fs::create_dir_all(&own).and_then(|()| write(&own.join("cgroup.procs"), &std::process::id().to_string()));
    moved.and_then(|()| write(&control, &wish)).is_ok()
}

/// One line of mountinfo, if it is a control group mount that this process has a place in.
fn hierarchy(mount: &str, groups: &str) -> Option<Hierarchy> {
    let (before, after) = mount.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let mut kind = after.split(' ');
    let version = match kind.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let controllers: Vec<String> = match version {
        Version::One => kind.nth(1)?.split(',').filter(|word| *word != "rw").map(str::to_owned).collect(),
        Version::Two => Vec::new(),
    };
    let path = groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (names, path) = rest.split_once(':')?;
        let ours = match version {
            Version::One => names.split(',').any(|name| controllers.iter().any(|c| c == name)),
            Version::Two => names.is_empty(),
        };
        ours.then_some(path)
    })?;
    let inside = Path::new(path).strip_prefix(root).ok()?;
    Some(Hierarchy { controllers, version, group: Path::new(point).join(inside) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 25 0:27 /outer /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 25 0:29 / /dev/shm rw - tmpfs tmpfs rw";
    const GROUPS: &str = "4:memory:/agent/x\n1:cpu,cpuacct:/outer/a\n0::/svc";

    #[test]
    fn every_controller_is_found_in_its_own_hierarchy() {
        let found = Hierarchies::parse(MOUNTS, GROUPS);
        assert_eq!(found.parent("memory"), Some((PathBuf::from("/sys/fs/cgroup/memory/agent/x"), Version::One)));
        assert_eq!(found.parent("cpu"), Some((PathBuf::from("/sys/fs/cgroup/cpu/a"), Version::One)));
        assert_eq!(found.0[2].group, PathBuf::from("/sys/fs/cgroup/unified/svc"));
        assert_eq!(found.parent("pids"), None);
    }

    #[test]
    fn a_version_2_group_is_used_when_it_hands_its_controllers_down() {
        let dir = tempfile::tempdir().unwrap();
        let hierarchies =
            |group: PathBuf| Hierarchies(vec![Hierarchy { controllers: Vec::new(), version: Version::Two, group }]);
        fs::write(dir.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
        fs::write(dir.path().join("cgroup.subtree_control"), "memory\n").unwrap();
        let here = Some((dir.path().to_owned(), Version::Two));
        assert_eq!(hierarchies(dir.path().to_owned()).parent("memory"), here);
        assert_eq!(hierarchies(dir.path().join(AGENT_GROUP)).parent("memory"), here);
        assert_eq!(hierarchies(dir.path().to_owned()).parent("pids"), None);
    }
}
