//! The binary as it is installed, with a configuration over the two servers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::child::{Server, ask, eventually, free_port};
use super::exim::{Exim, PASSWORD, SENDER};
use super::nginx::Nginx;

/// The daemon and its folder.
pub struct Daemon {
    settings: PathBuf,
    authority: PathBuf,
    url: String,
    server: Option<Server>,
}

impl Daemon {
    /// Writes its configuration; it does not run yet.
    pub fn new(folder: &Path, nginx: &Nginx, exim: &Exim) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let url = format!("http://127.0.0.1:{}", free_port());
        let settings = folder.join("earmark.toml");
        fs::write(folder.join("password"), format!("{PASSWORD}\n")).expect("a file");
        fs::write(&settings, settings_of(folder, &url, nginx.port, exim.port)).expect("a file");
        Self { settings, authority: exim.authority(), url, server: None }
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&mut self) {
        let mut command = self.command(true);
        command.arg("run");
        let server = Server::start("earmark", &mut command, &self.settings.with_file_name("said.log"));
        let server = self.server.insert(server);
        let listen = self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        server.answers_at(listen);
        eventually("the daemon is ready", || {
            (ask("GET", &format!("{}/readyz", self.url)).0 == 200).then_some(())
        });
    }

    /// Ends it; whether it ended well.
    pub fn end(&mut self) -> bool {
        self.server.as_mut().is_some_and(Server::end)
    }

    /// All it logged.
    pub fn said(&self) -> String {
        self.server.as_ref().map(Server::said).unwrap_or_default()
    }

    /// Runs a subcommand.
    pub fn cli(&self, args: &[&str]) -> String {
        let out = self.try_cli(args, true);
        let complaint = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?} ended with {}: {complaint}", out.status);
        String::from_utf8(out.stdout).expect("UTF-8")
    }

    /// Runs a subcommand, trusting the mail server's authority or not.
    pub fn try_cli(&self, args: &[&str], trusting: bool) -> Output {
        self.command(trusting).args(args).stdin(Stdio::null()).output().expect("it starts")
    }

    /// What the API gives, asked by way of the loopback address.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = ask("GET", &format!("{}/api/v1{path}", self.url));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// The escalation about a topic; there must be one.
    pub fn escalation(&self, topic: &str) -> Value {
        let found = self.get(&format!("/escalations?topic={topic}"));
        found["rows"].get(0).unwrap_or_else(|| panic!("no escalation about {topic}")).clone()
    }

    fn command(&self, trusting: bool) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earmark"));
        let ours = |name: &str| name.starts_with("EARMARK_") || name.ends_with("_DIRECTORY");
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        for name in ["XDG_RUNTIME_DIR", "NOTIFY_SOCKET", "JOURNAL_STREAM", "SSL_CERT_DIR", "SSL_CERT_FILE"] {
            command.env_remove(name);
        }
        if trusting {
            command.env("SSL_CERT_FILE", &self.authority);
        }
        command.arg("--config").arg(&self.settings);
        command
    }
}

/// Customer care has one dead address of two; the desk behind it a channel that is dead altogether.
fn settings_of(folder: &Path, url: &str, web: u16, mail: u16) -> String {
    let folder = folder.display();
    let listen = url.trim_start_matches("http://");
    // Not by itself while the test runs, whatever the hour.
    let digest_day = (Timestamp::now() + SignedDuration::from_hours(72)).strftime("%a");
    format!(
        r#"champion = "cco"
operator = "ops"

[store]
path = "{folder}/store"

[web]
listen = "{listen}"
public_url = "{url}"

[email]
server = "localhost:{mail}"
security = "starttls"
from = "{SENDER}"
password = {{ file = "{folder}/password" }}

[sentiment]
classifier = "word_list"

[[owners]]
id = "cco"
name = "Chief Customer Officer"
channels = ["cco-mail"]

[[owners]]
id = "ops"
channels = ["ops-file"]

[[owners]]
id = "care"
name = "Kundendienst Köln"
channels = ["care-mail"]
deputy = "desk"
timezone = "Europe/Berlin"

[[owners]]
id = "desk"
name = "Service desk"
channels = ["desk-old", "desk-mail"]
timezone = "America/New_York"

[[channels]]
id = "ops-file"
kind = "file"
params = {{ path = "ops.jsonl" }}

[[channels]]
id = "care-mail"
kind = "email"
params = {{ to = ["gone@acme.example", "care@acme.example"] }}

[[channels]]
id = "desk-old"
kind = "email"
params = {{ to = ["left@acme.example"] }}

[[channels]]
id = "desk-mail"
kind = "email"
params = {{ to = ["desk@acme.example"] }}

[[channels]]
id = "cco-mail"
kind = "email"
params = {{ to = ["cco@acme.example"] }}

[[topics]]
id = "acme-app"
name = "Acme-App für Android"
query = '"acme app"'
owner = "care"
policy = "patient"

[[topics]]
id = "acme-shop"
name = "Acme shop"
query = '"acme shop"'
owner = "care"
policy = "hasty"

[[policies]]
id = "patient"
steps = [{{ tell = ["owner"], wait = "30m" }}, {{ tell = ["champion"], wait = "1h" }}]

[[policies]]
id = "hasty"
steps = [{{ tell = ["owner"], wait = "3s" }}, {{ tell = ["deputy"], wait = "30m" }}]

[[digests]]
id = "daily"
to = ["cco", "care"]
days = ["{digest_day}"]

[[sources]]
id = "forum"
kind = "feed"
params = {{ url = "http://127.0.0.1:{web}/old.xml", interval = "2s", allow_private = true, kind = "post" }}
"#
    )
}
