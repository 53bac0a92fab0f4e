//! Conditions of routes and triggers, and below their first line the post that they look at. A panic of the
//! interpreter itself is caught where it is called and counts as an answer: only ours end the run.

#![no_main]

use earmark::domain::escalation::Severity;
use earmark::domain::id::{MentionId, OwnerId};
use earmark::domain::mention::{Mention, ScoredMention};
use earmark::domain::sentiment::{Model, Polarity, Probabilities, Sentiment};
use earmark::domain::trigger::{Route, TriggerOn, TriggerRule};
use earmark::escalation::{Facts, Rules};
use earmark_fuzz::post;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fn scored(words: &str) -> ScoredMention {
    ScoredMention {
        mention: Mention {
            id: MentionId(Uuid::nil()),
            post: post(words),
            topic: "acme".into(),
            spans: Vec::new(),
        },
        sentiment: Sentiment {
            polarity: Polarity::Negative,
            probabilities: Probabilities { negative: 0.8, neutral: 0.15, positive: 0.05 },
            score: -0.75,
            confidence: 0.8,
            model: Model { name: "made".into(), version: "1".into() },
            needs_answer: None,
            lang: None,
            doubt: None,
        },
    }
}

fuzz_target!(
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |data: &[u8]| {
        let Ok(text) = std::str::from_utf8(data) else { return };
        let (when, words) = text.split_once('\n').unwrap_or((text, text));
        let trigger = TriggerRule {
            id: "fuzzed".into(),
            on: TriggerOn::When(when.to_owned()),
            severity: Severity::High,
            group_by: Vec::new(),
            group_for: SignedDuration::from_hours(1),
        };
        let route = Route { when: when.to_owned(), owner: "ann".into() };
        let (triggers, routes) = ([trigger], [route]);
        let problems = Rules::check(&triggers, &routes);
        assert_eq!(problems, Rules::check(&triggers, &routes), "a condition was judged in two ways");
        let rules = match Rules::compile(&triggers, &routes) {
            Ok(rules) => rules,
            Err(_) => {
                assert!(problems.has_faults());
                return;
            }
        };
        let owner: OwnerId = "ann".into();
        let facts = Facts {
            owner: &owner,
            source_kind: "feed",
            needs_answer: None,
            tallies: &[],
            now: Timestamp::UNIX_EPOCH,
        };
        let mention = scored(words);
        assert_eq!(rules.fire(&mention, &facts), rules.fire(&mention, &facts));
    }
);
