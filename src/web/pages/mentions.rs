//! The lists behind every figure, and one mention alone.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, RawQuery, State};
use maud::{Markup, html};
use url::form_urlencoded;

use super::show::{self, Reading};
use super::{Frame, PageAnswer, correct};
use crate::api::caller::Caller;
use crate::api::{Api, ApiError};
use crate::domain::id::MentionId;
use crate::domain::sentiment::Polarity;
use crate::domain::words;
use crate::web::v1::{Narrow, number};

pub async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(raw): RawQuery,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let asked = Asked::read(raw.as_deref())?;
    let narrow = &asked.narrow;
    let found = api.mentions(narrow.of_mentions(), narrow.which(), narrow.page()).await?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, narrow.owner.as_ref(), api.clock.now());
    let topics = desk.topics.values().map(|topic| (topic.id.as_str(), topic.name.as_str()));
    let owners = desk.roster.owners().map(|owner| (owner.id.as_str(), owner.name.as_str()));
    let answers = [("true", "yes"), ("false", "no")].into_iter();
    let polarities = Polarity::ALL.iter().map(|polarity| (polarity.as_str(), polarity.as_str()));
    let body = html! {
        h1 { "Mentions" }
        form.row method="get" action="/mentions" {
            (choice("Topic", "topic", "all", asked.get("topic"), topics))
            (choice("Sentiment", "polarity", "any", asked.get("polarity"), polarities))
            (choice("Routed to", "owner", "anybody", asked.get("owner"), owners))
            (choice("Asks for an answer", "needs_answer", "any", asked.get("needs_answer"), answers))
            (asked.hidden(&["from", "until", "source", "escalation", "doubt", "corrected"]))
            button type="submit" { "Show" }
        }
        (bounds(&read, &asked))
        @if found.rows.is_empty() && found.next.is_none() { p { "There is none." } }
        @for one in &found.rows { (show::mention(&read, one, None)) }
        (asked.more("/mentions", found.next.as_deref()))
    };
    let twin = Some(asked.address("/api/v1/mentions"));
    Ok(Frame { title: "Mentions", place: "/mentions", twin, may_roam: true }.around(&body))
}

/// What the form does not show: time, source, escalation.
fn bounds(read: &Reading<'_>, asked: &Asked) -> Markup {
    let narrow = &asked.narrow;
    let bounded = narrow.from.is_some()
        || narrow.until.is_some()
        || narrow.source.is_some()
        || narrow.doubt.is_some()
        || narrow.escalation.is_some()
        || narrow.corrected.is_some();
    html! {
        @if bounded {
            p.quiet {
                "Only those heard "
                @if let Some(from) = narrow.from { "from " (read.time(from)) " " }
                @if let Some(until) = narrow.until { "until " (read.time(until)) " " }
                @if let Some(source) = &narrow.source { "at the source " (source) " " }
                @if let Some(doubt) = narrow.doubt { "that are unsure, " (words::doubt(doubt)) " " }
                @if let Some(id) = narrow.escalation { "that belong to " a href=(format!("/escalations/{id}")) { "one escalation" } " " }
                @if let Some(corrected) = narrow.corrected { @if corrected { "that a person judged " } @else { "that nobody judged " } }
                "· " a href="/mentions" { "show all" }
            }
        }
    }
}

pub async fn one(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let view = api.mention(number::<MentionId>(&id, "mention")?).await?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, Some(&view.accountable), api.clock.now());
    let title = format!("Mention of {}", read.topic(view.mention.topic()));
    // A page read over loopback may act only where nobody else could have come that way.
    let public = api.config.load().web.public_url.is_some();
    let may_correct =
        !(public && caller == Caller::Loopback) && api.can_correct(&caller, &view.mention).await?;
    let body = html! {
        h1 { (title) }
        (show::mention(&read, &view, None))
        h2 { "The verdict" }
        p { (show::judged(&view.mention)) }
        @if may_correct { (correct::form(&read, &view)) }
    };
    let twin = Some(format!("/api/v1/mentions/{}", view.mention.id()));
    Ok(Frame { title: &title, place: "", twin, may_roam: true }.around(&body))
}

/// What a list is narrowed by, as it stands in the address. A form sends its empty fields too:
/// they say nothing.
pub struct Asked {
    /// Understood.
    pub narrow: Narrow,
    pairs: Pairs,
}

/// Keys and values of an address.
#[derive(Clone)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// With one of them said otherwise; an empty value takes it out.
    pub fn with(&self, key: &str, value: &str) -> Self {
        let mut pairs: Vec<_> = self.0.iter().filter(|(other, _)| other != key).cloned().collect();
        pairs.extend((!value.is_empty()).then(|| (key.into(), value.into())));
        Self(pairs)
    }

    /// Behind a path.
    pub fn address(&self, path: &str) -> String {
        if self.0.is_empty() { path.into() } else { format!("{path}?{}", self.written()) }
    }

    fn written(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

impl Asked {
    pub fn read(raw: Option<&str>) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(raw.unwrap_or_default().as_bytes())
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key.into_owned(), value.into_owned()));
        Self::of(Pairs(pairs.collect()))
    }

    pub fn of(pairs: Pairs) -> Result<Self, ApiError> {
        let uri = pairs.address("/").parse();
        let uri: axum::http::Uri = uri.map_err(|_| ApiError::Bad("this address cannot be read".into()))?;
        let Query(narrow) =
            Query::<Narrow>::try_from_uri(&uri).map_err(|error| ApiError::Bad(error.body_text()))?;
        Ok(Self { narrow, pairs })
    }

    /// As asked for, for the form.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.0.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_str())
    }

    /// What the form keeps without showing it.
    pub fn hidden(&self, keys: &[&str]) -> Markup {
        html! {
            @for key in keys {
                @if let Some(value) = self.get(key) { input type="hidden" name=(key) value=(value); }
            }
        }
    }

    /// With one part said otherwise; an empty value takes it out.
    pub fn with(&self, key: &str, value: &str) -> Pairs {
        self.pairs.with(key, value)
    }

    /// The same question elsewhere.
    pub fn address(&self, path: &str) -> String {
        self.pairs.address(path)
    }

    /// The way to the next rows.
    pub fn more(&self, path: &str, next: Option<&str>) -> Markup {
        html! {
            @if let Some(next) = next { p { a href=(self.with("after", next).address(path)) { "Older ones" } } }
        }
    }
}

/// A field to choose from, the first choice being not to narrow.
pub fn choice<'a>(
    label: &str,
    key: &str,
    any: &str,
    chosen: Option<&str>,
    choices: impl Iterator<Item = (&'a str, &'a str)>,
) -> Markup {
    html! {
        label { (label)
            select name=(key) {
                option value="" { (any) }
                @for (value, words) in choices {
                    option value=(value) selected[chosen == Some(value)] { (words::one_line(words, 60)) }
                }
            }
        }
    }
}
