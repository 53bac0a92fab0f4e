//! The real binary as a process: starting it (under strace or not), reading the trail of stages
//! from its log, asking it over its socket, killing it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// The stages that a kill can fall into, in the order in which a post meets them.
pub const STAGES: [&str; 5] = ["poll", "score", "record", "step", "send"];
/// How much of a log is kept for a failure's words.
const TAIL: usize = 40;

/// What a log says so far.
#[derive(Debug, Default)]
pub struct Trail {
    /// Entered and not left: number and name.
    pub open: BTreeMap<u64, String>,
    /// How often each stage was entered.
    pub entered: BTreeMap<String, usize>,
    pub ready: bool,
    pub ended: bool,
    pub tail: Vec<String>,
}

impl Trail {
    fn read(&mut self, line: &str) {
        self.ready |= line.contains("ready: pages");
        if let Some((name, number)) = stage(line) {
            if line.contains(" entered ") {
                *self.entered.entry(name.to_owned()).or_default() += 1;
                self.open.insert(number, name.to_owned());
            } else {
                self.open.remove(&number);
            }
            return;
        }
        if self.tail.len() == TAIL {
            self.tail.remove(0);
        }
        self.tail.push(line.to_owned());
    }

    /// Where it happened: the last stage entered and not left, or none.
    pub fn stage(&self) -> Option<&str> {
        self.open.values().next_back().map(String::as_str)
    }

    /// Attempts begun whose end was not written.
    pub fn sending(&self) -> usize {
        self.open.values().filter(|name| *name == "send").count()
    }
}

fn stage(line: &str) -> Option<(&str, u64)> {
    let (_, rest) = line.split_once("stage=\"")?;
    let (name, rest) = rest.split_once('"')?;
    let number = rest.split_once("number=")?.1;
    Some((name, number.split_whitespace().next()?.parse().ok()?))
}

/// One life of the daemon.
pub struct Daemon {
    child: Child,
    trail: Arc<(Mutex<Trail>, Condvar)>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Daemon {
    /// Starts it; its log goes here.
    pub fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earmark"));
        arguments(&mut command, folder);
        command.env("EARMARK_LOG", "earmark=info,earmark::runtime::stage=trace,warn");
        let mut child =
            command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().expect("the binary starts");
        let log = child.stderr.take().expect("piped");
        let trail: Arc<(Mutex<Trail>, Condvar)> = Arc::default();
        let kept = trail.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                kept.0.lock().unwrap().read(&line);
                kept.1.notify_all();
            }
            kept.0.lock().unwrap().ended = true;
            kept.1.notify_all();
        });
        Self { child, trail, reader: Some(reader) }
    }

    /// Waits until the trail is so, the process ends, or the time is over; whether it is so.
    pub fn wait_for(&self, within: Duration, so: impl Fn(&Trail) -> bool) -> bool {
        let until = Instant::now() + within;
        let mut trail = self.trail.0.lock().unwrap();
        while !so(&trail) {
            let left = until.saturating_duration_since(Instant::now());
            if trail.ended || left.is_zero() {
                return false;
            }
            trail = self.trail.1.wait_timeout(trail, left).unwrap().0;
        }
        true
    }

    /// The last lines of the log.
    pub fn tail(&self) -> String {
        self.trail.0.lock().unwrap().tail.join("\n")
    }

    /// `kill -9`, and what the log said until then.
    pub fn kill(mut self) -> Trail {
        let early = self.child.try_wait().expect("our child");
        assert!(early.is_none(), "it ended by itself ({early:?}):\n{}", self.tail());
        self.child.kill().expect("our child");
        self.ended()
    }

    /// Tells it to end, and waits.
    pub fn stop(mut self) -> Trail {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("our child");
        let status = self.child.wait().expect("our child");
        assert!(status.success(), "it ended with {status}:\n{}", self.tail());
        self.ended()
    }

    fn ended(&mut self) -> Trail {
        self.child.wait().expect("our child");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader reads");
        }
        std::mem::take(&mut *self.trail.0.lock().unwrap())
    }
}

/// A failed test leaves no daemon behind.
impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(command: &mut Command, folder: &Path) {
    command.arg("--config").arg(folder.join("earmark.toml"));
    command.arg("--socket").arg(folder.join("s")).arg("run");
    for inherited in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(inherited);
    }
}

const CALLS: &str =
    "write,writev,pwrite64,pwritev,fsync,fdatasync,sync_file_range,msync,sendto,sendmsg,sendmmsg";

/// Whether strace is there and may trace.
pub fn strace_works() -> bool {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Starts it under strace and kills it at the n-th call (from 1) that writes, syncs or sends,
/// counted over all threads. The call it fell on; none where it did not come to it.
pub fn kill_at_call(folder: &Path, n: usize, within: Duration) -> Option<String> {
    let mut command = Command::new("strace");
    // `-D`: the daemon is our child and strace its own, so the kill hits the right one. Every call
    // is held for a moment before it is made, which is our time to count and to kill.
    command.args([
        "-D",
        "-f",
        "-y",
        "-s",
        "0",
        "-o",
        "/dev/stdout",
        "-e",
        &format!("trace={CALLS}"),
        "-e",
        "signal=none",
    ]);
    command.args(["-e", &format!("inject={CALLS}:delay_enter=1500")]);
    command.arg(env!("CARGO_BIN_EXE_earmark"));
    arguments(&mut command, folder);
    command.env("EARMARK_LOG", "off");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .expect("strace starts");
    let calls = child.stdout.take().expect("piped");
    let found: Arc<(Mutex<Option<String>>, Condvar)> = Arc::default();
    let tell = found.clone();
    let counter = std::thread::spawn(move || {
        let mut count = 0;
        for line in BufReader::new(calls).lines().map_while(Result::ok) {
            // Wake-ups between threads are no input or output; a kill there is one between two calls.
            if line.contains(" resumed>") || line.contains("eventfd") || !line.contains('(') {
                continue;
            }
            count += 1;
            if count == n {
                *tell.0.lock().unwrap() = Some(line);
                tell.1.notify_all();
            }
        }
    });
    let hit = found.1.wait_timeout_while(found.0.lock().unwrap(), within, |found| found.is_none());
    let line = hit.unwrap().0.clone();
    child.kill().expect("our child");
    child.wait().expect("our child");
    counter.join().expect("the counter counts");
    line
}

/// A request over the daemon's socket: status and body.
pub fn ask(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let torn = || std::io::Error::other("the answer broke off");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(torn)?;
    let body = answer.split_once("\r\n\r\n").ok_or_else(torn)?.1;
    Ok((status, body.to_owned()))
}
