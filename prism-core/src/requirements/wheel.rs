//! What a wheel is made for, by its name, and how well that fits an interpreter.

use std::cmp::Ordering;
use std::str::FromStr as _;

use pep440_rs::Version;

use super::{LibcKind, Target, normalized};

/// Most combinations of tags that one name may stand for; published ones have a dozen.
const COMBINATIONS_MAX: usize = 256;

/// Why a name is not that of a wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected name-version-python-abi-platform.whl, found another name; give the wheel the name it was published under"
)]
#[non_exhaustive]
pub struct WheelNameError;

/// The name of a wheel, taken apart (PEP 427).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    name: String,
    version: Version,
    build: Option<(u64, String)>,
    pythons: Vec<String>,
    abis: Vec<String>,
    platforms: Vec<String>,
}

/// How well a wheel fits, the best first: what is made for this very interpreter before what runs anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    class: u8,
    python: u32,
    platform: u32,
}

impl WheelName {
    /// Takes a file's name apart.
    ///
    /// # Errors
    /// [`WheelNameError`] when it is not a wheel's.
    pub fn read(file: &str) -> Result<Self, WheelNameError> {
        let stem = file.strip_suffix(".whl").filter(|_| file.len() <= 255).ok_or(WheelNameError)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
            [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(build), tags),
            _ => return Err(WheelNameError),
        };
        let set = |tag: &str| {
            let plain = |tag: &str| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let tags: Vec<String> = tag.split('.').map(str::to_ascii_lowercase).collect();
            if tags.iter().all(|tag| plain(tag)) { Ok(tags) } else { Err(WheelNameError) }
        };
        let [pythons, abis, platforms] = tags else { return Err(WheelNameError) };
        let (pythons, abis, platforms) = (set(pythons)?, set(abis)?, set(platforms)?);
        if pythons.len() * abis.len() * platforms.len() > COMBINATIONS_MAX {
            return Err(WheelNameError);
        }
        Ok(Self {
            name: normalized(name).ok_or(WheelNameError)?,
            version: read_version(version).ok_or(WheelNameError)?,
            build: build.map(|build| build_number(build).ok_or(WheelNameError)).transpose()?,
            pythons,
            abis,
            platforms,
        })
    }

    /// The project's normalized name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its version compares with another wheel's.
    #[must_use]
    pub fn compare_version(&self, other: &Self) -> Ordering {
        self.version.cmp(&other.version)
    }

    pub(super) const fn version(&self) -> &Version {
        &self.version
    }

    /// Whether a directory of the wheel is `{name}-{version}{suffix}`, spelled in whatever way.
    #[must_use]
    pub fn is_own_directory(&self, directory: &str, suffix: &str) -> bool {
        let stem = directory.strip_suffix(suffix).and_then(|stem| stem.split_once('-'));
        stem.is_some_and(|(name, version)| {
            normalized(name).as_deref() == Some(&self.name)
                && read_version(version).is_some_and(|version| version == self.version)
        })
    }

    /// How well it fits an interpreter, `None` when it does not.
    #[must_use]
    pub fn rank(&self, target: &Target) -> Option<Rank> {
        let mut best = None;
        for python in &self.pythons {
            for abi in &self.abis {
                for platform in &self.platforms {
                    let rank = rank(python, abi, platform, target);
                    best = [best, rank].into_iter().flatten().min();
                }
            }
        }
        best
    }

    /// Whether a wheel that says this of itself, each a `Tag:` of its `WHEEL` such as `cp311-abi3-linux_x86_64`, fits an
    /// interpreter. A file's name is given by whoever hands it out; what lies in the file is under the lock's hash. So
    /// whoever hands out a wheel of the lock that was made for another machine, under a name for this one, is found out.
    #[must_use]
    pub fn says_it_fits<'a>(mut tags: impl Iterator<Item = &'a str>, target: &Target) -> bool {
        tags.any(|tag| Self::read(&format!("x-1-{tag}.whl")).is_ok_and(|wheel| wheel.rank(target).is_some()))
    }

    /// Its build number, which decides between wheels that fit equally well: the highest is the best.
    #[must_use]
    pub fn build(&self) -> Option<(u64, &str)> {
        self.build.as_ref().map(|(number, tag)| (*number, tag.as_str()))
    }
}

/// A version as names of files spell it.
fn read_version(version: &str) -> Option<Version> {
    let plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+!".contains(&b));
    if plain { Version::from_str(&version.replace('_', "-")).ok() } else { None }
}

/// A number with an optional rest.
fn build_number(build: &str) -> Option<(u64, String)> {
    let digits = build.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = build.split_at_checked(digits)?;
    let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b));
    Some((number.parse().ok()?, plain.then(|| rest.to_owned())?))
}

/// The place of one tag in the order of PEP 425 and its reference implementation, `packaging.tags`.
fn rank(python: &str, abi: &str, platform: &str, target: &Target) -> Option<Rank> {
    let place = platform_place(platform, target)?;
    let own = target.minor();
    let native = place != ANY;
    let at = |class, python| Some(Rank { class, python, platform: place });
    // Without a global lock, with or without what helps debugging: `cp313t`, `cp313td`.
    let flags = |abi: &str| abi.trim_start_matches("cp").trim_start_matches(|c: char| c.is_ascii_digit()).contains('t');
    let threaded = target.abi.as_deref().is_some_and(flags);
    if let Some(minor) = minor_of(python, "cp3") {
        let own_abi = target.abi.as_deref()?;
        return match abi {
            _ if abi == own_abi && minor == own && native => at(0, 0),
            "abi3" if minor == own && native && !threaded => at(1, 0),
            "none" if minor == own && native => at(2, 0),
            "abi3" if (2..own).contains(&minor) && native && !threaded => at(3, own - minor),
            "none" if minor == own => at(5, 0),
            _ => None,
        };
    }
    if abi != "none" {
        return None;
    }
    let distance = match minor_of(python, "py3") {
        Some(minor) if minor == own => 0,
        Some(minor) if minor < own => 1 + own - minor,
        None if python == "py3" => 1,
        _ => return None,
    };
    at(if native { 4 } else { 6 }, distance)
}

/// `11` of `cp311`.
fn minor_of(python: &str, prefix: &str) -> Option<u32> {
    number(python.strip_prefix(prefix)?)
}

/// The one way to write a number.
fn number(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// Machines that had wheels before glibc 2.17: there is no `manylinux1_aarch64` (PEP 513, PEP 571, PEP 599).
const OLDEST_MACHINES: [&str; 2] = ["x86_64", "i686"];

/// The place of `any`.
const ANY: u32 = u32::MAX;

/// The place of a platform: made for the newest C library that fits first.
fn platform_place(platform: &str, target: &Target) -> Option<u32> {
    if platform == "any" {
        return Some(ANY);
    }
    let system = platform.strip_suffix(&target.machine)?.strip_suffix('_')?;
    if system == "linux" {
        return Some(ANY - 1);
    }
    let libc = target.libc?;
    let (kind, major, minor, legacy) = match system {
        "manylinux1" => (LibcKind::Glibc, 2, 5, 1),
        "manylinux2010" => (LibcKind::Glibc, 2, 12, 1),
        "manylinux2014" => (LibcKind::Glibc, 2, 17, 1),
        _ => {
            let (kind, version) = system.split_once('_')?;
            let (major, minor) = version.split_once('_')?;
            let kind = match kind {
                "manylinux" => LibcKind::Glibc,
                "musllinux" => LibcKind::Musl,
                _ => return None,
            };
            (kind, number(major)?, number(minor)?, 0)
        }
    };
    let oldest = match kind {
        LibcKind::Glibc if OLDEST_MACHINES.contains(&target.machine.as_str()) => 5,
        LibcKind::Glibc => 17,
        LibcKind::Musl => 0,
    };
    let fits = kind == libc.kind && major == libc.major && (oldest..=libc.minor).contains(&minor);
    fits.then(|| (libc.minor - minor).saturating_mul(2).saturating_add(legacy).min(ANY - 2))
}

#[cfg(test)]
mod tests {
    use super::super::Libc;
    use super::*;

    fn rank_of(file: &str, target: &Target) -> Option<Rank> {
        WheelName::read(file).unwrap().rank(target)
    }

    /// The order in which `packaging.tags.sys_tags()` of `CPython` 3.11 with glibc 2.36 names them.
    const ORDER: [&str; 13] = [
        "x-1-cp311-cp311-manylinux_2_36_x86_64.whl",
        "x-1-cp311-cp311-manylinux_2_17_x86_64.whl",
        "x-1-cp311-cp311-manylinux2014_x86_64.whl",
        "x-1-cp311-cp311-manylinux1_x86_64.whl",
        "x-1-cp311-cp311-linux_x86_64.whl",
        "x-1-cp311-abi3-manylinux2014_x86_64.whl",
        "x-1-cp311-none-manylinux2014_x86_64.whl",
        "x-1-cp310-abi3-manylinux2014_x86_64.whl",
        "x-1-cp36-abi3-manylinux_2_28_x86_64.whl",
        "x-1-py3-none-manylinux2014_x86_64.whl",
        "x-1-cp311-none-any.whl",
        "x-1-py311-none-any.whl",
        "x-1-py2.py3-none-any.whl",
    ];

    #[test]
    fn the_wheel_made_for_this_interpreter_comes_first() {
        let target = Target::example();
        let ranks: Vec<Rank> = ORDER.iter().map(|file| rank_of(file, &target).expect(file)).collect();
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
        assert!(rank_of("x-1-py3-none-any.whl", &target) < rank_of("x-1-py310-none-any.whl", &target));
    }

    #[test]
    fn wheels_for_others_do_not_fit() {
        let target = Target::example();
        for file in [
            "x-1-cp310-cp310-manylinux2014_x86_64.whl",
            "x-1-cp312-abi3-manylinux2014_x86_64.whl",
            "x-1-cp311-cp311t-manylinux2014_x86_64.whl",
            "x-1-cp311-cp311-manylinux_2_37_x86_64.whl",
            "x-1-cp311-cp311-manylinux_3_0_x86_64.whl",
            "x-1-cp311-cp311-manylinux2014_aarch64.whl",
            "x-1-cp311-cp311-musllinux_1_1_x86_64.whl",
            "x-1-cp311-cp311-win_amd64.whl",
            "x-1-cp311-cp311-macosx_11_0_x86_64.whl",
            "x-1-cp311-cp311-any.whl",
            "x-1-py2-none-any.whl",
            "x-1-py312-none-any.whl",
            "x-1-cp310-none-any.whl",
            "x-1-pp311-none-any.whl",
            "x-1-py3-abi3-any.whl",
            "x-1-cp0311-cp311-linux_x86_64.whl",
            "x-1-cp311-cp311d-manylinux2014_x86_64.whl",
            "x-1-cp311-abi3t-manylinux2014_x86_64.whl",
            "x-1-cp311-cp311-manylinux_02_17_x86_64.whl",
            "x-1-cp311-cp311-manylinux_2_017_x86_64.whl",
            "x-1-cp311-cp311-manylinux_2_4_x86_64.whl",
        ] {
            assert_eq!(rank_of(file, &target), None, "{file}");
        }
    }

    #[test]
    fn without_a_global_lock_only_wheels_made_for_that_fit() {
        let target = Target { full_version: "3.13.1".to_owned(), abi: Some("cp313t".to_owned()), ..Target::example() };
        assert!(rank_of("x-1-cp313-cp313t-manylinux2014_x86_64.whl", &target).is_some());
        assert!(rank_of("x-1-py3-none-any.whl", &target).is_some());
        assert_eq!(rank_of("x-1-cp313-cp313-manylinux2014_x86_64.whl", &target), None);
        assert_eq!(rank_of("x-1-cp310-abi3-manylinux2014_x86_64.whl", &target), None);
    }

    #[test]
    fn what_helps_debugging_is_another_interface_and_knows_the_stable_one() {
        let target =
            |abi: &str| Target { full_version: "3.13.1".to_owned(), abi: Some(abi.to_owned()), ..Target::example() };
        let plain = "x-1-cp313-cp313-manylinux2014_x86_64.whl";
        let stable = "x-1-cp310-abi3-manylinux2014_x86_64.whl";
        assert_eq!(rank_of(plain, &target("cp313d")), None);
        assert!(rank_of(stable, &target("cp313d")).is_some());
        for unlocked in ["cp313td", "cp313t"] {
            assert_eq!((rank_of(plain, &target(unlocked)), rank_of(stable, &target(unlocked))), (None, None));
        }
        assert!(rank_of("x-1-cp313-cp313td-manylinux2014_x86_64.whl", &target("cp313td")).is_some());
        assert_eq!(rank_of("x-1-cp313-cp313td-manylinux2014_x86_64.whl", &target("cp313t")), None);
    }

    #[test]
    fn machines_younger_than_a_tag_have_no_wheels_of_it() {
        let arm = Target { machine: "aarch64".to_owned(), ..Target::example() };
        for (system, known) in
            [("manylinux1", false), ("manylinux2010", false), ("manylinux_2_12", false), ("manylinux2014", true)]
        {
            let of = |machine: &str, target| rank_of(&format!("x-1-cp311-cp311-{system}_{machine}.whl"), target);
            assert_eq!(of("aarch64", &arm).is_some(), known, "{system}");
            assert!(of("x86_64", &Target::example()).is_some(), "{system}");
        }
    }

    #[test]
    fn a_wheel_fits_by_what_it_says_of_itself() {
        let fits = |tags: &[&str]| WheelName::says_it_fits(tags.iter().copied(), &Target::example());
        assert!(fits(&["cp310-cp310-linux_x86_64", "cp311-cp311-linux_x86_64"]));
        assert!(fits(&["py2.py3-none-any"]) && fits(&["CP311-abi3-manylinux1_x86_64"]));
        for tags in
            [&[][..], &["cp311-cp311-musllinux_1_2_x86_64"], &["cp312-cp312-linux_x86_64"], &["py3-none"], &["a-b-c-d"]]
        {
            assert!(!fits(tags), "{tags:?}");
        }
    }

    #[test]
    fn a_name_stands_for_a_bounded_number_of_tags() {
        let many = |count| vec!["py3"; count].join(".");
        let read = |count| WheelName::read(&format!("x-1-{}-{}-any.whl", many(count), many(count)));
        assert!(read(16).is_ok());
        assert_eq!(read(17), Err(WheelNameError));
    }

    #[test]
    fn musl_takes_wheels_for_musl_and_an_unknown_library_none() {
        let musl = Target { libc: Some(Libc { kind: LibcKind::Musl, major: 1, minor: 2 }), ..Target::example() };
        assert!(rank_of("x-1-cp311-cp311-musllinux_1_2_x86_64.whl", &musl).is_some());
        assert_eq!(rank_of("x-1-cp311-cp311-musllinux_1_3_x86_64.whl", &musl), None);
        assert_eq!(rank_of("x-1-cp311-cp311-manylinux2014_x86_64.whl", &musl), None);
        let unknown = Target { libc: None, ..Target::example() };
        assert_eq!(rank_of("x-1-cp311-cp311-manylinux2014_x86_64.whl", &unknown), None);
        assert!(rank_of("x-1-cp311-cp311-linux_x86_64.whl", &unknown).is_some());
    }

    #[test]
    fn another_implementation_gets_wheels_without_compiled_code_only() {
        let target = Target { implementation: "pypy".to_owned(), abi: None, ..Target::example() };
        assert!(rank_of("x-1-py3-none-any.whl", &target).is_some());
        assert_eq!(rank_of("x-1-cp311-cp311-manylinux2014_x86_64.whl", &target), None);
    }

    #[test]
    fn names_are_taken_apart_and_others_refused() {
        let wheel = WheelName::read("Scikit_Learn-1.0.0_1-2b-py3-none-any.whl").unwrap();
        assert_eq!((wheel.name(), wheel.build()), ("scikit-learn", Some((2, "b"))));
        assert!(wheel.is_own_directory("scikit_learn-1.0.post1.dist-info", ".dist-info"));
        assert!(!wheel.is_own_directory("scikit_learn-1.1.dist-info", ".dist-info"));
        assert!(!wheel.is_own_directory("scikit-learn-1.0.post1.dist-info", ".dist-info"));
        for file in [
            "x-1-py3-none-any.zip",
            "x-1-none-any.whl",
            "x-1-y-py3-none-any.whl",
            "x-one-py3-none-any.whl",
            "-1-py3-none-any.whl",
            "x-1-py3..py2-none-any.whl",
            "../x-1-py3-none-any.whl",
            "x- 1\n-py3-none-any.whl",
            "x-1-2-3-py3-none-any.whl",
        ] {
            assert_eq!(WheelName::read(file), Err(WheelNameError), "{file}");
        }
    }
}
