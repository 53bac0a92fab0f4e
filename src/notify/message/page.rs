//! The HTML parts. Inline styles only, nothing fetched from elsewhere, readable when a mail
//! program turns the colours round. maud escapes every value.

use maud::{DOCTYPE, Markup, html};

use super::View;
use super::escalation::Said;
use crate::domain::escalation::Severity;

const BODY: &str = "margin:0;padding:16px;font:16px/1.45 -apple-system,'Segoe UI',Roboto,sans-serif;\
                    overflow-wrap:break-word";
const COLUMN: &str = "max-width:600px;margin:0 auto";
const QUOTE: &str = "margin:16px 0 4px;padding:4px 0 4px 12px;border-left:4px solid #8a8f98;white-space:pre-line;\
                     overflow-wrap:anywhere";
const SMALL: &str = "font-size:13px;opacity:.75";
const BUTTON: &str = "display:inline-block;padding:12px 18px;margin:0 8px 8px 0;border-radius:6px;\
                      text-decoration:none;font-weight:600";

/// A page around `content`. `color-scheme` lets a mail program choose its own dark colours; none
/// of ours is set without a border or a background that goes with it.
pub fn around(title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (title) }
            }
            body style=(BODY) { div style=(COLUMN) { (content) } }
        }
    }
    .into_string()
}

pub(super) fn escalation(view: &View, said: &Said) -> String {
    let colour = match view.escalation.severity {
        Severity::Low => "#5b6470",
        Severity::High => "#b45309",
        Severity::Urgent => "#b91c1c",
    };
    let content = html! {
        p style=(format!("margin:0 0 8px;padding:4px 10px;border-radius:4px;display:inline-block;\
                          background:{colour};color:#ffffff;font-size:13px;font-weight:600")) {
            (super::words::severity(view.escalation.severity)) " · " (view.topic)
        }
        p style="margin:8px 0;font-weight:600" { (said.lead) }
        @for mention in &said.mentions {
            blockquote style=(QUOTE) {
                @if let Some(title) = &mention.title { strong { (title) } br; }
                @if let Some(quote) = &mention.quote { (quote) }
            }
            p style="margin:0 0 4px" {
                "— " (mention.byline)
                @if let Some(url) = &mention.url { " · " a href=(url) rel="noreferrer noopener" { "open the post" } }
            }
            p style=(format!("margin:0 0 16px;{SMALL}")) { (mention.judgement) }
        }
        @if let Some(more) = &said.more { p { (more) } }
        @if let Some(next) = &said.next { p style="margin:16px 0" { (next) } }
        @match &view.act {
            Some(act) => p style="margin:16px 0" {
                a href=(act.acknowledge) style=(format!("{BUTTON};background:#1d4ed8;color:#ffffff")) {
                    "I have it"
                }
                a href=(act.resolve) style=(format!("{BUTTON};border:1px solid #8a8f98;color:inherit")) {
                    "It is done"
                }
            },
            None => p style="margin:16px 0" {
                "To say that you have it: "
                code { "earmark escalations acknowledge " (view.escalation.id) }
            },
        }
        div style=(SMALL) {
            @for line in &said.why { p style="margin:4px 0" { (line) } }
            p style="margin:12px 0 0" {
                "Escalation " (view.escalation.id)
                @if let Some(page) = &view.page { " · " a href=(page) { "all about it" } }
            }
        }
    };
    around(&view.topic, &content)
}

pub(super) fn plain(title: &str, paragraphs: &[String]) -> String {
    let content = html! {
        h1 style="font-size:18px;margin:0 0 12px" { (title) }
        @for paragraph in paragraphs { p style="margin:8px 0" { (paragraph) } }
    };
    around(title, &content)
}
