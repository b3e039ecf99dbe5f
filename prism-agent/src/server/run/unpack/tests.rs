use std::fs;
use std::os::unix::fs::PermissionsExt;

use prism_core::archive::Packer;
use tempfile::TempDir;

use super::*;

struct Scene {
    dir: TempDir,
    room: Arc<Room>,
    limits: Limits,
    cancel: CancellationToken,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("disk")).unwrap();
        let room = Room::new(dir.path().join("disk"), u64::MAX);
        Self { dir, room, limits: Limits::default(), cancel: CancellationToken::new() }
    }

    fn unpacker(&self) -> Unpacker<'_> {
        Unpacker { room: &self.room, limits: &self.limits, cancel: &self.cancel }
    }

    fn unpack(&self, archive: &[u8]) -> Result<(), UnpackAssetError> {
        let path = self.dir.path().join("h1");
        fs::write(&path, archive).unwrap();
        self.unpacker().unpack(&path, &self.dir.path().join("out"))
    }

    fn folder(&self) -> Folder<'_> {
        let claim = self.room.claim(LOOK_EVERY * 2, 1).unwrap();
        Folder { root: self.dir.path(), claim, cancel: &self.cancel, taken: 0, looked: 0, full: None }
    }
}

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new());
    for (name, content) in files {
        packer.file(name, &mut &**content).unwrap();
    }
    packer.finish().unwrap()
}

fn path(text: &str) -> SafePath {
    SafePath::new(text).unwrap()
}

#[test]
fn what_is_unpacked_is_there_and_readable_by_its_user_only() {
    let scene = Scene::new();
    scene.unpack(&packed(&[("a/b", b"1"), ("c", b"")])).unwrap();
    let mode = |name: &str| fs::metadata(scene.dir.path().join("out").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("a"), mode("a/b"), mode("c")), (0o700, 0o700, 0o600, 0o600));
    assert_eq!(fs::read(scene.dir.path().join("out/a/b")).unwrap(), b"1");
}

#[test]
fn nothing_is_made_of_an_archive_that_is_none() {
    let scene = Scene::new();
    let error = scene.unpack(b"PK what").unwrap_err();
    assert!(matches!(error, UnpackAssetError::Unsafe { .. }), "{error:?}");
    assert_eq!(error.code(), Code::ArchiveUnsafe);
    assert!(!scene.dir.path().join("out").exists());
}

#[test]
fn an_archive_is_not_even_checked_to_its_end_when_the_run_is_stopped() {
    let scene = Scene::new();
    scene.cancel.cancel();
    // The reader is asked first: what is wrong with the archive is not found any more.
    let error = scene.unpack(b"PK what").unwrap_err();
    assert!(matches!(error, UnpackAssetError::Stopped { .. }), "{error:?}");
    let file = File::open(scene.dir.path().join("h1")).unwrap();
    assert!(Stoppable { reader: file, cancel: &scene.cancel }.read(&mut [0; 8]).is_err());
}

#[test]
fn a_stop_ends_unpacking_at_every_folder_file_and_piece() {
    let scene = Scene::new();
    let mut folder = scene.folder();
    let mut file = folder.file(&path("before"), 8).unwrap();
    file.write_all(b"1").unwrap();
    file.flush().unwrap();
    file.write_all(b"2").unwrap();
    scene.cancel.cancel();
    assert!(file.flush().is_err());
    drop(file);
    assert!(folder.directory(&path("folder")).is_err());
    assert!(folder.file(&path("after"), 0).is_err());
    assert_eq!(fs::read(scene.dir.path().join("before")).unwrap(), b"1");
    assert!(!scene.dir.path().join("folder").exists() && !scene.dir.path().join("after").exists());
}

#[test]
fn the_disk_is_looked_at_again_while_bytes_come() {
    let scene = Scene::new();
    let mut folder = scene.folder();
    // What the system says of it cannot be learnt any more.
    fs::remove_dir(scene.dir.path().join("disk")).unwrap();
    let mut file = folder.file(&path("large"), LOOK_EVERY).unwrap();
    let half = vec![0; usize::try_from(LOOK_EVERY / 2).unwrap()];
    file.write_all(&half).unwrap();
    assert!(file.write_all(&half).is_err());
    drop(file);
    assert!(folder.full.is_some());
}

#[test]
fn a_system_that_refuses_is_no_fault_of_the_archive() {
    let scene = Scene::new();
    fs::create_dir(scene.dir.path().join("out")).unwrap();
    let error = scene.unpack(&packed(&[("a", b"1")])).unwrap_err();
    assert!(matches!(error, UnpackAssetError::Disk { .. }), "{error:?}");
    assert_eq!(error.code(), Code::FileIo);
}

#[test]
fn no_room_says_how_much_is_needed() {
    let mut scene = Scene::new();
    scene.room = Room::new(scene.dir.path().join("disk"), 8192);
    let error = scene.unpack(&packed(&[("a/b", b"1")])).unwrap_err();
    assert_eq!(error.code(), Code::AgentFull);
    let text = error.to_string();
    assert!(text.contains("8193 bytes with its 2 files and folders"), "{text}");
    assert!(!scene.dir.path().join("out").exists());
}
