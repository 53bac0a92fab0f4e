//! The parts that pages share: times, badges, mentions, what becomes of a matter.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::api::list::MentionView;
use crate::domain::correction::Correction;
use crate::domain::escalation::{Escalation, Severity, State};
use crate::domain::id::{EscalationId, OwnerId, TopicId};
use crate::domain::mention::{Field, Finding, RecordedMention, Span};
use crate::domain::sentiment::{Doubt, Polarity, Sentiment};
use crate::domain::{language, words};
use crate::escalation::Desk;
use crate::notify::message::Next;

/// Characters of a post shown; the rest is behind its link.
const SHOWN: usize = 700;

/// Who reads: names, zone, the present.
pub struct Reading<'a> {
    /// Names.
    pub desk: &'a Desk,
    /// Of all times on the page.
    pub zone: TimeZone,
    /// The present.
    pub now: Timestamp,
}

impl<'a> Reading<'a> {
    /// As `owner` reads, else the champion.
    pub fn of(desk: &'a Desk, owner: Option<&OwnerId>, now: Timestamp) -> Self {
        let owner = owner.map_or_else(|| desk.roster.champion(), |owner| desk.roster.owner(owner));
        Self { desk, zone: owner.timezone.clone(), now }
    }

    /// An owner's name for readers.
    pub fn owner<'b>(&self, id: &'b OwnerId) -> &'b str
    where
        'a: 'b,
    {
        self.desk.roster.get(id).map_or(id.as_str(), |owner| owner.name.as_str())
    }

    /// A topic's name for readers.
    pub fn topic(&self, id: &TopicId) -> String {
        self.desk.topics.get(id).map_or_else(|| id.to_string(), |topic| topic.name.clone())
    }

    /// `Mon 12 Jan 14:32 CET`.
    pub fn time(&self, at: Timestamp) -> Markup {
        let short = at.to_zoned(self.zone.clone()).strftime("%Z").to_string();
        html! {
            time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()) title=(words::zone_name(&self.zone)) {
                (words::moment(at, &self.zone, self.now)) " " (short)
            }
        }
    }

    /// `in 12 minutes`, `3 hours ago`.
    pub fn away(&self, at: Timestamp) -> String {
        let ahead = at.duration_since(self.now);
        match ahead.as_secs() {
            -59..=59 => "about now".into(),
            60.. => format!("in {}", words::length(ahead)),
            _ => format!("{} ago", words::length(-ahead)),
        }
    }

    /// [`Self::time`] and [`Self::away`].
    pub fn time_away(&self, at: Timestamp) -> Markup {
        html! { (self.time(at)) " (" (self.away(at)) ")" }
    }
}

/// How bad.
pub fn severity_badge(severity: Severity) -> Markup {
    let (class, words) = match severity {
        Severity::Low => ("badge quiet", "Low"),
        Severity::High => ("badge warn", "High"),
        Severity::Urgent => ("badge bad", "Urgent"),
    };
    html! { span class=(class) { (words) " severity" } }
}

/// Where it stands.
pub fn state_badge(state: &State) -> Markup {
    let class = match state {
        State::Open => "badge warn",
        State::Acknowledged { .. } => "badge good",
        State::Resolved { .. } => "badge quiet",
        State::Expired { .. } => "badge bad",
    };
    html! { span class=(class) { (words::standing(state)) } }
}

/// Who answers, until when, and what happens then.
pub fn state_sentence(read: &Reading<'_>, one: &Escalation, next: Option<&Next>) -> Markup {
    let who = read.owner(&one.accountable);
    html! {
        @match &one.state {
            State::Open => {
                strong { (who) } " answers for it. "
                @if let Some(next) = next {
                    "If nobody says “I have it” by " (read.time_away(next.at)) ", "
                    @if next.tells.is_empty() { "it counts as unanswered and every digest says so." }
                    @else { (words::list(&next.tells)) " will be told." }
                }
            }
            State::Acknowledged { by, until, .. } => {
                strong { (read.owner(by)) } " has it in hand until " (read.time_away(*until))
                ". If it is not resolved by then, it is open again and others are told."
            }
            State::Resolved { by, at } => {
                strong { (read.owner(by)) } " resolved it on " (read.time(*at)) ", "
                (words::length(at.duration_since(one.opened_at))) " after it was opened."
            }
            State::Expired { at } => {
                "Everybody was told and nobody answered by " (read.time(*at)) ". "
                strong { (who) } " answers for it now."
            }
        }
    }
}

/// How a mention leans, as a word and a figure, or why nobody can say, or who said so; and whether
/// it asks for an answer.
pub fn badges(read: &Reading<'_>, mention: &RecordedMention) -> Markup {
    html! {
        @match &mention.correction {
            Some(said) => { span class=(class(said.polarity)) { (said.polarity.as_str()) ", says " (read.owner(&said.by)) } }
            None => { (leaning_badge(mention.sentiment())) }
        }
        @if mention.wants_answer() == Some(true) { span class="badge warn" { "asks for an answer" } }
    }
}

fn class(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Negative => "badge bad",
        Polarity::Neutral => "badge quiet",
        Polarity::Positive => "badge good",
        Polarity::Unsure => "badge odd",
    }
}

/// How the model leans, or why it would not say.
pub fn leaning_badge(sentiment: &Sentiment) -> Markup {
    html! {
        span class=(class(sentiment.polarity)) {
            @match (sentiment.doubted(), &sentiment.lang) {
                (Some(Doubt::Language), Some(lang)) => { "unsure, in " (language::name(lang)) }
                (Some(Doubt::Failed), _) => { "unsure, not judged" }
                (Some(_), _) => { "unsure, please look" }
                (None, _) => { (words::leaning(sentiment)) " " (words::signed(f64::from(sentiment.score), 2)) }
            }
        }
    }
}

/// What was judged, how sure, by whom; and the way to the words behind it.
pub fn judged(one: &RecordedMention) -> Markup {
    let sentiment = one.sentiment();
    html! {
        "Sentiment: " (words::verdict(sentiment)) "; model " (sentiment.model.name) " " (sentiment.model.version) ". "
        @if let Some(answer) = sentiment.needs_answer {
            "Asks for an answer: " (if answer.yes { "yes" } else { "no" })
            @if let Some(kind) = answer.kind { ", " (words::asking(kind)) }
            " (" (words::percent(answer.probability)) " % likely). "
        }
        @if one.erased_at.is_none() && sentiment.doubt != Some(Doubt::Language) {
            a href=(format!("/mentions/{}/why-this-score", one.id())) rel="nofollow" { "Why this score?" }
        }
    }
}

/// A mention, with the terms that matched marked, and why everything about it is as it is. On an
/// escalation's own page (`here`) it does not lead to it.
pub fn mention(read: &Reading<'_>, view: &MentionView, here: Option<EscalationId>) -> Markup {
    let one = &view.mention;
    let post = one.post();
    let spans = &one.scored.mention.spans;
    html! {
        article.card id=(format!("m{}", one.id())) {
            div.badges {
                (badges(read, one))
                span.small { (read.topic(one.topic())) }
            }
            @if let Some(erased) = one.erased_at {
                p { em { "The text is gone: " (words::erased(one.erased_for)) ", " (read.time(erased)) "." } }
            } @else {
                @if let Some(title) = &post.title { h3 dir="auto" { (marked(title, spans, Field::Title)) } }
                @if !post.text.is_empty() { p.said dir="auto" { (marked(&post.text, spans, Field::Text)) } }
            }
            p.small.quiet {
                @if let Some(author) = &post.author { bdi { (words::one_line(author, 60)) } ", " }
                (words::site(one)) ", "
                @match post.created_at {
                    // A date to the minute need not stand there twice.
                    Some(written) if one.recorded_at.duration_since(written).as_secs() / 60 != 0 => { "written " (read.time(written)) ", heard " (read.time(one.recorded_at)) }
                    _ => { "heard " (read.time(one.recorded_at)) }
                }
                @if one.revision > 1 { ", edited since" }
                ". " (read.owner(&view.accountable)) " answers."
                @if let Some(id) = one.finding.escalation().filter(|id| here != Some(*id)) { " " a href=(format!("/escalations/{id}")) { "Its escalation" } }
                @if let Some(url) = post.url.as_deref().and_then(words::openable) {
                    " " a href=(url) rel="noreferrer noopener" { "The post at " (words::site(one)) }
                }
            }
            details {
                summary { "Why?" }
                (reasons(read, one))
            }
        }
    }
}

fn reasons(read: &Reading<'_>, one: &RecordedMention) -> Markup {
    let spans = &one.scored.mention.spans;
    let mut terms: Vec<&str> = spans.iter().map(|span| span.term.as_str()).collect();
    terms.sort_unstable();
    terms.dedup();
    html! {
        ul {
            li {
                @if terms.is_empty() { "A mention of " (read.topic(one.topic())) ": everything from this source is." }
                @else { "A mention of " (read.topic(one.topic())) " because of: " (terms.join(", ")) "." }
            }
            li { "Owner: " (read.owner(&one.owner)) " (" (one.routed_by) ")." }
            li { (judged(one)) }
            @if let Some(said) = &one.correction { li { (corrected(read, one, said)) } }
            li {
                @match &one.finding {
                    Finding::Opened(_, trigger) => { "It opened an escalation: trigger " (trigger) "." }
                    Finding::Joined(_, trigger) => { "It joined an open escalation: trigger " (trigger) "." }
                    Finding::Held(reason) => { "Nobody was told: " (words::held(*reason)) "." }
                }
            }
            li { a href=(format!("/mentions/{}", one.id())) { "Only this mention" } }
        }
    }
}

/// What a person said of the verdict.
fn corrected(read: &Reading<'_>, one: &RecordedMention, said: &Correction) -> Markup {
    html! {
        (read.owner(&said.by)) @if said.agrees(one.sentiment()) { " agrees" } @else { " says " strong { (said.polarity.as_str()) } }
        @match said.needs_answer {
            Some(true) => ", and that it asks for an answer",
            Some(false) => ", and that it asks for no answer",
            None => {}
        }
        " (" (read.time(said.at)) ")."
        @if one.revision > said.revision { " The post was edited after that." }
        @if let Some(note) = &said.note { " Note: " bdi { (words::one_line(note, 1_000)) } }
    }
}

/// Foreign text, cut, with what matched marked. A span that fits nothing is passed over.
fn marked(text: &str, spans: &[Span], field: Field) -> Markup {
    let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    let mut places: Vec<(usize, usize)> = spans
        .iter()
        .filter(|span| span.field == field && span.start < span.end && span.end <= end)
        .map(|span| (span.start, span.end))
        .collect();
    places.sort_unstable();
    let mut at = 0;
    let mut parts: Vec<(String, bool)> = Vec::new();
    for (from, until) in places {
        let (Some(before), Some(found)) = (text.get(at..from), text.get(from..until)) else { continue };
        parts.push((words::clean(before), false));
        parts.push((words::clean(found), true));
        at = until;
    }
    parts.push((words::clean(text.get(at..end).unwrap_or_default()), false));
    html! {
        @for (part, is_match) in &parts {
            @if *is_match { mark { (part) } } @else { (part) }
        }
        @if end < text.len() { "…" }
    }
}
