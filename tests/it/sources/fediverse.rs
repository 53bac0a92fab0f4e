//! A server of the Fediverse as a test makes it up, and a source that reads it, a look at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use earmark::domain::post::Post;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Batch, Built, Known, Position, Settings, Source, SourceError, Tools, kind};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

type Answers = Arc<dyn Fn(&Asked) -> Page + Send + Sync>;

/// Answers as a function says; paths with `/streaming/` are streams that a test writes into.
#[derive(Clone)]
pub struct Server {
    pub base: String,
    /// As the sources name it.
    pub name: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    streams: Arc<Mutex<BTreeMap<String, mpsc::UnboundedSender<String>>>>,
}

impl Server {
    pub async fn start(answers: impl Fn(&Asked) -> Page + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let name = listener.local_addr().expect("a bound socket").to_string();
        let server =
            Self { base: format!("http://{name}"), name, asked: Arc::default(), streams: Arc::default() };
        let (kept, answers): (Self, Answers) = (server.clone(), Arc::new(answers));
        let router = Router::new().fallback(move |request: Request| {
            let (kept, answers) = (kept.clone(), Arc::clone(&answers));
            async move { kept.answer(request, &answers) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn answer(&self, request: Request, answers: &Answers) -> Response {
        let path = request.uri().path_and_query().map_or_else(String::new, |path| path.as_str().into());
        let value = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let headers =
            request.headers().iter().map(|(name, held)| (name.as_str().into(), value(held))).collect();
        let asked = Asked { path: path.clone(), headers, body: Bytes::new() };
        let page = answers(&asked);
        lock(&self.asked).push(asked);
        let builder = Response::builder().status(page.status);
        let builder = page.headers.iter().fold(builder, |to, (name, held)| to.header(name, held));
        if page.status == 200 && path.contains("/streaming/") {
            let (sender, receiver) = mpsc::unbounded_channel();
            let _ = sender.send(":)\n".to_owned());
            lock(&self.streams).insert(path, sender);
            let pieces = futures::stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|piece| (piece, receiver))
            });
            return builder.body(Body::from_stream(pieces.map(Ok::<_, std::io::Error>))).expect("a response");
        }
        builder.body(Body::from(page.body)).expect("a response")
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

    /// What it was asked since the last time, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.asked))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no test panics while holding it")
}

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
        let kind = kind(name).expect("the kind is listed");
        let settings = Settings { id: "one".into(), params };
        let problems = (kind.check)(&settings);
        assert!(problems.is_empty(), "{problems}");
        let clock = JumpClock::new(now());
        let net = net::Settings { read_timeout: Duration::from_secs(5), ..net::Settings::new("") };
        let limits = Limits { at_once: 8, apart: Duration::ZERO };
        let client = net::Client::new(&net).expect("a client");
        let fetch = Fetcher::with_limits(client, limits).on(Arc::new(clock.clone()));
        let Ok(Built::Pull(source)) = (kind.build)(&settings, &Tools { fetch: Arc::new(fetch) }) else {
            panic!("a pulled source")
        };
        Self { source, position: Position::default(), now: now(), clock }
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

    pub async fn recheck(&mut self, ids: &[&str]) -> Result<earmark::source::Rechecked, SourceError> {
        let known: Vec<Known> =
            ids.iter().map(|id| Known { id: (*id).to_owned(), url: None, parent: None }).collect();
        assert!(self.source.recheck_at_once() >= known.len());
        self.source.recheck(&known, self.now).await
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
        json!({ "file": self.0.path() })
    }
}

/// What stands behind a name in the query of a path.
pub fn query(path: &str, name: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}
