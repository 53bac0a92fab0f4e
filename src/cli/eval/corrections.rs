//! What people corrected, with the verdicts as they were given: over the daemon or from the store.
//! Verdict and correction stay when a text is forgotten, so a text is not needed.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::json;

use super::{EvalArgs, Set, named};
use crate::api::calibrate::Calibrated;
use crate::api::list::MentionView;
use crate::cli::door::{Door, Needs};
use crate::cli::{Common, output};
use crate::domain::correction::Calibration;
use crate::domain::mention::RecordedMention;
use crate::domain::sentiment::{Model, Sentiment};
use crate::sentiment::eval::Judged;

const FIELDS: [&str; 6] = ["topic", "source", "site", "lang", "model", "by"];

pub async fn judge(common: &Common, args: &EvalArgs) -> anyhow::Result<Set> {
    if let Some(by) = args.by.as_deref().filter(|by| !FIELDS.contains(by)) {
        bail!("corrections cannot be measured by \"{by}\"; known are {}", FIELDS.join(", "));
    }
    let door = Door::open(common, Needs::Store).await?;
    let (mut mentions, mut edited) = (Vec::new(), 0);
    let mut progress = output::Progress::new("corrections", None);
    let gather = |view: MentionView| {
        let mention = view.mention;
        match &mention.correction {
            Some(said) if said.revision == mention.revision => mentions.push(mention),
            // The verdict is on other words than those that the person judged.
            Some(_) => edited += 1,
            None => {}
        }
        progress.at(mentions.len() as u64);
        Ok(())
    };
    door.pages("/mentions", &[("corrected", "true".to_owned())], usize::MAX, gather).await?;
    progress.end();
    if mentions.is_empty() {
        bail!(
            "nobody has corrected a verdict yet, so there is nothing to measure on; `earmark mentions correct ID` does, and `earmark eval FILE` measures on labelled texts"
        );
    }
    if edited > 0 {
        output::note(&format!("{} edited after it was judged: left out", output::count(edited, "post")));
    }
    let known: Calibrated = door.get("/calibration", &[]).await?;
    let models = models(&mentions);
    // Of what is loaded; without a daemon, of the newest verdict.
    let newest = mentions.iter().max_by_key(|mention| mention.updated_at).map(|one| &one.sentiment().model);
    let model = known.model.clone().or(newest.cloned());
    if args.calibrate {
        mentions.retain(|mention| Some(&mention.sentiment().model) == model.as_ref());
    }
    let several = models.len() > 1 && args.by.is_none() && !args.calibrate;
    let by = if several { Some("model") } else { args.by.as_deref() };
    let said: Vec<String> = models.iter().map(|(model, n)| format!("{model} ({n})")).collect();
    Ok(Set {
        name: format!("{} on {}", said.join(", "), output::count(mentions.len() as u64, "correction")),
        keys: mentions.iter().map(|mention| json!({ "mention": mention.id() })).collect(),
        in_use: mentions
            .iter()
            .map(|one| Calibration::in_use_at(&known.rows, &one.sentiment().model, one.updated_at))
            .collect(),
        judged: mentions.iter().map(|mention| judged(mention, args.floor, by)).collect(),
        model,
        seconds: None,
    })
}

fn models(mentions: &[RecordedMention]) -> BTreeMap<String, usize> {
    let mut models = BTreeMap::new();
    for mention in mentions {
        *models.entry(named(&mention.sentiment().model)).or_default() += 1;
    }
    models
}

fn judged(mention: &RecordedMention, floor: Option<f32>, by: Option<&str>) -> Judged {
    let given = mention.sentiment();
    let verdict = match floor {
        // What was given for another reason than the floor stays as it is.
        Some(floor) if given.confidence > 0.0 => Sentiment {
            needs_answer: given.needs_answer,
            ..Sentiment::judge(given.probabilities, floor, given.model.clone())
        },
        _ => given.clone(),
    };
    let said = mention.correction.as_ref();
    Judged {
        label: said.map(|said| said.polarity),
        needs_answer: said.and_then(|said| said.needs_answer),
        verdict,
        group: by.map(|by| group(mention, by)),
    }
}

fn group(mention: &RecordedMention, by: &str) -> String {
    let post = mention.post();
    let named_model = |model: &Model| named(model);
    let value = match by {
        "topic" => mention.topic().to_string(),
        "source" => post.source.to_string(),
        "site" => post.site.clone(),
        "lang" => mention.sentiment().lang.clone().or(post.lang.clone()).unwrap_or_default(),
        "by" => mention.correction.as_ref().map(|said| said.by.to_string()).unwrap_or_default(),
        _ => named_model(&mention.sentiment().model),
    };
    if value.is_empty() { "(none)".into() } else { value }
}
