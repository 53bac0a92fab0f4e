//! `earmark store`: export, import, verify, compact.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::door::{Door, Needs};
use super::{Common, output, place};
use crate::api::list::Listing;
use crate::app::offline;
use crate::store::{Row, Verified};

/// Exports, imports, verifies, compacts the store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark store export backup.jsonl       while the daemon runs, or without it
  earmark store import backup.jsonl       into an empty store, the daemon stopped
  earmark store verify
  earmark store compact                   gives room back; the daemon stopped")]
pub struct StoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Writes every row as JSON Lines
    Export {
        /// Where to; `-` for standard output
        file: PathBuf,
    },
    /// Takes rows of an export into an empty store
    Import {
        /// Where from
        file: PathBuf,
    },
    /// Reads everything and says what does not fit together
    Verify,
    /// Rewrites the live rows beside and swaps
    Compact,
}

/// Rows taken in at once.
const BATCH: usize = 1_000;

pub async fn run(common: &Common, args: &StoreArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Export { file } => export(common, file).await,
        What::Import { file } => import(common, file).await,
        What::Verify => verify(common).await,
        What::Compact => compact(common),
    }
}

async fn export(common: &Common, file: &PathBuf) -> anyhow::Result<ExitCode> {
    let to_stdout = file.as_os_str() == "-";
    // Meant from here: opening the store may change the working folder.
    let file = &std::path::absolute(file)?;
    let door = Door::open(common, Needs::Store).await?;
    // Written beside and renamed: an export that is there is a whole one.
    let partial = file.with_extension("partial");
    let mut out: Box<dyn Write> = if to_stdout {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(BufWriter::new(
            std::fs::File::create(&partial)
                .with_context(|| format!("{} cannot be written", partial.display()))?,
        ))
    };
    let mut progress = output::Progress::new("rows", None);
    let (mut after, mut done) = (None::<String>, 0u64);
    loop {
        let query: Vec<(&str, String)> = after.iter().map(|after| ("after", after.clone())).collect();
        let Listing { rows, next }: Listing<Row> = door.get("/store/rows", &query).await?;
        for row in &rows {
            serde_json::to_writer(&mut out, row)?;
            out.write_all(b"\n")?;
        }
        done += rows.len() as u64;
        progress.at(done);
        after = next;
        if after.is_none() {
            break;
        }
    }
    out.flush()?;
    drop(out);
    progress.end();
    if !to_stdout {
        std::fs::File::open(&partial)?.sync_all()?;
        std::fs::rename(&partial, file)?;
        output::note(&format!("{done} rows in {}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn import(common: &Common, file: &PathBuf) -> anyhow::Result<ExitCode> {
    let mut config = place::config(common)?;
    let source = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let store = offline::open_store(&mut config).await?;
    if !store.rows(None, 1).await?.rows.is_empty() {
        anyhow::bail!("the store in {} is not empty; move it away first", config.store_path.display());
    }
    let mut progress = output::Progress::new("rows", None);
    let (mut batch, mut done) = (Vec::new(), 0u64);
    for (number, line) in BufReader::new(source).lines().enumerate() {
        let row: Row = serde_json::from_str(&line?)
            .with_context(|| format!("{} line {}", file.display(), number + 1))?;
        batch.push(row);
        done += 1;
        if batch.len() == BATCH {
            store.load(std::mem::take(&mut batch)).await?;
            progress.at(done);
        }
    }
    store.load(batch).await?;
    progress.end();
    let verified = store.verify().await?;
    store.close().await?;
    output::note(&format!("{done} rows taken in"));
    report(common, &verified)
}

async fn verify(common: &Common) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    let verified: Verified = door.get("/store/verify", &[]).await?;
    report(common, &verified)
}

fn report(common: &Common, verified: &Verified) -> anyhow::Result<ExitCode> {
    if common.json {
        output::json(verified)?;
    } else {
        for fault in &verified.faults {
            output::line(fault);
        }
        output::line(&format!("{} rows read, {} faults", verified.rows, verified.faults.len()));
    }
    Ok(if verified.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compact(common: &Common) -> anyhow::Result<ExitCode> {
    let config = place::config(common)?;
    let folder = offline::step_down(&config.store_path)?;
    let mut progress = output::Progress::new("rows", None);
    let (before, after) = crate::store::sled::compact(&folder, &mut |done, _| progress.at(done))?;
    progress.end();
    output::line(&format!("{before} bytes before, {after} after"));
    Ok(ExitCode::SUCCESS)
}
