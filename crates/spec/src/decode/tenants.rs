//! The file of tenants: the same YAML, the same care for mistakes, other fields.

use super::Decoder;
use crate::diagnostic::{Issue, Issues, quoted};
use crate::tenants::{Tenant, TenantLimits, Tenants, is_tenant_name};
use crate::yaml::{Node, Text};
use domain::{Span, limits};
use std::collections::BTreeSet;

/// Units of sizes, in bytes.
const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
/// Least `log_bytes`: below it a log has no room for its own spec.
const LOG_BYTES_MIN: u64 = 4 << 20;
/// Greatest size that can be written.
const SIZE_MAX: u64 = 1 << 50;

/// Reads the root of the document.
pub(crate) fn tenants(root: &Node, issues: &mut Issues) -> Tenants {
    let mut decoder = Decoder { issues, broken: BTreeSet::new() };
    let mut tenants = Tenants::default();
    let Some(entries) = decoder.map(root, "the file of tenants") else { return tenants };
    decoder.version(root, entries);
    let mut declared = false;
    for (key, value) in entries {
        match key.text.as_str() {
            "version" => {}
            "operator" => tenants.operator = decoder.tenant_path(value, "the operator's tokens"),
            "tenants" => {
                declared = true;
                tenants.tenants = decoder.section(key, value, Decoder::tenant);
                decoder.at_least_one(key, value);
            }
            _ => decoder.unknown(key, "the file of tenants", &["version", "operator", "tenants"]),
        }
    }
    if !declared {
        let issue = Issue::new("missing_field", &(root.span.start..root.span.start), "the file has no `tenants`");
        decoder
            .issues
            .push(issue.help("write `tenants:` and below it `NAME: { spec: NAME.yaml, tokens: NAME.tokens }`"));
    }
    tenants
}

impl Decoder<'_> {
    fn at_least_one(&mut self, key: &Text, node: &Node) {
        let Some(entries) = self.map(node, "`tenants`") else { return };
        if entries.is_empty() {
            let issue = Issue::new("missing_field", &key.span, "there is no tenant");
            self.issues.push(issue.help("name at least one, or serve a single spec with `--spec`"));
        } else if entries.len() > limits::TENANTS_MAX {
            let message = format!("there are {} tenants; at most {} are taken", entries.len(), limits::TENANTS_MAX);
            self.issues.push(Issue::new("too_many", &key.span, message).help("serve the others from another process"));
        }
    }

    fn tenant(&mut self, name: &Text, node: &Node) -> Option<Tenant> {
        if !is_tenant_name(&name.text) {
            let message = format!("{} cannot be the name of a tenant", quoted(&name.text));
            let issue = Issue::new("bad_name", &name.span, message);
            self.issues.push(issue.help(
                "it stands in paths and names a folder: lower-case letters, digits, `-` and `_`, at most 63, a letter or digit first",
            ));
        }
        let mut tenant = Tenant { name: name.text.clone(), ..Tenant::default() };
        let mut spec = None;
        let entries = self.map(node, "a tenant")?;
        for (key, value) in entries {
            match key.text.as_str() {
                "spec" => spec = Some(self.tenant_path(value, "a tenant's spec")),
                "tokens" => tenant.tokens = self.tenant_path(value, "a tenant's tokens"),
                "retain" => tenant.retain = self.retention(value),
                "limits" => tenant.limits = self.tenant_limits(value).unwrap_or_default(),
                _ => self.unknown(key, "a tenant", &["spec", "tokens", "retain", "limits"]),
            }
        }
        if spec.is_none() {
            let issue =
                Issue::new("missing_field", &name.span, format!("the tenant {} has no `spec`", quoted(&name.text)));
            self.issues.push(issue.help("name the file of its spec: `spec: NAME.yaml`"));
        }
        tenant.spec = spec.flatten()?;
        Some(tenant)
    }

    fn tenant_limits(&mut self, node: &Node) -> Option<TenantLimits> {
        const KNOWN: [&str; 8] = [
            "requests_per_second",
            "requests_burst",
            "events_per_second",
            "events_burst",
            "body_bytes",
            "entities",
            "strings",
            "log_bytes",
        ];
        let mut found = TenantLimits::default();
        for (key, value) in self.map(node, "`limits`")? {
            let name = key.text.as_str();
            match name {
                "requests_per_second" => found.requests_per_second = self.tenant_count(value, name, 1_000_000),
                "requests_burst" => found.requests_burst = self.tenant_count(value, name, 10_000_000),
                "events_per_second" => found.events_per_second = self.tenant_count(value, name, 10_000_000),
                "events_burst" => found.events_burst = self.tenant_count(value, name, 100_000_000),
                "body_bytes" => found.body_bytes = self.tenant_size(value, name, limits::SMALL_BODY_BYTES_MAX as u64),
                "entities" => found.entities = self.tenant_count(value, name, limits::ENTITIES_MAX),
                "strings" => found.strings = self.tenant_count(value, name, limits::SYMBOLS_MAX),
                "log_bytes" => found.log_bytes = self.tenant_size(value, name, LOG_BYTES_MIN),
                _ => self.unknown(key, "a tenant's limits", &KNOWN),
            }
        }
        for (burst, rate, names) in [
            (found.requests_burst, found.requests_per_second, ["requests_burst", "requests_per_second"]),
            (found.events_burst, found.events_per_second, ["events_burst", "events_per_second"]),
        ] {
            if burst.is_some() && rate.is_none() {
                let message = format!("`{}` says nothing without `{}`", names[0], names[1]);
                self.issues.push(Issue::new("missing_field", &node.span, message).help("give the rate too"));
            }
        }
        Some(found)
    }

    fn tenant_count(&mut self, node: &Node, what: &str, most: u32) -> Option<u32> {
        let count = self.int(node, &format!("`{what}`"), 1..=i64::from(most))?;
        u32::try_from(count).ok()
    }

    /// Bytes: `1048576` or `1MiB`.
    fn tenant_size(&mut self, node: &Node, what: &str, least: u64) -> Option<u64> {
        let what = format!("`{what}`");
        let text = self.text(node, &what)?;
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(unit, bytes)| Some((text.text.strip_suffix(unit)?, *bytes)))
            .unwrap_or((text.text.as_str(), 1));
        let plain = text.plain && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let bytes = if plain { digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)) } else { None };
        let Some(bytes) = bytes else {
            return self.wrong_value(text, &what, "a size", "bytes, or a number and a unit, as in `64MiB` or `10GiB`");
        };
        self.within(text, &what, bytes, least..=SIZE_MAX)
    }

    fn retention(&mut self, node: &Node) -> Option<Span> {
        let text = self.text(node, "`retain`")?;
        match Span::parse(&text.text).filter(|span| span.0 > 0) {
            Some(span) => Some(span),
            None => self.wrong_value(text, "`retain`", "a duration", "a number and a unit, as in `90d`"),
        }
    }

    fn tenant_path(&mut self, node: &Node, what: &str) -> Option<String> {
        Some(self.text(node, what)?.text.clone())
    }
}
