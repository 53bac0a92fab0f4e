//! The coverage ledger: what is known, after each look at a source, of the time in which it was and was not
//! watched. Pure: it is told what the row said, what the look gave, and what time it is.
//!
//! # Properties wanted
//! * A stretch in which a source gave errors, or was not asked, for longer than its interval stands in the ledger
//!   with begin, end and cause, from the look that ends it on. While it lasts, the row's `failing_since` says so.
//! * What is said of a stretch is said once, and by who knows best: where the source itself says that it does not
//!   serve a part of it any more ([`GapCause::Overrun`] and the like), that part is the source's gap and the rest
//!   is ours.
//! * Ours is repaired by the look that says that everything up to its end has been read. It is `fetched_through`
//!   that says so; a place that never states it repairs nothing. So the stretches without `repaired_at` are
//!   those whose posts are missing, or not read yet.
//! * A part of a source that cannot be read while others are is told as such until it is read again ([`part`]); what
//!   was not watched before stays open meanwhile, and its own stretch is ours like any other.
//! * A place is told as strangely quiet once, and that it speaks again once ([`crate::domain::rhythm`]).
//!
//! # Accepted
//! * A look that failed just before a daemon was off makes the whole stretch the source's failure.
//! * Where a backlog is read over several looks and a late one of them says that a part was lost, our stretch stays
//!   whole, is repaired, and the source's gap lies inside it.
//! * A post without a date counts as new only when it became a mention. A place without dates has a rhythm of
//!   mentions.

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::SourceId;
use crate::domain::note::Note;
use crate::domain::notification::Notice;
use crate::domain::post::Post;
use crate::domain::rhythm::Rhythm;
use crate::domain::source::{Blind, Gap, GapCause, Heard, SourceState, Trouble, Unread};

pub mod part;

/// A look that comes late by less than this is on time: tasks wait for each other.
const SLACK: SignedDuration = SignedDuration::from_mins(1);

/// What a look says beside its posts.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// When it began.
    pub at: Timestamp,
    /// The usual wait from one look to the next; none where the sender calls us.
    pub interval: Option<SignedDuration>,
    /// There is more to fetch right away.
    pub more: bool,
    /// The place asks for a pause, or the budget does.
    pub pauses: bool,
    /// Posts that are new by their date.
    pub fresh: u64,
    /// The newest date among its posts, not later than the look.
    pub newest: Option<Timestamp>,
    /// Whether it is to be learnt how often the source speaks.
    pub learns: bool,
    /// Parts of the source that it could not read.
    pub trouble: Vec<Trouble>,
}

impl Look {
    /// Of a source that is asked, given its row before the look.
    pub fn pulled(state: &SourceState, posts: &[Post], at: Timestamp, interval: SignedDuration) -> Self {
        let dates = || posts.iter().filter(|post| !post.deleted).filter_map(|post| post.created_at);
        let fresh = dates().filter(|date| state.newest.is_none_or(|newest| *date > newest)).count();
        Self {
            at,
            interval: Some(interval),
            fresh: fresh as u64,
            newest: dates().map(|date| date.min(at)).max(),
            learns: true,
            ..Self::default()
        }
    }

    /// Of what was pushed to us: it was never here before.
    pub fn pushed(posts: usize, at: Timestamp) -> Self {
        Self { at, fresh: posts as u64, learns: true, ..Self::default() }
    }
}

/// What is written of a look.
#[derive(Debug, Default)]
pub struct Entry {
    /// New rows of the ledger, and those that are repaired now.
    pub gaps: Vec<Blind>,
    /// What its rhythm is now, where it changed.
    pub rhythm: Option<Rhythm>,
    /// What the operator and the topic's owner should hear.
    pub notice: Option<Notice>,
    newest: Option<Timestamp>,
    behind_since: Option<Timestamp>,
    open_since: Option<Timestamp>,
    unread: Vec<Unread>,
    heard: Option<Heard>,
    awaited: u64,
    told_quiet: bool,
}

impl Entry {
    /// Puts into the row what is kept there.
    pub fn apply(&self, state: &mut SourceState) {
        state.newest = self.newest.max(state.newest);
        state.behind_since = self.behind_since;
        state.open_since = self.open_since;
        state.unread.clone_from(&self.unread);
        state.heard = self.heard;
        state.awaited = self.awaited;
        state.told_quiet = self.told_quiet;
    }

    /// The notes to be kept.
    pub fn notes(&self) -> Vec<Note> {
        self.rhythm.iter().cloned().map(Note::Rhythm).collect()
    }
}

/// The stretch before a look that ends well in which nothing was seen: the look ends it.
pub fn missed(state: &SourceState, interval: SignedDuration, at: Timestamp) -> Option<Gap> {
    let (since, cause, detail) = match state.failing_since {
        Some(since) if at.duration_since(since) >= interval => {
            (since, GapCause::SourceFailed, state.last_error.clone().unwrap_or_default())
        }
        Some(_) => return None,
        None => {
            let answered = state.answered_at?;
            let late = at.duration_since(state.next_poll.max(answered));
            if late <= interval.max(SLACK) {
                return None;
            }
            (answered, GapCause::DaemonOff, String::new())
        }
    };
    let read = if state.behind_since.is_some() { state.fetched_through } else { state.answered_at };
    let from = read.map_or(since, |read| read.min(since));
    Some(Gap { source: state.id.clone(), from: Some(from), until: at, cause, detail })
}

/// What the ledger says after a look that ended well. `state` is the row before it; `spoke`: it gave a post that
/// became a mention; `gaps` are the source's own; `open` are earlier stretches of ours that are not repaired;
/// `rhythm` is what was learnt so far.
pub fn enter(
    state: &SourceState,
    look: &Look,
    fetched_through: Option<Timestamp>,
    gaps: &[Gap],
    spoke: bool,
    open: Vec<Blind>,
    rhythm: Option<Rhythm>,
) -> Entry {
    let is_read = |until: Timestamp| fetched_through.is_some_and(|through| through >= until);
    // Many places state the date of the newest post: in a quiet one that is long ago, and nothing has piled up.
    let caught_up = !look.more && (!look.pauses || is_read(look.at));
    let missed = look.interval.and_then(|interval| missed(state, interval, look.at));
    let (unread, ended) = part::after(state, look, fetched_through);
    let in_part = !unread.is_empty();
    let was_watched =
        missed.is_none() && state.behind_since.is_none() && caught_up && !in_part && ended.is_empty();

    let mut rows: Vec<Blind> = gaps.iter().cloned().map(Blind::from).collect();
    let piled = state.fetched_through.or(state.answered_at).unwrap_or(look.at);
    let begin = missed.as_ref().and_then(|gap| gap.from).unwrap_or(piled);
    let mut open_since: Option<Timestamp> = None;
    let new = missed.into_iter().chain(ended).flat_map(|gap| without(gap, gaps));
    let new = new.map(|gap| (true, Blind::from(gap)));
    for (is_new, blind) in new.chain(open.into_iter().map(|blind| (false, blind))) {
        let repaired_at = is_read(blind.gap.until).then_some(look.at);
        // A look that was cut off, or read a part only, says nothing yet; one that ended and states nothing never will.
        if repaired_at.is_none() && (fetched_through.is_some() || !caught_up || in_part) {
            let from = blind.gap.from.unwrap_or(look.at);
            open_since = Some(open_since.map_or(from, |since| since.min(from)));
        }
        if is_new || repaired_at.is_some() {
            rows.push(Blind { repaired_at, ..blind });
        }
    }

    let behind_since =
        if caught_up { None } else { Some(state.behind_since.map_or(begin, |since| since.min(begin))) };
    let newest = look.newest;
    let mut entry = Entry { gaps: rows, newest, behind_since, open_since, unread, ..Entry::default() };
    if look.learns {
        entry.listen(state, look, was_watched, caught_up, spoke || look.fresh > 0, rhythm);
    }
    entry
}

impl Entry {
    /// What is learnt of how often the source speaks, and whether it is strangely quiet.
    fn listen(
        &mut self,
        state: &SourceState,
        look: &Look,
        was_watched: bool,
        caught_up: bool,
        spoke: bool,
        rhythm: Option<Rhythm>,
    ) {
        let known = rhythm.is_some();
        let mut rhythm = rhythm.unwrap_or_else(|| Rhythm::new(state.id.clone(), look.at));
        let mut changed = false;
        (self.awaited, self.told_quiet) = (state.awaited, state.told_quiet);
        if let Some(before) = state.answered_at.filter(|before| was_watched && known && *before < look.at) {
            self.awaited = self.awaited.saturating_add(thousandths(rhythm.expected(before, look.at)));
        }
        if spoke {
            #[expect(clippy::cast_precision_loss, reason = "thousandths of posts are far below 2^52")]
            let pause = self.awaited as f64 / 1e3;
            // Where it was not watched all the time, the pause may have been shorter.
            changed |= was_watched && known && rhythm.paused(pause, state.told_quiet);
            self.awaited = 0;
            if std::mem::take(&mut self.told_quiet) {
                self.notice = Some(Notice::SourceSpeaks { source: state.id.clone() });
            }
        }
        self.heard = match state.heard.filter(|_| was_watched) {
            _ if !caught_up => None,
            None => Some(Heard { from: look.at, posts: 0 }),
            Some(heard) => {
                let posts = heard.posts + look.fresh.max(u64::from(spoke));
                if hour(heard.from) == hour(look.at) {
                    Some(Heard { posts, ..heard })
                } else {
                    rhythm.learn(heard.from, look.at, posts);
                    changed = true;
                    Some(Heard { from: look.at, posts: 0 })
                }
            }
        };
        let quiet = state.spoke_at.map(|at| look.at.duration_since(at));
        #[expect(clippy::cast_precision_loss, reason = "thousandths of posts are far below 2^52")]
        let awaited = self.awaited as f64 / 1e3;
        if let (Some(quiet), false, false) = (quiet, spoke, self.told_quiet)
            && rhythm.is_strange(awaited, quiet, look.interval.unwrap_or_default())
        {
            self.told_quiet = true;
            self.notice = Some(Notice::SourceQuiet {
                source: state.id.clone(),
                since: state.spoke_at.unwrap_or(look.at),
                awaited: self.awaited / 1_000,
            });
        }
        self.rhythm = (changed || !known).then_some(rhythm);
    }
}

/// What is left of a stretch without those parts that the source itself says are lost. Single posts that it never
/// served leave the stretch as it is: everything else in it was read.
fn without(gap: Gap, told: &[Gap]) -> Vec<Gap> {
    let mut left = vec![gap];
    for told in told.iter().filter(|told| told.cause != GapCause::Missing) {
        let pieces = left.into_iter().flat_map(|gap| {
            let from = gap.from.unwrap_or(Timestamp::MIN);
            let before = told.from.filter(|begin| *begin > from).map(|begin| (from, begin.min(gap.until)));
            let after = (told.until < gap.until).then_some((told.until.max(from), gap.until));
            let pieces: Vec<Gap> = [before, after]
                .into_iter()
                .flatten()
                .map(|(from, until)| Gap { from: Some(from), until, ..gap.clone() })
                .collect();
            pieces
        });
        left = pieces.collect();
    }
    left
}

/// Rows of ours that a look may repair.
pub fn is_ours(blind: &Blind, source: &SourceId) -> bool {
    blind.gap.source == *source
        && blind.repaired_at.is_none()
        && matches!(blind.gap.cause, GapCause::SourceFailed | GapCause::DaemonOff)
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

fn thousandths(posts: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond u64 becomes its end"
    )]
    let whole = (posts * 1e3).round() as u64;
    whole
}

#[cfg(test)]
mod tests;
