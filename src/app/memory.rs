//! What the daemon remembers of its own lives: when it last ran, and what it asked of places.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::id::SourceId;
use crate::domain::note::{ALIVE, Note, Spent};
use crate::pipeline::ingest::Ingest;
use crate::source::fetch::{Keeper, Ledger};
use crate::store::{Result, Store};

/// Writes what is asked of places into the store.
pub struct InStore(pub Arc<dyn Store>);

#[async_trait]
impl Keeper for InStore {
    async fn keep(&self, rows: Vec<Spent>) -> std::result::Result<(), String> {
        let notes = rows.into_iter().map(Note::Spent).collect();
        self.0.keep(notes).await.map_err(|error| error.to_string())
    }
}

/// Takes up the budgets where earlier lives left them.
///
/// # Errors
/// The store's.
pub async fn budgets(store: &dyn Store) -> Result<()> {
    let notes = store.notes().await?;
    let rows = notes.into_iter().filter_map(|note| match note {
        Note::Spent(spent) => Some(spent),
        _ => None,
    });
    Ledger::shared().load(rows.collect());
    Ok(())
}

/// Writes for these sources, which are pushed to us, that nobody could reach us since the daemon last ran.
///
/// # Errors
/// The store's.
pub async fn wake(
    store: &dyn Store,
    ingest: &Ingest,
    pushed: &[SourceId],
    now: Timestamp,
) -> anyhow::Result<()> {
    if let Some(Note::Alive(last)) = store.note(ALIVE.into()).await? {
        ingest.was_off(pushed, last, now).await?;
    }
    Ok(alive(store, now).await?)
}

/// Writes that the daemon runs.
///
/// # Errors
/// The store's.
pub async fn alive(store: &dyn Store, now: Timestamp) -> Result<()> {
    store.keep(vec![Note::Alive(now)]).await
}
