//! Releasing the key of a sealed dataset to an agent that lies.

use prism_core::audit::entry::{Event, KeyReleasedBody, Releaser};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::{Codec, KeyRelease, SealedObject};
use prism_core::seal::{CobblestoneKey, Context, Identity, RecipientKind, Sealer, file_key, read_header, seal};

use crate::common::Computation;
use crate::liar::Liar;
use crate::people::join;

fn identity(kind: RecipientKind) -> Identity {
    Identity::generate(kind, &mut SystemEntropy::default()).unwrap()
}

/// A computation whose `h1` lies in a store, sealed in some way.
fn stored(codec: Codec, sealed: impl FnOnce(&[u8]) -> Vec<u8>) -> Computation {
    Computation::with(|manifest, assets| {
        let object = sealed(&assets["h1"]);
        manifest.datasets[0].source = Some(SealedObject {
            url: "s3://bucket/h1.sealed".parse().unwrap(),
            size: object.len() as u64,
            digest: Digest::sha256(&object),
            codec,
            release: KeyRelease::Provider {},
        });
    })
}

/// One in the age format, with its header and what opens it.
fn agreed() -> (Computation, Vec<u8>, Identity) {
    let (own, mut object) = (identity(RecipientKind::Hybrid), Vec::new());
    let computation = stored(Codec::Age, |plain| {
        seal(plain, &[own.recipient().clone()], &mut SystemEntropy::default(), &mut object).unwrap();
        object.clone()
    });
    let header = read_header(&mut object.as_slice()).unwrap();
    (computation, header, own)
}

/// One under a symmetric key.
fn symmetric() -> (Computation, CobblestoneKey) {
    let key = CobblestoneKey::generate(&mut SystemEntropy::default()).unwrap();
    let computation = stored(Codec::Cobblestone256, |plain| {
        let (mut object, context) = (Vec::new(), Context::asset(&"h1".parse().unwrap()));
        Sealer::cobblestone(&key, &context).seal(plain, &mut SystemEntropy::default(), &mut object).unwrap();
        object
    });
    (computation, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_file_key_leaves_and_only_for_the_agents_recipient() {
    let (computation, header, own) = agreed();
    let liar = Liar::start(&computation).await;
    let target = identity(RecipientKind::Hybrid);
    liar.lie(|lies| lies.target = target.recipient().to_string());
    let hospital = join(liar.address, &computation, "hospital-1").await;
    hospital.release("h1", &header, &own, None).await.unwrap();
    let sent = liar.world().received.clone();
    assert!(file_key(&sent, &target).is_ok() && file_key(&sent, &own).is_err());
    assert_ne!(sent, header);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_leaves_for_a_recipient_that_is_none_or_a_classical_one() {
    let (computation, header, own) = agreed();
    let liar = Liar::start(&computation).await;
    let hospital = join(liar.address, &computation, "hospital-1").await;
    let classical = identity(RecipientKind::X25519).recipient().to_string();
    for target in ["", "age1pq1", classical.as_str()] {
        liar.lie(|lies| target.clone_into(&mut lies.target));
        let error = hospital.release("h1", &header, &own, None).await.unwrap_err();
        assert_eq!(error.code(), Code::LogInvalid, "{error}");
    }
    assert!(liar.world().received.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symmetric_key_leaves_for_the_agents_post_quantum_recipient_only_and_never_in_the_clear() {
    let (computation, key) = symmetric();
    let liar = Liar::start(&computation).await;
    let hospital = join(liar.address, &computation, "hospital-1").await;
    for target in ["", "age1pq1", identity(RecipientKind::X25519).recipient().to_string().as_str()] {
        liar.lie(|lies| target.clone_into(&mut lies.target));
        let error = hospital.release_cobblestone("h1", &key, None).await.unwrap_err();
        assert_eq!(error.code(), Code::LogInvalid, "{error}");
    }
    assert!(liar.world().received.is_empty());
    let (target, other) = (identity(RecipientKind::Hybrid), identity(RecipientKind::Hybrid));
    liar.lie(|lies| (lies.target, lies.lost_answers) = (target.recipient().to_string(), ["release"].into()));
    hospital.release_cobblestone("h1", &key, None).await.unwrap();
    // The first answer was lost, so it was said twice; each time anew.
    let sent = liar.world().received.clone();
    let (first, second) = sent.split_at(sent.len() / 2);
    for said in [first, second] {
        assert_eq!(CobblestoneKey::opened(said, &target).unwrap().expose(), key.expose());
        assert!(CobblestoneKey::opened(said, &other).is_err());
    }
    assert!(first != second && !sent.windows(32).any(|part| part == key.expose()));
}

fn changed(event: Event, lie: fn(KeyReleasedBody) -> KeyReleasedBody) -> Event {
    match event {
        Event::KeyReleased(body) => Event::KeyReleased(lie(body)),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_says_something_else_is_refused() {
    let lies: [fn(Event) -> Event; 3] = [
        |event| changed(event, |body| KeyReleasedBody { recipient: "age1other".to_owned(), ..body }),
        |event| changed(event, |body| KeyReleasedBody { by: Releaser::Kbs, ..body }),
        |event| changed(event, |body| KeyReleasedBody { asset: "h2".parse().unwrap(), ..body }),
    ];
    for lie in lies {
        let (computation, header, own) = agreed();
        let liar = Liar::start(&computation).await;
        let target = identity(RecipientKind::Hybrid).recipient().to_string();
        let hospital = join(liar.address, &computation, "hospital-1").await;
        liar.lie(|lies| (lies.target, lies.logged) = (target, Some(lie)));
        let error = hospital.release("h1", &header, &own, None).await.unwrap_err();
        assert_eq!(error.code(), Code::LogInvalid, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_whose_answer_was_lost_is_repeated() {
    let (computation, header, own) = agreed();
    let liar = Liar::start(&computation).await;
    let target = identity(RecipientKind::Hybrid).recipient().to_string();
    liar.lie(|lies| (lies.target, lies.lost_answers) = (target, ["release"].into()));
    let hospital = join(liar.address, &computation, "hospital-1").await;
    hospital.release("h1", &header, &own, None).await.unwrap();
}
