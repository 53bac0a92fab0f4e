//! A digest in words: plain text for terminals and mail, HTML for mail and browsers, JSON for
//! machines. Foreign text is escaped in HTML and stripped of control characters in text.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use super::figures::{Digest, Line, Pick, Volume, Watch};
use crate::domain::duration;
use crate::domain::sentiment::{Counts, Polarity};

/// One line for a mail's subject.
pub fn subject(digest: &Digest) -> String {
    let counts = digest.volume.counts;
    let waiting = digest.matters.unresolved.len();
    let waiting = if waiting == 0 { String::new() } else { format!(", {waiting} open") };
    format!("{}: {} mentions, net sentiment {}{waiting}", digest.id, counts.total(), net(counts))
}

/// Plain text.
pub fn text(digest: &Digest) -> String {
    let zone = zone(digest);
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&format!("{} for {}", digest.id, plain(&digest.reader_name)));
    line(&format!("{} to {}", when(digest.window.from, &zone), when(digest.window.until, &zone)));
    line("");
    line(&format!("MENTIONS  {}", volume_words(&digest.volume, digest.before)));
    for (title, lines) in [("By topic", named(&digest.topics)), ("By owner", named(&digest.owners))] {
        if lines.len() > 1 {
            line(&format!("{title}:"));
            for (name, counts, before) in &lines {
                line(&format!("  {:<24} {}", plain(name), counts_words(*counts, *before)));
            }
        }
    }
    line("");
    line("ESCALATIONS");
    for sentence in matter_sentences(digest) {
        line(&format!("  {sentence}"));
    }
    for (title, picks) in [("MOST NEGATIVE", &digest.worst), ("MOST POSITIVE", &digest.best)] {
        line("");
        line(title);
        if picks.is_empty() {
            line("  none");
        }
        for pick in picks {
            line(&format!("  {:+.2}  {}", pick.score, plain(&pick.excerpt)));
            line(&format!("         {}", plain(&byline(pick, &zone))));
            if let Some(url) = &pick.url {
                line(&format!("         {}", plain(url)));
            }
        }
    }
    line("");
    line("WHAT WE COULD NOT SEE");
    for sentence in coverage_sentences(digest, &zone) {
        line(&format!("  {}", plain(&sentence)));
    }
    if !digest.held.is_empty() {
        line("");
        line("NOT ESCALATED, NOT SENT");
        for (reason, count) in &digest.held {
            line(&format!("  {count:>5}  {}", reason.as_str().replace('_', " ")));
        }
    }
    out
}

/// A whole page, styles inline, nothing fetched from elsewhere.
pub fn html(digest: &Digest) -> String {
    let zone = zone(digest);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (subject(digest)) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (digest.id) }
                    p.quiet {
                        "For " (digest.reader_name) ". " (when(digest.window.from, &zone)) " to "
                        (when(digest.window.until, &zone)) "."
                    }
                    (headline(digest))
                    (table("By topic", "topic", digest, &digest.topics))
                    (table("By owner", "owner", digest, &digest.owners))
                    h2 { "Escalations" }
                    @for sentence in matter_sentences(digest) { p { (sentence) } }
                    (picks("Most negative", &digest.worst, &zone))
                    (picks("Most positive", &digest.best, &zone))
                    h2 { "What we could not see" }
                    @for sentence in coverage_sentences(digest, &zone) { p { (sentence) } }
                    @if !digest.held.is_empty() {
                        h2 { "Not escalated, not sent" }
                        table { tbody {
                            @for (reason, count) in &digest.held {
                                tr { td.number { (count) } td { (reason.as_str().replace('_', " ")) } }
                            }
                        } }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// All figures with their ids.
pub fn json(digest: &Digest) -> serde_json::Value {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        digest: &'a Digest,
        net_sentiment: Option<f64>,
        net_sentiment_before: Option<f64>,
    }
    let whole = Whole {
        digest,
        net_sentiment: digest.volume.counts.net(),
        net_sentiment_before: digest.before.net(),
    };
    // Only maps with string keys and numbers that JSON has: it cannot fail.
    serde_json::to_value(whole).unwrap_or_default()
}

const STYLE: &str = "body{margin:0;font:16px/1.5 system-ui,sans-serif}main{max-width:40rem;margin:auto;padding:1rem}\
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.3rem .5rem .3rem 0;border-bottom:1px solid #8884}.number{text-align:right;\
font-variant-numeric:tabular-nums}.quiet{opacity:.75}blockquote{margin:.8rem 0;padding-left:.8rem;\
border-left:3px solid #888}.big{font-size:1.6rem;font-weight:600}a{color:inherit}";

fn headline(digest: &Digest) -> Markup {
    let counts = digest.volume.counts;
    html! {
        p { span.big { (link(digest, None, None, &counts.total().to_string())) } " mentions" (change(counts.total(), digest.before.total())) }
        p {
            span.big { (net(counts)) } " net sentiment"
            @if let Some(before) = digest.before.net() { span.quiet { " (before: " (format!("{before:+.0}")) ", n " (digest.before.total()) ")" } }
        }
        p {
            @for polarity in Polarity::ALL {
                (link(digest, None, Some(polarity), &counts.of(polarity).to_string())) " " (polarity.as_str()) " "
            }
        }
    }
}

fn table<Id: std::fmt::Display>(title: &str, key: &str, digest: &Digest, lines: &[Line<Id>]) -> Markup {
    html! {
        @if lines.len() > 1 {
            h2 { (title) }
            table {
                thead { tr { th { (key) } th.number { "mentions" } th.number { "negative" } th.number { "positive" } th.number { "net" } } }
                tbody {
                    @for line in lines {
                        @let place = (key, line.id.to_string());
                        @let counts = line.volume.counts;
                        tr {
                            td { (line.name) }
                            td.number { (link(digest, Some(&place), None, &counts.total().to_string())) }
                            td.number { (link(digest, Some(&place), Some(Polarity::Negative), &counts.negative.to_string())) }
                            td.number { (link(digest, Some(&place), Some(Polarity::Positive), &counts.positive.to_string())) }
                            td.number { (net(counts)) }
                        }
                    }
                }
            }
        }
    }
}

fn picks(title: &str, picks: &[Pick], zone: &TimeZone) -> Markup {
    html! {
        h2 { (title) }
        @if picks.is_empty() { p { "None." } }
        @for pick in picks {
            blockquote {
                (pick.excerpt) br;
                span.quiet { (format!("{:+.2}", pick.score)) ", " (byline(pick, zone)) }
                @if let Some(url) = pick.url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
                    " " a href=(url) rel="noreferrer" { "open" }
                }
            }
        }
    }
}

/// A figure that opens: the mentions behind it.
fn link(digest: &Digest, place: Option<&(&str, String)>, polarity: Option<Polarity>, text: &str) -> Markup {
    let Some(base) = &digest.public_url else { return html! { (text) } };
    let mut query =
        vec![("from", digest.window.from.to_string()), ("until", digest.window.until.to_string())];
    if let Some((key, value)) = place {
        query.push((key, value.clone()));
    }
    if !digest.all_owners && place.is_none_or(|(key, _)| *key != "owner") {
        query.push(("owner", digest.reader.to_string()));
    }
    if let Some(polarity) = polarity {
        query.push(("polarity", polarity.as_str().to_owned()));
    }
    let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect();
    html! { a href=(format!("{base}/mentions?{}", query.join("&"))) { (text) } }
}

fn escape(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn named<Id>(lines: &[Line<Id>]) -> Vec<(&str, Counts, Counts)> {
    lines.iter().map(|line| (line.name.as_str(), line.volume.counts, line.before)).collect()
}

fn volume_words(volume: &Volume, before: Counts) -> String {
    counts_words(volume.counts, before)
}

fn counts_words(counts: Counts, before: Counts) -> String {
    let parts: Vec<String> =
        Polarity::ALL.iter().map(|one| format!("{} {}", counts.of(*one), one.as_str())).collect();
    let before_net = before.net().map(|net| format!(", before {net:+.0}")).unwrap_or_default();
    format!(
        "{}{}: {}; net {}{before_net}",
        counts.total(),
        change(counts.total(), before.total()),
        parts.join(", "),
        net(counts)
    )
}

fn net(counts: Counts) -> String {
    counts.net().map_or_else(|| "–".into(), |net| format!("{net:+.0} (n {})", counts.total()))
}

fn change(now: u64, before: u64) -> String {
    format!(" ({:+} on {before} before)", i128::from(now) - i128::from(before))
}

fn matter_sentences(digest: &Digest) -> Vec<String> {
    let matters = &digest.matters;
    let mut sentences = vec![format!(
        "{} opened, {} answered, {} resolved. {} open now.",
        matters.opened.len(),
        matters.answered.len(),
        matters.resolved.len(),
        matters.unresolved.len()
    )];
    let speed = |d: SignedDuration| duration::words(d);
    if let (Some(median), Some(slowest)) = (matters.median_answer, matters.slowest_answer) {
        sentences.push(format!(
            "Answered within {} in the middle, {} at the slowest.",
            speed(median),
            speed(slowest)
        ));
    }
    if !matters.expired.is_empty() {
        let ids: Vec<String> = matters.expired.iter().map(ToString::to_string).collect();
        sentences.push(format!("Nobody answered {} of them: {}.", matters.expired.len(), ids.join(", ")));
    }
    sentences
}

fn coverage_sentences(digest: &Digest, zone: &TimeZone) -> Vec<String> {
    let mut sentences = Vec::new();
    for watch in digest.coverage.iter().filter(|watch| watch.is_blind()) {
        sentences.extend(blind_sentences(watch, zone));
    }
    let whole = digest.coverage.iter().filter(|watch| !watch.is_blind()).count();
    sentences.push(match (whole, digest.coverage.len()) {
        (_, 0) => "No source has been read yet.".into(),
        (1, 1) => "Nothing that we know of: the one source was read without a gap.".into(),
        (whole, all) if whole == all => {
            format!("Nothing that we know of: all {all} sources were read without a gap.")
        }
        (whole, all) => format!("{whole} of {all} sources were read without a gap."),
    });
    sentences
}

fn blind_sentences(watch: &Watch, zone: &TimeZone) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(since) = watch.failing_since {
        let error = watch.last_error.as_deref().unwrap_or("no reason given");
        sentences.push(format!("{} has given nothing since {}: {error}.", watch.source, when(since, zone)));
    } else if watch.answered_at.is_none() {
        sentences.push(format!("{} has never answered yet.", watch.source));
    }
    for gap in &watch.gaps {
        let from = gap.from.map_or_else(|| "an unknown time".into(), |from| when(from, zone));
        sentences.push(format!("{} from {from} to {}: {}.", watch.source, when(gap.until, zone), gap.detail));
    }
    sentences
}

fn byline(pick: &Pick, zone: &TimeZone) -> String {
    let author = pick.author.as_deref().map(|author| format!("{author}, ")).unwrap_or_default();
    let site = if pick.site.is_empty() { String::new() } else { format!("{}, ", pick.site) };
    format!("{author}{site}{}", when(pick.at, zone))
}

fn when(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string()
}

fn zone(digest: &Digest) -> TimeZone {
    TimeZone::get(&digest.timezone).unwrap_or(TimeZone::UTC)
}

/// Without control characters and direction overrides: foreign text goes to terminals and mails.
fn plain(text: &str) -> String {
    let hidden =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !c.is_control() && !hidden(*c)).collect()
}
