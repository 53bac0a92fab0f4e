//! A place of which a test says what it answers to each question, and a source that reads it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Built, Settings, Source, Tools, kind};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

type Answers = dyn Fn(&Asked) -> Page + Send + Sync;

/// The place; clones are the same place.
#[derive(Clone)]
pub struct Served {
    pub base: String,
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Served {
    pub async fn start(answers: impl Fn(&Asked) -> Page + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let place = Self { base, answers: Arc::new(answers), asked: Arc::default() };
        let router = Router::new().fallback(answer).with_state(place.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        place
    }

    /// What it was asked since the last time, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Path and query of the same.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// A source that reads it.
    pub fn source(&self, name: &str, mut params: Value, clock: &JumpClock) -> Box<dyn Source> {
        params["base_url"] = self.base.clone().into();
        params["allow_private"] = true.into();
        let settings = Settings { id: "one".into(), params };
        let kind = kind(name).expect("the kind is listed");
        let problems = (kind.check)(&settings);
        assert!(!problems.has_faults(), "{problems}");
        let net = net::Settings { read_timeout: Duration::from_secs(5), ..net::Settings::new("") };
        let limits = Limits { at_once: 8, apart: Duration::ZERO };
        let client = net::Client::new(&net).expect("a client");
        let fetch = Fetcher::with_limits(client, limits).on(Arc::new(clock.clone()));
        match (kind.build)(&settings, &Tools { fetch: Arc::new(fetch) }) {
            Ok(Built::Pull(source)) => source,
            _ => panic!("a pulled source"),
        }
    }
}

async fn answer(State(place): State<Served>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let asked = Asked {
        path: parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned()),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().into(), text(value.as_bytes())))
            .collect(),
        body,
    };
    let page = (place.answers)(&asked);
    place.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    let builder = Response::builder().status(page.status);
    let builder = page.headers.iter().fold(builder, |to, (name, value)| to.header(name, value));
    builder.body(Body::from(page.body)).expect("a response")
}

/// The source of a kind, on a clock that waits for nobody, at this time.
pub fn source(name: &str, params: Value, now: Timestamp) -> Box<dyn Source> {
    let kind = kind(name).expect("the kind is listed");
    let settings = Settings { id: "one".into(), params };
    let problems = (kind.check)(&settings);
    assert!(problems.is_empty(), "{problems}");
    let client = net::Client::new(&net::Settings::new("")).expect("a client");
    let limits = Limits { at_once: 8, apart: Duration::ZERO };
    let fetch = Fetcher::with_limits(client, limits).on(Arc::new(JumpClock::new(now)));
    match (kind.build)(&settings, &Tools { fetch: Arc::new(fetch) }) {
        Ok(Built::Pull(source)) => source,
        Ok(Built::Push(_)) => panic!("{name} is pulled"),
        Err(why) => panic!("{why}"),
    }
}

/// A value of the query.
pub fn query(asked: &Asked, name: &str) -> Option<String> {
    let url = url::Url::parse(&format!("http://acme.example{}", asked.path)).expect("a path");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Path without the query.
pub fn path(asked: &Asked) -> &str {
    asked.path.split('?').next().unwrap_or_default()
}

pub fn json(value: &Value) -> Page {
    Page::of("application/json", value.to_string())
}

/// A secret in a file, as settings point to it; it lies as long as the folder.
pub fn secret(folder: &tempfile::TempDir, name: &str, text: &str) -> Value {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temp folder takes files");
    serde_json::json!({ "file": path })
}
