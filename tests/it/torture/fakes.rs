//! The other side of every wire: a mail server and a receiver of webhooks that answer with seeded
//! faults until told to be well, a Hacker News of our own, and a sender that pushes each request
//! until it is told 202.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use earmark::net::standard_webhooks::{ID, Key, SIGNATURE, TIMESTAMP, sign};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::daemon::ask;
use super::posts::Post;
use crate::support::fake_smtp::{FakeSmtp, Fault, Stage};

/// What both sides of a push know.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Posts of one push.
const PUSHED_AT_ONCE: usize = 5;

/// One seeded lottery for all servers.
#[derive(Clone)]
pub struct Moods(Arc<Mutex<StdRng>>, Arc<AtomicBool>);

impl Moods {
    pub fn new(seed: u64, faulty: bool) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), Arc::new(AtomicBool::new(faulty)))
    }

    /// From now on every server takes everything at once.
    pub fn be_well(&self) {
        self.1.store(false, Ordering::SeqCst);
    }

    /// A number in 0…1, or 1 once all are well.
    fn draw(&self) -> f64 {
        if self.1.load(Ordering::SeqCst) { self.0.lock().unwrap().random() } else { 1.0 }
    }
}

/// How often each key was taken by the receiver of webhooks.
#[derive(Clone)]
pub struct Hooks {
    pub url: String,
    taken: Arc<Mutex<HashMap<String, usize>>>,
    moods: Moods,
}

impl Hooks {
    pub async fn start(moods: Moods) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hooks = Self { url, taken: Arc::default(), moods };
        let app = Router::new().fallback(take).with_state(hooks.clone());
        tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        hooks
    }

    pub fn taken(&self) -> HashMap<String, usize> {
        self.taken.lock().unwrap().clone()
    }
}

async fn take(State(hooks): State<Hooks>, headers: HeaderMap) -> StatusCode {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let key = header("idempotency-key");
    assert_eq!(key, header("webhook-id"), "one message, one key");
    match hooks.moods.draw() {
        ..0.04 => return StatusCode::BAD_REQUEST,
        ..0.14 => return StatusCode::SERVICE_UNAVAILABLE,
        // Ends the connection without an answer and without a word on standard error.
        ..0.20 => std::panic::resume_unwind(Box::new("dropped")),
        mood => {
            // Counted before it is answered: whoever dies while it waits has told somebody.
            *hooks.taken.lock().unwrap().entry(key).or_default() += 1;
            if mood < 0.40 {
                tokio::time::sleep(Duration::from_millis((mood * 1_000.0) as u64)).await;
            }
        }
    }
    StatusCode::NO_CONTENT
}

/// A mail server with moods.
pub async fn mail_server(moods: Moods) -> FakeSmtp {
    FakeSmtp::scripted(move |stage, _| match (stage, moods.draw()) {
        (Stage::RcptTo, ..0.03) => Some(Fault::Say("550 5.1.1 nobody of that name")),
        (Stage::RcptTo, ..0.08) => Some(Fault::Say("450 4.2.1 busy")),
        (Stage::Body, ..0.06) => Some(Fault::Drop),
        (Stage::Body, ..0.12) => Some(Fault::Say("451 4.3.0 later")),
        (Stage::Body, mood) if mood < 0.35 => {
            let until = Arc::new(Notify::new());
            let release = until.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis((mood * 1_000.0) as u64)).await;
                release.notify_one();
            });
            Some(Fault::Hold(until))
        }
        _ => None,
    })
    .await
}

/// How often each key was taken by the mail server.
pub fn keys_of(mail: &FakeSmtp) -> HashMap<String, usize> {
    let mut keys = HashMap::new();
    for mail in mail.taken() {
        *keys.entry(mail.header("X-Earmark-Key").expect("every mail bears its key")).or_default() += 1;
    }
    keys
}

/// A Hacker News whose items are these posts, from number 1.
pub async fn hacker_news(posts: Vec<Post>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let highest = posts.len().to_string();
    let item = |State(posts): State<Arc<Vec<Post>>>, Path(name): Path<String>| async move {
        let number: usize = name.trim_end_matches(".json").parse().unwrap_or(0);
        let item = posts.get(number.wrapping_sub(1)).map(|post| {
            json!({ "id": number, "type": "comment", "by": post.author, "text": post.text,
                    "time": Timestamp::now().as_second() - 60 })
        });
        axum::Json(item.unwrap_or(Value::Null))
    };
    let app = Router::new()
        .route("/v0/maxitem.json", get(move || async move { highest }))
        .route("/v0/updates.json", get(|| async { r#"{"items":[],"profiles":[]}"# }))
        .route("/v0/item/{name}", get(item))
        .with_state(Arc::new(posts));
    tokio::spawn(async move { drop(axum::serve(listener, app).await) });
    url
}

/// Pushes requests one after the other, each until it is taken; never more than it is allowed.
pub struct Pusher {
    allowed: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    requests: usize,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Pusher {
    pub fn start(socket: PathBuf, posts: &[Post], seed: u64) -> Self {
        let requests: Vec<String> = posts
            .chunks(PUSHED_AT_ONCE)
            .map(|posts| Value::from(posts.iter().map(Post::record).collect::<Vec<_>>()).to_string())
            .collect();
        let (allowed, taken, ended) = (Arc::default(), Arc::default(), Arc::default());
        let mut pusher = Self { allowed, taken, ended, requests: requests.len(), thread: None };
        let (allowed, taken, ended) = (pusher.allowed.clone(), pusher.taken.clone(), pusher.ended.clone());
        pusher.thread = Some(std::thread::spawn(move || {
            let key = Key::new(SECRET).unwrap();
            let mut lottery = StdRng::seed_from_u64(seed);
            for (number, body) in requests.iter().enumerate() {
                let id = format!("push-{number}");
                loop {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    if number < allowed.load(Ordering::SeqCst) {
                        let now = Timestamp::now();
                        let headers = [
                            (ID, id.clone()),
                            (TIMESTAMP, now.as_second().to_string()),
                            (SIGNATURE, sign(&key, &id, now, body.as_bytes())),
                        ];
                        if ask(&socket, "POST", "/push/desk", &headers, body)
                            .is_ok_and(|(status, _)| status == 202)
                        {
                            break;
                        }
                    }
                    std::thread::sleep(Duration::from_millis(lottery.random_range(5..60)));
                }
                taken.store(number + 1, Ordering::SeqCst);
            }
        }));
        pusher
    }

    /// Allows the first so many requests.
    pub fn allow(&self, first: usize) {
        self.allowed.store(first, Ordering::SeqCst);
    }

    /// Requests not yet taken.
    pub fn left(&self) -> usize {
        self.requests - self.taken.load(Ordering::SeqCst)
    }

    /// How many requests there are.
    pub fn requests(&self) -> usize {
        self.requests
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
