//! A key broker, written down from the protocol: it verifies the evidence, and wraps its secret to the attested key.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::digest::{SHA384, digest};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{COOKIE, LOCATION, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use prism_agent::client::Session;
use prism_attest::binding::ExpectedBinding;
use prism_attest::{Endorsements, Evidence, judge};
use prism_core::digest::Digest;
use prism_core::manifest::platform::PlatformPolicy;
use serde_json::{Value, json};

use super::tls::Authority;
use crate::common::computation::now;

/// How the broker errs, once, at the call of this name.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status.
    Status(u16),
    /// It is elsewhere.
    Redirect(String),
    /// No cookie.
    NoSession,
    /// Another hash than the agent's.
    OtherHash,
    /// The secret is wrapped to another key.
    OtherKey,
    /// The secret comes as it is.
    Bare,
}

struct State {
    policy: PlatformPolicy,
    secret: Vec<u8>,
    sessions: HashMap<String, (String, Option<Value>)>,
    faults: VecDeque<(&'static str, Fault)>,
    asked: Vec<String>,
}

pub(crate) struct Kbs {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Kbs {
    /// A broker that releases this secret to machines that the policy accepts.
    pub(crate) async fn open(authority: &Authority, policy: PlatformPolicy, secret: &str) -> Self {
        let secret = secret.as_bytes().to_vec();
        let (sessions, faults, asked) = (HashMap::new(), VecDeque::new(), Vec::new());
        let state = Arc::new(Mutex::new(State { policy, secret, sessions, faults, asked }));
        let own = Arc::clone(&state);
        let address = authority.listen(move |stream| {
            let state = Arc::clone(&own);
            async move {
                let service = service_fn(move |request| serve(Arc::clone(&state), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
        let address = address.await;
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn keep(&self, secret: &str) {
        self.state.lock().unwrap().secret = secret.as_bytes().to_vec();
    }

    pub(crate) fn accept(&self, policy: PlatformPolicy) {
        self.state.lock().unwrap().policy = policy;
    }

    pub(crate) fn err(&self, call: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((call, fault));
    }

    /// Methods and paths, in the order of asking.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}

async fn serve(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let cookie = request.headers().get(COOKIE).and_then(|cookie| cookie.to_str().ok());
    let session = cookie.and_then(|cookie| cookie.strip_prefix("kbs-session-id=")).map(str::to_owned);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut state = state.lock().unwrap();
    state.asked.push(format!("{method} {path}"));
    let call = path.strip_prefix("/kbs/v0/").unwrap_or_default().split('/').next().unwrap_or_default().to_owned();
    let fault = match state.faults.front() {
        Some((at, _)) if *at == call => state.faults.pop_front().map(|(_, fault)| fault),
        _ => None,
    };
    match fault {
        Some(Fault::Status(status)) => return Ok(answer(status, "{}")),
        Some(Fault::Redirect(to)) => {
            return Ok(Response::builder().status(302).header(LOCATION, to).body(Full::default()).unwrap());
        }
        _ => {}
    }
    Ok(match (method.as_str(), call.as_str()) {
        ("POST", "auth") => challenge(&mut state, &body, fault.as_ref()),
        ("POST", "attest") => attest(&mut state, session, &body),
        ("GET", "resource") if path == "/kbs/v0/resource/default/key/h1" => resource(&state, session, fault.as_ref()),
        _ => answer(404, "{}"),
    })
}

fn challenge(state: &mut State, body: &[u8], fault: Option<&Fault>) -> Answer {
    let request: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((&request["version"], &request["tee"]), (&json!("0.4.0"), &json!("simulated")));
    let nonce =
        STANDARD.encode(prism_core::entropy::draw::<32>(&mut prism_core::entropy::SystemEntropy::default()).unwrap());
    let name = format!("session-{}", state.sessions.len());
    state.sessions.insert(name.clone(), (nonce.clone(), None));
    let hash = if matches!(fault, Some(Fault::OtherHash)) { "sha512" } else { "sha384" };
    let challenge = json!({ "nonce": nonce, "extra-params": { "selected-hash-algorithm": hash } });
    let mut response = answer(200, challenge.to_string());
    if !matches!(fault, Some(Fault::NoSession)) {
        let cookie = format!("kbs-session-id={name}; Path=/; HttpOnly");
        response.headers_mut().insert(SET_COOKIE, cookie.parse().unwrap());
    }
    response
}

fn attest(state: &mut State, session: Option<String>, body: &[u8]) -> Answer {
    let policy = state.policy.clone();
    let Some((nonce, attested)) = session.and_then(|name| state.sessions.get_mut(&name)) else {
        return answer(401, "{}");
    };
    let attestation: Value = serde_json::from_slice(body).unwrap();
    let runtime = &attestation["runtime-data"];
    // Its own nonce, the key that came, in canonical JSON.
    let key = runtime["tee-pubkey"].as_object().unwrap().iter().collect::<BTreeMap<_, _>>();
    let key = serde_json::to_string(&key).unwrap();
    let data = format!(r#"{{"additional-evidence":"","nonce":"{nonce}","tee-pubkey":{key}}}"#);
    let mut expected = [0; 64];
    expected[..48].copy_from_slice(digest(&SHA384, data.as_bytes()).as_ref());
    let primary = &attestation["tee-evidence"]["primary_evidence"];
    let part = |name: &str| STANDARD.decode(primary[name].as_str().unwrap()).unwrap();
    let evidence = Evidence::new("simulated".parse().unwrap(), part("evidence")).unwrap();
    let endorsements = Endorsements::read(&part("endorsements")).unwrap();
    let verdict = judge(&evidence, &endorsements, &policy, &ExpectedBinding::foreign(expected), now());
    if !verdict.is_good() {
        return answer(401, json!({ "type": "attestation", "detail": "not accepted" }).to_string());
    }
    *attested = Some(runtime["tee-pubkey"].clone());
    answer(200, json!({ "token": "a.b.c" }).to_string())
}

fn resource(state: &State, session: Option<String>, fault: Option<&Fault>) -> Answer {
    let attested = session.and_then(|name| state.sessions.get(&name)).and_then(|(_, key)| key.clone());
    let Some(key) = attested else { return answer(401, "{}") };
    match fault {
        Some(Fault::Bare) => answer(200, state.secret.clone()),
        Some(Fault::OtherKey) => {
            let other = PrivateKey::generate(&ECDH_P256).unwrap().compute_public_key().unwrap();
            answer(200, wrap(&state.secret, other.as_ref()))
        }
        _ => {
            let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
            answer(200, wrap(&state.secret, &[vec![4], part("x"), part("y")].concat()))
        }
    }
}

/// ECDH-ES+A256KW and A256GCM, by RFC 7518 and RFC 7516.
fn wrap(secret: &[u8], point: &[u8]) -> String {
    let ephemeral = PrivateKey::generate(&ECDH_P256).unwrap();
    let own = ephemeral.compute_public_key().unwrap();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&own.as_ref()[1..33]), URL_SAFE_NO_PAD.encode(&own.as_ref()[33..]));
    let header =
        json!({ "alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": { "crv": "P-256", "kty": "EC", "x": x, "y": y } });
    let protected = URL_SAFE_NO_PAD.encode(header.to_string());
    let kek = agree(&ephemeral, UnparsedPublicKey::new(&ECDH_P256, point), (), |shared| {
        let info = [&[0, 0, 0, 14], b"ECDH-ES+A256KW".as_slice(), &[0; 8], &[0, 0, 1, 0]].concat();
        Ok(*Digest::sha256(&[&[0, 0, 0, 1], shared, &info].concat()).as_bytes())
    })
    .unwrap();
    let (key, iv) = ([7; 32], [9; 12]);
    let mut wrapped = [0; 40];
    AesKek::new(&AES_256, &kek).unwrap().wrap(&key, &mut wrapped).unwrap();
    let mut text = secret.to_vec();
    let gcm = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let nonce = Nonce::assume_unique_for_key(iv);
    gcm.seal_in_place_append_tag(nonce, Aad::from(protected.as_bytes()), &mut text).unwrap();
    let tag = text.split_off(text.len() - 16);
    json!({
        "protected": protected,
        "encrypted_key": URL_SAFE_NO_PAD.encode(wrapped),
        "iv": URL_SAFE_NO_PAD.encode(iv),
        "ciphertext": URL_SAFE_NO_PAD.encode(text),
        "tag": URL_SAFE_NO_PAD.encode(tag),
    })
    .to_string()
}

/// Waits until a pull has failed, and gives what the agent says of it in public: the code.
pub(crate) async fn refused(session: &Session) -> String {
    loop {
        let status = session.status().await.unwrap();
        let pull = status.assets.iter().find_map(|asset| asset.pull.clone()).unwrap();
        if pull.failures > 0 {
            return pull.code;
        }
    }
}
