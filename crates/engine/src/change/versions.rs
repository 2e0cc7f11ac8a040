//! Which specs there were, and where in the log.

use crate::checkpoint;
use crate::core::Core;
use crate::open::spec_text;
use domain::{Code, Payload, PlanVersion, Position, Refusal, Time};
use journal::Disk;
use spec::Plan;
use std::sync::Arc;

/// Versions whose texts are looked at for a state that is there.
const LOOKED_AT_MAX: usize = 32;

/// One version of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecVersion {
    /// Its number, from 1.
    pub version: PlanVersion,
    /// Where its record stands, or stood.
    pub position: Position,
    /// When it came into force; none if retention has dropped the record.
    pub log_time: Option<Time>,
    /// BLAKE3 of its text; none if that is gone.
    pub digest: Option<[u8; 32]>,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// Whether it served only until its state was filled: what was not read as missing.
    pub interim: bool,
    /// Why it came into force, if it was not simply sent.
    pub reason: Option<String>,
}

impl<D: Disk> Core<D> {
    /// At most `newest` versions of the spec, the latest last. Reads a record of the log for each.
    pub fn spec_versions(&self, newest: usize) -> Vec<SpecVersion> {
        let specs = self.specs.lock().clone();
        let skipped = specs.len().saturating_sub(newest);
        let last = specs.len();
        specs.into_iter().zip(1..).skip(skipped).map(|(at, version)| self.spec_version(version, at, last)).collect()
    }

    fn spec_version(&self, version: u32, position: Position, last: usize) -> SpecVersion {
        let in_force = version as usize == last;
        let record = if position < self.reader.first() { None } else { self.reader.record(position).ok().flatten() };
        let log_time = record.as_ref().map(|record| record.header.log_time);
        let text = record.and_then(|record| match Payload::decode(record.header.kind, &record.payload) {
            Ok(Payload::Spec(text)) => Some(text.into_owned()),
            _ => None,
        });
        let text = if in_force { Some(self.plan().text.clone()) } else { text };
        let digest = text.as_ref().map(|text| *blake3::hash(spec::written(text).as_bytes()).as_bytes());
        let interim = text.is_some_and(|text| spec::is_interim(&text));
        let reason = self.spec_reason(position);
        SpecVersion { version: PlanVersion(version), position, log_time, digest, in_force, interim, reason }
    }

    /// Why a spec came into force, which stands right behind it.
    fn spec_reason(&self, spec: Position) -> Option<String> {
        let next = spec.next();
        let record = if next < self.reader.first() { None } else { self.reader.record(next).ok().flatten() }?;
        match Payload::decode(record.header.kind, &record.payload) {
            Ok(Payload::SpecReason(reason)) => Some(reason.into_owned()),
            _ => None,
        }
    }

    /// The plans of the newest versions that are this spec to the letter and whose texts the log still has, newest first: they may
    /// differ in where their state begins.
    pub(super) fn plans_of(&self, text: &str) -> Vec<Arc<Plan>> {
        let specs = self.specs.lock().clone();
        let newest = specs.iter().rev().take(LOOKED_AT_MAX).filter(|at| **at >= self.reader.first());
        let texts = newest.filter_map(|&at| spec_text(&self.reader, at).ok().flatten());
        let alike = texts.filter(|of| spec::written(of) == text && !spec::is_interim(of));
        alike.filter_map(|of| spec::compile("an earlier spec", &of).ok().map(Arc::new)).collect()
    }

    /// The version before the one in force: the newest that is another spec and not one that served until that was filled.
    pub fn version_before(&self) -> PlanVersion {
        let (in_force, specs) = (self.generation().version, self.specs.lock().clone());
        let before = (1..in_force.0).rev();
        let mut real = before.filter(|&version| !self.spec_version(version, specs[version as usize - 1], 0).interim);
        PlanVersion(real.next().unwrap_or_default())
    }

    /// The text of a version, as the operator wrote it.
    ///
    /// # Errors
    /// `unknown_version`; `gone` if retention has dropped its record.
    pub fn spec_text(&self, version: PlanVersion) -> Result<String, Refusal> {
        let generation = self.generation();
        if version == generation.version {
            return Ok(generation.plan.written().to_owned());
        }
        let specs = self.specs.lock().clone();
        let Some(&at) = specs.get((version.0 as usize).wrapping_sub(1)) else {
            let message = format!("there is no version {} of the spec; list the versions", version.0);
            return Err(Refusal::new(Code::UnknownVersion, "version", message));
        };
        let text = spec_text(&self.reader, at).map_err(|error| crate::gate::journal_failed(&error))?;
        let text = text.or_else(|| checkpoint::spec_of_version(&self.reader, &specs, version));
        text.map(|text| spec::written(&text).to_owned()).ok_or_else(|| {
            let message =
                format!("the text of version {} is no longer in the log; send it again as a change", version.0);
            Refusal::new(Code::Gone, "version", message)
        })
    }
}
