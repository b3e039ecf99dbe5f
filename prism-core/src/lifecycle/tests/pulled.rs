//! Datasets that lie in a store: `h1.zip` is released by its provider, `h2.zip` by a key broker, `h3.zip` is uploaded.

use super::*;
use crate::audit::entry::{KeyReleasedBody, Releaser};
use crate::entropy::SystemEntropy;
use crate::manifest::tests::signed_with;
use crate::manifest::{Codec, KeyRelease, SealedObject};
use crate::seal::{Identity, RecipientKind, sealed_len};

fn source(release: KeyRelease) -> SealedObject {
    SealedObject {
        url: "s3://bucket/object".parse().unwrap(),
        size: sealed_len(1).unwrap() + 1627,
        digest: Digest::sha256(b"sealed"),
        codec: Codec::Age,
        release,
    }
}

fn opened() -> Bench {
    let kbs =
        KeyRelease::Kbs { url: "https://kbs.example".parse().unwrap(), resource: "default/key/h2".parse().unwrap() };
    let (signed, _) = signed_with(|manifest| {
        manifest.datasets[0].source = Some(source(KeyRelease::Provider {}));
        manifest.datasets[1].source = Some(source(kbs));
    });
    let mut bench = Bench { terms: Terms::of(&signed), state: State::default() };
    bench.take("agent", &log_open(&bench.terms));
    bench.take("agent", &accepted(&bench.terms));
    bench.take("lab", &auth());
    bench
}

fn recipient() -> String {
    Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy).unwrap().recipient().to_string()
}

fn released(asset: &str, recipient: &str, by: Releaser) -> Event {
    Event::KeyReleased(KeyReleasedBody { asset: asset.parse().unwrap(), recipient: recipient.to_owned(), by })
}

fn refused(asset: &str) -> Event {
    Event::AssetRefused(AssetRefusedBody { asset: asset.parse().unwrap(), code: "asset.mismatch".to_owned() })
}

fn jwk() -> String {
    Digest::sha256(b"jwk").to_string()
}

#[test]
fn a_released_asset_is_fetched_by_the_agent() {
    let mut bench = opened();
    bench.take("hospital-1", &released("h1.zip", &recipient(), Releaser::Provider));
    bench.take("agent", &released("h2.zip", &jwk(), Releaser::Kbs));
    for asset in ["h1.zip", "h2.zip"] {
        let (_, body) = bench.asset(asset);
        bench.take("agent", &Event::AssetBegin(body.clone()));
        bench.take("agent", &Event::AssetAccepted(body));
        assert!(bench.state.key_released(&asset.parse().unwrap()));
    }
    bench.give("h3.zip");
    assert_eq!(bench.give("train.py"), [Effect::StartRun]);
}

#[test]
fn an_asset_of_a_store_is_not_uploaded_and_an_uploaded_one_is_not_released() {
    let mut bench = opened();
    let (provider, body) = bench.asset("h1.zip");
    for event in [Event::AssetBegin(body.clone()), Event::AssetAccepted(body), refused("h1.zip")] {
        let error = bench.attempt(&provider, &event).unwrap_err();
        assert_eq!(error.code(), Code::AssetOtherWay, "{error}");
    }
    let error = bench.attempt("hospital-3", &released("h3.zip", &recipient(), Releaser::Provider)).unwrap_err();
    assert_eq!(error.code(), Code::AssetOtherWay, "{error}");
    let (_, body) = bench.asset("h3.zip");
    assert_eq!(bench.attempt("agent", &Event::AssetBegin(body)).unwrap_err().code(), Code::AssetWrongProvider);
    bench.take("hospital-1", &released("h1.zip", &recipient(), Releaser::Provider));
    let (_, body) = bench.asset("h1.zip");
    assert_eq!(bench.attempt(&provider, &Event::AssetBegin(body)).unwrap_err().code(), Code::AssetOtherWay);
}

#[test]
fn nothing_is_fetched_before_its_key_was_released() {
    let bench = opened();
    for asset in ["h1.zip", "h2.zip"] {
        let (_, body) = bench.asset(asset);
        for event in [Event::AssetBegin(body.clone()), Event::AssetAccepted(body), refused(asset)] {
            assert_eq!(bench.attempt("agent", &event).unwrap_err().code(), Code::LogInvalid);
        }
    }
}

#[test]
fn a_key_is_released_by_whom_the_manifest_names_and_nobody_else() {
    let bench = opened();
    let attempt = |actor: &str, asset: &str, by| {
        let recipient = if by == Releaser::Kbs { jwk() } else { recipient() };
        bench.attempt(actor, &released(asset, &recipient, by)).unwrap_err().code()
    };
    assert_eq!(attempt("hospital-2", "h1.zip", Releaser::Provider), Code::AssetWrongProvider);
    assert_eq!(attempt("lab", "h1.zip", Releaser::Provider), Code::AssetWrongProvider);
    assert_eq!(attempt("stranger", "h1.zip", Releaser::Provider), Code::AssetWrongProvider);
    assert_eq!(attempt("agent", "h1.zip", Releaser::Provider), Code::AssetWrongProvider);
    assert_eq!(attempt("agent", "h1.zip", Releaser::Kbs), Code::AssetWrongProvider);
    assert_eq!(attempt("hospital-1", "h1.zip", Releaser::Kbs), Code::LogInvalid);
    assert_eq!(attempt("hospital-2", "h2.zip", Releaser::Provider), Code::AssetWrongProvider);
    assert_eq!(attempt("hospital-2", "h2.zip", Releaser::Kbs), Code::AssetWrongProvider);
    assert_eq!(attempt("agent", "h2.zip", Releaser::Provider), Code::LogInvalid);
    assert_eq!(attempt("hospital-1", "h9.zip", Releaser::Provider), Code::AssetUnknown);
}

#[test]
fn a_key_is_released_once_until_its_asset_is_refused() {
    let mut bench = opened();
    let (own, first) = (recipient(), "h1.zip");
    bench.take("hospital-1", &released(first, &own, Releaser::Provider));
    assert!(bench.attempt("hospital-1", &released(first, &own, Releaser::Provider)).is_err());
    let (_, body) = bench.asset(first);
    bench.take("agent", &Event::AssetBegin(body.clone()));
    bench.take("agent", &refused(first));
    assert!(!bench.state.key_released(&body.asset));
    assert!(bench.attempt("agent", &Event::AssetBegin(body.clone())).is_err(), "its key is gone");
    bench.take("hospital-1", &released(first, &own, Releaser::Provider));
    bench.take("agent", &Event::AssetBegin(body.clone()));
    bench.take("agent", &Event::AssetAccepted(body));
    let late = bench.attempt("hospital-1", &released(first, &own, Releaser::Provider)).unwrap_err();
    assert_eq!(late.code(), Code::AssetDuplicate);
}

#[test]
fn keys_go_to_one_key_of_the_agent_only() {
    let (signed, _) = signed_with(|manifest| {
        for dataset in &mut manifest.datasets {
            dataset.source = Some(source(KeyRelease::Provider {}));
        }
    });
    let mut bench = Bench { terms: Terms::of(&signed), ..opened() };
    let own = recipient();
    bench.take("hospital-1", &released("h1.zip", &own, Releaser::Provider));
    let thief = bench.attempt("hospital-2", &released("h2.zip", &recipient(), Releaser::Provider)).unwrap_err();
    assert!(matches!(thief, Illegal::Contradiction { field: "recipient", .. }), "{thief}");
    let (_, body) = bench.asset("h1.zip");
    bench.take("agent", &Event::AssetBegin(body));
    bench.take("agent", &refused("h1.zip"));
    assert!(bench.attempt("hospital-1", &released("h1.zip", &recipient(), Releaser::Provider)).is_err());
    bench.take("hospital-2", &released("h2.zip", &own, Releaser::Provider));
}

#[test]
fn a_recipient_that_is_none_is_refused() {
    let bench = opened();
    for text in ["", "age1", "hospital", &jwk()] {
        assert!(bench.attempt("hospital-1", &released("h1.zip", text, Releaser::Provider)).is_err(), "{text}");
    }
    for text in ["", "age1", &recipient()] {
        assert!(bench.attempt("agent", &released("h2.zip", text, Releaser::Kbs)).is_err(), "{text}");
    }
}

#[test]
fn no_key_is_released_before_anybody_is_known_or_after_the_end() {
    let mut early = opened();
    early.state = State::default();
    early.take("agent", &log_open(&early.terms));
    early.take("agent", &accepted(&early.terms));
    let event = released("h1.zip", &recipient(), Releaser::Provider);
    assert_eq!(early.attempt("hospital-1", &event).unwrap_err().code(), Code::StateRefused);
    let mut late = opened();
    late.take("lab", &stop());
    assert_eq!(late.attempt("hospital-1", &event).unwrap_err().code(), Code::StateRefused);
}
