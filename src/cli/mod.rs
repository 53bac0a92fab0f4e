//! Subcommands. Those that look at or act on a running daemon are clients of its socket; where
//! none runs they open the store themselves and call the same functions in this process
//! ([`door`]). Output for people goes through [`output`]; `--json` gives the API's own values.

mod check;
mod digest;
mod door;
mod escalations;
mod eval;
mod import;
mod init;
mod mentions;
mod output;
mod place;
mod replay;
mod route;
mod run;
mod score;
mod status;
mod store;
mod welcome;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// A fault of the configuration (sysexits.h, EX_CONFIG): systemd does not restart on it.
pub const EX_CONFIG: u8 = 78;

/// Listens for mentions of a brand, scores them on this machine, and makes sure that a named
/// owner hears of what matters in time.
#[derive(Debug, Parser)]
#[command(name = "earmark", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  earmark init > earmark.toml         a commented configuration to start from
  earmark check                       is it right? says every fault at once
  earmark run                         the daemon
  earmark route \"Acme lost my order\"  who would own this, and who would be told when
  earmark escalations                 what is open, and who answers for it";

/// What every subcommand takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration [default: $EARMARK_CONFIG, /etc/earmark/earmark.toml,
    /// $XDG_CONFIG_HOME/earmark/earmark.toml, config/earmark.toml: the first that is there]
    #[arg(short, long, global = true, value_name = "FILE", env = "EARMARK_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// The daemon's socket, if it is not where the configuration says
    #[arg(long, global = true, value_name = "FILE")]
    socket: Option<PathBuf>,
    /// Print values as JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    /// Act as this owner (root, or the account that the daemon runs as)
    #[arg(long = "as", global = true, value_name = "OWNER")]
    act_as: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The daemon: reads, scores, records, escalates, delivers
    Run(run::RunArgs),
    /// Says every fault of the configuration at once, and runs its [[tests]]
    Check(check::CheckArgs),
    /// Writes a commented configuration to start from
    Init(init::InitArgs),
    /// What the model says of texts
    Score(score::ScoreArgs),
    /// Who would own a text, why, and who would be told when
    Route(route::RouteArgs),
    /// Measures the model on labelled texts
    Eval(eval::EvalArgs),
    /// Lists, filters, follows and exports mentions
    Mentions(mentions::MentionsArgs),
    /// Lists escalations; acknowledge, resolve, reassign, silence
    Escalations(escalations::EscalationsArgs),
    /// Previews or sends a digest
    Digest(digest::DigestArgs),
    /// Takes in posts from a file: transcripts, surveys, tickets
    Import(import::ImportArgs),
    /// What the configuration would have made of a file of posts; stores nothing
    Replay(replay::ReplayArgs),
    /// Exports, imports, verifies, compacts the store
    Store(store::StoreArgs),
    /// Sources, coverage, queues, tasks
    Status(status::StatusArgs),
}

/// Runs what was asked for; the whole of `main`.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    crate::telemetry::logs::start(match &cli.command {
        Command::Run(_) => "earmark=info,warn",
        _ => "earmark=warn,error",
    });
    // The provider that both TLS users share; a second installation is a no-op.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("the runtime could not be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(dispatch(&cli)).unwrap_or_else(|error| {
        output::complain(&format!("{error:#}"));
        if error.downcast_ref::<place::BadConfig>().is_some() {
            ExitCode::from(EX_CONFIG)
        } else {
            ExitCode::FAILURE
        }
    });
    // A blocking read that never ends (standard input) must not keep the process.
    runtime.shutdown_background();
    code
}

async fn dispatch(cli: &Cli) -> anyhow::Result<ExitCode> {
    let common = &cli.common;
    match &cli.command {
        Command::Run(args) => run::run(common, args).await,
        Command::Check(args) => check::run(common, args).await,
        Command::Init(args) => init::run(common, args),
        Command::Score(args) => score::run(common, args).await,
        Command::Route(args) => route::run(common, args).await,
        Command::Eval(args) => eval::run(common, args).await,
        Command::Mentions(args) => mentions::run(common, args).await,
        Command::Escalations(args) => escalations::run(common, args).await,
        Command::Digest(args) => digest::run(common, args).await,
        Command::Import(args) => import::run(common, args).await,
        Command::Replay(args) => replay::run(common, args).await,
        Command::Store(args) => store::run(common, args).await,
        Command::Status(args) => status::run(common, args).await,
    }
}
