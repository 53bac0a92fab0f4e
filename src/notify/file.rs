//! Channel kind `file`: appends one JSON object a line, for log shippers, scripts and tests.
//!
//! A message counts as taken once its line is synced to disk. A crash inside a write leaves a
//! torn last line; the next write ends it with a line end first, so that a reader loses that one
//! line (which was never reported as taken, and comes again with the same key) and no other.

use std::fs::{File as Handle, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Channel, Kind, Message, Retry, SendError, Settings, Tools, params};
use crate::domain::problem::{Problem, Problems};

/// This kind.
pub const KIND: Kind =
    Kind { name: "file", about: "appends JSON Lines to a file; params: path", check, build };

#[derive(Debug, Deserialize)]
struct Params {
    path: PathBuf,
}

fn check(settings: &Settings, _tools: &Tools) -> Problems {
    let mut problems = params::unknown_keys(&settings.params, &["path"]);
    match params::read::<Params>(&settings.params) {
        Err(problem) => problems.push(problem.remedy("write path = \"messages.jsonl\"")),
        Ok(Params { path }) => {
            if path.file_name().is_none() {
                problems
                    .push(Problem::new("path", "names no file").remedy("write path = \"messages.jsonl\""));
            } else if path.components().any(|part| part == Component::ParentDir) {
                // Absolute paths are the operator's own choice; `..` would only hide where it leads.
                problems.push(
                    Problem::new("path", "must not contain \"..\"")
                        .remedy("write an absolute path, or one inside the store's folder"),
                );
            }
        }
    }
    problems
}

fn build(settings: &Settings, tools: &Tools) -> Result<Box<dyn Channel>, String> {
    let Params { path } = params::read(&settings.params).map_err(|problem| problem.to_string())?;
    Ok(Box::new(File { path: Arc::new(tools.folder.join(path)), writing: Arc::default() }))
}

/// A file that grows.
#[derive(Debug)]
struct File {
    path: Arc<PathBuf>,
    /// One writer at a time, so that "does it end with a line end" holds until our line is in.
    writing: Arc<Mutex<()>>,
}

impl File {
    async fn on_disk(
        &self,
        work: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
    ) -> Result<(), SendError> {
        let (path, writing) = (self.path.clone(), self.writing.clone());
        let done = tokio::task::spawn_blocking(move || {
            let _one = writing.lock().unwrap_or_else(PoisonError::into_inner);
            work(&path).map_err(|error| fault(&path, &error))
        });
        done.await.unwrap_or_else(|error| Err(SendError { what: error.to_string(), retry: Retry::Soon }))
    }
}

#[async_trait]
impl Channel for File {
    fn recipients(&self) -> Vec<String> {
        Vec::new()
    }

    async fn send(&self, message: &Message, _recipient: Option<&str>) -> Result<(), SendError> {
        let line = line(message);
        self.on_disk(move |path| append(path, line.as_bytes())).await
    }

    async fn probe(&self) -> Result<(), SendError> {
        self.on_disk(|path| open(path).map(drop)).await
    }
}

fn line(message: &Message) -> String {
    let value: Value = json!({
        "key": message.key,
        "at": message.at.to_string(),
        "subject": message.subject,
        "text": message.text,
        "thread": message.thread,
        "urgent": message.urgent,
        "message": message.json,
    });
    format!("{value}\n")
}

fn open(path: &Path) -> io::Result<Handle> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).read(true).mode(0o640).open(path)
}

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = open(path)?;
    let mut bytes = Vec::with_capacity(line.len() + 1);
    if file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            bytes.push(b'\n');
        }
    }
    bytes.extend_from_slice(line);
    file.write_all(&bytes)?;
    file.sync_data()
}

fn fault(path: &Path, error: &io::Error) -> SendError {
    let retry = match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ReadOnlyFilesystem => Retry::Never,
        _ => Retry::Soon,
    };
    SendError { what: format!("{} could not be written: {error}", path.display()), retry }
}
