//! Where things are: the configuration, the socket.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Common, output};
use crate::config::Config;
use crate::config::load::{load, variables};

/// A configuration that cannot be used; its words are the list of faults.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadConfig(pub String);

/// The configuration named, else the first that is there.
pub fn config_path(common: &Common) -> anyhow::Result<PathBuf> {
    if let Some(path) = &common.config {
        return Ok(path.clone());
    }
    let home = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
    let candidates: Vec<PathBuf> = [
        Some(PathBuf::from("/etc/earmark/earmark.toml")),
        home.map(|home| home.join("earmark/earmark.toml")),
        Some(PathBuf::from("config/earmark.toml")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let found = candidates.iter().find(|path| path.is_file()).cloned();
    found.with_context(|| {
        let places: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        format!(
            "no configuration was found at {}; name one with --config, or write one with `earmark init`",
            places.join(", ")
        )
    })
}

/// The configuration, its warnings shown.
pub fn config(common: &Common) -> anyhow::Result<Config> {
    let path = config_path(common)?;
    let loaded = load(&path, &variables())
        .map_err(|problems| BadConfig(format!("{} cannot be used:\n{problems}", path.display())))?;
    for warning in &loaded.warnings.0 {
        output::note(&format!("warning: {warning}"));
    }
    Ok(loaded.config)
}

const SOCKET: &str = "earmark.sock";

/// Where the daemon makes its socket.
pub fn own_socket(config: &Config) -> PathBuf {
    // systemd may give several folders, separated by colons; the first is ours.
    let runtime = std::env::var("RUNTIME_DIRECTORY").ok();
    let runtime =
        runtime.as_deref().and_then(|folders| folders.split(':').next()).filter(|folder| !folder.is_empty());
    if let Some(folder) = runtime {
        return Path::new(folder).join(SOCKET);
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) => Path::new(&folder).join("earmark").join(SOCKET),
        None => config.store_path.join("run").join(SOCKET),
    }
}

/// Where a client looks for it, in this order.
pub fn sockets(common: &Common, config: &Config) -> Vec<PathBuf> {
    if let Some(socket) = &common.socket {
        return vec![socket.clone()];
    }
    let mut places = vec![config.store_path.join("run").join(SOCKET), own_socket(config)];
    places.push(Path::new("/run/earmark").join(SOCKET));
    places.dedup();
    places
}
