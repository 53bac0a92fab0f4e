//! `store compact`: the live rows are written into a new folder beside the old one, and the two
//! are swapped by renaming. sled gives no room back when kept and deleted rows are mixed, and an
//! erased text stays readable in the file until its segment is used again; this ends both. Since when
//! such bytes wait, and when they were last ended, stand in two rows of the store's own.
//!
//! # States, and what a kill leaves
//! | folders | meaning | at the next open |
//! |---|---|---|
//! | `db` | at rest | nothing |
//! | `db`, `db.compacting` | the copy is being written, or is complete and not swapped | the copy is deleted |
//! | `db.compacting`, `db.old` | between the two renames: the copy is complete and on disk | the copy becomes `db`, `db.old` is deleted |
//! | `db`, `db.old` | swapped | `db.old` is deleted |
//! | `db.old` | never by us: somebody deleted folders by hand | `db.old` becomes `db` |
//! | `db.compacting` | never by us | refused: it may be half a copy |
//!
//! Each rename is followed by a sync of the parent folder, so that their order holds on disk. All
//! of it happens under the store's lock.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use ::sled::Batch;
use jiff::Timestamp;

use super::keys::{Key, Sort};
use super::open::{failed, lock, sled_at};
use super::value;
use crate::store::{Result, StoreError};

/// Pairs copied in one batch.
const STRIDE: usize = 1_000;

/// Rewrites the store at `path`, which nobody may have open. Tells `progress` how many of how
/// many rows are copied; answers the bytes on disk before and after.
///
/// # Errors
/// [`StoreError::Locked`] if it is open; else what the disk or the engine said. The old rows are
/// in place as long as this has not succeeded.
pub fn compact(path: &Path, at: Timestamp, progress: &mut dyn FnMut(u64, u64)) -> Result<(u64, u64)> {
    let done = compact_while(path, at, &mut |done, total| {
        progress(done, total);
        true
    });
    done.map(|bytes| bytes.expect("nobody told it to stop"))
}

/// The same, as long as `go_on` says so; none where it was told to stop, and then the store is as it was.
///
/// # Errors
/// As with [`compact`].
pub fn compact_while(
    path: &Path,
    at: Timestamp,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Option<(u64, u64)>> {
    let place = path.display().to_string();
    if !path.is_dir() {
        return Err(failed(&place, "compact", "there is no such folder"));
    }
    let _lock = lock(path)?;
    recover(path)?;
    let (db, copy) = (path.join("db"), path.join("db.compacting"));
    if !db.is_dir() {
        return Err(failed(&place, "compact", "there is no store in this folder yet"));
    }
    let before = bytes_in(&db).map_err(|error| failed(&place, "measure", error))?;
    if !copy_rows(&db, &copy, &place, at, go_on)? {
        fs::remove_dir_all(&copy)
            .map_err(|error| failed(&place, "take half a compacted copy away", error))?;
        return Ok(None);
    }
    swap(path).map_err(|error| failed(&place, "swap the compacted copy in", error))?;
    let after = bytes_in(&db).map_err(|error| failed(&place, "measure", error))?;
    Ok(Some((before, after)))
}

/// Whether all were copied.
fn copy_rows(
    db: &Path,
    copy: &Path,
    place: &str,
    at: Timestamp,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<bool> {
    let engine = |doing: &'static str| move |error: ::sled::Error| failed(place, doing, error);
    let from = sled_at(db, place)?;
    let to = sled_at(copy, place)?;
    let total = from.len() as u64;
    let (mut done, mut left_out) = (0, 0);
    // What they say is true of the old files only.
    let of_old = [Sort::ErasedSince, Sort::CompactedAt].map(|sort| Key::of(sort).0);
    let mut batch = Batch::default();
    for pair in from.iter() {
        let (key, value) = pair.map_err(engine("read"))?;
        done += 1;
        if of_old.iter().any(|old| key == old.as_slice()) {
            left_out += 1;
        } else {
            batch.insert(key, value);
        }
        if done % STRIDE as u64 == 0 {
            to.apply_batch(std::mem::take(&mut batch)).map_err(engine("write a compacted copy"))?;
            if !go_on(done, total) {
                return Ok(false);
            }
        }
    }
    batch.insert(Key::of(Sort::CompactedAt).0, value::encode(&at));
    to.apply_batch(batch).map_err(engine("write a compacted copy"))?;
    to.flush().map_err(engine("flush a compacted copy"))?;
    if !go_on(done, total) {
        return Ok(false);
    }
    if done != total || to.len() as u64 != total - left_out + 1 {
        return Err(failed(
            place,
            "compact",
            format!("{total} rows were counted, and {done} could be copied; the store is as it was"),
        ));
    }
    drop(to);
    File::open(copy.join("db"))
        .and_then(|log| log.sync_all())
        .and_then(|()| sync_folder(copy))
        .map(|()| true)
        .map_err(|error| failed(place, "sync a compacted copy", error))
}

/// From "copy complete" to "at rest".
fn swap(path: &Path) -> io::Result<()> {
    fs::rename(path.join("db"), path.join("db.old"))?;
    sync_folder(path)?;
    fs::rename(path.join("db.compacting"), path.join("db"))?;
    sync_folder(path)?;
    fs::remove_dir_all(path.join("db.old"))
}

/// Brings the folders to rest after a kill; see the module page. The caller has the lock.
pub(super) fn recover(path: &Path) -> Result<()> {
    let place = path.display().to_string();
    let [db, copy, old] = ["db", "db.compacting", "db.old"].map(|name| path.join(name));
    let done = match (db.exists(), copy.exists(), old.exists()) {
        (_, false, false) => Ok(()),
        (true, _, _) => [copy, old].iter().filter(|folder| folder.exists()).try_for_each(fs::remove_dir_all),
        (false, true, true) => {
            fs::rename(&copy, &db).and_then(|()| sync_folder(path)).and_then(|()| fs::remove_dir_all(&old))
        }
        (false, false, true) => fs::rename(&old, &db).and_then(|()| sync_folder(path)),
        (false, true, false) => {
            return Err(StoreError::Unreadable {
                place,
                row: "folder db.compacting without db",
                why: "it may be half a copy; restore db from a backup, or delete db.compacting to begin with nothing"
                    .into(),
            });
        }
    };
    done.map_err(|error| failed(&place, "clean up after a compaction that was cut off", error))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes of all files in a folder.
pub(super) fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { bytes_in(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
