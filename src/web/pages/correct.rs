//! The form on a mention's page by which a person says what the model should have said.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::response::Redirect;
use maud::{Markup, html};
use serde::Deserialize;

use super::Sorry;
use super::show::Reading;
use crate::api::caller::Caller;
use crate::api::correct::CorrectAsk;
use crate::api::list::MentionView;
use crate::api::{Api, ApiError};
use crate::domain::correction::LONGEST_NOTE;
use crate::domain::id::MentionId;
use crate::domain::sentiment::Polarity;
use crate::web::v1::number;

const SAID: [Polarity; 3] = [Polarity::Negative, Polarity::Neutral, Polarity::Positive];

#[derive(Debug, Deserialize)]
pub struct CorrectForm {
    /// A polarity, or `undo`.
    verdict: String,
    #[serde(default)]
    needs_answer: String,
    #[serde(default)]
    note: String,
    revision: u32,
}

pub async fn correct(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Form(form): Form<CorrectForm>,
) -> Result<Redirect, Sorry> {
    let id = number::<MentionId>(&id, "mention")?;
    if form.verdict == "undo" {
        api.uncorrect(&caller, None, id).await?;
        return Ok(Redirect::to(&format!("/mentions/{id}")));
    }
    let polarity = SAID.into_iter().find(|polarity| polarity.as_str() == form.verdict);
    let polarity =
        polarity.ok_or_else(|| ApiError::Bad(format!("no verdict is named \"{}\"", form.verdict)))?;
    let ask = CorrectAsk {
        polarity: Some(polarity),
        confirm: false,
        needs_answer: match form.needs_answer.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
        note: Some(form.note),
        revision: Some(form.revision),
    };
    api.correct(&caller, None, id, ask).await?;
    Ok(Redirect::to(&format!("/mentions/{id}")))
}

/// One touch to agree; else a choice, and a button of its own: Enter in the note must not say a
/// polarity that nobody chose.
pub fn form(read: &Reading<'_>, view: &MentionView) -> Markup {
    let one = &view.mention;
    let said = one.correction.as_ref();
    let verdict = one.sentiment().polarity;
    let answer = said.and_then(|said| said.needs_answer);
    let note = said.and_then(|said| said.note.as_deref());
    let action = format!("/mentions/{}/correct", one.id());
    let seen = html! { input type="hidden" name="revision" value=(one.revision); };
    html! {
        h2 id="correct" { "Is the model right?" }
        @if one.erased_at.is_none() {
            @if said.is_none() && verdict != Polarity::Unsure {
                form.row method="post" action=(action) {
                    (seen)
                    button.main name="verdict" value=(verdict.as_str()) { "Yes, it is " (verdict.as_str()) }
                }
            }
            form.row method="post" action=(action) {
                (seen)
                label { "It is"
                    select name="verdict" required {
                        option value="" { "choose" }
                        @for polarity in SAID {
                            option value=(polarity.as_str()) selected[said.is_some_and(|said| said.polarity == polarity)] { (polarity.as_str()) }
                        }
                    }
                }
                label { "Does it ask for an answer?"
                    select name="needs_answer" {
                        @for (value, words, here) in [("", "no word on that", None), ("yes", "yes", Some(true)), ("no", "no", Some(false))] {
                            option value=(value) selected[answer == here] { (words) }
                        }
                    }
                }
                label { "Why (if you like)"
                    input type="text" name="note" maxlength=(LONGEST_NOTE) value=[note] autocomplete="off";
                }
                button { "Correct it" }
            }
        }
        @if said.is_some() {
            form.row method="post" action=(action) {
                (seen)
                button name="verdict" value="undo" { "Take it back" }
            }
        }
        p.small.quiet {
            "Here you act as " (read.desk.roster.champion().name) ". Figures count what you say, and the model is measured on it: "
            "agreeing helps as much as disagreeing. Nobody is told anew, and what the model said stays beside it."
        }
    }
}
