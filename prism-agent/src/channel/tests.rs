use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::config::client_config;
use super::*;

fn agent() -> (Arc<ServerConfig>, Vec<u8>) {
    let certificate = AgentCertificate::generate().unwrap();
    let spki = certificate.spki_der();
    (server_config(certificate).unwrap(), spki)
}

async fn pair(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> io::Result<(SharedStream, SharedStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let tcp = TcpStream::connect(listener.local_addr()?).await?;
    let (accepted, _) = listener.accept().await?;
    let name = rustls::pki_types::ServerName::try_from("x.invalid").unwrap();
    let connector = TlsConnector::from(client);
    let acceptor = TlsAcceptor::from(server);
    let (client, server) = tokio::join!(connector.connect(name, tcp), acceptor.accept(accepted));
    Ok((SharedStream::new(client?), SharedStream::new(server?)))
}

#[tokio::test]
async fn both_ends_of_a_connection_export_the_same_bytes_and_no_other_connection_does() {
    let (server, _) = agent();
    let (client_1, server_1) = pair(client_config().unwrap(), Arc::clone(&server)).await.unwrap();
    let (client_2, _server_2) = pair(client_config().unwrap(), server).await.unwrap();
    let exported = client_1.link().export(&[7; 32]).unwrap();
    assert_eq!(exported, server_1.link().export(&[7; 32]).unwrap());
    assert_ne!(exported, server_1.link().export(&[8; 32]).unwrap());
    assert_ne!(exported, client_2.link().export(&[7; 32]).unwrap());
}

#[tokio::test]
async fn a_link_does_not_keep_its_connection_open() {
    let (server, _) = agent();
    let (client, mut server) = pair(client_config().unwrap(), server).await.unwrap();
    let link = client.link();
    drop(client);
    assert!(link.export(&[7; 32]).is_err());
    let mut nothing = Vec::new();
    // The end may come as an end of file or as a reset; either way the peer is gone.
    let _ = server.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn hanging_up_ends_the_connection_for_its_user() {
    let (server, _) = agent();
    let (mut client, server) = pair(client_config().unwrap(), server).await.unwrap();
    let link = server.link();
    let reading = tokio::spawn(async move {
        let mut server = server;
        server.read_u8().await
    });
    link.hang_up();
    assert!(reading.await.unwrap().is_err());
    assert!(client.read_u8().await.is_err());
}

#[tokio::test]
async fn a_connection_prefers_the_hybrid_key_exchange() {
    let (server, _) = agent();
    let (client, _server) = pair(client_config().unwrap(), server).await.unwrap();
    let TlsStream::Client(tls) = &*lock(&client.0) else { panic!("not a client") };
    let group = tls.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn a_peer_that_does_not_hold_its_certificates_key_is_refused() {
    let (shown, held) = (AgentCertificate::generate().unwrap(), AgentCertificate::generate().unwrap());
    // The signature that such a server can make is by another key than the one it shows.
    let thief = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Thief::new(&shown, &held)));
    assert!(pair(client_config().unwrap(), Arc::new(thief)).await.is_err());
}

/// Shows one agent's certificate and signs with another's key.
#[derive(Debug)]
struct Thief(Arc<rustls::sign::CertifiedKey>);

impl Thief {
    fn new(shown: &AgentCertificate, held: &AgentCertificate) -> Self {
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(held.key_der());
        let key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&der.into()).unwrap();
        Self(Arc::new(rustls::sign::CertifiedKey::new(vec![shown.certificate_der().clone()], key)))
    }
}

impl rustls::server::ResolvesServerCert for Thief {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn connecting_shows_the_key_of_the_other_end() {
    let (config, spki) = agent();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let agent = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let stream = SharedStream::new(TlsAcceptor::from(config).accept(tcp).await.unwrap());
        let exported = stream.link().export(&[7; 32]).unwrap();
        (stream, exported)
    });
    let channel = connect(&address).await.unwrap();
    let (_stream, exported) = agent.await.unwrap();
    assert_eq!(channel.spki_der(), spki);
    assert_eq!(channel.export(&[7; 32]).unwrap(), exported);
}

#[tokio::test]
async fn connecting_to_something_that_is_not_an_agent_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let Err(error) = connect(&address).await else { panic!("connected") };
    assert_eq!(error.code(), Code::AgentMisbehaved);
    other.await.unwrap();
    // Bound and not listening: nobody answers there, and nobody else gets the port meanwhile.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let Err(error) = connect(&address).await else { panic!("connected") };
    assert_eq!(error.code(), Code::AgentUnreachable);
}
