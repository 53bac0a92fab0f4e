//! One source over a site that a test makes up as it goes: what it is asked, and looks one at a time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Built, Settings, Source, Tools, kind};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

/// A site that answers as a function says.
pub struct Visited {
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Visited {
    pub async fn start(answer: impl Fn(&Asked) -> Page + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        let router = Router::new().fallback(move |request: Request| {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                let path = parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().into());
                let value =
                    |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
                let headers =
                    parts.headers.iter().map(|(name, held)| (name.as_str().into(), value(held))).collect();
                let asked = Asked { path, headers, body };
                let page = answer(&asked);
                kept.lock().expect("no test panics while holding it").push(asked);
                let builder = Response::builder().status(page.status);
                let builder = page.headers.iter().fold(builder, |to, (name, held)| to.header(name, held));
                builder.body(Body::from(page.body)).expect("a response")
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, asked }
    }

    /// What it was asked since the last time, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics while holding it"))
    }
}

/// When every visit begins.
pub fn now() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().expect("a time")
}

/// A source of that kind, its budgets kept by a clock that jumps.
pub fn source(name: &str, params: Value) -> Box<dyn Source> {
    let kind = kind(name).expect("the kind is listed");
    let settings = Settings { id: "one".into(), params };
    let problems = (kind.check)(&settings);
    assert!(problems.is_empty(), "{problems}");
    let net = net::Settings { read_timeout: Duration::from_secs(5), ..net::Settings::new("") };
    let limits = Limits { at_once: 8, apart: Duration::ZERO };
    let client = net::Client::new(&net).expect("a client");
    let fetch = Fetcher::with_limits(client, limits).on(Arc::new(JumpClock::new(now())));
    match (kind.build)(&settings, &Tools { fetch: Arc::new(fetch) }) {
        Ok(Built::Pull(source)) => source,
        Ok(Built::Push(_)) => panic!("a pulled source"),
        Err(what) => panic!("{what}"),
    }
}

/// A secret in a file, as settings name it; kept while the file is.
pub struct Hidden(tempfile::NamedTempFile);

impl Hidden {
    pub fn new(secret: &str) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), secret).expect("it can be written");
        Self(file)
    }

    pub fn pointer(&self) -> Value {
        serde_json::json!({ "file": self.0.path() })
    }
}

/// What stands behind a name in the query of a path.
pub fn query(path: &str, name: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}
