//! Crossings 0 and 1: received and recorded.

use earmark::domain::id::SourceId;
use earmark::domain::note::{ALIVE, Note, Spent, rhythm_of};
use earmark::domain::post::Post;
use earmark::domain::rhythm::Rhythm;
use earmark::domain::sentiment::Polarity;
use earmark::domain::source::{Blind, Gap, GapCause};
use earmark::store::{MentionFilter, Outcome, Page, PostName, Recalled};

use super::samples::{at, edited, mention, page, post, record, recording, sentiment, window};
use super::{Bed, cases};

cases! {
    a_recording_is_taken_once,
    a_cursor_moves_only_with_its_mentions,
    a_version_is_recorded_once_for_a_topic,
    a_post_is_one_mention_under_all_its_names,
    edits_follow_one_another,
    the_inbox_keeps_order_and_numbers,
    tallies_count_a_mention_once,
    mentions_come_in_pages_both_ways,
    what_the_author_takes_back_is_forgotten,
    gaps_touch_a_window,
    a_gap_that_is_repaired_stays_one_row,
    notes_are_kept_by_their_names,
}

fn name(post: &Post) -> PostName {
    PostName { id: post.id.clone(), version: post.version.clone(), aliases: post.aliases.clone() }
}

async fn recall(bed: &Bed, post: &Post) -> Option<Recalled> {
    let known = bed.store.recall("forum".into(), vec![name(post)]).await.expect("readable");
    known.into_iter().next().expect("one answer for one name")
}

async fn a_recording_is_taken_once(bed: &mut Bed) {
    let row = mention(post("1", "a"), "acme", 1);
    let first = recording(&*bed.store, vec![row.clone()]).await;
    assert_eq!(bed.store.record(first.clone()).await.expect("works"), Outcome::Done);
    bed.pause().await;
    assert_eq!(bed.store.record(first).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.mention(row.id()).await.expect("works"), Some(row));
    assert_eq!(bed.store.size().await.expect("works").mentions, 1);
}

async fn a_cursor_moves_only_with_its_mentions(bed: &mut Bed) {
    let row = mention(post("1", "a"), "acme", 1);
    assert_eq!(record(&*bed.store, vec![row.clone()]).await, Outcome::Done);
    let before = bed.store.source("forum".into()).await.expect("works");
    let fresh = mention(post("2", "a"), "acme", 2);
    // The second of the two is known, so neither is written and the cursor stays.
    let outcome = record(&*bed.store, vec![fresh.clone(), mention(post("1", "a"), "acme", 2)]).await;
    assert_eq!(outcome, Outcome::Conflict);
    bed.pause().await;
    assert_eq!(bed.store.source("forum".into()).await.expect("works"), before);
    assert_eq!(bed.store.mention(fresh.id()).await.expect("works"), None);
    assert_eq!(bed.store.sources().await.expect("works").len(), 1);
}

async fn a_version_is_recorded_once_for_a_topic(bed: &mut Bed) {
    let first = post("1", "a");
    let both = vec![mention(first.clone(), "acme", 1), mention(first.clone(), "rivals", 1)];
    assert_eq!(record(&*bed.store, both.clone()).await, Outcome::Done);
    bed.pause().await;
    let known = recall(bed, &first).await.expect("known");
    assert!(known.version_known);
    let mut expected: Vec<_> = both.iter().map(|row| (row.topic().clone(), row.id(), 1)).collect();
    expected.sort();
    assert_eq!(known.mentions, expected);
    assert!(!recall(bed, &post("1", "b")).await.expect("known").version_known);
    assert_eq!(recall(bed, &post("2", "a")).await, None);
    // Even as a newer revision, the same version is not recorded again.
    assert_eq!(record(&*bed.store, vec![edited(&both[0], "a")]).await, Outcome::Conflict);
}

async fn a_post_is_one_mention_under_all_its_names(bed: &mut Bed) {
    let mut first = post("guid-1", "a");
    first.aliases = vec!["link:https://forum.example/x".into()];
    let row = mention(first.clone(), "acme", 1);
    assert_eq!(record(&*bed.store, vec![row.clone()]).await, Outcome::Done);
    bed.pause().await;
    // The headline changed, and with it the GUID; the link did not.
    let mut again = post("guid-2", "b");
    again.aliases.clone_from(&first.aliases);
    let known = recall(bed, &again).await.expect("known by its link");
    assert_eq!((known.id.as_str(), known.version_known), ("guid-1", false));
    assert_eq!(record(&*bed.store, vec![mention(again.clone(), "acme", 2)]).await, Outcome::Conflict);
    let mut next = edited(&row, "b");
    next.scored.mention.post.id = "guid-2".into();
    assert_eq!(record(&*bed.store, vec![next]).await, Outcome::Done);
    let kept = bed.store.mention(row.id()).await.expect("works").expect("there");
    assert_eq!((kept.post().id.as_str(), kept.revision), ("guid-1", 2));
    // From now on the new GUID alone is enough, whatever the link.
    assert_eq!(recall(bed, &post("guid-2", "b")).await.map(|known| known.version_known), Some(true));
    // Two names of one post inside one recording are one post too.
    let twin = |id: &str| {
        let mut post = post(id, "a");
        post.aliases = vec!["link:https://forum.example/y".into()];
        mention(post, "acme", 3)
    };
    let twins = vec![twin("guid-3"), twin("guid-4")];
    assert_eq!(record(&*bed.store, twins).await, Outcome::Conflict);
}

async fn edits_follow_one_another(bed: &mut Bed) {
    let first = mention(post("1", "a"), "acme", 1);
    let second = edited(&first, "b");
    let third = edited(&second, "c");
    assert_eq!(record(&*bed.store, vec![second.clone()]).await, Outcome::Conflict);
    assert_eq!(record(&*bed.store, vec![first.clone()]).await, Outcome::Done);
    assert_eq!(record(&*bed.store, vec![third.clone()]).await, Outcome::Conflict);
    bed.pause().await;
    assert_eq!(record(&*bed.store, vec![second, third.clone()]).await, Outcome::Done);
    assert_eq!(bed.store.mention(first.id()).await.expect("works"), Some(third));
    assert_eq!(bed.store.size().await.expect("works").mentions, 1);
}

async fn the_inbox_keeps_order_and_numbers(bed: &mut Bed) {
    let posts = vec![post("1", "a"), post("2", "a"), post("1", "a"), post("3", "a")];
    bed.store.receive(posts).await.expect("received");
    bed.store.receive(vec![post("3", "a")]).await.expect("received");
    bed.pause().await;
    let inbox = |after, limit| bed.store.inbox(SourceId::from("forum"), after, limit);
    let ids = |rows: Vec<(u64, Post)>| rows.into_iter().map(|(n, post)| (n, post.id)).collect::<Vec<_>>();
    let all = ids(inbox(None, 10).await.expect("works"));
    assert_eq!(all, [(1, "1".to_owned()), (2, "2".to_owned()), (3, "3".to_owned())]);
    assert_eq!(ids(inbox(Some(1), 1).await.expect("works")), [(2, "2".to_owned())]);
    let mut taken = recording(&*bed.store, vec![mention(post("1", "a"), "acme", 1)]).await;
    taken.inbox_through = Some(3);
    assert_eq!(bed.store.record(taken).await.expect("works"), Outcome::Done);
    assert_eq!(inbox(None, 10).await.expect("works"), []);
    bed.pause().await;
    // Once taken in, the same version may come again, and numbers go on.
    bed.store.receive(vec![post("3", "a")]).await.expect("received");
    let again = bed.store.inbox("forum".into(), None, 10).await.expect("works");
    assert_eq!(ids(again), [(4, "3".to_owned())]);
}

async fn tallies_count_a_mention_once(bed: &mut Bed) {
    let first = mention(post("1", "a"), "acme", 1);
    let mut glad = mention(post("2", "a"), "acme", 9);
    glad.scored.sentiment = sentiment(0.1);
    let later = mention(post("3", "a"), "acme", 12);
    assert_eq!(record(&*bed.store, vec![first.clone(), glad, later]).await, Outcome::Done);
    bed.pause().await;
    assert_eq!(record(&*bed.store, vec![edited(&first, "b")]).await, Outcome::Done);
    let tallies = bed.store.tallies("acme".into(), window(0, 100)).await.expect("works");
    let counts = |from, negative, positive| (at(from), negative, positive);
    let seen: Vec<_> =
        tallies.iter().map(|tally| (tally.from, tally.counts.negative, tally.counts.positive)).collect();
    assert_eq!(seen, [counts(0, 1, 1), counts(10, 1, 0)]);
    assert_eq!(bed.store.tallies("acme".into(), window(9, 10)).await.expect("works").len(), 1);
    assert_eq!(bed.store.tallies("acme".into(), window(10, 11)).await.expect("works").len(), 1);
    assert_eq!(bed.store.tallies("rivals".into(), window(0, 100)).await.expect("works"), []);
}

async fn mentions_come_in_pages_both_ways(bed: &mut Bed) {
    let mut all = Vec::new();
    for minute in 0..20 {
        let topic = if minute % 3 == 0 { "rivals" } else { "acme" };
        let mut row = mention(post(&format!("p{minute}"), "a"), topic, minute / 2);
        if minute % 4 == 0 {
            row.scored.sentiment = sentiment(0.1);
        }
        all.push(row);
    }
    assert_eq!(record(&*bed.store, all.clone()).await, Outcome::Done);
    bed.pause().await;
    all.sort_by_key(|row| (row.recorded_at, row.id()));
    let filters = [
        MentionFilter::default(),
        MentionFilter { window: Some(window(2, 5)), ..Default::default() },
        MentionFilter { topic: Some("rivals".into()), ..Default::default() },
        MentionFilter { topic: Some("acme".into()), window: Some(window(1, 7)), ..Default::default() },
        MentionFilter { polarity: Some(Polarity::Positive), ..Default::default() },
        MentionFilter { owner: Some("nobody".into()), ..Default::default() },
        MentionFilter { source: Some("forum".into()), ..Default::default() },
    ];
    for filter in filters {
        for newest_first in [false, true] {
            let mut expected: Vec<_> = all
                .iter()
                .filter(|row| filter.window.is_none_or(|window| window.contains(row.recorded_at)))
                .filter(|row| filter.topic.as_ref().is_none_or(|topic| topic == row.topic()))
                .filter(|row| filter.polarity.is_none_or(|polarity| polarity == row.sentiment().polarity))
                .filter(|row| filter.owner.as_ref().is_none_or(|owner| *owner == row.owner))
                .map(|row| row.id())
                .collect();
            if newest_first {
                expected.reverse();
            }
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = Page { limit: 3, after, newest_first };
                let rows = bed.store.mentions(filter.clone(), page).await.expect("works");
                assert!(rows.rows.len() <= 3);
                seen.extend(rows.rows.iter().map(|row| row.id()));
                after = rows.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{filter:?}, newest first: {newest_first}");
        }
    }
}

async fn what_the_author_takes_back_is_forgotten(bed: &mut Bed) {
    let mut said = post("1", "a");
    said.aliases = vec!["link:https://forum.example/secret".into(), "body:123".into()];
    let rows = vec![mention(said.clone(), "acme", 1), mention(said.clone(), "rivals", 1)];
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    let mut copy = said.clone();
    copy.version = "b".into();
    let mut notice = said.clone();
    notice.deleted = true;
    bed.store.receive(vec![copy, post("other", "a"), notice]).await.expect("received");
    bed.pause().await;
    let mut forgetting = recording(&*bed.store, Vec::new()).await;
    forgetting.source.answered_at = Some(at(7));
    forgetting.erased = rows.iter().map(|row| row.id()).collect();
    assert_eq!(bed.store.record(forgetting).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let kept = bed.store.mention(rows[0].id()).await.expect("works").expect("the record stays");
    assert_eq!(kept.erased_at, Some(at(7)));
    assert_eq!(kept.owner, rows[0].owner);
    let waiting = bed.store.inbox("forum".into(), None, 10).await.expect("works");
    let waiting: Vec<_> = waiting.iter().map(|(_, post)| (post.id.as_str(), post.deleted)).collect();
    assert_eq!(waiting, [("other", false), ("1", true)]);
    // Nothing of the text, the author or the links is left in any row.
    let mut taken = recording(&*bed.store, Vec::new()).await;
    taken.inbox_through = Some(u64::MAX);
    assert_eq!(bed.store.record(taken).await.expect("works"), Outcome::Done);
    let rows = bed.store.rows(None, 10_000).await.expect("works").rows;
    let text = serde_json::to_string(&rows).expect("rows are plain data");
    for gone in ["customer", "lost my order", "secret", "body:123", "https://"] {
        assert!(!text.contains(gone), "{gone} is still in {text}");
    }
    // A site that goes on serving it brings nothing back.
    assert_eq!(recall(bed, &said).await, None, "not even its name is left");
    assert_eq!(bed.store.kept_out(vec![said]).await.expect("works"), [true]);
}

async fn gaps_touch_a_window(bed: &mut Bed) {
    let gap = |from: Option<i64>, until: i64, detail: &str| Gap {
        source: "forum".into(),
        from: from.map(at),
        until: at(until),
        cause: GapCause::SourceFailed,
        detail: detail.into(),
    };
    let mut taken = recording(&*bed.store, Vec::new()).await;
    taken.gaps = [gap(Some(30), 40, "c"), gap(Some(5), 10, "b"), gap(None, 5, "a")].map(Blind::from).into();
    assert_eq!(bed.store.record(taken).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let details = |gaps: Vec<Blind>| gaps.into_iter().map(|blind| blind.gap.detail).collect::<Vec<_>>();
    assert_eq!(details(bed.store.gaps(window(0, 100)).await.expect("works")), ["a", "b", "c"]);
    assert_eq!(details(bed.store.gaps(window(5, 30)).await.expect("works")), ["b"]);
    assert_eq!(details(bed.store.gaps(window(10, 30)).await.expect("works")), [""; 0]);
    let page = bed.store.mentions(MentionFilter::default(), page(1)).await.expect("works");
    assert_eq!((page.rows.len(), page.next), (0, None));
}

async fn a_gap_that_is_repaired_stays_one_row(bed: &mut Bed) {
    let told = |cause, repaired: Option<i64>| Blind {
        gap: Gap { source: "forum".into(), from: Some(at(5)), until: at(10), cause, detail: String::new() },
        repaired_at: repaired.map(at),
    };
    let lost = told(GapCause::Overrun, None);
    for (outage, repaired) in
        [(told(GapCause::SourceFailed, None), None), (told(GapCause::SourceFailed, Some(12)), Some(at(12)))]
    {
        let mut taken = recording(&*bed.store, Vec::new()).await;
        taken.gaps = vec![outage.clone(), lost.clone()];
        assert_eq!(bed.store.record(taken).await.expect("works"), Outcome::Done);
        bed.pause().await;
        let gaps = bed.store.gaps(window(0, 100)).await.expect("works");
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        let found = gaps.iter().find(|blind| blind.gap == outage.gap).expect("there");
        assert_eq!(found.repaired_at, repaired);
        assert!(gaps.contains(&lost), "another cause is another row: {gaps:?}");
    }
}

async fn notes_are_kept_by_their_names(bed: &mut Bed) {
    let spent = |promised| {
        let (account, ended) = ("host acme.example ".into(), vec![(at(1), 3)]);
        Note::Spent(Spent { account, requests: 10, seconds: 60, ended, promised, closed: None })
    };
    let rhythm = |hours: i64| {
        let mut rhythm = Rhythm::new("forum".into(), at(0));
        rhythm.learn(at(0), at(hours * 60), 7);
        Note::Rhythm(rhythm)
    };
    bed.store.keep(vec![spent(5), Note::Alive(at(1)), rhythm(1)]).await.expect("kept");
    bed.store.keep(vec![Note::Alive(at(2)), rhythm(2)]).await.expect("kept");
    bed.pause().await;
    let notes = bed.store.notes().await.expect("works");
    assert_eq!(notes, [Note::Alive(at(2)), rhythm(2), spent(5)]);
    assert_eq!(bed.store.note(ALIVE.into()).await.expect("works"), Some(Note::Alive(at(2))));
    assert_eq!(bed.store.note(rhythm_of("forum")).await.expect("works"), Some(rhythm(2)));
    assert_eq!(bed.store.note(rhythm_of("shop")).await.expect("works"), None);
}
