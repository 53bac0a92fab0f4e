//! Opening: the folder, the lock, what a killed compaction left, the format, the leases of
//! earlier lives.
//!
//! The store's folder is `path`; sled's own is `path/db`, so that other files of the daemon can
//! live beside it. `path/lock` is locked (flock) for as long as anybody has the store open or
//! compacts it; a lock of sled's own inside `db` would move away with the folder when it is
//! swapped.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use ::sled::{Config, Db, Tree};
use nix::fcntl::{Flock, FlockArg};

use super::compact;
use super::keys::{Key, Parts, Sort};
use super::txn::Txn;
use crate::domain::id::InstanceId;
use crate::domain::mention::RecordedMention;
use crate::store::{Result, StoreError, is_nameless};

/// The format that this earmark writes: which keys there are and how they are built. Values
/// count their versions by themselves (see [`super::value`]). 2: mentions may bear corrections,
/// which an earmark that knows only 1 would lose at the next edit, and there are calibrations.
/// 3: authors and addresses lead to mentions by keyed hashes, and erased posts bear no names.
const FORMAT: u64 = 3;

/// Whose erased posts may bear names still.
pub(super) const BEFORE_NAMES_WENT: u64 = 2;

/// Mentions brought up to date in one batch.
const STRIDE: usize = 500;

/// Pages that sled keeps in memory. Small: the daemon shares its machine, and all hot rows
/// (timers, outbox, newest mentions) are few.
const CACHE_BYTES: u64 = 32 << 20;

/// An open store. Fields are dropped in this order: the lock goes last.
pub(super) struct Engine {
    pub tree: Tree,
    pub db: Db,
    pub place: String,
    pub instance: InstanceId,
    /// sled's log, to be synced by us; see [`Engine::flush`].
    log: File,
    _lock: Flock<File>,
}

impl Engine {
    pub fn txn(&self) -> Txn<'_> {
        Txn::new(&self.tree, &self.place, self.instance)
    }

    /// Puts everything written so far on the disk.
    ///
    /// sled's own flush ends with `sync_file_range` on Linux (`pagecache/iobuf.rs`): the pages go
    /// to the device, but neither the file's new length nor the device's cache. That outlives a
    /// kill and not a loss of power; sled's background sync follows within 500 ms, which is too
    /// late for an answer. So the file is synced here too, over a handle of our own.
    pub fn flush(&self) -> Result<()> {
        self.db.flush().map_err(|error| self.failed("flush", error))?;
        self.log.sync_data().map_err(|error| self.failed("sync", error))
    }

    pub fn failed(&self, doing: &'static str, why: impl ToString) -> StoreError {
        failed(&self.place, doing, why)
    }
}

pub(super) fn failed(place: &str, doing: &'static str, why: impl ToString) -> StoreError {
    StoreError::Engine { place: place.into(), doing, why: why.to_string() }
}

/// Takes the store's lock, or says that somebody has it.
pub(super) fn lock(path: &Path) -> Result<Flock<File>> {
    let place = path.display().to_string();
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path.join("lock"))
        .map_err(|error| failed(&place, "create its lock file", error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => {
            // For the words of whoever finds it locked; the lock itself does not need it.
            let pid = format!("{}\n", std::process::id());
            let named = lock.set_len(0).and_then(|()| (&*lock).write_all(pid.as_bytes()));
            named.map_err(|error| failed(&place, "write its lock file", error))?;
            Ok(lock)
        }
        Err((mut file, nix::Error::EWOULDBLOCK)) => {
            let mut pid = String::new();
            // A holder between lock and write has no number yet, and an unreadable one is nobody's.
            let _ = file.read_to_string(&mut pid);
            Err(StoreError::Locked(match pid.trim().parse::<u32>() {
                Ok(pid) => format!("{place} is in use by process {pid}"),
                Err(_) => in_use(&place),
            }))
        }
        Err((_, error)) => Err(failed(&place, "lock it", error)),
    }
}

fn in_use(place: &str) -> String {
    format!("{place} is in use by another process")
}

/// sled over one folder of the store at `place`. The caller has the lock.
pub(super) fn sled_at(folder: &Path, place: &str) -> Result<Db> {
    drop_half_snapshots(folder).map_err(|error| failed(place, "clean up", error))?;
    Config::new().path(folder).cache_capacity(CACHE_BYTES).open().map_err(|error| match &error {
        // Threads of the same process that are about to let go of it: worth another try. sled has
        // no kind of its own for this.
        ::sled::Error::Io(io) if io.to_string().contains("could not acquire lock") => {
            StoreError::Locked(in_use(place))
        }
        _ => failed(place, "open", error),
    })
}

/// Takes away what a kill left of a snapshot that sled was writing. sled writes one at each opening,
/// under a name that ends in `.generating`, and renames it; but its own look for the newest one
/// passes over another ending (`Config::get_snapshot_files` in 0.34.7), so it would take the half
/// one for the newest and refuse to open, for good. Nothing is lost: it only sums up the log.
fn drop_half_snapshots(folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Makes an empty store beside and renames it: sled refuses, for good, a folder whose making was
/// cut off by a kill (its `conf` is written in two pieces). Whatever a kill left beside is no store
/// yet and holds nothing.
fn create(path: &Path) -> std::io::Result<()> {
    let new = path.join("db.new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    let db = Config::new().path(&new).open()?;
    db.flush()?;
    drop(db);
    for entry in fs::read_dir(&new)? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(&new)?.sync_all()?;
    fs::rename(&new, path.join("db"))?;
    File::open(path)?.sync_all()
}

/// Opens once, without waiting for anybody.
pub(super) fn open(path: &Path, instance: InstanceId) -> Result<Engine> {
    let place = path.display().to_string();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| failed(&place, "create its folder", error))?;
    let lock = lock(path)?;
    compact::recover(path)?;
    if !path.join("db").exists() {
        create(path).map_err(|error| failed(&place, "create it", error))?;
    }
    let db = sled_at(&path.join("db"), &place)?;
    let log = File::open(path.join("db/db")).map_err(|error| failed(&place, "open sled's log", error))?;
    let instance = after_earlier_lives(&db, &place, instance)?;
    let engine = Engine { tree: (*db).clone(), db, place, instance, log, _lock: lock };
    prepare(&engine)?;
    Ok(engine)
}

/// The accountability record is read in the order of instances, so a life that begins after the
/// clock was set back must still sort behind those before it.
fn after_earlier_lives(db: &Db, place: &str, instance: InstanceId) -> Result<InstanceId> {
    let last = Txn::new(db, place, instance).last(&Key::of(Sort::Event))?;
    let last = last.and_then(|(key, _)| Parts::of(&key).id());
    Ok(last.map_or(instance, |last| instance.behind(InstanceId(last))))
}

/// Checks the format and ends the leases of earlier lives.
fn prepare(engine: &Engine) -> Result<()> {
    let mut txn = engine.txn();
    let format = Key::of(Sort::Format);
    match txn.get::<u64>(&format)? {
        None if engine.tree.is_empty() => txn.put(format, &FORMAT),
        Some(FORMAT) => {}
        Some(found) if found < FORMAT => {
            bring_up(engine)?;
            txn.put(format, &FORMAT);
        }
        Some(found) => {
            return Err(txn.unreadable(
                "format mark",
                format!(
                    "it has format {found}, and this earmark knows formats up to {FORMAT}; run the newer earmark again, or `store export` with it and `store import` with this one"
                ),
            ));
        }
        None => {
            return Err(txn.unreadable(
                "format mark",
                format!(
                    "it is missing though there are rows; the folder {}/db is not earmark's, or it was damaged",
                    engine.place
                ),
            ));
        }
    }
    txn.end_leases()?;
    commit(engine, txn)?;
    engine.flush()
}

/// Gives every mention its leads, and takes the names of posts that were erased. In batches, each of which may
/// be done again: the format is written once all are done, so a kill costs a repetition.
fn bring_up(engine: &Engine) -> Result<()> {
    let mut from = Key::of(Sort::Mention);
    let end = from.clone().end();
    let mut done = 0;
    loop {
        let mut txn = engine.txn();
        let pairs = txn.scan(&from, &end, false, STRIDE)?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        from = Key(last.clone()).next();
        for (_, value) in &pairs {
            let row: RecordedMention = txn.decode(value)?;
            match row.erased_at {
                None => txn.put_leads(&row)?,
                Some(at) if !is_nameless(&row.post().id) => {
                    txn.unname(&row.post().source, &row.post().id, at)?;
                }
                Some(_) => {}
            }
        }
        commit(engine, txn)?;
        done += pairs.len();
        tracing::info!("the store in {} is brought up to date: {done} mentions", engine.place);
    }
}

/// Applies what a change wrote; whether there was anything.
pub(super) fn commit(engine: &Engine, txn: Txn<'_>) -> Result<bool> {
    let Some(batch) = txn.into_batch() else { return Ok(false) };
    engine.tree.apply_batch(batch).map_err(|error| engine.failed("write", error))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sled::value;

    #[test]
    fn a_making_that_was_cut_off_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let half = folder.path().join("db.new");
        fs::create_dir(&half).expect("made");
        fs::write(half.join("conf"), "segment_size: 524288\n").expect("half of sled's settings");
        let instance = InstanceId::new(jiff::Timestamp::UNIX_EPOCH);
        while let Err(error) = open(folder.path(), instance) {
            assert!(matches!(error, StoreError::Locked(_)), "{error}");
        }
        assert!(!half.exists());
    }

    #[test]
    fn a_snapshot_that_was_cut_off_is_no_obstacle() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let instance = InstanceId::new(jiff::Timestamp::UNIX_EPOCH);
        drop(open(folder.path(), instance).expect("a fresh store opens"));
        let half = folder.path().join("db/snap.FFFFFFFFFFFFFFFF.generating");
        fs::write(&half, "half of what sled sums up").expect("written");
        while let Err(error) = open(folder.path(), instance) {
            assert!(matches!(error, StoreError::Locked(_)), "{error}");
        }
        assert!(!half.exists());
    }

    #[test]
    fn a_newer_format_is_refused_with_words() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let instance = InstanceId::new(jiff::Timestamp::UNIX_EPOCH);
        let engine = open(folder.path(), instance).expect("a fresh store opens");
        engine.tree.insert(Key::of(Sort::Format).0, value::encode(&(FORMAT + 1))).expect("writes");
        drop(engine);
        let error = loop {
            match open(folder.path(), instance).err().expect("a newer format is refused") {
                StoreError::Locked(_) => std::thread::yield_now(),
                error => break error.to_string(),
            }
        };
        assert!(error.contains("format 4") && error.contains("store export"), "{error}");
    }

    #[test]
    fn a_life_after_the_clock_was_set_back_sorts_behind_those_before_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let life =
            |hour: i64| InstanceId::new(jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(hour));
        let mut lives = Vec::new();
        for (hour, writes) in [(30, true), (10, true), (5, false), (40, true)] {
            let engine = loop {
                match open(folder.path(), life(hour)) {
                    Err(StoreError::Locked(_)) => std::thread::yield_now(),
                    opened => break opened.expect("it opens"),
                }
            };
            if writes {
                let event = Key::of(Sort::Event).id(engine.instance.as_bytes()).number(1);
                engine.tree.insert(event.0, &[]).expect("writes");
            }
            lives.push(engine.instance);
        }
        assert!(lives.is_sorted_by(|a, b| a < b), "{lives:?}");
    }
}
