//! What an upload costs: its framing against bare TLS, the whole of it against its stages alone and against the usual
//! scheme, which gathers the file in memory.
//!
//! Both ends are in this process, and the processor time is that of all its threads: it is the cost of both ends. Every
//! way has its turn in every round; medians count.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot be set up has nothing to measure; its lines are what it is for"
)]

#[path = "../../prism-agent/tests/common/mod.rs"]
mod common;
mod framing;
mod stages;
mod whole;

use bytes::Bytes;
use prism_benches::Turns;
use tokio::runtime::Runtime;

/// Bytes of one turn.
const SIZE: usize = 512 << 20;

/// The floor.
const BARE: &str = "bare rustls, 64 KiB";

/// [`SIZE`] in units of which one a second is one byte a nanosecond.
const GIGABYTES: f64 = 0.536_870_912;

/// KiB of a message, and of an HTTP/2 frame.
const FRAMES: [(usize, u32); 9] =
    [(64, 16), (128, 16), (256, 16), (512, 16), (1024, 16), (128, 64), (256, 64), (256, 260), (512, 260)];

/// What clients and agents do.
const OURS: &str = "gRPC, 256 KiB in HTTP/2 of 260";

/// Bytes that no disk or line can compress.
fn data() -> Bytes {
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(SIZE);
    while bytes.len() < SIZE {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ state >> 29).to_le_bytes());
    }
    bytes.into()
}

fn main() {
    prism_agent::runner::helper_main_if_asked();
    // `cargo test --benches` only wants to know that it builds and starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (runtime, data) = (Runtime::new().unwrap(), data());
    let dir =
        tempfile::tempdir_in(std::env::var_os("PRISM_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()))
            .unwrap();
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut ways = Ways { turns: Turns::default(), places: Vec::new(), only };
    ways.add(BARE, || framing::bare(&runtime, &data));
    for (kib, http2) in FRAMES {
        let (runtime, data) = (&runtime, &data);
        let run = move || framing::grpc(runtime, data, kib << 10, http2 << 10);
        ways.add(format!("gRPC, {kib} KiB in HTTP/2 of {http2}"), run);
    }
    ways.add("SHA-256", || stages::sha256(&data));
    ways.add("SHA3-256", || stages::sha3(&data));
    ways.add("write and synchronise", || stages::write(dir.path(), &data));
    ways.add("the usual scheme", || framing::usual(&runtime, &data, dir.path()));
    for (name, sha3, connections) in
        [("upload, SHA-256", false, 1), ("upload, SHA3-256", true, 1), ("upload, SHA-256, 2 connections", false, 2)]
    {
        let scene = whole::Scene::new(dir.path(), &data, sha3);
        let runtime = &runtime;
        ways.add_prepared(name, move || scene.prepare(runtime, connections));
    }
    ways.report();
}

/// Ways to bring [`SIZE`] bytes from here to there, those whose names contain `only`, and the floor.
struct Ways<'a> {
    turns: Turns<'a>,
    places: Vec<(String, usize)>,
    only: Option<String>,
}

impl<'a> Ways<'a> {
    fn add<T: 'a>(&mut self, name: impl Into<String>, run: impl Fn() -> T + Clone + 'a) {
        self.add_prepared(name, move || run.clone());
    }

    /// What `prepare` does is no part of the way, nor what is dropped behind it.
    fn add_prepared<T: 'a, R: FnOnce() -> T + 'a>(&mut self, name: impl Into<String>, prepare: impl FnMut() -> R + 'a) {
        let name = name.into();
        if name == BARE || self.only.as_ref().is_none_or(|only| name.contains(only)) {
            let place = self.turns.add_prepared(name.clone(), prepare);
            self.places.push((name, place));
        }
    }

    fn report(self) {
        let took = self.turns.measure();
        // Nanoseconds a byte of processor time and on the wall.
        let each = |place: usize| [took[place].processor, took[place].wall].map(|time| time.as_secs_f64() / GIGABYTES);
        println!("{} MiB; nanoseconds a byte", SIZE >> 20);
        for (name, place) in &self.places {
            let [processor, wall] = each(*place);
            println!("  {name:34} processor {processor:6.3}   wall {wall:6.3}");
        }
        let of = |name: &str| {
            let found = self.places.iter().find(|(known, _)| known == name);
            found.map_or([f64::NAN; 2], |(_, place)| each(*place))
        };
        let (bare, framed) = (of(BARE), of(OURS));
        let (sha256, sha3, write) = (of("SHA-256"), of("SHA3-256"), of("write and synchronise"));
        let (upload, upload3, usual) = (of("upload, SHA-256"), of("upload, SHA3-256"), of("the usual scheme"));
        let parts = framed[0] + sha256[0] + write[0];
        println!("  bare rustls : {OURS}, processor  {:5.2}  (target 0.80)", bare[0] / framed[0]);
        println!(
            "  upload : framing + SHA-256 + write, processor       {:5.2}  (target 1.15 at most)",
            upload[0] / parts
        );
        let slowest = framed[1].max(sha256[1]).max(write[1]);
        println!("  slowest stage alone : upload, wall                  {:5.2}  (target 0.85)", slowest / upload[1]);
        println!("  bare SHA3-256 : upload with it, wall                {:5.2}  (target 0.95)", sha3[1] / upload3[1]);
        println!("  the usual scheme : upload with SHA-256, processor   {:5.2}  (target 3)", usual[0] / upload[0]);
        println!("  the usual scheme : upload with SHA3-256, processor  {:5.2}  (target 1.8)", usual[0] / upload3[0]);
    }
}
