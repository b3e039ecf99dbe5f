//! Landlock: which files the program may touch, whatever else it can see.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::image;
use super::place::{Place, SHARED_MEMORY};
use super::wire::{Job, Order};
use crate::runner::layers::LayerState;

/// What programs may read and execute, where it exists.
const READABLE: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/sys/devices/system/cpu"];

/// What of `/etc` they may read without a private root, where `/etc` is made up.
const READABLE_ETC: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/lsb-release",
    "/etc/debian_version",
    "/etc/redhat-release",
    "/etc/mime.types",
    "/etc/fonts",
];

const DEVICES: &[&str] = &["/dev/null", "/dev/full", "/dev/random", "/dev/urandom"];

/// Mapped by several, this one is memory without a file: not where memory is bounded by looking at the processes.
const ZERO: &str = "/dev/zero";

/// The newest version of Landlock that is used where the kernel has it; it is the first to cover socket files.
const NEWEST: ABI = ABI::V9;

/// Confines this process and its descendants. `looked_at` says that memory is bounded by looking.
pub(super) fn confine(order: &Order, place: &Place, looked_at: bool) -> Result<LayerState, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    let (read, write) = (AccessFs::from_read(NEWEST), AccessFs::from_all(NEWEST));
    // What a GPU is for goes over ioctl.
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let devices = DEVICES.iter().chain((!looked_at).then_some(&ZERO));
    let created = ruleset
        .create()?
        .add_rules(path_beneath_rules(readable(order, place), read))?
        .add_rules(path_beneath_rules(writable(order, place), write))?
        .add_rules(path_beneath_rules(devices, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(&order.devices, device))?;
    let status = created.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => LayerState::Unavailable("not in this kernel".to_owned()),
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            LayerState::Active(detail(effective_abi, place.private))
        }
        _ => LayerState::Unavailable("not in this kernel".to_owned()),
    })
}

/// The kernel's version, and what it leaves open that a private root would close.
fn detail(abi: ABI, private: bool) -> String {
    let open = match abi {
        _ if private => "",
        ABI::V9 | ABI::V10 => "",
        ABI::V6 | ABI::V7 | ABI::V8 => ", not over socket files",
        _ => ", not over socket files, abstract sockets and signals",
    };
    format!("abi {}{open}", abi as i32)
}

fn readable(order: &Order, place: &Place) -> Vec<PathBuf> {
    if order.image().is_some() {
        return vec![PathBuf::from("/")];
    }
    let mut paths: Vec<PathBuf> = READABLE.iter().map(PathBuf::from).collect();
    paths.extend([place.code.clone(), place.environment.clone()]);
    if let Some(interpreter) = order.interpreter() {
        paths.extend([interpreter.prefix.clone(), interpreter.executable.clone()]);
    }
    if place.private {
        paths.extend([PathBuf::from("/etc"), PathBuf::from("/proc")]);
    } else {
        // The host's /proc shows the command lines of others: nothing of it.
        paths.extend(READABLE_ETC.iter().map(PathBuf::from));
    }
    paths
}

fn writable(order: &Order, place: &Place) -> Vec<PathBuf> {
    let mut paths = vec![place.work.clone(), place.home.clone(), place.temporary.clone()];
    if order.image().is_some() {
        paths.extend(image::writable());
    }
    if place.private {
        paths.push(PathBuf::from(SHARED_MEMORY));
    }
    if matches!(order.job, Job::Install { .. }) {
        paths.push(place.environment.clone());
    }
    paths
}
