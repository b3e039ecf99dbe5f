//! A package index on this machine's loopback, over TLS, which serves its next requests as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use prism_core::digest::Digest;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Notify;

use crate::tls::Authority;

/// Vouches for every shelf of a test program.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(Authority::new)
}

/// How one request is served. Without a plan, honestly.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// So many bytes of the body, then the connection breaks.
    Cut(usize),
    /// So many bytes of the body, then nothing more.
    Stall(usize),
    Status(u16),
    /// It lies at this address now.
    Redirect(String),
    /// The whole, whatever part was asked for.
    Whole,
    /// Bytes without an end.
    Endless,
    /// This instead.
    Instead(&'static str, Vec<u8>),
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

#[derive(Default)]
struct State {
    /// Type and content by path.
    contents: BTreeMap<String, (&'static str, Vec<u8>)>,
    plan: VecDeque<Act>,
    asked: Vec<Asked>,
}

/// The index. It goes on until the runtime ends.
pub(crate) struct Shelf {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    asked: Arc<Notify>,
}

impl Shelf {
    /// An index with the wheels of a folder.
    pub(crate) async fn open(folder: &Path) -> Self {
        let mut projects: BTreeMap<String, String> = BTreeMap::new();
        let mut contents = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_none_or(|kind| kind != "whl") {
                continue;
            }
            let bytes = std::fs::read(folder.join(&name)).unwrap();
            let hash = Digest::sha256(&bytes).to_hex();
            let project = name.split('-').next().unwrap().replace('_', "-");
            let separator = if projects.contains_key(&project) { "," } else { "" };
            let file = format!(
                "{separator}{{\"filename\":\"{name}\",\"url\":\"../../files/{name}\",\"hashes\":{{\"sha256\":\"{hash}\"}}}}"
            );
            projects.entry(project).or_default().push_str(&file);
            contents.insert(format!("/files/{name}"), ("application/octet-stream", bytes));
        }
        for (project, files) in projects {
            let page = format!("{{\"meta\":{{\"api-version\":\"1.1\"}},\"files\":[{files}]}}");
            contents.insert(format!("/simple/{project}/"), ("application/vnd.pypi.simple.v1+json", page.into_bytes()));
        }
        Self::serve(State { contents, ..State::default() }).await
    }

    async fn serve(state: State) -> Self {
        let (state, asked) = (Arc::new(Mutex::new(state)), Arc::new(Notify::new()));
        let (own, tell) = (Arc::clone(&state), Arc::clone(&asked));
        let address = authority().listen(move |stream| {
            let (state, tell) = (Arc::clone(&own), Arc::clone(&tell));
            async move { serve(BufReader::new(stream), &state, &tell).await }
        });
        let address = address.await;
        Self { address, state, asked }
    }

    /// The address of the index.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/simple/", self.address)
    }
}

impl Shelf {
    pub(crate) fn plan(&self, acts: impl IntoIterator<Item = Act>) {
        self.state.lock().unwrap().plan.extend(acts);
    }

    pub(crate) fn put(&self, path: &str, kind: &'static str, content: Vec<u8>) {
        self.state.lock().unwrap().contents.insert(path.to_owned(), (kind, content));
    }

    pub(crate) fn take(&self, path: &str) -> Vec<u8> {
        self.state.lock().unwrap().contents.remove(path).unwrap().1
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Waits until somebody has asked for this many things.
    pub(crate) async fn asked_for(&self, count: usize) {
        loop {
            let next = self.asked.notified();
            if self.asked().len() >= count {
                return;
            }
            next.await;
        }
    }
}

async fn serve(
    mut stream: BufReader<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>,
    state: &Mutex<State>,
    tell: &Notify,
) {
    let Some(asked) = read_head(&mut stream).await else { return };
    let (act, content) = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        (state.plan.pop_front(), state.contents.get(&asked.path).cloned())
    };
    tell.notify_waiters();
    tell.notify_one();
    // Whoever asked may have gone.
    let _ = answer(&mut stream, &asked, act, content).await;
    let _ = stream.shutdown().await;
}

async fn read_head<S: AsyncBufReadExt + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut asked = Asked { path: first.split(' ').nth(1)?.to_owned(), ..Asked::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { return Some(asked) };
        match name {
            "range" => asked.range = Some(value.to_owned()),
            "authorization" => asked.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
}

async fn answer<S: AsyncWrite + AsyncReadExt + Unpin>(
    stream: &mut S,
    asked: &Asked,
    act: Option<Act>,
    content: Option<(&'static str, Vec<u8>)>,
) -> std::io::Result<()> {
    let content = if let Some(Act::Instead(kind, bytes)) = &act { Some((*kind, bytes.clone())) } else { content };
    let status = match (&act, &content) {
        (Some(Act::Status(status)), _) => Some(format!("{status} No")),
        (Some(Act::Redirect(to)), _) => Some(format!("302 Found\r\nlocation: {to}")),
        (_, None) => Some("404 No".to_owned()),
        _ => None,
    };
    if let Some(status) = status {
        return stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
    }
    let (kind, content) = content.unwrap_or_default();
    if matches!(act, Some(Act::Endless)) {
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes()).await?;
        loop {
            stream.write_all(&[b' '; 8192]).await?;
        }
    }
    let from = asked
        .range
        .as_ref()
        .filter(|_| !matches!(act, Some(Act::Whole)))
        .map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap());
    let body = content.get(from.unwrap_or(0)..).unwrap_or_default();
    let head = match from {
        Some(from) => format!("206 Part\r\ncontent-range: bytes {from}-{}/{}", content.len() - 1, content.len()),
        None => "200 OK".to_owned(),
    };
    let head = format!("HTTP/1.1 {head}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    match act {
        Some(Act::Cut(bytes)) => stream.write_all(&body[..bytes.min(body.len())]).await,
        Some(Act::Stall(bytes)) => {
            stream.write_all(&body[..bytes.min(body.len())]).await?;
            stream.flush().await?;
            // Until the other side has had enough.
            stream.read_u8().await.map(|_| ())
        }
        _ => stream.write_all(body).await,
    }
}
