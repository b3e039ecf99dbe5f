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

/// A directory with one kept environment, and where that is.
fn kept() -> (tempfile::TempDir, Kept, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept::open(&folder.path().join("kept")).unwrap();
    let env = kept.keep("key", &environment(folder.path())).unwrap();
    (folder, kept, env)
}

fn is_changed(kept: &Kept) -> bool {
    matches!(kept.find("key"), Err(KeptError::Changed { .. }))
}

#[test]
fn what_was_kept_is_found_as_it_was_and_nothing_else_is() {
    let (folder, kept, env) = kept();
    assert_eq!(kept.find("key").unwrap(), Some(env.clone()));
    assert_eq!(kept.find("another").unwrap(), None);
    assert_eq!(fs::read_to_string(env.join("lib64/module.py")).unwrap(), "VALUE = 42\n");
    // Reading changes nothing, and a second run that made the same finds the first one's.
    assert_eq!(kept.keep("key", &environment(folder.path())).unwrap(), env);
    let names: Vec<_> = fs::read_dir(&kept.root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["key"]);
}

#[test]
fn every_change_is_noticed_without_reading_the_files() {
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
            fs::rename(env, env.with_file_name("old")).unwrap();
            copy(&env.with_file_name("old"), env).unwrap();
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (_folder, kept, env) = kept();
        change(&env);
        assert!(is_changed(&kept), "{number}");
    }
}

#[test]
fn what_belongs_to_somebody_else_or_others_may_write_to_is_refused() {
    let (folder, kept, env) = kept();
    fs::set_permissions(env.parent().unwrap(), Permissions::from_mode(0o775)).unwrap();
    assert!(is_changed(&kept));
    let exposed = |path: &Path| matches!(Kept::open(path), Err(KeptError::Exposed { .. }));
    fs::set_permissions(&kept.root, Permissions::from_mode(0o775)).unwrap();
    assert!(exposed(&kept.root));
    fs::set_permissions(&kept.root, Permissions::from_mode(0o755)).unwrap();
    let link = folder.path().join("link");
    symlink(&kept.root, &link).unwrap();
    assert!(exposed(&link));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(exposed(&kept.root), "whoever may write above can put another in its place");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(Kept::open(&kept.root).is_ok());
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
    let keys = [
        key("lock", Some(&plan(1)), &old),
        key("lock ", Some(&plan(1)), &old),
        key("lock", Some(&plan(2)), &old),
        key("lock", None, &old),
        key("lock", Some(&plan(1)), &interpreter("3.11.3", "/usr/bin/python3")),
        key("lock", Some(&plan(1)), &interpreter("3.11.2", "/opt/python3")),
    ];
    let different: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    assert_eq!(keys[0], key("lock", Some(&plan(1)), &old));
}
