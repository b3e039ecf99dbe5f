//! Leaves the agent's namespaces, one by one, and says which leaving worked.

use std::io;

use rustix::thread::{CapabilitySet, UnshareFlags};

use super::{During, Failure, errno, sys};
use crate::runner::layers::{Layer, Layers};

/// Leaves every namespace but the mount namespace, which the first process leaves: the helper keeps the host's `/proc`.
pub(super) fn leave(layers: &mut Layers) -> Result<(), Failure> {
    leave_user_namespace(layers)?;
    for (layer, flag) in [
        (Layer::IpcNamespace, UnshareFlags::NEWIPC),
        (Layer::UtsNamespace, UnshareFlags::NEWUTS),
        (Layer::CgroupNamespace, UnshareFlags::NEWCGROUP),
        (Layer::PidNamespace, UnshareFlags::NEWPID),
        (Layer::NetworkNamespace, UnshareFlags::NEWNET),
    ] {
        match sys::unshare(flag) {
            Ok(()) => layers.active(layer, ""),
            Err(error) => layers.unavailable(layer, errno(&error)),
        }
    }
    if layers.is_active(Layer::UtsNamespace) {
        rustix::system::sethostname(b"prism").during("name the host")?;
    }
    Ok(())
}

fn leave_user_namespace(layers: &mut Layers) -> Result<(), Failure> {
    let capable =
        rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
    if capable {
        // A root user of a user namespace would still be root towards the files of the host.
        layers.off(Layer::UserNamespace, "not needed");
        return Ok(());
    }
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    match sys::unshare(UnshareFlags::NEWUSER) {
        Ok(()) => {
            map(uid.as_raw(), gid.as_raw()).during("map the user")?;
            layers.active(Layer::UserNamespace, "");
        }
        Err(error) => layers.unavailable(Layer::UserNamespace, errno(&error)),
    }
    Ok(())
}

fn map(uid: u32, gid: u32) -> io::Result<()> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}
