//! `/api/v1`: JSON in, JSON out; problems as RFC 9457. Commands are its clients.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;

use super::judged;
use crate::api::act::{Ask, SilenceAsk};
use crate::api::caller::Caller;
use crate::api::explain::{Explanation, Trial};
use crate::api::explain_score::ExplainedMention;
use crate::api::forget::{ForgetAsk, Forgotten};
use crate::api::import::Imported;
use crate::api::list::{EscalationDetail, Listing, MentionView, Which};
use crate::api::review::Review;
use crate::api::status::Status;
use crate::api::{Api, ApiError};
use crate::digest::render;
use crate::domain::digest::Window;
use crate::domain::escalation::Escalation;
use crate::domain::id::{DigestId, EscalationId, MentionId, OwnerId, SilenceId, SourceId, TopicId};
use crate::domain::post::Post;
use crate::domain::sentiment::{Doubt, Polarity, Sentiment};
use crate::domain::silence::Silence;
use crate::sentiment::Scorable;
use crate::sentiment::explain::Explained;
use crate::store::{EscalationFilter, MentionFilter, Page, Row, Rows, Verified};

/// An error as an answer.
pub struct Failed(pub ApiError);

impl<E: Into<ApiError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        if let ApiError::Internal(error) = &self.0 {
            tracing::error!("a request failed: {error:#}");
        }
        let problem = self.0.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response()
    }
}

pub type Answer<T> = Result<Json<T>, Failed>;

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/hello", get(hello))
        .route("/status", get(status))
        .route("/mentions", get(mentions))
        .route("/mentions/{id}", get(mention))
        .route("/mentions/{id}/explain-score", get(explain_mention))
        .route("/review", get(review))
        .merge(judged::routes())
        .route("/forget", post(forget))
        .route("/escalations", get(escalations))
        .route("/escalations/{id}", get(escalation).post(act))
        .route("/silences", get(silences).post(silence))
        .route("/silences/{id}", delete(end_silence))
        .route("/route", post(route))
        .route("/score", post(score))
        .route("/score/explain", post(explain_score))
        .route("/digests/{id}", get(digest).post(send_digest))
        .route("/import", post(import))
        .route("/store/rows", get(rows))
        .route("/store/verify", get(verify))
        .fallback(async || Failed(ApiError::NotFound { what: "endpoint", id: "of that name".into() }))
}

/// What lists are narrowed by; `from` and `until` bound the time recorded (or opened).
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Narrow {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub topic: Option<TopicId>,
    pub source: Option<SourceId>,
    pub polarity: Option<Polarity>,
    pub corrected: Option<bool>,
    pub owner: Option<OwnerId>,
    pub escalation: Option<EscalationId>,
    pub needs_answer: Option<bool>,
    pub doubt: Option<Doubt>,
    pub unresolved: Option<bool>,
    pub limit: Option<usize>,
    pub after: Option<String>,
    pub oldest_first: Option<bool>,
}

impl Narrow {
    fn window(&self) -> Option<Window> {
        (self.from.is_some() || self.until.is_some()).then(|| Window {
            from: self.from.unwrap_or(Timestamp::MIN),
            until: self.until.unwrap_or(Timestamp::MAX),
        })
    }

    /// As the store wants it.
    pub fn of_mentions(&self) -> MentionFilter {
        MentionFilter {
            window: self.window(),
            topic: self.topic.clone(),
            source: self.source.clone(),
            polarity: self.polarity,
            corrected: self.corrected,
            owner: self.owner.clone(),
            escalation: self.escalation,
        }
    }

    /// Which of those.
    pub fn which(&self) -> Which {
        Which { needs_answer: self.needs_answer, doubt: self.doubt }
    }

    /// As the store wants it.
    pub fn of_escalations(&self) -> EscalationFilter {
        EscalationFilter {
            window: self.window(),
            topic: self.topic.clone(),
            accountable: self.owner.clone(),
            unresolved: self.unresolved.unwrap_or(false),
        }
    }

    /// Newest first unless asked otherwise.
    pub fn page(&self) -> Page {
        Page {
            limit: self.limit.unwrap_or(100),
            after: self.after.clone(),
            newest_first: !self.oldest_first.unwrap_or(false),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct As {
    pub r#as: Option<OwnerId>,
}

/// Which daemon this is: what a client checks before it says anything else.
async fn hello(State(api): State<Arc<Api>>) -> Json<serde_json::Value> {
    let store = api.config.load().store_path.display().to_string();
    Json(serde_json::json!({ "name": "earmark", "version": env!("CARGO_PKG_VERSION"), "store": store }))
}

async fn status(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> Answer<Status> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.status().await?))
}

async fn mentions(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(narrow): Query<Narrow>,
) -> Answer<Listing<MentionView>> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.mentions(narrow.of_mentions(), narrow.which(), narrow.page()).await?))
}

async fn review(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(narrow): Query<Narrow>,
) -> Answer<Review> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.review(narrow.of_mentions(), narrow.which(), narrow.page()).await?))
}

async fn mention(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer<MentionView> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.mention(number::<MentionId>(&id, "mention")?).await?))
}

async fn escalations(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(narrow): Query<Narrow>,
) -> Answer<Listing<Escalation>> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.escalations(narrow.of_escalations(), narrow.page()).await?))
}

async fn escalation(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer<EscalationDetail> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.escalation(number::<EscalationId>(&id, "escalation")?).await?))
}

async fn act(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<As>,
    Json(ask): Json<Ask>,
) -> Answer<Escalation> {
    let id = number::<EscalationId>(&id, "escalation")?;
    Ok(Json(api.act(&caller, wanted.r#as.as_ref(), id, ask).await?))
}

async fn silences(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> Answer<Vec<Silence>> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.silences().await?))
}

async fn silence(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<As>,
    Json(ask): Json<SilenceAsk>,
) -> Answer<Silence> {
    Ok(Json(api.silence(&caller, wanted.r#as.as_ref(), ask).await?))
}

async fn end_silence(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<As>,
) -> Answer<Silence> {
    let id = number::<SilenceId>(&id, "silence")?;
    Ok(Json(api.end_silence(&caller, wanted.r#as.as_ref(), id).await?))
}

async fn route(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Json(trial): Json<Trial>,
) -> Answer<Explanation> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.explain(trial).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    texts: Vec<String>,
    target: Option<String>,
}

async fn score(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Json(asked): Json<Texts>,
) -> Answer<Vec<Sentiment>> {
    caller.may_read(&api.desk.load())?;
    if asked.texts.len() > 1_000 {
        return Err(ApiError::Bad("at most 1000 texts at once".into()).into());
    }
    let texts = asked.texts.into_iter();
    let texts = texts.map(|text| Scorable { text, target: asked.target.clone(), lang: None }).collect();
    Ok(Json(api.score(texts).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneText {
    text: String,
    target: Option<String>,
}

async fn explain_score(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Json(asked): Json<OneText>,
) -> Answer<Explained> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.explain_score(Scorable { text: asked.text, target: asked.target, lang: None }).await?))
}

async fn explain_mention(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer<ExplainedMention> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.explain_mention(number::<MentionId>(&id, "mention")?).await?))
}

#[derive(Debug, Default, Deserialize)]
struct DigestAsk {
    since: Option<Timestamp>,
    reader: Option<OwnerId>,
    format: Option<String>,
}

async fn digest(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(asked): Query<DigestAsk>,
) -> Result<Response, Failed> {
    caller.may_read(&api.desk.load())?;
    let digest = api.digest_preview(&DigestId::from(id), asked.since, asked.reader.as_ref()).await?;
    Ok(match asked.format.as_deref() {
        None | Some("json") => Json(render::json(&digest)).into_response(),
        Some("text") => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], render::text(&digest)).into_response()
        }
        Some("html") => axum::response::Html(render::html(&digest)).into_response(),
        Some(other) => {
            return Err(
                ApiError::Bad(format!("no format is named \"{other}\"; known are json, text, html")).into()
            );
        }
    })
}

async fn send_digest(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<As>,
    Query(asked): Query<DigestAsk>,
) -> Answer<serde_json::Value> {
    caller.may_act(&api.desk.load(), wanted.r#as.as_ref())?;
    let sent = api.digest_send(&DigestId::from(id), asked.since).await?;
    Ok(Json(serde_json::json!({ "notifications": sent })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportAsk {
    posts: Vec<Post>,
    #[serde(default)]
    quiet: bool,
}

async fn import(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<As>,
    Json(asked): Json<ImportAsk>,
) -> Answer<Imported> {
    caller.may_act(&api.desk.load(), wanted.r#as.as_ref())?;
    Ok(Json(api.import(asked.posts, asked.quiet).await?))
}

async fn forget(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<As>,
    Json(ask): Json<ForgetAsk>,
) -> Answer<Forgotten> {
    Ok(Json(api.forget(&caller, wanted.r#as.as_ref(), ask).await?))
}

#[derive(Debug, Default, Deserialize)]
struct RowsAsk {
    after: Option<String>,
}

async fn rows(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<As>,
    Query(asked): Query<RowsAsk>,
) -> Answer<Listing<Row>> {
    caller.may_act(&api.desk.load(), wanted.r#as.as_ref())?;
    let Rows { rows, next } = api.store.rows(asked.after, crate::api::list::MOST).await?;
    Ok(Json(Listing { rows, next }))
}

async fn verify(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> Answer<Verified> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.store.verify().await?))
}

/// A number as written in a path.
pub fn number<Id: std::str::FromStr>(text: &str, what: &'static str) -> Result<Id, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound { what, id: text.escape_default().to_string() })
}
