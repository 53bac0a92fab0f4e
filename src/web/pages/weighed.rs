//! Why a mention got its score: its text with the words shaded that moved it, and the same as lists,
//! so that the shades say nothing alone. It is asked of the model of now, each time.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use maud::{Markup, html};

use super::show::{self, Reading};
use super::{Frame, PageAnswer};
use crate::api::Api;
use crate::api::caller::Caller;
use crate::api::explain_score::ExplainedMention;
use crate::domain::id::MentionId;
use crate::domain::words;
use crate::sentiment::explain::{Explained, Moved, Piece, strength};
use crate::web::v1::number;

/// Words named in one list.
const NAMED: usize = 8;
/// Characters shown between two words, and of one word.
const STRETCH: usize = 400;
const WORD: usize = 60;

pub async fn one(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let id = number::<MentionId>(&id, "mention")?;
    let view = api.mention(id).await?;
    let found = api.explain_mention(id).await?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, Some(&view.accountable), api.clock.now());
    let body = html! {
        h1 { "Why this score?" }
        p { a href=(format!("/mentions/{id}")) { "Back to the mention of " (read.topic(view.mention.topic())) } }
        div.badges { (show::leaning_badge(&found.now.sentiment)) }
        (verdicts(&found))
        @if let Some(target) = &found.now.target {
            p { "Judged towards " strong { bdi { (words::one_line(target, WORD)) } } (how_named(&found.now)) }
        }
        h2 { "The text" }
        p.small.quiet {
            "Underlined: " span.push.against.s2 { "towards negative" } ", with dashes; " span.push.towards.s2 { "towards positive" }
            ", with a line; the thicker, the more. " span.push.target { "Dots" } " mark what it was judged towards."
        }
        p.said dir="auto" { @for piece in found.now.pieces() { (shaded(piece)) } }
        @if found.now.unweighed > 0 {
            p.small.quiet { (words::count(found.now.unweighed as u64, "word")) " behind that were not weighed." }
        }
        h2 { "The words that moved it" }
        (lists(&found.now))
        p.small.quiet {
            "Each word was left out in turn and the rest judged again: what the score loses without a word is what the word did. "
            "The parts need not add up: two words that say the same cover for each other."
        }
    };
    let twin = Some(format!("/api/v1/mentions/{id}/explain-score"));
    Ok(Frame { title: "Why this score?", place: "", twin, may_roam: true }.around(&body))
}

/// The kept verdict, and that of now where it is another.
fn verdicts(found: &ExplainedMention) -> Markup {
    let (kept, now) = (&found.kept, &found.now.sentiment);
    let is_other = kept.model != now.model || kept.polarity != now.polarity;
    html! {
        p { (words::judgement(now)) " Model " (now.model.name) " " (now.model.version) "." }
        @if is_other {
            p.small.quiet {
                "When it was heard, the model " (kept.model.name) " " (kept.model.version) " took it for "
                (words::leaning(kept)) "; that verdict is kept. What follows is said by the model of now."
            }
        }
    }
}

fn how_named(found: &Explained) -> &'static str {
    if found.words.iter().any(|word| word.target) {
        "; the words that name it are not left out."
    } else {
        ", which the text does not name."
    }
}

fn shaded((piece, word): Piece<'_>) -> Markup {
    let said = words::clean(piece);
    let Some(word) = word else { return html! { (words::cut(&said, STRETCH)) } };
    let said = words::cut(&said, STRETCH);
    let way = if word.target {
        "push target".to_owned()
    } else {
        match (word.strength(), word.delta_score.unwrap_or_default() < 0.0) {
            (0, _) => return html! { (said) },
            (strength, true) => format!("push against s{strength}"),
            (strength, false) => format!("push towards s{strength}"),
        }
    };
    html! { span class=(way) { (said) } }
}

fn lists(found: &Explained) -> Markup {
    let down = found.strongest(|word| word.delta_score.filter(|by| *by < 0.0), NAMED);
    let up = found.strongest(|word| word.delta_score.filter(|by| *by > 0.0), NAMED);
    let answer = found.strongest(|word| word.delta_needs_answer, NAMED);
    html! {
        @if found.could_not_weigh() { p { "None could be weighed: " (words::why_unsure(&found.sentiment)) "." } }
        @else if down.is_empty() && up.is_empty() { p { "No single word moved the score." } }
        (list("Towards negative", &down))
        (list("Towards positive", &up))
        (list("Whether it asks for an answer (above zero: towards yes)", &answer))
    }
}

fn list(what: &str, moved: &[(&Moved, f32)]) -> Markup {
    html! {
        @if !moved.is_empty() {
            h3 { (what) }
            ul {
                @for (word, by) in moved {
                    li { bdi { (words::one_line(&word.word, WORD)) } ": " (words::signed(f64::from(*by), 2)) ", " (how_much(*by)) }
                }
            }
        }
    }
}

fn how_much(by: f32) -> &'static str {
    match strength(Some(by)) {
        0 | 1 => "a little",
        2 => "clearly",
        _ => "decisively",
    }
}
