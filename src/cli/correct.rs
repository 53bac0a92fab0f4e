//! `earmark mentions correct`: what a person says of a verdict.

use anyhow::bail;
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::door::Door;
use super::{Common, output};
use crate::api::correct::CorrectAsk;
use crate::api::list::MentionView;
use crate::domain::id::MentionId;
use crate::domain::sentiment::Polarity;

#[derive(Debug, Args)]
pub struct CorrectArgs {
    /// The mention's id; `earmark mentions --ids` shows it
    id: MentionId,
    /// Which way it leans: negative, neutral or positive
    #[arg(
        long,
        value_name = "POLARITY",
        required_unless_present_any = ["confirm", "undo"],
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(["negative", "neutral", "positive"])
    )]
    as_polarity: Option<String>,
    /// The model is right
    #[arg(long, conflicts_with = "as_polarity")]
    confirm: bool,
    /// Whether it asks for an answer: yes or no
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    needs_answer: Option<bool>,
    /// Why, in words; goes when the post's text goes
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Take the correction back
    #[arg(long, conflicts_with_all = ["as_polarity", "confirm", "needs_answer", "note"])]
    undo: bool,
}

/// `yes` or `no`.
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no".into()),
    }
}

pub async fn run(door: &Door, common: &Common, args: &CorrectArgs) -> anyhow::Result<()> {
    let path = format!("/mentions/{}/correction", args.id);
    let view: MentionView = if args.undo {
        door.delete(&path).await?
    } else {
        let polarity = args.as_polarity.as_deref();
        let known = polarity.map(|said| Polarity::ALL.into_iter().find(|one| one.as_str() == said));
        let Some(polarity) = known.map_or(Some(None), |found| found.map(Some)) else {
            bail!("no polarity is named \"{}\"", polarity.unwrap_or_default());
        };
        let ask = CorrectAsk {
            polarity,
            confirm: args.confirm,
            needs_answer: args.needs_answer,
            note: args.note.clone(),
            revision: None,
        };
        door.post(&path, &[], &ask).await?
    };
    if common.json {
        return output::json(&view);
    }
    let verdict = view.mention.sentiment();
    let model =
        format!("{} {} said {}", verdict.model.name, verdict.model.version, verdict.polarity.as_str());
    output::line(&match &view.mention.correction {
        Some(said) if said.agrees(verdict) => {
            format!("{} is {}: {model} too.", args.id, said.polarity.as_str())
        }
        Some(said) => format!("{} is {}; {model}.", args.id, said.polarity.as_str()),
        None => format!("{} counts as the model says again: {model}.", args.id),
    });
    Ok(())
}
