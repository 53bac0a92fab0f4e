//! A matter about three angry posts, an owner with three channels, and everything between the
//! outbox and the fake servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark::domain::channel::{ChannelSettings, EmailServer, MailSecurity};
use earmark::domain::escalation::{Escalation, GroupKey, Severity, State};
use earmark::domain::id::{ChannelId, EscalationId, InstanceId, MentionId, NotificationId, TopicId};
use earmark::domain::mention::{Field, Finding, Mention, RecordedMention, ScoredMention, Span};
use earmark::domain::notification::{About, Delivery, Notification, Reason};
use earmark::domain::owner::{Owner, Roster};
use earmark::domain::policy::{Policy, Step, Tell};
use earmark::domain::post::{Post, PostKind};
use earmark::domain::sentiment::{Model, Probabilities, Sentiment};
use earmark::domain::source::SourceState;
use earmark::domain::topic::Topic;
use earmark::notify::deliver::{DeliverTask, Render, Rendered};
use earmark::notify::link::Links;
use earmark::notify::render::{self, Setting};
use earmark::notify::ways::Ways;
use earmark::notify::{Message, Tools};
use earmark::runtime::clock::{Clock, ManualClock};
use earmark::runtime::stop::Stop;
use earmark::runtime::task::{Nudge, Task, Wake};
use earmark::store::memory::Memory;
use earmark::store::{Effects, Open, Outcome, Recording, Store};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

pub fn start() -> Timestamp {
    "2026-01-12T13:00:00Z".parse().expect("a time")
}

pub fn post(id: &str, title: Option<&str>, text: &str) -> Post {
    Post {
        source: "hn".into(),
        site: "news.ycombinator.com".into(),
        id: id.into(),
        version: "1".into(),
        aliases: Vec::new(),
        kind: PostKind::Post,
        url: Some(format!("https://news.ycombinator.com/item?id={id}")),
        author: Some("angry_ann".into()),
        created_at: Some(start() - SignedDuration::from_mins(4)),
        title: title.map(Into::into),
        text: text.into(),
        lang: Some("en".into()),
        parent: None,
        reach: None,
        deleted: false,
    }
}

pub fn mention(post: Post, negative: f32, escalation: EscalationId) -> RecordedMention {
    let model = Model { name: "word-list".into(), version: "1".into() };
    let probabilities =
        Probabilities { negative, neutral: (1.0 - negative) * 0.6, positive: (1.0 - negative) * 0.4 };
    let spans = post.text.find("Acme app").map(|start| Span {
        field: Field::Text,
        start,
        end: start + 8,
        term: "acme app".into(),
    });
    RecordedMention {
        scored: ScoredMention {
            mention: Mention {
                id: MentionId::new(start()),
                post,
                topic: "acme-app".into(),
                spans: spans.into_iter().collect(),
            },
            sentiment: Sentiment::judge(probabilities, 0.55, model),
        },
        recorded_at: start(),
        updated_at: start(),
        revision: 1,
        owner: "care".into(),
        routed_by: "owner of topic acme-app".into(),
        finding: Finding::Opened(escalation, "angry-customer".into()),
        correction: None,
        erased_at: None,
        erased_for: None,
    }
}

fn owner(id: &str, name: &str, channels: &[&str]) -> Owner {
    Owner {
        id: id.into(),
        name: name.into(),
        timezone: TimeZone::get("Europe/Berlin").expect("a known zone"),
        hours: None,
        channels: channels.iter().map(|id| ChannelId::from(*id)).collect(),
        deputy: None,
        users: Vec::new(),
        absent: Vec::new(),
    }
}

pub fn roster() -> Roster {
    let owners = vec![
        owner("care", "Customer care", &["care-mail", "care-hook"]),
        owner("cco", "Chief Customer Officer", &["cco-file"]),
    ];
    Roster::new(owners, "cco".into(), None).expect("the champion is there")
}

pub fn escalation(severity: Severity) -> Escalation {
    let step = |tell, minutes| Step { tell: vec![tell], wait: SignedDuration::from_mins(minutes) };
    Escalation {
        id: EscalationId::new(start()),
        seen: 1,
        topic: "acme-app".into(),
        group: GroupKey("angry-customer/acme-app".into()),
        trigger: "angry-customer".into(),
        why: "sentiment.score <= -0.6".into(),
        severity,
        policy: Policy {
            id: "standard".into(),
            steps: vec![step(Tell::Owner, 30), step(Tell::Deputy, 60)],
            repeat: 0,
            acknowledgement_lasts: SignedDuration::from_hours(4),
            resolve_within: SignedDuration::from_hours(24),
        },
        owner: "care".into(),
        accountable: "care".into(),
        state: State::Open,
        opened_at: start(),
        joined_at: start(),
        group_for: SignedDuration::from_hours(1),
        mentions: 3,
        untold: 0,
        round: 0,
        taken: 1,
        step_due: Some(start() + SignedDuration::from_mins(30)),
        bundle_due: None,
        overdue_at: None,
        first_acknowledged_at: None,
        notified: 1,
    }
}

pub fn row(escalation: &Escalation, channel: &str, recipient: Option<&str>) -> Notification {
    Notification {
        id: NotificationId::new(start()),
        key: format!("key-{channel}-{}", recipient.unwrap_or("").replace('@', "-at-")),
        owner: "care".into(),
        channel: channel.into(),
        recipient: recipient.map(Into::into),
        about: About::Escalation(escalation.id),
        reason: Reason::Accountable,
        urgent: false,
        created_at: start(),
        not_before: start(),
        attempts: 0,
        last_error: None,
        delivery: Delivery::Queued,
    }
}

struct Words {
    store: Arc<dyn Store>,
    roster: Roster,
    topics: BTreeMap<TopicId, Topic>,
    links: Links,
}

#[async_trait::async_trait]
impl Render for Words {
    async fn render(&self, row: &Notification, now: Timestamp) -> anyhow::Result<Rendered> {
        let setting = Setting {
            roster: &self.roster,
            topics: &self.topics,
            links: Some(&self.links),
            public_url: Some("https://earmark.acme.example"),
        };
        let rendered = render::render(self.store.as_ref(), setting, row, now).await?;
        rendered.ok_or_else(|| anyhow::anyhow!("no digest here"))
    }
}

pub struct Scene {
    pub store: Arc<dyn Store>,
    pub clock: ManualClock,
    pub folder: tempfile::TempDir,
    pub escalation: Escalation,
    pub task: DeliverTask,
    pub stop: Stop,
    words: Arc<Words>,
}

pub fn tools(folder: &std::path::Path, smtp: Option<std::net::SocketAddr>) -> Tools {
    let http = earmark::net::Client::new(&earmark::net::Settings::new("ops@acme.example"));
    Tools {
        http: http.expect("a client"),
        email: smtp.map(|address| EmailServer {
            host: address.ip().to_string(),
            port: address.port(),
            security: MailSecurity::Plain,
            from: "earmark@acme.example".into(),
            username: None,
            password: None,
        }),
        folder: folder.to_owned(),
    }
}

pub fn channel(id: &str, kind: &str, params: Value) -> ChannelSettings {
    ChannelSettings { id: id.into(), kind: kind.into(), params }
}

impl Scene {
    /// The matter is open and its owner's mails wait in the outbox.
    pub async fn set(severity: Severity, smtp: std::net::SocketAddr, hook: &str, to: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::new(start());
        let store: Arc<dyn Store> = Arc::new(Memory::new(InstanceId::new(start())));
        let escalation = escalation(severity);
        let texts = [
            (
                "1",
                Some("Acme app ate my order"),
                "The Acme app crashed again and lost my order, worst update ever.",
            ),
            ("2", None, "Same here. Acme app support has not answered for a week."),
            ("3", None, "Deleting the Acme app today."),
        ];
        let mentions: Vec<_> = texts
            .iter()
            .map(|(id, title, text)| mention(post(id, *title, text), 0.93, escalation.id))
            .collect();
        let effects = Effects {
            escalations: vec![escalation.clone()],
            opens: vec![Open { group: escalation.group.clone(), by: escalation.id, instead_of: None }],
            joins: mentions.iter().map(|mention| (escalation.id, mention.id())).collect(),
            notifications: to.iter().map(|to| row(&escalation, "care-mail", Some(to))).collect(),
            ..Effects::default()
        };
        let mut source = SourceState::new("hn".into(), start());
        source.seen = 1;
        let recording =
            Recording { source, mentions, erased: vec![], effects, gaps: vec![], inbox_through: None };
        assert_eq!(store.record(recording).await.expect("it records"), Outcome::Done);

        let secret = folder.path().join("hook.secret");
        std::fs::write(&secret, SECRET).expect("it writes");
        let channels = [
            channel("care-mail", "email", json!({ "to": to })),
            channel(
                "care-hook",
                "webhook",
                json!({ "url": hook, "secret": { "file": secret }, "allow_private": true }),
            ),
            channel("cco-file", "file", json!({ "path": "cco.jsonl" })),
        ];
        let ways = Ways::build(&channels, &tools(folder.path(), Some(smtp))).expect("in order").shared();
        let topic = Topic {
            id: "acme-app".into(),
            name: "Acme app".into(),
            query: "\"acme app\"".into(),
            owner: Some("care".into()),
            policy: Some("standard".into()),
            panel: None,
            retention: None,
        };
        let words = Arc::new(Words {
            store: store.clone(),
            roster: roster(),
            topics: [(topic.id.clone(), topic)].into(),
            links: links(),
        });
        let task = DeliverTask::new(
            store.clone(),
            Arc::new(clock.clone()),
            ways,
            Arc::new(roster),
            words.clone(),
            Nudge::new(),
            60,
        );
        Self { store, clock, folder, escalation, task, stop: Stop::new(), words }
    }

    pub async fn run(&mut self) -> Wake {
        let now = self.clock.now();
        self.task.run(now, &self.stop).await.expect("the activation goes well")
    }

    /// Runs until nothing is due before `by` has passed.
    pub async fn run_for(&mut self, by: SignedDuration) {
        let end = self.clock.now() + by;
        while let Some(at) = self.run().await.filter(|at| *at <= end) {
            self.clock.set(at);
        }
        self.clock.set(end);
    }

    pub async fn rows(&self) -> Vec<Notification> {
        let rows =
            earmark::notify::deliver::rows_of_escalation(self.store.as_ref(), self.escalation.id).await;
        rows.expect("they are read")
    }

    pub async fn matter(&self) -> Escalation {
        self.store.escalation(self.escalation.id).await.expect("it is read").expect("it is there")
    }

    pub async fn message(&self, row: &Notification) -> Message {
        match self.words.render(row, self.clock.now()).await.expect("it is written") {
            Rendered::Message(message) => *message,
            Rendered::NotNeeded(reason) => panic!("not needed: {reason:?}"),
        }
    }
}

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub fn links() -> Links {
    Links::with_key([7; 32], "https://earmark.acme.example")
}
