//! How far each file was read, and how it is known again.

use std::io::{self, Read, Seek, SeekFrom};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the store keeps for this source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first look; paced records count from here.
    pub started: Option<Timestamp>,
    /// One for each file that is there, at most [`super::look::MOST_FILES`].
    pub files: Vec<Place>,
}

/// Device and inode: the file itself, whatever its name.
pub type Identity = (u64, u64);

/// How far one file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name inside the folder.
    pub name: String,
    /// Which file it is.
    pub file: Identity,
    /// Bytes up to here were taken; the start of a line.
    pub at: u64,
    /// Lines before `at`.
    pub line: u64,
    /// Hash of the bytes at the start and right before `at`: whether what was taken still stands there.
    pub mark: String,
    /// Something that is not whole stands at `at`, or the file was renamed.
    pub wait: Option<Wait>,
}

/// Since when there has been nothing more to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Since `at` was reached.
    pub since: Timestamp,
    /// The file's size.
    pub size: u64,
    /// Since it has had this size.
    pub still: Timestamp,
}

impl Place {
    /// A file that was never read.
    pub fn new(name: String, file: Identity) -> Self {
        Self { name, file, at: 0, line: 0, mark: String::new(), wait: None }
    }

    /// Notes that a look ended here with the file this long.
    pub fn rest(&mut self, size: u64, now: Timestamp) {
        self.wait = Some(match self.wait {
            Some(wait) if wait.size == size => wait,
            Some(wait) => Wait { size, still: now, ..wait },
            None => Wait { since: now, size, still: now },
        });
    }

    /// Moves past what was taken.
    pub fn advance(&mut self, bytes: u64, lines: u64) {
        self.at += bytes;
        self.line += lines;
    }
}

/// How many bytes on either side make the mark.
const MARKED: u64 = 256;

/// The mark of a file at an offset.
///
/// # Errors
/// The disk's.
pub fn mark<F: Read + Seek>(file: &mut F, at: u64) -> io::Result<String> {
    let part = at.min(MARKED);
    let mut hash = Sha256::new();
    for from in [0, at - part] {
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.by_ref().take(part).read_to_end(&mut bytes)?;
        hash.update(bytes);
    }
    Ok(hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}
