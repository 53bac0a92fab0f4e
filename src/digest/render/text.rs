//! A digest as plain text, at most 78 characters wide except for addresses.

use super::said;
use crate::digest::figures::{Digest, Line, Pick};
use crate::domain::sentiment::{Counts, Polarity};
use crate::domain::words;

/// Plain mail's width.
const WIDTH: usize = 78;
/// What a topic's or owner's name may take of it.
const NAME: usize = 26;

/// Plain text.
pub fn text(digest: &Digest) -> String {
    let mut parts = vec![wrap(&said::title(digest), "") + "\n" + &wrap(&said::window(digest), "")];
    parts.push(volume(digest));
    for (title, key, lines) in
        [("topic", "topic", rows(&digest.topics)), ("owner", "owner", rows(&digest.owners))]
    {
        if lines.len() > 1 {
            parts.push(table(title, &lines, digest, key));
        }
    }
    parts.push(escalations(digest));
    parts.push(picks("MOST NEGATIVE", &digest.worst, digest));
    parts.push(picks("MOST POSITIVE", &digest.best, digest));
    parts.push(section("WHAT WE COULD NOT SEE", &said::coverage(digest)));
    let held = held(digest);
    if !held.is_empty() {
        parts.push(held);
    }
    parts.push(wrap(said::NET, ""));
    parts.join("\n\n") + "\n"
}

fn volume(digest: &Digest) -> String {
    let counts = digest.volume.counts;
    let polarities: Vec<String> = Polarity::ALL
        .iter()
        .map(|polarity| format!("{} {}", words::figure(counts.of(*polarity)), polarity.as_str()))
        .collect();
    let mut lines = vec![
        format!(
            "{}, {}.",
            words::count(counts.total(), "mention"),
            said::change(counts.total(), digest.before.total())
        ),
        format!("Net sentiment {}, {}.", said::net(counts), said::net_change(counts, digest.before)),
        format!("{}.", polarities.join(", ")),
    ];
    lines.extend(said::unsure(digest));
    lines.extend(said::answers(digest).map(|(count, ask)| format!("{} {ask}.", words::figure(count))));
    lines.extend(said::corrected(digest));
    let mut out = section("MENTIONS", &lines);
    if let Some(link) = said::mentions_link(digest, None, None) {
        out.push_str(&format!("\n  {link}"));
    }
    for (what, link) in [
        ("To review", said::special_link(digest, "/review", "").filter(|_| counts.unsure > 0)),
        ("Asking for an answer", answers_link(digest)),
    ] {
        if let Some(link) = link {
            out.push_str(&format!("\n  {what}:\n    {link}"));
        }
    }
    out
}

fn answers_link(digest: &Digest) -> Option<String> {
    said::answers(digest).and_then(|_| said::special_link(digest, "/mentions", "needs_answer=true&"))
}

type Row<'a> = (String, &'a str, Counts);

fn rows<Id: std::fmt::Display>(lines: &[Line<Id>]) -> Vec<Row<'_>> {
    lines.iter().map(|line| (line.id.to_string(), line.name.as_str(), line.volume.counts)).collect()
}

fn table(title: &str, rows: &[Row<'_>], digest: &Digest, key: &str) -> String {
    let mut out = format!(
        "  {:<NAME$} {:>6} {:>9} {:>8} {:>9} {:>7} {:>5}",
        format!("by {title}"),
        "all",
        "negative",
        "neutral",
        "positive",
        "unsure",
        "net"
    );
    for (_, name, counts) in rows {
        let name = words::one_line(name, NAME);
        let pad = " ".repeat(NAME.saturating_sub(name.chars().count()));
        let net = counts.net().map_or_else(|| "–".into(), |net| words::signed(net, 0));
        out.push_str(&format!(
            "\n  {name}{pad} {:>6} {:>9} {:>8} {:>9} {:>7} {net:>5}",
            counts.total(),
            counts.negative,
            counts.neutral,
            counts.positive,
            counts.unsure
        ));
    }
    for (id, name, _) in rows {
        if let Some(link) = said::mentions_link(digest, Some((key, id)), None) {
            out.push_str(&format!("\n  {}:\n    {link}", words::one_line(name, NAME)));
        }
    }
    out
}

fn escalations(digest: &Digest) -> String {
    let mut out = section("ESCALATIONS", &said::matters(digest));
    for one in &digest.matters.shown {
        let (head, standing) = said::matter(one, digest);
        out.push_str(&format!("\n\n{}\n{}", wrap(&head, "  "), wrap(&said::capital(&standing), "    ")));
        if let Some(link) = said::escalation_link(digest, one.id) {
            out.push_str(&format!("\n    {link}"));
        }
    }
    out
}

fn picks(title: &str, picks: &[Pick], digest: &Digest) -> String {
    if picks.is_empty() {
        return section(title, &["None.".into()]);
    }
    let mut out = title.to_owned();
    for (place, pick) in picks.iter().enumerate() {
        let gap = if place == 0 { "" } else { "\n" };
        let indent = "         ";
        let excerpt = wrap(&words::one_line(&pick.excerpt, 300), indent);
        let score = words::signed(f64::from(pick.score), 2);
        out.push_str(&format!("{gap}\n  {score}  {}", excerpt.trim_start()));
        let asks = if pick.needs_answer == Some(true) { ". It asks for an answer." } else { "" };
        out.push_str(&format!("\n{}", wrap(&format!("{}{asks}", said::byline(pick, digest)), indent)));
        if let Some(url) = pick.url.as_deref().and_then(words::openable) {
            out.push_str(&format!("\n{indent}{}", words::one_line(url, 500)));
        }
    }
    out
}

fn held(digest: &Digest) -> String {
    let mut out = Vec::new();
    for (title, rows) in said::held(digest) {
        out.push(format!("  {}", said::capital(&title)));
        out.extend(rows.iter().map(|(count, why)| format!("  {:>6}  {why}", words::figure(*count))));
    }
    if out.is_empty() { String::new() } else { format!("NOT TOLD, AND WHY\n{}", out.join("\n")) }
}

fn section(title: &str, sentences: &[String]) -> String {
    let sentences: Vec<String> = sentences.iter().map(|sentence| wrap(sentence, "  ")).collect();
    format!("{title}\n{}", sentences.join("\n"))
}

fn wrap(text: &str, indent: &str) -> String {
    words::wrap(&words::clean(text), WIDTH, indent)
}
