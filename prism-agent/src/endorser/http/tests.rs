use super::*;

#[tokio::test]
async fn a_host_that_is_not_on_the_list_is_not_asked() {
    let listed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listed.local_addr().unwrap()).parse().unwrap();
    let transport = Transport::new(&EndorserConfig::mirror(base)).unwrap();
    let port = stranger.local_addr().unwrap().port();
    for (tls, host, port) in [(false, "127.0.0.1", port), (false, "localhost", port), (true, "127.0.0.1", port)] {
        let address = Address { tls, host: host.to_owned(), port, path: "/".to_owned() };
        assert!(matches!(transport.ask(&address).await, Err(FetchError::Host { .. })), "{address}");
    }
    // Nobody knocked: the queue of the stranger's socket is empty.
    let mut knocked = std::pin::pin!(stranger.accept());
    assert!(futures_are_pending(&mut knocked), "the stranger was asked");
}

fn futures_are_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
    future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
}
