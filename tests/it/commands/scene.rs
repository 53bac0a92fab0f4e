//! A folder with a configuration, the binary run in it, and a daemon over it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// One topic of care's, whose deputy is the champion; the word list, so that a start is short.
pub const CONFIG: &str = r#"
champion = "cco"
[store]
path = "state"
[web]
listen = "none"
[sentiment]
classifier = "word_list"
[net]
allow_private = true

[[owners]]
id = "cco"
channels = ["cco-inbox"]
[[owners]]
id = "care"
channels = ["care-inbox"]
deputy = "cco"

[[channels]]
id = "cco-inbox"
kind = "file"
params = { path = "cco.jsonl" }
[[channels]]
id = "care-inbox"
kind = "file"
params = { path = "care.jsonl" }

[[topics]]
id = "acme-app"
name = "Acme app"
query = '"acme app"'
owner = "care"
policy = "standard"

[[sources]]
id = "tickets"
kind = "file"
params = { path = "tickets.jsonl", interval = "1h" }

[[digests]]
id = "daily"
to = ["cco", "care"]
at = "08:00"
"#;

pub const ANGRY: &str = "The Acme app crashed again and lost my order, worst update ever";

/// Two posts of the topic's, one angry, one glad and with cells that would be formulas, and one
/// of nobody's.
pub const POSTS: &str = r#"{"id":"1","text":"The Acme app crashed again and lost my order, worst update ever","author":"=cmd()"}
{"id":"2","text":"The parcel came on Tuesday"}
{"id":"3","text":"I love the Acme app, it is great","title":"+1, \"with quotes\"","url":"https://acme.example/3"}
"#;

/// How long a daemon may take to start or stop before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    pub folder: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    pub fn with(config: &str) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        scene.write("earmark.toml", config);
        scene.write("tickets.jsonl", "");
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with this scene's configuration, in its folder, with nothing of ours around it.
    pub fn earmark<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = bare(self.folder.path());
        command.arg("--config").arg(self.path("earmark.toml")).args(args);
        command
    }

    /// Runs to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(&mut self.earmark(args))
    }

    /// The JSON lines that it prints; it must go well.
    pub fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Vec<Value> {
        let mut command = self.earmark(args);
        command.arg("--json");
        Ran::of(&mut command).ok().json()
    }

    pub fn daemon(&self) -> Daemon {
        Daemon::start(self.earmark(["run"]), &self.path("state/run/earmark.sock"))
    }

    /// A store with the posts taken in and worked off, and no daemon any more.
    pub fn with_posts() -> Self {
        let scene = Self::new();
        let daemon = scene.daemon();
        scene.import_posts();
        daemon.stop();
        scene
    }

    /// Imports the posts over the running daemon and waits until they are recorded.
    pub fn import_posts(&self) {
        let posts = self.write("posts.jsonl", POSTS);
        self.run([OsStr::new("import"), posts.as_os_str()]).ok();
        self.until("three mentions", || self.json(["mentions"]).len() == 3);
    }

    /// The one open escalation.
    pub fn escalation(&self) -> Value {
        let found = self.json(["escalations"]);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    pub fn until(&self, what: &str, is: impl FnMut() -> bool) {
        until(what, is);
    }
}

/// The binary with a clean environment.
pub fn bare(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earmark"));
    command.current_dir(folder).env_clear().env("HOME", folder).env("TZ", "UTC");
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.stdin(Stdio::null());
    command
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.err.contains(word) || self.out.contains(word), "no \"{word}\" in {self:#?}");
        }
        self
    }

    pub fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// A running daemon; killed if the test ends before it is stopped.
pub struct Daemon {
    child: Option<Child>,
}

impl Daemon {
    /// Starts it and waits until its socket answers.
    pub fn start(mut command: Command, socket: &Path) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let child = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut daemon = Self { child: Some(child) };
        until("the daemon", || {
            let ended = daemon.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{}", std::fs::read_to_string(log.path()).unwrap());
            UnixStream::connect(socket).is_ok()
        });
        daemon
    }

    /// Ends it as systemd would.
    pub fn stop(mut self) {
        let mut child = self.child.take().unwrap();
        terminate(&child);
        assert!(child.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn terminate(child: &Child) {
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
}

/// A command that goes on printing.
pub struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Its next line, as soon as there is one.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command prints that reads `input`.
pub fn fed(mut command: Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}
