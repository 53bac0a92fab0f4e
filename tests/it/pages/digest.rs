//! A made digest as its readers get it, kept by snapshots.

use earmark::digest::figures::{Digest, Doubted, Line, Matter, Matters, Pick, Volume, Watch};
use earmark::digest::render;
use earmark::domain::digest::Window;
use earmark::domain::escalation::{Severity, State};
use earmark::domain::id::{EscalationId, MentionId};
use earmark::domain::notification::HoldReason;
use earmark::domain::sentiment::{Counts, Doubt, Polarity};
use earmark::domain::source::{Gap, GapCause};
use jiff::{SignedDuration, Timestamp};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A number that is the same in every run.
fn number<Id: std::str::FromStr>(n: u32) -> Id {
    let text = format!("01a20000-0000-7000-8000-{n:012}");
    text.parse().unwrap_or_else(|_| panic!("{text} is a number"))
}

fn volume(polarities: &[(Polarity, u32)]) -> Volume {
    let mut volume = Volume::default();
    let mut n = 0;
    for (polarity, count) in polarities {
        for _ in 0..*count {
            n += 1;
            volume.add(number::<MentionId>(n), *polarity, false);
        }
    }
    volume
}

fn pick(n: u32, score: f32, excerpt: &str) -> Pick {
    Pick {
        id: number(n),
        topic: "acme-app".into(),
        url: Some(format!("https://forum.example/t/{n}")),
        site: "forum.example".into(),
        author: Some("attic_radio".into()),
        excerpt: excerpt.into(),
        score,
        needs_answer: (n == 1).then_some(true),
        at: at("2026-03-02T09:30:00Z"),
    }
}

fn matter(n: u32, state: State, answered_after: Option<SignedDuration>) -> Matter {
    Matter {
        id: number(n),
        topic: "acme-app".into(),
        topic_name: "Acme app".into(),
        severity: Severity::High,
        mentions: 7,
        state,
        accountable_name: "Customer care".into(),
        opened_at: at("2026-03-02T10:00:00Z"),
        answered_after,
    }
}

fn watch(source: &str, failing_since: Option<Timestamp>, gaps: Vec<Gap>) -> Watch {
    Watch {
        source: source.into(),
        fetched_through: None,
        answered_at: Some(at("2026-03-02T06:00:00Z")),
        spoke_at: None,
        failing_since,
        last_error: failing_since.map(|_| "the site answered 503".into()),
        behind_since: None,
        unread: Vec::new(),
        quiet_since: None,
        gaps: gaps.into_iter().map(Into::into).collect(),
    }
}

fn digest() -> Digest {
    use Polarity::{Negative, Neutral, Positive, Unsure};
    let gap = Gap {
        source: "forum".into(),
        from: Some(at("2026-03-02T01:00:00Z")),
        until: at("2026-03-02T02:30:00Z"),
        cause: GapCause::DaemonOff,
        detail: String::new(),
    };
    let resolved = State::Resolved { by: "care".into(), at: at("2026-03-02T11:00:00Z") };
    Digest {
        id: "care-daily".into(),
        window: Window { from: at("2026-03-01T07:00:00Z"), until: at("2026-03-02T07:00:00Z") },
        reader: "cco".into(),
        reader_name: "Chief Customer Officer".into(),
        all_owners: true,
        timezone: "Europe/Berlin".into(),
        volume: volume(&[(Negative, 14), (Neutral, 6), (Positive, 7), (Unsure, 3)]),
        unsure: vec![
            Doubted { doubt: Doubt::Confidence, ids: vec![number(28), number(29)] },
            Doubted { doubt: Doubt::Language, ids: vec![number(30)] },
        ],
        needs_answer: vec![number(1), number(2)],
        before: Counts { negative: 4, neutral: 6, positive: 6, unsure: 2 },
        topics: vec![
            Line {
                id: "acme-app".into(),
                name: "Acme app".into(),
                volume: volume(&[(Negative, 14), (Neutral, 4), (Positive, 3), (Unsure, 3)]),
                before: Counts::default(),
            },
            Line {
                id: "globex".into(),
                name: "A name <b>far</b> too long for the column it stands in".into(),
                volume: volume(&[(Neutral, 2), (Positive, 4)]),
                before: Counts::default(),
            },
        ],
        owners: Vec::new(),
        matters: Matters {
            opened: vec![number(101), number(102)],
            answered: vec![number(102)],
            resolved: vec![number(102)],
            unresolved: vec![number(101)],
            expired: vec![number(101)],
            median_answer: Some(SignedDuration::from_mins(12)),
            slowest_answer: Some(SignedDuration::from_mins(12)),
            shown: vec![
                matter(101, State::Expired { at: at("2026-03-02T12:00:00Z") }, None),
                matter(102, resolved, Some(SignedDuration::from_mins(12))),
            ],
        },
        worst: vec![
            pick(
                1,
                -0.97,
                "Lost an entire morning because the Acme app ate my order list. I am done, cancelling today.",
            ),
            Pick {
                url: Some("javascript:alert(1)".into()),
                ..pick(2, -0.8, "<script>alert(1)</script> \u{1b}[31m ugly")
            },
        ],
        best: Vec::new(),
        held: vec![(HoldReason::NoTrigger, 21), (HoldReason::OldNews, 1), (HoldReason::OutsideHours, 2)],
        coverage: vec![
            watch("hn", Some(at("2026-03-02T03:00:00Z")), Vec::new()),
            watch("forum", None, vec![gap]),
            watch("reviews", None, Vec::new()),
        ],
        public_url: Some("https://earmark.acme.example".into()),
    }
}

#[test]
fn as_text() {
    let text = render::text(&digest());
    for line in text.lines().filter(|line| !line.contains("https://")) {
        assert!(line.chars().count() <= 78, "too wide: {line}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains("javascript:"), "{text}");
    insta::assert_snapshot!("digest_text", text);
}

#[test]
fn as_html() {
    let html = render::html(&digest());
    assert!(!html.contains("<script") && !html.contains("javascript:") && !html.contains("<b>far"), "{html}");
    insta::assert_snapshot!("digest_html", html.replace("><", ">\n<"));
}

#[test]
fn a_subject_fits_on_a_phone() {
    let mut made = digest();
    assert_eq!(render::subject(&made), "care-daily: 30 mentions, net −23 (n 30), 1 open");
    made.matters.unresolved.clear();
    made.volume = Volume::default();
    assert_eq!(render::subject(&made), "care-daily: 0 mentions");
}

#[test]
fn an_empty_digest_still_says_what_was_not_seen() {
    let mut made = digest();
    made.volume = Volume::default();
    made.unsure.clear();
    made.needs_answer.clear();
    made.before = Counts::default();
    made.topics.clear();
    made.matters = Matters::default();
    made.worst.clear();
    made.held.clear();
    made.coverage.clear();
    made.public_url = None;
    insta::assert_snapshot!("digest_text_empty", render::text(&made));
}

#[test]
fn as_json() {
    let json = render::json(&digest());
    assert_eq!(json["net_sentiment"].as_f64().map(f64::round), Some(-23.0));
    assert_eq!(json["volume"]["ids"][0].as_array().map(Vec::len), Some(14));
    assert_eq!(json["matters"]["shown"][0]["id"], number::<EscalationId>(101).to_string());
    assert_eq!(json["matters"]["shown"][1]["answered_after"], 720);
}
