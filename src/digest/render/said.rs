//! The sentences of a digest, and the addresses behind its figures; laid out by `text` and `html`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::digest::figures::{Digest, Matter, Pick, Watch};
use crate::domain::escalation::State;
use crate::domain::id::EscalationId;
use crate::domain::notification::HoldReason;
use crate::domain::sentiment::{Counts, Doubt, Polarity};
use crate::domain::words;

/// `Daily digest for Customer care`.
pub fn title(digest: &Digest) -> String {
    let id = words::one_line(digest.id.as_str(), 60);
    capital(&format!("{id} digest for {}", words::one_line(&digest.reader_name, 60)))
}

/// From when until when, in the reader's zone.
pub fn window(digest: &Digest) -> String {
    let zone = zone(digest);
    let name = words::zone_name(&zone);
    let from = when(digest.window.from, &zone, digest);
    let until = when(digest.window.until, &zone, digest);
    // `CET` needs a word more, `UTC` does not.
    let place = if until.ends_with(name) { String::new() } else { format!(" ({name})") };
    let whose = if digest.all_owners { "All owners." } else { "What is routed to you." };
    format!("From {from} to {until}{place}. {whose}")
}

/// `12 more than in the window before (18)`.
pub fn change(now: u64, before: u64) -> String {
    let figure = words::figure;
    match now.cmp(&before) {
        std::cmp::Ordering::Equal => format!("as many as in the window before ({})", figure(before)),
        std::cmp::Ordering::Greater => {
            format!("{} more than in the window before ({})", figure(now - before), figure(before))
        }
        std::cmp::Ordering::Less => {
            format!("{} fewer than in the window before ({})", figure(before - now), figure(before))
        }
    }
}

/// `−24 (n 30)`.
pub fn net(counts: Counts) -> String {
    match counts.net() {
        Some(net) => format!("{} (n {})", words::signed(net, 0), words::figure(counts.total())),
        None => "– (n 0)".into(),
    }
}

/// `down 34 from +10 (n 18) in the window before`.
pub fn net_change(now: Counts, before: Counts) -> String {
    match (now.net(), before.net()) {
        (Some(current), Some(earlier)) => {
            // The difference of what is shown, so that a reader who subtracts gets the same.
            let moved = current.round() - earlier.round();
            let by = match moved {
                moved if moved > 0.0 => format!("up {moved:.0} from"),
                moved if moved < 0.0 => format!("down {:.0} from", -moved),
                _ => "as before:".into(),
            };
            format!("{by} {} in the window before", net(before))
        }
        (_, None) => "no mentions in the window before to compare with".into(),
        (None, Some(_)) => format!("before {}", net(before)),
    }
}

/// How many of the figures rest on a person's word; none where nobody said any.
pub fn corrected(digest: &Digest) -> Option<String> {
    match digest.volume.corrected.len() {
        0 => None,
        1 => Some("1 of them counts as a person said, not the model.".into()),
        n => Some(format!("{} of them count as a person said, not the model.", words::figure(n as u64))),
    }
}

/// The list behind that figure.
pub fn corrected_link(digest: &Digest) -> Option<String> {
    mentions_link(digest, Some(("corrected", "true")), None)
}

/// What net sentiment is.
pub const NET: &str = "Net sentiment: positive less negative, as a share of all n mentions, −100 to +100.";

/// What a person should look at, with how many of each reason; none where nothing is unsure.
pub fn unsure(digest: &Digest) -> Option<String> {
    let reasons: Vec<String> = digest
        .unsure
        .iter()
        .map(|one| format!("{} because {}", words::figure(one.ids.len() as u64), because(one.doubt)))
        .collect();
    (!reasons.is_empty()).then(|| format!("Unsure: {}. A person should look.", reasons.join(", ")))
}

fn because(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Confidence => "the model would not commit itself",
        Doubt::Language => "the model does not read their language",
        Doubt::Failed => "the model could not judge them",
    }
}

/// How many ask for an answer; none where none does.
pub fn answers(digest: &Digest) -> Option<(u64, &'static str)> {
    let count = digest.needs_answer.len() as u64;
    (count > 0).then_some((count, if count == 1 { "asks for an answer" } else { "ask for an answer" }))
}

/// What escalated and how fast it was answered.
pub fn matters(digest: &Digest) -> Vec<String> {
    let matters = &digest.matters;
    let mut said = Vec::new();
    if !matters.expired.is_empty() {
        said.push(match matters.expired.len() {
            1 => "Nobody answered 1 escalation in time; it is still open.".into(),
            n => format!("Nobody answered {n} escalations in time; they are still open."),
        });
    }
    let opened = matters.opened.len();
    if opened == 0 {
        said.push("None was opened.".into());
    } else {
        said.push(format!(
            "{opened} opened, {} of them answered, {} resolved.",
            matters.answered.len(),
            matters.resolved.len()
        ));
    }
    match (matters.answered.len(), matters.median_answer, matters.slowest_answer) {
        (1, Some(median), _) => said.push(format!("It was answered after {}.", words::length(median))),
        (_, Some(median), Some(slowest)) => said.push(format!(
            "Half of the answers came within {}, the slowest after {}.",
            words::length(median),
            words::length(slowest)
        )),
        _ => {}
    }
    said.push(match matters.unresolved.len() {
        0 => "Nothing is open now.".into(),
        1 => "1 is open now, whenever it was opened.".into(),
        n => format!("{n} are open now, whenever they were opened."),
    });
    said
}

/// One escalation: `High, 7 mentions of Acme app` and where it stands.
pub fn matter(one: &Matter, digest: &Digest) -> (String, String) {
    let zone = zone(digest);
    let head = format!(
        "{}: {} of {}",
        words::severity(one.severity),
        words::count(one.mentions, "mention"),
        words::one_line(&one.topic_name, 60)
    );
    let who = words::one_line(&one.accountable_name, 60);
    let standing = match &one.state {
        State::Open => format!("open, {who} answers for it"),
        State::Acknowledged { until, .. } => {
            format!("{who} has it in hand until {}", when(*until, &zone, digest))
        }
        State::Resolved { .. } => "resolved".into(),
        State::Expired { .. } => format!("nobody answered in time, {who} answers for it now"),
    };
    let answered = match one.answered_after {
        Some(after) => format!("answered after {}", words::length(after)),
        None => "not answered yet".into(),
    };
    (head, format!("opened {}; {answered}; {standing}", when(one.opened_at, &zone, digest)))
}

/// Where we were blind (P6).
pub fn coverage(digest: &Digest) -> Vec<String> {
    let zone = zone(digest);
    let all = digest.coverage.len();
    let blind: Vec<&Watch> = digest.coverage.iter().filter(|watch| watch.is_blind()).collect();
    let mut said = vec![match (blind.len(), all) {
        (_, 0) => "No source has been read yet: nothing was heard at all.".into(),
        (0, 1) => "Nothing that we know of: the one source was read without a gap.".into(),
        (0, all) => format!("Nothing that we know of: all {all} sources were read without a gap."),
        (blind, all) => format!(
            "{blind} of {} could not be read all the time; what was said there meanwhile is missing above.",
            words::count(all as u64, "source")
        ),
    }];
    said.extend(blind.into_iter().flat_map(|watch| blind_sentences(watch, digest, &zone)));
    for watch in &digest.coverage {
        said.extend(watch.quiet_since.map(|since| {
            let since = when(since, &zone, digest);
            format!(
                "{}: answers, and has given nothing new since {since}, which is not its habit.",
                watch.source
            )
        }));
    }
    let repaired = digest.coverage.iter().flat_map(|watch| &watch.gaps);
    match repaired.filter(|blind| blind.repaired_at.is_some()).count() {
        0 => {}
        1 => said.push("1 stretch in which a source was not watched has been read afterwards.".into()),
        n => said.push(format!("{n} stretches in which a source was not watched have been read afterwards.")),
    }
    said
}

fn blind_sentences(watch: &Watch, digest: &Digest, zone: &TimeZone) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(since) = watch.failing_since {
        let error = watch.last_error.as_deref().map_or_else(
            || "it gave no reason".into(),
            |error| words::one_line(error, 160).trim_end_matches('.').to_owned(),
        );
        said.push(format!("{}: cannot be read since {}: {error}.", watch.source, when(since, zone, digest)));
    } else if watch.answered_at.is_none() {
        said.push(format!("{}: has never answered yet.", watch.source));
    }
    for part in &watch.unread {
        let (since, part) = (when(part.since, zone, digest), words::one_line(&part.words(), 300));
        said.push(format!("{}: is read in part since {since}: {part}.", watch.source));
    }
    if let Some(since) = watch.behind_since.filter(|_| watch.failing_since.is_none()) {
        let through = watch.fetched_through.map_or(since, |through| through.max(since));
        let through = when(through, zone, digest);
        said.push(format!(
            "{}: read through to {through}; what has piled up since is being read.",
            watch.source
        ));
    }
    for gap in watch.gaps.iter().filter(|blind| blind.repaired_at.is_none()).map(|blind| &blind.gap) {
        let from = match gap.from {
            Some(from) => format!("from {} to", when(from, zone, digest)),
            None => "up to".into(),
        };
        said.push(format!(
            "{}: not heard {from} {}, {}.",
            watch.source,
            when(gap.until, zone, digest),
            gap.cause.words()
        ));
    }
    said
}

/// Counts of "no"s in words: of mentions first, then of messages.
pub fn held(digest: &Digest) -> Vec<(String, Vec<(u64, &'static str)>)> {
    let of = |is_of_mention: bool| -> Vec<(HoldReason, u64)> {
        digest.held.iter().copied().filter(|(why, _)| words::is_of_mention(*why) == is_of_mention).collect()
    };
    [(true, "mention", "for which nobody was told"), (false, "message", "held back or not sent")]
        .into_iter()
        .filter_map(|(is_of_mention, what, how)| {
            let rows = of(is_of_mention);
            let sum: u64 = rows.iter().map(|(_, count)| count).sum();
            let rows = rows.iter().map(|(why, count)| (*count, words::held(*why))).collect();
            (sum > 0).then(|| (format!("{} {how}:", words::count(sum, what)), rows))
        })
        .collect()
}

/// By whom, where, when.
pub fn byline(pick: &Pick, digest: &Digest) -> String {
    let author =
        pick.author.as_deref().map_or_else(|| "somebody".into(), |author| words::one_line(author, 60));
    let site =
        if pick.site.is_empty() { String::new() } else { format!(", {}", words::site_name(&pick.site)) };
    format!("{author}{site}, {}", when(pick.at, &zone(digest), digest))
}

/// The reader's zone.
pub fn zone(digest: &Digest) -> TimeZone {
    TimeZone::get(&digest.timezone).unwrap_or(TimeZone::UTC)
}

/// `Mon 12 Jan 14:32 CET`.
fn when(at: Timestamp, zone: &TimeZone, digest: &Digest) -> String {
    let short = at.to_zoned(zone.clone()).strftime("%Z").to_string();
    format!("{} {short}", words::moment(at, zone, digest.window.until))
}

/// The list behind a figure; none where readers cannot reach the pages.
pub fn mentions_link(
    digest: &Digest,
    place: Option<(&str, &str)>,
    polarity: Option<Polarity>,
) -> Option<String> {
    let base = digest.public_url.as_ref()?;
    let mut query =
        vec![("from", digest.window.from.to_string()), ("until", digest.window.until.to_string())];
    query.extend(place.map(|(key, value)| (key, value.to_owned())));
    if !digest.all_owners && place.is_none_or(|(key, _)| key != "owner") {
        query.push(("owner", digest.reader.to_string()));
    }
    query.extend(polarity.map(|polarity| ("polarity", polarity.as_str().to_owned())));
    let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect();
    Some(format!("{base}/mentions?{}", query.join("&")))
}

/// The list behind a figure that has a page or a part of the address of its own.
pub fn special_link(digest: &Digest, path: &str, part: &str) -> Option<String> {
    mentions_link(digest, None, None).map(|link| link.replacen("/mentions?", &format!("{path}?{part}"), 1))
}

/// The page of an escalation; none where readers cannot reach the pages.
pub fn escalation_link(digest: &Digest, id: EscalationId) -> Option<String> {
    digest.public_url.as_ref().map(|base| format!("{base}/escalations/{id}"))
}

fn escape(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// With a capital.
pub fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}
