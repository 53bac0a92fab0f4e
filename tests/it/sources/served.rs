//! A site whose answers a test computes: real HTTP on a free port, a record of what was asked, and a source of
//! a kind that reads it with the test's clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Built, Settings, Source, Tools, kind};
use serde_json::Value;
use url::Url;

use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

type Answers = Arc<dyn Fn(&Asked) -> Page + Send + Sync>;

/// The site; it ends with the test's runtime.
#[derive(Clone)]
pub struct Served {
    pub base: String,
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Served {
    pub async fn start(answers: impl Fn(&Asked) -> Page + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let site = Self { base, answers: Arc::new(answers), asked: Arc::default() };
        let router = Router::new().fallback(answer).with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    /// What it was asked since the last time, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().expect("no test panics while holding it"))
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

async fn answer(State(site): State<Served>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers = parts.headers.iter();
    let asked = Asked {
        path: parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned()),
        headers: headers
            .map(|(name, value)| {
                (name.as_str().into(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body,
    };
    let page = (site.answers)(&asked);
    site.asked.lock().expect("no test panics while holding it").push(asked);
    let builder = page
        .headers
        .iter()
        .fold(Response::builder().status(page.status), |to, (name, value)| to.header(name, value));
    builder.body(Body::from(page.body)).expect("a response")
}

/// The path of a question.
pub fn path(asked: &Asked) -> &str {
    asked.path.split('?').next().unwrap_or_default()
}

/// A value of its query.
pub fn query(asked: &Asked, name: &str) -> Option<String> {
    let url = Url::parse(&format!("http://site.example{}", asked.path)).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A secret in a file, as settings point to it; it lies as long as the folder.
pub fn secret(folder: &tempfile::TempDir, name: &str, text: &str) -> Value {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a temp folder takes files");
    serde_json::json!({ "file": path })
}
