//! One store with everything around it: sources of three kinds whose posts wait until they are
//! let out, servers that take what is sent, and the daemon, which is killed again and again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Handle;

use super::daemon::{Daemon, Trail, ask};
use super::fakes::{Hooks, Moods, Pusher, SECRET, hacker_news, keys_of, mail_server};
use super::posts::{Posts, SIDES};
use crate::support::fake_smtp::FakeSmtp;

/// How long the rest may take once all kills are done: mostly back-off and the throttle.
const DRAIN: Duration = Duration::from_secs(900);

/// What a world is like.
pub struct Settings {
    pub posts: usize,
    pub seed: u64,
    /// Servers answer with faults.
    pub faulty: bool,
    /// The neural model in place of the word list.
    pub model: bool,
}

pub struct World {
    pub folder: TempDir,
    pub posts: Posts,
    pub pusher: Pusher,
    mail: FakeSmtp,
    hooks: Hooks,
    moods: Moods,
    /// Lines of the file not yet written, and what of the line before them is still missing.
    unwritten: Vec<String>,
    torn: String,
    lines: usize,
}

impl World {
    pub fn new(runtime: &Handle, settings: &Settings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let posts = Posts::new(settings.posts);
        let moods = Moods::new(settings.seed, settings.faulty);
        let (mail, hooks, site) = runtime.block_on(async {
            let mail = mail_server(moods.clone()).await;
            (mail, Hooks::start(moods.clone()).await, hacker_news(posts.walked.clone()).await)
        });
        std::fs::write(folder.path().join("board.jsonl"), "").expect("written");
        std::fs::write(folder.path().join("secret"), SECRET).expect("written");
        let config = config(folder.path(), &mail, &hooks, &site, &posts, settings.model);
        std::fs::write(folder.path().join("earmark.toml"), config).expect("written");
        let pusher = Pusher::start(folder.path().join("s"), &posts.pushed, settings.seed);
        let unwritten: Vec<String> = posts.filed.iter().rev().map(|post| post.record().to_string()).collect();
        let lines = unwritten.len();
        Self { folder, posts, pusher, mail, hooks, moods, unwritten, torn: String::new(), lines }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub fn start(&self) -> Daemon {
        Daemon::start(self.folder.path())
    }

    /// Lets out what is still held of the first `part` of `parts` of file and sender. `tear`: the
    /// last so many bytes are held back, and come with the next.
    pub fn let_out(&mut self, part: usize, parts: usize, tear: usize) {
        self.pusher.allow(self.pusher.requests() * part / parts);
        let mut text = std::mem::take(&mut self.torn);
        while self.lines - self.unwritten.len() < self.lines * part / parts {
            let Some(line) = self.unwritten.pop() else { break };
            let _ = writeln!(text, "{line}");
        }
        if tear > 0 && !self.unwritten.is_empty() && text.len() > tear {
            self.torn = text.split_off(text.len() - tear);
        }
        let board = std::fs::OpenOptions::new().append(true).open(self.folder.path().join("board.jsonl"));
        board.and_then(|mut board| board.write_all(text.as_bytes())).expect("written");
    }

    /// Posts that no source has let out or that no sender could push.
    pub fn waiting(&self) -> usize {
        self.unwritten.len() + self.pusher.left()
    }

    /// Lets everything out, heals every server, and runs until nothing is left to do.
    pub fn drain(&mut self) -> Trail {
        self.moods.be_well();
        self.let_out(1, 1, 0);
        let daemon = self.start();
        let until = Instant::now() + DRAIN;
        // Twice in a row: a post stored between two questions may open a matter.
        let mut was_quiet = false;
        loop {
            let ended = daemon.wait_for(Duration::from_millis(200), |trail| trail.ended);
            assert!(!ended, "it ended by itself:\n{}", daemon.tail());
            match self.left() {
                Ok(None) if was_quiet => return daemon.stop(),
                Ok(None) => was_quiet = true,
                left => {
                    was_quiet = false;
                    assert!(Instant::now() < until, "not quiet after {DRAIN:?}: {left:?}\n{}", daemon.tail())
                }
            }
        }
    }

    /// What is left to do, in words.
    fn left(&self) -> Result<Option<String>, String> {
        let get = |path: &str| {
            let socket = self.folder.path().join("s");
            let (status, body) = ask(&socket, "GET", path, &[], "").map_err(|error| error.to_string())?;
            let value: serde_json::Value = serde_json::from_str(&body)
                .map_err(|error| format!("{path}: {status} {error} in {body:.200}"))?;
            Ok::<_, String>(value)
        };
        // Matters first: whatever ends one puts its message into the outbox, which is counted after.
        let escalations = get("/api/v1/escalations?limit=1000")?;
        let status = get("/api/v1/status")?;
        let mentions = status["store"]["mentions"].as_u64().ok_or("no count of mentions")?;
        let waiting = status["outbox"]["waiting"].as_u64().ok_or("no count of messages")?;
        let rows = escalations["rows"].as_array().ok_or("no list of escalations")?;
        let open = rows.iter().filter(|row| row["state"] == "open").count();
        let posts = self.posts.count() as u64;
        let quiet = mentions >= posts && waiting == 0 && open == 0 && self.waiting() == 0;
        Ok((!quiet).then(|| {
            format!("{mentions} of {posts} posts stored, {waiting} messages wait, {open} matters walk")
        }))
    }

    /// How often each key was taken, over mail, webhook and files; and lines torn in the files.
    pub fn taken(&self) -> (HashMap<String, usize>, usize) {
        let mut taken = self.hooks.taken();
        for (key, count) in keys_of(&self.mail) {
            *taken.entry(key).or_default() += count;
        }
        let mut torn = 0;
        for file in ["cco.jsonl", "ops.jsonl", "west.jsonl"] {
            let text = std::fs::read_to_string(self.store().join(file)).unwrap_or_default();
            for line in text.lines() {
                match serde_json::from_str::<serde_json::Value>(line) {
                    Ok(line) => *taken.entry(line["key"].as_str().unwrap_or("").to_owned()).or_default() += 1,
                    Err(_) => torn += 1,
                }
            }
        }
        (taken, torn)
    }
}

/// Four owners who stand in for one another, each with two ways; steps that wait for seconds.
fn config(folder: &Path, mail: &FakeSmtp, hooks: &Hooks, site: &str, posts: &Posts, model: bool) -> String {
    let place = folder.display();
    let mut text = format!(
        r#"
champion = "cco"
operator = "ops"
[store]
path = "{place}/store"
[web]
listen = "none"
[net]
allow_private = true
[sentiment]
classifier = "{classifier}"
{folder_of_model}
threads = 1
[email]
server = "{mail}"
security = "plain"
from = "earmark@acme.example"
[[owners]]
id = "cco"
channels = ["cco-file"]
[[owners]]
id = "ops"
channels = ["ops-file"]
[[channels]]
id = "cco-file"
kind = "file"
params = {{ path = "cco.jsonl" }}
[[channels]]
id = "ops-file"
kind = "file"
params = {{ path = "ops.jsonl" }}
[[channels]]
id = "west-file"
kind = "file"
params = {{ path = "west.jsonl" }}
[[policies]]
id = "quick"
steps = [{{ tell = ["owner"], wait = "3s" }}, {{ tell = ["deputy"], wait = "3s" }}]
[[triggers]]
id = "angry"
when = 'sentiment.score <= -0.5'
severity = "urgent"
group_by = ["topic", "author"]
group_for = "1h"
[[sources]]
id = "board"
kind = "file"
params = {{ path = "{place}/board.jsonl", interval = "1s" }}
[[sources]]
id = "desk"
kind = "webhook"
params = {{ secret = {{ file = "{place}/secret" }}, kind = "post" }}
"#,
        classifier = if model { "bert" } else { "word_list" },
        folder_of_model = if model {
            format!("model = \"{}/models/sentiment\"", env!("CARGO_MANIFEST_DIR"))
        } else {
            String::new()
        },
        mail = mail.address,
    );
    if !posts.walked.is_empty() {
        let back = posts.walked.len();
        let _ = writeln!(
            text,
            "[[sources]]\nid = \"walk\"\nkind = \"hacker_news\"\nparams = {{ base_url = \"{site}\", \
             allow_private = true, interval = \"10s\", start = {back} }}"
        );
    }
    for (index, side) in SIDES.iter().enumerate() {
        let (next, ways) = (
            SIDES[(index + 1) % SIDES.len()],
            match index {
                0 => format!("\"{side}-mail\", \"{side}-hook\""),
                1 => format!("\"{side}-hook\", \"{side}-mail\""),
                2 => format!("\"{side}-mail\", \"{side}-hook\""),
                _ => format!("\"{side}-hook\", \"west-file\", \"{side}-mail\""),
            },
        );
        let url = &hooks.url;
        let _ = writeln!(
            text,
            "[[owners]]\nid = \"{side}\"\nchannels = [{ways}]\ndeputy = \"{next}\"\n\
             [[channels]]\nid = \"{side}-mail\"\nkind = \"email\"\nparams = {{ to = [\"{side}@acme.example\"] }}\n\
             [[channels]]\nid = \"{side}-hook\"\nkind = \"webhook\"\nparams = {{ url = \"{url}/{side}\" }}\n\
             [[topics]]\nid = \"{side}-app\"\nquery = '\"{side} app\"'\nowner = \"{side}\"\npolicy = \"quick\"",
        );
    }
    text
}
