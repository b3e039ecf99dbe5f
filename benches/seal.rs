//! Sealing and opening: ours against Go's age, the `age` crate and the parts it is made of. From a file in the page
//! cache to the null device; processor time of all threads, medians of an odd number of turns in one run.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]
#![expect(clippy::print_stdout, reason = "a bench reports")]

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::x25519;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use prism_benches::{Median, Turns};
use prism_core::digest::Hasher;
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{CobblestoneKey, Context, Identity, Opener, RecipientKind, Sealer};

const SIZE: u64 = 1 << 30;
/// Plaintext bytes that an age file may add for each byte, and for each recipient.
const OVERHEAD: (f64, f64) = (0.0003, 1700.0);

struct Bench {
    plain: PathBuf,
    sealed: PathBuf,
    cobblestone: PathBuf,
    identity: Identity,
    peer: x25519::Identity,
    key: CobblestoneKey,
    context: Context,
}

impl Bench {
    fn set_up() -> Self {
        let at = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let identity = Identity::generate(RecipientKind::X25519, &mut SystemEntropy::default()).unwrap();
        let bench = Self {
            plain: at("plain"),
            sealed: at("plain.age"),
            cobblestone: at("plain.cobblestone"),
            peer: identity.to_text().parse().unwrap(),
            identity,
            key: CobblestoneKey::generate(&mut SystemEntropy::default()).unwrap(),
            context: Context::asset(&"h1".parse().unwrap()),
        };
        let mut noise = File::open("/dev/urandom").unwrap().take(SIZE);
        std::io::copy(&mut noise, &mut File::create(&bench.plain).unwrap()).unwrap();
        bench.seal(1, None, &mut File::create(&bench.sealed).unwrap());
        bench.seal_cobblestone(&mut File::create(&bench.cobblestone).unwrap());
        std::fs::write(at("identity"), bench.identity.to_text().as_bytes()).unwrap();
        bench
    }

    fn seal(&self, workers: usize, hasher: Option<Hasher>, to: &mut (impl Write + Send)) {
        let recipients = [self.identity.recipient().clone()];
        let mut sealer = Sealer::to(&recipients).workers(NonZeroUsize::new(workers).unwrap());
        if let Some(hasher) = hasher {
            sealer = sealer.digest(hasher);
        }
        sealer.seal(File::open(&self.plain).unwrap(), &mut SystemEntropy::default(), to).unwrap();
    }

    fn open(&self, workers: usize) {
        let opener = Opener::with(&self.identity).workers(NonZeroUsize::new(workers).unwrap());
        opener.open(File::open(&self.sealed).unwrap(), null()).unwrap();
    }

    fn seal_cobblestone(&self, to: &mut (impl Write + Send)) {
        let sealer = Sealer::cobblestone(&self.key, &self.context);
        sealer.seal(File::open(&self.plain).unwrap(), &mut SystemEntropy::default(), to).unwrap();
    }

    fn open_cobblestone(&self) {
        let opener = Opener::cobblestone(&self.key, &self.context);
        opener.open(File::open(&self.cobblestone).unwrap(), null()).unwrap();
    }

    fn crate_seal(&self) {
        let to: &dyn age::Recipient = &self.peer.to_public();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(to)).unwrap();
        let mut writer = encryptor.wrap_output(null()).unwrap();
        pour(&mut File::open(&self.plain).unwrap(), &mut writer);
        writer.finish().unwrap();
    }

    fn crate_open(&self) {
        let decryptor =
            age::Decryptor::new_buffered(std::io::BufReader::new(File::open(&self.sealed).unwrap())).unwrap();
        let identities = std::iter::once(&self.peer as &dyn age::Identity);
        pour(&mut decryptor.decrypt(identities).unwrap(), &mut null());
    }

    /// Go's program, from file to null device as ours.
    fn program(&self, opens: bool) {
        let mut age = Command::new("age");
        if opens {
            age.args(["-d", "-i"]).arg(self.plain.with_file_name("identity")).arg(&self.sealed);
        } else {
            age.arg("-r").arg(self.identity.recipient().to_string()).arg(&self.plain);
        }
        assert!(age.stdout(Stdio::from(null())).status().unwrap().success());
    }

    fn hash(&self) {
        let mut hasher = Hasher::sha256();
        let (mut file, mut buffer) = (File::open(&self.plain).unwrap(), vec![0; 256 << 10]);
        while let read @ 1.. = file.read(&mut buffer).unwrap() {
            hasher.update(&buffer[..read]);
        }
    }

    /// The reads that sealing and hashing share.
    fn read(&self) {
        pour(&mut File::open(&self.plain).unwrap(), &mut std::io::sink());
    }
}

/// The bare cipher over as many bytes, in chunks of `length` that stay in the processor's cache.
fn bare(algorithm: &'static Algorithm, length: usize) {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32]).unwrap());
    let mut chunk = vec![0; length];
    for _ in 0..SIZE / length as u64 {
        let nonce = Nonce::assume_unique_for_key([7; NONCE_LEN]);
        let _ = std::hint::black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut chunk).unwrap());
    }
}

fn null() -> File {
    File::create("/dev/null").unwrap()
}

fn pour(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = vec![0; 256 << 10];
    while let read @ 1.. = from.read(&mut buffer).unwrap() {
        to.write_all(&buffer[..read]).unwrap();
    }
}

fn against_peers(bench: &Bench) {
    let go = Command::new("age").arg("--version").output();
    let go = go.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let mut turns = Turns::default();
    let seal = turns.add("seal, age, one worker", || bench.seal(1, None, &mut null()));
    let open = turns.add("open, age, one worker", || bench.open(1));
    let seal_cobblestone = turns.add("seal, Cobblestone-256, one worker", || bench.seal_cobblestone(&mut null()));
    let open_cobblestone = turns.add("open, Cobblestone-256, one worker", || bench.open_cobblestone());
    let chacha = turns.add("ChaCha20-Poly1305 alone, 64 KiB", || bare(&CHACHA20_POLY1305, 64 << 10));
    let aes = turns.add("AES-256-GCM alone, 16 KiB", || bare(&AES_256_GCM, 16 << 10));
    let read = turns.add("reading alone", || bench.read());
    let crate_seal = turns.add("seal, age crate", || bench.crate_seal());
    let crate_open = turns.add("open, age crate", || bench.crate_open());
    let program = go.is_ok().then(|| {
        let seal = turns.add("seal, age program", || bench.program(false));
        (seal, turns.add("open, age program", || bench.program(true)))
    });
    let took = turns.measure();
    print!("{took}");
    println!("  seal: {:.2} x the age crate", took[crate_seal].over(took[seal]));
    println!("  open: {:.2} x the age crate", took[crate_open].over(took[open]));
    match (program, go) {
        (Some((program_seal, program_open)), Ok(version)) => {
            println!("  seal: {:.2} x age {version}", took[program_seal].over(took[seal]));
            println!("  open: {:.2} x age {version}", took[program_open].over(took[open]));
        }
        _ => println!("  skipped: there is no program age to compare with"),
    }
    println!("  Cobblestone-256, seal: {:.2} x our age", took[seal].over(took[seal_cobblestone]));
    let with_reading = |cipher: usize| (took[cipher].processor + took[read].processor).as_secs_f64();
    println!("  this machine's ciphers with reading: {:.2}", with_reading(chacha) / with_reading(aes));
    println!("  Cobblestone-256, open: {:.2} x our age", took[open].over(took[open_cobblestone]));
}

fn in_one_pass(bench: &Bench) {
    let mut turns = Turns::default();
    let both = turns.add("seal and SHA-256 in one pass", || bench.seal(1, Some(Hasher::sha256()), &mut null()));
    let two = turns.add("the same, two workers", || bench.seal(2, Some(Hasher::sha256()), &mut null()));
    let seal = turns.add("seal alone", || bench.seal(1, None, &mut null()));
    let hash = turns.add("SHA-256 alone", || bench.hash());
    let read = turns.add("reading alone", || bench.read());
    let took = turns.measure();
    print!("{took}");
    let parts = (took[seal].processor + took[hash].processor).saturating_sub(took[read].processor);
    println!(
        "  one pass: {:.2} x the sum of its parts, read once",
        took[both].processor.as_secs_f64() / parts.as_secs_f64()
    );
    println!("  two workers: {:.2} x the sum of its parts", took[two].processor.as_secs_f64() / parts.as_secs_f64());
}

fn over_processors(bench: &Bench) {
    let mut turns = Turns::default();
    let counts = [1, 2].map(|workers| {
        let seal = turns.add("seal, age", move || bench.seal(workers, None, &mut null()));
        (seal, turns.add("open, age", move || bench.open(workers)))
    });
    let took = turns.measure();
    let [(seal, open), (seal_two, open_two)] = counts;
    let faster = |one: Median, two: Median| one.wall.as_secs_f64() / two.wall.as_secs_f64();
    println!("  seal: two workers {:.2} x one in wall time", faster(took[seal], took[seal_two]));
    println!("  open: two workers {:.2} x one in wall time", faster(took[open], took[open_two]));
}

fn size(bench: &Bench) {
    let sealed = std::fs::metadata(&bench.sealed).unwrap().len();
    let added = sealed - SIZE;
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes")]
    let (allowed, share) = (SIZE as f64 * OVERHEAD.0 + OVERHEAD.1, added as f64 / SIZE as f64);
    println!("  {added} bytes added to {SIZE}: {:.4} %, {allowed:.0} allowed", share * 100.0);
}

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let bench = Bench::set_up();
    println!("\n1 GiB from the page cache to the null device");
    against_peers(&bench);
    in_one_pass(&bench);
    over_processors(&bench);
    size(&bench);
}
