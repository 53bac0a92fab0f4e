//! `earmark check`: every fault at once, then the configuration's own tests; with `--live`, every
//! source and channel is asked once.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Common, EX_CONFIG, output, place};
use crate::app::{check, offline, trials};
use crate::config::load::{examine, variables};
use crate::domain::problem::Problems;

/// Says every fault of the configuration at once, and runs its [[tests]]
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 78 on a fault; 1 if only a test fails, or a source or channel does not answer.

Examples:
  earmark check
  earmark check -c new.toml
  earmark check --live                also asks every source and channel once
  earmark check --no-tests            before a start: a new model must not keep the daemon down"
)]
pub struct CheckArgs {
    /// Ask every source and channel once
    #[arg(long)]
    live: bool,
    /// Do not run the [[tests]]
    #[arg(long)]
    no_tests: bool,
}

pub async fn run(common: &Common, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let path = place::config_path(common)?;
    let (config, mut problems) = examine(&path, &variables());
    if let Some(config) = &config {
        problems.0.extend(check::faults(config).0);
    }
    problems.0.dedup();
    show(common, &problems)?;
    let Some(config) = config.filter(|_| !problems.has_faults()) else {
        let faults = problems.0.iter().filter(|problem| !problem.warning).count();
        output::note(&format!("{}: {}", path.display(), output::count(faults as u64, "fault")));
        return Ok(ExitCode::from(EX_CONFIG));
    };
    output::note(&format!(
        "{}: {}, {}, {}, {}: in order",
        path.display(),
        output::count(config.topics.len() as u64, "topic"),
        output::count(config.roster.owners().count() as u64, "owner"),
        output::count(config.sources.len() as u64, "source"),
        output::count(config.channels.len() as u64, "channel")
    ));
    let mut failed = false;
    if !args.no_tests && !config.tests.is_empty() {
        let api = offline::without_store(config.clone()).await?;
        for (number, test) in config.tests.iter().enumerate() {
            let wrong = trials::run(&api, test).await?;
            failed |= !wrong.is_empty();
            for sentence in &wrong {
                if common.json {
                    output::json(&json!({ "test": number + 1, "what": sentence, "text": test.text }))?;
                } else {
                    let text = output::safe(&test.text, 80);
                    output::line(&format!("test {}: {sentence}: {text}", number + 1));
                }
            }
        }
        output::note(&format!("{} run", output::count(config.tests.len() as u64, "test")));
    }
    if args.live {
        for (what, answer) in trials::live(&config).await? {
            failed |= answer.is_err();
            match answer {
                answer if common.json => {
                    let (key, said) = answer.map_or_else(|why| ("error", why), |said| ("said", said));
                    output::json(&json!({ "asked": what, key: said }))?;
                }
                Ok(said) => output::line(&format!("{what}: {said}")),
                Err(error) => output::line(&format!("{what}: {}", output::colour(&error, "31"))),
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(common: &Common, problems: &Problems) -> anyhow::Result<()> {
    for problem in &problems.0 {
        if common.json {
            output::json(&json!({
                "severity": if problem.warning { "warning" } else { "error" },
                "place": problem.place, "key": problem.key, "what": problem.what, "remedy": problem.remedy,
            }))?;
        } else {
            let word = if problem.warning {
                output::colour("warning", "33")
            } else {
                output::colour("error", "31;1")
            };
            output::line(&format!("{word}: {problem}"));
        }
    }
    Ok(())
}
