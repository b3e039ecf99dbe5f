use std::os::unix::fs::lchown;

use prism_core::requirements::Target;

use super::*;

fn environment(folder: &Path) -> PathBuf {
    let env = folder.join("made");
    fs::create_dir_all(env.join("lib")).unwrap();
    fs::write(env.join("lib/module.py"), "VALUE = 42\n").unwrap();
    symlink("lib", env.join("lib64")).unwrap();
    env
}

fn always() -> Until {
    Until { cancel: CancellationToken::new(), deadline: None }
}

fn wheels() -> Digest {
    Digest::sha256(b"wheels")
}

/// A directory for environments, opened with a key of its own.
fn open(root: &Path, most_bytes: u64) -> Kept {
    let keep = KeepEnvironments { most_bytes, ..KeepEnvironments::new(root) };
    Kept::open_with(&keep, MachineKey::generate().unwrap()).unwrap()
}

/// A directory with one kept environment, and where that is.
fn kept() -> (tempfile::TempDir, Kept, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let kept = open(&folder.path().join("kept"), 1 << 20);
    let env = kept.keep(("key", wheels()), &environment(folder.path()), &always()).unwrap().unwrap();
    (folder, kept, env.path)
}

fn found(kept: &Kept, name: &str) -> Option<PathBuf> {
    kept.find(name, &always()).unwrap().map(|environment| environment.path)
}

fn is_changed(kept: &Kept) -> bool {
    matches!(kept.find("key", &always()), Err(KeptError::Changed { .. }))
}

fn names(kept: &Kept) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(&kept.root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_kept_is_found_as_it_was_and_nothing_else_is() {
    let (folder, kept, env) = kept();
    assert_eq!(found(&kept, "key"), Some(env.clone()));
    assert_eq!(kept.find("key", &always()).unwrap().unwrap().wheels, wheels());
    assert_eq!(found(&kept, "another"), None);
    assert_eq!(fs::read_to_string(env.join("lib64/module.py")).unwrap(), "VALUE = 42\n");
    // Reading changes nothing, and a second run that made the same finds the first one's.
    let again = kept.keep(("key", wheels()), &environment(folder.path()), &always()).unwrap().unwrap();
    assert_eq!(again.path, env);
    assert_eq!(names(&kept), ["key"]);
}

#[test]
fn every_change_is_noticed() {
    let changes: [fn(&Path); 9] = [
        |env| fs::write(env.join("lib/module.py"), "VALUE = 43\n").unwrap(),
        |env| fs::write(env.join("lib/new.py"), "").unwrap(),
        |env| fs::remove_file(env.join("lib/module.py")).unwrap(),
        |env| fs::set_permissions(env.join("lib/module.py"), Permissions::from_mode(0o755)).unwrap(),
        |env| fs::set_permissions(env.join("lib"), Permissions::from_mode(0o777)).unwrap(),
        |env| fs::hard_link(env.join("lib/module.py"), env.join("../outside")).unwrap(),
        |env| {
            fs::remove_file(env.join("lib64")).unwrap();
            symlink("/tmp", env.join("lib64")).unwrap();
        },
        |env| fs::rename(env.join("lib/module.py"), env.join("lib/other.py")).unwrap(),
        |env| {
            let seal = fs::read_to_string(env.with_file_name(SEAL)).unwrap();
            let other = seal.replace(&wheels().to_hex(), &Digest::sha256(b"others").to_hex());
            fs::write(env.with_file_name(SEAL), other).unwrap();
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (_folder, kept, env) = kept();
        change(&env);
        assert!(is_changed(&kept), "{number}");
    }
}

#[test]
fn a_change_from_outside_that_leaves_everything_the_kernel_says_is_noticed() {
    let (_folder, kept, env) = kept();
    let (file, before) = (env.join("lib/module.py"), fs::metadata(env.join("lib/module.py")).unwrap());
    fs::write(&file, "VALUE = 43\n").unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&file).unwrap();
    assert_eq!((before.ino(), before.len(), before.mode()), (after.ino(), after.len(), after.mode()));
    assert!(is_changed(&kept));
}

#[test]
fn an_environment_under_another_name_is_refused() {
    let (_folder, kept, env) = kept();
    fs::rename(env.parent().unwrap(), kept.root.join("other")).unwrap();
    assert!(matches!(kept.find("other", &always()), Err(KeptError::Changed { .. })));
}

#[test]
fn what_an_earlier_boot_sealed_is_removed_and_made_again() {
    let (folder, kept, _) = kept();
    let next = open(&kept.root, 1 << 20);
    assert_eq!(found(&next, "key"), None);
    assert_eq!(names(&next), [""; 0]);
    assert!(next.keep(("key", wheels()), &environment(folder.path()), &always()).unwrap().is_some());
    assert!(found(&next, "key").is_some());
}

#[test]
fn what_was_not_used_for_longest_makes_way_unless_a_run_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    // Each of them has 11 bytes.
    let kept = open(&folder.path().join("kept"), 30);
    let keep = |name: &str| {
        let environment = kept.keep((name, wheels()), &environment(folder.path()), &always()).unwrap().unwrap();
        kept.make_way(name);
        environment
    };
    let used = |name: &str, seconds: u64| {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        File::open(kept.root.join(name).join(SEAL)).unwrap().set_modified(time).unwrap();
    };
    drop((keep("a"), keep("b")));
    used("a", 2);
    used("b", 1);
    drop(keep("c"));
    assert_eq!(names(&kept), ["a", "c"]);
    used("c", 3);
    let running = kept.find("a", &always()).unwrap();
    used("a", 2);
    drop(keep("d"));
    assert_eq!(names(&kept), ["a", "d"], "a is in use");
    drop(running);
    let small = open(&kept.root, 10);
    assert!(small.keep(("e", wheels()), &environment(folder.path()), &always()).unwrap().is_none());
    assert!(folder.path().join("made").exists(), "what is too large to be kept stays where it is");
}

#[test]
fn what_nobody_can_find_any_more_makes_way_first() {
    let (folder, kept, _) = kept();
    let other = open(&kept.root, 1 << 20);
    let theirs = other.keep(("theirs", wheels()), &environment(folder.path()), &always()).unwrap();
    let (unsealed, torn) = (kept.root.join("0".repeat(64)), kept.root.join("1".repeat(64)));
    for place in [&unsealed, &torn, &kept.root.join("lost+found")] {
        fs::create_dir_all(place.join(ENVIRONMENT)).unwrap();
    }
    fs::write(torn.join(SEAL), "{").unwrap();
    kept.make_way("key");
    assert_eq!(names(&kept), ["key", "lost+found", "theirs"], "theirs is in use, and one is no environment");
    drop(theirs);
    kept.make_way("key");
    assert_eq!(names(&kept), ["key", "lost+found"]);
}

#[test]
fn an_environment_that_cannot_be_kept_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("kept");
    let (kept, other) = (open(&root, 1 << 20), open(&root, 1 << 20));
    let made = environment(folder.path());
    let keep = || kept.keep(("key", wheels()), &made, &always());
    let theirs = other.keep(("key", wheels()), &made, &always()).unwrap();
    environment(folder.path());
    assert!(keep().unwrap().is_none(), "another agent has the name under another key");
    assert!(made.join("lib/module.py").exists());
    drop(theirs);
    fs::hard_link(made.join("lib/module.py"), made.join("lib/twice.py")).unwrap();
    assert!(matches!(keep(), Err(KeptError::Io { .. })), "a file that has another name cannot be sealed");
    assert!(made.join("lib/twice.py").exists());
    fs::remove_file(made.join("lib/twice.py")).unwrap();
    assert_eq!(found(&kept, "key"), None);
    assert!(keep().unwrap().is_some());
    assert_eq!(names(&kept), ["key"]);
}

#[test]
fn one_without_a_seal_is_none() {
    let (_folder, kept, env) = kept();
    fs::remove_file(env.with_file_name(SEAL)).unwrap();
    assert_eq!(found(&kept, "key"), None);
}

#[test]
fn keeping_and_comparing_end_when_the_run_does() {
    let (folder, kept, _) = kept();
    let made = environment(folder.path());
    let stopped = always();
    stopped.cancel.cancel();
    let late = Until { deadline: Some(Instant::now()), ..always() };
    assert!(matches!(kept.find("key", &stopped), Err(KeptError::Stopped { .. })));
    assert!(matches!(kept.find("key", &late), Err(KeptError::Late { .. })));
    assert!(matches!(kept.keep(("new", wheels()), &made, &late), Err(KeptError::Late { .. })));
    assert!(copy_until(&environment(folder.path()), &folder.path().join("copy"), &stopped).is_err());
    assert_eq!(names(&kept), ["key"]);
}

#[test]
fn what_a_dead_agent_left_half_made_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("kept/prism-run-00000000000000ff");
    fs::create_dir_all(half.join("new")).unwrap();
    open(&folder.path().join("kept"), 1);
    assert!(!half.exists());
}

#[test]
fn what_belongs_to_somebody_else_or_others_may_write_to_is_refused() {
    let (folder, kept, env) = kept();
    fs::set_permissions(env.parent().unwrap(), Permissions::from_mode(0o775)).unwrap();
    assert!(is_changed(&kept));
    let exposed = |path: &Path| matches!(Kept::open(&KeepEnvironments::new(path)), Err(KeptError::Exposed { .. }));
    fs::set_permissions(&kept.root, Permissions::from_mode(0o775)).unwrap();
    assert!(exposed(&kept.root));
    fs::set_permissions(&kept.root, Permissions::from_mode(0o755)).unwrap();
    let link = folder.path().join("link");
    symlink(&kept.root, &link).unwrap();
    assert!(exposed(&link));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(exposed(&kept.root), "whoever may write above can put another in its place");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(Kept::open(&KeepEnvironments::new(&kept.root)).is_ok());
    if rustix::process::geteuid().is_root() {
        lchown(&kept.root, Some(64_321), None).unwrap();
        assert!(exposed(&kept.root));
    }
}

#[test]
fn environments_of_other_things_have_other_names() {
    let interpreter = |version: &str, executable: &str| Interpreter {
        executable: executable.into(),
        prefix: "/usr".into(),
        target: Target {
            full_version: version.to_owned(),
            implementation: "cpython".to_owned(),
            abi: None,
            machine: "x86_64".to_owned(),
            libc: None,
        },
    };
    let (old, plan) =
        (interpreter("3.11.2", "/usr/bin/python3"), |hash| Plan { hashes: vec![[hash; 32]], ..Plan::default() });
    let (mut elsewhere, mut with_libc) = (old.clone(), old.clone());
    "aarch64".clone_into(&mut elsewhere.target.machine);
    with_libc.target.libc = serde_json::from_str(r#"{"kind":"glibc","major":2,"minor":36}"#).unwrap();
    let keys = [
        key("lock", Some(&plan(1)), &old),
        key("lock ", Some(&plan(1)), &old),
        key("lock", Some(&plan(2)), &old),
        key("lock", None, &old),
        key("lock", Some(&plan(1)), &interpreter("3.11.3", "/usr/bin/python3")),
        key("lock", Some(&plan(1)), &interpreter("3.11.2", "/opt/python3")),
        key("lock", None, &interpreter("3.11.3", "/usr/bin/python3")),
        key("lock", None, &interpreter("3.11.2", "/opt/python3")),
        key("lock", None, &elsewhere),
        key("lock", None, &with_libc),
    ];
    let different: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    assert_eq!(keys[0], key("lock", Some(&plan(1)), &old));
}
