//! What a request may take before anybody looks at it. Calls check who is there themselves; this bounds the memory and
//! the number of calls before they can.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::Limited;
use prism_core::code::Coded;
use prism_core::seal::HEADER_MAX;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::session::Session;
use super::shares::{Crowded, Share, Shares};
use crate::wire;

/// Longest request but those below, in bytes, and the longest of a connection on which nobody has authenticated. A
/// statement has at most 16 KiB.
const REQUEST_MAX: usize = 48 * 1024;

/// The call that brings frames: as many bytes as it likes, at its own pace and under its own share.
const UPLOAD: &str = "/prism.agent.v1.Agent/Upload";

/// The call that brings a statement and the header of a sealed file.
const RELEASE: &str = "/prism.agent.v1.Agent/Release";

/// Puts the gate in front of every service.
#[derive(Clone, Debug)]
pub(super) struct GateLayer(Shares);

impl GateLayer {
    /// A gate that lets so many calls in.
    pub(super) const fn new(calls: Shares) -> Self {
        Self(calls)
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, calls: self.0.clone() }
    }
}

/// A service behind the gate.
#[derive(Clone, Debug)]
pub(super) struct Gate<S> {
    inner: S,
    calls: Shares,
}

impl<S> Gate<S> {
    /// The request with a bound, and its place among the calls of its participant until its answer begins.
    fn admit(&self, request: Request<Body>) -> Result<(Request<Body>, Option<Share>), Crowded> {
        let session = request.extensions().get::<Arc<Session>>();
        let member = session.and_then(|session| session.member().ok());
        let (most, call) = match (&member, request.uri().path()) {
            (Some(_), UPLOAD) => return Ok((request, None)),
            (Some(member), RELEASE) => (REQUEST_MAX + HEADER_MAX, Some(self.calls.take(&member.name)?)),
            (Some(member), _) => (REQUEST_MAX, Some(self.calls.take(&member.name)?)),
            (None, _) => (REQUEST_MAX, None),
        };
        Ok((request.map(|body| Body::new(Limited::new(body, most))), call))
    }
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.admit(request) {
            Ok((request, call)) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let _call = call;
                    answer.await
                })
            }
            Err(crowded) => {
                Box::pin(async move { Ok(wire::refusal(crowded.code(), &crowded.to_string()).into_http()) })
            }
        }
    }
}
