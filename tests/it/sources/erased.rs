//! Deleted there, erased here: real kinds on real HTTP, the pollers with their queues, ingest and the store on
//! disk, under a clock that jumps. Each site loses a post, edits another, fails in every way for hours, and is
//! well again; in the end the store's bytes are searched.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earmark::app::live::{Live, Shared};
use earmark::config::load;
use earmark::domain::erasure::ErasedFor;
use earmark::domain::event::What;
use earmark::domain::id::InstanceId;
use earmark::domain::mention::RecordedMention;
use earmark::net;
use earmark::pipeline::ingest::Ingest;
use earmark::pipeline::poller::Poller;
use earmark::runtime::clock::Clock as _;
use earmark::runtime::stop::Stop;
use earmark::runtime::task::{Nudge, Task as _};
use earmark::sentiment::scorer::Scorer;
use earmark::sentiment::word_list::WordList;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Built, Settings, Tools, kind};
use earmark::store::{
    EscalationFilter, MentionFilter, NotificationFilter, Page as Rows, SledStore, Store, StoreError, compact,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Served, json as page, path};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};
use crate::support::files::found_in;
use crate::world::Scene;

/// What a site does with every question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Status(u16),
    Busy,
    /// 200 and nothing at all.
    Empty,
    /// 200 and a page for people.
    Blocked,
    /// 404 by something that stands before the interface.
    Gate,
}

const BAD: [Mood; 7] = [
    Mood::Status(500),
    Mood::Busy,
    Mood::Empty,
    Mood::Blocked,
    Mood::Gate,
    Mood::Status(403),
    Mood::Status(503),
];

#[derive(Debug)]
struct State {
    mood: Mood,
    /// Whether the first post is deleted and the second edited.
    changed: bool,
    /// Whether lists show the first one all the same, out of a cache.
    stale: bool,
}

type Shown = Arc<Mutex<State>>;

fn look<T>(shown: &Shown, at: impl FnOnce(&mut State) -> T) -> T {
    at(&mut shown.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A kind's site: its settings, its posts 1 to 3 as the interface gives them, by list and by number.
struct Site {
    kind: &'static str,
    params: fn(base: &str) -> Value,
    page: fn(numbers: &[u64], edited: bool, asked: &Asked) -> Page,
    shown: Shown,
}

/// Words by which what must go is found in files; no other text of this test holds them.
fn words(kind: &str, number: u64, edited: bool) -> String {
    let end = if edited { "mended" } else { "terrible" };
    format!("The Acme app crashed again and lost my order, worst update ever, {end} {kind}-zq{number}qz")
}

fn author(kind: &str, number: u64) -> String {
    format!("ann-{}-xw{number}wx", kind.replace('_', "-"))
}

fn began() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().expect("a time")
}

fn said(status: u16, body: Value) -> Page {
    Page { status, ..page(&body) }
}

fn wanted_number(asked: &Asked) -> Option<u64> {
    asked.path.rsplit(['/', '=']).next()?.parse().ok()
}

fn lemmy(numbers: &[u64], edited: bool, asked: &Asked) -> Page {
    let view = |number: u64| {
        let mut post = json!({ "id": number, "name": "Acme", "body": words("lemmy", number, edited && number == 2),
            "removed": false, "deleted": false, "published": began().to_string(),
            "ap_id": format!("https://acme.example/post/{number}") });
        if edited && number == 2 {
            post["updated"] = json!((began() + SignedDuration::from_hours(1)).to_string());
        }
        if !numbers.contains(&number) {
            // As its author's deletion shows: all is still there.
            post["deleted"] = json!(true);
        }
        json!({ "post": post, "creator": { "id": 1, "name": author("lemmy", number) }, "community": { "id": 2, "name": "talk" } })
    };
    match path(asked) {
        "/api/v3/post/list" => {
            page(&json!({ "posts": numbers.iter().map(|number| view(*number)).collect::<Vec<_>>() }))
        }
        "/api/v3/post" => page(&json!({ "post_view": view(wanted_number(asked).expect("a number")) })),
        _ => Page::new(404),
    }
}

fn stack_exchange(numbers: &[u64], edited: bool, asked: &Asked) -> Page {
    let question = |number: u64| {
        let at = began().as_second() + if edited && number == 2 { 3_600 } else { 0 };
        json!({ "question_id": number, "title": "Acme", "body": words("stack_exchange", number, edited && number == 2),
            "owner": { "display_name": author("stack_exchange", number) }, "creation_date": began().as_second(),
            "last_activity_date": at, "last_edit_date": at, "link": format!("https://stackoverflow.com/questions/{number}/acme") })
    };
    let items: Vec<Value> = match path(asked).strip_prefix("/questions/") {
        None if ["/search/advanced", "/questions"].contains(&path(asked)) => {
            numbers.iter().map(|number| question(*number)).collect()
        }
        Some(ids) if !ids.ends_with("answers") => {
            let ids = ids.split(';').filter_map(|id| id.parse().ok());
            ids.filter(|id| numbers.contains(id)).map(question).collect()
        }
        _ => Vec::new(),
    };
    page(&json!({ "items": items, "has_more": false, "quota_max": 300, "quota_remaining": 200 }))
}

fn mastodon(numbers: &[u64], edited: bool, asked: &Asked) -> Page {
    let status = |number: u64| {
        let edited = edited && number == 2;
        json!({ "id": number.to_string(), "created_at": began().to_string(), "in_reply_to_id": null, "spoiler_text": "",
            "visibility": "public", "language": "en", "uri": format!("https://acme.example/users/ann/statuses/{number}"),
            "url": format!("https://acme.example/@ann/{number}"), "reblog": null, "media_attachments": [], "mentions": [],
            "edited_at": edited.then(|| (began() + SignedDuration::from_hours(1)).to_string()),
            "content": format!("<p>{}</p>", words("mastodon", number, edited)),
            "account": { "id": "1", "username": author("mastodon", number), "acct": author("mastodon", number), "noindex": false } })
    };
    match path(asked) {
        "/api/v1/timelines/tag/acme" => {
            page(&json!(numbers.iter().rev().map(|number| status(*number)).collect::<Vec<_>>()))
        }
        other if other.starts_with("/api/v1/statuses/") => match wanted_number(asked) {
            Some(number) if numbers.contains(&number) => page(&status(number)),
            _ => said(404, json!({ "error": "Record not found" })),
        },
        _ => said(404, json!({ "error": "Record not found" })),
    }
}

fn github(numbers: &[u64], edited: bool, asked: &Asked) -> Page {
    let issue = |number: u64| {
        let edited = edited && number == 2;
        let at = began() + SignedDuration::from_hours(i64::from(edited));
        json!({ "id": 1_000 + number, "number": number, "title": "Acme", "body": words("github", number, edited),
            "url": format!("https://api.github.com/repos/acme/app/issues/{number}"), "comments": 0,
            "html_url": format!("https://github.com/acme/app/issues/{number}"),
            "user": { "login": author("github", number), "type": "User" },
            "created_at": began().to_string(), "updated_at": at.to_string() })
    };
    match path(asked) {
        "/repos/acme/app" => page(&json!({ "id": 1, "full_name": "acme/app" })),
        "/repos/acme/app/issues" => {
            page(&json!(numbers.iter().map(|number| issue(*number)).collect::<Vec<_>>()))
        }
        other => match wanted_number(asked) {
            Some(number) if numbers.contains(&number) => page(&issue(number)),
            Some(_) if other.starts_with("/repos/acme/app/issues/") => {
                said(410, json!({ "message": "This issue was deleted" }))
            }
            _ => said(404, json!({ "message": "Not Found" })),
        },
    }
}

fn sites() -> Vec<Site> {
    let site = |kind, params, page| Site {
        kind,
        params,
        page,
        shown: Arc::new(Mutex::new(State { mood: Mood::Well, changed: false, stale: false })),
    };
    vec![
        site(
            "lemmy",
            |base| json!({ "server": base, "communities": ["talk"], "comments": false, "allow_private": true }),
            lemmy,
        ),
        site(
            "stack_exchange",
            |base| json!({ "base_url": base, "sites": ["stackoverflow"], "tags": ["acme"], "comments": false, "allow_private": true }),
            stack_exchange,
        ),
        site(
            "mastodon",
            |base| json!({ "servers": [base], "hashtags": ["acme"], "allow_private": true }),
            mastodon,
        ),
        site(
            "github",
            |base| json!({ "base_url": base, "repositories": ["acme/app"], "read": ["issues"], "interval": "30m", "allow_private": true }),
            github,
        ),
    ]
}

impl Site {
    async fn start(&self) -> Served {
        let (shown, give) = (self.shown.clone(), self.page);
        Served::start(move |asked| {
            let (mood, changed, stale) = look(&shown, |state| (state.mood, state.changed, state.stale));
            match mood {
                Mood::Well => {}
                Mood::Status(status) => return Page::new(status),
                Mood::Busy => return Page::new(429).header("retry-after", "600"),
                Mood::Empty => return Page::new(200),
                Mood::Blocked => return Page::of("text/html", "<!doctype html><p>Are you a person?"),
                Mood::Gate => {
                    return Page { status: 404, ..Page::of("text/html", "<!doctype html><p>Not here.") };
                }
            }
            // After the change lists show the third one only: what became of the others, only a question by
            // their numbers tells.
            let lists = ["/post/list", "/search/advanced", "/tag/acme", "/app/issues"]
                .map(|end| path(asked).ends_with(end));
            let by_number = !lists.contains(&true);
            let numbers: &[u64] = match (changed, by_number, stale) {
                (false, ..) => &[1, 2, 3],
                (true, true, _) => &[2, 3],
                (true, false, false) => &[3],
                (true, false, true) => &[1, 3],
            };
            give(numbers, changed, asked)
        })
        .await
    }
}

/// The daemon's parts over the sites.
struct Rig {
    clock: JumpClock,
    store: Arc<SledStore>,
    pollers: Vec<(Poller, Timestamp)>,
    folder: tempfile::TempDir,
    _served: Vec<Served>,
}

impl Rig {
    async fn start(sites: &[Site]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = JumpClock::new(began() + SignedDuration::from_mins(1));
        let mut served = Vec::new();
        let mut toml = Scene::new().toml;
        for site in sites {
            let place = site.start().await;
            let params = (site.params)(&place.base);
            let table: Vec<String> = params
                .as_object()
                .expect("params")
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            toml.push_str(&format!(
                "[[sources]]\nid = \"{0}\"\nkind = \"{0}\"\nparams = {{ {1} }}\n",
                site.kind,
                table.join(", ")
            ));
            served.push(place);
        }
        std::fs::write(folder.path().join("push.secret"), crate::world::SECRET).expect("written");
        std::fs::write(folder.path().join("hook.secret"), crate::world::SECRET).expect("written");
        let toml = toml
            .replace("{store}", &folder.path().join("store").display().to_string())
            .replace("{folder}", &folder.path().display().to_string())
            .replace("{smtp}", "127.0.0.1:2525")
            .replace("{hook}", "http://127.0.0.1:2526/");
        let config = load::load_text(&toml, folder.path(), &BTreeMap::new());
        let config = config.unwrap_or_else(|problems| panic!("{problems}")).config;
        let store = open(&folder.path().join("store"), clock.now()).await;
        let (shared, _) = Shared::new(Live::build(&config).unwrap_or_else(|problems| panic!("{problems}")));
        let scorer = Scorer::start(|| Ok(Box::new(WordList::new())), 0.1).await.expect("the list loads");
        let ingest = Arc::new(Ingest::new(
            store.clone(),
            Arc::new(clock.clone()),
            shared.plan,
            shared.desk,
            scorer,
            Nudge::new(),
            Nudge::new(),
        ));
        let client = net::Client::new(&net::Settings::new("")).expect("a client");
        let limits = Limits { at_once: 8, apart: Duration::ZERO };
        let fetch = Arc::new(Fetcher::with_limits(client, limits).on(Arc::new(clock.clone())));
        let pollers = config.sources.iter().filter_map(|settings| {
            let kind = kind(&settings.kind).expect("the kind is listed");
            let wanted = Settings { id: settings.id.clone(), params: settings.params.clone() };
            match (kind.build)(&wanted, &Tools { fetch: fetch.clone() }) {
                Ok(Built::Pull(source)) => {
                    Some((Poller::new(settings.id.clone(), kind.name, source, ingest.clone()), clock.now()))
                }
                _ => None,
            }
        });
        let pollers = pollers.collect();
        Self { store, pollers, folder, _served: served, clock }
    }

    /// Every task runs when it is due, up to then.
    async fn until(&mut self, end: Timestamp) {
        while let Some((poller, due)) = self.pollers.iter_mut().min_by_key(|(_, due)| *due) {
            if *due > end {
                break;
            }
            self.clock.to(*due);
            let wake = poller.run(self.clock.now(), &Stop::new()).await.expect("the task does not fail");
            *due = wake.unwrap_or(Timestamp::MAX).max(self.clock.now());
        }
        self.clock.to(end);
    }

    async fn mentions(&self) -> Vec<RecordedMention> {
        self.store.mentions(MentionFilter::default(), Rows::first(1_000)).await.expect("read").rows
    }

    /// The only mention of a kind's that is erased; it bears no name any more.
    async fn erased(&self, kind: &str) -> RecordedMention {
        let mut all = self.mentions().await;
        all.retain(|one| one.post().source.as_str() == kind && one.erased_at.is_some());
        assert_eq!(all.len(), 1, "{kind}: {all:#?}");
        all.remove(0)
    }

    /// The only mention that a kind's post of that number has.
    async fn kept(&self, kind: &str, number: u64) -> RecordedMention {
        let mut all = self.mentions().await;
        all.retain(|one| one.post().source.as_str() == kind && one.erased_at.is_none());
        all.retain(|one| one.post().id.ends_with(&number.to_string()));
        assert_eq!(all.len(), 1, "{kind} {number}: {all:#?}");
        all.remove(0)
    }
}

async fn open(path: &Path, now: Timestamp) -> Arc<SledStore> {
    let patience = Duration::from_secs(30);
    Arc::new(SledStore::open(path, InstanceId::new(now), patience, &Stop::new()).await.expect("it opens"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_real_kinds_lose_is_erased_within_their_deadlines_to_the_last_byte() {
    let sites = sites();
    let mut rig = Rig::start(&sites).await;
    let hours = |hours: i64| began() + SignedDuration::from_hours(hours);
    rig.until(hours(1)).await;
    assert_eq!(rig.mentions().await.len(), 3 * sites.len(), "all was taken in");
    let matters =
        rig.store.escalations(EscalationFilter::default(), Rows::first(100)).await.expect("read").rows;
    assert!(!matters.is_empty(), "somebody was angry");
    let waiting = rig.store.notifications(NotificationFilter::default(), Rows::first(100)).await;
    assert!(!waiting.expect("read").rows.is_empty(), "somebody is to be told");

    // One is deleted, one edited; and then nobody gets an answer for most of a day, in every way.
    sites.iter().for_each(|site| look(&site.shown, |state| state.changed = true));
    for (turn, mood) in BAD.iter().cycle().take(14).enumerate() {
        sites.iter().for_each(|site| look(&site.shown, |state| state.mood = *mood));
        rig.until(hours(6 + turn as i64)).await;
        let erased: Vec<_> = rig.mentions().await.into_iter().filter(|one| one.erased_at.is_some()).collect();
        assert!(erased.is_empty(), "{mood:?} is no deletion: {erased:#?}");
    }
    sites.iter().for_each(|site| look(&site.shown, |state| state.mood = Mood::Well));

    for site in &sites {
        let deadline = kind(site.kind).expect("listed").terms.erase.iter().map(|erase| erase.hours).min();
        let deadline = i64::from(deadline.expect("each of these has one"));
        assert!(deadline >= 24, "{}: the site was away for twenty hours", site.kind);
        rig.until(hours(1 + deadline)).await;
        let gone = rig.erased(site.kind).await;
        let (edited, kept) = (rig.kept(site.kind, 2).await, rig.kept(site.kind, 3).await);
        assert_eq!(gone.erased_for, Some(ErasedFor::DeletedByAuthor), "{}", site.kind);
        assert!(gone.erased_at.is_some_and(|at| at <= hours(1 + deadline)));
        assert_eq!((gone.post().text.as_str(), &gone.post().author, &gone.post().url), ("", &None, &None));
        assert!(edited.erased_at.is_none() && edited.revision == 2, "{edited:#?}");
        assert_eq!(edited.post().text, words(site.kind, 2, true));
        assert_eq!((kept.post().text.clone(), kept.revision), (words(site.kind, 3, false), 1));
    }
    // A list out of a cache does not bring it back.
    sites.iter().for_each(|site| look(&site.shown, |state| state.stale = true));
    rig.until(hours(60)).await;
    assert_eq!(rig.mentions().await.iter().filter(|one| one.erased_at.is_some()).count(), sites.len());

    let secret: Vec<String> = sites
        .iter()
        .flat_map(|site| {
            [format!("{}-zq1qz", site.kind), author(site.kind, 1), format!("terrible {}-zq2qz", site.kind)]
        })
        .collect();
    let rows = rig.store.rows(None, 100_000).await.expect("read").rows;
    let rows = serde_json::to_string(&rows).expect("plain data");
    for word in &secret {
        assert!(!rows.contains(word.as_str()), "a row holds {word}");
    }
    let events = rig.store.events(None, 100_000).await.expect("read");
    let erased = |what: &What| matches!(what, What::Erased { reason: Some(ErasedFor::DeletedByAuthor), .. });
    assert_eq!(events.iter().filter(|one| erased(&one.event.what)).count(), sites.len());
    let after =
        rig.store.escalations(EscalationFilter::default(), Rows::first(100)).await.expect("read").rows;
    assert!(matters.iter().all(|one| after.iter().any(|row| row.id == one.id)), "who answers for what stays");
    assert_eq!(rig.store.verify().await.expect("reads all").faults, Vec::<String>::new());

    let path = rig.folder.path().join("store");
    rig.store.close().await.expect("closes");
    drop(rig.store);
    while let Err(error) = compact(&path, hours(61), &mut |_, _| ()) {
        assert!(matches!(error, StoreError::Locked(_)), "{error}");
    }
    assert_eq!(found_in(&path, &secret), Vec::<String>::new(), "bytes of what is gone");
    let kept: Vec<String> = sites.iter().map(|site| format!("{}-zq3qz", site.kind)).collect();
    assert_eq!(found_in(&path, &kept).len(), kept.len(), "the search finds what is there");
}
