use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A root for an image, and beside it what must not be touched.
struct Ground {
    dir: TempDir,
}

fn path(name: &str) -> ImagePath {
    ImagePath::read(name.as_bytes()).unwrap().unwrap()
}

impl Ground {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/secret"), "secret").unwrap();
        Self { dir }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    fn with<T>(&self, act: impl FnOnce(&mut ImageFolder<'_>) -> T) -> T {
        let mut take = |_| Ok(());
        let done = act(&mut ImageFolder::open(&self.root(), 1000, &mut take).unwrap());
        let names: Vec<_> = fs::read_dir(self.outside()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"], "nothing was made or removed outside");
        let secret = fs::metadata(self.outside().join("secret")).unwrap();
        assert_eq!((secret.len(), secret.nlink()), (6, 1), "nothing was changed or linked outside");
        done
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root().join(name)).unwrap()
    }
}

fn file(sink: &mut ImageFolder<'_>, name: &str, text: &str) -> io::Result<()> {
    write(sink, name, text, 0o644, 7)
}

fn write(sink: &mut ImageFolder<'_>, name: &str, text: &str, mode: u32, modified: u64) -> io::Result<()> {
    let terms = FileTerms::new(text.len() as u64, mode, modified);
    let mut writer = sink.file(&path(name), terms)?;
    writer.write_all(text.as_bytes())?;
    writer.flush()
}

#[test]
fn an_entry_below_a_link_that_leads_outside_stays_inside() {
    let ground = Ground::new();
    let outside = ground.outside().display().to_string();
    for (number, target) in [outside, "../outside".to_owned(), "..".to_owned(), "/".to_owned()].into_iter().enumerate()
    {
        ground.with(|sink| {
            let link = format!("link{number}");
            sink.symlink(&path(&link), target.as_bytes()).unwrap();
            let _ = file(sink, &format!("{link}/new"), "x");
            let _ = file(sink, &format!("{link}/outside/new"), "x");
            let _ = sink.directory(&path(&format!("{link}/folder")), 0o777);
            let _ = sink.directory(&path(&link), 0o777);
            sink.symlink(&path(&link), target.as_bytes()).unwrap();
            let _ = sink.symlink(&path(&format!("{link}/secret")), b"x");
            let _ = sink.remove(&path(&format!("{link}/secret")));
            let _ = sink.clear(Some(&path(&link)));
        });
    }
    // Up from the root is the root.
    ground.with(|sink| file(sink, "link2/up", "up").unwrap());
    assert_eq!(ground.text("up"), "up");
}

#[test]
fn a_link_to_a_file_outside_is_replaced_and_not_written_through() {
    let ground = Ground::new();
    let secret = ground.outside().join("secret").display().to_string();
    ground.with(|sink| {
        sink.symlink(&path("file"), secret.as_bytes()).unwrap();
        file(sink, "file", "mine").unwrap();
    });
    assert_eq!(ground.text("file"), "mine");
    assert!(fs::symlink_metadata(ground.root().join("file")).unwrap().is_file());
}

#[test]
fn a_hard_link_reaches_nothing_outside() {
    let ground = Ground::new();
    let outside = ground.outside().display().to_string();
    ground.with(|sink| {
        sink.symlink(&path("out"), outside.as_bytes()).unwrap();
        sink.symlink(&path("up"), b"../outside").unwrap();
        for target in ["out/secret", "up/secret", outside.trim_start_matches('/')] {
            assert!(sink.hard_link(&path("stolen"), &path(target)).is_err(), "{target}");
        }
        assert!(sink.hard_link(&path("stolen"), &path(&format!("{outside}/secret"))).is_err());
        // The link itself may have another name; it is still a link.
        sink.hard_link(&path("other"), &path("out")).unwrap();
        sink.directory(&path("folder"), 0o755).unwrap();
        assert!(sink.hard_link(&path("stolen"), &path("folder")).is_err());
    });
    assert!(!ground.root().join("stolen").exists());
}

#[test]
fn links_of_the_image_itself_are_followed_inside() {
    let ground = Ground::new();
    ground.with(|sink| {
        sink.directory(&path("usr/lib"), 0o755).unwrap();
        sink.symlink(&path("lib"), b"/usr/lib").unwrap();
        file(sink, "lib/libc.so", "c").unwrap();
        sink.hard_link(&path("lib/libc.so.6"), &path("lib/libc.so")).unwrap();
        sink.hard_link(&path("lib/libc.so.6"), &path("usr/lib/libc.so")).unwrap();
        sink.remove(&path("lib/absent")).unwrap();
    });
    assert_eq!(ground.text("usr/lib/libc.so.6"), "c");
    assert_eq!(fs::metadata(ground.root().join("usr/lib/libc.so")).unwrap().nlink(), 2);
}

#[test]
fn a_later_entry_takes_the_place_of_an_earlier_one() {
    let ground = Ground::new();
    ground.with(|sink| {
        file(sink, "a/b/c", "deep").unwrap();
        file(sink, "a", "file").unwrap();
        file(sink, "a", "again").unwrap();
        sink.directory(&path("a"), 0o700).unwrap();
        file(sink, "a/x", "x").unwrap();
        sink.directory(&path("a"), 0o755).unwrap();
    });
    assert_eq!(ground.text("a/x"), "x", "a folder that is there keeps what is in it");
    assert!(!ground.root().join("a/b").exists());
    assert_eq!(fs::metadata(ground.root().join("a")).unwrap().mode() & 0o7777, 0o755);
    assert!(ground.with(|sink| file(sink, "a/x/y", "below a file")).is_err());
}

#[test]
fn what_a_layer_hides_is_gone() {
    let ground = Ground::new();
    ground.with(|sink| {
        for name in ["a/b/c", "a/d", "e/f"] {
            file(sink, name, "x").unwrap();
        }
        sink.symlink(&path("l"), b"e").unwrap();
        sink.remove(&path("a/b")).unwrap();
        sink.remove(&path("nothing/here")).unwrap();
        sink.clear(Some(&path("l"))).unwrap();
    });
    assert!(!ground.root().join("a/b").exists() && ground.root().join("a/d").exists());
    assert_eq!(ground.text("e/f"), "x", "a link is not what is hidden");
    ground.with(|sink| {
        sink.clear(Some(&path("a"))).unwrap();
        file(sink, "a/new", "n").unwrap();
    });
    assert!(!ground.root().join("a/d").exists() && ground.root().join("a/new").exists());
    ground.with(|sink| sink.clear(None).unwrap());
    assert_eq!(fs::read_dir(ground.root()).unwrap().count(), 0);
}

#[test]
fn the_owner_can_read_and_change_everything_and_times_are_kept() {
    let ground = Ground::new();
    ground.with(|sink| {
        write(sink, "closed", "x", 0, 1_700_000_000).unwrap();
        write(sink, "program", "x", 0o755, u64::MAX).unwrap();
        sink.directory(&path("folder"), 0).unwrap();
    });
    let meta = |name: &str| fs::metadata(ground.root().join(name)).unwrap();
    assert_eq!((meta("closed").mode() & 0o7777, meta("closed").mtime()), (0o600, 1_700_000_000));
    assert_eq!(meta("program").mode() & 0o7777, 0o755);
    assert_eq!(meta("folder").mode() & 0o7777, 0o700);
}

#[test]
fn links_cannot_lead_deeper_than_names_may() {
    let ground = Ground::new();
    let deep = vec!["d"; 50].join("/");
    let ended = ground.with(|sink| {
        sink.directory(&path(&deep), 0o755)?;
        for number in 0..4 {
            let target = if number == 0 { format!("/{deep}") } else { format!("/l{}/{deep}", number - 1) };
            sink.symlink(&path(&format!("l{number}")), target.as_bytes())?;
            sink.directory(&path(&format!("l{number}/{deep}")), 0o755)?;
        }
        Ok::<_, io::Error>(())
    });
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn links_in_a_circle_end() {
    let ground = Ground::new();
    ground.with(|sink| {
        sink.symlink(&path("a"), b"b").unwrap();
        sink.symlink(&path("b"), b"a").unwrap();
        assert!(file(sink, "a/x", "x").is_err());
    });
}

#[test]
fn folders_that_no_entry_names_are_counted_and_take_room() {
    let ground = Ground::new();
    let attempt = |name: &str, implied: u64, most: u64| {
        let mut taken = 0;
        let mut take = |bytes: u64| {
            taken += bytes;
            if taken > most { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        let done = file(&mut ImageFolder::open(&ground.root(), implied, &mut take).unwrap(), name, "12345");
        (done.map_err(|error| error.kind()), taken)
    };
    assert_eq!(attempt("a/b/c/file", 3, u64::MAX), (Ok(()), 4 * BLOCK + 5));
    assert_eq!(attempt("x/y/z/file", 2, u64::MAX), (Err(io::ErrorKind::InvalidInput), 2 * BLOCK));
    assert_eq!(attempt("f", 0, BLOCK + 4), (Err(io::ErrorKind::StorageFull), BLOCK + 5));
}

#[test]
fn names_are_bytes() {
    let ground = Ground::new();
    ground.with(|sink| {
        let name = ImagePath::read(b"caf\xe9\n").unwrap().unwrap();
        sink.symlink(&name, b"x").unwrap();
        file(sink, "README", "1").unwrap();
        file(sink, "readme", "2").unwrap();
    });
    assert!(fs::symlink_metadata(ground.root().join(OsStr::from_bytes(b"caf\xe9\n"))).unwrap().is_symlink());
    assert_eq!((ground.text("README"), ground.text("readme")), ("1".to_owned(), "2".to_owned()));
}

#[test]
fn arguments_of_the_manifest_take_the_place_of_the_images() {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut config = ImageConfig::default();
    assert!(matches!(command(&config, &[]), Err(RunError::Spec { .. })));
    config.cmd = words(&["b", "c"]);
    assert_eq!(command(&config, &[]).unwrap(), ["b", "c"]);
    assert_eq!(command(&config, &words(&["x"])).unwrap(), ["x"]);
    config.entrypoint = words(&["a"]);
    assert_eq!(command(&config, &[]).unwrap(), ["a", "b", "c"]);
    assert_eq!(command(&config, &words(&["x"])).unwrap(), ["a", "x"]);
    config.entrypoint = words(&[""]);
    assert!(command(&config, &[]).is_err());
}
