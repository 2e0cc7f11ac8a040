//! What operators ask: readiness and metrics, of one node or of the process that serves several.

use crate::Process;
use crate::metrics::{self, METRICS_TYPE};
use crate::reply::Reply;
use crate::tenants::Tenant;
use domain::{Code, Refusal};
use engine::By;
use hyper::StatusCode;
use std::sync::atomic::Ordering;

/// Whether requests can be served now.
pub(crate) fn readiness(process: &Process, tenant: Option<&Tenant>) -> Result<Reply, Refusal> {
    if process.stopping.load(Ordering::Acquire) {
        return Err(Refusal::new(Code::Stopping, "", "the server is stopping"));
    }
    Ok(tenant.map_or_else(|| readiness_of_all(process), readiness_of))
}

fn readiness_of(tenant: &Tenant) -> Reply {
    let Some(refusal) = tenant.trouble() else { return Reply::json(b"{\"ready\":true}".to_vec()) };
    let reply = Reply::refused(&refusal);
    let mut body = b"{\"ready\":false,".to_vec();
    // The one shape of errors is an object; what is said of readiness stands around its member.
    body.extend_from_slice(reply.body.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default());
    if refusal.code == Code::Recovering {
        let (done, total) = tenant.opening();
        body.extend_from_slice(format!(",\"progress\":{{\"done\":{done},\"total\":{total}}}").as_bytes());
    }
    body.push(b'}');
    Reply { body, ..reply }
}

/// The process is ready once nobody is being opened any more and somebody is served: a tenant that failed does not take the
/// others out of service. Names are not told: this call is open.
fn readiness_of_all(process: &Process) -> Reply {
    let (mut serving, mut recovering, mut failed) = (0, 0, 0);
    for tenant in process.tenants.list() {
        match tenant.trouble().map(|refusal| refusal.code) {
            None => serving += 1,
            Some(Code::Recovering) => recovering += 1,
            Some(_) => failed += 1,
        }
    }
    let ready = recovering == 0 && serving > 0;
    let body = format!(
        "{{\"ready\":{ready},\"tenants\":{{\"serving\":{serving},\"recovering\":{recovering},\"failed\":{failed}}}}}"
    );
    let reply = Reply::json(body.into_bytes());
    if ready {
        return reply;
    }
    let code = if recovering > 0 { Code::Recovering } else { Code::TenantFailed };
    Reply { code: Some(code), retry_after: Some(1), ..reply.with_status(StatusCode::SERVICE_UNAVAILABLE) }
}

/// The metrics in Prometheus' text form: of one tenant, or of the process and all its tenants.
pub(crate) fn metrics(process: &Process, tenant: Option<&Tenant>) -> Reply {
    process.metrics.connections.set(process.connections.load(Ordering::Relaxed) as i64);
    let text = match tenant {
        Some(tenant) => metrics_of(tenant),
        None => {
            let texts: Vec<String> = process.tenants.list().iter().map(|tenant| metrics_of(tenant)).collect();
            metrics::merged(std::iter::once(process.metrics.text(None)).chain(texts))
        }
    };
    Reply { content_type: METRICS_TYPE, ..Reply::text(text) }
}

fn metrics_of(tenant: &Tenant) -> String {
    tenant.metrics.body_bytes(tenant.meter.body_bytes());
    let shared = tenant.shared().ok();
    let report = shared.as_ref().and_then(|shared| shared.engine.attribution(None, By::Feed).ok());
    report.iter().for_each(|report| tenant.metrics.attributed(report));
    if let Some((shared, outbox)) = shared.and_then(|shared| Some((shared, shared.outbox.as_ref()?))) {
        let (working, released) = (outbox.working(), shared.engine.released());
        tenant.metrics.sinks(working.iter().map(|(name, working)| {
            let figures = working.board.figures();
            let lag = released.0.saturating_sub(figures.cursor.0);
            (name.as_str(), figures, lag)
        }));
    }
    tenant.metrics.text(shared.map(|shared| shared.engine.status()).as_ref())
}
