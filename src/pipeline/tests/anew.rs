//! Posts asked for anew, and authors who left: what is deleted there is forgotten here in time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::pipeline::poller::Poller;
use crate::pipeline::recheck::Queue;
use crate::runtime::clock::Clock;
use crate::source::terms::{Erase, Word};
use crate::source::{AuthorGone, Batch, Known, Rechecked, Retry, Source, SourceError, Terms};
use crate::store::Forgets;

static DAY: Terms = Terms { erase: &[Erase::new("posts", 24, Word::Habit)], ..Terms::OPEN };

/// What a scripted site holds and was asked.
#[derive(Default)]
struct Site {
    posts: BTreeMap<String, Post>,
    asked: Vec<Vec<String>>,
    errors: VecDeque<Retry>,
    /// Posts of which the site says neither yes nor no.
    mute: Vec<String>,
    /// At this post it wants rest.
    tired_at: Option<String>,
    /// No question that names this one is answered.
    poison: Option<String>,
    /// Whether the source's own looks succeed.
    well: bool,
    polls: usize,
}

#[derive(Clone)]
struct Script(Arc<Mutex<Site>>);

impl Script {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Site { well: true, ..Site::default() })))
    }

    fn site(&self) -> std::sync::MutexGuard<'_, Site> {
        self.0.lock().expect("no panic while held")
    }

    fn put(&self, post: Post) {
        self.site().posts.insert(post.id.clone(), post);
    }
}

#[async_trait]
impl Source for Script {
    async fn poll(&mut self, _: &Position, _: Timestamp) -> Result<Batch, SourceError> {
        self.site().polls += 1;
        Ok(Batch { more: true, ..Batch::default() })
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::from_mins(10)
    }

    fn recheck_at_once(&self) -> usize {
        2
    }

    async fn recheck(&mut self, known: &[Known], _: Timestamp) -> Result<Rechecked, SourceError> {
        let mut site = self.site();
        site.asked.push(known.iter().map(|one| one.id.clone()).collect());
        if let Some(retry) = site.errors.pop_front() {
            return Err(SourceError { what: "the site answered 503".into(), retry, position: None });
        }
        if known.iter().any(|one| site.poison.as_ref() == Some(&one.id)) {
            let what = "the site answered 403".into();
            return Err(SourceError { what, retry: Retry::Never, position: None });
        }
        let (mut answer, stranger) = (Rechecked::default(), post("stranger", "a", &[]));
        answer.posts.push(stranger);
        for one in known {
            if site.tired_at.as_ref() == Some(&one.id) {
                site.tired_at = None;
                answer.rest = Some(SignedDuration::from_mins(20));
                break;
            }
            if site.mute.contains(&one.id) {
                continue;
            }
            match site.posts.get(&one.id) {
                Some(post) => answer.posts.push(post.clone()),
                None => answer.gone.push(one.id.clone()),
            }
        }
        Ok(answer)
    }
}

fn queue(bench: &Bench) -> Queue {
    Queue::new(forum(), "feed", &DAY, 2, bench.ingest.clone())
}

async fn record(bench: &Bench, script: &Script, posts: Vec<Post>, terms: Option<&'static Terms>) {
    posts.iter().for_each(|post| script.put(post.clone()));
    let given = Given { posts, terms, next_poll: noon(), ..Given::default() };
    assert!(bench.ingest.take(&forum(), given, &Stop::new()).await.expect("taken in"));
}

/// Lets the queue do what is due until `until`.
async fn live(bench: &Bench, queue: &mut Queue, script: &Script, until: Timestamp) {
    loop {
        let now = bench.clock.now();
        let wake = queue.wakes_at(now).await.expect("it is read");
        if wake > now {
            if wake > until {
                break bench.clock.set(until);
            }
            bench.clock.set(wake);
            continue;
        }
        assert!(queue.is_due(now, false));
        let mut source = script.clone();
        // Taken before: a guard in the same breath would be held while the script itself is asked.
        let well = script.site().well;
        assert!(queue.turn(&mut source, now, well, &Stop::new()).await.expect("it works"));
    }
}

async fn one(bench: &Bench, id: &str) -> RecordedMention {
    let all = bench.mentions().await;
    let mut found = all.into_iter().filter(|one| one.post().id == id);
    found.next().unwrap_or_else(|| panic!("no mention of {id}"))
}

/// Whether a post bears text still: one that is erased has no name any more.
async fn is_kept(bench: &Bench, id: &str) -> bool {
    bench.mentions().await.iter().any(|one| one.post().id == id)
}

#[tokio::test]
async fn what_is_deleted_there_is_forgotten_within_its_deadline_and_edits_are_seen() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    let said = |id: &str| Post { url: Some(format!("https://forum.example/{id}")), ..post(id, "a", &[]) };
    record(&bench, &script, vec![said("1"), said("2"), said("3")], Some(&DAY)).await;
    let hours = |hours: i64| noon() + SignedDuration::from_hours(hours);
    let mut first = queue(&bench);
    live(&bench, &mut first, &script, hours(30)).await;
    script.site().posts.remove("2");
    script.put(Post { text: "acme found my order".into(), ..post("1", "b", &[]) });
    // A restart in between costs nothing.
    let mut second = queue(&bench);
    live(&bench, &mut second, &script, hours(54)).await;
    let edited = one(&bench, "1").await;
    assert_eq!((edited.revision, edited.post().text.as_str()), (2, "acme found my order"));
    let all = bench.mentions().await;
    assert_eq!(all.len(), 3, "what was not asked for is not taken in");
    let gone: Vec<_> = all.iter().filter(|one| one.erased_at.is_some()).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].erased_for, Some(ErasedFor::DeletedByAuthor));
    assert!(gone[0].erased_at.expect("erased") <= hours(54), "24 hours after it was deleted");
    live(&bench, &mut second, &script, hours(20 * 24)).await;
    let asked = |id: &str| script.site().asked.iter().flatten().filter(|one| *one == id).count();
    assert!(asked("3") >= 20, "at least daily: {}", asked("3"));
    assert!(asked("3") <= 30, "and not for nothing: {}", asked("3"));
    assert!(asked("2") <= 4, "what is forgotten is asked for no more");
}

#[tokio::test]
async fn what_was_in_no_queue_is_entered_at_the_start() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    let posts: Vec<Post> = (0..600).map(|n| post(&n.to_string(), "a", &[])).collect();
    record(&bench, &script, posts, None).await;
    assert_eq!(bench.store.next_recheck(forum()).await.expect("works"), None);
    bench.clock.advance(SignedDuration::from_hours(1));
    let mut queue = queue(&bench);
    live(&bench, &mut queue, &script, bench.clock.now() + SignedDuration::from_mins(1)).await;
    let due = bench.store.next_recheck(forum()).await.expect("works");
    assert_eq!(due, Some(noon() + SignedDuration::from_hours(6)), "from when they were written down");
    let far = noon() + SignedDuration::from_hours(7);
    assert_eq!(bench.store.count_rechecks(forum(), far, 1_000).await.expect("works"), 600);
}

#[tokio::test]
async fn an_error_erases_nothing_and_is_asked_again_ever_later() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    record(&bench, &script, vec![post("1", "a", &[])], Some(&DAY)).await;
    script.site().posts.clear();
    script.site().errors = VecDeque::from(vec![Retry::Soon, Retry::Never, Retry::Soon]);
    let mut queue = queue(&bench);
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(7)).await;
    assert!(one(&bench, "1").await.erased_at.is_none(), "an error is no sign that it is gone");
    assert_eq!(script.site().asked.len(), 2, "who needs a person is asked after hours");
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(23)).await;
    assert!(bench.mentions().await[0].erased_at.is_some());
    let failed = bench.store.source(forum()).await.expect("works").expect("read");
    assert_eq!((failed.failures, failed.last_error), (0, None), "its own looks say whether it is sick");
}

#[tokio::test]
async fn what_a_question_left_open_is_asked_again_within_its_deadline() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    let posts: Vec<Post> = (1..=4).map(|n| post(&n.to_string(), "a", &[])).collect();
    record(&bench, &script, posts, Some(&DAY)).await;
    // Of the first nobody ever says a word; at the second the site wants rest; the fourth is gone.
    script.site().mute = vec!["1".into()];
    script.site().tired_at = Some("2".into());
    script.site().posts.remove("4");
    script.put(post("2", "b", &[]));
    let mut queue = queue(&bench);
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_mins(6 * 60 + 30)).await;
    assert_eq!(one(&bench, "2").await.revision, 2, "after its rest, and not days later");
    assert!(!is_kept(&bench, "4").await, "one that is mute holds up no other");
    let overdue = |hours: i64| {
        let store = bench.store.clone();
        async move {
            let due = noon() + SignedDuration::from_hours(hours);
            store.count_rechecks(forum(), due, 10).await.expect("works")
        }
    };
    assert_eq!(overdue(6).await, 1, "what nobody answered for is still due since then");
    script.site().asked.clear();
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(30)).await;
    let asked = script.site().asked.iter().flatten().filter(|one| *one == "1").count();
    assert!((5..=40).contains(&asked), "{asked} times in a day");
    script.site().mute.clear();
    script.site().posts.remove("1");
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(33)).await;
    assert!(!is_kept(&bench, "1").await);
    assert_eq!(overdue(33).await, 0);
}

#[tokio::test]
async fn a_post_that_the_site_cannot_bear_to_be_asked_for_holds_up_no_other() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    let posts: Vec<Post> = (1..=9).map(|n| post(&n.to_string(), "a", &[])).collect();
    record(&bench, &script, posts, Some(&DAY)).await;
    script.site().poison = Some("2".into());
    script.site().posts.remove("1");
    script.site().posts.remove("9");
    let mut queue = Queue::new(forum(), "feed", &DAY, 8, bench.ingest.clone());
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(7)).await;
    for id in ["1", "9"] {
        assert!(!is_kept(&bench, id).await, "{id} is forgotten");
    }
    assert_eq!(bench.store.count_rechecks(forum(), bench.clock.now(), 10).await.expect("works"), 1);
    let asked = script.site().asked.len();
    assert!(asked <= 25, "{asked} questions in an hour");
}

#[tokio::test]
async fn what_is_missing_while_the_source_is_sick_is_not_taken_for_gone() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    record(&bench, &script, vec![post("1", "a", &[]), post("2", "a", &[])], Some(&DAY)).await;
    script.site().well = false;
    script.site().posts.clear();
    script.put(Post { deleted: true, text: String::new(), ..post("2", "b", &[]) });
    let mut queue = queue(&bench);
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(9)).await;
    assert!(one(&bench, "1").await.erased_at.is_none());
    assert_eq!(bench.mentions().await.iter().filter(|one| one.erased_at.is_some()).count(), 1, "it says so");
    script.site().well = true;
    live(&bench, &mut queue, &script, noon() + SignedDuration::from_hours(24)).await;
    assert!(bench.mentions().await.iter().all(|one| one.erased_at.is_some()));
}

#[tokio::test]
async fn a_source_that_never_rests_gives_a_turn_a_minute() {
    let (bench, script) = (Bench::new(&[]).await, Script::new());
    let posts: Vec<Post> = (0..40).map(|n| post(&n.to_string(), "a", &[])).collect();
    record(&bench, &script, posts, None).await;
    let mut poller = Poller::new(forum(), "lobsters", Box::new(script.clone()), bench.ingest.clone());
    bench.clock.advance(SignedDuration::from_hours(8));
    for _ in 0..600 {
        bench.clock.advance(SignedDuration::from_secs(1));
        poller.run(bench.clock.now(), &Stop::new()).await.expect("runs");
    }
    let site = script.site();
    assert_eq!(site.polls, 600, "its own looks come first");
    assert!((7..=10).contains(&site.asked.len()), "{} turns in ten minutes", site.asked.len());
}

#[tokio::test]
async fn an_author_who_left_takes_all_along_before_the_cursor_moves() {
    let bench = Bench::new(&[]).await;
    let by = |id: &str, author: &str, site: &str| Post {
        author: Some(author.into()),
        site: site.into(),
        ..post(id, "a", &[])
    };
    bench
        .take(vec![by("1", "Ann", "forum.example"), by("2", "Ann", "shop.example")])
        .await
        .expect("taken in");
    let given = Given {
        posts: vec![by("3", "Ann", "forum.example"), by("4", "bo", "forum.example")],
        gone: vec![AuthorGone { site: "forum.example".into(), author: "Ann".into() }],
        position: Some(Position { cursor: Some("behind".into()), memo: None }),
        next_poll: noon(),
        ..Given::default()
    };
    assert!(bench.ingest.take(&forum(), given, &Stop::new()).await.expect("taken in"));
    let mut kept: Vec<_> = bench
        .mentions()
        .await
        .into_iter()
        .filter(|one| one.erased_at.is_none())
        .map(|one| one.post().id.clone())
        .collect();
    kept.sort();
    assert_eq!(kept, ["2", "4"], "elsewhere somebody else may be called that");
    let row = bench.store.source(forum()).await.expect("works").expect("read");
    assert_eq!(row.cursor.as_deref(), Some("behind"));
    let events = bench.store.events(None, 100).await.expect("readable");
    let what = What::Erased { reason: Some(ErasedFor::AuthorLeft), sent: Some(0) };
    assert_eq!(events.iter().filter(|one| one.event.what == what).count(), 2);
}
