//! A simulated machine's endorsements behind a service, a clock that stands still, and a cache.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_agent::endorser::{Clock, Endorser, EndorserConfig, FetchError};
use prism_attest::binding::{Batch, ReportData, SessionBinding};
use prism_attest::endorsements::bundle::{Authorities, Bundle, EndorsementKey, Entry, Origin};
use prism_attest::platform::simulated::{Mutations, SimulatedVendor};
use prism_attest::{AgentBinding, Endorsements, Evidence};
use prism_core::entropy::SystemEntropy;
use prism_core::hexadecimal::HexBytes;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::vendor::{Reply, Vendor};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const FMSPC: [u8; 6] = [0, 0x80, 0x6f, 5, 0, 0];
pub(crate) const TCB: &str = "/tdx/certification/v4/tcb?fmspc=00806F050000&update=standard";

/// Evidence and endorsements of one simulated machine for all tests of this process.
pub(crate) fn machine() -> &'static (Evidence, Endorsements) {
    static MACHINE: OnceLock<(Evidence, Endorsements)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
        let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap();
        let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
        let data = ReportData::compose(&Batch::new(&[session.leaf()]).unwrap().root(), &agent);
        vendor.attest(&data, &Mutations::new(Vec::new())).unwrap()
    })
}

/// A clock that only goes on when somebody waits.
#[derive(Debug)]
pub(crate) struct HandClock(Mutex<(u64, Duration, Vec<Duration>)>);

impl HandClock {
    pub(crate) fn set(&self, now: u64) {
        self.0.lock().unwrap().0 = now;
    }

    /// How long was waited, each time.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.0.lock().unwrap().2.clone()
    }
}

impl Clock for HandClock {
    fn unix(&self) -> u64 {
        self.0.lock().unwrap().0
    }

    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().1
    }

    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut time = self.0.lock().unwrap();
        time.1 += length;
        time.2.push(length);
        Box::pin(std::future::ready(()))
    }
}

pub(crate) struct Scene {
    pub(crate) vendor: Vendor,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) config: EndorserConfig,
    folder: TempDir,
}

impl Scene {
    /// A service that has nothing yet, and an endorser's configuration for it.
    pub(crate) async fn new() -> Self {
        let vendor = Vendor::start(None).await;
        let base = format!("http://127.0.0.1:{}/", vendor.port()).parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = EndorserConfig::mirror(base).with_cache(folder.path().join("cache"));
        config.authorities = authorities();
        let clock = Arc::new(HandClock(Mutex::new((NOW, Duration::ZERO, Vec::new()))));
        Self { vendor, clock, config, folder }
    }

    pub(crate) fn endorser(&self) -> Endorser {
        Endorser::with_clock(self.config.clone(), Arc::clone(&self.clock) as Arc<dyn Clock>).unwrap()
    }

    /// Asks for one thing.
    pub(crate) async fn fetch(&self, key: &EndorsementKey) -> Result<Entry, FetchError> {
        self.endorser().fetch(key, &mut |_| {}).await
    }

    /// The service gets everything that the simulated machine needs; returns the paths in the order of asking.
    pub(crate) fn stock(&self) -> Vec<String> {
        let bundle = bundle();
        let entry = |kind: &str| bundle.entries().iter().find(|entry| entry.key().kind() == kind).unwrap();
        let EndorsementKey::Vcek { product, chip, tcb } = entry("vcek").key() else { panic!("no VCEK") };
        let (chip, bl, tee) = (hex::encode(chip.as_bytes()), tcb.bootloader, tcb.tee);
        let versions = format!("blSPL={bl:02}&teeSPL={tee:02}&snpSPL={:02}&ucodeSPL={:02}", tcb.snp, tcb.microcode);
        let vcek = format!("/vcek/v1/{product}/{chip}?{versions}");
        let paths = [vcek, format!("/vcek/v1/{product}/cert_chain"), format!("/vcek/v1/{product}/crl")];
        for (path, kind) in paths.iter().zip(["vcek", "amd-chain", "amd-crl"]) {
            self.vendor.reply(path, Reply::ok("", &entry(kind).answer().bytes));
        }
        paths.into()
    }

    /// The files in the cache.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("cache")) else { return Vec::new() };
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    /// The one file in the cache.
    pub(crate) fn only_kept(&self) -> PathBuf {
        let [file] = <[_; 1]>::try_from(self.kept()).unwrap();
        file
    }
}

/// The simulated machine's bundle.
pub(crate) fn bundle() -> Bundle {
    Bundle::of_machine(&machine().1, &Origin { source: "here".to_owned(), fetched_at: NOW }).unwrap()
}

/// The key of one kind of the simulated machine's endorsements.
pub(crate) fn key(kind: &str) -> EndorsementKey {
    bundle().entries().iter().find(|entry| entry.key().kind() == kind).unwrap().key().clone()
}

pub(crate) fn tcb_info() -> EndorsementKey {
    EndorsementKey::TcbInfo { fmspc: HexBytes::new(FMSPC) }
}

/// The pretend AMD's certificates and the pretend Intel's root, beside the vendors' own.
pub(crate) fn authorities() -> Authorities {
    let parts = machine().1.as_snp().unwrap();
    let laboratories = [parts.ask.as_slice(), &parts.ark, intel().root.der()];
    laboratories.into_iter().fold(Authorities::built_in(), |authorities, der| authorities.with_file(der).unwrap())
}

/// Somebody who judges platforms as Intel does, with a root of its own.
pub(crate) struct Intel {
    root: Certificate,
    signer: Certificate,
    key: KeyPair,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub(crate) fn intel() -> &'static Intel {
    static INTEL: OnceLock<Intel> = OnceLock::new();
    INTEL.get_or_init(|| {
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut params = named("A root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = params.self_signed(&root_key).unwrap();
        let signer = named("A signer").signed_by(&key, &Issuer::new(params, &root_key)).unwrap();
        Intel { root, signer, key }
    })
}

/// Trusts the signer as if it were a root, which it is not: it may not certify anybody.
pub(crate) fn with_the_signer() -> Authorities {
    authorities().with_file(intel().signer.der()).unwrap()
}

/// An answer by somebody whom the signer certified, and the field with both certificates.
pub(crate) fn judgement_of_the_certified() -> (String, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let certified = named("Certified").signed_by(&key, &Issuer::new(named("A signer"), &intel().key)).unwrap();
    (field("TCB-Info-Issuer-Chain", &[&certified, &intel().signer]), judgement_by(&key, u64::MAX))
}

/// Intel's answer with this number.
pub(crate) fn judgement(number: u64) -> Vec<u8> {
    judgement_by(&intel().key, number)
}

fn judgement_by(key: &KeyPair, number: u64) -> Vec<u8> {
    let text = String::from_utf8(unsigned_judgement(number)).unwrap();
    let signed = text.split_once(':').unwrap().1.rsplit_once(",\"signature\"").unwrap().0;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der()).unwrap();
    let signature = key.sign(&aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes()).unwrap();
    text.replace(&"00".repeat(64), &hex::encode(signature)).into_bytes()
}

/// Intel's answer with this number; nobody signed it.
pub(crate) fn unsigned_judgement(number: u64) -> Vec<u8> {
    let dates = r#""issueDate":"2027-01-15T07:00:00Z","nextUpdate":"2027-02-14T07:00:00Z""#;
    let fmspc = hex::encode_upper(FMSPC);
    let signature = "00".repeat(64);
    format!(
        r#"{{"tcbInfo":{{"id":"TDX",{dates},"fmspc":"{fmspc}","tcbEvaluationDataNumber":{number}}},"signature":"{signature}"}}"#
    )
    .into_bytes()
}

/// A field with certificates, percent-encoded as Intel does.
pub(crate) fn issuers(name: &str) -> String {
    field(name, &[&intel().signer, &intel().root])
}

fn field(name: &str, certificates: &[&Certificate]) -> String {
    let mut pem = String::new();
    for certificate in certificates {
        let text = STANDARD.encode(certificate.der());
        write!(pem, "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").unwrap();
    }
    let encoded: String = pem
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    format!("{name}: {encoded}\r\n")
}
