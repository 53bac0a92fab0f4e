//! The functions of `api` where no daemon runs: for commands.

use std::os::fd::IntoRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;

use super::live::{Live, Shared};
use super::{LOCK_WITHIN, links_base, start_scorer};
use crate::api::Api;
use crate::config::Config;
use crate::domain::id::InstanceId;
use crate::notify::link::Links;
use crate::runtime::clock::{Clock, SharedClock, SystemClock};
use crate::runtime::stop::Stop;
use crate::runtime::task::Nudge;
use crate::store::SledStore;
use crate::store::memory::Memory;
use crate::store::{Row, Store};

/// Rows read at once.
const PAGE: usize = 1_000;

/// The functions over this configuration's store, without the model.
///
/// # Errors
/// Where the store cannot be opened.
pub async fn open(config: Config) -> anyhow::Result<Arc<Api>> {
    let (folder, store) = open_in(&config.store_path).await?;
    let links = Links::open(&folder, &links_base(&config))?;
    build(config, store, links, false).await
}

/// The functions over an empty memory, with the model: for trials.
///
/// # Errors
/// Where the model cannot be opened.
pub async fn without_store(config: Config) -> anyhow::Result<Arc<Api>> {
    let store = Arc::new(Memory::new(InstanceId::new(SystemClock.now())));
    build(config, store, Links::with_key([0; 32], ""), true).await
}

async fn build(
    config: Config,
    store: Arc<dyn Store>,
    links: Links,
    with_model: bool,
) -> anyhow::Result<Arc<Api>> {
    let clock: SharedClock = Arc::new(SystemClock);
    let live = Live::build(&config).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let (shared, _) = Shared::new(live);
    let scorer = if with_model { Some(start_scorer(&config).await?) } else { None };
    Ok(Arc::new(Api {
        store,
        started_at: clock.now(),
        clock,
        desk: shared.desk,
        plan: shared.plan,
        ways: shared.ways,
        digests: shared.digests,
        pushes: shared.pushes,
        config: Arc::new(ArcSwap::from_pointee(config)),
        scorer,
        driver: None,
        links: Arc::new(links),
        escalate: Nudge::new(),
        deliver: Nudge::new(),
        inboxes: shared.inboxes,
        metrics: None,
    }))
}

/// This configuration's store, opened as its owner.
///
/// # Errors
/// Where it is in use, or belongs to another account.
pub async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    Ok(open_in(&config.store_path).await?.1)
}

/// Whether a store holds no rows; what was forgotten may stand there already, so that an older backup does not
/// bring it back.
///
/// # Errors
/// The store's.
pub async fn is_empty(store: &dyn Store) -> anyhow::Result<bool> {
    let mut after = None;
    loop {
        let rows = store.rows(after, PAGE).await?;
        if !rows.rows.iter().all(Row::is_tombstone) {
            return Ok(false);
        }
        after = rows.next;
        if after.is_none() {
            return Ok(true);
        }
    }
}

/// What was forgotten in this configuration's store, where no daemon has it and it is ours to open.
///
/// # Errors
/// Where it cannot be opened.
pub async fn tombstones(config: &Config) -> anyhow::Result<Vec<Row>> {
    let own = nix::unistd::geteuid().as_raw();
    if !std::fs::metadata(&config.store_path).is_ok_and(|found| found.uid() == own) {
        return Ok(Vec::new());
    }
    let store = open_store(config).await?;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let rows = store.rows(after, PAGE).await?;
        let ended = !rows.rows.iter().all(Row::is_tombstone);
        found.extend(rows.rows.into_iter().filter(Row::is_tombstone));
        after = rows.next.filter(|_| !ended);
        if after.is_none() {
            break;
        }
    }
    store.close().await?;
    Ok(found)
}

async fn open_in(path: &Path) -> anyhow::Result<(PathBuf, Arc<dyn Store>)> {
    let folder = step_down(path)?;
    let store = SledStore::open(&folder, InstanceId::new(SystemClock.now()), LOCK_WITHIN, &Stop::new())
        .await
        .with_context(|| format!("the store in {} could not be opened", path.display()))?;
    Ok((folder, Arc::new(store)))
}

/// Rewrites the store's live rows, as its owner; tells `progress` how many are done. Gives the
/// bytes on disk before and after.
///
/// # Errors
/// Where it is in use, belongs to another account, or there is none.
pub fn compact(config: &Config, progress: &mut dyn FnMut(u64, u64)) -> anyhow::Result<(u64, u64)> {
    let folder = step_down(&config.store_path)?;
    crate::store::compact(&folder, SystemClock.now(), progress)
        .with_context(|| format!("the store in {} could not be compacted", config.store_path.display()))
}

/// Root becomes the folder's owner, so that nothing in it ever belongs to root; anyone else must
/// be the owner. Gives the path by which the folder can be reached from then on: systemd keeps the
/// folder of an account of its own making below one that only root may enter, so there the path
/// leads through a handle that was opened before.
fn step_down(folder: &Path) -> anyhow::Result<PathBuf> {
    let Ok(found) = std::fs::metadata(folder) else { return Ok(folder.to_owned()) };
    let own = nix::unistd::geteuid();
    if own.as_raw() == found.uid() {
        return Ok(folder.to_owned());
    }
    if !own.is_root() {
        let owner = nix::unistd::User::from_uid(found.uid().into()).ok().flatten();
        let owner = owner.map_or_else(|| format!("#{}", found.uid()), |user| user.name);
        let line: Vec<String> = std::env::args_os().map(|word| quoted(&word.to_string_lossy())).collect();
        bail!(
            "the store in {} belongs to {owner}; type: sudo -u {} {}",
            folder.display(),
            quoted(&owner),
            line.join(" ")
        );
    }
    let handle = std::fs::File::open(folder)
        .with_context(|| format!("the folder {} cannot be entered", folder.display()))?;
    let (user, group) = (nix::unistd::Uid::from_raw(found.uid()), nix::unistd::Gid::from_raw(found.gid()));
    nix::unistd::setgroups(&[group]).context("root could not give up its groups")?;
    nix::unistd::setgid(group).context("root could not become the store's group")?;
    nix::unistd::setuid(user).context("root could not become the store's owner")?;
    if std::fs::metadata(folder.join(".")).is_ok() {
        return Ok(folder.to_owned());
    }
    // Left open until the process ends: the path goes through it.
    Ok(PathBuf::from(format!("/proc/self/fd/{}", handle.into_raw_fd())))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_to_type_survives_the_shell() {
        assert_eq!(quoted("--since"), "--since");
        assert_eq!(quoted("known outage"), "'known outage'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("#61184"), "'#61184'");
    }
}
