//! Subcommands. Those that look at or act on a running daemon are clients of its socket; where
//! none runs they open the store themselves and call the same functions in this process
//! ([`door`]). Output for people goes through [`output`]; `--json` gives the API's own values.

mod check;
mod correct;
mod digest;
mod door;
mod escalations;
mod eval;
mod explained;
mod forget;
mod import;
mod init;
mod mentions;
mod output;
mod place;
mod replay;
mod route;
mod run;
mod score;
mod sources;
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
  earmark init earmark.toml             a commented configuration to start from
  earmark -c earmark.toml check         is it in order? says every fault at once
  earmark -c earmark.toml run           the daemon
  earmark route \"Acme lost my order\"    who would own this, and who would be told when
  earmark escalations                   what is open, and who answers for it

The configuration is the one that --config names, else $EARMARK_CONFIG, else the first of
/etc/earmark/earmark.toml, $XDG_CONFIG_HOME/earmark/earmark.toml (~/.config) and
config/earmark.toml that is there.

Exit codes: 0 done; 1 it failed, or what was checked is not as it should be; 2 the command line
is wrong; 78 the configuration has faults.";

/// The heading of what every subcommand takes, below what is its own.
const EVERYWHERE: &str = "Options of every command";

/// What every subcommand takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration; `earmark --help` says where it is looked for
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "EARMARK_CONFIG",
        hide_env = true,
        help_heading = EVERYWHERE
    )]
    config: Option<PathBuf>,
    /// The daemon's socket, where it is not in its usual place
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    socket: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Act as this owner: for root and the account that the daemon runs as
    #[arg(long = "as", global = true, value_name = "OWNER", help_heading = EVERYWHERE)]
    act_as: Option<String>,
}

/// Each speaks for itself where it is defined.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Check(check::CheckArgs),
    Init(init::InitArgs),
    Score(score::ScoreArgs),
    Route(route::RouteArgs),
    Eval(eval::EvalArgs),
    Mentions(mentions::MentionsArgs),
    Escalations(escalations::EscalationsArgs),
    Digest(digest::DigestArgs),
    Import(import::ImportArgs),
    Forget(forget::ForgetArgs),
    Replay(replay::ReplayArgs),
    Sources(sources::SourcesArgs),
    Store(store::StoreArgs),
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
        Command::Forget(args) => forget::run(common, args).await,
        Command::Replay(args) => replay::run(common, args).await,
        Command::Sources(args) => sources::run(common, args).await,
        Command::Store(args) => store::run(common, args).await,
        Command::Status(args) => status::run(common, args).await,
    }
}
