use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;

/// Answers one connection with these bytes, each part in a segment of its own; returns what it was asked.
fn service(parts: &[&[u8]]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n{}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.push(byte[0]);
        }
        for part in parts {
            // The other side hangs up as soon as it has seen enough.
            let _ = stream.write_all(&part);
        }
        asked
    });
    (address, answering)
}

fn ask(parts: &[&[u8]]) -> Result<Answer, HttpError> {
    let (address, answering) = service(parts);
    let answer = post_json(address, "/acc/tdquote", b"{}");
    answering.join().unwrap();
    answer
}

#[test]
fn a_question_is_one_post_with_the_header_that_the_service_demands() {
    let (address, answering) = service(&[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
    let answer = post_json(address, "/acc/tdquote", b"{}").unwrap();
    assert_eq!(answer, Answer { status: 200, body: b"ok".to_vec() });
    let asked = String::from_utf8(answering.join().unwrap()).unwrap();
    assert!(asked.starts_with("POST /acc/tdquote HTTP/1.1\r\nHost: 127.0.0.1\r\nMetadata: true\r\n"), "{asked}");
    assert!(asked.ends_with("Content-Length: 2\r\nConnection: close\r\n\r\n{}"), "{asked}");
}

#[test]
fn an_answer_may_be_counted_chunked_or_end_with_the_connection() {
    let answers: [&[&[u8]]; 4] = [
        &[b"HTTP/1.1 200 OK\r\nContent-", b"Length: 5\r\n\r", b"\nhello and more"],
        &[b"HTTP/1.1 200\r\ntransfer-encoding: Chunked\r\n\r\n2;x=y\r\nhe\r", b"\n3\r\nllo\r\n0\r\n\r\n"],
        &[b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhel", b"lo"],
        &[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"],
    ];
    for parts in answers {
        assert_eq!(ask(parts).unwrap(), Answer { status: 200, body: b"hello".to_vec() });
    }
}

#[test]
fn what_is_not_a_whole_http_answer_is_refused() {
    let answers: [&[u8]; 12] = [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
    ];
    for answer in answers {
        let refused = ask(&[answer]);
        let shown = String::from_utf8_lossy(answer);
        assert!(matches!(refused, Err(HttpError::Malformed { .. })), "{shown} {refused:?}");
    }
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let flood = vec![b'a'; 300 * 1024];
    let refused = ask(&[b"HTTP/1.1 200 OK\r\n\r\n", &flood]);
    assert!(matches!(refused, Err(HttpError::TooLarge { .. })), "{refused:?}");
}

#[test]
fn a_service_that_is_not_there_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(matches!(post_json(address, "/", b"{}"), Err(HttpError::Io { .. })));
}
