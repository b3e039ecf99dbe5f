//! Peers that misbehave below the protocol: the agent still answers everybody else.

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

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_keep_nobody_waiting() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(agent.local_addr()).await.unwrap());
    }
    answers(&agent, &computation).await;
    drop(idle);
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
