//! `earmark store`: export, import, verify, compact.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::door::{self, Door, Needs};
use super::{Common, output, place};
use crate::api::list::{Listing, Row, Verified};
use crate::app::offline;

/// Exports, imports, verifies, compacts the store
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "Examples:
  earmark store export backup.jsonl       while the daemon runs, or without it
  earmark store import backup.jsonl       into an empty store, the daemon stopped
  earmark store verify
  earmark store compact                   gives room back, the daemon stopped"
)]
pub struct StoreArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Writes every row as JSON Lines
    #[command(after_help = "Examples:
  earmark store export backup.jsonl
  earmark store export - | zstd > backup.jsonl.zst
  earmark store export --forgotten forgotten.jsonl    to be imported before an older backup")]
    Export {
        /// Where to; `-` for standard output
        file: PathBuf,
        /// Only what was forgotten, as hashes: so that an older backup does not bring it back
        #[arg(long)]
        forgotten: bool,
    },
    /// Takes rows of an export into an empty store
    #[command(after_help = "Examples:
  earmark store import backup.jsonl       the daemon must not run
  earmark store import forgotten.jsonl    first, where the backup is older than what was forgotten")]
    Import {
        /// Where from
        file: PathBuf,
    },
    /// Reads everything and says what does not fit together
    #[command(after_help = "Examples:
  earmark store verify && echo in order")]
    Verify,
    /// Rewrites what is still there, to give room back
    #[command(after_help = "Examples:
  earmark store compact                   the daemon must not run; a kill loses nothing")]
    Compact,
}

/// Rows taken in at once.
const BATCH: usize = 1_000;

pub async fn run(common: &Common, args: &StoreArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Export { file, forgotten } => export(common, file, *forgotten).await,
        What::Import { file } => import(common, file).await,
        What::Verify => verify(common).await,
        What::Compact => compact(common).await,
    }
}

async fn export(common: &Common, file: &Path, forgotten: bool) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    if file.as_os_str() == "-" {
        let mut out = std::io::stdout().lock();
        write_rows(&door, forgotten, &mut |line| match out.write_all(line) {
            Ok(()) => Ok(()),
            Err(error) => output::stop_writing(&error),
        })
        .await?;
        return Ok(ExitCode::SUCCESS);
    }
    // Written beside and renamed: an export that is there is a whole one.
    let partial = file.with_extension("partial");
    let written = write_file(&door, &partial, forgotten).await.and_then(|rows| {
        std::fs::rename(&partial, file)
            .with_context(|| format!("{} cannot be put in place", file.display()))?;
        Ok(rows)
    });
    match written {
        Ok(rows) => output::note(&format!("{} in {}", output::count(rows, "row"), file.display())),
        Err(error) => {
            let _ = std::fs::remove_file(&partial);
            return Err(error);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn write_file(door: &Door, file: &Path, forgotten: bool) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(std::fs::File::create(file).with_context(|| cannot_write(file))?);
    let rows = write_rows(door, forgotten, &mut |line| out.write_all(line)).await?;
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(rows)
}

async fn write_rows(
    door: &Door,
    forgotten: bool,
    write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> anyhow::Result<u64> {
    let mut progress = output::Progress::new("rows", None);
    let (mut after, mut done) = (None::<String>, 0u64);
    loop {
        let query: Vec<(&str, String)> = after.iter().map(|after| ("after", after.clone())).collect();
        let Listing { rows, next }: Listing<Row> = door.get("/store/rows", &query).await?;
        // These rows lead, so the first other one is their end.
        let wanted = rows.iter().take_while(|row| !forgotten || row.is_tombstone()).count();
        for row in &rows[..wanted] {
            let mut line = serde_json::to_vec(row)?;
            line.push(b'\n');
            write(&line).context("the export cannot be written")?;
        }
        done += wanted as u64;
        progress.at(done);
        after = next.filter(|_| wanted == rows.len());
        if after.is_none() {
            break;
        }
    }
    progress.end();
    Ok(done)
}

fn cannot_write(file: &Path) -> String {
    // Without a daemon root works as the store's owner, who may not write everywhere.
    format!("{} cannot be written; `earmark store export -` writes to standard output", file.display())
}

async fn import(common: &Common, file: &Path) -> anyhow::Result<ExitCode> {
    let config = place::config(common)?;
    door::no_daemon(common, &config).await?;
    let source = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let store = offline::open_store(&config).await?;
    if !offline::is_empty(&*store).await? {
        anyhow::bail!(
            "the store in {} is not empty, and rows of two stores do not mix; move the folder away first (and keep what was forgotten: `earmark store export --forgotten`, imported before the backup)",
            config.store_path.display()
        );
    }
    let mut progress = output::Progress::new("rows", None);
    let (mut batch, mut done) = (Vec::new(), 0u64);
    for (number, line) in BufReader::new(source).lines().enumerate() {
        let row: Row = line
            .map_err(anyhow::Error::from)
            .and_then(|line| Ok(serde_json::from_str(&line)?))
            .with_context(|| format!("{} line {} is no row of an export", file.display(), number + 1))?;
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
    output::note(&format!("{} taken in", output::count(done, "row")));
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
        output::line(&format!(
            "{} read, {}",
            output::count(verified.rows, "row"),
            output::count(verified.faults.len() as u64, "fault")
        ));
    }
    Ok(if verified.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn compact(common: &Common) -> anyhow::Result<ExitCode> {
    let config = place::config(common)?;
    door::no_daemon(common, &config).await?;
    let mut progress = output::Progress::new("rows", None);
    let (before, after) = offline::compact(&config, &mut |done, _| progress.at(done))?;
    progress.end();
    if common.json {
        output::json(&json!({ "bytes_before": before, "bytes_after": after }))?;
    } else {
        output::line(&format!("{before} bytes before, {after} after"));
    }
    Ok(ExitCode::SUCCESS)
}
