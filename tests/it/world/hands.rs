//! What the test does to the daemon from outside: pushes, pages, acts.

use std::net::SocketAddr;

use earmark::domain::digest::Window;
use earmark::domain::escalation::Escalation;
use earmark::domain::id::EscalationId;
use earmark::domain::mention::RecordedMention;
use earmark::domain::notification::{Hold, HoldReason};
use earmark::domain::source::SourceState;
use earmark::net::standard_webhooks::{ID, Key, SIGNATURE, TIMESTAMP, sign};
use earmark::store::{EscalationFilter, MentionFilter, Page, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{SECRET, World};

/// A status and what came with it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

impl World {
    pub fn web(&self) -> SocketAddr {
        self.app().web_addr.expect("it listens")
    }

    pub fn store(&self) -> &dyn Store {
        &*self.app().api.store
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the daemon answers");
        let status = response.status().as_u16();
        Answer { status, body: response.text().await.expect("a body") }
    }

    /// A request to the daemon's own port; headers as given.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("http://{}{path}", self.web())).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.answer(request).await;
        self.idle().await;
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], String::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// A record from our own form, signed; it fails unless it is taken.
    pub async fn push(&mut self, record: &Value) {
        let answer = self.push_to("desk", record).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    pub async fn push_to(&mut self, source: &str, record: &Value) -> Answer {
        self.pushed += 1;
        let id = format!("msg_{}", self.pushed);
        let headers = signed(&id, self.now(), &record.to_string());
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
        self.ask("POST", &format!("/push/{source}"), &headers, record.to_string()).await
    }

    /// Somebody says something on our form.
    pub async fn says(&mut self, text: &str) {
        self.push(&json!({ "text": text, "author": "ann" })).await;
    }

    /// Does something with a matter, as an owner.
    pub async fn act(&self, who: &str, matter: EscalationId, ask: Value) -> Answer {
        self.post(&format!("/api/v1/escalations/{matter}?as={who}"), &ask).await
    }

    pub async fn acknowledge(&self, who: &str) {
        let answer = self.act(who, self.matter().await.id, json!({ "action": "acknowledge" })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub async fn resolve(&self, who: &str) {
        let answer = self.act(who, self.matter().await.id, json!({ "action": "resolve" })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// All matters, oldest first.
    pub async fn matters(&self) -> Vec<Escalation> {
        let all = self.store().escalations(EscalationFilter::default(), Page::first(1_000)).await;
        all.expect("they are read").rows
    }

    /// The newest matter; an open one if there is any.
    pub async fn matter(&self) -> Escalation {
        let mut matters = self.matters().await;
        matters.sort_by_key(|matter| (matter.state.is_unresolved(), matter.opened_at));
        matters.pop().expect("there is a matter")
    }

    /// All mentions, oldest first.
    pub async fn mentions(&self) -> Vec<RecordedMention> {
        let mut all = Vec::new();
        let mut page = Page::first(1_000);
        loop {
            let rows = self.store().mentions(MentionFilter::default(), page.clone()).await;
            let rows = rows.expect("they are read");
            all.extend(rows.rows);
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return all,
            }
        }
    }

    /// Every "no" that stands in a row of its own.
    pub async fn holds(&self) -> Vec<Hold> {
        let always =
            Window { from: Timestamp::UNIX_EPOCH, until: self.now() + SignedDuration::from_hours(1) };
        self.store().holds(always, Page::first(1_000)).await.expect("they are read").rows
    }

    /// Fails unless a row says so.
    pub async fn expect_hold(&self, reason: HoldReason) -> Hold {
        let holds = self.holds().await;
        let found = holds.iter().find(|hold| hold.reason == reason).cloned();
        found.unwrap_or_else(|| panic!("nothing was held for {reason:?}: {holds:#?}"))
    }

    pub async fn source(&self, id: &str) -> SourceState {
        self.store().source(id.into()).await.expect("it is read").expect("it was read before")
    }
}

/// The headers that prove that `body` comes from somebody who knows the secret.
pub fn signed(id: &str, at: Timestamp, body: &str) -> [(&'static str, String); 3] {
    let signature = sign(&Key::new(SECRET).expect("a secret"), id, at, body.as_bytes());
    [(ID, id.to_owned()), (TIMESTAMP, at.as_second().to_string()), (SIGNATURE, signature)]
}

/// A client as anybody has one.
pub fn http() -> reqwest::Client {
    // Fails only when another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
