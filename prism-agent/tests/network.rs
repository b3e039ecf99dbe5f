//! Peers that misbehave below the protocol: the agent still answers everybody else.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::peer::{NONCE, handshake, tls};
use common::{Computation, Peer, wire};
use prism_agent::server::Agent;
use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn answers(agent: &Agent, computation: &Computation) {
    let join = Peer::join(agent, computation, "lab");
    timeout(Duration::from_secs(30), join).await.expect("the agent does not answer any more");
}

/// Whether the agent closed the connection rather than answer.
async fn is_closed(mut tcp: TcpStream) -> bool {
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(30), tcp.read_to_end(&mut answer)).await.expect("still open");
    read.is_err() || !answer.windows(4).any(|window| window == b"HTTP")
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_not_answered() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for greeting in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut tcp = TcpStream::connect(agent.local_addr()).await.unwrap();
        tcp.write_all(greeting).await.unwrap();
        assert!(is_closed(tcp).await);
    }
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    assert!(handshake(agent.local_addr(), tls(&[&TLS12])).await.is_err());
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cannot_be_resumed() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut config = tls(&[&TLS13]);
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    for _ in 0..3 {
        let mut stream = handshake(agent.local_addr(), config.clone()).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        // Tickets would come before the settings of the other side.
        stream.read_u8().await.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(connection.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(connection.tls13_tickets_received(), 0);
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_application_protocol_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for protocols in [vec![], vec![b"http/1.1".to_vec()]] {
        let mut config = tls(&[&TLS13]);
        config.alpn_protocols = protocols;
        if let Ok(mut stream) = handshake(agent.local_addr(), config).await {
            let read = timeout(Duration::from_secs(30), stream.read_u8()).await.expect("still open");
            assert!(read.is_err());
        }
    }
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_that_come_and_go_do_not_end_the_agent() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for _ in 0..1000 {
        drop(TcpStream::connect(agent.local_addr()).await.unwrap());
    }
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

/// Both ends of every connection are in this process.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_keep_nobody_waiting() {
    allow_many_files();
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(TcpStream::connect(agent.local_addr()).await.unwrap());
    }
    answers(&agent, &computation).await;
    drop(idle);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_strangers_in_the_house_keep_nobody_out() {
    allow_many_files();
    let computation = Computation::new();
    let mut config = computation.config();
    config.limits.connections = 100;
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut strangers = Vec::new();
    for _ in 0..1000 {
        strangers.extend(handshake(agent.local_addr(), tls(&[&TLS13])).await);
    }
    answers(&agent, &computation).await;
    drop(strangers);
    agent.shutdown().await;
}

/// One HTTP/2 frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_opened_and_reset_without_end_end_the_connection() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let stream = handshake(agent.local_addr(), tls(&[&TLS13])).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
        answer
    });
    writer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    writer.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    // POST / over https: three fields of the static table.
    let (headers, cancel) = ([0x83, 0x84, 0x87], 8_u32.to_be_bytes());
    for stream in (1..40_000).step_by(2) {
        let both = [frame(1, 4, stream, &headers), frame(3, 0, stream, &cancel)].concat();
        if writer.write_all(&both).await.is_err() {
            break;
        }
    }
    let answer = timeout(Duration::from_secs(30), reading).await.expect("the connection is still open").unwrap();
    // GOAWAY with ENHANCE_YOUR_CALM.
    assert!(answer.windows(4).any(|code| code == [0, 0, 0, 0xb]));
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_end_the_connection() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let stream = handshake(agent.local_addr(), tls(&[&TLS13])).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await;
    });
    writer.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    writer.write_all(&[frame(4, 0, 0, &[]), frame(1, 0, 1, &[0x83, 0x84, 0x87])].concat()).await.unwrap();
    // A literal field of 100 bytes, again and again, in CONTINUATION frames that never say they are the last.
    let field = [&[0x00, 1, b'x', 100][..], &[b'y'; 100]].concat();
    for _ in 0..10_000 {
        if writer.write_all(&frame(9, 0, 1, &field.repeat(10))).await.is_err() {
            break;
        }
    }
    timeout(Duration::from_secs(30), reading).await.expect("the connection is still open").unwrap();
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_ask_whether_the_agent_is_well() {
    use tonic_health::pb::health_client::HealthClient;
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
    let computation = Computation::new();
    let agent = computation.start().await;
    let peer = Peer::connect(&agent, &computation).await;
    let request = HealthCheckRequest { service: "prism.agent.v1.Agent".to_owned() };
    let response = HealthClient::new(peer.channel).check(request).await.unwrap().into_inner();
    assert_eq!(response.status(), ServingStatus::Serving);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stalls_is_ended() {
    let computation = Computation::new();
    let mut config = computation.config();
    config.limits.handshake_within = Duration::from_millis(200);
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut tcp = TcpStream::connect(agent.local_addr()).await.unwrap();
    tcp.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    assert!(is_closed(tcp).await);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_shown_out_after_a_while_and_a_participant_is_not() {
    let computation = Computation::new();
    let mut config = computation.config();
    config.limits.authenticate_within = Duration::from_millis(500);
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut member = Peer::join(&agent, &computation, "lab").await;
    let mut stranger = handshake(agent.local_addr(), tls(&[&TLS13])).await.unwrap();
    let mut settings = Vec::new();
    let ended = timeout(Duration::from_secs(30), stranger.read_to_end(&mut settings)).await;
    assert!(ended.is_ok(), "the stranger is still there");
    member.client.status(wire::StatusRequest {}).await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_house_is_full_a_stranger_makes_room() {
    let computation = Computation::new();
    let mut config = computation.config();
    config.limits.connections = 2;
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut member = Peer::join(&agent, &computation, "lab").await;
    let mut strangers = Vec::new();
    for _ in 0..5 {
        strangers.push(handshake(agent.local_addr(), tls(&[&TLS13])).await.unwrap());
    }
    member.client.status(wire::StatusRequest {}).await.unwrap();
    drop(strangers);
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_make_the_agent_hold_much() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::attest(&agent, &computation).await;
    let request = wire::AuthenticateRequest { envelope: vec![b' '; 100 * 1024].into() };
    assert!(peer.client.authenticate(request).await.is_err());
    let mut peer = Peer::connect(&agent, &computation).await;
    let request = wire::AttestRequest { client_nonce: vec![0; 100 * 1024].into(), known_size: 0 };
    let refused = peer.client.attest(request).await.unwrap_err();
    assert!(refused.metadata().get("prism-code").is_none(), "the request was read whole: {refused:?}");
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_the_limit_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let request = wire::StopRequest { envelope: vec![b' '; 2 * 1024 * 1024].into() };
    assert!(peer.client.stop(request).await.is_err());
    answers(&agent, &computation).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_the_log_never_had_does_no_harm() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::connect(&agent, &computation).await;
    let request = wire::AttestRequest { client_nonce: NONCE.to_vec().into(), known_size: u64::MAX };
    assert!(peer.client.attest(request).await.unwrap().into_inner().consistency.is_empty());
    agent.shutdown().await;
}
