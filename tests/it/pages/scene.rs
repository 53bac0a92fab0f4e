//! Three mentions by a hostile author, one escalation, one message that ran out, one sick source.

use std::path::Path;
use std::sync::Arc;

use earmark::api::Api;
use earmark::app::offline;
use earmark::config::load::{Variables, load_text};
use earmark::domain::escalation::{Escalation, GroupKey, Severity, State};
use earmark::domain::id::{EscalationId, LinkId, MentionId, NotificationId};
use earmark::domain::mention::{Field, Finding, Mention, RecordedMention, ScoredMention, Span};
use earmark::domain::notification::{About, Delivery, HoldReason, Notification, Reason};
use earmark::domain::post::{Post, PostKind};
use earmark::domain::sentiment::{Model, Probabilities, Sentiment};
use earmark::domain::source::SourceState;
use earmark::notify::link::LinkAction;
use earmark::runtime::stop::Stop;
use earmark::store::{Effects, Open, Outcome, Recording};
use earmark::web;
use jiff::{SignedDuration, Timestamp};

/// Makes the pages public: acting needs more than being near.
pub const PUBLIC: &str = "public_url = \"https://earmark.acme.example\"";

const CONFIG: &str = r#"
champion = "cco"
[store]
path = "/nowhere/store"
[web]
listen = "127.0.0.1:0"
{web}
[sentiment]
classifier = "word_list"
[[owners]]
id = "cco"
name = "Chief Customer Officer"
channels = ["inbox"]
[[owners]]
id = "care"
name = "Customer care"
timezone = "Europe/Berlin"
channels = ["inbox"]
[[channels]]
id = "inbox"
kind = "file"
params = { path = "inbox.jsonl" }
[[topics]]
id = "acme-app"
name = 'Acme "app" & <b>friends</b>'
query = '"acme app"'
owner = "care"
policy = "standard"
"#;

pub struct Scene {
    pub api: Arc<Api>,
    pub escalation: Escalation,
    pub mentions: Vec<RecordedMention>,
    base: String,
    http: reqwest::Client,
    stop: Stop,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Scene {
    pub async fn start(web: &str) -> Self {
        let text = CONFIG.replace("{web}", web);
        let loaded = load_text(&text, Path::new("/nowhere"), &Variables::default());
        let config = loaded.unwrap_or_else(|problems| panic!("{problems}")).config;
        let api = offline::without_store(config).await.expect("an API");
        let now = api.clock.now();
        let escalation = escalation(&api, now);
        let mentions = vec![
            mention("1", 0.98, escalation_of(&escalation), now),
            mention("2", 0.9, escalation_of(&escalation), now),
            mention("3", 0.5, Finding::Held(HoldReason::NoTrigger), now),
        ];
        let mut source = SourceState::new("forum".into(), now);
        source.seen = 1;
        source.failing_since = Some(now - SignedDuration::from_hours(2));
        source.last_error = Some("it said <img src=x onerror=\"alert(1)\">".into());
        let effects = Effects {
            opens: vec![Open { group: escalation.group.clone(), by: escalation.id, instead_of: None }],
            joins: mentions[..2].iter().map(|mention| (escalation.id, mention.id())).collect(),
            notifications: vec![ran_out(&escalation, now)],
            escalations: vec![escalation.clone()],
            ..Effects::default()
        };
        let recording = Recording {
            source,
            mentions: mentions.clone(),
            erased: Vec::new(),
            effects,
            gaps: Vec::new(),
            inbox_through: None,
        };
        assert_eq!(api.store.record(recording).await.expect("memory"), Outcome::Done);
        let stop = Stop::new();
        let listeners = web::listen(api.clone(), None, stop.clone()).await.expect("a port");
        let base = format!("http://{}", listeners.web_addr().expect("an address"));
        Self { api, escalation, mentions, base, http: reqwest::Client::new(), stop }
    }

    /// One more mention, as `change` makes it.
    pub async fn hear(&self, id: &str, change: impl FnOnce(&mut RecordedMention)) -> MentionId {
        let now = self.api.clock.now();
        let mut one = mention(id, 0.9, Finding::Held(HoldReason::NoTrigger), now);
        change(&mut one);
        let known = self.api.store.source("forum".into()).await.expect("memory");
        let mut source = known.expect("it was read before");
        source.seen += 1;
        let number = one.id();
        let recording = Recording {
            source,
            mentions: vec![one],
            erased: Vec::new(),
            effects: Effects::default(),
            gaps: Vec::new(),
            inbox_through: None,
        };
        assert_eq!(self.api.store.record(recording).await.expect("memory"), Outcome::Done);
        number
    }

    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        read(self.http.get(self.address(path))).await
    }

    pub async fn post(&self, path: &str, form: &str) -> (u16, String) {
        let request = self.http.post(self.address(path));
        read(request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())).await
    }

    pub fn link(&self, action: LinkAction) -> String {
        let now = self.api.clock.now();
        let expires = now + SignedDuration::from_hours(1);
        self.api.links.sign(action, self.escalation.id, &"care".into(), expires, LinkId::new(now))
    }

    pub async fn state(&self) -> State {
        let found = self.api.store.escalation(self.escalation.id).await.expect("memory");
        found.expect("it is there").state
    }
}

async fn read(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

fn escalation_of(escalation: &Escalation) -> Finding {
    Finding::Opened(escalation.id, escalation.trigger.clone())
}

fn escalation(api: &Api, now: Timestamp) -> Escalation {
    let policy = api.desk.load().policies.values().next().expect("a policy is built in").clone();
    Escalation {
        id: EscalationId::new(now),
        seen: 1,
        topic: "acme-app".into(),
        group: GroupKey("angry-customer/acme-app".into()),
        trigger: "angry-customer".into(),
        why: "negative, score −0.97".into(),
        severity: Severity::High,
        policy,
        owner: "care".into(),
        accountable: "care".into(),
        state: State::Open,
        opened_at: now,
        joined_at: now,
        group_for: SignedDuration::from_hours(1),
        mentions: 2,
        untold: 0,
        round: 0,
        taken: 1,
        step_due: Some(now + SignedDuration::from_mins(30)),
        bundle_due: None,
        overdue_at: Some(now + SignedDuration::from_hours(24)),
        first_acknowledged_at: None,
        notified: 1,
    }
}

fn mention(id: &str, negative: f32, finding: Finding, now: Timestamp) -> RecordedMention {
    let text = "The Acme app <script>alert(1)</script> ate \u{202e}my order".to_owned();
    let span = Span { field: Field::Text, start: 4, end: 12, term: "\"acme app\"".into() };
    let probabilities =
        Probabilities { negative, neutral: (1.0 - negative) / 2.0, positive: (1.0 - negative) / 2.0 };
    let model = Model { name: "word-list".into(), version: "1".into() };
    RecordedMention {
        scored: ScoredMention {
            mention: Mention {
                id: MentionId::new(now),
                post: Post {
                    source: "forum".into(),
                    site: "forum.example".into(),
                    id: id.into(),
                    version: "1".into(),
                    aliases: Vec::new(),
                    kind: PostKind::Post,
                    url: Some("javascript:alert(document.domain)".into()),
                    author: Some("<img src=x onerror=\"alert(1)\">".into()),
                    created_at: None,
                    title: Some("</h3><script>alert(1)</script>".into()),
                    text,
                    lang: None,
                    parent: None,
                    reach: None,
                    deleted: false,
                },
                topic: "acme-app".into(),
                spans: vec![span],
            },
            sentiment: Sentiment::judge(probabilities, 0.55, model),
        },
        // A second ago, so that a list up to now has it.
        recorded_at: now - SignedDuration::from_secs(1),
        updated_at: now,
        revision: 1,
        owner: "care".into(),
        routed_by: "owner of topic acme-app".into(),
        finding,
        correction: None,
        erased_at: None,
        erased_for: None,
    }
}

fn ran_out(escalation: &Escalation, now: Timestamp) -> Notification {
    Notification {
        id: NotificationId::new(now),
        key: "key".into(),
        owner: "care".into(),
        channel: "inbox".into(),
        recipient: None,
        about: About::Escalation(escalation.id),
        reason: Reason::AcknowledgementRanOut,
        urgent: false,
        created_at: now,
        not_before: now,
        attempts: 0,
        last_error: None,
        delivery: Delivery::Queued,
    }
}
