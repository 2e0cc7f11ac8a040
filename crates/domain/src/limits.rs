//! Every size, depth, count and wait that the product bounds, in one place.

use crate::Span;

/// Longest event, entity, feed, field or spec name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest entity key or event id, in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// Longest string value of a field, in bytes.
pub const STRING_BYTES_MAX: usize = 4_096;
/// Most fields in one event or entity.
pub const FIELDS_MAX: usize = 64;
/// Most elements in one list value.
pub const LIST_MAX: usize = 64;
/// Most elements in one list of floats.
pub const VECTOR_MAX: usize = 1_024;
/// Largest encoded event, upsert or entry of a list, in bytes. Other records are bounded by their parts: a spec by `SPEC_BYTES_MAX`, a
/// decision by the limits of a slate and of what is kept for its later pages; a record of any kind by `journal::MAX_PAYLOAD`.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 32;
/// Most tenants of one process.
pub const TENANTS_MAX: usize = 256;
/// Largest HTTP body, in bytes.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Largest body of a single-object call (feed request, one entity), in bytes.
pub const SMALL_BODY_BYTES_MAX: usize = 64 << 10;
/// Most events in one call.
pub const EVENTS_PER_CALL_MAX: usize = 100_000;
/// Longest line of a stream of events, in bytes.
pub const STREAM_LINE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of lines of a stream of events that are taken together, unless one line alone has more.
pub const STREAM_PART_BYTES_MAX: usize = 128 << 10;
/// Bytes of whole lines of a stream that are read ahead of what is taken, unless nothing is taken for a while: then its client may be one
/// that reads no answer before it has sent everything, and is read ahead of as far as a body may be long.
pub const STREAM_AHEAD_BYTES: usize = 4 * STREAM_PART_BYTES_MAX;
/// Most parts of a stream that wait for the disk.
pub const STREAM_PARTS_MAX: usize = 8;
/// Most refused lines of one call that its reply names; the others are counted.
pub const REFUSED_NAMED_MAX: usize = 1_000;
/// How far in the future an event's time may be.
pub const FUTURE_SKEW_MAX: Span = Span(60_000);
/// Earliest event time taken: 1970-01-01.
pub const TIME_MIN_MS: i64 = 0;
/// Latest event time representable: 9999-12-31.
pub const TIME_MAX_MS: i64 = 253_402_300_799_999;
/// How long an event id is remembered, in log time.
pub const DEDUPE_WINDOW: Span = Span(24 * 3_600_000);
/// Most event ids remembered at once; the oldest are forgotten first.
pub const DEDUPE_IDS_MAX: usize = 4_000_000;
/// Most entities of one type.
pub const ENTITIES_MAX: u32 = 50_000_000;
/// Most distinct string values.
pub const SYMBOLS_MAX: u32 = 20_000_000;
/// Most attributes and expressions over texts that are worked out of each event of one type.
pub const EVENT_COMPUTED_MAX: usize = 256;
/// Most items returned by one feed request.
pub const SLATE_MAX: usize = 200;
/// Most candidates that one request carries from recall to rank.
pub const CANDIDATES_MAX: usize = 4_096;
/// Most recent items that a request may carry for an anonymous visit.
pub const REQUEST_RECENT_MAX: usize = 100;
/// Longest window of a feature.
pub const WINDOW_MAX: Span = Span(90 * 86_400_000);
/// Shortest window of a feature.
pub const WINDOW_MIN: Span = Span(1_000);
/// Longest half-life of `decayed`: about ten years, with which nothing has aged for most purposes. It takes no memory.
pub const HALF_LIFE_MAX: Span = Span(3_650 * 86_400_000);
/// Most different elements that a pane of `distinct` keeps one by one; beyond, it keeps registers.
pub const DISTINCT_EXACT_MAX: usize = 256;
/// Most different elements of all panes of a window together for which `distinct` is exact.
pub const DISTINCT_UNION_MAX: usize = 1_024;
/// Registers of a pane of `distinct`, a power of two: the standard error is 1.04 / sqrt of it, 2.3 %.
pub const DISTINCT_REGISTERS: usize = 2_048;
/// Most buckets of a pane of `quantile`: at 1 % they reach over a factor of 28,000; beyond, the error doubles.
pub const QUANTILE_BUCKETS_MAX: usize = 512;
/// Most elements that a pane of `top_k` counts one by one; beyond, counts are off by at most the pane's elements divided by it.
pub const TOP_COUNTERS_MAX: usize = 256;
/// Most elements of a list that `top_k` gives.
pub const TOP_MAX: usize = 64;
/// Bytes that a pane of a sketch takes beside its content.
pub const SKETCH_PANE_BYTES: usize = 80;
/// Longest list kept by `last` and `seen`, in entries per row.
pub const RECENTS_MAX: usize = 4_096;
/// Most events that `streak` of a condition looks back at: longer streaks read as this.
pub const STREAK_EVENTS_MAX: u16 = 128;
/// Most calendar periods that `streak` looks back at: longer streaks read as this.
pub const STREAK_PERIODS_MAX: u16 = 400;
/// Most sessions of one stream that a row remembers, so that late events find theirs.
pub const SESSIONS_PER_ROW_MAX: usize = 8;
/// Most calendars (units and time zones) that the windows of one plan follow.
pub const CALENDARS_MAX: usize = 64;
/// Most rows of one crossed table under one owner; the one longest untouched in log order gives way.
pub const CROSSED_ROWS_MAX: usize = 1_024;
/// Largest spec file, in bytes.
pub const SPEC_BYTES_MAX: usize = 8 << 20;
/// Deepest nesting of a spec file.
pub const SPEC_DEPTH_MAX: usize = 16;
/// Most features, feeds, events or entities in one spec, each.
pub const SPEC_ITEMS_MAX: usize = 1_000;
/// Longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 8_192;
/// Deepest nesting of an expression.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Most nodes of an expression.
pub const EXPRESSION_NODES_MAX: usize = 2_048;
/// Most steps (a node, an element of a list, 16 bytes of a text) that the interpreter takes for one value of an expression.
pub const EXPRESSION_STEPS_MAX: u64 = 65_536;
/// Longest text, in bytes, and longest list or map that an expression makes on its way.
pub const EXPRESSION_VALUE_MAX: usize = 65_536;
/// Longest regular expression, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// Most bytes of a compiled regular expression, and of the states that it keeps while it looks.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 256 << 10;
/// Most digits behind the point that `format` writes.
pub const FORMAT_PRECISION_MAX: usize = 400;
/// Longest duration that an expression computes: about 10,000 years, as in CEL.
pub const EXPRESSION_SPAN_MAX: Span = Span(315_576_000_000_000);
/// Most keys and values in a spec file.
pub const SPEC_NODES_MAX: usize = 1_000_000;
/// Most diagnostics given for one spec.
pub const DIAGNOSTICS_MAX: usize = 100;
/// Most slots (aggregates, features, attributes and other inputs) of one plan.
pub const SLOTS_MAX: usize = 4_096;
/// Most streams (counted combinations of table, event, filter and value) of one plan.
pub const STREAMS_MAX: usize = 1_024;
/// Most recall routes of one feed.
pub const ROUTES_MAX: usize = 32;
/// Most tags that one `tags` route looks for: the weightiest.
pub const ROUTE_TAGS_MAX: usize = 64;
/// Most items that one route looks at in its index, of all its lists together, those that filters remove among them.
pub const ROUTE_WALK_MAX: usize = 16_384;
/// Most rerankers of one feed.
pub const RERANKS_MAX: usize = 16;
/// Most rules of one `spread` or `slots`.
pub const RERANK_RULES_MAX: usize = 16;
/// Most candidates that one reranker orders anew.
pub const RERANK_DEPTH_MAX: u16 = 500;
/// Most values of an attribute whose impressions are counted one by one; those of further ones count together.
pub const EXPOSURE_VALUES_MAX: usize = 65_536;
/// Most counts of impressions (by attribute and window) of one plan.
pub const EXPOSURES_MAX: usize = 16;
/// Most decisions on events that are kept for events that are sent again; older ones are computed again from the log.
pub const RECENT_DECISIONS_MAX: usize = 65_536;
/// Most policies of one feed.
pub const POLICIES_MAX: usize = 64;
/// Most entities (or attribute values) under one user whose impressions a cap remembers at once: those within its window. Beyond
/// it those longest untouched in log order are forgotten.
pub const CAPPED_ROWS_MAX: usize = 16_384;
/// Shortest window of a quota: longer than an event may be ahead of the log, so that two windows at most are open at once.
pub const QUOTA_WINDOW_MIN: Span = Span(60_000);
/// Largest quota of impressions.
pub const QUOTA_MAX: u32 = 1_000_000_000;
/// Most quotas counted by one plan.
pub const QUOTAS_MAX: usize = 256;
/// Most filters of one feed.
pub const FILTERS_MAX: usize = 64;
/// Most decisions that attribution remembers.
pub const ATTRIBUTION_DECISIONS_MAX: u32 = 1_000_000;
/// Most event types that are joined to decisions, `impression` among them.
pub const ATTRIBUTION_EVENTS_MAX: usize = 32;
/// Deepest place that attribution counts by itself; what stands deeper is counted there.
pub const ATTRIBUTION_PLACES_MAX: usize = 200;
/// Most bytes of state that one key of one table may need, with every pane of every sketch full.
pub const ROW_BYTES_MAX: usize = 4 << 20;
/// Most estimated nanoseconds that one event may take in all rows.
pub const EVENT_NS_MAX: u64 = 100_000;
/// How many recent items per user `seen` looks at.
pub const SEEN_RECENTS: u16 = 1_024;
/// Most feedback that the Gorse interface keeps for reading back: about 90 bytes each.
pub const GORSE_FEEDBACK_MAX: usize = 20_000_000;
/// Most feedback with a time to come that waits for it.
pub const GORSE_DUE_MAX: usize = 1_000_000;
/// Most feedback types.
pub const GORSE_TYPES_MAX: usize = 256;
/// Most users, items or feedback on one page or in one list.
pub const GORSE_PAGE_MAX: usize = 10_000;
/// Most sessions that one `session` or `users_like` index keeps.
pub const SESSIONS_MAX: u32 = 16_000_000;
/// Most event types that one `session` or `users_like` index counts.
pub const SESSION_EVENTS_MAX: usize = 64;
/// Most lists of one spec.
pub const LISTS_MAX: usize = 64;
/// Most entries of one list, whatever its spec allows.
pub const LIST_ENTRIES_MAX: u32 = 2_000_000;
/// Most entries of a list whose spec does not say.
pub const LIST_ENTRIES_DEFAULT: u32 = 10_000;
/// Most entries of a list returned by one call.
pub const LIST_PAGE_MAX: usize = 1_000;
/// Longest filter or boost condition of a request, in bytes.
pub const REQUEST_EXPRESSION_BYTES_MAX: usize = 2_048;
/// Deepest nesting of an expression of a request.
pub const REQUEST_EXPRESSION_DEPTH_MAX: usize = 32;
/// Most nodes of all expressions of one request together.
pub const REQUEST_EXPRESSION_NODES_MAX: usize = 256;
/// Most boosts of one request.
pub const BOOSTS_MAX: usize = 16;
/// Largest factor of a boost.
pub const BOOST_FACTOR_MAX: f64 = 1_000.0;
/// Most places that an answer keeps for further pages.
pub const PAGE_DEPTH: usize = 300;
/// How long after the first page further ones may be asked for, by the clock.
pub const PAGE_TTL: Span = Span(30 * 60_000);
/// Most decided events that one backtest compares.
pub const BACKTEST_EVENTS_MAX: usize = 20_000_000;
/// Most decisions of one spec.
pub const DECISIONS_MAX: usize = 256;
/// Most rules of one decision, rows of its tables among them.
pub const RULES_MAX: usize = 100_000;
/// Most facts (fields, features, attributes and what they are computed of) that one decision reads.
pub const FACTS_MAX: usize = 4_096;
/// Most outcomes of one decision.
pub const OUTCOMES_MAX: usize = 64;
/// Most tiers of one decision.
pub const TIERS_MAX: usize = 32;
/// Most tags of one rule.
pub const RULE_TAGS_MAX: usize = 16;
/// Longest template of what a rule says, in bytes.
pub const REASON_BYTES_MAX: usize = 1_024;
/// Shortest deadline of a decision.
pub const DEADLINE_MIN: Span = Span(1);
/// Longest deadline of a decision.
pub const DEADLINE_MAX: Span = Span(60_000);
/// Most decision tables, and most scorecards, of one decision.
pub const TABLES_PER_DECISION_MAX: usize = 64;
/// Most inputs of one decision table, and most parts of one scorecard.
pub const TABLE_INPUTS_MAX: usize = 64;
/// Most bins of one part of a scorecard.
pub const BINS_MAX: usize = 1_000;
/// Most steps that one search for gaps, overlaps and unreachable rows of a decision table takes.
pub const TABLE_STEPS_MAX: u64 = 5_000_000;
/// Most steps of one `seq`.
pub const SEQUENCE_STEPS_MAX: usize = 8;
/// Most patterns of one table that alarms wait for: each row has at most so many timers.
pub const TIMERS_PER_ROW_MAX: usize = 8;
/// Most alarms that one spec declares.
pub const ALARMS_MAX: usize = 256;
/// Most alarms that are kept for reading; older ones are computed again from the log.
pub const RECENT_ALARMS_MAX: usize = 65_536;
/// Most alarms that one call returns.
pub const ALARMS_PER_CALL_MAX: usize = 1_000;
/// Most sinks of one spec.
pub const SINKS_MAX: usize = 16;
/// Longest URL of a sink, in bytes.
pub const SINK_URL_BYTES_MAX: usize = 2_048;
/// How long one attempt to deliver an outcome may take, at least and at most.
pub const SINK_TIMEOUT: std::ops::RangeInclusive<Span> = Span(10)..=Span(120_000);
/// Shortest and longest pause between two attempts to deliver an outcome.
pub const SINK_PAUSE: std::ops::RangeInclusive<Span> = Span(10)..=Span(3_600_000);
/// Longest time that an outcome is tried.
pub const SINK_AGE_MAX: Span = Span(30 * 86_400_000);
/// Most attempts to deliver an outcome.
pub const SINK_ATTEMPTS_MAX: u32 = 1_000_000;
/// Most attempts that a sink has in flight.
pub const SINK_IN_FLIGHT_MAX: u16 = 256;
/// Most outcomes that wait at one sink in memory, in flight or to be tried again; behind them reading stops.
pub const SINK_WINDOW_MAX: usize = 1_024;
/// Most bytes of outcomes that wait at one sink in memory, but for one outcome.
pub const SINK_WINDOW_BYTES_MAX: usize = 8 << 20;
/// Most outcomes that one sink has given up; then it waits until some are sent again or dropped.
pub const SINK_DEAD_MAX: usize = 10_000;
/// Most outcomes on one page.
pub const OUTCOMES_PAGE_MAX: usize = 1_000;
/// Most streams of outcomes that one node serves at once.
pub const OUTCOME_STREAMS_MAX: usize = 64;
/// Most streams of outcomes that at once derive what is no longer in memory, of all tenants together: each has a state of its own.
pub const OUTCOME_STREAMS_FAR_MAX: usize = 2;
/// Most sinks that at once derive what is no longer in memory; the others wait for their turn.
pub const SINKS_FAR_MAX: usize = 2;
/// Most answers that a decision's reviews may have.
pub const REVIEW_ANSWERS_MAX: usize = 16;
/// Longest name of who reviews, in bytes.
pub const REVIEWER_BYTES_MAX: usize = 128;
/// Longest reason that a person gives, in bytes.
pub const REVIEW_REASON_BYTES_MAX: usize = 2_048;
/// Bounds of how long a claim holds, and what it is unless the spec says.
pub const CLAIM_MIN: Span = Span(60_000);
/// Longest claim.
pub const CLAIM_MAX: Span = Span(7 * 86_400_000);
/// How long a claim holds unless the spec says.
pub const CLAIM_DEFAULT: Span = Span(30 * 60_000);
/// Most cases that wait for a person; the oldest give way.
pub const REVIEWS_OPEN_MAX: usize = 20_000;
/// Most decided cases that are remembered; the oldest give way.
pub const REVIEWS_CLOSED_MAX: usize = 10_000;
/// How long a decided case is remembered, by log time.
pub const REVIEWS_CLOSED_FOR: Span = Span(30 * 86_400_000);
/// Most given fallbacks that wait to be noted in the log; more are not noted, and that is told.
pub const FALLBACKS_WAITING_MAX: usize = 16_384;
/// Most given fallbacks in one record.
pub const FALLBACKS_PER_RECORD_MAX: usize = 1_024;
/// Most given fallbacks that are remembered by id; the oldest give way.
pub const FALLBACKS_REMEMBERED_MAX: usize = 65_536;
/// Most cases of one page.
pub const REVIEW_PAGE_MAX: usize = 1_000;
/// Of what rules said of a case, so many bytes are kept.
pub const REVIEW_SAID_BYTES_MAX: usize = 1_024;
/// Most decided events that labels are joined to; the oldest give way.
pub const LABELLED_DECISIONS_MAX: usize = 262_144;
/// Most different outcomes that one decision's report counts, over all versions of the spec; what comes beyond counts as the last.
pub const REPORT_OUTCOMES_MAX: usize = 128;
/// Most minutes of which a report keeps counts of their own.
pub const REPORT_MINUTES_MAX: usize = 1_440;
/// Most days.
pub const REPORT_DAYS_MAX: usize = 35;
/// Most examples of decisions that a shadow rule would have changed, the newest.
pub const SHADOW_EXAMPLES_MAX: usize = 5;
/// Most guards of one decision.
pub const GUARDS_MAX: usize = 16;
/// Shortest span that a guard looks at.
pub const GUARD_OVER_MIN: Span = Span(60_000);
/// Longest span that a guard looks at.
pub const GUARD_OVER_MAX: Span = Span(86_400_000);
/// Most decisions that a guard may ask for before it judges.
pub const GUARD_DECISIONS_MAX: i64 = 1_000_000;
/// Longest reason of a change of the spec, in bytes.
pub const SPEC_REASON_BYTES_MAX: usize = 1_024;
