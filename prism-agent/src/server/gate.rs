//! What a stranger may send: little. Calls check who is there themselves; this bounds the memory before they can.

use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::Limited;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::{Layer, Service};

use super::session::Session;

/// Longest request of a connection on which nobody has authenticated, in bytes. A statement has at most 16 KiB.
const STRANGER_MAX: usize = 48 * 1024;

/// Puts the gate in front of every service.
#[derive(Clone, Copy, Debug)]
pub(super) struct GateLayer;

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate(inner)
    }
}

/// A service behind the gate.
#[derive(Clone, Debug)]
pub(super) struct Gate<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for Gate<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let session = request.extensions().get::<Arc<Session>>();
        let known = session.is_some_and(|session| session.member().is_ok());
        let request = if known { request } else { request.map(|body| Body::new(Limited::new(body, STRANGER_MAX))) };
        self.0.call(request)
    }
}
