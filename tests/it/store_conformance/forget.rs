//! Forgetting: by author, account, address and mention; what is kept out; the queue of posts asked for anew.

use earmark::domain::erasure::{ErasedFor, Whose};
use earmark::domain::event::{Actor, What};
use earmark::domain::id::{InstanceId, MentionId};
use earmark::domain::mention::{Finding, RecordedMention};
use earmark::domain::post::Post;
use earmark::store::memory::Memory;
use earmark::store::{Attempted, Effects, Forgetting, Forgot, Outcome, Recheck, Retention, StoreError};

use super::samples::{
    at, edited, escalation, mention, notification, opening, page, post, queueing, record, recording,
};
use super::upkeep::all_rows;
use super::{Bed, cases};

cases! {
    words_are_found_by_author_address_and_number,
    an_account_is_erased_letter_by_letter_and_in_portions,
    what_was_forgotten_is_kept_out,
    a_post_goes_with_its_last_mention_and_leaves_no_name,
    messages_that_left_are_counted,
    an_older_export_brings_nothing_back,
    the_queue_goes_by_due_time,
    what_a_site_no_longer_confirms_goes_in_time,
}

fn by(id: &str, author: &str, site: &str) -> Post {
    let url = Some(format!("https://{site}/{id}"));
    Post { author: Some(author.into()), site: site.into(), url, ..post(id, "a") }
}

fn author(name: &str, site: Option<&str>) -> Whose {
    Whose::Author { author: name.into(), site: site.map(str::to_owned) }
}

fn forgetting(whose: Whose) -> Forgetting {
    Forgetting {
        whose: vec![whose],
        reason: ErasedFor::Request,
        by: Actor::Owner("cco".into()),
        at: at(50),
        keep_out: true,
        limit: 100,
    }
}

async fn forget(bed: &Bed, whose: Whose) -> Forgot {
    bed.store.forget(forgetting(whose)).await.expect("works")
}

async fn found(bed: &Bed, whose: Whose) -> Vec<String> {
    let mut ids = Vec::new();
    let mut page = page(1);
    loop {
        let rows = bed.store.written(whose.clone(), page.clone()).await.expect("works");
        ids.extend(rows.rows.iter().map(|row| row.post().id.clone()));
        match rows.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    ids.sort();
    ids
}

async fn stored(bed: &Bed, id: MentionId) -> RecordedMention {
    bed.store.mention(id).await.expect("works").expect("the record stays")
}

async fn words_are_found_by_author_address_and_number(bed: &mut Bed) {
    let ann = by("1", "Ann", "forum.example");
    let rows = vec![
        mention(ann.clone(), "acme", 1),
        mention(ann, "rivals", 1),
        mention(by("2", "ann", "shop.example"), "acme", 2),
        mention(by("3", "bo", "forum.example"), "acme", 3),
        mention(Post { author: None, url: None, ..post("4", "a") }, "acme", 4),
    ];
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    bed.pause().await;
    let account = |author: &str| Whose::Account { author: author.into(), site: "forum.example".into() };
    for (whose, expected) in [
        (author("@ANN", None), vec!["1", "1", "2"]),
        (author("ann", Some("www.shop.example")), vec!["2"]),
        (author("an", None), vec![]),
        (account("Ann"), vec!["1", "1"]),
        (account("ann"), vec![]),
        (Whose::Url("http://www.forum.example/3#top".into()), vec!["3"]),
        (Whose::Mention(rows[0].id()), vec!["1", "1"]),
        (Whose::Mention(rows[4].id()), vec!["4"]),
        (Whose::Mention(MentionId::new(at(9))), vec![]),
        (Whose::Post { source: "forum".into(), id: "3".into() }, vec!["3"]),
    ] {
        assert_eq!(found(bed, whose.clone()).await, expected, "{whose:?}");
    }
    // An edit under another name is found under that one.
    let mut next = edited(&rows[3], "b");
    next.scored.mention.post.author = Some("Bob".into());
    assert_eq!(record(&*bed.store, vec![next]).await, Outcome::Done);
    bed.pause().await;
    assert_eq!(found(bed, author("bo", None)).await, [""; 0]);
    assert_eq!(found(bed, author("bob", None)).await, ["3"]);
}

async fn an_account_is_erased_letter_by_letter_and_in_portions(bed: &mut Bed) {
    let mut rows: Vec<_> =
        (0..5).map(|n| mention(by(&format!("ann{n}"), "Ann", "forum.example"), "acme", n)).collect();
    rows.push(mention(by("low", "ann", "forum.example"), "acme", 6));
    rows.push(mention(by("far", "Ann", "shop.example"), "acme", 7));
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    bed.store
        .receive(vec![by("new", "Ann", "forum.example"), by("low2", "ann", "forum.example")])
        .await
        .expect("taken");
    let gone = Forgetting {
        whose: vec![
            Whose::Account { author: "Ann".into(), site: "forum.example".into() },
            Whose::Account { author: "nobody".into(), site: "forum.example".into() },
        ],
        reason: ErasedFor::AuthorLeft,
        by: Actor::Daemon,
        at: at(50),
        keep_out: false,
        limit: 2,
    };
    let (mut mentions, mut inbox, mut calls) = (0, 0, 0);
    loop {
        let done = bed.store.forget(gone.clone()).await.expect("works");
        (mentions, inbox, calls) = (mentions + done.mentions, inbox + done.inbox, calls + 1);
        if !done.more {
            break;
        }
        bed.pause().await;
    }
    assert_eq!((mentions, inbox, calls), (5, 1, 3));
    for (n, row) in rows.iter().enumerate() {
        let kept = stored(bed, row.id()).await;
        assert_eq!(kept.erased_for, (n < 5).then_some(ErasedFor::AuthorLeft), "{n}");
    }
    let events = bed.store.events(None, 99).await.expect("works");
    let erased = events.iter().filter(|entry| {
        entry.event.what == What::Erased { reason: Some(ErasedFor::AuthorLeft), sent: Some(0) }
            && entry.event.by == Actor::Daemon
    });
    assert_eq!(erased.count(), 5, "{events:#?}");
    // Who comes back under the name may speak.
    let again = vec![by("back", "Ann", "forum.example")];
    assert_eq!(bed.store.kept_out(again).await.expect("works"), [false]);
}

async fn what_was_forgotten_is_kept_out(bed: &mut Bed) {
    let rows = vec![
        mention(by("1", "Ann", "forum.example"), "acme", 1),
        mention(by("2", "bo", "forum.example"), "acme", 2),
        mention(by("3", "cy", "forum.example"), "acme", 3),
    ];
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    assert_eq!(forget(bed, author("ann", None)).await, Forgot { mentions: 1, inbox: 0, more: false });
    assert_eq!(forget(bed, author("dee", Some("shop.example"))).await.mentions, 0, "asked for in advance");
    assert_eq!(forget(bed, Whose::Url("https://forum.example/2".into())).await.mentions, 1);
    assert_eq!(forget(bed, Whose::Mention(rows[2].id())).await.mentions, 1);
    bed.pause().await;
    assert_eq!(forget(bed, author("ann", None)).await, Forgot::default(), "twice changes nothing");
    let elsewhere = |id: &str, of: &str| Post { source: "import".into(), ..by(id, of, "forum.example") };
    let posts = vec![
        by("9", "ANN", "shop.example"),
        by("9", "dee", "shop.example"),
        by("9", "dee", "forum.example"),
        elsewhere("2", "who"),
        elsewhere("3", "who"),
        Post { url: None, author: None, ..by("3", "", "") },
        Post { url: None, author: None, ..by("10", "", "") },
    ];
    let expected = [true, true, false, true, true, true, false];
    assert_eq!(bed.store.kept_out(posts.clone()).await.expect("works"), expected);
    assert_eq!(bed.store.receive(posts[..3].to_vec()).await.expect("works"), 2);
    let notice = Post { deleted: true, ..posts[0].clone() };
    assert_eq!(bed.store.receive(vec![notice]).await.expect("works"), 0, "a notice is let in");
    for (post, kept_out) in posts.into_iter().zip(expected) {
        let mut whole = recording(&*bed.store, vec![mention(post, "acme", 60)]).await;
        whole.source.cursor = None;
        let outcome = bed.store.record(whole).await.expect("works");
        assert_eq!(outcome == Outcome::Conflict, kept_out);
    }
}

async fn a_post_goes_with_its_last_mention_and_leaves_no_name(bed: &mut Bed) {
    let secret = "https://forum.example/secret";
    let said = Post {
        id: secret.into(),
        aliases: vec!["link:https://forum.example/also".into(), "body:77".into()],
        url: Some(secret.into()),
        ..post("", "site-revision")
    };
    let rows = vec![mention(said.clone(), "acme", 1), mention(said.clone(), "rivals", 1)];
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    // The text ends for one topic, and is kept for the other.
    let mut rule = retention(0);
    rule.topics = vec![("rivals".into(), at(10))];
    assert_eq!(bed.store.retain(rule).await.expect("works").erased, 1);
    bed.pause().await;
    assert_eq!(stored(bed, rows[1].id()).await.post().id, secret, "its post is kept still");
    assert_eq!(bed.store.kept_out(vec![said.clone()]).await.expect("works"), [false]);
    assert_eq!(bed.store.retain(retention(10)).await.expect("works").erased, 1);
    bed.pause().await;
    let left = serde_json::to_string(&all_rows(&*bed.store, 99).await).expect("plain data");
    for gone in ["secret", "also", "body:77", "site-revision", "customer", "lost my order"] {
        assert!(!left.contains(gone), "{gone} is left in {left}");
    }
    let reasons: Vec<_> = [&rows[0], &rows[1]].into_iter().map(RecordedMention::id).collect();
    for id in reasons {
        assert_eq!(stored(bed, id).await.erased_for, Some(ErasedFor::Retention));
    }
    // Under its id or its link it does not come again; the same words of somebody else may.
    let moved = Post { id: "other".into(), ..said.clone() };
    let other = Post { aliases: vec!["body:77".into()], ..post("4", "a") };
    assert_eq!(bed.store.kept_out(vec![said, moved, other]).await.expect("works"), [true, true, false]);
}

fn retention(text_before: i64) -> Retention {
    Retention {
        text_before: at(text_before),
        topics: Vec::new(),
        sources: Vec::new(),
        terms: Vec::new(),
        refreshed: Vec::new(),
        rows_before: at(-99),
        limit: 100,
        now: at(100),
    }
}

async fn messages_that_left_are_counted(bed: &mut Bed) {
    let matter = escalation("g", 1);
    let mut row = mention(post("1", "a"), "acme", 1);
    row.finding = Finding::Opened(matter.id, "angry".into());
    let mut whole = recording(&*bed.store, vec![row.clone()]).await;
    whole.effects = opening(&matter, None);
    whole.effects.merge(queueing((0..3).map(|n| notification(&format!("k{n}"), matter.id, 1)).collect()));
    let first = whole.effects.notifications[0].id;
    assert_eq!(bed.store.record(whole).await.expect("works"), Outcome::Done);
    bed.store.lease(at(2), at(9), 9).await.expect("works");
    let sent = bed.store.finish(first, at(2), Attempted::Sent, Effects::default()).await;
    assert_eq!(sent.expect("works"), Outcome::Done);
    assert_eq!(forget(bed, author("customer", None)).await.mentions, 1);
    bed.pause().await;
    let events = bed.store.events(None, 99).await.expect("works");
    let erased = &events.last().expect("an event").event;
    assert_eq!(erased.what, What::Erased { reason: Some(ErasedFor::Request), sent: Some(1) });
    assert_eq!((erased.escalation, erased.mention), (Some(matter.id), Some(row.id())));
    assert_eq!(erased.by, Actor::Owner("cco".into()));
}

async fn an_older_export_brings_nothing_back(bed: &mut Bed) {
    let rows = vec![
        mention(by("1", "Ann", "forum.example"), "acme", 1),
        mention(by("1", "Ann", "forum.example"), "rivals", 1),
        mention(by("2", "bo", "forum.example"), "acme", 2),
    ];
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    bed.store.receive(vec![by("3", "Ann", "forum.example")]).await.expect("taken");
    let backup = all_rows(&*bed.store, 99).await;
    forget(bed, author("Ann", None)).await;
    bed.pause().await;
    let tombstones: Vec<_> =
        all_rows(&*bed.store, 3).await.into_iter().take_while(earmark::store::Row::is_tombstone).collect();
    assert_eq!(tombstones.len(), 3, "the key, the author, the post: {tombstones:?}");
    let (memory, disk) = (Bed::new(super::Kind::Memory).await, Bed::new(super::Kind::Disk).await);
    for other in [memory, disk] {
        other.store.load(tombstones.clone()).await.expect("loads");
        other.store.load(backup.clone()).await.expect("loads");
        let kept = stored(&other, rows[0].id()).await;
        assert_eq!((kept.erased_at, kept.erased_for), (Some(at(50)), Some(ErasedFor::Request)));
        assert!(stored(&other, rows[2].id()).await.erased_at.is_none());
        let left = serde_json::to_string(&all_rows(&*other.store, 99).await).expect("plain data");
        assert!(!left.contains("Ann") && !left.contains("forum.example/1"), "{left}");
        // Tombstones of another store say nothing here.
        let foreign = Memory::new(InstanceId::new(at(0)));
        assert_eq!(record(&foreign, vec![rows[2].clone()]).await, Outcome::Done);
        let loaded = other.store.load(all_rows(&foreign, 99).await).await;
        assert!(matches!(loaded, Err(StoreError::Unreadable { .. })), "{loaded:?}");
        other.end().await;
    }
}

async fn the_queue_goes_by_due_time(bed: &mut Bed) {
    let rows: Vec<_> = (0..4).map(|n| mention(post(&format!("{n}"), "a"), "acme", n)).collect();
    let shop = mention(Post { source: "shop".into(), ..post("9", "a") }, "acme", 9);
    let mut whole = recording(&*bed.store, [rows.clone(), vec![shop.clone()]].concat()).await;
    let recheck =
        |row: &RecordedMention, due: i64| Recheck { mention: row.id(), due: at(due), seen_at: at(9) };
    whole.effects.rechecks = vec![recheck(&rows[0], 30), recheck(&rows[1], 20), recheck(&shop, 10)];
    assert_eq!(bed.store.record(whole).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let due = async |bed: &Bed, now: i64, limit: usize| {
        let rows = bed.store.rechecks("forum".into(), at(now), limit).await.expect("works");
        rows.iter().map(|(recheck, row)| (row.post().id.clone(), recheck.due)).collect::<Vec<_>>()
    };
    assert_eq!(due(bed, 19, 9).await, []);
    assert_eq!(due(bed, 30, 9).await, [("1".to_owned(), at(20)), ("0".to_owned(), at(30))]);
    assert_eq!(due(bed, 30, 1).await.len(), 1);
    assert_eq!(bed.store.next_recheck("forum".into()).await.expect("works"), Some(at(20)));
    assert_eq!(bed.store.count_rechecks("forum".into(), at(25), 9).await.expect("works"), 1);
    let mut left = Vec::new();
    let mut after = None;
    loop {
        let page = bed.store.unscheduled("forum".into(), after, 1).await.expect("works");
        left.extend(page.rows.iter().map(|row| row.post().id.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(left, ["2", "3"]);
    // Later in place of earlier; what is erased leaves the queue and cannot enter it.
    let effects =
        Effects { rechecks: vec![recheck(&rows[1], 40), recheck(&rows[2], 35)], ..Effects::default() };
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    let url = |n: usize| Whose::Url(rows[n].post().url.clone().expect("it has one"));
    assert_eq!(forget(bed, url(0)).await.mentions, 1);
    let effects = Effects { rechecks: vec![recheck(&rows[0], 1)], ..Effects::default() };
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    bed.pause().await;
    assert_eq!(due(bed, 99, 9).await, [("2".to_owned(), at(35)), ("1".to_owned(), at(40))]);
    assert_eq!(bed.store.next_recheck("nobody".into()).await.expect("works"), None);
}

async fn what_a_site_no_longer_confirms_goes_in_time(bed: &mut Bed) {
    let rows: Vec<_> = (0..3).map(|n| mention(post(&format!("{n}"), "a"), "acme", n)).collect();
    let shop = mention(Post { source: "shop".into(), ..post("9", "a") }, "acme", 1);
    let mut whole = recording(&*bed.store, [rows.clone(), vec![shop.clone()]].concat()).await;
    let seen = |row: &RecordedMention, seen: i64, due: i64| Recheck {
        mention: row.id(),
        due: at(due),
        seen_at: at(seen),
    };
    whole.effects.rechecks = vec![seen(&rows[0], 10, 20), seen(&rows[1], 60, 70), seen(&rows[2], 10, 20)];
    assert_eq!(bed.store.record(whole).await.expect("works"), Outcome::Done);
    let mut rule = retention(-99);
    rule.refreshed = vec![("forum".into(), at(40))];
    rule.terms = vec![("shop".into(), at(40))];
    rule.limit = 1;
    let mut calls = 0;
    while bed.store.retain(rule.clone()).await.expect("works").more {
        calls += 1;
        bed.pause().await;
    }
    assert_eq!(calls, 2, "in portions of one");
    let terms = Some(ErasedFor::Terms);
    for (row, expected) in rows.iter().chain([&shop]).zip([terms, None, terms, terms]) {
        assert_eq!(stored(bed, row.id()).await.erased_for, expected);
    }
}
