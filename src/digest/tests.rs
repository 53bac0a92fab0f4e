//! What a digest counts, against a store in memory.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::build::{Order, build, sum};
use crate::domain::digest::Window;
use crate::domain::id::{InstanceId, MentionId, SourceId};
use crate::domain::mention::{Finding, Mention, RecordedMention, ScoredMention};
use crate::domain::notification::{Hold, HoldReason};
use crate::domain::owner::{Owner, Roster};
use crate::domain::post::{Post, PostKind};
use crate::domain::sentiment::{Model, Probabilities, Sentiment};
use crate::domain::source::SourceState;
use crate::store::memory::Memory;
use crate::store::{Effects, Outcome, Recording, Store};

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().expect("an instant")
}

fn mention(source: &SourceId, number: u32, finding: Finding) -> RecordedMention {
    let probabilities = Probabilities { negative: 0.8, neutral: 0.1, positive: 0.1 };
    let post = Post {
        source: source.clone(),
        site: "forum.example".into(),
        id: number.to_string(),
        version: "a".into(),
        aliases: Vec::new(),
        kind: PostKind::Post,
        url: None,
        author: None,
        created_at: None,
        title: None,
        text: "Acme lost my order".into(),
        lang: None,
        parent: None,
        reach: None,
        deleted: false,
    };
    RecordedMention {
        scored: ScoredMention {
            mention: Mention { id: MentionId::new(noon()), post, topic: "acme".into(), spans: Vec::new() },
            sentiment: Sentiment::judge(
                probabilities,
                0.5,
                Model { name: "word-list".into(), version: "1".into() },
            ),
        },
        recorded_at: noon(),
        updated_at: noon(),
        revision: 1,
        // Left the configuration since.
        owner: "gone".into(),
        routed_by: "owner of topic acme".into(),
        finding,
        correction: None,
        erased_at: None,
        erased_for: None,
    }
}

#[tokio::test]
async fn a_hold_is_counted_once_and_lost_owners_and_sources_add_up() {
    let store = Memory::new(InstanceId::new(noon()));
    let (read, left) = (SourceId::from("forum"), SourceId::from("left"));
    let held = mention(&read, 1, Finding::Held(HoldReason::NoPolicy));
    let mut effects = Effects::default();
    effects.holds.push(Hold {
        at: noon(),
        reason: HoldReason::NoPolicy,
        until: None,
        mention: Some(held.id()),
        escalation: None,
        owner: Some("gone".into()),
        silence: None,
    });
    for (source, mentions, effects) in [
        (&read, vec![held, mention(&read, 2, Finding::Held(HoldReason::NoTrigger))], effects),
        (&left, vec![], Effects::default()),
    ] {
        let mut state = SourceState { seen: 1, ..SourceState::new(source.clone(), noon()) };
        state.failing_since = Some(noon());
        let erased = Vec::new();
        let recording =
            Recording { source: state, mentions, erased, effects, gaps: Vec::new(), inbox_through: None };
        assert_eq!(store.record(recording).await.expect("works"), Outcome::Done);
    }
    let champion = Owner {
        id: "cco".into(),
        name: "cco".into(),
        timezone: TimeZone::UTC,
        hours: None,
        channels: Vec::new(),
        deputy: None,
        users: Vec::new(),
        absent: Vec::new(),
    };
    let roster = Roster::new(vec![champion], "cco".into(), None).expect("the champion is there");
    let hour = SignedDuration::from_hours(1);
    let order = Order {
        id: "daily".into(),
        window: Window { from: noon() - hour, until: noon() + hour },
        reader: roster.champion(),
        roster: &roster,
        topics: &BTreeMap::new(),
        sources: &BTreeSet::from([read.clone()]),
        public_url: None,
    };
    let digest = build(&store, &order).await.expect("readable");
    assert_eq!(digest.held, [(HoldReason::NoTrigger, 1), (HoldReason::NoPolicy, 1)]);
    assert_eq!((sum(&digest.owners), sum(&digest.topics)), (digest.volume.counts, digest.volume.counts));
    assert_eq!(digest.volume.counts.total(), 2);
    let watched: Vec<&SourceId> = digest.coverage.iter().map(|watch| &watch.source).collect();
    assert_eq!(watched, [&read]);
}
