//! Reads a file once, from the first record to the last, as the `file` source would: for `import`
//! and `replay`.

use std::path::Path;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};

use crate::domain::post::Post;
use crate::source::fetch::Fetcher;
use crate::source::{self, Built, Position, Reject, Settings, Source, Tools};

/// A file under way.
pub struct FileReading {
    source: Box<dyn Source>,
    position: Position,
    now: Timestamp,
    ended: bool,
}

/// The source waits this long for the rest of a last line without an end; here nobody writes on.
const LAST_LINE: SignedDuration = SignedDuration::from_mins(2);

impl FileReading {
    /// From the first record on.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| format!("{} cannot be read", path.display()))?;
        let kind = source::kind("file").context("the kind `file` is missing")?;
        let settings = Settings { id: "import".into(), params: serde_json::json!({ "path": path }) };
        let http = crate::net::Client::new(&crate::net::Settings::new("")).map_err(anyhow::Error::msg)?;
        let tools = Tools { fetch: std::sync::Arc::new(Fetcher::new(http)) };
        match (kind.build)(&settings, &tools).map_err(anyhow::Error::msg)? {
            Built::Pull(source) => {
                Ok(Self { source, position: Position::default(), now: Timestamp::now(), ended: false })
            }
            Built::Push(_) => bail!("the kind `file` is not read but pushed"),
        }
    }

    /// The next posts and what could not become one; none at the end.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn next(&mut self) -> anyhow::Result<Option<(Vec<Post>, Vec<Reject>)>> {
        loop {
            let batch = self.source.poll(&self.position, self.now).await?;
            self.position = batch.position;
            if !batch.posts.is_empty() || !batch.rejects.is_empty() {
                return Ok(Some((batch.posts, batch.rejects)));
            }
            if batch.more {
                continue;
            }
            if self.ended {
                return Ok(None);
            }
            self.ended = true;
            self.now += LAST_LINE;
        }
    }
}
