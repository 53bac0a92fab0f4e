//! The real binary as a process: a folder with its configuration and store, and a daemon started
//! in it with the test on the other end of `$NOTIFY_SOCKET`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixDatagram, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What cargo built.
pub const BINARY: &str = env!("CARGO_BIN_EXE_earmark");
/// Where the daemon makes its socket when nobody says otherwise.
pub const SOCKET: &str = "store/run/earmark.sock";
/// Longer than anything takes on a busy machine; only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One owner, one way to reach them, a topic and a trigger on everything; the word list.
pub const SMALL: &str = r#"
champion = "cco"
[sentiment]
classifier = "word_list"
[[owners]]
id = "cco"
channels = ["inbox"]
[[channels]]
id = "inbox"
kind = "file"
params = { path = "inbox.jsonl" }
[[topics]]
id = "acme-app"
query = '"acme app"'
policy = "standard"
"#;

/// A folder with a configuration and a store; it outlives the daemons started in it.
pub struct Place {
    folder: TempDir,
    pub web: SocketAddr,
    /// Binary to start and what comes before it, as `setpriv …`.
    pub command: Vec<String>,
    /// Where it is started; the checkout has a model.
    pub working_folder: PathBuf,
}

impl Place {
    /// A folder with this configuration; where the store is and where pages are is added to it.
    pub async fn new(config: &str) -> Self {
        // Freed at once: the daemon is the only one to take it next.
        let web = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("bound");
        let place = Self {
            folder: TempDir::new().expect("a temporary folder"),
            web,
            command: vec![BINARY.into()],
            working_folder: env!("CARGO_MANIFEST_DIR").into(),
        };
        place.configure(config);
        place
    }

    /// Puts another configuration in place.
    pub fn configure(&self, config: &str) {
        let places = format!("[store]\npath = {:?}\n[web]\nlisten = \"{}\"\n", self.path("store"), self.web);
        std::fs::write(self.path("earmark.toml"), format!("{config}\n{places}")).expect("a file");
    }

    /// The path of something in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with nothing in its environment but a path and a home.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).env_clear().current_dir(&self.working_folder);
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.arg("--config").arg(self.path("earmark.toml"));
        command.kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let done = self.command().args(arguments).output();
        timeout(PATIENCE, done).await.expect("the command ends").expect("it can be started")
    }

    /// Runs a command with a home of its own and, by its arguments, another configuration.
    pub async fn run_at_home(&self, home: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .current_dir(&self.working_folder);
        timeout(PATIENCE, command.kill_on_drop(true).output()).await.expect("it ends").expect("it starts")
    }

    /// What a command says with `--json`, a value a line.
    pub async fn ask(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[&["--json"], arguments].concat()).await;
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::Deserializer::from_str(&said).into_iter().map(|value| value.expect("JSON")).collect()
    }

    /// Starts a daemon; it is not ready yet.
    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    /// Starts a daemon with more in its environment.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Daemon {
        let socket = self.path("notify");
        let _ = std::fs::remove_file(&socket);
        let notify = UnixDatagram::bind(&socket).expect("a socket");
        open_to_all(&socket, 0o666);
        let log = std::fs::File::create(self.path("log")).expect("a file");
        let mut command = self.command();
        command.arg("run").env("NOTIFY_SOCKET", &socket).envs(environment.iter().copied());
        command.stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the daemon can be started");
        Daemon { child, notify, log: self.path("log"), socket: self.path(SOCKET), web: self.web }
    }

    /// Starts a daemon and waits until it is ready.
    pub async fn ready(&self) -> Daemon {
        let mut daemon = self.start();
        daemon.heard("READY=1").await;
        daemon
    }
}

/// A running daemon; killed when it is dropped.
pub struct Daemon {
    child: Child,
    notify: UnixDatagram,
    log: PathBuf,
    socket: PathBuf,
    web: SocketAddr,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it runs");
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("its log")
    }

    /// The next message to systemd; none if it is silent for `limit` or has ended.
    pub async fn hears(&mut self, limit: Duration) -> Option<String> {
        let mut bytes = [0; 4_096];
        let said = |length: io::Result<usize>, bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[..length.expect("a message")]).trim_end().to_owned()
        };
        tokio::select! {
            biased;
            length = self.notify.recv(&mut bytes) => Some(said(length, &bytes)),
            _ = self.child.wait() => self.notify.try_recv(&mut bytes).ok().map(|length| said(Ok(length), &bytes)),
            () = tokio::time::sleep(limit) => None,
        }
    }

    /// Waits for a message with this line; answers it and the ones before it.
    pub async fn heard(&mut self, line: &str) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            let Some(message) = self.hears(PATIENCE).await else {
                panic!("no {line}, only {messages:?}; the log:\n{}", self.log());
            };
            let found = message.lines().any(|said| said == line);
            messages.push(message);
            if found {
                return messages;
            }
        }
    }

    /// Waits for its end; answers how it ended and what it still told systemd.
    pub async fn ended(&mut self) -> (ExitStatus, Vec<String>) {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            panic!("it does not end; the log:\n{}", self.log());
        };
        let mut messages = Vec::new();
        let mut bytes = [0; 4_096];
        while let Ok(length) = self.notify.try_recv(&mut bytes) {
            messages.push(String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned());
        }
        (status.expect("it was started by us"), messages)
    }

    /// Sends SIGTERM and waits; it must say so, succeed, and be done inside systemd's limit.
    pub async fn terminated(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let Ok((status, messages)) = timeout(Duration::from_secs(20), self.ended()).await else {
            panic!("it takes longer than systemd's 20 s; the log:\n{}", self.log());
        };
        assert!(status.success(), "{status}; the log:\n{}", self.log());
        assert!(messages.iter().any(|said| said == "STOPPING=1"), "{messages:?}");
        self.log()
    }

    /// Status of a page over TCP; none if nobody listens.
    pub async fn page(&self, path: &str) -> Option<u16> {
        get(TcpStream::connect(self.web).await.ok()?, &self.web.to_string(), path).await
    }

    /// Status of a page over the socket; none if nobody listens.
    pub async fn page_over_socket(&self, path: &str) -> Option<u16> {
        get(UnixStream::connect(&self.socket).await.ok()?, "localhost", path).await
    }

    /// Whether a thread of it has this name.
    pub fn has_thread(&self, name: &str) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else { return false };
        threads.flatten().any(|thread| {
            std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        })
    }

    /// Files it has mapped that are shared libraries.
    pub fn libraries(&self) -> Vec<PathBuf> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.pid())).expect("its maps");
        let files = maps.lines().filter_map(|line| line.split_once(" /").map(|(_, path)| format!("/{path}")));
        let mut files: Vec<PathBuf> = files.filter(|path| path.contains(".so")).map(PathBuf::from).collect();
        files.sort();
        files.dedup();
        files
    }
}

async fn get(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, host: &str, path: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.ok()?.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Waits until `look` finds something; the only clock is the test's patience.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Makes a file or folder readable for all, so that another account can use it.
pub fn open_to_all(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}
