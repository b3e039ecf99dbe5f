//! One file, hashed while it streams to disk; continued where it broke off.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::CONTENT_RANGE;
use prism_core::digest::Hasher;
use prism_core::requirements::FileHash;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use url::Url;

use super::IndexError;
use super::line::Line;
use crate::client::Retries;
use crate::pull::HttpsError;
use crate::runner::Free;

/// Bytes that were never there before and make an attempt worth others: a line that breaks after every few, or brings the
/// same ones again, ends all the same.
const WORTH: u64 = 1 << 20;

/// How many times what a file has, or this many bytes of a small one, may be thrown away and asked for again.
const IN_VAIN: u64 = 3;
const IN_VAIN_AT_LEAST: u64 = 16 << 20;

/// Bytes that come between two looks at what is free.
const LOOK_EVERY: u64 = 16 << 20;

/// Bytes that all downloads together may still bring.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: Arc<AtomicU64>,
    limit: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { left: Arc::new(AtomicU64::new(limit)), limit }
    }

    /// Takes so many bytes; whether they were there.
    fn take(&self, bytes: u64) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What is fetched, from where to where.
pub(super) struct Download<'a> {
    pub(super) line: &'a Line,
    pub(super) url: Url,
    pub(super) name: &'a str,
    /// Its size, if the index says it.
    pub(super) size: Option<u64>,
    pub(super) folder: &'a Path,
    pub(super) budget: &'a Budget,
    /// Hears of bytes.
    pub(super) came: &'a (dyn Fn(u64) + Send + Sync),
}

/// What is there so far.
struct Position {
    file: File,
    hasher: Hasher,
    at: u64,
}

impl Download<'_> {
    /// Fetches the whole file; returns its SHA-256.
    pub(super) async fn run(&self) -> Result<FileHash, IndexError> {
        let path = self.folder.join(self.name);
        self.require_room(self.size.unwrap_or_default())?;
        let mut position = self.begin(&path).await?;
        let mut retries = Retries::new(self.line.index().retry);
        let (mut furthest, mut again) = (0, 0);
        loop {
            let error = match self.attempt(&mut position).await {
                Ok(()) => break,
                Err(Broken::Final(error)) => return Err(error),
                Err(Broken::Anew(error)) => {
                    again += position.at;
                    if again > IN_VAIN * position.at.max(IN_VAIN_AT_LEAST) {
                        return Err(IndexError::Wasteful { file: self.name.to_owned(), again });
                    }
                    self.budget.give_back(position.at);
                    position = self.begin(&path).await?;
                    error
                }
                Err(Broken::Passing(error)) => error,
            };
            if position.at >= furthest + WORTH {
                furthest = position.at;
                retries.reset();
            }
            if !retries.pause().await {
                return Err(error);
            }
        }
        position.file.flush().await.map_err(self.disk())?;
        Ok(*position.hasher.finish().as_bytes())
    }

    async fn begin(&self, path: &PathBuf) -> Result<Position, IndexError> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path).await;
        Ok(Position { file: file.map_err(self.disk())?, hasher: Hasher::sha256(), at: 0 })
    }

    async fn attempt(&self, position: &mut Position) -> Result<(), Broken> {
        let answer = self.line.file(self.url.clone(), position.at).await;
        let answer = answer.map_err(|error| self.sort(error, position.at))?;
        let begins = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let expected = format!("bytes {}-", position.at);
        if position.at > 0 && !begins.is_some_and(|begins| begins.starts_with(&expected)) {
            return Err(Broken::Anew(self.refused("expected the rest of the file, found another part".into())));
        }
        let mut body = answer.into_body();
        self.require_room(body.size_hint().lower()).map_err(Broken::Final)?;
        loop {
            let broken = |source| Broken::Passing(self.refused(source));
            let frame = timeout(self.line.index().answer_within, body.frame()).await;
            let Some(frame) = frame.map_err(|late| broken(late.into()))? else { return Ok(()) };
            let Ok(data) = frame.map_err(|error| broken(error.into()))?.into_data() else { continue };
            let bytes = data.len() as u64;
            if !self.budget.take(bytes) {
                let (file, limit) = (self.name.to_owned(), self.budget.limit);
                return Err(Broken::Final(IndexError::TooLarge { file, limit }));
            }
            position.file.write_all(&data).await.map_err(|error| Broken::Final(self.disk()(error)))?;
            position.hasher.update(&data);
            if (position.at + bytes) / LOOK_EVERY > position.at / LOOK_EVERY {
                self.require_room(0).map_err(Broken::Final)?;
            }
            position.at += bytes;
            (self.came)(bytes);
        }
    }

    /// Whether so many bytes more fit on the disk now.
    fn require_room(&self, bytes: u64) -> Result<(), IndexError> {
        let found = Free::at(self.folder).map_err(self.disk())?;
        let (needed, free) = (bytes.saturating_add(Free::KEPT.bytes), found.bytes);
        let file = || self.name.to_owned();
        if needed <= free { Ok(()) } else { Err(IndexError::NoRoom { file: file(), needed, free }) }
    }

    fn sort(&self, error: HttpsError, at: u64) -> Broken {
        let part = at > 0;
        let no_part = matches!(
            error,
            HttpsError::NoRanges | HttpsError::Status { status: StatusCode::RANGE_NOT_SATISFIABLE, .. }
        );
        match error.is_passing() {
            _ if part && no_part => Broken::Anew(self.refused(error.into())),
            true => Broken::Passing(self.refused(error.into())),
            false => Broken::Final(self.refused(error.into())),
        }
    }

    fn refused(&self, source: Box<dyn std::error::Error + Send + Sync>) -> IndexError {
        IndexError::File { file: self.name.to_owned(), source }
    }

    fn disk(&self) -> impl FnOnce(std::io::Error) -> IndexError {
        let file = self.name.to_owned();
        move |source| IndexError::Disk { file, source }
    }
}

enum Broken {
    /// The rest may come the next time.
    Passing(IndexError),
    /// The whole may.
    Anew(IndexError),
    Final(IndexError),
}
