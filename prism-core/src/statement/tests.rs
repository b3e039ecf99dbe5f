use super::*;

fn facts() -> SessionFacts {
    SessionFacts {
        boot: [1; 16],
        computation: "covid19".parse().unwrap(),
        manifest: Digest::sha256(b"manifest"),
        session: [2; 32],
        agent_nonce: [3; 32],
    }
}

fn context() -> Context {
    Context { facts: facts(), participant: "hospital-1".parse().unwrap(), exp: 1000 }
}

fn asset() -> AssetBody {
    AssetBody::new(&context(), "h1".parse().unwrap(), Digest::sha256(b"data"), 4)
}

#[test]
fn a_statement_reads_back_with_its_context() {
    let body = asset();
    let read = AssetBody::read(&body.to_json().unwrap()).unwrap();
    assert_eq!(read, body);
    assert_eq!(read.context(), context());
    assert_eq!((read.asset.as_str(), read.size), ("h1", 4));
}

#[test]
fn one_statement_is_not_taken_for_another() {
    let asset = asset().to_json().unwrap();
    assert!(AuthBody::read(&asset).is_err());
    assert!(StopBody::read(&asset).is_err());
    assert!(ResultAckBody::read(&asset).is_err());
    let auth = AuthBody::new(&context()).to_json().unwrap();
    assert!(AssetBody::read(&auth).is_err());
}

#[test]
fn hex_of_another_case_or_length_is_refused() {
    let good = String::from_utf8(AuthBody::new(&context()).to_json().unwrap()).unwrap();
    let boot = "01".repeat(16);
    for (from, to) in [(&*boot, &*"0a".repeat(15)), (&boot, &"0A".repeat(16)), (&boot, &"0a".repeat(17))] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        assert!(AuthBody::read(changed.as_bytes()).is_err(), "{changed}");
    }
}

#[test]
fn every_field_of_the_context_is_compared() {
    let own = facts();
    assert_eq!(context().check(&own, 1000), Ok(()));
    let altered = |change: fn(&mut SessionFacts)| {
        let mut other = facts();
        change(&mut other);
        context().check(&other, 1000)
    };
    assert_eq!(altered(|f| f.boot = [9; 16]), Err(ContextError::Boot));
    assert_eq!(altered(|f| f.computation = "other".parse().unwrap()), Err(ContextError::Computation));
    assert_eq!(altered(|f| f.manifest = Digest::sha256(b"other")), Err(ContextError::Manifest));
    assert_eq!(altered(|f| f.session = [9; 32]), Err(ContextError::Session));
    assert_eq!(altered(|f| f.agent_nonce = [9; 32]), Err(ContextError::AgentNonce));
    assert_eq!(context().check(&own, 1001), Err(ContextError::Expired { exp: 1000 }));
}
