//! Pages for people: an overview, lists behind every figure, one page an escalation. No script;
//! everything works with a keyboard, on a phone and read aloud.
//!
//! * Every page names its JSON twin at its foot, and every figure leads to the mentions behind it.
//! * Times stand in the zone of the owner whom a page is about, else the champion's, with the
//!   zone's name; `<time datetime>` says the instant.
//! * Colour never says anything alone: a word stands beside it.
//! * Foreign text is escaped by maud, and only web addresses become links.
//! * Errors are pages too: whoever came by a link sees a sentence, not a problem detail.

mod act;
mod chart;
mod correct;
mod escalation;
mod escalations;
mod mentions;
mod overview;
mod review;
mod show;
mod weighed;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::api::{Api, ApiError};
use crate::domain::words;

pub use show::{Reading, state_sentence};

/// Of this build, so that a page can be told from one of another release.
const STYLE: &str = include_str!("pages/style.css");

/// What is in the bar on top: words, address.
const PLACES: [(&str, &str); 4] =
    [("Overview", "/"), ("Escalations", "/escalations"), ("Mentions", "/mentions"), ("To review", "/review")];

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/mentions", get(mentions::list))
        .route("/mentions/{id}", get(mentions::one))
        .route("/mentions/{id}/why-this-score", get(weighed::one))
        .route("/review", get(review::list))
        .route("/mentions/{id}/correct", post(correct::correct))
        .route("/escalations", get(escalations::list))
        .route("/escalations/{id}", get(escalation::one))
        .route("/escalations/{id}/act", post(act::act))
}

type PageAnswer = Result<Html<String>, Sorry>;

/// What stands around a page's own part.
pub struct Frame<'a> {
    /// In the browser's tab.
    pub title: &'a str,
    /// Which of [`PLACES`] it is, by address; empty for none.
    pub place: &'a str,
    /// Where the same stands as JSON.
    pub twin: Option<String>,
    /// Whether its reader may see other pages: who came by a signed link may not.
    pub may_roam: bool,
}

impl Frame<'_> {
    /// The whole page.
    pub fn around(&self, body: &Markup) -> Html<String> {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " – earmark" }
                    @if let Some(twin) = &self.twin { link rel="alternate" type="application/json" href=(twin); }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    @if self.may_roam {
                        header { nav aria-label="Pages" {
                            @for (words, address) in PLACES {
                                a href=(address) aria-current=[(address == self.place).then_some("page")] { (words) }
                            }
                        } }
                    }
                    main id="main" { (body) }
                    @if let Some(twin) = &self.twin {
                        footer { a href=(twin) { "This page as JSON" } }
                    }
                }
            }
        };
        Html(page.into_string())
    }
}

/// An error as a page.
pub struct Sorry {
    error: ApiError,
    may_roam: bool,
}

impl Sorry {
    /// For somebody who came by a signed link.
    pub fn by_link(error: impl Into<ApiError>) -> Self {
        Self { error: error.into(), may_roam: false }
    }
}

impl<E: Into<ApiError>> From<E> for Sorry {
    fn from(error: E) -> Self {
        Self { error: error.into(), may_roam: true }
    }
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        if let ApiError::Internal(error) = &self.error {
            tracing::error!("a page failed: {error:#}");
        }
        let problem = self.error.problem();
        let title = match self.error {
            ApiError::NotFound { .. } => "Not found",
            _ => "That did not work",
        };
        let body = html! {
            h1 { (title) }
            p { (words::sentence(&problem.detail)) }
            p.quiet { "Nothing was changed." }
        };
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let frame = Frame { title, place: "", twin: None, may_roam: self.may_roam };
        (status, frame.around(&body)).into_response()
    }
}
