use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::swtpm::{Emulator, verify};
use super::tpm::{Turn, authorised, bank, quoted as signed, tpm};
use super::*;
use crate::attester::azure::Azure;

const REPORT: u32 = 0x0140_0001;
const USER_DATA: u32 = 0x0140_0002;

/// A paravisor's report of the size that an emulated index can have; kind 2 is SEV-SNP, 4 is TDX.
fn report(kind: u8) -> Vec<u8> {
    let mut report = vec![0; 2048];
    report[..4].copy_from_slice(b"HCLA");
    report[0x20..0x420].copy_from_slice(&[0x81; 1024]);
    report[0x4c0 + 8] = kind;
    report
}

/// A metadata service that gives one answer to each connection; returns the TDREPORTs that it was sent.
fn service(answers: Vec<(u16, String)>) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let mut reports = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\"}") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            let asked = String::from_utf8(asked).unwrap();
            let question: Value = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
            reports.push(BASE64_URL_SAFE_NO_PAD.decode(question["report"].as_str().unwrap()).unwrap());
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        reports
    });
    (address, answering)
}

fn quoted() -> (u16, String) {
    (200, json!({"quote": BASE64_URL_SAFE_NO_PAD.encode(tdx_quote())}).to_string())
}

/// Nobody answers there.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn open(emulator: &mut Emulator, service: SocketAddr) -> Result<Azure, AzureError> {
    Azure::new(emulator.tpm(), service, Patience::HURRIED)
}

/// An emulated machine whose paravisor left a report of that kind.
fn machine(kind: u8) -> Option<(Emulator, Vec<u8>)> {
    let mut emulator = Emulator::start()?;
    let modulus = emulator.make_key();
    emulator.put(REPORT, &report(kind));
    Some((emulator, modulus))
}

fn part(evidence: &Value, pointer: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(evidence.pointer(pointer).unwrap().as_str().unwrap()).unwrap()
}

#[test]
fn snp_in_azure_is_the_paravisors_report_and_a_quote_of_its_tpm() {
    let Some((mut emulator, modulus)) = machine(2) else { return };
    let mut azure = open(&mut emulator, nobody()).unwrap();
    assert_eq!(azure.platform(), Platform::AzureSnp);
    let evidence: Value = serde_json::from_slice(&azure.attest(&data()).unwrap()).unwrap();
    assert_eq!(evidence["v"], 1);
    assert_eq!(part(&evidence, "/hcl_report"), report(2));
    let message = part(&evidence, "/quote/message");
    verify(&modulus, &message, &part(&evidence, "/quote/signature"));
    // Azure's TPM takes 50 bytes at most: it signs the digest of the report data, and they go beside it.
    assert_eq!(message[42..76], [&[0, 32][..], data().digest().as_bytes()].concat());
    assert_eq!(part(&evidence, "/report_data"), data().as_bytes());
    let pcrs = evidence["quote"]["pcrs"].as_object().unwrap();
    assert_eq!((pcrs.len(), &pcrs["23"]), (24, &json!("00".repeat(32))));
    assert!(evidence.get("td_quote").is_none());
}

#[test]
fn a_quote_that_is_not_recent_is_made_again() {
    let Some((mut emulator, _)) = machine(4) else { return };
    let (address, answering) = service(vec![quoted(), quoted()]);
    let mut azure = open(&mut emulator, address).unwrap().without_reuse();
    azure.attest(&data()).unwrap();
    azure.attest(&data()).unwrap();
    assert_eq!(answering.join().unwrap().len(), 2);
}

#[test]
fn tdx_in_azure_has_its_report_quoted_once_by_the_metadata_service() {
    let Some((mut emulator, _)) = machine(4) else { return };
    let padded = json!({"quote": BASE64_URL_SAFE.encode(tdx_quote())}).to_string();
    let (address, answering) = service(vec![(503, String::new()), (429, String::new()), (200, padded)]);
    let mut azure = open(&mut emulator, address).unwrap();
    assert_eq!(azure.platform(), Platform::AzureTdx);
    for _ in 0..2 {
        let evidence: Value = serde_json::from_slice(&azure.attest(&data()).unwrap()).unwrap();
        assert_eq!(part(&evidence, "/td_quote"), tdx_quote());
    }
    assert_eq!(answering.join().unwrap(), vec![vec![0x81; 1024]; 3]);
}

/// The TPM's part of evidence: its registers and its quote over them.
fn signing() -> Vec<Turn> {
    [&bank(0)[..], &[Turn::Whole(signed(0))]].concat()
}

#[test]
fn a_report_that_the_host_no_longer_quotes_is_made_afresh() {
    let (old, mut fresh) = (report(4), report(4));
    fresh[0x20..0x420].copy_from_slice(&[0x82; 1024]);
    let written = [Turn::Whole(authorised(&[]))];
    // The paravisor takes its time: the first look still finds the old report.
    let script = [index(&old), index(&old), written.to_vec(), index(&old), index(&fresh), signing()].concat();
    let (tpm, device) = tpm(&script);
    let (address, answering) = service(vec![(400, String::new()), quoted()]);
    let mut azure = Azure::new(tpm, address, Patience::HURRIED).unwrap();
    let evidence: Value = serde_json::from_slice(&azure.attest(&data()).unwrap()).unwrap();
    assert_eq!(part(&evidence, "/hcl_report"), fresh);
    assert_eq!(answering.join().unwrap(), [vec![0x81; 1024], vec![0x82; 1024]]);
    let write = device.told().into_iter().find(|told| told[6..10] == [0, 0, 1, 0x37]).unwrap();
    assert_eq!(write[14..18], USER_DATA.to_be_bytes());
    assert!(write.windows(64).any(|window| window == data().as_bytes()));
}

#[test]
fn a_refusal_stands_where_no_fresh_report_can_be_made() {
    // This machine has no index for user data.
    let Some((mut emulator, _)) = machine(4) else { return };
    let (address, answering) = service(vec![(400, String::new())]);
    let refused = open(&mut emulator, address).unwrap().attest(&data());
    assert!(matches!(refused, Err(AzureError::Imds(ImdsError::Refused { status: 400 }))), "{refused:?}");
    answering.join().unwrap();
}

#[test]
fn a_report_that_time_alone_makes_afresh_needs_no_index_for_user_data() {
    let (old, fresh) = (report(4), [&report(4)[..2047], &[1]].concat());
    let absent = [Turn::Whole(hex::decode("80010000000a0000028b").unwrap())];
    let script = [index(&old), index(&old), absent.to_vec(), index(&fresh), signing()].concat();
    let (tpm, _) = tpm(&script);
    let (address, answering) = service(vec![(400, String::new()), quoted()]);
    let mut azure = Azure::new(tpm, address, Patience::HURRIED).unwrap();
    let evidence: Value = serde_json::from_slice(&azure.attest(&data()).unwrap()).unwrap();
    assert_eq!(part(&evidence, "/hcl_report"), fresh);
    answering.join().unwrap();
}

#[test]
fn a_report_of_another_processor_than_before_is_refused() {
    let (tpm, _) = tpm(&[index(&report(4)), index(&report(2))].concat());
    let mut azure = Azure::new(tpm, nobody(), Patience::HURRIED).unwrap();
    assert!(matches!(azure.attest(&data()), Err(AzureError::Report { .. })));
}

#[test]
fn answers_of_the_metadata_service_without_a_quote_are_refused() {
    for body in ["", "{}", "[]", r#"{"quote":""}"#, r#"{"quote":"++"}"#, r#"{"quote":7}"#] {
        let Some((mut emulator, _)) = machine(4) else { return };
        let (address, answering) = service(vec![(200, body.to_owned())]);
        let refused = open(&mut emulator, address).unwrap().attest(&data());
        assert!(matches!(refused, Err(AzureError::Imds(ImdsError::Answer))), "{body} {refused:?}");
        answering.join().unwrap();
    }
}

#[test]
fn a_metadata_service_that_stays_busy_is_given_up() {
    let Some((mut emulator, _)) = machine(4) else { return };
    let (address, answering) = service(vec![(503, String::new()); 10]);
    let refused = open(&mut emulator, address).unwrap().attest(&data());
    assert!(matches!(refused, Err(AzureError::Imds(ImdsError::Busy { attempts: 10 }))), "{refused:?}");
    answering.join().unwrap();
}

/// What `TPM2_NV_ReadPublic` and `TPM2_NV_Read` answer for an index with this content, of up to 512 bytes at a time.
pub(super) fn index(content: &[u8]) -> Vec<Turn> {
    let size = u16::try_from(content.len()).unwrap().to_be_bytes();
    let public = [&[0, 14, 1, 0x40, 0, 1, 0, 0x0b, 0, 6, 0, 6, 0, 0][..], &size, &[0, 0]].concat();
    let answer = |tag: u8, body: &[u8]| {
        let size = u32::try_from(10 + body.len()).unwrap().to_be_bytes();
        Turn::Whole([&[0x80, tag][..], &size, &[0; 4], body].concat())
    };
    let mut turns = vec![answer(1, &public)];
    for chunk in content.chunks(512) {
        let length = u16::try_from(chunk.len()).unwrap();
        let sizes = [&u32::from(length + 2).to_be_bytes()[..], &length.to_be_bytes()].concat();
        turns.push(answer(2, &[&sizes[..], chunk, &[0, 0, 1, 0, 0]].concat()));
    }
    turns
}

#[test]
fn a_real_machines_report_says_its_processor() {
    for (name, platform) in
        [("az-snp-vtpm__evidence-v0", Platform::AzureSnp), ("az-tdx-vtpm__evidence-v0", Platform::AzureTdx)]
    {
        let Some(json) = vector(&format!("real/trustee/deps__verifier__test_data__{name}.json")) else { return };
        let evidence: Value = serde_json::from_slice(&json).unwrap();
        let report = evidence.get("hcl_report").or_else(|| evidence.get("report")).unwrap();
        let report: Vec<u8> = serde_json::from_value(report.clone()).unwrap();
        let (tpm, _) = tpm(&index(&report));
        assert_eq!(Azure::new(tpm, nobody(), Patience::HURRIED).unwrap().platform(), platform);
    }
}

#[test]
fn what_is_no_paravisors_report_is_refused() {
    let mut magic = report(2);
    magic[0] = b'h';
    for content in [magic, report(3), report(0), report(2)[..0x4c8].to_vec(), b"HCLA".to_vec(), vec![]] {
        let (tpm, _) = tpm(&index(&content));
        let refused = Azure::new(tpm, nobody(), Patience::HURRIED).map(|_| ());
        assert!(matches!(refused, Err(AzureError::Report { .. })), "{refused:?}");
    }
}
