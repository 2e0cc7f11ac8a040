//! What clients send: valid, late, future, repeated, contradicting and plainly wrong payloads, drawn from a seed.

use crate::rng::Rng;
use crate::specs::Spec;
use domain::{Boost, Code, Event, FeedRequest, Field, ListPut, Payload, Raw, Span, Subject, Time, Upsert};

/// A payload and, if it is wrong, how it must be refused.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The payload.
    pub(crate) payload: Payload<'static>,
    /// The code of its refusal by the spec alone.
    pub(crate) wrong: Option<Code>,
}

/// Draws payloads and requests.
pub(crate) struct Workload {
    rng: Rng,
    users: u64,
    items: u64,
    ids: u64,
    /// Events that may be sent again.
    sent: Vec<Event<'static>>,
    /// Answers that events may come of: id and items. Some were lost in a crash.
    answers: Vec<(String, Vec<String>)>,
}

const DAY: i64 = 86_400_000;

fn text(value: impl Into<String>) -> Raw<'static> {
    Raw::Str(value.into().into())
}

fn field(name: &'static str, value: Raw<'static>) -> Field<'static> {
    Field { name: name.into(), value }
}

impl Workload {
    /// A workload of a seed.
    pub(crate) fn new(mut rng: Rng) -> Workload {
        let (users, items) = (1 + rng.below(6), 2 + rng.below(10));
        Workload { rng, users, items, ids: 0, sent: Vec::new(), answers: Vec::new() }
    }

    /// A user's key.
    pub(crate) fn user(&mut self) -> String {
        format!("u{}", self.rng.below(self.users))
    }

    /// An item's key.
    pub(crate) fn item(&mut self) -> String {
        format!("i{}", self.rng.below(self.items))
    }

    /// Some payloads for one call at this log time.
    pub(crate) fn call(&mut self, most: u64, spec: Spec, log_time: i64) -> Vec<Sent> {
        let count = 1 + self.rng.below(most);
        (0..count).map(|_| self.payload(spec, log_time)).collect()
    }

    /// One payload.
    fn payload(&mut self, spec: Spec, log_time: i64) -> Sent {
        let right = |payload| Sent { payload, wrong: None };
        match self.rng.below(100) {
            0..60 => right(Payload::Event(self.fresh(spec, log_time))),
            60..70 => right(Payload::Event(self.again(spec, log_time))),
            70..84 => right(self.upsert(log_time)),
            84..88 => right(self.listed(log_time)),
            88..92 => right(Payload::Delete { entity: "item".into(), key: self.item().into() }),
            _ => self.wrong(spec, log_time),
        }
    }

    fn upsert(&mut self, log_time: i64) -> Payload<'static> {
        if self.rng.percent(15) {
            let fields = vec![field("country", text(self.rng.pick(&["DE", "FR"])))];
            return Payload::Upsert(Upsert { entity: "user".into(), key: self.user().into(), fields });
        }
        let mut fields = vec![field("in_stock", Raw::Bool(self.rng.percent(80)))];
        if self.rng.percent(90) {
            fields.push(field("category", text(format!("c{}", self.rng.below(4)))));
        }
        if self.rng.percent(90) {
            fields.push(field("price", Raw::Float(self.rng.below(12_000) as f64 / 100.0)));
        }
        if self.rng.percent(80) {
            fields.push(field("created", Raw::Int(log_time - self.rng.below(20) as i64 * DAY / 4)));
        }
        Payload::Upsert(Upsert { entity: "item".into(), key: self.item().into(), fields })
    }

    /// A list changes.
    fn listed(&mut self, log_time: i64) -> Payload<'static> {
        let list = self.rng.pick(&["picks", "picks", "blocked", "vip"]);
        let key = if list == "vip" { self.user() } else { self.item() };
        if self.rng.percent(30) {
            return Payload::ListDelete { list: list.into(), key: key.into() };
        }
        // Few scores, so that some are equal.
        let score = self.rng.percent(60).then(|| self.rng.below(5) as f64 - 2.0);
        let until = self.rng.percent(40).then(|| Time(log_time + self.rng.within(-1_000, 4 * DAY)));
        Payload::ListPut(ListPut { list: list.into(), key: key.into(), score, until })
    }

    /// An event that was never sent.
    fn fresh(&mut self, spec: Spec, log_time: i64) -> Event<'static> {
        let kind = self.rng.pick(&["view", "view", "view", "buy", "buy", "login", "impression"]);
        let kind = if kind == "login" && spec == Spec::Second { "view" } else { kind };
        let mut fields = vec![field("user", text(self.user()))];
        match kind {
            "login" => fields.push(field("device", text(format!("d{}", self.rng.below(2))))),
            _ => fields.push(field("item", text(self.item()))),
        }
        match kind {
            "view" if self.rng.percent(70) => fields.push(field("dwell", Raw::Int(self.rng.below(60) as i64))),
            "buy" if self.rng.percent(90) => {
                fields.push(field("price", Raw::Float(self.rng.below(9_999) as f64 / 100.0)));
            }
            _ => {}
        }
        if kind != "login" {
            self.attribute(&mut fields);
        }
        self.ids += 1;
        let id = self.rng.percent(85).then(|| format!("e{}", self.ids).into());
        let source = self.rng.pick(&["", "app", "web"]);
        let event = Event { kind: kind.into(), source: source.into(), id, time: self.time(log_time), fields };
        if event.id.is_some() {
            self.sent.push(event.clone());
        }
        event
    }

    /// A feed was answered.
    pub(crate) fn answered(&mut self, id: String, items: Vec<String>) {
        self.answers.push((id, items));
    }

    /// Makes an event come of an answer: mostly of a recent one, with one of its items.
    fn attribute(&mut self, fields: &mut Vec<Field<'static>>) {
        if self.answers.is_empty() || !self.rng.percent(40) {
            return;
        }
        let recent = self.answers.len().min(if self.rng.percent(80) { 5 } else { 60 });
        let at = self.answers.len() - 1 - self.rng.below(recent as u64) as usize;
        let (id, items) = self.answers[at].clone();
        if !items.is_empty() && self.rng.percent(85) {
            let item = self.rng.below(items.len() as u64) as usize;
            fields[1].value = text(items[item].clone());
        }
        let id = if self.rng.percent(95) { id } else { "nothing".to_owned() };
        fields.push(field("decision", text(id)));
    }

    /// Mostly about now, sometimes late by minutes or weeks, sometimes a little ahead.
    fn time(&mut self, log_time: i64) -> Option<Time> {
        let at = match self.rng.below(100) {
            0..35 => return None,
            35..70 => log_time - self.rng.within(0, 5_000),
            70..82 => log_time - self.rng.within(0, 2 * 3_600_000),
            82..90 => log_time - self.rng.within(0, 3 * DAY),
            90..94 => log_time - self.rng.within(0, 40 * DAY),
            _ => log_time + self.rng.within(0, 60_000),
        };
        Some(Time(at.max(0)))
    }

    /// An event with an id that was sent before: the same, or another body under it.
    fn again(&mut self, spec: Spec, log_time: i64) -> Event<'static> {
        let recent = self.sent.len().saturating_sub(40);
        let at = recent as u64 + self.rng.below((self.sent.len() - recent) as u64);
        let Some(mut event) = self.sent.get(at as usize).filter(|event| known(spec, event)).cloned() else {
            return self.fresh(spec, log_time);
        };
        if self.rng.percent(30) {
            event.fields[0] = field("user", text(format!("other{}", self.rng.below(3))));
        }
        event
    }

    fn wrong(&mut self, spec: Spec, log_time: i64) -> Sent {
        let mut event = self.fresh(spec, log_time);
        event.id = None;
        if self.rng.percent(15) {
            let put = ListPut { list: "pics".into(), key: "i1".into(), score: None, until: None };
            return Sent { payload: Payload::ListPut(put), wrong: Some(Code::UnknownList) };
        }
        let wrong = match self.rng.below(6) {
            0 => {
                event.kind = "viewed".into();
                Some(Code::UnknownEvent)
            }
            1 => {
                event.fields.remove(0);
                Some(Code::MissingField)
            }
            2 => {
                event.fields[0].value = Raw::Int(7);
                Some(Code::WrongType)
            }
            3 => {
                event.fields.push(field("colour", text("red")));
                Some(Code::UnknownField)
            }
            4 => {
                event.id = Some("".into());
                Some(Code::InvalidValue)
            }
            // Refused by its time, which the ledger knows.
            _ => {
                event.time = Some(Time(log_time + 60_001 + self.rng.within(0, DAY)));
                None
            }
        };
        Sent { payload: Payload::Event(event), wrong }
    }

    /// A request for a slate.
    pub(crate) fn request(&mut self, spec: Spec) -> FeedRequest {
        let rising = spec.is_like_first() && self.rng.percent(40);
        let subject = match self.rng.below(10) {
            0 if rising => Subject::Anonymous,
            1 => Subject::User("stranger".into()),
            _ => Subject::User(self.user()),
        };
        let feed = if rising { "rising" } else { "home" };
        let pages = self.rng.percent(25);
        let count = if pages { 1 + self.rng.below(4) as u16 } else { 20 };
        let mut request = FeedRequest { seed: self.rng.below(3), pages, ..FeedRequest::new(feed, subject, count) };
        if rising {
            let most = self.rng.below(3);
            request.recent = (0..most).map(|_| self.item()).collect();
            request.exclude = (0..self.rng.below(2)).map(|_| self.item()).collect();
            request.deadline = self.rng.percent(10).then_some(Span(0));
            if self.rng.percent(50) {
                let conditions =
                    ["item.price < 60.0", "item.category != \"c1\"", "!listed(item, blocked)", "recall.trend > 0.2"];
                request.filter = self.rng.percent(40).then(|| self.rng.pick(&conditions).to_owned());
                for _ in 0..self.rng.below(3) {
                    let (by, when) = (self.rng.pick(&[0.0, 0.5, 3.0]), self.rng.pick(&conditions).to_owned());
                    request.boosts.push(Boost { by, when });
                }
                request.context = vec![("country".into(), text(self.rng.pick(&["DE", "FR", "XX"])))];
            }
        }
        request
    }
}

fn known(spec: Spec, event: &Event<'_>) -> bool {
    spec.is_like_first() || event.kind != "login"
}
