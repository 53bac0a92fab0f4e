//! `earmark run`: the daemon, from the configuration to the last flush.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, output, place, welcome};
use crate::app::{App, Deps, check};
use crate::config::Config;
use crate::config::load::{load, variables};
use crate::runtime::clock::SystemClock;
use crate::runtime::stop::Stop;
use crate::runtime::systemd;

/// The daemon: reads, scores, records, escalates, delivers
#[derive(Debug, Args)]
#[command(after_help = "SIGTERM and SIGINT stop it; SIGHUP makes it read its configuration again.

Examples:
  earmark run
  earmark --config config/earmark.toml run
  systemctl reload earmark            (sends SIGHUP; a bad file keeps the old configuration)")]
pub struct RunArgs {}

/// How often store and scorer are asked where systemd does not say.
const LOOK_EVERY: Duration = Duration::from_secs(10);

pub async fn run(common: &Common, _: &RunArgs) -> anyhow::Result<ExitCode> {
    // Signals are heard from the first instant: a stop during a slow start is a stop.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let path = place::config_path(common)?;
    let config = place::config(common)?;
    // What the stages find wrong is a fault of the configuration too: no restart would mend it.
    let faults = check::faults(&config);
    if faults.has_faults() {
        return Err(place::BadConfig(format!("{} cannot be used:\n{faults}", path.display())).into());
    }
    let stop = Stop::new();
    let socket = common.socket.clone().unwrap_or_else(|| place::own_socket(&config));
    let deps = Deps { clock: Arc::new(SystemClock), stop: stop.clone(), socket: Some(socket) };
    let place = config.store_path.clone();
    let app = tokio::select! {
        app = App::start(config, deps) => app.context("earmark could not start")?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
    };
    let at = app.web_addr.map_or_else(|| "no web address".into(), |addr| format!("http://{addr}/"));
    systemd::ready(&format!("reading {} sources, pages at {at}", app.api.config.load().sources.len()));
    tracing::info!("ready: pages at {at}, store in {}", place.display());
    welcome::say(&app.api.config.load(), &path, app.web_addr);
    let mut look = tokio::time::interval(systemd::watchdog_interval().unwrap_or(LOOK_EVERY));
    let mut code = ExitCode::SUCCESS;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reload(&app, &path),
            _ = look.tick() => {
                let alive = tokio::select! {
                    alive = app.is_alive() => alive,
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                };
                if !alive {
                    // What hangs does not come back: systemd restarts us.
                    tracing::error!("the store or the scorer has stopped answering; ending");
                    code = ExitCode::FAILURE;
                    break;
                }
                systemd::watchdog();
            }
        }
    }
    systemd::stopping();
    app.stop().await;
    Ok(code)
}

/// Takes the new configuration, or says loudly why the old one stays.
fn reload(app: &App, path: &std::path::Path) {
    systemd::reloading();
    let taken =
        read(path).and_then(|config| app.reload(config).map_err(|problems| anyhow::anyhow!("{problems}")));
    match taken {
        Ok(()) => {
            tracing::info!("the configuration was read again");
            systemd::ready("reloaded");
        }
        Err(error) => {
            tracing::error!("the new configuration was refused, the old one stays:\n{error:#}");
            systemd::ready("the new configuration was refused; see the log");
        }
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<Config> {
    let loaded = load(path, &variables()).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    for warning in &loaded.warnings.0 {
        output::note(&format!("warning: {warning}"));
    }
    Ok(loaded.config)
}
