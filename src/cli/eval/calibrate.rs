//! `earmark eval --calibrate`: fits a temperature, says what it is worth, keeps it.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{EvalArgs, Set, kept, named};
use crate::api::calibrate::{CalibrateAsk, Calibrated};
use crate::cli::door::{Door, Needs};
use crate::cli::{Common, output};
use crate::domain::correction::Calibration;
use crate::sentiment::calibrate::{Fit, Sample, fit};

pub async fn run(common: &Common, args: &EvalArgs, set: &Set) -> anyhow::Result<ExitCode> {
    let samples: Vec<Sample> =
        set.judged.iter().zip(&set.in_use).filter_map(|(one, in_use)| Sample::of(one, *in_use)).collect();
    let model = set.model.clone().context("no model judged any of these texts")?;
    let fitted = fit(&samples)?;
    let keep = fitted.helps() && !args.dry_run;
    if !common.json {
        show(&set.name, &fitted);
    }
    let mut calibration = None;
    if keep {
        let door = Door::open(common, Needs::Store).await?;
        #[expect(clippy::cast_possible_truncation, reason = "three places of a number up to 4")]
        let temperature = fitted.temperature as f32;
        let ask = CalibrateAsk { model, temperature, n: fitted.n as u64 };
        let row: Calibration = door.post("/calibration", &[], &ask).await?;
        let known: Calibrated = door.get("/calibration", &[]).await?;
        if let Some(loaded) = known.model.filter(|loaded| *loaded != row.model) {
            output::note(&format!(
                "the daemon's model is {}, and this is for {}: it waits until that one is loaded",
                named(&loaded),
                named(&row.model)
            ));
        }
        calibration = Some(row);
    }
    if common.json {
        output::json(&json!({ "fit": fitted, "kept": calibration }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&match &calibration {
        Some(row) => kept(row),
        None if fitted.helps() => "not kept: this was a dry run".into(),
        None => "not kept: it makes texts that it was not fitted on no likelier".into(),
    });
    Ok(ExitCode::SUCCESS)
}

/// Takes every temperature back.
pub async fn reset(common: &Common) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    let taken: Vec<Calibration> = door.delete("/calibration").await?;
    for row in &taken {
        if common.json {
            output::json(row)?;
        } else {
            output::line(&format!("{} gives its own probabilities again", named(&row.model)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(name: &str, fitted: &Fit) {
    output::line(&format!("{name}: {} right, {} wrong", fitted.right, fitted.n - fitted.right));
    let sure = match fitted.temperature {
        t if t > 1.02 => "the model is too sure of itself",
        t if t < 0.98 => "the model is surer than it says",
        _ => "the model is as sure as it should be",
    };
    output::line(&format!("temperature {:.3}: {sure}\n", fitted.temperature));
    let row = |name: &str, before: f64, after: f64| {
        vec![name.to_owned(), format!("{before:.3}"), format!("{after:.3}")]
    };
    output::table(
        &["five-fold, on texts not fitted on", "before", "after"],
        &[
            row("calibration error", fitted.before.ece, fitted.after.ece),
            row("negative log-likelihood", fitted.before.nll, fitted.after.nll),
        ],
    );
    output::line("");
}
