//! A digest as HTML that survives mail programs: every style inline, layout by tables, nothing
//! fetched from elsewhere. Texts keep the colours of the mail program, so that its dark mode is
//! readable; ours only fill the bars, beside which the same stands in words.

use maud::{DOCTYPE, Markup, html};

use super::{said, subject};
use crate::digest::figures::{Digest, Line, Pick};
use crate::domain::sentiment::{Counts, Polarity};
use crate::domain::words;

const BODY: &str = "margin:0;padding:16px;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,sans-serif;\
                    overflow-wrap:break-word";
const COLUMN: &str = "max-width:640px;margin:0 auto";
const H1: &str = "font-size:22px;line-height:1.25;margin:0 0 4px";
const H2: &str = "font-size:17px;margin:28px 0 6px;padding-top:12px;border-top:1px solid #8a8f98";
const SMALL: &str = "font-size:14px;opacity:.8";
const P: &str = "margin:6px 0";
const BIG: &str = "font-size:28px;font-weight:700;line-height:1.2";
const HEAD: &str =
    "text-align:right;font-size:13px;font-weight:600;padding:4px 0 4px 8px;border-bottom:1px solid #8a8f98";
const NAME: &str = "text-align:left;font-weight:400;padding:6px 0;border-bottom:1px solid #8a8f98";
const CELL: &str =
    "text-align:right;padding:6px 0 6px 8px;border-bottom:1px solid #8a8f98;white-space:nowrap";
const QUOTE: &str =
    "overflow-wrap:anywhere;margin:12px 0 0;padding:2px 0 2px 12px;border-left:4px solid #8a8f98";

/// A whole page.
pub fn html(digest: &Digest) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (subject(digest)) }
                style { ":root{color-scheme:light dark}" }
            }
            body style=(BODY) { div style=(COLUMN) {
                h1 style=(H1) { (said::title(digest)) }
                p style=(format!("{P};{SMALL}")) { (said::window(digest)) }
                (volume(digest))
                (table("By topic", "topic", digest, &digest.topics))
                (table("By owner", "owner", digest, &digest.owners))
                (escalations(digest))
                (picks("Most negative", &digest.worst, digest))
                (picks("Most positive", &digest.best, digest))
                h2 style=(H2) { "What we could not see" }
                @for sentence in said::coverage(digest) { p style=(P) { (sentence) } }
                (held(digest))
                p style=(format!("margin:28px 0 0;{SMALL}")) { (said::NET) }
            } }
        }
    };
    page.into_string()
}

fn volume(digest: &Digest) -> Markup {
    let counts = digest.volume.counts;
    html! {
        p style="margin:16px 0 0" {
            span style=(BIG) { (link(digest, None, None, counts.total())) } " "
            (if counts.total() == 1 { "mention" } else { "mentions" })
            br; span style=(SMALL) { (said::change(counts.total(), digest.before.total())) }
        }
        p style="margin:12px 0 8px" {
            span style=(BIG) { (said::net(counts)) } " net sentiment"
            br; span style=(SMALL) { (said::net_change(counts, digest.before)) }
        }
        (bar(counts))
        p style=(P) {
            @for (place, polarity) in Polarity::ALL.iter().enumerate() {
                @if place > 0 { ", " }
                span style=(format!("display:inline-block;width:10px;height:10px;background:{}", colour(*polarity))) {}
                " " (link(digest, None, Some(*polarity), counts.of(*polarity))) " " (polarity.as_str())
            }
        }
        @if let Some(corrected) = said::corrected(digest) {
            p style=(format!("{P};{SMALL}")) {
                @match said::corrected_link(digest) {
                    Some(link) => { a href=(link) { (corrected) } }
                    None => { (corrected) }
                }
            }
        }
        @if let Some(unsure) = said::unsure(digest) {
            p style=(format!("{P};{SMALL}")) {
                (unsure)
                @if let Some(link) = said::special_link(digest, "/review", "") { " " a href=(link) { "Review them" } }
            }
        }
        @if let Some((count, ask)) = said::answers(digest) {
            p style=(P) {
                @match said::special_link(digest, "/mentions", "needs_answer=true&") {
                    Some(link) => { a href=(link) { (words::figure(count)) } }
                    None => { (words::figure(count)) }
                }
                " " (ask) "."
            }
        }
    }
}

/// Shares as widths. The words below say the same.
fn bar(counts: Counts) -> Markup {
    let total = counts.total().max(1);
    html! {
        @if counts.total() > 0 {
            table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse" {
                tr {
                    @for polarity in Polarity::ALL.iter().filter(|polarity| counts.of(**polarity) > 0) {
                        td width=(format!("{}%", (counts.of(*polarity) * 100 / total).max(1)))
                            style=(format!("background:{};height:12px;font-size:0;line-height:0", colour(*polarity))) { "\u{a0}" }
                    }
                }
            }
        }
    }
}

fn colour(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Negative => "#d1434b",
        Polarity::Neutral => "#8a8f98",
        Polarity::Positive => "#2e9e5b",
        Polarity::Unsure => "#8a63d2",
    }
}

fn table<Id: std::fmt::Display>(title: &str, key: &str, digest: &Digest, lines: &[Line<Id>]) -> Markup {
    html! {
        @if lines.len() > 1 {
            h2 style=(H2) { (title) }
            table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse" {
                thead { tr {
                    th scope="col" style=(format!("{HEAD};text-align:left;padding-left:0")) { (key) }
                    @for words in ["all", "negative", "positive", "unsure", "net"] { th scope="col" style=(HEAD) { (words) } }
                } }
                tbody {
                    @for line in lines {
                        @let id = line.id.to_string();
                        @let place = Some((key, id.as_str()));
                        @let counts = line.volume.counts;
                        tr {
                            th scope="row" style=(NAME) { (words::one_line(&line.name, 60)) }
                            td style=(CELL) { (link(digest, place, None, counts.total())) }
                            td style=(CELL) { (link(digest, place, Some(Polarity::Negative), counts.negative)) }
                            td style=(CELL) { (link(digest, place, Some(Polarity::Positive), counts.positive)) }
                            td style=(CELL) { (link(digest, place, Some(Polarity::Unsure), counts.unsure)) }
                            td style=(CELL) { (counts.net().map_or_else(|| "–".into(), |net| words::signed(net, 0))) }
                        }
                    }
                }
            }
            p style=(format!("{P};{SMALL}")) { "Net is net sentiment; its n stands under “all”." }
        }
    }
}

fn escalations(digest: &Digest) -> Markup {
    html! {
        h2 style=(H2) { "Escalations" }
        @for sentence in said::matters(digest) { p style=(P) { (sentence) } }
        @for one in &digest.matters.shown {
            @let (head, standing) = said::matter(one, digest);
            p style=(QUOTE) {
                @match said::escalation_link(digest, one.id) {
                    Some(link) => { a href=(link) { strong { (head) } } }
                    None => { strong { (head) } }
                }
                br; span style=(SMALL) { (said::capital(&standing)) }
            }
        }
    }
}

fn picks(title: &str, picks: &[Pick], digest: &Digest) -> Markup {
    html! {
        h2 style=(H2) { (title) }
        @if picks.is_empty() { p style=(P) { "None." } }
        @for pick in picks {
            blockquote style=(QUOTE) {
                p dir="auto" style="margin:0" { (words::one_line(&pick.excerpt, 300)) }
                p style=(format!("margin:2px 0 0;{SMALL}")) {
                    (words::signed(f64::from(pick.score), 2)) ", " (said::byline(pick, digest))
                    @if pick.needs_answer == Some(true) { ". It asks for an answer." }
                    @if let Some(url) = pick.url.as_deref().and_then(words::openable) {
                        " · " a href=(url) rel="noreferrer noopener" { "open the post" }
                    }
                }
            }
        }
    }
}

fn held(digest: &Digest) -> Markup {
    let groups = said::held(digest);
    html! {
        @if !groups.is_empty() {
            h2 style=(H2) { "Not told, and why" }
            @for (title, rows) in &groups {
                p style=(P) { (said::capital(title)) }
                table cellpadding="0" cellspacing="0" style="border-collapse:collapse" {
                    @for (count, why) in rows {
                        tr {
                            td style="text-align:right;padding:2px 10px 2px 0;vertical-align:top" { (words::figure(*count)) }
                            td style="padding:2px 0" { (why) }
                        }
                    }
                }
            }
        }
    }
}

/// A figure that opens: the mentions behind it (P7).
fn link(digest: &Digest, place: Option<(&str, &str)>, polarity: Option<Polarity>, count: u64) -> Markup {
    html! {
        @match said::mentions_link(digest, place, polarity) {
            Some(link) if count > 0 => { a href=(link) { (words::figure(count)) } }
            _ => { (words::figure(count)) }
        }
    }
}
