//! What a person who just started the daemon by hand wants to know: where to look. Under systemd
//! nobody is looking, and nothing is said.

use std::net::SocketAddr;
use std::path::Path;

use super::output;
use crate::config::Config;

/// Says where pages, messages and a digest are.
pub fn say(config: &Config, config_path: &Path, web: Option<SocketAddr>) {
    let under_systemd =
        ["JOURNAL_STREAM", "NOTIFY_SOCKET"].iter().any(|name| std::env::var_os(name).is_some());
    if under_systemd {
        return;
    }
    // As it was typed: in a checkout it stands in no folder that the shell looks through.
    let program = std::env::args_os().next().map(|name| name.to_string_lossy().into_owned());
    for line in lines(program.as_deref().unwrap_or("earmark"), config, config_path, web) {
        output::note(&line);
    }
}

fn lines(program: &str, config: &Config, config_path: &Path, web: Option<SocketAddr>) -> Vec<String> {
    let mut lines = vec![String::new(), "earmark is listening.".to_owned()];
    if let Some(address) = web {
        lines.push(format!("  pages     http://{address}/"));
    }
    for channel in config.channels.iter().filter(|channel| channel.kind == "file") {
        if let Some(path) = channel.params["path"].as_str() {
            lines.push(format!("  messages  {}  ({})", config.store_path.join(path).display(), channel.id));
        }
    }
    let command = |rest: &str| format!("{program} --config {} {rest}", config_path.display());
    if let Some(digest) = config.digests.first() {
        lines.push(format!("  digest    {}", command(&format!("digest {}", digest.id))));
    }
    lines.push(format!("  matters   {}", command("escalations")));
    lines.push(format!("  store     {}", config.store_path.display()));
    lines.push("Ctrl-C ends it.".to_owned());
    lines.push(String::new());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::load_text;

    #[test]
    fn the_sample_says_where_to_look() {
        let text = include_str!("../../config/earmark.toml");
        let env = [("HOME".to_owned(), "/var/empty".to_owned())].into();
        let loaded = load_text(text, Path::new("/etc/earmark"), &env).expect("the sample is right");
        let said =
            lines("earmark", &loaded.config, Path::new("config/earmark.toml"), "127.0.0.1:7272".parse().ok())
                .join("\n");
        for part in ["http://127.0.0.1:7272/", "care.jsonl", "digest daily", "escalations"] {
            assert!(said.contains(part), "{part} is missing in {said}");
        }
    }
}
