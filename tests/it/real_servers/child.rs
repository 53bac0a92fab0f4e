//! Processes of a test: started here, ended here, whatever happens in between.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// So long the slowest machine may take for what takes a moment.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// A process that is asked to end and does not is killed after this.
const GRACE: Duration = Duration::from_secs(5);

/// A program of this machine; `sbin` is not on everybody's path.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// What a program that ends by itself printed; it must end well.
pub fn run(command: &mut Command) -> String {
    let out = command.stdin(Stdio::null()).output().expect("the program starts");
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} ended with {}: {complaint}", out.status);
    String::from_utf8(out.stdout).expect("UTF-8")
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(50));
    }
}

/// A port for a server that cannot choose one itself. Below those that the kernel gives to whoever
/// asks for any, so that tests beside this one do not take it meanwhile.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 20_000).expect("below 20000");
    loop {
        let port = 11_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A process that runs until it is dropped; what it says goes into a file.
pub struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it. It stays in the group of the test, so that whoever ends that ends it too.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name, child, log: log.to_owned() }
    }

    /// Waits until somebody listens there.
    pub fn answers_at(&mut self, port: u16) {
        eventually(&format!("{} listens at {port}", self.name), || {
            let ended = self.child.try_wait().expect("it is our child");
            assert!(ended.is_none(), "{} ended: {}", self.name, self.said());
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
    }

    /// All it said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, and waits; whether it ended well.
    pub fn end(&mut self) -> bool {
        if let Ok(Some(status)) = self.child.try_wait() {
            return status.success();
        }
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process number"));
        let _ = kill(pid, Signal::SIGTERM);
        let since = Instant::now();
        while since.elapsed() < GRACE {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.success(),
                _ => sleep(Duration::from_millis(20)),
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if panicking() {
            println!("---- {} said:\n{}", self.name, self.said());
        }
    }
}

/// One request the way a mail program's browser would make it: status and body.
pub fn ask(method: &str, url: &str) -> (u16, String) {
    let rest = url.strip_prefix("http://").expect("an address without TLS");
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    let mut stream = TcpStream::connect(host).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}
