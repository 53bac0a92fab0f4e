//! What a look says of coverage, from and to the store; the rules are [`coverage`]'s.

use jiff::{SignedDuration, Timestamp};

use super::{Closing, Ingest};
use crate::domain::digest::Window;
use crate::domain::id::SourceId;
use crate::domain::note::{Note, rhythm_of};
use crate::domain::rhythm::Rhythm;
use crate::domain::source::{Blind, Gap, GapCause, SourceState};
use crate::pipeline::coverage::{self, Entry};
use crate::store::{Effects, Outcome, Recording};
use crate::telemetry::metrics;

/// A daemon that was away for less than this was not missed: whoever pushes tries again for longer.
const SHORT: SignedDuration = SignedDuration::from_mins(1);

impl Ingest {
    /// What was learnt of a source's rhythm.
    pub async fn rhythm(&self, id: &SourceId) -> anyhow::Result<Option<Rhythm>> {
        Ok(match self.store.note(rhythm_of(id.as_str())).await? {
            Some(Note::Rhythm(rhythm)) => Some(rhythm),
            _ => None,
        })
    }

    /// What the ledger says after the look that `closing` ends.
    pub(super) async fn enter(
        &self,
        state: &SourceState,
        closing: &Closing,
        became_mentions: bool,
    ) -> anyhow::Result<Entry> {
        let look = &closing.look;
        // An earlier piece of the same look may have spoken.
        let spoke = became_mentions || state.spoke_at.is_some_and(|at| look.learns && at >= look.at);
        let open = match state.open_since {
            Some(since) => self.open(&state.id, since, look.at).await?,
            None => Vec::new(),
        };
        let rhythm = if look.learns { self.rhythm(&state.id).await? } else { None };
        let (through, gaps) = (closing.fetched_through, &closing.gaps);
        let entry = coverage::enter(state, look, through, gaps, spoke, open, rhythm);
        let notes = entry.notes();
        // Before the row moves: what is said twice after a crash teaches nothing (`Rhythm::learn`).
        if !notes.is_empty() {
            self.store.keep(notes).await?;
        }
        Ok(entry)
    }

    async fn open(&self, id: &SourceId, since: Timestamp, now: Timestamp) -> anyhow::Result<Vec<Blind>> {
        let gaps = self.store.gaps(Window { from: since, until: now }).await?;
        Ok(gaps.into_iter().filter(|blind| coverage::is_ours(blind, id)).collect())
    }

    /// Writes that nobody could push to these sources while the daemon was off.
    ///
    /// # Errors
    /// The store's.
    pub async fn was_off(&self, ids: &[SourceId], from: Timestamp, until: Timestamp) -> anyhow::Result<()> {
        if until.duration_since(from) < SHORT {
            return Ok(());
        }
        for id in ids {
            let Some(mut state) = self.store.source(id.clone()).await? else { continue };
            state.seen += 1;
            // It listens again from here on.
            state.answered_at = Some(until);
            state.fetched_through = Some(until);
            state.heard = None;
            let cause = GapCause::DaemonOff;
            let gap = Gap { source: id.clone(), from: Some(from), until, cause, detail: String::new() };
            metrics::blind(id.as_str(), cause.as_str(), until.duration_since(from).as_secs_f64());
            let recording = Recording {
                source: state,
                mentions: Vec::new(),
                erased: Vec::new(),
                effects: Effects::default(),
                gaps: vec![gap.into()],
                inbox_through: None,
            };
            // Called before anybody reads: nothing else can have changed the row.
            if self.store.record(recording).await? == Outcome::Conflict {
                anyhow::bail!("the row of source {id} changed before anybody read it");
            }
        }
        Ok(())
    }
}

/// What is counted once a look's row is on disk.
pub(super) fn publish(entry: &Entry, state: &SourceState, now: Timestamp) {
    let id = state.id.as_str();
    for blind in entry.gaps.iter().filter(|blind| blind.repaired_at.is_none()) {
        let length = blind.gap.from.map_or(0.0, |from| blind.gap.until.duration_since(from).as_secs_f64());
        metrics::blind(id, blind.gap.cause.as_str(), length);
    }
    let through = state.fetched_through.map_or(0.0, |at| at.as_duration().as_secs_f64());
    let behind = state.behind(now).map_or(0.0, |length| length.as_secs_f64());
    metrics::coverage(id, through, behind, state.told_quiet);
}
