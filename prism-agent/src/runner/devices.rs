//! Which device nodes stand for the devices that a manifest can ask for.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use prism_core::manifest::Device;

/// The nodes of every device of this kind, sorted; empty when this machine has none.
#[must_use]
pub fn device_nodes(device: Device) -> Vec<PathBuf> {
    nodes_below(Path::new("/dev"), device)
}

fn nodes_below(dev: &Path, device: Device) -> Vec<PathBuf> {
    let named = |directory: &str, is_one: fn(&str) -> bool| {
        let entries = fs::read_dir(dev.join(directory)).into_iter().flatten().flatten();
        let nodes = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_char_device()));
        let named = nodes.filter(|entry| entry.file_name().to_str().is_some_and(is_one));
        named.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let (gpus, beside) = match device {
        Device::NvidiaGpu => {
            let beside = [named("", is_beside_nvidia), named("nvidia-caps", |_| true)];
            (named("", |name| is_numbered(name, "nvidia")), beside)
        }
        Device::AmdGpu => {
            (named("dri", |name| is_numbered(name, "renderD")), [named("", |name| name == "kfd"), vec![]])
        }
        // A kind that was added after this was written: there is none of it.
        _ => (vec![], [vec![], vec![]]),
    };
    let needed = beside.first().is_some_and(|nodes| !nodes.is_empty());
    if gpus.is_empty() || !needed {
        return Vec::new();
    }
    let mut nodes: Vec<PathBuf> = gpus.into_iter().chain(beside.into_iter().flatten()).collect();
    nodes.sort();
    nodes
}

/// What NVIDIA's library opens beside the GPU itself.
fn is_beside_nvidia(name: &str) -> bool {
    matches!(name, "nvidiactl" | "nvidia-uvm" | "nvidia-uvm-tools")
}

fn is_numbered(name: &str, kind: &str) -> bool {
    name.strip_prefix(kind).is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_files_and_other_names_are_no_devices() {
        let dev = tempfile::tempdir().unwrap();
        for name in ["nvidia0", "nvidiactl", "nvidia-uvm"] {
            fs::write(dev.path().join(name), "").unwrap();
        }
        assert!(nodes_below(dev.path(), Device::NvidiaGpu).is_empty());
        assert!(is_numbered("nvidia12", "nvidia") && is_numbered("renderD128", "renderD"));
        assert!(!is_numbered("nvidia", "nvidia") && !is_numbered("nvidia0x", "nvidia"));
    }
}
