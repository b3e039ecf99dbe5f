//! Who the program is: a user of its own where the agent is root, and without a capability everywhere.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{Gid, Uid};
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::{During, Failure};
use crate::runner::layers::{Layer, Layers};

/// The user and group that the program gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Whether it is another than the agent's.
    pub(super) separate: bool,
}

/// Chooses the user `wanted` if this process may become it, else stays who it is.
pub(super) fn choose(wanted: u32, layers: &mut Layers) -> Who {
    let same = Who { uid: geteuid().as_raw(), gid: getegid().as_raw(), separate: false };
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::CHOWN | CapabilitySet::DAC_OVERRIDE;
    let capable = rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(needed));
    let reason = if layers.is_active(Layer::UserNamespace) {
        "the user namespace holds one user"
    } else if !capable {
        "needs root"
    } else if !is_mapped("/proc/self/uid_map", wanted) || !is_mapped("/proc/self/gid_map", wanted) {
        "no spare user id in this container"
    } else {
        layers.active(Layer::SeparateUser, "");
        return Who { uid: wanted, gid: wanted, separate: true };
    };
    layers.unavailable(Layer::SeparateUser, reason);
    same
}

/// Whether an id exists in this process's user namespace.
fn is_mapped(file: &str, id: u32) -> bool {
    let map = std::fs::read_to_string(file).unwrap_or_default();
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(first)), Some(_), Some(Ok(count))) => (first..first + count).contains(&u64::from(id)),
            _ => false,
        }
    })
}

/// The groups that may open these devices where not everyone may; never root's.
pub(super) fn groups_of(devices: &[PathBuf]) -> Vec<Gid> {
    let metas = devices.iter().filter_map(|device| std::fs::metadata(device).ok());
    let closed = metas.filter(|meta| meta.mode() & 0o006 != 0o006 && meta.mode() & 0o060 == 0o060 && meta.gid() != 0);
    let groups: BTreeSet<u32> = closed.map(|meta| meta.gid()).collect();
    groups.into_iter().map(Gid::from_raw).collect()
}

/// Becomes `who`, with these groups beside its own, and drops every capability for good.
pub(super) fn give_up_privileges(who: &Who, groups: &[Gid], layers: &mut Layers) -> Result<(), Failure> {
    let may_drop = rustix::thread::capabilities(None).is_ok_and(|s| s.effective.contains(CapabilitySet::SETPCAP));
    if may_drop {
        for number in 0..64 {
            let capability = CapabilitySet::from_bits_retain(1 << number);
            if rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false) {
                rustix::thread::remove_capability_from_bounding_set(capability).during("empty the bounding set")?;
            }
        }
        let bits = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED;
        rustix::thread::set_capabilities_secure_bits(bits).during("take root's privilege at exec")?;
    }
    if who.separate {
        let (uid, gid) = (Uid::from_raw(who.uid), Gid::from_raw(who.gid));
        rustix::thread::set_thread_groups(groups).during("leave all groups")?;
        rustix::thread::set_thread_res_gid(gid, gid, gid).during("change the group")?;
        rustix::thread::set_thread_res_uid(uid, uid, uid).during("change the user")?;
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    let _ = rustix::thread::clear_ambient_capability_set();
    rustix::thread::set_capabilities(None, none).during("drop all capabilities")?;
    layers.active(Layer::Capabilities, "none left");
    Ok(())
}
