//! A place of which a test says what it answers to each question, and a source that reads it, a look at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use earmark::domain::post::Post;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Batch, Built, Known, Position, Rechecked, Settings, Source, SourceError, Tools, kind};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

type Answers = dyn Fn(&Asked) -> Page + Send + Sync;

/// The place; clones are the same place. Paths with `/streaming/` are streams that a test writes into.
#[derive(Clone)]
pub struct Served {
    pub base: String,
    /// Its host and port.
    pub name: String,
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<Asked>>>,
    streams: Arc<Mutex<BTreeMap<String, mpsc::UnboundedSender<String>>>>,
}

impl Served {
    pub async fn start(answers: impl Fn(&Asked) -> Page + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let name = listener.local_addr().expect("a bound socket").to_string();
        let (base, answers) = (format!("http://{name}"), Arc::new(answers));
        let place = Self { base, name, answers, asked: Arc::default(), streams: Arc::default() };
        let router = Router::new().fallback(answer).with_state(place.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        place
    }

    /// What it was asked since the last time, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.asked))
    }

    /// Path and query of the same.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// A source that reads it.
    pub fn source(&self, name: &str, mut params: Value, clock: &JumpClock) -> Box<dyn Source> {
        params["base_url"] = self.base.clone().into();
        params["allow_private"] = true.into();
        built(name, params, clock)
    }

    /// Sends an event on the stream whose path holds this.
    pub fn send(&self, path: &str, event: &str, data: &str) {
        let streams = lock(&self.streams);
        let (_, stream) = streams.iter().find(|(found, _)| found.contains(path)).expect("the stream is open");
        // In two pieces, as networks cut them.
        stream.send(format!("event: {event}\ndata: {}", &data[..data.len() / 2])).expect("somebody reads");
        stream.send(format!("{}\n\n", &data[data.len() / 2..])).expect("somebody reads");
    }

    /// Ends all streams.
    pub fn hang_up(&self) {
        lock(&self.streams).clear();
    }

    pub fn streams(&self) -> Vec<String> {
        lock(&self.streams).keys().cloned().collect()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no test panics while holding it")
}

async fn answer(State(place): State<Served>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let path = parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned());
    let headers =
        parts.headers.iter().map(|(name, value)| (name.as_str().into(), text(value.as_bytes()))).collect();
    let asked = Asked { path: path.clone(), headers, body };
    let page = (place.answers)(&asked);
    lock(&place.asked).push(asked);
    let builder = Response::builder().status(page.status);
    let builder = page.headers.iter().fold(builder, |to, (name, value)| to.header(name, value));
    if page.status == 200 && path.contains("/streaming/") {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = sender.send(":)\n".to_owned());
        lock(&place.streams).insert(path, sender);
        let pieces = futures::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        return builder.body(Body::from_stream(pieces.map(Ok::<_, std::io::Error>))).expect("a response");
    }
    builder.body(Body::from(page.body)).expect("a response")
}

/// A source of that kind, its budgets kept by this clock.
pub fn built(name: &str, params: Value, clock: &JumpClock) -> Box<dyn Source> {
    let kind = kind(name).expect("the kind is listed");
    let settings = Settings { id: "one".into(), params };
    let problems = (kind.check)(&settings);
    // Where every post is paid for, the check says what may be spent.
    let costs = name == "x" && !problems.has_faults();
    assert!(problems.is_empty() || costs, "{problems}");
    let net = net::Settings { read_timeout: Duration::from_secs(5), ..net::Settings::new("") };
    let limits = Limits { at_once: 8, apart: Duration::ZERO };
    let client = net::Client::new(&net).expect("a client");
    let fetch = Fetcher::with_limits(client, limits).on(Arc::new(clock.clone()));
    match (kind.build)(&settings, &Tools { fetch: Arc::new(fetch) }) {
        Ok(Built::Pull(source)) => source,
        Ok(Built::Push(_)) => panic!("{name} is pulled"),
        Err(why) => panic!("{why}"),
    }
}

/// The same, on a clock that waits for nobody, at this time.
pub fn source(name: &str, params: Value, now: Timestamp) -> Box<dyn Source> {
    built(name, params, &JumpClock::new(now))
}

/// When a test begins that names no other time.
pub fn now() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().expect("a time")
}

/// A source and where it stands.
pub struct Reader {
    source: Box<dyn Source>,
    pub position: Position,
    pub now: Timestamp,
    clock: JumpClock,
}

impl Reader {
    pub fn new(name: &str, params: Value) -> Self {
        let clock = JumpClock::new(now());
        Self { source: built(name, params, &clock), position: Position::default(), now: now(), clock }
    }

    pub fn wait(&mut self, wait: SignedDuration) {
        self.now += wait;
        self.clock.to(self.now);
    }

    pub async fn look(&mut self) -> Result<Batch, SourceError> {
        let looked = self.source.poll(&self.position, self.now).await;
        if let Ok(batch) = &looked {
            self.position = batch.position.clone();
        }
        looked
    }

    /// Looks until there is no more right away; the posts in their order.
    pub async fn all(&mut self) -> Vec<Post> {
        let mut posts = Vec::new();
        for _ in 0..100 {
            let batch = self.look().await.expect("an answer");
            posts.extend(batch.posts);
            if !batch.more {
                return posts;
            }
        }
        panic!("it never ends");
    }

    /// Looks until so many posts have come: streams take their time.
    pub async fn until(&mut self, posts: usize) -> Vec<Post> {
        let mut come = Vec::new();
        for _ in 0..100 {
            come.extend(self.look().await.expect("an answer").posts);
            if come.len() >= posts {
                return come;
            }
        }
        panic!("only {come:?}");
    }

    pub async fn recheck(&mut self, ids: &[&str]) -> Result<Rechecked, SourceError> {
        let known: Vec<Known> =
            ids.iter().map(|id| Known { id: (*id).to_owned(), url: None, parent: None }).collect();
        assert!(self.source.recheck_at_once() >= known.len());
        self.source.recheck(&known, self.now).await
    }
}

/// What stands behind a name in the query of a path.
pub fn query(path: &str, name: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
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
    json!({ "file": path })
}

/// A secret with a folder of its own.
pub struct Hidden {
    pointer: Value,
    _folder: tempfile::TempDir,
}

impl Hidden {
    pub fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let pointer = secret(&folder, "secret", text);
        Self { pointer, _folder: folder }
    }

    pub fn pointer(&self) -> Value {
        self.pointer.clone()
    }
}
