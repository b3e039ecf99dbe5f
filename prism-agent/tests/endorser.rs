//! Fetching endorsements, against real servers on this machine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

#[path = "endorser/scene.rs"]
mod scene;
#[path = "endorser/vendor.rs"]
mod vendor;

use std::sync::Arc;
use std::time::Duration;

use prism_agent::endorser::{BaseUrl, Endorser, EndorserConfig, FetchError, Pace, Step};
use prism_attest::endorsements::bundle::{Answer, Authorities, Bundle, EndorsementKey, Entry, Origin};
use prism_core::code::{Code, Coded};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::scene::{
    NOW, Scene, TCB, authorities, issuers, judgement, judgement_of_the_certified, key, machine, tcb_info,
    unsigned_judgement, with_the_signer,
};
use crate::vendor::{Reply, Vendor};

#[tokio::test]
async fn what_evidence_needs_is_asked_for_at_the_right_addresses_and_bundled() {
    let scene = Scene::new().await;
    let paths = scene.stock();
    let (evidence, endorsements) = machine();
    let mut steps = Vec::new();
    let bundle = scene.endorser().gather_for(evidence, &mut |step| steps.push(format!("{step:?}"))).await.unwrap();
    assert_eq!(scene.vendor.asked(), paths);
    assert_eq!(bundle.select(evidence).unwrap(), *endorsements);
    let (origin, source) =
        (bundle.entries()[2].origin(), format!("http://127.0.0.1:{}{}", scene.vendor.port(), paths[0]));
    assert_eq!((origin.fetched_at, &origin.source), (NOW, &source));
    assert_eq!(steps.len(), 3);
    assert!(steps.iter().all(|step| step.starts_with("Asking")), "{steps:?}");
}

#[tokio::test]
async fn what_is_kept_and_fresh_is_not_asked_for_again() {
    let scene = Scene::new().await;
    let paths = scene.stock();
    let first = scene.endorser().gather_for(&machine().0, &mut |_| {}).await.unwrap();
    scene.vendor.asked();
    let mut kept = 0;
    let mut count = |step: Step| kept += usize::from(matches!(step, Step::Kept(_)));
    let again = scene.endorser().gather_for(&machine().0, &mut count).await.unwrap();
    assert_eq!(again, first);
    assert_eq!((scene.vendor.asked(), kept), (vec![], 3));
    // Lists are asked for again after a day, certificates are not.
    scene.clock.set(NOW + 24 * 3600);
    scene.endorser().gather_for(&machine().0, &mut |_| {}).await.unwrap();
    assert_eq!(scene.vendor.asked(), paths[2..]);
    // Nothing that was fetched in the future is believed to be fresh.
    scene.clock.set(NOW - 1);
    scene.endorser().fetch(&key("vcek"), &mut |_| {}).await.unwrap();
    assert_eq!(scene.vendor.asked(), paths[..1]);
}

#[tokio::test]
async fn a_kept_file_that_was_damaged_is_fetched_anew() {
    let scene = Scene::new().await;
    scene.stock();
    scene.fetch(&key("vcek")).await.unwrap();
    let file = scene.only_kept();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[1..]).unwrap();
    scene.vendor.asked();
    scene.fetch(&key("vcek")).await.unwrap();
    assert_eq!(scene.vendor.asked().len(), 1);
    assert_eq!(std::fs::read(&file).unwrap(), whole);
}

/// Asks for the VCEK, which the service answers with `reply`, and expects that nothing is kept.
async fn refused(reply: Reply) -> FetchError {
    let scene = Scene::new().await;
    let paths = scene.stock();
    scene.vendor.reply(&paths[0], reply);
    let error = scene.fetch(&key("vcek")).await.unwrap_err();
    assert_eq!(scene.vendor.asked(), paths[..1], "one question, and no other");
    assert_eq!(scene.kept(), Vec::<std::path::PathBuf>::new());
    error
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent", "304 Not Modified"] {
        let error = refused(Reply::status(status, "Location: http://127.0.0.1:1/elsewhere\r\n")).await;
        assert!(matches!(&error, FetchError::Redirect { to, .. } if to == "http://127.0.0.1:1/elsewhere"), "{error}");
        assert_eq!(error.code(), Code::VendorMisbehaved);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_before_it_is_read() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
    let announced = refused(Reply::Stuck(head.into_bytes())).await;
    assert!(matches!(announced, FetchError::TooLarge { limit: 1_048_576, .. }), "{announced}");
}

#[tokio::test]
async fn an_answer_that_does_not_say_its_size_is_read_up_to_the_bound() {
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..17 {
        chunked.extend(b"10000\r\n");
        chunked.extend(vec![7; 0x10000]);
        chunked.extend(b"\r\n");
    }
    let error = refused(Reply::Stuck(chunked)).await;
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    let until_the_end = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![7; (1 << 20) + 1]].concat();
    let error = refused(Reply::Whole(until_the_end)).await;
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let endless = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; 1 << 20]].concat();
    let error = refused(Reply::Stuck(endless)).await;
    assert!(matches!(error, FetchError::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_refused() {
    let error = refused(Reply::Whole(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec())).await;
    assert!(matches!(error, FetchError::Protocol { .. }), "{error}");
    let error = refused(Reply::Whole(b"SSH-2.0-x\r\n".to_vec())).await;
    assert!(matches!(error, FetchError::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_no_endorsement_is_refused_and_not_kept() {
    let other = scene::bundle().entries()[0].answer().bytes.clone();
    for body in [&b"<html>please log in</html>"[..], b"", &other] {
        let error = refused(Reply::ok("", body)).await;
        assert!(matches!(error, FetchError::Answer { .. }), "{error}");
        assert_eq!(error.code(), Code::VendorMisbehaved);
    }
}

#[tokio::test]
async fn other_statuses_and_encodings_are_told_apart() {
    let error = refused(Reply::status("404 Not Found", "")).await;
    assert!(matches!(error, FetchError::Absent { .. }) && error.code() == Code::EndorsementsMissing, "{error}");
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let error = refused(Reply::status(status, "Retry-After: 12\r\n")).await;
        assert!(matches!(&error, FetchError::Busy { again: Some(again), .. } if again == "12"), "{error}");
        assert_eq!(error.code(), Code::VendorUnreachable);
    }
    for (status, number) in [("500 Internal", 500), ("401 Unauthorized", 401), ("204 No Content", 204)] {
        let error = refused(Reply::status(status, "")).await;
        assert!(matches!(error, FetchError::Status { status, .. } if status == number), "{error}");
    }
    for fields in [
        "Content-Encoding: gzip\r\n",
        "Content-Encoding: \u{e9}\r\n",
        "Content-Encoding: identity\r\nContent-Encoding: br\r\n",
    ] {
        let error = refused(Reply::ok(fields, b"x")).await;
        assert!(matches!(error, FetchError::Encoding { .. }), "{error}");
    }
    let error = refused(Reply::status("503 Busy", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n")).await;
    assert!(error.to_string().ends_with("try again after Wed, 21 Oct 2026 07:28:00 GMT"), "{error}");
}

#[tokio::test]
async fn a_pipe_in_the_place_of_a_kept_file_holds_nothing_up() {
    let scene = Scene::new().await;
    scene.stock();
    scene.fetch(&key("vcek")).await.unwrap();
    let file = scene.only_kept();
    std::fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    scene.fetch(&key("vcek")).await.unwrap();
    assert!(file.metadata().unwrap().is_file());
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_at_the_deadline() {
    for begun in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"] {
        let mut scene = Scene::new().await;
        scene.config.deadline = Duration::from_millis(200);
        let paths = scene.stock();
        scene.vendor.reply(&paths[0], Reply::Stuck(begun.as_bytes().to_vec()));
        let error = scene.fetch(&key("vcek")).await.unwrap_err();
        assert!(matches!(error, FetchError::Deadline { .. }), "{error}");
        assert!(scene.kept().is_empty());
    }
}

#[tokio::test]
async fn nobody_there_is_said_to_be_nobody() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = EndorserConfig::mirror(format!("http://{free}").parse().unwrap());
    let error = Endorser::new(config).unwrap().fetch(&key("vcek"), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn one_host_is_asked_no_faster_than_agreed() {
    let mut scene = Scene::new().await;
    scene.stock();
    scene.config.amd_pace = Pace { at_once: 2, every: Duration::from_secs(10) };
    scene.config.cache = None;
    let endorser = scene.endorser();
    let mut said = Vec::new();
    for _ in 0..4 {
        let mut tell = |step: Step<'_>| {
            if let Step::Waiting(pause) = step {
                said.push(pause);
            }
        };
        endorser.fetch(&key("vcek"), &mut tell).await.unwrap();
    }
    assert_eq!(scene.clock.pauses(), [Duration::from_secs(10); 2]);
    assert_eq!(said, scene.clock.pauses());
}

#[tokio::test]
async fn a_cancelled_question_leaves_nothing_behind() {
    let scene = Scene::new().await;
    let paths = scene.stock();
    scene.vendor.reply(&paths[0], Reply::Stuck(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec()));
    let key = key("vcek");
    tokio::select! {
        outcome = scene.fetch(&key) => panic!("{outcome:?}"),
        () = scene.vendor.has_sent() => {}
    }
    assert!(scene.kept().is_empty());
}

#[tokio::test]
async fn intels_answers_bring_their_signers_in_the_head() {
    let (scene, answer) = (Scene::new().await, judgement(18));
    scene.vendor.reply(TCB, Reply::ok(&issuers("TCB-Info-Issuer-Chain"), &answer));
    let entry = scene.fetch(&tcb_info()).await.unwrap();
    assert_eq!(scene.vendor.asked(), [TCB]);
    assert_eq!((entry.number(), entry.answer().bytes.clone()), (Some(18), answer));
    assert!(entry.answer().issuers.as_ref().unwrap().starts_with(b"-----BEGIN CERTIFICATE-----\n"));
    let twice = issuers("TCB-Info-Issuer-Chain").repeat(2);
    for fields in
        [String::new(), issuers("SGX-TCB-Info-Issuer-Chain"), twice, "TCB-Info-Issuer-Chain: %\r\n".to_owned()]
    {
        let scene = Scene::new().await;
        scene.vendor.reply(TCB, Reply::ok(&fields, &judgement(18)));
        let error = scene.fetch(&tcb_info()).await.unwrap_err();
        assert!(matches!(error, FetchError::NoIssuers { .. }), "{error}");
        assert!(scene.kept().is_empty());
    }
}

#[tokio::test]
async fn an_older_judgement_than_the_kept_one_is_refused_and_the_kept_one_stays() {
    let scene = Scene::new().await;
    let fields = issuers("TCB-Info-Issuer-Chain");
    scene.vendor.reply(TCB, Reply::ok(&fields, &judgement(18)));
    scene.fetch(&tcb_info()).await.unwrap();
    let before = std::fs::read(&scene.kept()[0]).unwrap();
    scene.clock.set(NOW + 24 * 3600);
    scene.vendor.reply(TCB, Reply::ok(&fields, &judgement(17)));
    let error = scene.fetch(&tcb_info()).await.unwrap_err();
    assert_eq!(error.code(), Code::EndorsementsRolledBack, "{error}");
    assert_eq!(std::fs::read(&scene.kept()[0]).unwrap(), before);
    scene.vendor.reply(TCB, Reply::ok(&fields, &judgement(19)));
    assert_eq!(scene.fetch(&tcb_info()).await.unwrap().number(), Some(19));
}

#[tokio::test]
async fn evidence_whose_certificate_does_not_exist_says_so() {
    let scene = Scene::new().await;
    let mut absent = 0;
    let tell = &mut |step: Step<'_>| absent += usize::from(matches!(step, Step::Absent(_)));
    let error = scene.endorser().gather_for(&machine().0, tell).await.unwrap_err();
    assert!(matches!(error, FetchError::Absent { .. }), "{error}");
    assert_eq!((scene.vendor.asked().len(), absent), (1, 1));
}

#[tokio::test]
async fn nobody_gets_rid_of_a_revocation_by_not_answering() {
    let scene = Scene::new().await;
    let paths = scene.stock();
    scene.vendor.reply(&paths[2], Reply::status("404 Not Found", ""));
    let error = scene.endorser().gather_for(&machine().0, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, FetchError::Absent { .. }), "{error}");
}

#[tokio::test]
async fn what_the_vendor_did_not_sign_is_refused_and_never_outranks_what_it_did() {
    let scene = Scene::new().await;
    let fields = issuers("TCB-Info-Issuer-Chain");
    let mut forged = judgement(u64::MAX);
    let last = forged.len() - 4;
    forged[last] = if forged[last] == b'0' { b'1' } else { b'0' };
    for answer in [unsigned_judgement(u64::MAX), forged] {
        scene.vendor.reply(TCB, Reply::ok(&fields, &answer));
        let error = scene.fetch(&tcb_info()).await.unwrap_err();
        assert_eq!(error.code(), Code::EndorsementsUnsigned, "{error}");
        assert!(scene.kept().is_empty());
    }
    // Not even from the folder itself, where somebody else may have put it.
    scene.vendor.reply(TCB, Reply::ok(&fields, &judgement(18)));
    scene.fetch(&tcb_info()).await.unwrap();
    let file = scene.only_kept();
    let mut bundle = Bundle::new();
    let answer = Answer { bytes: unsigned_judgement(u64::MAX), issuers: kept_issuers(&file) };
    let origin = Origin { source: "nowhere".to_owned(), fetched_at: NOW };
    bundle.add(Entry::new(tcb_info(), answer, origin).unwrap()).unwrap();
    std::fs::write(&file, bundle.to_bytes()).unwrap();
    assert_eq!(scene.fetch(&tcb_info()).await.unwrap().number(), Some(18));
}

fn kept_issuers(file: &std::path::Path) -> Option<Vec<u8>> {
    Bundle::read(&std::fs::read(file).unwrap()).unwrap().entries()[0].answer().issuers.clone()
}

#[tokio::test]
async fn whom_a_certificate_that_is_no_authority_certified_does_not_speak_for_the_vendor() {
    let mut scene = Scene::new().await;
    scene.config.authorities = with_the_signer();
    let (field, answer) = judgement_of_the_certified();
    scene.vendor.reply(TCB, Reply::ok(&field, &answer));
    let error = scene.fetch(&tcb_info()).await.unwrap_err();
    assert_eq!(error.code(), Code::EndorsementsUnsigned, "{error}");
}

#[tokio::test]
async fn what_another_laboratory_signed_is_refused() {
    let mut scene = Scene::new().await;
    let paths = scene.stock();
    scene.config.authorities = Authorities::built_in();
    for kind in ["vcek", "amd-chain", "amd-crl"] {
        let error = scene.fetch(&key(kind)).await.unwrap_err();
        assert_eq!(error.code(), Code::EndorsementsUnsigned, "{kind}: {error}");
    }
    scene.vendor.reply(TCB, Reply::ok(&issuers("TCB-Info-Issuer-Chain"), &judgement(1)));
    let error = scene.fetch(&tcb_info()).await.unwrap_err();
    assert_eq!(error.code(), Code::EndorsementsUnsigned, "{error}");
    assert_eq!((scene.vendor.asked().len(), scene.kept().len()), (paths.len() + 1, 0));
}

#[tokio::test]
async fn a_host_proves_its_name_to_a_trusted_authority() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let stranger = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let tls = tls.with_no_client_auth().with_single_cert(vec![cert.der().clone()], private).unwrap();
    let vendor = Vendor::start(Some(Arc::new(tls).into())).await;
    vendor.reply(TCB, Reply::ok(&issuers("TCB-Info-Issuer-Chain"), &judgement(1)));
    let ask = async |name: &str, root: &[u8]| {
        let base: BaseUrl = format!("https://{name}:{}", vendor.port()).parse().unwrap();
        let mut config = EndorserConfig::mirror(base);
        config.extra_roots = vec![root.to_vec()];
        config.authorities = authorities();
        let key: EndorsementKey = tcb_info();
        Endorser::new(config).unwrap().fetch(&key, &mut |_| {}).await
    };
    assert_eq!(ask("localhost", cert.der()).await.unwrap().number(), Some(1));
    assert_eq!(vendor.asked().len(), 1);
    for (name, root) in [("localhost", stranger.cert.der()), ("127.0.0.1", cert.der())] {
        let error = ask(name, root).await.unwrap_err();
        assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    }
    assert!(vendor.asked().is_empty(), "nothing is asked before the name is proved");
}
