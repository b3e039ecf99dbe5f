//! Uploads over lines that break all the time, and many at once. A program of its own: it listens to what all agents in
//! it say about their hashing.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

#[path = "client/cable.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod cable;
#[path = "client/people.rs"]
#[expect(dead_code, reason = "every test program uses another part")]
mod people;

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, Once};

use prism_agent::client::{Client, Progress, Session};
use prism_agent::files::{Source, measure_file};
use prism_agent::server::Agent;
use prism_core::audit::entry::Event;
use prism_core::digest::{Digest, Hasher};
use prism_core::manifest::Dataset;
use tokio::task::JoinSet;

use cable::Cable;
use common::Computation;
use common::computation::{name, now};
use people::{join, source};

const SIZE: usize = 24 << 20;

/// What agents said, line by line.
static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Said;

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Said).init());
}

/// The lines about assets of this size that were hashed.
fn hashed(size: usize) -> Vec<String> {
    let said = String::from_utf8(SAID.lock().unwrap().clone()).unwrap();
    let size = format!("size={size} ");
    said.lines()
        .filter(|line| line.contains("an asset was hashed") && line.contains(&size))
        .map(str::to_owned)
        .collect()
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    (0..size / 4).flat_map(|_| numbers.below(u64::MAX).to_le_bytes().into_iter().take(4)).collect()
}

fn one_asset(seed: u64) -> Computation {
    Computation::with(|manifest, assets| {
        let bytes = bytes(seed, SIZE);
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (Digest::sha256(&bytes), SIZE as u64);
        assets.insert("h1", bytes);
    })
}

/// Breaks that come before a whole frame has crossed bring nothing, and several of them may come in a row.
async fn join_patiently(cable: &Cable, computation: &Computation) -> Session {
    let mut options = people::options(computation.dir.path(), "hospital-1");
    options.retry.attempts = 16;
    let connecting = Client::connect(&cable.address.to_string(), &computation.signed, options).await.unwrap();
    let channel = connecting.attest(now()).await.unwrap();
    channel.authenticate(people::key(computation, "hospital-1")).await.unwrap()
}

/// One upload over a cable that breaks so often.
async fn cut_upload(seed: u64, cuts: usize) {
    let computation = one_asset(seed);
    let agent = computation.start().await;
    let mut numbers = Numbers(seed);
    // The first connection has to be one; afterwards they break wherever it happens, handshakes included.
    let places: Vec<u64> = (0..cuts).map(|cut| numbers.below(1_500_000) + u64::from(cut == 0) * 100_000).collect();
    let cable = Cable::to(agent.local_addr(), places).await;
    let session = join_patiently(&cable, &computation).await;
    let (mut last, mut again) = (Progress::default(), 0);
    let receipt = session.upload("h1", source(&computation, "h1"), None, |now| {
        again = again.max(last.sent.saturating_sub(now.sent));
        last = now;
    });
    let receipt = receipt.await.unwrap();
    let Event::AssetAccepted(body) = &receipt.entry().event else { panic!("{receipt:?}") };
    assert_eq!(body.digest, Digest::sha256(&computation.assets["h1"]));
    assert!(cable.connections() > cuts as u64, "only {} connections", cable.connections());
    assert!(again <= 8 << 20, "{again} bytes were sent again after one break");
    // What crossed the cable and was of no use: half-sent frames, and handshakes.
    let carried = cable.carried() - SIZE as u64;
    assert!(carried < cuts as u64 * (1 << 20), "{carried} bytes more than the asset were carried");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cut_at_two_hundred_places_always_resumes_and_no_byte_is_hashed_twice() {
    listen();
    let mut uploads = JoinSet::new();
    (1..=8).for_each(|seed| drop(uploads.spawn(cut_upload(seed, 25))));
    while let Some(done) = uploads.join_next().await {
        done.unwrap();
    }
    let lines = hashed(SIZE);
    assert_eq!(lines.len(), 8, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("read_back=0")), "{lines:?}");
}

const MANY: usize = 64;
const SMALL: usize = 2 << 20;

/// Sixty-four datasets of one hospital, each with its own bytes: as much as one participant may bring at once.
fn many() -> Computation {
    Computation::with(|manifest, assets| {
        manifest.datasets.retain(|dataset| dataset.provider == name("hospital-2"));
        let of_one: Vec<_> = (0..MANY)
            .map(|number| {
                let asset: &'static str = format!("d{number}").leak();
                let bytes = bytes(number as u64, SMALL);
                let dataset = Dataset {
                    name: name(asset),
                    provider: name("hospital-1"),
                    digest: Digest::sha256(&bytes),
                    size: SMALL as u64,
                    unpack: false,
                    path: name(asset),
                    source: None,
                };
                assets.insert(asset, bytes);
                dataset
            })
            .collect();
        manifest.datasets.extend(of_one);
    })
}

/// One client's share: four uploads at once over one connection.
async fn share(client: usize, agent: &Agent, computation: &Computation) -> Vec<u64> {
    let session = join(agent.local_addr(), computation, "hospital-1").await;
    let numbers = (0..MANY).filter(|number| number % 16 == client).map(|number| format!("d{number}"));
    let mut uploads = JoinSet::new();
    for asset in numbers {
        let (session, source) = (session.clone(), source(computation, &asset));
        uploads.spawn(async move { session.upload(&asset, source, None, |_| {}).await.unwrap().proof().index() });
    }
    uploads.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_uploads_at_once_from_sixteen_clients_are_all_accepted() {
    listen();
    let computation = many();
    let agent = computation.start().await;
    let shares = (0..16).map(|client| share(client, &agent, &computation));
    let mut entries: Vec<u64> = all(shares.collect()).await.into_iter().flatten().collect();
    entries.sort_unstable();
    entries.dedup();
    assert_eq!(entries.len(), MANY, "one entry for each");
    assert_eq!(hashed(SMALL).len(), MANY);
    agent.shutdown().await;
}

/// Bytes of a file beyond what 32 bits count.
const BEYOND: u64 = 5 << 30;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes 5 GiB: cargo test -p prism-agent --test endurance -- --ignored"]
async fn a_sparse_file_beyond_four_gibibytes_is_accepted_over_a_line_that_breaks_beyond_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(BEYOND).unwrap();
    file.write_all_at(b"beyond", (4 << 30) + 7).unwrap();
    let measured = measure_file(&path, Hasher::sha256(), &mut |_| {}).unwrap();
    let computation = Computation::with(|manifest, _| {
        (manifest.datasets[0].digest, manifest.datasets[0].size) = (measured.digest, BEYOND);
    });
    let agent = computation.start().await;
    let cable = Cable::to(agent.local_addr(), [(4 << 30) + (300 << 20)]).await;
    let session = join(cable.address, &computation, "hospital-1").await;
    let mut resumed = 0;
    let mut last = Progress::default();
    let upload = session.upload("h1", Source::open(&path).unwrap(), None, |now| {
        resumed = if now.sent < last.sent { now.sent } else { resumed };
        last = now;
    });
    upload.await.unwrap();
    assert!(resumed > 4 << 30, "{resumed}");
    agent.shutdown().await;
}

/// Waits for all of them, which go on at the same time.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in &mut waiting {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if waiting.iter().all(|(_, done)| done.is_some()) { ().into() } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, done)| done).collect()
}
