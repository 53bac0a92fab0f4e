//! `earmark init`: a commented configuration to start from.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{Common, output};

const STARTER: &str = include_str!("../../config/starter.toml");

/// Writes a commented configuration to start from
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark init                        print it
  earmark init earmark.toml           write it; a file that is there is left alone")]
pub struct InitArgs {
    /// Where to write it [default: standard output]
    file: Option<PathBuf>,
}

pub fn run(_: &Common, args: &InitArgs) -> anyhow::Result<ExitCode> {
    match &args.file {
        None => output::line(STARTER.trim_end()),
        Some(path) => {
            use std::io::Write;
            let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
            let mut file = file.with_context(|| format!("{} cannot be written", path.display()))?;
            file.write_all(STARTER.as_bytes())?;
            output::note(&format!(
                "wrote {0}; change owners, channels and topics, then: earmark --config {0} check",
                path.display()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
