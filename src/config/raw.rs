//! The configuration as written: which keys there are and of which type. What they mean, and
//! whether names lead anywhere, is the check's; nothing past `check` sees these types.

use serde_json::Value as Json;

use super::fields::{At, Book, Fields, Said};
use crate::domain::secret::SecretRef;

/// A text, where one was written.
pub type Text = Option<Said<String>>;
/// A list of texts, where one was written.
pub type Texts = Option<Said<Vec<Said<String>>>>;

/// All of it.
pub struct Raw {
    pub champion: Text,
    pub operator: Text,
    pub contact: Text,
    pub store_path: Text,
    pub retention_text: Text,
    pub retention_rows: Text,
    pub allow_private: Option<Said<bool>>,
    pub web: RawWeb,
    pub email: Option<RawEmail>,
    pub sentiment: RawSentiment,
    pub owners: Vec<RawOwner>,
    pub channels: Vec<RawChannel>,
    pub topics: Vec<RawTopic>,
    pub routes: Vec<RawRoute>,
    pub policies: Vec<RawPolicy>,
    pub triggers: Vec<RawTrigger>,
    pub digests: Vec<RawDigest>,
    pub sources: Vec<RawSource>,
    pub tests: Vec<RawTest>,
}

pub struct RawWeb {
    pub listen: Text,
    pub public_url: Text,
    pub token: Option<Said<SecretRef>>,
}

pub struct RawEmail {
    pub server: Text,
    pub security: Text,
    pub from: Text,
    pub username: Text,
    pub password: Option<Said<SecretRef>>,
}

pub struct RawSentiment {
    pub classifier: Text,
    pub model: Text,
    pub floor: Option<Said<f64>>,
    pub threads: Option<Said<u64>>,
    pub cache: Option<Said<u64>>,
}

pub struct RawOwner {
    pub at: At,
    pub id: Text,
    pub name: Text,
    pub timezone: Text,
    pub hours: Texts,
    pub channels: Texts,
    pub deputy: Text,
    pub users: Texts,
    pub absent: Vec<RawAbsence>,
}

pub struct RawAbsence {
    pub at: At,
    pub from: Text,
    pub to: Text,
}

pub struct RawChannel {
    pub id: Text,
    pub kind: Text,
    pub params: Json,
}

pub struct RawTopic {
    pub id: Text,
    pub name: Text,
    pub query: Text,
    pub owner: Text,
    pub policy: Text,
    pub panel: Text,
    pub retention: Text,
}

pub struct RawRoute {
    pub when: Text,
    pub owner: Text,
}

pub struct RawPolicy {
    pub id: Text,
    pub steps: Option<Said<Vec<RawStep>>>,
    pub repeat: Option<Said<u64>>,
    pub acknowledgement_lasts: Text,
    pub resolve_within: Text,
}

pub struct RawStep {
    pub tell: Texts,
    pub wait: Text,
}

pub struct RawTrigger {
    pub at: At,
    pub id: Text,
    pub when: Text,
    pub spike: Option<RawSpike>,
    pub severity: Text,
    pub group_by: Texts,
    pub group_for: Text,
}

pub struct RawSpike {
    pub of: Text,
    pub window: Text,
    pub baseline: Text,
    pub factor: Option<Said<f64>>,
    pub at_least: Option<Said<u64>>,
}

pub struct RawDigest {
    pub id: Text,
    pub to: Texts,
    /// `at` in the file: the time of day.
    pub time: Text,
    pub days: Texts,
    pub timezone: Text,
}

pub struct RawSource {
    pub id: Text,
    pub kind: Text,
    pub topic: Text,
    pub ours: Option<Said<bool>>,
    pub retention: Text,
    pub params: Json,
}

pub struct RawTest {
    pub text: Text,
    pub title: Text,
    pub author: Text,
    pub lang: Text,
    pub kind: Text,
    pub source: Text,
    pub expect: Option<RawExpect>,
}

pub struct RawExpect {
    pub at: At,
    pub topic: Text,
    pub owner: Text,
    pub trigger: Text,
    pub polarity: Text,
}

impl Raw {
    /// Takes the whole tree apart; faults of shape go into `book`.
    pub fn read(mut top: Fields<'_>, book: &Book) -> Self {
        let mut store = top.section("store");
        let mut retention = top.section("retention");
        let mut net = top.section("net");
        let raw = Self {
            champion: top.need_text("champion", "name the owner who answers for everything else"),
            operator: top.text("operator"),
            contact: top.text("contact"),
            store_path: store.text("path"),
            retention_text: retention.text("text"),
            retention_rows: retention.text("rows"),
            allow_private: net.flag("allow_private"),
            web: web(top.section("web")),
            email: top.table("email").map(email),
            sentiment: sentiment(top.section("sentiment")),
            owners: list(&mut top, "owners", owner),
            channels: list(&mut top, "channels", channel),
            topics: list(&mut top, "topics", topic),
            routes: list(&mut top, "routes", route),
            policies: list(&mut top, "policies", policy),
            triggers: list(&mut top, "triggers", |fields| trigger(fields, book)),
            digests: list(&mut top, "digests", digest),
            sources: list(&mut top, "sources", source),
            tests: list(&mut top, "tests", test),
        };
        for fields in [store, retention, net, top] {
            fields.done();
        }
        raw
    }
}

fn list<'a, T>(top: &mut Fields<'a>, name: &'static str, read: impl FnMut(Fields<'a>) -> T) -> Vec<T> {
    top.tables(name).map_or_else(Vec::new, |said| said.value.into_iter().map(read).collect())
}

/// The `id` of an element of the list `noun`, whose key is named after it from here on.
fn id(fields: &mut Fields<'_>, noun: &str) -> Text {
    let mut id = fields.need_text("id", "give it a name that others can refer to, as id = \"care\"")?;
    fields.rename(format!("{noun}[{:?}]", id.value));
    id.at.key = fields.at.under("id").key;
    Some(id)
}

fn web(mut fields: Fields<'_>) -> RawWeb {
    let raw = RawWeb {
        listen: fields.text("listen"),
        public_url: fields.text("public_url"),
        token: fields.secret("token"),
    };
    fields.done();
    raw
}

fn email(mut fields: Fields<'_>) -> RawEmail {
    let raw = RawEmail {
        server: fields.need_text("server", "write for example server = \"smtp.acme.example:587\""),
        security: fields.text("security"),
        from: fields.need_text("from", "write for example from = \"earmark@acme.example\""),
        username: fields.text("username"),
        password: fields.secret("password"),
    };
    fields.done();
    raw
}

fn sentiment(mut fields: Fields<'_>) -> RawSentiment {
    let raw = RawSentiment {
        classifier: fields.text("classifier"),
        model: fields.text("model"),
        floor: fields.number("floor"),
        threads: fields.whole("threads"),
        cache: fields.whole("cache"),
    };
    fields.done();
    raw
}

fn owner(mut fields: Fields<'_>) -> RawOwner {
    let raw = RawOwner {
        id: id(&mut fields, "owners"),
        at: fields.at.clone(),
        name: fields.text("name"),
        timezone: fields.text("timezone"),
        hours: fields.texts("hours"),
        channels: fields.texts("channels"),
        deputy: fields.text("deputy"),
        users: fields.texts("users"),
        absent: list(&mut fields, "absent", absence),
    };
    fields.done();
    raw
}

fn absence(mut fields: Fields<'_>) -> RawAbsence {
    let raw = RawAbsence {
        at: fields.at.clone(),
        from: fields.need_text("from", "write the first day away, as from = \"2026-12-24\""),
        to: fields.need_text("to", "write the last day away, as to = \"2026-12-27\""),
    };
    fields.done();
    raw
}

fn channel(mut fields: Fields<'_>) -> RawChannel {
    let raw = RawChannel {
        id: id(&mut fields, "channels"),
        kind: fields.need_text("kind", "write for example kind = \"email\""),
        params: fields.params("params"),
    };
    fields.done();
    raw
}

fn topic(mut fields: Fields<'_>) -> RawTopic {
    let raw = RawTopic {
        id: id(&mut fields, "topics"),
        name: fields.text("name"),
        query: fields.need_text("query", "write what to listen for, as query = '\"acme app\" OR @acmeapp'"),
        owner: fields.text("owner"),
        policy: fields.text("policy"),
        panel: fields.text("panel"),
        retention: fields.text("retention"),
    };
    fields.done();
    raw
}

fn route(mut fields: Fields<'_>) -> RawRoute {
    let raw = RawRoute {
        when: fields.need_text("when", "write a condition, as when = 'post.lang == \"de\"'"),
        owner: fields.need_text("owner", "name the owner of what the condition holds for"),
    };
    fields.done();
    raw
}

fn policy(mut fields: Fields<'_>) -> RawPolicy {
    let raw = RawPolicy {
        id: id(&mut fields, "policies"),
        steps: fields
            .tables("steps")
            .map(|said| Said { at: said.at, value: said.value.into_iter().map(step).collect() }),
        repeat: fields.whole("repeat"),
        acknowledgement_lasts: fields.text("acknowledgement_lasts"),
        resolve_within: fields.text("resolve_within"),
    };
    fields.done();
    raw
}

fn step(mut fields: Fields<'_>) -> RawStep {
    let raw = RawStep {
        tell: fields
            .need(
                "tell",
                "write \"owner\", \"deputy\", \"champion\" or an owner's id; the first becomes accountable",
            )
            .texts("tell"),
        wait: fields.need_text("wait", "write how long to wait for an answer, as wait = \"30m\""),
    };
    fields.done();
    raw
}

fn trigger(mut fields: Fields<'_>, book: &Book) -> RawTrigger {
    let id = id(&mut fields, "triggers");
    let when = fields.text("when");
    let spike = fields.table("spike").map(|mut fields| {
        let raw = RawSpike {
            of: fields.text("of"),
            window: fields.need_text("window", "write the length of the window, as window = \"1h\""),
            baseline: fields.text("baseline"),
            factor: fields.number("factor"),
            at_least: fields.whole("at_least"),
        };
        fields.done();
        raw
    });
    if when.is_some() == spike.is_some() {
        let what = if when.is_some() {
            "has both \"when\" and \"spike\""
        } else {
            "has neither \"when\" nor \"spike\""
        };
        book.push(
            fields
                .at
                .fault(what)
                .remedy("write one of the two: a condition on a mention, or on their number"),
        );
    }
    let raw = RawTrigger {
        at: fields.at.clone(),
        id,
        when,
        spike,
        severity: fields.text("severity"),
        group_by: fields.texts("group_by"),
        group_for: fields.text("group_for"),
    };
    fields.done();
    raw
}

fn digest(mut fields: Fields<'_>) -> RawDigest {
    let raw = RawDigest {
        id: id(&mut fields, "digests"),
        to: fields.need("to", "name the owners who read it, as to = [\"care\"]").texts("to"),
        time: fields.text("at"),
        days: fields.texts("days"),
        timezone: fields.text("timezone"),
    };
    fields.done();
    raw
}

fn source(mut fields: Fields<'_>) -> RawSource {
    let raw = RawSource {
        id: id(&mut fields, "sources"),
        kind: fields.need_text("kind", "write for example kind = \"feed\""),
        topic: fields.text("topic"),
        ours: fields.flag("ours"),
        retention: fields.text("retention"),
        params: fields.params("params"),
    };
    fields.done();
    raw
}

fn test(mut fields: Fields<'_>) -> RawTest {
    let raw = RawTest {
        text: fields.need_text("text", "write the words of a post"),
        title: fields.text("title"),
        author: fields.text("author"),
        lang: fields.text("lang"),
        kind: fields.text("kind"),
        source: fields.text("source"),
        expect: fields
            .need("expect", "write what must come of it, as expect = { owner = \"care\" }")
            .table("expect")
            .map(|mut fields| {
                let raw = RawExpect {
                    at: fields.at.clone(),
                    topic: fields.text("topic"),
                    owner: fields.text("owner"),
                    trigger: fields.text("trigger"),
                    polarity: fields.text("polarity"),
                };
                fields.done();
                raw
            }),
    };
    fields.done();
    raw
}
