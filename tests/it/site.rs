//! A site with a known history that fails on demand: real HTTP on a free port, its clock the test's. A kind's
//! test adds its [`Pages`] and calls [`outage`]; faults, limits, drip and cuts are the same for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use earmark::domain::source::{Blind, Gap, GapCause, SourceState};
use earmark::net;
use earmark::pipeline::coverage::{self, Look};
use earmark::runtime::clock::Clock as _;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::terms::Budget;
use earmark::source::{Batch, Built, Kind, Position, Retry, Settings, Source, Tools, kind, schedule};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

mod counted;
mod together;

use counted::Counted;
pub use together::together;

/// A post of the history: the first is number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub number: u64,
    pub at: Timestamp,
}

/// What a kind's site serves.
pub trait Pages: Send + Sync + 'static {
    /// Settings of a source that reads the site at `base`.
    fn params(&self, base: &str) -> Value;

    /// What it answers, with this history behind it, oldest first.
    fn page(&self, history: &[Told], asked: &Asked) -> Page;

    /// What the post of that number is called.
    fn id(&self, number: u64) -> String;

    /// What a request costs of the budgets, as the place counts it.
    fn cost(&self, _asked: &Asked) -> u32 {
        1
    }

    /// How many of the newest posts are still served.
    fn depth(&self) -> usize {
        usize::MAX
    }

    /// The first part of a body, as a site sends it that breaks off and says that this is all.
    fn half(&self, body: &Bytes) -> Bytes {
        body.slice(..body.len() / 2)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status and no words.
    Status(u16),
    /// 429, with so many seconds or without.
    Busy(Option<u32>),
    /// A byte, and then silence.
    Drip,
    /// The connection ends inside the body.
    Cut,
    /// A page for people, and well meant.
    WrongType,
    /// Half of the body, and nothing says so.
    Truncated,
    /// A body without end.
    Oversized,
}

pub const FAULTS: [Fault; 13] = [
    Fault::Status(500),
    Fault::Status(401),
    Fault::Status(403),
    Fault::Busy(Some(90)),
    Fault::Status(404),
    Fault::Cut,
    Fault::Status(410),
    Fault::Drip,
    Fault::Busy(None),
    Fault::WrongType,
    Fault::Truncated,
    Fault::Oversized,
    Fault::Status(503),
];

struct Inner {
    history: Vec<Told>,
    fault: Option<Fault>,
    counted: Counted,
}

/// The site; clones are the same site.
#[derive(Clone)]
pub struct Site {
    pages: Arc<dyn Pages>,
    clock: JumpClock,
    inner: Arc<Mutex<Inner>>,
    base: String,
}

impl Site {
    /// Counts by what the kind's terms say.
    async fn start(pages: Arc<dyn Pages>, clock: JumpClock, kind: &Kind) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let counted = Counted::new(kind.name, kind.terms.budgets);
        let inner = Inner { history: Vec::new(), fault: None, counted };
        let site = Self { pages, clock, inner: Arc::new(Mutex::new(inner)), base };
        let router = Router::new().fallback(answer).with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while holding it")
    }

    /// From now on this goes wrong, or nothing.
    pub fn fail(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// The history up to then; five posts are older than `began`.
    fn tell(&self, began: Timestamp, now: Timestamp) {
        let mut inner = self.lock();
        loop {
            let number = inner.history.len() as u64 + 1;
            let after = APART * (i32::try_from(number).expect("a short history") - 5);
            let at = began + after;
            if at > now {
                return;
            }
            inner.history.push(Told { number, at });
        }
    }

    fn requests(&self) -> usize {
        self.lock().counted.requests()
    }

    /// Budgets that were exceeded, once for each request beyond them.
    fn exceeded(&self) -> Vec<Budget> {
        self.lock().counted.exceeded().to_vec()
    }

    /// Whether a credential has used a budget to its end.
    fn is_full(&self) -> bool {
        self.lock().counted.is_full()
    }
}

/// The way to fetch, with accounts of its own.
fn fetcher(clock: &JumpClock) -> Arc<Fetcher> {
    let net = net::Settings { read_timeout: Duration::from_millis(300), ..net::Settings::new("") };
    let limits = Limits { at_once: 8, apart: Duration::ZERO };
    let client = net::Client::new(&net).expect("a client");
    Arc::new(Fetcher::with_limits(client, limits).on(Arc::new(clock.clone())))
}

async fn answer(State(site): State<Site>, request: Request) -> Response {
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
    let (page, fault) = {
        let now = site.clock.now();
        let mut inner = site.lock();
        inner.counted.take(&asked, site.pages.cost(&asked), now);
        let page = site.pages.page(&inner.history, &asked);
        inner.counted.answered(&asked, &page);
        (page, inner.fault)
    };
    respond(&*site.pages, page, fault)
}

fn respond(pages: &dyn Pages, page: Page, fault: Option<Fault>) -> Response {
    let plain = |status: u16| Response::builder().status(status);
    let broke = |parts: Vec<Bytes>| {
        let parts = futures::stream::iter(parts).map(Ok::<Bytes, std::io::Error>);
        let end = futures::stream::once(async { Err(std::io::Error::other("cut")) });
        Body::from_stream(parts.chain(end))
    };
    let response = match fault {
        None => {
            let builder =
                page.headers.iter().fold(plain(page.status), |to, (name, value)| to.header(name, value));
            builder.body(Body::from(page.body))
        }
        Some(Fault::Status(status)) => plain(status).body(Body::empty()),
        Some(Fault::Busy(None)) => plain(429).body(Body::empty()),
        Some(Fault::Busy(Some(seconds))) => plain(429).header("retry-after", seconds).body(Body::empty()),
        Some(Fault::WrongType) => {
            plain(200).header("content-type", "text/html").body("<!doctype html><p>Back soon.".into())
        }
        Some(Fault::Truncated) => plain(page.status).body(Body::from(pages.half(&page.body))),
        Some(Fault::Cut) => {
            let length = page.body.len() + 100;
            plain(200)
                .header("content-length", length)
                .body(broke(vec![page.body.slice(..page.body.len() / 2)]))
        }
        Some(Fault::Drip) => {
            let drop =
                futures::stream::iter([Ok::<_, std::io::Error>(page.body.slice(..1.min(page.body.len())))]);
            plain(200).body(Body::from_stream(drop.chain(futures::stream::pending())))
        }
        Some(Fault::Oversized) => {
            let spaces = Bytes::from(vec![b' '; 1 << 18]);
            plain(200).body(Body::from_stream(futures::stream::repeat(spaces).map(Ok::<_, std::io::Error>)))
        }
    };
    response.expect("a response")
}

/// A source over a site, as the poller would read it.
struct Reader {
    site: Site,
    source: Box<dyn Source>,
    position: Position,
    failures: u32,
    next: Timestamp,
    began: Timestamp,
    /// Versions by id.
    found: BTreeMap<String, BTreeSet<String>>,
    /// What the daemon's ledger says, by what was told.
    ledger: BTreeMap<Gap, Blind>,
    state: SourceState,
    /// Stretches without an answer, from the first failure to the look that ended it.
    outages: Vec<(Timestamp, Timestamp)>,
    errors: Vec<String>,
}

/// From one post of the history to the next.
const APART: SignedDuration = SignedDuration::from_mins(7);

impl Reader {
    async fn new(name: &str, pages: impl Pages) -> Self {
        let began: Timestamp = "2026-03-04T00:00:00Z".parse().expect("a time");
        let clock = JumpClock::new(began);
        let kind = kind(name).expect("the kind is listed");
        let site = Site::start(Arc::new(pages), clock.clone(), kind).await;
        let settings = Settings { id: "one".into(), params: site.pages.params(&site.base) };
        let problems = (kind.check)(&settings);
        assert!(!problems.has_faults(), "{problems}");
        let fetch = fetcher(&clock);
        let Ok(Built::Pull(source)) = (kind.build)(&settings, &Tools { fetch }) else {
            panic!("a pulled source")
        };
        Self {
            site,
            source,
            position: Position::default(),
            failures: 0,
            next: began,
            began,
            found: BTreeMap::new(),
            ledger: BTreeMap::new(),
            state: SourceState::new("one".into(), began),
            outages: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Posts come and looks are made until then.
    async fn until(&mut self, end: Timestamp) {
        while self.next <= end {
            self.site.clock.to(self.next);
            let now = self.site.clock.now();
            self.site.tell(self.began, now);
            match self.source.poll(&self.position, now).await {
                Ok(batch) => {
                    self.failures = 0;
                    self.enter(&batch, now);
                    self.position = batch.position;
                    for post in batch.posts {
                        self.found.entry(post.id).or_default().insert(post.version);
                    }
                    let interval = self.source.interval();
                    self.next = if batch.more {
                        now
                    } else {
                        schedule::next_poll(interval, batch.rest, None, 0, now, 0.5)
                    };
                }
                Err(error) => {
                    let failed = !matches!(error.retry, Retry::Budget(_));
                    self.failures += u32::from(failed);
                    if failed {
                        self.state.failing_since.get_or_insert(now);
                        self.state.last_error = Some(error.what.clone());
                    }
                    self.position = error.position.unwrap_or(self.position.clone());
                    self.errors.push(error.what);
                    let (interval, retry) = (self.source.interval(), Some(error.retry));
                    self.next = schedule::next_poll(interval, None, retry, self.failures, now, 0.5);
                }
            }
            self.state.next_poll = self.next;
        }
        self.site.clock.to(end);
        self.site.tell(self.began, end);
    }

    /// Writes the ledger as the daemon does.
    fn enter(&mut self, batch: &Batch, now: Timestamp) {
        let interval = self.source.interval();
        let state = &mut self.state;
        if let Some(since) = state.failing_since.take_if(|since| now.duration_since(*since) >= interval) {
            self.outages.push((since, now));
            state.failing_since = Some(since);
        }
        let look = Look {
            more: batch.more,
            pauses: batch.rest.is_some(),
            trouble: batch.trouble.clone(),
            ..Look::pulled(state, &batch.posts, now, interval)
        };
        let open = self.ledger.values().filter(|blind| coverage::is_ours(blind, &state.id));
        let open = open.filter(|_| state.open_since.is_some()).cloned().collect();
        let entry = coverage::enter(state, &look, batch.fetched_through, &batch.gaps, false, open, None);
        self.ledger.extend(entry.gaps.iter().map(|blind| (blind.gap.clone(), blind.clone())));
        entry.apply(state);
        state.answered_at = Some(now);
        state.fetched_through = batch.fetched_through.or(state.fetched_through);
        state.failing_since = None;
        state.last_error = None;
    }

    fn now(&self) -> Timestamp {
        self.site.clock.now()
    }
}

/// After six hours in which everything fails in every way: what is still served is found, each post under one
/// name; no budget was exceeded; the gaps told are the posts lost, and no more.
pub async fn outage(name: &str, pages: impl Pages) {
    let mut reader = Reader::new(name, pages).await;
    reader.until(reader.began + SignedDuration::from_hours(1)).await;
    assert!(
        reader.errors.is_empty() && reader.ledger.is_empty(),
        "{name}: {:?} {:?}",
        reader.errors,
        reader.ledger
    );
    let failing = SignedDuration::from_hours(6) / i32::try_from(FAULTS.len()).expect("a few");
    for fault in FAULTS {
        reader.site.fail(Some(fault));
        // A person looks whether it works again; the schedule itself would wait for hours.
        reader.next = reader.now();
        let before = reader.errors.len();
        reader.until(reader.now() + failing).await;
        let survived = matches!(fault, Fault::Truncated | Fault::WrongType);
        assert!(survived || reader.errors.len() > before, "{name}: {fault:?} went unnoticed");
        assert!(
            reader.errors.len() < before + 50,
            "{name}: {fault:?} was asked {} times",
            reader.errors.len() - before
        );
    }
    reader.site.fail(None);
    let back = reader.now();
    reader.next = back;
    reader.until(back + SignedDuration::from_hours(3)).await;

    let inner = reader.site.lock();
    let requests = inner.counted.requests();
    assert_eq!(inner.counted.exceeded(), [], "{name}: {requests} requests in all");
    let pages = &reader.site.pages;
    let known: BTreeSet<String> = inner.history.iter().map(|told| pages.id(told.number)).collect();
    let foreign: Vec<&String> = reader.found.keys().filter(|id| !known.contains(*id)).collect();
    assert!(foreign.is_empty(), "{name}: nobody told {foreign:?}");
    let at_return = inner.history.iter().filter(|told| told.at <= back).count();
    let is_served = |told: &Told| told.number as usize + pages.depth().min(at_return) > at_return;
    // The last minutes may not have been looked at yet.
    let seen = reader.now() - reader.source.interval() * 2;
    let expected = inner.history.iter().filter(|told| told.at > reader.began && told.at < seen);
    let mut missing: Vec<Told> = Vec::new();
    for told in expected {
        match reader.found.get(&pages.id(told.number)) {
            Some(versions) => {
                assert_eq!(versions.len(), 1, "{name}: {told:?} came in {} versions", versions.len())
            }
            None => {
                assert!(!is_served(told), "{name}: {told:?} is served and was not found");
                missing.push(*told);
            }
        }
    }
    let covers = |gap: &Gap, told: &Told| gap.from.is_none_or(|from| from <= told.at) && told.at <= gap.until;
    let rows = || reader.ledger.values();
    let lost = || rows().filter(|blind| blind.repaired_at.is_none()).map(|blind| &blind.gap);
    for told in &missing {
        assert!(lost().any(|gap| covers(gap, told)), "{name}: {told:?} is lost and not said");
    }
    for gap in lost() {
        assert!(missing.iter().any(|told| covers(gap, told)), "{name}: nothing is lost in {gap:?}");
    }
    // Every stretch without an answer stands in it, and nothing else is called one.
    let minute = SignedDuration::from_mins(1);
    for (since, until) in &reader.outages {
        let mut at = *since;
        while at < *until {
            let told = Told { number: 0, at };
            assert!(rows().any(|blind| covers(&blind.gap, &told)), "{name}: {at} is not in the ledger");
            at += minute;
        }
    }
    let ours = rows().filter(|blind| blind.gap.cause == GapCause::SourceFailed);
    for Blind { gap, .. } in ours {
        let touches = |(since, until): &(Timestamp, Timestamp)| {
            gap.from.is_none_or(|from| from < *until) && *since < gap.until
        };
        assert!(reader.outages.iter().any(touches), "{name}: it answered in {gap:?}");
    }
    assert!(reader.outages.iter().any(|(since, until)| until.duration_since(*since) > minute * 20), "{name}");
    let read = reader.state.fetched_through.expect("a source says how far it was read");
    for told in inner.history.iter().filter(|told| told.at > reader.began && told.at <= read) {
        let known = reader.found.contains_key(&pages.id(told.number)) || lost().any(|gap| covers(gap, told));
        assert!(known, "{name}: {told:?} lies before {read}, up to which all was read");
    }
    println!(
        "{name}: {} posts in, {} outages and {} losses in the ledger, {} lost and said, {} requests",
        reader.found.len(),
        rows().count() - lost().count(),
        lost().count(),
        missing.len(),
        requests
    );
}
