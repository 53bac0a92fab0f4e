//! `earmark run`: the daemon, from the configuration to the last flush.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::{Common, output, place, welcome};
use crate::app::{App, Deps, STOP_WITHIN, Silent, check};
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
/// Longer than any start, below systemd's limit (`TimeoutStartSec`): a start that hangs ends with
/// words of our own.
const START_WITHIN: Duration = Duration::from_secs(170);

pub async fn run(common: &Common, _: &RunArgs) -> anyhow::Result<ExitCode> {
    // Signals are heard from the first instant: a stop during a slow start is a stop.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let path = place::config_path(common)?;
    let config = place::config(common)?;
    let faults = check::faults(&config);
    if faults.has_faults() {
        // Its own kind of error: systemd must not start us again and again for it.
        return Err(place::BadConfig(format!("{} cannot be used:\n{faults}", path.display())).into());
    }
    let stop = Stop::new();
    let socket = common.socket.clone().unwrap_or_else(|| place::own_socket(&config));
    let deps = Deps { clock: Arc::new(SystemClock), stop: stop.clone(), socket: Some(socket) };
    let place = config.store_path.clone();
    // A start is never dropped half way: the model may be loading on its own thread, and a process
    // that ends below it can crash. Told to stop, the start gives up waiting for the store, and
    // what it has started is ended in order.
    let mut starting = std::pin::pin!(tokio::time::timeout(START_WITHIN, App::start(config, deps)));
    let started = tokio::select! {
        started = &mut starting => started,
        () = either(&mut terminate, &mut interrupt) => {
            systemd::stopping();
            stop.stop();
            if let Ok(Ok(Ok(app))) = tokio::time::timeout(STOP_WITHIN, starting).await {
                app.stop().await;
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    let app = started
        .map_err(|_| anyhow::anyhow!("it took longer than {START_WITHIN:?}"))
        .and_then(|started| started)
        .context("earmark could not start")?;
    let at = app.web_addr.map_or_else(|| "no web address".into(), |addr| format!("http://{addr}/"));
    systemd::ready(&format!("reading {} sources, pages at {at}", app.api.config.load().sources.len()));
    tracing::info!("ready: pages at {at}, store in {}", place.display());
    welcome::say(&app.api.config.load(), &path, app.web_addr);
    let code = {
        let mut beating = std::pin::pin!(beat(&app));
        loop {
            tokio::select! {
                () = either(&mut terminate, &mut interrupt) => break ExitCode::SUCCESS,
                _ = hangup.recv() => reload(&app, &path),
                () = &mut beating => break ExitCode::FAILURE,
            }
        }
    };
    systemd::stopping();
    app.stop().await;
    Ok(code)
}

/// Returns when one of the two came.
async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Feeds the watchdog while store and scorer answer; returns once the scorer is gone for good.
///
/// An answer that is late is not the end: the disk may be slow for a while. The beat is left out,
/// and systemd decides.
async fn beat(app: &App) {
    let mut look = tokio::time::interval(systemd::watchdog_interval().unwrap_or(LOOK_EVERY));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match app.pulse().await {
            Ok(()) => systemd::watchdog(),
            Err(Silent::Gone(why)) => {
                tracing::error!("{why}; ending, so that systemd starts a new daemon");
                return;
            }
            Err(Silent::Late(why)) => tracing::error!("{why}; the watchdog is not fed"),
        }
    }
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
