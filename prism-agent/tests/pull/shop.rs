//! A web server with one object, which serves its next requests as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::tls::Authority;

/// How one request is served. Without a plan, honestly.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// So many bytes of the body, then the connection breaks.
    Cut(usize),
    /// So many bytes of the body, then nothing more.
    Stall(usize),
    /// This status and no object.
    Status(u16),
    /// It lies at this address now.
    Redirect(String),
    /// The whole object, whatever part was asked for.
    Whole,
    /// So many bytes of the whole object, whatever part was asked for, then the connection breaks.
    WholeCut(usize),
    /// Another object from now on, then as if nothing had happened.
    Replace(Vec<u8>),
    /// Bytes that were packed for the way.
    Packed,
    /// No length is told.
    Lengthless,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
}

struct State {
    object: Vec<u8>,
    version: u32,
    plan: VecDeque<Act>,
    asked: Vec<Asked>,
    arrivals: UnboundedSender<Asked>,
}

pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    arrivals: UnboundedReceiver<Asked>,
}

impl Shop {
    pub(crate) async fn open(authority: &Authority, object: Vec<u8>) -> Self {
        let (sender, arrivals) = unbounded_channel();
        let state = State { object, version: 1, plan: VecDeque::new(), asked: Vec::new(), arrivals: sender };
        let state = Arc::new(Mutex::new(state));
        let own = Arc::clone(&state);
        let address = authority.listen(move |stream| {
            let state = Arc::clone(&own);
            async move { serve(BufReader::new(stream), &state).await }
        });
        let address = address.await;
        Self { address, state, arrivals }
    }

    /// The address of the object.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/data/h1.age", self.address)
    }

    pub(crate) fn plan(&self, acts: impl IntoIterator<Item = Act>) {
        self.state.lock().unwrap().plan.extend(acts);
    }

    pub(crate) fn stock(&self, object: Vec<u8>) {
        self.state.lock().unwrap().object = object;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Waits for the next request.
    pub(crate) async fn next(&mut self) -> Asked {
        self.arrivals.recv().await.unwrap()
    }
}

async fn serve(mut stream: BufReader<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>, state: &Mutex<State>) {
    let Some(asked) = read_head(&mut stream).await else { return };
    let (act, object, version) = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        let _ = state.arrivals.send(asked.clone());
        let act = state.plan.pop_front();
        if let Some(Act::Replace(object)) = &act {
            state.object.clone_from(object);
            state.version += 1;
        }
        (act, state.object.clone(), state.version)
    };
    // Whoever asked may have gone.
    let _ = answer(&mut stream, &asked, act, (&object, version)).await;
    let _ = stream.shutdown().await;
}

async fn read_head<S: AsyncBufReadExt + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut asked = Asked { line: String::new(), range: None, if_match: None };
    stream.read_line(&mut asked.line).await.ok()?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name {
            "range" => asked.range = Some(value.to_owned()),
            "if-match" => asked.if_match = Some(value.to_owned()),
            _ => {}
        }
    }
    asked.line.truncate(asked.line.trim_end().len());
    Some(asked)
}

async fn answer<S: AsyncWrite + AsyncReadExt + Unpin>(
    stream: &mut S,
    asked: &Asked,
    act: Option<Act>,
    (object, version): (&[u8], u32),
) -> std::io::Result<()> {
    let etag = format!("\"v{version}\"");
    let status = match &act {
        Some(Act::Status(status)) => Some(format!("{status} No")),
        Some(Act::Redirect(to)) => Some(format!("302 Found\r\nlocation: {to}")),
        _ if asked.if_match.as_ref().is_some_and(|wanted| *wanted != etag) => {
            Some("412 Precondition Failed".to_owned())
        }
        _ => None,
    };
    if let Some(status) = status {
        return stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
    }
    let range = asked.range.as_ref().filter(|_| !matches!(act, Some(Act::Whole | Act::WholeCut(_)))).map(|range| {
        let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        from.parse::<usize>().unwrap()..to.parse().map_or(object.len(), |to: usize| to + 1)
    });
    let body = &object[range.clone().unwrap_or(0..object.len())];
    let mut head = match &range {
        Some(range) => {
            format!("HTTP/1.1 206 Part\r\ncontent-range: bytes {}-{}/{}", range.start, range.end - 1, object.len())
        }
        None => "HTTP/1.1 200 OK".to_owned(),
    };
    if !matches!(act, Some(Act::Lengthless)) {
        head = format!("{head}\r\ncontent-length: {}", body.len());
    }
    if matches!(act, Some(Act::Packed)) {
        head += "\r\ncontent-encoding: gzip";
    }
    head = format!("{head}\r\netag: {etag}\r\nlast-modified: Sun, 29 Nov 2026 12:00:00 GMT\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    match act {
        Some(Act::Cut(bytes) | Act::WholeCut(bytes)) => stream.write_all(&body[..bytes.min(body.len())]).await,
        Some(Act::Stall(bytes)) => {
            stream.write_all(&body[..bytes.min(body.len())]).await?;
            stream.flush().await?;
            // Until the other side has had enough.
            stream.read_u8().await.map(|_| ())
        }
        _ => stream.write_all(body).await,
    }
}
