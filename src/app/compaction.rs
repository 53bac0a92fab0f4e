//! Opens the store for the daemon, compacted first where bytes of what was erased have waited long enough: sled
//! keeps them in its file until their place is used again, and nobody should have to remember a command for it.
//!
//! # Properties wanted
//! * Before anybody uses the store: nothing is read or written meanwhile, and nobody waits for an answer.
//! * A kill at any instant leaves a whole store, as `store::compact` has it. So does everything else that
//!   goes wrong: the daemon starts with the store as it was, and says why.
//! * A daemon that crashes and starts again does not compact each time: once is enough until more is erased.
//! * A start stays a start: a store of years that cannot be copied in [`WITHIN`] is left to the command, and
//!   whoever tells the daemon to stop is not kept waiting.
//!
//! # Accepted
//! * A daemon that runs for months compacts nothing meanwhile. `earmark status` says since when bytes wait, and a
//!   restart ends it.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::LOCK_WITHIN;
use crate::domain::id::InstanceId;
use crate::runtime::stop::Stop;
use crate::store::{self, Size, SledStore, Store, StoreError};

/// How long bytes of what was erased wait before a start ends them: half of the shortest deadline of a day.
const WAIT: SignedDuration = SignedDuration::from_hours(12);
/// The longest that a start copies rows; it has 170 s in all, of which the model may want a minute.
const WITHIN: Duration = Duration::from_secs(90);
/// Beside the copy itself.
const SPARE: u64 = 64 << 20;
/// From one try at the lock to the next: threads of the store that was just closed let go of it.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing was erased, or not long ago.
    Nothing,
    /// The disk has not that many bytes free.
    NoRoom(u64),
    /// It is time.
    Now,
}

fn due(size: &Size, free: Option<u64>, now: Timestamp) -> Due {
    // One that lies ahead was written before the clock was set back: it says nothing, so it is no reason to wait.
    let waited = |since: Timestamp| since > now || now.duration_since(since) >= WAIT;
    // What lives takes no more than what is there, dead bytes and all.
    let needed = size.disk_bytes.saturating_add(SPARE);
    match size.erased_since {
        Some(since) if waited(since) => match free {
            Some(free) if free < needed => Due::NoRoom(needed),
            _ => Due::Now,
        },
        _ => Due::Nothing,
    }
}

/// See the module page.
///
/// # Errors
/// As with [`SledStore::open`].
pub async fn open(
    path: &Path,
    instance: InstanceId,
    now: Timestamp,
    stop: &Stop,
) -> Result<SledStore, StoreError> {
    let store = SledStore::open(path, instance, LOCK_WITHIN, stop).await?;
    let size = store.size().await?;
    let disk = nix::sys::statvfs::statvfs(path).ok();
    match due(&size, disk.map(|disk| disk.blocks_available() * disk.fragment_size()), now) {
        Due::Nothing => return Ok(store),
        Due::NoRoom(needed) => {
            tracing::warn!(
                "bytes of what was erased wait in the store's file, and there is no room to compact it: {needed} bytes must be free on the disk of {}",
                path.display()
            );
            return Ok(store);
        }
        Due::Now => {}
    }
    store.close().await?;
    drop(store);
    tracing::info!("the store is compacted, to end bytes of what was erased");
    match compact(path, now, stop).await {
        Ok(Some((before, after))) => {
            tracing::info!("the store was compacted: {before} bytes became {after}");
        }
        Ok(None) if stop.is_stopped() => {}
        Ok(None) => tracing::warn!(
            "the store is too large to be compacted within {WITHIN:?} of a start, and stays as it was; stop the daemon and type: earmark store compact"
        ),
        Err(error) => tracing::warn!("the store could not be compacted, and stays as it was: {error}"),
    }
    SledStore::open(path, instance, LOCK_WITHIN, stop).await
}

async fn compact(path: &Path, now: Timestamp, stop: &Stop) -> Result<Option<(u64, u64)>, StoreError> {
    let began = Instant::now();
    loop {
        let (place, told) = (path.to_owned(), stop.clone());
        let copying = tokio::task::spawn_blocking(move || {
            store::compact_while(&place, now, &mut |_, _| !told.is_stopped() && began.elapsed() < WITHIN)
        });
        match copying.await {
            Ok(Err(StoreError::Locked(_))) if began.elapsed() < LOCK_WITHIN && !stop.is_stopped() => {
                let _ = stop.or(tokio::time::sleep(LOCK_PAUSE)).await;
            }
            Ok(done) => return done,
            Err(error) => {
                let (place, why) = (path.display().to_string(), error.to_string());
                return Err(StoreError::Engine { place, doing: "compact", why });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_wait_for_half_a_day_and_for_room() {
        let now: Timestamp = "2026-03-04T12:00:00Z".parse().expect("a time");
        let size = |hours: Option<i64>| Size {
            disk_bytes: 1_000,
            erased_since: hours.map(|hours| now - SignedDuration::from_hours(hours)),
            ..Size::default()
        };
        for (hours, free, expected) in [
            (None, None, Due::Nothing),
            (Some(11), None, Due::Nothing),
            (Some(12), None, Due::Now),
            (Some(-3), None, Due::Now),
            (Some(12), Some(SPARE + 1_000), Due::Now),
            (Some(12), Some(SPARE + 999), Due::NoRoom(SPARE + 1_000)),
            (Some(11), Some(0), Due::Nothing),
        ] {
            assert_eq!(due(&size(hours), free, now), expected, "{hours:?} {free:?}");
        }
    }
}
