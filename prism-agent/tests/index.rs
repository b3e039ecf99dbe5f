//! The agent's own questions to a package index, over real TLS: nothing but what the lock names is ever taken.
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

#[path = "index/shelf.rs"]
mod shelf;
#[path = "pull/tls.rs"]
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prism_agent::client::RetryPolicy;
use prism_agent::index::{Fetched, IndexError, PackageIndex, fetch};
use prism_agent::runner::{Plan, RequirementsError};
use prism_core::code::{Code, Coded as _};
use prism_core::digest::Digest;
use prism_core::requirements::{Libc, LibcKind, Lock, Target};
use shelf::{Act, Shelf, authority};
use tempfile::TempDir;

const PROBE: &str = "probe-1.0-py3-none-any.whl";

fn target() -> Target {
    Target {
        full_version: "3.11.7".to_owned(),
        implementation: "cpython".to_owned(),
        abi: Some("cp311".to_owned()),
        machine: "x86_64".to_owned(),
        libc: Some(Libc { kind: LibcKind::Glibc, major: 2, minor: 36 }),
    }
}

/// An index with these files, a folder to fetch into, and a lock of all of them.
struct World {
    shelf: Shelf,
    index: PackageIndex,
    lock: String,
    into: TempDir,
    most: u64,
    heard: Arc<Mutex<Vec<String>>>,
}

impl World {
    async fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs::write(folder.path().join(file), content).unwrap();
        }
        let lock = lock(files);
        let shelf = Shelf::open(folder.path()).await;
        let mut index: PackageIndex = shelf.url().parse().unwrap();
        index.extra_roots = vec![authority().root.clone()];
        index.retry = RetryPolicy { attempts: 3, first: Duration::ZERO, longest: Duration::ZERO };
        let (into, heard) = (tempfile::tempdir().unwrap(), Arc::default());
        Self { shelf, index, lock, into, most: 1 << 30, heard }
    }

    /// One wheel of 300 000 bytes.
    async fn probe() -> Self {
        Self::with(&[(PROBE, &content())]).await
    }

    async fn fetch(&self) -> Result<Plan, RequirementsError> {
        let lock = Lock::read(&self.lock).unwrap();
        let heard = Arc::clone(&self.heard);
        let hear = move |fetched: Fetched<'_>| {
            if let Fetched::Wheel(file) = fetched {
                heard.lock().unwrap().push(file.to_owned());
            }
        };
        fetch(&self.index, (&lock, &target()), self.into.path(), self.most, Arc::new(hear)).await
    }

    fn fetched(&self) -> PathBuf {
        self.into.path().join(PROBE)
    }

    fn ranges(&self) -> Vec<Option<String>> {
        let asked = self.shelf.asked().into_iter().filter(|asked| asked.path.starts_with("/files/"));
        asked.map(|asked| asked.range).collect()
    }

    /// The page of the project `probe`, with other words.
    fn say(&self, change: impl FnOnce(String) -> String) {
        let page = String::from_utf8(self.shelf.take("/simple/probe/")).unwrap();
        self.shelf.put("/simple/probe/", "application/vnd.pypi.simple.v1+json", change(page).into_bytes());
    }
}

/// A lock of version 1.0 of everything that there are files of.
fn lock(files: &[(&str, &[u8])]) -> String {
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    for (file, content) in files {
        let name = file.split('-').next().unwrap();
        let line = lines.entry(name).or_insert_with(|| format!("{name}==1.0"));
        write!(line, " --hash=sha256:{}", Digest::sha256(content).to_hex()).unwrap();
    }
    lines.into_values().collect::<Vec<_>>().join("\n")
}

fn content() -> Vec<u8> {
    (0..=250).cycle().take(300_000).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_package_is_fetched_by_name_and_planned_in_the_order_of_names() {
    let world = World::with(&[
        ("zeta-1.0-py3-none-any.whl", b"z"),
        ("alpha-1.0-py3-none-any.whl", b"a"),
        ("mid-1.0-py3-none-any.whl", b"m"),
        ("b-1.0-py3-none-any.whl", b"b"),
        ("c-1.0-py3-none-any.whl", b"c"),
    ])
    .await;
    let plan = world.fetch().await.unwrap();
    let names: Vec<&str> = plan.files.iter().map(|file| file.split('-').next().unwrap()).collect();
    assert_eq!(names, ["alpha", "b", "c", "mid", "zeta"]);
    for (file, hash) in plan.files.iter().zip(&plan.hashes) {
        assert_eq!(Digest::sha256(&fs::read(world.into.path().join(file)).unwrap()).as_bytes(), hash);
    }
    assert_eq!(world.heard.lock().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_wheel_that_the_lock_names_is_asked_for_and_no_other() {
    let native = "probe-1.0-cp311-cp311-manylinux_2_17_x86_64.whl";
    let mut world = World::with(&[
        (PROBE, b"any"),
        (native, b"native"),
        ("probe-1.0-cp311-cp311-win_amd64.whl", b"windows"),
        ("probe-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", b"newer"),
    ])
    .await;
    assert_eq!(world.fetch().await.unwrap().files, [native]);
    // Agreed on is the wheel for everyone only.
    world.lock = format!("probe==1.0 --hash=sha256:{}", Digest::sha256(b"any").to_hex());
    assert_eq!(world.fetch().await.unwrap().files, [PROBE]);
    let files: Vec<_> =
        world.shelf.asked().into_iter().map(|asked| asked.path).filter(|path| path.starts_with("/files")).collect();
    assert_eq!(files, [format!("/files/{native}"), format!("/files/{PROBE}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_index_does_not_have_or_has_for_others_only_is_refused() {
    let world = World::with(&[("probe-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", b"x")]).await;
    assert!(matches!(world.fetch().await, Err(RequirementsError::NoneFits { package, .. }) if package == "probe"));
    let mut world = World::probe().await;
    world.lock = world.lock.replace("==1.0", "==1.1");
    assert!(matches!(world.fetch().await, Err(RequirementsError::Absent { package, .. }) if package == "probe"));
    world.lock = world.lock.replace("probe==1.1", "other==1.0");
    let error = world.fetch().await.unwrap_err();
    assert!(
        matches!(&error, RequirementsError::Index(IndexError::Page { package, .. }) if package == "other"),
        "{error:?}"
    );
    assert_eq!(world.ranges(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_the_lock_does_not_name_are_refused_whatever_the_index_says() {
    let world = World::probe().await;
    world.shelf.put(&format!("/files/{PROBE}"), "application/octet-stream", vec![7; 300_000]);
    assert!(matches!(world.fetch().await, Err(RequirementsError::HashMismatch { file }) if file == PROBE));
    assert!(world.heard.lock().unwrap().is_empty());
    // An index that admits it is not even asked for the file.
    let asked = world.ranges().len();
    world.say(|page| page.replace(&Digest::sha256(&content()).to_hex(), &"0".repeat(64)));
    assert!(matches!(world.fetch().await, Err(RequirementsError::HashMismatch { .. })));
    assert_eq!(world.ranges().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_in_html_that_says_no_hashes_will_do() {
    let world = World::probe().await;
    let page = format!("<a href=\"../../files/{PROBE}\">{PROBE}</a><a href='../../files/probe-1.0.tar.gz'>x</a>");
    world.shelf.put("/simple/probe/", "text/html", page.into_bytes());
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.fetched()).unwrap(), content());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let world = World::probe().await;
    let page = || Act::Status(503);
    world.shelf.plan([page(), Act::Status(429)]);
    world.fetch().await.unwrap();
    assert_eq!(world.ranges(), [None]);
    let world = World::probe().await;
    world.shelf.plan([honest(), Act::Cut(100_000), Act::Cut(50_000)]);
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.fetched()).unwrap(), content());
    let ranges = world.ranges();
    assert!(ranges.len() == 3 && ranges[0].is_none() && ranges[1..].iter().all(Option::is_some), "{ranges:?}");
}

/// Why there is no file, all reasons together.
fn why(error: &RequirementsError) -> String {
    let first: &dyn std::error::Error = error;
    let all = std::iter::successors(Some(first), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_breaks_off_in_the_same_place_again_and_again_is_given_up() {
    let wheel: Vec<u8> = content().repeat(16);
    let world = World::with(&[(PROBE, &wheel)]).await;
    let rounds = std::iter::repeat_n([Act::Cut(2 << 20), Act::Whole], 50).flatten();
    world.shelf.plan([honest()].into_iter().chain(rounds));
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(error, RequirementsError::Index(IndexError::File { .. })), "{error:?}");
    assert!(world.ranges().len() <= 6, "{}", world.ranges().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_sends_much_in_vain_is_given_up() {
    let wheel: Vec<u8> = content().repeat(64);
    let world = World::with(&[(PROBE, &wheel)]).await;
    let rounds = (1..18).flat_map(|mebibytes| [Act::Cut(mebibytes << 20), Act::Status(416)]);
    world.shelf.plan([honest()].into_iter().chain(rounds));
    let error = world.fetch().await.unwrap_err();
    assert!(
        matches!(error, RequirementsError::Index(IndexError::Wasteful { again, .. }) if again < 64 << 20),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_with_one_name_the_one_that_the_lock_names_is_taken() {
    let world = World::probe().await;
    world.say(|page| {
        let (before, files) = page.split_once('[').unwrap();
        let other = files.split_once("}}").unwrap().0.replace(&Digest::sha256(&content()).to_hex(), &"0".repeat(64));
        format!("{before}[{}}}}},{files}", other.replace("../../files/", "../../elsewhere/"))
    });
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.fetched()).unwrap(), content());
}

#[tokio::test(flavor = "multi_thread")]
async fn references_of_html_are_relative_to_its_base() {
    let world = World::probe().await;
    let page = format!("<base href='/files/'><a href='{PROBE}'>{PROBE}</a>");
    world.shelf.put("/simple/probe/", "text/html", page.into_bytes());
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.fetched()).unwrap(), content());
    let page = format!("<base href='https://example.org/'><a href='{PROBE}'>{PROBE}</a>");
    world.shelf.put("/simple/probe/", "text/html", page.into_bytes());
    let error = world.fetch().await.unwrap_err();
    assert!(why(&error).contains("example.org") && why(&error).contains("--index-allow"), "{}", why(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lets_nobody_in_says_what_opens_it() {
    let world = World::probe().await;
    for status in [401, 403] {
        world.shelf.plan([Act::Status(status)]);
        let said = why(&world.fetch().await.unwrap_err());
        assert!(said.contains(&status.to_string()) && said.contains("password in --index"), "{said}");
    }
}

/// An act that changes nothing: the next one is for the next request.
fn honest() -> Act {
    Act::Whole
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gives_no_parts_is_asked_for_the_whole_again() {
    let world = World::probe().await;
    world.shelf.plan([honest(), Act::Cut(100_000), Act::Whole]);
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.fetched()).unwrap(), content());
    let ranges = world.ranges();
    assert!(ranges.len() == 3 && ranges[1].is_some() && ranges[2].is_none(), "{ranges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_never_comes_is_given_up() {
    let world = World::probe().await;
    world.shelf.plan([honest(), Act::Cut(10), Act::Cut(10), Act::Cut(10), Act::Cut(10), Act::Cut(10)]);
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(&error, RequirementsError::Index(IndexError::File { file, .. }) if file == PROBE), "{error:?}");
    assert_eq!(world.ranges().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_sending_is_noticed() {
    let mut world = World::probe().await;
    world.index.answer_within = Duration::from_secs(1);
    world.shelf.plan([honest(), Act::Stall(1000)]);
    world.fetch().await.unwrap();
    assert_eq!(fs::read(world.fetched()).unwrap(), content());
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_within_the_list_and_no_further() {
    let world = World::probe().await;
    world.shelf.put("/elsewhere", "application/octet-stream", content());
    world.shelf.plan([honest(), Act::Redirect("/elsewhere".to_owned())]);
    world.fetch().await.unwrap();
    for to in ["https://example.org/x", "http://127.0.0.1/x", "https://127.0.0.1:1/x", "//example.org/x"] {
        world.shelf.plan([honest(), Act::Redirect(to.to_owned())]);
        let error = world.fetch().await.unwrap_err();
        assert!(matches!(error, RequirementsError::Index(IndexError::File { .. })), "{to}: {error:?}");
    }
    let before = world.shelf.asked().len();
    world.shelf.plan(std::iter::repeat_n(Act::Redirect("/simple/probe/".to_owned()), 100));
    let said = why(&world.fetch().await.unwrap_err());
    assert!(said.contains("after at most 5 redirects"), "{said}");
    assert_eq!(world.shelf.asked().len() - before, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_lie_at_another_host_are_fetched_from_hosts_of_the_list_only_and_without_the_password() {
    let mut world = World::probe().await;
    let files = World::probe().await;
    let elsewhere = format!("https://{}/files/{PROBE}", files.shelf.address);
    world.say(|page| page.replace(&format!("../../files/{PROBE}"), &elsewhere));
    world.index = with_password(&world.index, &world.shelf);
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(error, RequirementsError::Index(IndexError::File { .. })), "{error:?}");
    assert!(files.shelf.asked().is_empty());
    world.index.files = vec![files.shelf.address.to_string().parse().unwrap()];
    world.fetch().await.unwrap();
    let sent = |shelf: &Shelf| shelf.asked().into_iter().map(|asked| asked.authorization).collect::<BTreeSet<_>>();
    assert_eq!(sent(&world.shelf), [Some("Basic dXNlcjpodXNo".to_owned())].into());
    assert_eq!(sent(&files.shelf), [None].into());
}

/// The same index with `user:hush`.
fn with_password(index: &PackageIndex, shelf: &Shelf) -> PackageIndex {
    let mut with: PackageIndex = shelf.url().replace("https://", "https://user:hush@").parse().unwrap();
    with.extra_roots.clone_from(&index.extra_roots);
    with.retry = index.retry;
    with
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_an_end_and_files_larger_than_there_may_be_are_refused() {
    let mut world = World::probe().await;
    world.shelf.plan([Act::Endless]);
    assert!(matches!(world.fetch().await, Err(RequirementsError::Index(IndexError::PageTooLong { .. }))));
    world.most = 299_999;
    assert!(matches!(world.fetch().await, Err(RequirementsError::Index(IndexError::TooLarge { limit: 299_999, .. }))));
    assert!(fs::metadata(world.fetched()).unwrap().len() <= 299_999);
    world.most = 300_000;
    world.fetch().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_for_which_the_disk_has_no_room_is_not_asked_for() {
    let world = World::probe().await;
    world.say(|page| page.replace("\"filename\"", "\"size\":1152921504606846976,\"filename\""));
    let error = world.fetch().await.unwrap_err();
    assert!(
        matches!(&error, RequirementsError::Index(IndexError::NoRoom { needed, .. }) if *needed > 1 << 60),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::AgentFull, "the lock is right, the agent's disk is full");
    assert_eq!(world.ranges(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_is_refused() {
    let world = World::probe().await;
    for (kind, page) in [
        ("application/octet-stream", "{}"),
        ("application/vnd.pypi.simple.v1+json", "{}"),
        ("application/vnd.pypi.simple.v1+json", r#"{"meta":{"api-version":"2.0"},"files":[]}"#),
    ] {
        world.shelf.plan([Act::Instead(kind, page.as_bytes().to_vec())]);
        let error = world.fetch().await.unwrap_err();
        assert!(matches!(error, RequirementsError::Index(IndexError::Page { .. })), "{kind} {page}: {error:?}");
    }
    // A name that would lead out of the folder is no wheel's.
    world.say(|page| page.replace(&format!("\"filename\":\"{PROBE}"), &format!("\"filename\":\"../{PROBE}")));
    assert!(matches!(world.fetch().await, Err(RequirementsError::Absent { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_nobody_vouches_for_is_not_asked() {
    let mut world = World::probe().await;
    world.index.extra_roots.clear();
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(error, RequirementsError::Index(_)), "{error:?}");
    assert!(world.shelf.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_waiting_ends_the_downloads() {
    let world = World::probe().await;
    world.shelf.plan([honest(), Act::Stall(1000)]);
    tokio::select! {
        _ = world.fetch() => panic!("it cannot end"),
        () = world.shelf.asked_for(2) => {}
    }
    // Nobody asks again, and what came stays as it was.
    world.shelf.plan([honest()]);
    assert_eq!(world.shelf.asked().len(), 2);
}
