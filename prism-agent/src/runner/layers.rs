//! The layers of the sandbox and what became of each: reported before anything is executed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use prism_core::manifest::SandboxLayer;
use serde::{Deserialize, Serialize};

macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// One layer of the sandbox. A manifest demands the layers of [`SandboxLayer`] by these names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Layer { $($(#[$doc])* #[serde(rename = $text)] $name,)* }

        impl Layer {
            /// Every layer, sorted by name.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The layer's name in manifests and in the audit log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

// Sorted by name, so that a report is too.
layers! {
    /// No capability is left, and none can be gained.
    Capabilities = "capabilities";
    /// Memory, processor and processes are bounded by control groups, all three.
    Cgroup = "cgroup";
    /// The program sees no control group but its own.
    CgroupNamespace = "cgroup-namespace";
    /// The processors that the run may use.
    CpuLimit = "cpu-limit";
    /// `datasets/` is the run's own copy-on-write view.
    DatasetsCopy = "datasets-copy";
    /// The bytes that the run may write.
    DiskLimit = "disk-limit";
    /// No System V or POSIX message queue of others.
    IpcNamespace = "ipc-namespace";
    /// The kernel's Landlock rules confine file access, signals and abstract sockets.
    Landlock = "landlock";
    /// The memory that the run's processes may use together.
    MemoryLimit = "memory-limit";
    /// A file system tree of its own: system libraries, interpreter and algorithm only.
    MountNamespace = "mount-namespace";
    /// Network interfaces of its own: none, not even the host's loopback.
    NetworkNamespace = "network-namespace";
    /// No program gains privileges by being executed.
    NoNewPrivileges = "no-new-privileges";
    /// No process of others can be seen, and none of its own outlives the first.
    PidNamespace = "pid-namespace";
    /// How many processes and threads there may be.
    ProcessLimit = "process-limit";
    /// The kernel's per-process limits.
    ResourceLimits = "resource-limits";
    /// System calls are filtered; no socket but `AF_UNIX`.
    Seccomp = "seccomp";
    /// A user id that nothing else on the machine uses.
    SeparateUser = "separate-user";
    /// A user namespace: how an ordinary user gets the other namespaces.
    UserNamespace = "user-namespace";
    /// A host name of its own.
    UtsNamespace = "uts-namespace";
}

impl Layer {
    /// What every run demands, whatever the manifest says.
    #[must_use]
    pub fn floor() -> BTreeSet<Self> {
        BTreeSet::from([Self::Landlock, Self::NoNewPrivileges, Self::Seccomp])
    }
}

impl TryFrom<SandboxLayer> for Layer {
    type Error = UnknownLayer;

    /// The layer that a manifest demands: both are called by the same name.
    fn try_from(layer: SandboxLayer) -> Result<Self, UnknownLayer> {
        layer.name().parse()
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is not the name of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the name of a sandbox layer such as \"network-namespace\", found another text; use a name from the list"
)]
#[non_exhaustive]
pub struct UnknownLayer;

impl FromStr for Layer {
    type Err = UnknownLayer;

    fn from_str(text: &str) -> Result<Self, UnknownLayer> {
        Self::ALL.iter().copied().find(|layer| layer.as_str() == text).ok_or(UnknownLayer)
    }
}

/// What became of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LayerState {
    /// In force; the detail says by which means.
    Active(String),
    /// Not used, for the reason given.
    Off(String),
    /// Wanted, and refused by this machine; the reason is an error name or a few words.
    Unavailable(String),
}

impl LayerState {
    /// Whether the layer is in force.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active(_))
    }
}

impl fmt::Display for LayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, detail) = match self {
            Self::Active(detail) => ("active", detail),
            Self::Off(detail) => ("off", detail),
            Self::Unavailable(detail) => ("unavailable", detail),
        };
        f.write_str(state)?;
        if detail.is_empty() { Ok(()) } else { write!(f, " ({detail})") }
    }
}

/// The report on every layer, sorted by name. The audit log has it whole: a manifest can demand every one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Layers(BTreeMap<Layer, LayerState>);

impl Layers {
    /// What became of `layer`; `None` if the report ends before it was tried.
    #[must_use]
    pub fn get(&self, layer: Layer) -> Option<&LayerState> {
        self.0.get(&layer)
    }

    /// Whether `layer` is in force.
    #[must_use]
    pub fn is_active(&self, layer: Layer) -> bool {
        self.get(layer).is_some_and(LayerState::is_active)
    }

    /// Every layer of the report, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (Layer, &LayerState)> {
        self.0.iter().map(|(layer, state)| (*layer, state))
    }

    /// The first demanded layer that is not in force.
    #[must_use]
    pub fn first_missing(&self, required: &BTreeSet<Layer>) -> Option<Layer> {
        required.iter().copied().find(|layer| !self.is_active(*layer))
    }

    pub(crate) fn set(&mut self, layer: Layer, state: LayerState) {
        self.0.insert(layer, state);
    }

    pub(crate) fn active(&mut self, layer: Layer, detail: impl Into<String>) {
        self.set(layer, LayerState::Active(detail.into()));
    }

    pub(crate) fn off(&mut self, layer: Layer, detail: impl Into<String>) {
        self.set(layer, LayerState::Off(detail.into()));
    }

    pub(crate) fn unavailable(&mut self, layer: Layer, detail: impl Into<String>) {
        self.set(layer, LayerState::Unavailable(detail.into()));
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (layer, state) in self.iter() {
            writeln!(f, "{layer:<18} {state}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_read_back() {
        let names: Vec<_> = Layer::ALL.iter().map(|layer| layer.as_str()).collect();
        assert!(names.is_sorted());
        assert!(Layer::ALL.is_sorted());
        for layer in Layer::ALL {
            assert_eq!(layer.as_str().parse(), Ok(*layer));
        }
        assert_eq!("network".parse::<Layer>(), Err(UnknownLayer));
    }

    #[test]
    fn what_a_manifest_can_demand_and_what_is_reported_are_the_same_layers() {
        let demanded: BTreeSet<Layer> = SandboxLayer::ALL.into_iter().map(|layer| layer.try_into().unwrap()).collect();
        assert_eq!(demanded, Layer::ALL.iter().copied().collect());
        assert_eq!(SandboxLayer::ALL.len(), Layer::ALL.len());
        for layer in Layer::ALL {
            let known: SandboxLayer = serde_json::from_value(layer.as_str().into()).unwrap();
            assert_eq!(known.name(), layer.as_str());
        }
    }

    #[test]
    fn a_report_is_the_same_bytes_whatever_the_order_of_its_making() {
        let mut one = Layers::default();
        one.active(Layer::Seccomp, "");
        one.unavailable(Layer::MountNamespace, "EPERM");
        let mut two = Layers::default();
        two.unavailable(Layer::MountNamespace, "EPERM");
        two.active(Layer::Seccomp, "");
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(text, serde_json::to_string(&two).unwrap());
        assert_eq!(
            text,
            r#"{"mount-namespace":{"state":"unavailable","detail":"EPERM"},"seccomp":{"state":"active","detail":""}}"#
        );
        assert_eq!(serde_json::from_str::<Layers>(&text).unwrap(), one);
    }

    #[test]
    fn a_layer_that_is_off_or_absent_does_not_satisfy_a_demand() {
        let mut layers = Layers::default();
        layers.active(Layer::Seccomp, "");
        layers.off(Layer::NetworkNamespace, "not wanted");
        let demand = |layer| layers.first_missing(&BTreeSet::from([layer]));
        assert_eq!(demand(Layer::Seccomp), None);
        assert_eq!(demand(Layer::NetworkNamespace), Some(Layer::NetworkNamespace));
        assert_eq!(demand(Layer::PidNamespace), Some(Layer::PidNamespace));
    }
}
