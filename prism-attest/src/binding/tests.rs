use prism_core::audit::tree::TreeHash;

use super::*;
use crate::finding::{Check, Notes};

/// The published case `vectors/protocol-v1.json`, written out so that it is checked wherever the code is.
const BINDING: &str = "707269736d2f6167656e742f76310000000010000102030405060708090a0b0c0d0e0f0000002c302a300506032b65700321008a875fff1eb38451577acd5afee405456568dd7c89e090863a0557bc7af49f170000005a707269736d2e6578616d706c652f72756e2f386331663563316539643062346636662f312b37643364363631612b4165704b624750696e46494b7676565165784d7578666d5652336175767235376b6b4965366d6b5552744973000000201ee04b8f0c1bf58b557e655ce452bfb08b109b3842e81695b553a5974bf48c56";
const REPORT_DATA: &str = "b00233ec8d28497bc406ff1951e14aa72be9cfaa58bf0ae24e9d31a47afe3a5b117516db03fa405abd241ad4f8e6f17ffe091810352d3e57a6dfe8e8205b14cb";
const SPKI: &str = "302a300506032b65700321008a875fff1eb38451577acd5afee405456568dd7c89e090863a0557bc7af49f17";
const VKEY: &str = "prism.example/run/8c1f5c1e9d0b4f6f/1+7d3d661a+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

fn manifest() -> Digest {
    Digest::sha256(br#"{"v":1,"computation":"8c1f5c1e9d0b4f6f"}"#)
}

fn agent() -> AgentBinding {
    let boot_id = std::array::from_fn(|at| u8::try_from(at).unwrap());
    AgentBinding::new(boot_id, hex::decode(SPKI).unwrap(), VKEY.to_owned(), Some(manifest())).unwrap()
}

fn session() -> SessionBinding {
    SessionBinding { exporter: [0xee; 32], client_nonce: [0xc1; 32], agent_nonce: [0xa1; 32] }
}

fn live() -> LiveBinding {
    LiveBinding {
        tls_spki: agent().tls_spki().to_vec(),
        manifest: ExpectedManifest::Exactly(manifest()),
        exporter: [0xee; 32],
        client_nonce: [0xc1; 32],
        claim: BindingClaim { agent: agent().encode(), agent_nonce: [0xa1; 32], path: BatchPath::alone() },
    }
}

fn check(expected: &ExpectedBinding, report_data: &ReportData) -> (Bound, Vec<Check>) {
    let mut notes = Notes::default();
    let bound = expected.check(report_data.as_bytes(), &mut notes);

    (bound, notes.into_findings().unmet().map(|finding| finding.check).collect())
}

fn published() -> ReportData {
    ReportData::compose(&session().leaf(), &agent())
}

#[test]
fn the_published_case_comes_out_byte_for_byte() {
    assert_eq!(hex::encode(agent().encode()), BINDING);
    assert_eq!(hex::encode(published().as_bytes()), REPORT_DATA);
    assert_eq!(AgentBinding::decode(&hex::decode(BINDING).unwrap()), Ok(agent()));
}

#[test]
fn a_binding_tells_its_parts() {
    let agent = agent();
    assert_eq!(hex::encode(agent.boot_id()), "000102030405060708090a0b0c0d0e0f");
    assert_eq!((hex::encode(agent.tls_spki()).as_str(), agent.log_vkey()), (SPKI, VKEY));
    assert_eq!(agent.manifest(), Some(manifest()));
    let hash = TreeHash::from_bytes([7; 32]);
    let path = BatchPath::new(3, 5, vec![hash]).unwrap();
    assert_eq!((path.index(), path.size(), path.hashes()), (3, 5, &[hash][..]));
}

#[test]
fn a_binding_has_at_most_its_size() {
    let of = |spki: usize| AgentBinding::new([0; 16], vec![1; spki], "log".to_owned(), None);
    let rest = of(1).unwrap().encode().len() - 1;
    let longest = of(AGENT_BINDING_MAX - rest).unwrap();
    assert_eq!(longest.encode().len(), AGENT_BINDING_MAX);
    assert_eq!(AgentBinding::decode(&longest.encode()), Ok(longest.clone()));
    assert!(matches!(of(AGENT_BINDING_MAX - rest + 1), Err(BindingError::Size { .. })));
    let mut longer = longest.encode();
    longer.push(0);
    assert_eq!(AgentBinding::decode(&longer), Err(BindingError::Size { found: AGENT_BINDING_MAX + 1 }));
}

#[test]
fn a_binding_without_a_manifest_reads_back() {
    let agent = AgentBinding::new([3; 16], vec![1], "log".to_owned(), None).unwrap();
    assert_eq!(AgentBinding::decode(&agent.encode()), Ok(agent));
}

#[test]
fn bytes_that_no_agent_writes_are_refused() {
    let good = agent().encode();
    for end in 0..good.len() {
        assert!(AgentBinding::decode(&good[..end]).is_err(), "{end}");
    }
    let mut bad = vec![[good.as_slice(), &[0]].concat(), good[1..].to_vec(), b"prism/agent/v2\0".to_vec()];
    let mut huge_length = good.clone();
    huge_length[15] = 0xff;
    let mut long_boot_id = good.clone();
    long_boot_id[18] = 17;
    bad.extend([huge_length, long_boot_id]);
    for bytes in bad {
        assert!(AgentBinding::decode(&bytes).is_err());
    }
}

#[test]
fn an_agent_that_names_itself_badly_is_refused() {
    let new = |spki: Vec<u8>, vkey: &str, manifest| AgentBinding::new([0; 16], spki, vkey.to_owned(), manifest);
    assert_eq!(new(vec![1], "", None), Err(BindingError::LogKey));
    assert_eq!(new(vec![1], "a b", None), Err(BindingError::LogKey));
    assert_eq!(new(vec![1], "ä", None), Err(BindingError::LogKey));
    assert!(matches!(new(vec![], "a", None), Err(BindingError::Size { .. })));
    assert!(matches!(new(vec![1; AGENT_BINDING_MAX], "a", None), Err(BindingError::Size { .. })));
    let sha3 = Digest::from_bytes(DigestAlgorithm::Sha3_256, [0; 32]);
    assert_eq!(new(vec![1], "a", Some(sha3)), Err(BindingError::ManifestDigest(DigestAlgorithm::Sha3_256)));
}

#[test]
fn the_right_binding_is_confirmed() {
    assert_eq!(check(&ExpectedBinding::live(live()), &published()), (Bound::Channel(agent()), vec![]));
    assert_eq!(check(&ExpectedBinding::recorded(agent().encode()), &published()), (Bound::Recorded(agent()), vec![]));
    let whole = ExpectedBinding::foreign(*published().as_bytes());
    assert_eq!(check(&whole, &published()), (Bound::Foreign, vec![]));
}

#[test]
fn another_channel_moment_or_manifest_is_refused_by_name() {
    let cases = [
        (LiveBinding { exporter: [0; 32], ..live() }, Check::BindingSession),
        (LiveBinding { client_nonce: [0; 32], ..live() }, Check::BindingSession),
        (LiveBinding { tls_spki: vec![1], ..live() }, Check::BindingChannelKey),
        (LiveBinding { manifest: ExpectedManifest::NoneYet, ..live() }, Check::BindingManifest),
        (LiveBinding { manifest: ExpectedManifest::Exactly(Digest::sha256(b"")), ..live() }, Check::BindingManifest),
        (LiveBinding { claim: BindingClaim { agent_nonce: [0; 32], ..live().claim }, ..live() }, Check::BindingSession),
    ];
    for (live, failed) in cases {
        assert_eq!(check(&ExpectedBinding::live(live), &published()), (Bound::Nothing, vec![failed]));
    }
}

#[test]
fn another_agent_than_the_signed_one_is_refused() {
    let other = AgentBinding::new([9; 16], agent().tls_spki().to_vec(), VKEY.to_owned(), Some(manifest())).unwrap();
    let claim = BindingClaim { agent: other.encode(), ..live().claim };
    let (bound, failed) = check(&ExpectedBinding::live(LiveBinding { claim, ..live() }), &published());
    assert_eq!((bound, failed[0]), (Bound::Nothing, Check::BindingAgent));
    let (bound, failed) = check(&ExpectedBinding::recorded(other.encode()), &published());
    assert_eq!((bound, failed), (Bound::Nothing, vec![Check::BindingAgent]));
    let (bound, failed) = check(&ExpectedBinding::recorded(b"prism".to_vec()), &published());
    assert_eq!((bound, failed), (Bound::Nothing, vec![Check::BindingAgent, Check::BindingForm]));
}

#[test]
fn every_one_of_the_64_bytes_counts() {
    for at in 0..64 {
        let mut altered = published();
        altered.0[at] ^= 1;
        assert_ne!(check(&ExpectedBinding::live(live()), &altered).1, vec![], "live {at}");
        assert_ne!(check(&ExpectedBinding::foreign(*published().as_bytes()), &altered).1, vec![], "foreign {at}");
        assert_eq!(
            check(&ExpectedBinding::recorded(agent().encode()), &altered).1.is_empty(),
            at < 32,
            "recorded {at}"
        );
    }
}

#[test]
fn each_session_of_a_batch_finds_its_own_way_and_no_other() {
    let sessions: Vec<_> = (0..5).map(|n| SessionBinding { agent_nonce: [n; 32], ..session() }).collect();
    let leaves: Vec<_> = sessions.iter().map(SessionBinding::leaf).collect();
    let batch = Batch::new(&leaves).unwrap();
    let report_data = ReportData::compose(&batch.root(), &agent());
    for (nonce, place) in (0..5_u8).flat_map(|nonce| (0..5_u64).map(move |place| (nonce, place))) {
        let path = batch.path(place).unwrap();
        let claim = BindingClaim { agent: agent().encode(), agent_nonce: [nonce; 32], path };
        let (bound, _) = check(&ExpectedBinding::live(LiveBinding { claim, ..live() }), &report_data);
        assert_eq!(bound == Bound::Channel(agent()), u64::from(nonce) == place, "{nonce} at {place}");
    }
    assert_eq!(batch.path(5), Err(BindingError::Batch));
}

#[test]
fn a_batch_and_its_paths_are_bounded() {
    let leaf = session().leaf();
    assert!(matches!(Batch::new(&[]), Err(BindingError::Batch)));
    assert!(matches!(Batch::new(&vec![leaf; BATCH_MAX + 1]), Err(BindingError::Batch)));
    let full = Batch::new(&vec![leaf; BATCH_MAX]).unwrap();
    assert!(full.path(u64::try_from(BATCH_MAX).unwrap() - 1).is_ok());
    assert_eq!(BatchPath::new(0, 1, vec![TreeHash::from_bytes([0; 32]); 13]), Err(BindingError::Batch));
    assert_eq!(BatchPath::new(1, 1, vec![]), Err(BindingError::Batch));
    assert_eq!(BatchPath::new(0, u64::MAX, vec![]), Err(BindingError::Batch));
}
