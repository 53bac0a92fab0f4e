//! Copies the accountability record from the store into a JSON Lines file that only grows. It
//! goes on after the file's last whole line, so a kill costs nothing but a torn line, which is
//! cut off. Each line carries the hash of the one before it in its daemon's life: a line taken
//! out or changed shows.

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::domain::event::ChainedEvent;
use crate::domain::id::InstanceId;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Task, Wake};
use crate::store::Store;

/// Entries copied at once.
const BATCH: usize = 1_000;
/// How long an entry may wait for its copy.
const EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Copies what is new.
pub struct AuditTask {
    store: Arc<dyn Store>,
    path: PathBuf,
    /// What the file's last whole line says; read once.
    after: Option<Option<(InstanceId, u64)>>,
}

impl AuditTask {
    /// A task that appends to `path`.
    pub fn new(store: Arc<dyn Store>, path: PathBuf) -> Self {
        Self { store, path, after: None }
    }
}

#[async_trait]
impl Task for AuditTask {
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        loop {
            let after = match self.after {
                Some(after) => after,
                None => {
                    let path = self.path.clone();
                    *self.after.insert(tokio::task::spawn_blocking(move || last_line(&path)).await??)
                }
            };
            let events = self.store.events(after, BATCH).await?;
            let Some(last) = events.last().map(|event| (event.instance, event.sequence)) else {
                return Ok(Some(now + EVERY));
            };
            let path = self.path.clone();
            // Whatever goes wrong, the file is asked again where it ends.
            self.after = None;
            tokio::task::spawn_blocking(move || append(&path, &events)).await??;
            self.after = Some(Some(last));
            if stop.is_stopped() {
                return Ok(None);
            }
        }
    }
}

fn append(path: &Path, events: &[ChainedEvent]) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
    file.write_all(&lines)
        .and_then(|()| file.sync_data())
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// What the last whole line says; cuts off a torn one.
fn last_line(path: &Path) -> anyhow::Result<Option<(InstanceId, u64)>> {
    let file = match std::fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be opened", path.display())),
    };
    let mut reader = BufReader::new(file);
    let length = reader.get_ref().metadata()?.len();
    // A line is far shorter than this; no need to read years of them.
    let from = length.saturating_sub(64 * 1024);
    reader.seek(SeekFrom::Start(from))?;
    let (mut whole, mut last, mut line) = (from, None, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            reader.get_ref().set_len(whole)?;
            break;
        }
        whole += read as u64;
        if let Ok(event) = serde_json::from_slice::<ChainedEvent>(&line) {
            last = Some((event.instance, event.sequence));
        }
    }
    Ok(last)
}
