//! `Metrics`: the figures in the algorithm's output, for those who may read them and whether or not they may read the rest.

use prism_core::code::Code;
use prism_core::metric::{Metrics, MetricsLines};
use tonic::Status;

use super::log::{Tail, has_ended, pause, read_at};
use super::outlet::{Outlet, Tap};
use super::{Reply, Service, refuse};
use crate::server::engine::{Engine, Interrupted};
use crate::server::session::Member;
use crate::wire;

/// Responses that may wait for the network.
const QUEUE: usize = 16;

pub(super) fn metrics(
    service: &Service,
    member: &Member,
    outlet: Outlet,
    request: wire::MetricsRequest,
) -> Result<Reply<wire::MetricsResponse>, Status> {
    if !service.engine.signed().manifest().logs.metrics.contains(&member.name) {
        let words = "expected a reader that the manifest's logs.metrics names, found another participant";
        return Err(wire::refusal(Code::RoleRefused, words));
    }
    let (mut tap, answers) = outlet.open(QUEUE);
    let (engine, offset) = (service.engine.clone(), request.offset);
    tokio::spawn(async move {
        tokio::select! {
            () = tap.gone() => {}
            () = follow(&engine, offset, &mut tap) => {}
        }
    });
    Ok(answers)
}

async fn follow(engine: &Engine, mut offset: u64, tap: &mut Tap<wire::MetricsResponse>) {
    let (mut mark, mut lines) = (engine.watch(), MetricsLines::default());
    // A reader who goes on in the middle of a line must not see its rest as a line: what stands before counts.
    let wanted = offset;
    offset = offset.saturating_sub(1);
    if offset < wanted {
        lines.skip_line();
    }
    loop {
        // Looked at before the file: what was written until the run ended is then read after it.
        let ended = has_ended(mark.borrow_and_update().phase);
        let at = Tail::stdout(offset);
        let Ok(Ok(bytes)) = engine.blocking(move |engine| read_at(engine, at)).await else {
            tap.fail(refuse(&Interrupted)).await;
            return;
        };
        for (read, metrics) in lines.take(&bytes) {
            if !give(tap, offset.saturating_add(read as u64), metrics).await {
                return;
            }
        }
        offset = offset.saturating_add(bytes.len() as u64);
        if !bytes.is_empty() {
            continue;
        }
        if ended {
            if let Some(metrics) = lines.finish() {
                give(tap, offset, metrics).await;
            }
            return;
        }
        pause(&mut mark).await;
    }
}

async fn give(tap: &mut Tap<wire::MetricsResponse>, offset: u64, metrics: Metrics) -> bool {
    let Metrics { step, values, .. } = metrics;
    let length = values.keys().map(|name| name.len() + size_of::<f64>()).sum();
    tap.give(wire::MetricsResponse { offset, step, values: values.into_iter().collect() }, length).await
}
