//! The spec: what a change would do, a change, the versions there were, the way back, and how far a change is.

use super::{off_thread, released};
use crate::Shared;
use crate::query::Query;
use crate::reply::Reply;
use domain::{Code, PlanVersion, Refusal, Time};
use engine::{
    ChangeOutcome, ChangeStage, ChangeStarted, ChangeStatus, CompleteFrom, Completeness, Needs, PlannedChange,
    SpecVersion,
};
use hyper::StatusCode;
use std::sync::Arc;
use wire::{write_array, write_bool, write_float, write_instant, write_key, write_text, write_uint};

/// Most versions that are listed.
const VERSIONS_MAX: usize = 1_000;
/// How a spec that comes in a body is called in diagnostics.
const NAME: &str = "spec";

/// What the query of a change says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Versions {
    /// The version that the caller has looked at; another one in force is a conflict.
    base: Option<PlanVersion>,
    /// The version to go back to.
    to: Option<PlanVersion>,
    /// Whether the new spec serves at once, and what is not filled reads as missing until then.
    at_once: bool,
}

impl Versions {
    /// Takes `base` and `fill` out of a query.
    pub(crate) fn take_base(query: &mut Query) -> Result<Versions, Refusal> {
        Ok(Versions { base: version(query, "base")?, to: None, at_once: query.choice("fill", "missing", "wait")? })
    }

    /// Takes `base`, `fill` and `to` out of a query; without `to` it is the version before the one in force.
    pub(crate) fn take(query: &mut Query) -> Result<Versions, Refusal> {
        Ok(Versions { to: version(query, "to")?, ..Versions::take_base(query)? })
    }
}

fn version(query: &mut Query, name: &str) -> Result<Option<PlanVersion>, Refusal> {
    query.value(name).map(|text| parse(&text, name)).transpose()
}

fn parse(text: &str, name: &str) -> Result<PlanVersion, Refusal> {
    let number = text.parse().ok().filter(|number| *number > 0);
    let wrong = || Refusal::new(Code::InvalidValue, name, "must be the number of a version, from 1");
    number.map(PlanVersion).ok_or_else(wrong)
}

/// What a change to this spec would do; changes nothing.
pub(crate) async fn plan(shared: &Arc<Shared>, body: &[u8], text: bool) -> Result<Reply, Refusal> {
    let source = source(body)?.to_owned();
    let planned = off_thread(shared, move |shared| shared.engine.plan_change(NAME, &source)).await?;
    if text {
        return Ok(Reply::text(plan_text(&planned)));
    }
    let mut out = b"{".to_vec();
    write_plan(&mut out, &planned);
    out.push(b'}');
    Ok(Reply::json(out))
}

/// Changes the spec: 200 once the new plan is in force and durable, 202 while its state is filled.
pub(crate) async fn change(shared: &Arc<Shared>, body: &[u8], asked: Versions, text: bool) -> Result<Reply, Refusal> {
    let source = source(body)?.to_owned();
    let started = off_thread(shared, move |shared| begin(shared, &source, asked.base, asked.at_once)).await?;
    started_reply(shared, &started, text).await
}

fn begin(shared: &Shared, text: &str, base: Option<PlanVersion>, at_once: bool) -> Result<ChangeStarted, Refusal> {
    match at_once {
        true => shared.engine.change_spec_at_once(NAME, text, base),
        false => shared.engine.change_spec(NAME, text, base),
    }
}

/// Goes back to an earlier version.
pub(crate) async fn roll_back(shared: &Arc<Shared>, asked: Versions, text: bool) -> Result<Reply, Refusal> {
    let started = off_thread(shared, move |shared| {
        let in_force = shared.engine.status().plan_version;
        let before = Some(shared.engine.version_before()).filter(|version| version.0 > 0);
        let to = asked.to.or(before).ok_or_else(nothing_before)?;
        let of_query = |refusal: Refusal| match refusal.code {
            Code::UnknownVersion | Code::Gone => Refusal { field: "to".into(), ..refusal },
            _ => refusal,
        };
        let text = shared.engine.spec_text(to).map_err(of_query)?;
        begin(shared, &text, asked.base.or(Some(in_force)), asked.at_once)
    });
    started_reply(shared, &started.await?, text).await
}

fn nothing_before() -> Refusal {
    let message = "no other spec was in force before this one: there is nothing to go back to; apply a spec instead";
    Refusal::new(Code::UnknownVersion, "to", message)
}

async fn started_reply(shared: &Shared, started: &ChangeStarted, text: bool) -> Result<Reply, Refusal> {
    if let ChangeOutcome::Switched { position, .. } | ChangeOutcome::Interim { position, .. } = started.outcome {
        released(shared, position).await?;
    }
    let status = match started.outcome {
        ChangeOutcome::Filling | ChangeOutcome::Interim { .. } => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    if text {
        let outcome = match started.outcome {
            ChangeOutcome::Unchanged => "nothing to do: this spec is in force\n".to_owned(),
            ChangeOutcome::Switched { version, position } => {
                format!("version {} is in force from position {position}\n", version.0)
            }
            ChangeOutcome::Filling => format!(
                "state is being filled from the log; version {} serves until then (see `millrace spec status`)\n",
                started.planned.base.0
            ),
            ChangeOutcome::Interim { version, position } => format!(
                "version {} is in force from position {position}; what is not filled from the log yet reads as missing \
                 (see `millrace spec status`)\n",
                version.0
            ),
        };
        return Ok(Reply::text(plan_text(&started.planned) + &outcome).with_status(status));
    }
    let mut out = b"{".to_vec();
    let name = match started.outcome {
        ChangeOutcome::Unchanged => "unchanged",
        ChangeOutcome::Switched { .. } => "switched",
        ChangeOutcome::Filling => "filling",
        ChangeOutcome::Interim { .. } => "interim",
    };
    write_key(&mut out, "outcome");
    write_text(&mut out, name);
    if let ChangeOutcome::Switched { version, position } | ChangeOutcome::Interim { version, position } =
        started.outcome
    {
        write_switched(&mut out, version, position.0);
    }
    write_plan(&mut out, &started.planned);
    out.push(b'}');
    Ok(Reply::json(out).with_status(status))
}

/// How far the last change is that had to be filled.
pub(crate) fn status(shared: &Shared, text: bool) -> Result<Reply, Refusal> {
    let none = || Refusal::new(Code::NoChangeRunning, "", "no change had to be filled since the server was started");
    let status = shared.engine.change_status().ok_or_else(none)?;
    if text {
        return Ok(Reply::text(status_text(&status)));
    }
    let mut out = Vec::new();
    write_status(&mut out, &status);
    Ok(Reply::json(out))
}

/// Gives up the change that is being filled.
pub(crate) fn cancel(shared: &Shared) -> Result<Reply, Refusal> {
    shared.engine.cancel_change()?;
    Ok(Reply::json(b"{\"cancelled\":true}".to_vec()))
}

/// The versions there were, the latest last.
pub(crate) async fn versions(shared: &Arc<Shared>, text: bool) -> Result<Reply, Refusal> {
    let versions = off_thread(shared, |shared| Ok(shared.engine.spec_versions(VERSIONS_MAX))).await?;
    if text {
        return Ok(Reply::text(versions.iter().map(version_text).collect()));
    }
    let mut out = b"{".to_vec();
    write_key(&mut out, "versions");
    write_array(&mut out, &versions, write_version);
    out.push(b'}');
    Ok(Reply::json(out))
}

/// The text of one version.
pub(crate) async fn text_of(shared: &Arc<Shared>, version: &str) -> Result<Reply, Refusal> {
    let version = parse(version, "version")?;
    Ok(Reply::text(off_thread(shared, move |shared| shared.engine.spec_text(version)).await?))
}

fn source(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body)
        .map_err(|_| Refusal::new(Code::InvalidSpec, NAME, "the body is not UTF-8; send the spec's text"))
}

fn write_switched(out: &mut Vec<u8>, version: PlanVersion, position: u64) {
    write_key(out, "version");
    write_uint(out, u64::from(version.0));
    write_key(out, "position");
    write_uint(out, position);
}

fn write_plan(out: &mut Vec<u8>, planned: &PlannedChange) {
    write_key(out, "base");
    write_uint(out, u64::from(planned.base.0));
    write_key(out, "digest");
    write_text(out, &hex(&planned.plan.digest));
    let diff = &planned.diff;
    let lists = [
        ("added", &diff.added),
        ("removed", &diff.removed),
        ("changed", &diff.changed),
        ("unchanged", &diff.unchanged),
    ];
    for (name, list) in lists {
        write_key(out, name);
        write_array(out, list, |out, name| write_text(out, name));
    }
    write_key(out, "needs");
    match planned.needs {
        Needs::Nothing => write_text(out, "nothing"),
        Needs::Adoption => write_text(out, "adoption"),
        Needs::Fill { records, counted_from } => {
            write_text(out, "fill");
            write_key(out, "records");
            write_uint(out, records);
            if let Some(from) = counted_from {
                write_key(out, "counted_from");
                write_instant(out, from);
                write_key(out, "complete");
                write_array(out, &planned.complete, write_completeness);
            }
        }
        Needs::OlderLog { replay_from } => {
            write_text(out, "older_log");
            write_key(out, "replay_from");
            write_uint(out, replay_from.0);
            if let Some(why) = &planned.uncarried {
                write_key(out, "why");
                write_text(out, why);
            }
        }
    }
}

fn write_completeness(out: &mut Vec<u8>, of: &Completeness) {
    out.push(b'{');
    write_key(out, "feature");
    write_text(out, &of.feature);
    write_key(out, "from");
    match of.from {
        CompleteFrom::Switch => write_text(out, "switch"),
        CompleteFrom::Time(from) => write_instant(out, from),
        CompleteFrom::Never => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

fn write_status(out: &mut Vec<u8>, status: &ChangeStatus) {
    out.push(b'{');
    write_key(out, "stage");
    write_text(out, stage_name(&status.stage));
    match &status.stage {
        ChangeStage::Switched { version, position } => write_switched(out, *version, position.0),
        ChangeStage::Failed(refusal) => {
            write_key(out, "code");
            write_text(out, refusal.code.as_str());
            write_key(out, "message");
            write_text(out, &refusal.message);
        }
        _ => {}
    }
    write_key(out, "base");
    write_uint(out, u64::from(status.base.0));
    write_key(out, "digest");
    write_text(out, &hex(&status.digest));
    for (name, count) in [("records", status.records), ("records_in_log", status.records_in_log)] {
        write_key(out, name);
        write_uint(out, count);
    }
    write_key(out, "records_per_s");
    write_float(out, status.records_per_s);
    out.push(b'}');
}

fn stage_name(stage: &ChangeStage) -> &'static str {
    match stage {
        ChangeStage::Filling => "filling",
        ChangeStage::Saving => "saving",
        ChangeStage::Following => "following",
        ChangeStage::Switched { .. } => "switched",
        ChangeStage::Cancelled => "cancelled",
        ChangeStage::Failed(_) => "failed",
    }
}

fn write_version(out: &mut Vec<u8>, version: &SpecVersion) {
    out.push(b'{');
    write_switched(out, version.version, version.position.0);
    if let Some(time) = version.log_time {
        write_key(out, "time");
        write_instant(out, time);
    }
    if let Some(digest) = &version.digest {
        write_key(out, "digest");
        write_text(out, &hex(digest));
    }
    for (name, is) in [("in_force", version.in_force), ("interim", version.interim)] {
        write_key(out, name);
        write_bool(out, is);
    }
    if let Some(reason) = &version.reason {
        write_key(out, "reason");
        write_text(out, reason);
    }
    out.push(b'}');
}

fn plan_text(planned: &PlannedChange) -> String {
    let diff = &planned.diff;
    let mut out = format!("against version {}, which is in force\n", planned.base.0);
    for (sign, names) in [('+', &diff.added), ('~', &diff.changed), ('-', &diff.removed)] {
        names.iter().for_each(|name| out.push_str(&format!("  {sign} {name}\n")));
    }
    out.push_str(&format!("  {} unchanged\n", diff.unchanged.len()));
    out.push_str(&match planned.needs {
        Needs::Nothing => "needs nothing: this is the spec in force\n".to_owned(),
        Needs::Adoption => "needs no filling: state is kept as it is\n".to_owned(),
        Needs::Fill { records, counted_from: None } => {
            format!("needs state to be filled from {records} records of the log; all values are then complete\n")
        }
        Needs::Fill { records, counted_from: Some(from) } => format!(
            "needs state to be filled from {records} records of the log; new values count what has happened since {from}\n{}",
            planned.complete.iter().map(|of| completeness_text(of, from)).collect::<String>()
        ),
        Needs::OlderLog { replay_from } => format!(
            "needs records that retention has dropped: the log can be replayed from position {replay_from} on, and what is kept \
             cannot be carried over: {}\n",
            planned.uncarried.as_deref().unwrap_or_default()
        ),
    });
    out
}

fn completeness_text(of: &Completeness, start: Time) -> String {
    let feature = &of.feature;
    match of.from {
        CompleteFrom::Switch => format!("  {feature}: complete at once\n"),
        CompleteFrom::Time(from) => format!("  {feature}: complete from {from}\n"),
        CompleteFrom::Never => {
            format!("  {feature}: looks back without end, and will be as if nothing had happened before {start}\n")
        }
    }
}

fn status_text(status: &ChangeStatus) -> String {
    let mut out = match &status.stage {
        ChangeStage::Switched { version, position } => {
            format!("switched: version {} is in force from position {position}\n", version.0)
        }
        ChangeStage::Failed(refusal) => format!("failed: {}\n", refusal.message),
        stage => format!("{}\n", stage_name(stage)),
    };
    out.push_str(&format!(
        "{} of {} records applied, {:.0} records/s\n",
        status.records, status.records_in_log, status.records_per_s
    ));
    out
}

fn version_text(version: &SpecVersion) -> String {
    let time = version.log_time.map_or_else(|| "(dropped by retention)".to_owned(), |time| time.to_string());
    let digest = version.digest.as_ref().map_or_else(String::new, |digest| hex(digest)[..12].to_owned());
    let interim = if version.interim { "  until filled" } else { "" };
    let mark = if version.in_force { format!("{interim}  in force") } else { interim.to_owned() };
    let reason = version.reason.as_ref().map_or_else(String::new, |reason| format!("      {reason}\n"));
    format!("{:>4}  position {:<10}  {time:<24}  {digest}{mark}\n{reason}", version.version.0, version.position.0)
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
