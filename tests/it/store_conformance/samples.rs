//! Values for the cases: small, and different where a case needs them to be.

use earmark::domain::digest::Window;
use earmark::domain::escalation::{Escalation, GroupKey, Severity, State};
use earmark::domain::event::{Actor, Event, What};
use earmark::domain::id::{EscalationId, MentionId, NotificationId, SourceId};
use earmark::domain::mention::{Field, Finding, Mention, RecordedMention, ScoredMention, Span};
use earmark::domain::notification::{About, Delivery, HoldReason, Notification, Reason};
use earmark::domain::policy::{Policy, Step, Tell};
use earmark::domain::post::{Post, PostKind};
use earmark::domain::sentiment::{Model, Probabilities, Sentiment};
use earmark::domain::source::SourceState;
use earmark::store::{Effects, Open, Outcome, Page, Recording, Store};
use jiff::{SignedDuration, Timestamp};

/// Minutes after an arbitrary morning.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 / 600 * 600 + minutes * 60).expect("inside the range")
}

pub fn window(from: i64, until: i64) -> Window {
    Window { from: at(from), until: at(until) }
}

pub fn page(limit: usize) -> Page {
    Page::first(limit)
}

pub fn post(id: &str, version: &str) -> Post {
    Post {
        source: "forum".into(),
        site: "forum.example".into(),
        id: id.into(),
        version: version.into(),
        aliases: Vec::new(),
        kind: PostKind::Post,
        url: Some(format!("https://forum.example/{id}")),
        author: Some("customer".into()),
        created_at: None,
        title: Some("Acme".into()),
        text: format!("The Acme app lost my order {id} {version}"),
        lang: Some("en".into()),
        parent: None,
        reach: None,
        deleted: false,
    }
}

pub fn sentiment(negative: f32) -> Sentiment {
    let probabilities = Probabilities { negative, neutral: 0.1, positive: 0.9 - negative };
    Sentiment::judge(probabilities, 0.5, Model { name: "word-list".into(), version: "1".into() })
}

/// The first version of a post in a topic, recorded at a minute.
pub fn mention(post: Post, topic: &str, minute: i64) -> RecordedMention {
    RecordedMention {
        scored: ScoredMention {
            mention: Mention {
                id: MentionId::new(at(minute)),
                post,
                topic: topic.into(),
                spans: vec![Span { field: Field::Title, start: 0, end: 4, term: "acme".into() }],
            },
            sentiment: sentiment(0.8),
        },
        recorded_at: at(minute),
        updated_at: at(minute),
        revision: 1,
        owner: "care".into(),
        routed_by: "owner of topic".into(),
        finding: Finding::Held(HoldReason::NoTrigger),
        correction: None,
        erased_at: None,
        erased_for: None,
    }
}

/// The next version of a recorded post.
pub fn edited(before: &RecordedMention, version: &str) -> RecordedMention {
    let mut next = before.clone();
    next.scored.mention.post.version = version.into();
    next.scored.mention.post.text = format!("edited to {version}");
    next.revision += 1;
    next
}

/// A recording of mentions on top of whatever the store has of the source `forum`.
pub async fn recording(store: &dyn Store, mentions: Vec<RecordedMention>) -> Recording {
    let name = SourceId::from("forum");
    let stored = store.source(name.clone()).await.expect("readable");
    let mut source = stored.unwrap_or_else(|| SourceState::new(name, at(0)));
    source.seen += 1;
    source.cursor = Some(format!("cursor {}", source.seen));
    Recording {
        source,
        mentions,
        erased: Vec::new(),
        effects: Effects::default(),
        gaps: Vec::new(),
        inbox_through: None,
    }
}

pub async fn record(store: &dyn Store, mentions: Vec<RecordedMention>) -> Outcome {
    let recording = recording(store, mentions).await;
    store.record(recording).await.expect("the store works")
}

pub fn escalation(group: &str, minute: i64) -> Escalation {
    Escalation {
        id: EscalationId::new(at(minute)),
        seen: 1,
        topic: "acme".into(),
        group: GroupKey(group.into()),
        trigger: "angry".into(),
        why: "sentiment.score < -0.5".into(),
        severity: Severity::High,
        policy: Policy {
            id: "default".into(),
            steps: vec![Step { tell: vec![Tell::Owner], wait: SignedDuration::from_mins(30) }],
            repeat: 0,
            acknowledgement_lasts: SignedDuration::from_hours(4),
            resolve_within: SignedDuration::from_hours(24),
        },
        owner: "care".into(),
        accountable: "care".into(),
        state: State::Open,
        opened_at: at(minute),
        joined_at: at(minute),
        group_for: SignedDuration::from_hours(1),
        mentions: 1,
        untold: 0,
        round: 0,
        taken: 0,
        step_due: Some(at(minute + 30)),
        bundle_due: None,
        overdue_at: None,
        first_acknowledged_at: None,
        notified: 0,
    }
}

/// Opens an escalation in a group that has no row.
pub fn opening(escalation: &Escalation, instead_of: Option<EscalationId>) -> Effects {
    Effects {
        escalations: vec![escalation.clone()],
        opens: vec![Open { group: escalation.group.clone(), by: escalation.id, instead_of }],
        ..Effects::default()
    }
}

/// A step of an escalation, made from what the store has.
pub fn stepped(before: &Escalation) -> Escalation {
    Escalation { seen: before.seen + 1, taken: before.taken + 1, ..before.clone() }
}

pub fn stepping(escalation: Escalation) -> Effects {
    Effects { escalations: vec![escalation], ..Effects::default() }
}

pub fn notification(key: &str, escalation: EscalationId, minute: i64) -> Notification {
    Notification {
        id: NotificationId::new(at(minute)),
        key: key.into(),
        owner: "care".into(),
        channel: "mail".into(),
        recipient: Some("care@globex.example".into()),
        about: About::Escalation(escalation),
        reason: Reason::Accountable,
        urgent: false,
        created_at: at(minute),
        not_before: at(minute),
        attempts: 0,
        last_error: None,
        delivery: Delivery::Queued,
    }
}

pub fn queueing(notifications: Vec<Notification>) -> Effects {
    Effects { notifications, ..Effects::default() }
}

pub fn event(what: What) -> Event {
    Event { at: at(0), by: Actor::Daemon, escalation: None, mention: None, what }
}
