//! One POST over HTTP/1.1 (RFC 9112) to a service on this machine's own link: no TLS, no redirects, a size and a time
//! that it must keep to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use prism_core::code::{Code, Coded};

/// How long everything may take.
const WITHIN: Duration = Duration::from_secs(30);

/// How long a connection may take: the service is next door or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Longest answer in bytes, headers included.
const ANSWER_MAX: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("expected an answer from {service}, found an error of the network")]
    Io {
        /// Who was asked.
        service: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The answer took too long.
    #[error("expected an answer from {service} within 30 s, found none")]
    Late {
        /// Who was asked.
        service: SocketAddr,
    },
    /// The answer is too large.
    #[error("expected an answer of at most {ANSWER_MAX} bytes from {service}, found more")]
    TooLarge {
        /// Who was asked.
        service: SocketAddr,
    },
    /// The answer is not HTTP/1.1.
    #[error("expected an answer in HTTP/1.1 from {service}, found something else")]
    Malformed {
        /// Who was asked.
        service: SocketAddr,
    },
}

impl Coded for HttpError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } | Self::Late { .. } => Code::AgentUnreachable,
            Self::TooLarge { .. } | Self::Malformed { .. } => Code::PlatformUnsupported,
        }
    }
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends JSON and waits for the answer.
pub(super) fn post_json(service: SocketAddr, path: &str, body: &[u8]) -> Result<Answer, HttpError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HttpError::Late { service },
        _ => HttpError::Io { service, source },
    };
    let end = Instant::now() + WITHIN;
    let mut stream = TcpStream::connect_timeout(&service, CONNECT_WITHIN).map_err(io)?;
    stream.set_write_timeout(Some(WITHIN)).map_err(io)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nMetadata: true\r\nContent-Type: application/json\r\n\
         Accept: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        service.ip(),
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).map_err(io)?;
    let (mut received, mut piece) = (Vec::new(), [0; 8192]);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HttpError::Late { service });
        }
        stream.set_read_timeout(Some(left)).map_err(io)?;
        let read = stream.read(&mut piece).map_err(io)?;
        received.extend(piece.iter().take(read));
        if received.len() > ANSWER_MAX {
            return Err(HttpError::TooLarge { service });
        }
        let malformed = || HttpError::Malformed { service };
        match parse(&received, read == 0) {
            Parsed::Whole(answer) => return Ok(answer),
            Parsed::Partial if read > 0 => {}
            Parsed::Partial | Parsed::Malformed => return Err(malformed()),
        }
    }
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Whole(Answer),
    Partial,
    Malformed,
}

/// How long the body is (RFC 9112, section 6.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

fn parse(bytes: &[u8], ended: bool) -> Parsed {
    let Some((head, body)) = split_at(bytes, b"\r\n\r\n") else { return Parsed::Partial };
    let Some((status, length)) = std::str::from_utf8(head).ok().and_then(parse_head) else { return Parsed::Malformed };
    let body = match length {
        Length::Known(length) => body.get(..length).map(<[u8]>::to_vec),
        Length::UntilClose => ended.then(|| body.to_vec()),
        Length::Chunked => match unchunk(body) {
            Ok(body) => body,
            Err(Malformed) => return Parsed::Malformed,
        },
    };
    body.map_or(Parsed::Partial, |body| Parsed::Whole(Answer { status, body }))
}

fn parse_head(head: &str) -> Option<(u16, Length)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut length = Length::UntilClose;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        let said = match name.as_str() {
            "content-length" => Length::Known(value.parse().ok()?),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => Length::Chunked,
            "transfer-encoding" => return None,
            _ => continue,
        };
        // Two lengths that differ are how requests are smuggled.
        if length != Length::UntilClose && length != said {
            return None;
        }
        length = said;
    }
    Some((status, length))
}

/// Not the encoding.
#[derive(Debug)]
struct Malformed;

/// The content of a chunked body (RFC 9112, section 7.1); `None` as long as it is not complete.
fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut content = Vec::new();
    while let Some((line, after)) = split_at(rest, b"\r\n") {
        let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| Malformed)?;
        if size > ANSWER_MAX {
            return Err(Malformed);
        }
        if size == 0 {
            return Ok(Some(content));
        }
        let Some((chunk, after)) = after.split_at_checked(size) else { return Ok(None) };
        content.extend_from_slice(chunk);
        if after.len() < 2 {
            return Ok(None);
        }
        rest = after.strip_prefix(b"\r\n").ok_or(Malformed)?;
    }
    Ok(None)
}

fn split_at<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    let (before, after) = bytes.split_at_checked(at)?;
    Some((before, after.get(mark.len()..)?))
}

#[cfg(test)]
mod tests;
