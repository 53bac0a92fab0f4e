//! The functions of `api` where no daemon runs: for commands.

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
use crate::store::Store;
use crate::store::memory::Memory;
use crate::store::sled::SledStore;

/// The functions over this configuration's store, with the model if asked for.
///
/// # Errors
/// Where the store or the model cannot be opened.
pub async fn open(mut config: Config, with_model: bool) -> anyhow::Result<Arc<Api>> {
    let store = open_store(&mut config).await?;
    let links = Links::open(&config.store_path, &links_base(&config))?;
    build(config, store, links, with_model).await
}

/// The functions over an empty memory: for trials.
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

/// This configuration's store, opened as its owner; its path becomes the one that the owner has.
///
/// # Errors
/// Where it is in use, or belongs to another account.
pub async fn open_store(config: &mut Config) -> anyhow::Result<Arc<dyn Store>> {
    config.store_path = step_down(&config.store_path)?;
    let store =
        SledStore::open(&config.store_path, InstanceId::new(SystemClock.now()), LOCK_WITHIN, &Stop::new())
            .await
            .with_context(|| format!("the store in {} could not be opened", config.store_path.display()))?;
    Ok(Arc::new(store))
}

/// Root becomes the folder's owner, so that nothing in it ever belongs to root; anyone else must
/// be the owner. Answers where the folder is from then on.
///
/// The folder of a unit with `DynamicUser` lies in `/var/lib/private`, which only root may enter.
/// Who stands in it already need not: it becomes the working folder, and is `.` from then on.
///
/// # Errors
/// Where this account may not, with the line to type.
pub fn step_down(folder: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let Ok(found) = std::fs::metadata(folder) else { return Ok(folder.to_owned()) };
    let own = nix::unistd::geteuid();
    if own.as_raw() == found.uid() {
        return Ok(folder.to_owned());
    }
    if !own.is_root() {
        let owner = nix::unistd::User::from_uid(found.uid().into()).ok().flatten();
        let owner = owner.map_or_else(|| format!("#{}", found.uid()), |user| user.name);
        let line: Vec<String> = std::env::args().collect();
        bail!(
            "the store in {} belongs to {owner}; type: sudo -u {owner} {}",
            folder.display(),
            line.join(" ")
        );
    }
    let (user, group) = (nix::unistd::Uid::from_raw(found.uid()), nix::unistd::Gid::from_raw(found.gid()));
    let before = std::env::current_dir();
    std::env::set_current_dir(folder).with_context(|| format!("{} cannot be entered", folder.display()))?;
    nix::unistd::setgroups(&[group]).context("root could not give up its groups")?;
    nix::unistd::setgid(group).context("root could not become the store's group")?;
    nix::unistd::setuid(user).context("root could not become the store's owner")?;
    if std::fs::metadata(folder).is_err() {
        return Ok(PathBuf::from("."));
    }
    // Reachable all the same; a working folder that is not is no loss to a command.
    let _ = before.and_then(std::env::set_current_dir);
    Ok(folder.to_owned())
}
