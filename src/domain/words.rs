//! How things are said to people: foreign text made harmless and small, and one wording for closed
//! lists, figures, places and times, so that mails, digests and pages say the same thing alike.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::erasure::ErasedFor;
use super::escalation::{Severity, State};
use super::language;
use super::mention::RecordedMention;
use super::notification::{HoldReason, Reason};
use super::post::PostKind;
use super::sentiment::{Asking, Doubt, NeedsAnswer, Polarity, Sentiment};

/// Below this a mention is called very negative, above its opposite very positive.
const VERY: f32 = 0.6;

/// Foreign text without what could act on its reader's screen: control characters (so no escape
/// sequences), marks that turn the direction of reading, and invisible fillers. Line ends stay.
pub fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => clean.push('\n'),
            '\r' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\t' => clean.push(' '),
            c if c.is_control() => {}
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => {}
            '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => {}
            c => clean.push(c),
        }
    }
    clean
}

/// [`clean`], on one line, at most `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    cut(&clean(text).split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// At most `most` characters, the last one `…` if something is missing; between words if one
/// ends near enough.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    let edge = kept.rfind(char::is_whitespace).filter(|edge| *edge * 4 > kept.len() * 3);
    let kept = edge.map_or(kept.as_str(), |edge| &kept[..edge]);
    format!("{}…", kept.trim_end())
}

/// Up to `most` characters of `text` around the byte `at`, so that what made the match is seen.
pub fn around(text: &str, at: usize, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let before = text.get(..at).map_or(0, |before| before.chars().count());
    let from = before.saturating_sub(most / 3);
    if from == 0 {
        return cut(text, most);
    }
    let rest: String = text.chars().skip(from).collect();
    let start = rest.find(char::is_whitespace).filter(|start| *start < most / 6).unwrap_or(0);
    format!("…{}", cut(rest[start..].trim_start(), most - 1))
}

/// Empty lines and spaces at the ends taken off, several empty lines made one.
pub fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

/// Broken into lines of at most `width` characters where words allow, each behind `prefix`.
pub fn wrap(text: &str, width: usize, prefix: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let joined = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && prefix.chars().count() + joined > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.iter().map(|line| format!("{prefix}{line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Why somebody was told.
pub fn told(reason: Reason) -> &'static str {
    match reason {
        Reason::Accountable => "to answer for it",
        Reason::Informed => "for information",
        Reason::Joined => "more mentions joined",
        Reason::Worse => "it got worse",
        Reason::AcknowledgementRanOut => "their time to act ran out",
        Reason::Reassigned => "it was handed over to them",
        Reason::Overdue => "it should have been resolved",
        Reason::Expired => "nobody else answered",
        Reason::Digest => "a digest",
        Reason::Notice => "about earmark itself",
    }
}

/// Why somebody was not told, or not at once.
pub fn held(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::NoTrigger => "no trigger asked for anybody to be told",
        HoldReason::NoPolicy => "the topic has no policy, so nobody is told about it",
        HoldReason::RuleError => "a trigger or route failed on it; the operator was told",
        HoldReason::AlreadyTold => "an edit of a post that was judged the same before",
        HoldReason::Imported => "imported, and asked not to escalate",
        HoldReason::OldNews => "already old when it was first seen",
        HoldReason::Silenced => "a silence was in force",
        HoldReason::OutsideHours => "waited for its reader's working hours",
        HoldReason::NoChannel => "no channel could reach its reader",
        HoldReason::NoLongerDue => "somebody had acted before it was sent",
        HoldReason::Throttled => "waited, because too many were sent at once",
    }
}

/// Why a text is gone, behind "The text is gone: ".
pub fn erased(reason: Option<ErasedFor>) -> &'static str {
    match reason {
        None => "its author took it back, or its time was over",
        Some(ErasedFor::DeletedByAuthor) => "its author deleted it",
        Some(ErasedFor::AuthorLeft) => "its author left the site",
        Some(ErasedFor::Retention) => "its time was over",
        Some(ErasedFor::Request) => "it was forgotten on request",
        Some(ErasedFor::Terms) => "the site's terms let nobody keep it for longer",
    }
}

/// Whether a "no" of this sort concerns a mention, for which nobody was told; the others concern
/// messages.
pub fn is_of_mention(reason: HoldReason) -> bool {
    use HoldReason as Why;
    matches!(
        reason,
        Why::NoTrigger | Why::NoPolicy | Why::RuleError | Why::AlreadyTold | Why::Imported | Why::OldNews
    )
}

/// Where a matter stands.
pub fn standing(state: &State) -> &'static str {
    match state {
        State::Open => "open, needs an answer",
        State::Acknowledged { .. } => "acknowledged, in hand",
        State::Resolved { .. } => "resolved",
        State::Expired { .. } => "expired, nobody answered",
    }
}

/// `1 mention`, `7 mentions`.
pub fn count(n: u64, one: &str) -> String {
    format!("{} {one}{}", figure(n), if n == 1 { "" } else { "s" })
}

/// `12,345`.
pub fn figure(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A score or a net sentiment with its sign: `−0.97`, `+24`, `0`.
pub fn signed(value: f64, decimals: usize) -> String {
    let written = format!("{:.decimals$}", value.abs());
    let is_zero = written.chars().all(|c| matches!(c, '0' | '.'));
    let sign = if is_zero {
        ""
    } else if value < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{written}")
}

/// `Anna`, `Anna and Ben`, `Anna, Ben and Cleo`.
pub fn list(names: &[String]) -> String {
    match names {
        [] => "nobody".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The address where a post stands, if a browser may open it: only the web's.
pub fn openable(url: &str) -> Option<&str> {
    let scheme = url.split_once("://")?.0;
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")).then_some(url)
}

/// `1 post`, `3 reviews`; mixed kinds are posts.
pub fn count_of(mentions: &[&RecordedMention]) -> String {
    let kind = match mentions {
        [first, rest @ ..] if rest.iter().all(|other| other.post().kind == first.post().kind) => {
            first.post().kind
        }
        _ => PostKind::Post,
    };
    let (one, many) = match kind {
        PostKind::Post => ("post", "posts"),
        PostKind::Comment => ("comment", "comments"),
        PostKind::Review => ("review", "reviews"),
        PostKind::Article => ("article", "articles"),
        PostKind::Ticket => ("ticket", "tickets"),
    };
    if mentions.len() == 1 { one.to_owned() } else { many.to_owned() }
}

/// How a mention leans, in two words at most.
pub fn leaning(sentiment: &Sentiment) -> &'static str {
    match sentiment.polarity {
        Polarity::Negative if sentiment.score <= -VERY => "very negative",
        Polarity::Negative => "negative",
        Polarity::Neutral => "neutral",
        Polarity::Positive if sentiment.score >= VERY => "very positive",
        Polarity::Positive => "positive",
        Polarity::Unsure => "unclear",
    }
}

/// How a mention leans, with the figures it rests on.
pub fn verdict(sentiment: &Sentiment) -> String {
    match sentiment.polarity {
        Polarity::Unsure => format!("unclear: {}; please judge for yourself", why_unsure(sentiment)),
        _ => format!(
            "{} (score {}{:.2}, the model is {} % sure)",
            leaning(sentiment),
            if sentiment.score < 0.0 { "−" } else { "+" },
            sentiment.score.abs(),
            percent(sentiment.confidence)
        ),
    }
}

/// What the model made of a text, in whole sentences.
pub fn judgement(sentiment: &Sentiment) -> String {
    let reads = match sentiment.doubted() {
        // A text that was not judged reads as nothing.
        Some(Doubt::Language | Doubt::Failed) => {
            sentence(&format!("{}; please judge for yourself", why_unsure(sentiment)))
        }
        _ => format!("It reads as {}.", verdict(sentiment)),
    };
    match sentiment.needs_answer.filter(|answer| answer.yes) {
        Some(answer) => format!("{reads} It {}.", asks(answer)),
        None => reads,
    }
}

/// `asks for an answer`, and what in it asks where the model says so.
pub fn asks(answer: NeedsAnswer) -> String {
    match answer.kind {
        Some(kind) => format!("asks for an answer: {}", asking(kind)),
        None => "asks for an answer".into(),
    }
}

/// What asks for an answer.
pub fn asking(kind: Asking) -> &'static str {
    match kind {
        Asking::Complaint => "it complains",
        Asking::Question => "it puts a question",
        Asking::Leaving => "somebody may leave",
    }
}

/// Why a verdict is unsure, of this one text.
pub fn why_unsure(sentiment: &Sentiment) -> String {
    let p = sentiment.probabilities;
    match (sentiment.doubted(), &sentiment.lang) {
        (Some(Doubt::Language), Some(lang)) => {
            format!("it is in {}, which the model does not read", language::name(lang))
        }
        (Some(Doubt::Language), None) => "it is in a language that the model does not read".into(),
        (Some(Doubt::Failed), _) => "the model could not judge it".into(),
        (Some(Doubt::Confidence) | None, _) => format!(
            "the model would not commit itself (negative {} %, neutral {} %, positive {} %)",
            percent(p.negative),
            percent(p.neutral),
            percent(p.positive)
        ),
    }
}

/// What a list says beside the polarity: why it is unsure, that it asks for an answer.
pub fn remarks(doubt: Option<Doubt>, wants_answer: Option<bool>, sentiment: &Sentiment) -> Vec<String> {
    let unsure = doubt.map(|_| format!("unsure: {}", why_unsure(sentiment)));
    let asks = (wants_answer == Some(true)).then(|| "asks for an answer".to_owned());
    unsure.into_iter().chain(asks).collect()
}

/// Why verdicts are unsure, of any text.
pub fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Confidence => "the model would not commit itself",
        Doubt::Language => "in a language that the model does not read",
        Doubt::Failed => "the model could not judge it",
    }
}

/// `87` for 0.87.
pub fn percent(p: f32) -> f32 {
    (p * 100.0).round()
}

/// With a capital and a full stop.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", rest.as_str())
}

/// The severity as a subject begins with it.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "Low",
        Severity::High => "High",
        Severity::Urgent => "Urgent",
    }
}

/// The site of a mention as people call it; else its source.
pub fn site(mention: &RecordedMention) -> String {
    let post = mention.post();
    match post.site.as_str() {
        "" => one_line(post.source.as_str(), 40),
        host => site_name(host),
    }
}

/// A site as people call it; its host name where we know no better.
pub fn site_name(host: &str) -> String {
    let name = match host {
        "news.ycombinator.com" => "Hacker News",
        "reddit.com" | "old.reddit.com" => "Reddit",
        "bsky.app" => "Bluesky",
        "youtube.com" => "YouTube",
        "github.com" => "GitHub",
        "apps.apple.com" => "App Store",
        "play.google.com" => "Google Play",
        "stackoverflow.com" => "Stack Overflow",
        host => host,
    };
    one_line(name, 40)
}

/// `Mon 12 Jan 14:32`, in the reader's zone; the year is added when it is another one than `now`'s.
pub fn moment(at: Timestamp, zone: &TimeZone, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let form = if at.year() == now.year() { "%a %-d %b %H:%M" } else { "%a %-d %b %Y %H:%M" };
    at.strftime(form).to_string()
}

/// The zone's name as a reader knows it: `Europe/Berlin`.
pub fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// `30 minutes`, `4 hours`, `1 day 2 hours`.
pub fn length(length: SignedDuration) -> String {
    let mut minutes = (length.as_secs().max(0) + 59) / 60;
    let mut parts = Vec::new();
    for (size, one, many) in [(1_440, "day", "days"), (60, "hour", "hours"), (1, "minute", "minutes")] {
        let count = minutes / size;
        minutes %= size;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    if parts.is_empty() { "a moment".into() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sentiment::{Model, Probabilities};

    #[test]
    fn foreign_text_cannot_act_on_a_screen() {
        let text = "a\u{1b}[31mred\u{202e}flip\u{200b}\u{7}\r\nb\u{2028}c\td";
        assert_eq!(clean(text), "a[31mredflip\nb\nc d");
        assert_eq!(one_line("High\r\nBcc: all@acme.example", 70), "High Bcc: all@acme.example");
        assert_eq!(clean("👩‍👩‍👧 family"), "👩‍👩‍👧 family", "joiners inside pictures stay");
    }

    #[test]
    fn long_text_is_cut_where_the_match_is_seen() {
        let text = format!("{} acme app lost my order {}", "before ".repeat(80), "after ".repeat(80));
        let at = text.find("acme").expect("it is there");
        let shown = around(&text, at, 120);
        assert!(shown.contains("acme app lost my order"), "{shown}");
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.chars().count() <= 120, "{shown}");
        assert_eq!(around("short", 3, 120), "short");
        assert!(around(&"ä".repeat(500), 301, 120).chars().count() <= 120, "inside a character");
    }

    #[test]
    fn lines_stay_short() {
        assert_eq!(wrap("one two three four", 10, "> "), "> one two\n> three\n> four");
        assert_eq!(length(SignedDuration::from_secs(1_741)), "30 minutes");
        assert_eq!(length(SignedDuration::from_hours(26)), "1 day 2 hours");
    }

    #[test]
    fn figures_are_read_at_a_glance() {
        assert_eq!(count(1, "mention"), "1 mention");
        assert_eq!(count(1_234_567, "mention"), "1,234,567 mentions");
        let signs = [signed(-0.974, 2), signed(24.4, 0), signed(-0.2, 0), signed(0.0, 2)];
        assert_eq!(signs, ["−0.97", "+24", "0", "0.00"]);
        assert_eq!(list(&["Care".into(), "Sales".into(), "Press".into()]), "Care, Sales and Press");
    }

    #[test]
    fn a_judgement_says_what_a_reader_needs() {
        let model = Model { name: "made".into(), version: "1".into() };
        let sure = Probabilities { negative: 0.93, neutral: 0.04, positive: 0.03 };
        let mut verdict = Sentiment::judge(sure, 0.55, model.clone());
        assert_eq!(judgement(&verdict), "It reads as very negative (score −0.90, the model is 93 % sure).");
        verdict.needs_answer = Some(NeedsAnswer { probability: 0.8, yes: true, kind: None });
        assert!(judgement(&verdict).ends_with("sure). It asks for an answer."));
        assert_eq!(remarks(None, verdict.wants_answer(), &verdict), ["asks for an answer"]);
        verdict.needs_answer = Some(NeedsAnswer { probability: 0.8, yes: true, kind: Some(Asking::Leaving) });
        assert!(judgement(&verdict).ends_with("It asks for an answer: somebody may leave."));
        let mut foreign = Sentiment::unsure(Doubt::Language, model.clone());
        assert!(judgement(&foreign).starts_with("It is in a language that the model does not read;"));
        foreign.lang = Some("de".into());
        let said = "It is in German, which the model does not read; please judge for yourself.";
        assert_eq!(judgement(&foreign), said);
        assert!(!judgement(&foreign).contains('%'), "there is no confidence behind it");
        let failed = Sentiment::unsure(Doubt::Failed, model);
        assert_eq!(judgement(&failed), "The model could not judge it; please judge for yourself.");
    }

    #[test]
    fn a_browser_is_sent_only_to_the_web() {
        assert_eq!(openable("HTTPS://acme.example/1"), Some("HTTPS://acme.example/1"));
        for url in ["javascript:alert(1)", "javascript://x%0aalert(1)", "data:text/html,x", "//acme.example"]
        {
            assert_eq!(openable(url), None, "{url}");
        }
    }
}
