use std::sync::Arc;

use tonic::Streaming;

use super::options::Retries;
use super::session::{Live, Session};
use super::{CallError, SessionError, Stub};

/// A stream of answers that goes on over broken connections.
pub(super) struct Following<R> {
    session: Session,
    stream: Option<(Arc<Live>, Streaming<R>)>,
    retries: Retries,
    over: bool,
}

impl<R> Following<R> {
    pub(super) fn new(session: &Session) -> Self {
        Self { session: session.clone(), stream: None, retries: session.retries(), over: false }
    }

    /// Nothing more is believed.
    pub(super) const fn end(&mut self) {
        self.over = true;
    }

    /// The next answer; `None` when the stream has ended, or after an error. `open` asks for what is left of it.
    pub(super) async fn next<F>(&mut self, open: impl Fn(Stub) -> F) -> Option<Result<R, SessionError>>
    where
        F: Future<Output = Result<Streaming<R>, CallError>>,
    {
        while !self.over {
            match self.receive(&open).await {
                Ok(Some(answer)) => {
                    self.retries.reset();
                    return Some(Ok(answer));
                }
                Ok(None) => self.over = true,
                Err((live, error)) => {
                    let recovered = self.session.recover(&live, &mut self.retries, SessionError::from(error)).await;
                    if let Err(error) = recovered {
                        self.over = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    async fn receive<F>(&mut self, open: impl Fn(Stub) -> F) -> Result<Option<R>, (Arc<Live>, CallError)>
    where
        F: Future<Output = Result<Streaming<R>, CallError>>,
    {
        let (live, mut stream) = if let Some(open) = self.stream.take() {
            open
        } else {
            let live = self.session.live();
            match open(live.stub()).await {
                Ok(stream) => (live, stream),
                Err(error) => return Err((live, error)),
            }
        };
        match stream.message().await {
            Ok(answer) => {
                self.stream = Some((live, stream));
                Ok(answer)
            }
            Err(status) => Err((live, status.into())),
        }
    }
}
