//! Reads a window of the store into figures. Memory is bounded by ids, not by texts: pages of
//! mentions are read, counted and let go; only the few worth reading are kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::figures::{Digest, Doubted, Line, Matter, Matters, Pick, Volume, Watch};
use crate::domain::digest::Window;
use crate::domain::escalation::{Escalation, State};
use crate::domain::id::{DigestId, EscalationId, MentionId, OwnerId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::notification::{Hold, HoldReason};
use crate::domain::owner::{Owner, Roster};
use crate::domain::sentiment::{Counts, Doubt, Polarity};
use crate::domain::topic::Topic;
use crate::store::{EscalationFilter, MentionFilter, Page, Result, Rows, Store};

/// Rows read at once.
const PAGE: usize = 1_000;
/// Mentions shown at each end.
const PICKS: usize = 5;
/// Escalations that get a line.
const SHOWN: usize = 10;
/// Characters of a mention shown.
const EXCERPT: usize = 240;

/// What a digest is made for.
pub struct Order<'a> {
    /// Which digest.
    pub id: DigestId,
    /// Over which window.
    pub window: Window,
    /// For whom.
    pub reader: &'a Owner,
    /// Everyone.
    pub roster: &'a Roster,
    /// Every topic by name.
    pub topics: &'a BTreeMap<TopicId, Topic>,
    /// Sources that are read; of others only the gaps are told.
    pub sources: &'a BTreeSet<SourceId>,
    /// How readers reach the pages.
    pub public_url: Option<String>,
}

/// Reads the store into the digest that was ordered.
///
/// # Errors
/// Where the store cannot be read.
pub async fn build(store: &dyn Store, order: &Order<'_>) -> Result<Digest> {
    let all_owners = order.reader.id == order.roster.champion().id;
    let window = order.window;
    let before = Window { from: window.from - window.until.duration_since(window.from), until: window.from };
    let mut now = Tally::default();
    let mut earlier = Tally::default();
    mentions(store, order, all_owners, window, &mut now).await?;
    mentions(store, order, all_owners, before, &mut earlier).await?;
    let topics = now.topics.into_iter().map(|(id, volume)| Line {
        name: order.topics.get(&id).map_or_else(|| id.to_string(), |topic| topic.name.clone()),
        before: earlier.topics.get(&id).map(|volume| volume.counts).unwrap_or_default(),
        volume,
        id,
    });
    let owners = now.owners.into_iter().map(|(id, volume)| Line {
        name: order.roster.get(&id).map_or_else(|| id.to_string(), |owner| owner.name.clone()),
        before: earlier.owners.get(&id).map(|volume| volume.counts).unwrap_or_default(),
        volume,
        id,
    });
    Ok(Digest {
        id: order.id.clone(),
        window,
        reader: order.reader.id.clone(),
        reader_name: order.reader.name.clone(),
        all_owners,
        timezone: order.reader.timezone.iana_name().unwrap_or("UTC").to_owned(),
        volume: now.volume,
        unsure: now.unsure.into_iter().map(|(doubt, ids)| Doubted { doubt, ids }).collect(),
        needs_answer: now.needs_answer,
        before: earlier.volume.counts,
        topics: topics.collect(),
        owners: owners.collect(),
        matters: matters(store, order, all_owners, window).await?,
        worst: now.worst.picks,
        best: now.best.picks,
        held: held(store, &order.reader.id, all_owners, window, now.held).await?,
        coverage: coverage(store, window, order.sources).await?,
        public_url: order.public_url.clone(),
    })
}

#[derive(Default)]
struct Tally {
    volume: Volume,
    topics: BTreeMap<TopicId, Volume>,
    owners: BTreeMap<OwnerId, Volume>,
    held: BTreeMap<HoldReason, u64>,
    unsure: BTreeMap<Doubt, Vec<MentionId>>,
    needs_answer: Vec<MentionId>,
    worst: Ranking,
    best: Ranking,
}

impl Tally {
    fn add(&mut self, mention: &RecordedMention) {
        let (id, polarity, said) = (mention.id(), mention.polarity(), mention.correction.is_some());
        self.volume.add(id, polarity, said);
        self.topics.entry(mention.topic().clone()).or_default().add(id, polarity, said);
        self.owners.entry(mention.owner.clone()).or_default().add(id, polarity, said);
        if let Some(doubt) = mention.doubted() {
            self.unsure.entry(doubt).or_default().push(id);
        }
        if mention.wants_answer() == Some(true) {
            self.needs_answer.push(id);
        }
        if let crate::domain::mention::Finding::Held(reason) = mention.finding {
            *self.held.entry(reason).or_default() += 1;
        }
        match polarity {
            _ if mention.erased_at.is_some() => {}
            Polarity::Negative => self.worst.offer(-mention.score(), mention),
            Polarity::Positive => self.best.offer(mention.score(), mention),
            Polarity::Neutral | Polarity::Unsure => {}
        }
    }
}

/// The few mentions with the largest rank.
#[derive(Default)]
struct Ranking {
    ranks: Vec<f32>,
    picks: Vec<Pick>,
}

impl Ranking {
    fn offer(&mut self, rank: f32, mention: &RecordedMention) {
        // A post that speaks of two topics is two mentions and is read once.
        let url = &mention.post().url;
        if url.is_some() && self.picks.iter().any(|pick| pick.url == *url) {
            return;
        }
        let place = self.ranks.partition_point(|other| *other >= rank);
        if place < PICKS {
            self.ranks.insert(place, rank);
            self.picks.insert(place, pick(mention));
            self.ranks.truncate(PICKS);
            self.picks.truncate(PICKS);
        }
    }
}

fn pick(mention: &RecordedMention) -> Pick {
    let post = mention.post();
    let said = match &post.title {
        Some(title) if !post.text.is_empty() => format!("{title}: {}", post.text),
        _ => post.full_text(),
    };
    Pick {
        id: mention.id(),
        topic: mention.topic().clone(),
        url: post.url.clone(),
        site: post.site.clone(),
        author: post.author.clone(),
        excerpt: excerpt(&said, EXCERPT),
        score: mention.score(),
        needs_answer: mention.wants_answer(),
        at: post.created_at.unwrap_or(mention.recorded_at),
    }
}

/// The first `longest` characters on one line, cut at a word where one ends near.
pub fn excerpt(text: &str, longest: usize) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = folded.char_indices().nth(longest) else { return folded };
    let cut = folded[..end].rfind(' ').filter(|at| *at > end / 2).unwrap_or(end);
    format!("{}…", &folded[..cut])
}

async fn mentions(
    store: &dyn Store,
    order: &Order<'_>,
    all_owners: bool,
    window: Window,
    tally: &mut Tally,
) -> Result<()> {
    let owner = (!all_owners).then(|| order.reader.id.clone());
    let filter = MentionFilter { window: Some(window), owner, ..MentionFilter::default() };
    let mut page = Page::first(PAGE);
    loop {
        let Rows { rows, next } = store.mentions(filter.clone(), page.clone()).await?;
        for mention in &rows {
            tally.add(mention);
        }
        match next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn matters(store: &dyn Store, order: &Order<'_>, all_owners: bool, window: Window) -> Result<Matters> {
    let reader = &order.reader.id;
    let mut matters = Matters::default();
    let mut answers: Vec<SignedDuration> = Vec::new();
    let concerns = |escalation: &Escalation| {
        all_owners || escalation.owner == *reader || escalation.accountable == *reader
    };
    let mut seen: BTreeMap<EscalationId, Escalation> = BTreeMap::new();
    let opened = EscalationFilter { window: Some(window), ..EscalationFilter::default() };
    for escalation in escalations(store, opened).await?.into_iter().filter(concerns) {
        matters.opened.push(escalation.id);
        if let Some(answered) = answered_at(&escalation) {
            matters.answered.push(escalation.id);
            answers.push(answered.duration_since(escalation.opened_at));
        }
        if matches!(escalation.state, State::Resolved { .. }) {
            matters.resolved.push(escalation.id);
        }
        seen.insert(escalation.id, escalation);
    }
    let unresolved = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
    for escalation in escalations(store, unresolved).await?.into_iter().filter(concerns) {
        matters.unresolved.push(escalation.id);
        if matches!(escalation.state, State::Expired { .. }) {
            matters.expired.push(escalation.id);
        }
        seen.insert(escalation.id, escalation);
    }
    let mut worth: Vec<&Escalation> = seen.values().collect();
    worth.sort_by_key(|one| Reverse((one.state.is_unresolved(), one.severity, one.opened_at)));
    matters.shown = worth.into_iter().take(SHOWN).map(|one| matter(one, order)).collect();
    answers.sort();
    matters.median_answer = answers.get(answers.len() / 2).copied();
    matters.slowest_answer = answers.last().copied();
    Ok(matters)
}

fn matter(one: &Escalation, order: &Order<'_>) -> Matter {
    let topic = order.topics.get(&one.topic);
    let accountable = order.roster.get(&one.accountable);
    Matter {
        id: one.id,
        topic: one.topic.clone(),
        topic_name: topic.map_or_else(|| one.topic.to_string(), |topic| topic.name.clone()),
        severity: one.severity,
        mentions: one.mentions,
        state: one.state.clone(),
        accountable_name: accountable.map_or_else(|| one.accountable.to_string(), |owner| owner.name.clone()),
        opened_at: one.opened_at,
        answered_after: answered_at(one).map(|at| at.duration_since(one.opened_at)),
    }
}

fn answered_at(escalation: &Escalation) -> Option<Timestamp> {
    let resolved = match &escalation.state {
        State::Resolved { at, .. } => Some(*at),
        _ => None,
    };
    [escalation.first_acknowledged_at, resolved].into_iter().flatten().min()
}

async fn escalations(store: &dyn Store, filter: EscalationFilter) -> Result<Vec<Escalation>> {
    let mut all = Vec::new();
    let mut page = Page::first(PAGE);
    loop {
        let Rows { rows, next } = store.escalations(filter.clone(), page.clone()).await?;
        all.extend(rows);
        match next {
            Some(next) => page.after = Some(next),
            None => return Ok(all),
        }
    }
}

async fn held(
    store: &dyn Store,
    reader: &OwnerId,
    all_owners: bool,
    window: Window,
    mut counts: BTreeMap<HoldReason, u64>,
) -> Result<Vec<(HoldReason, u64)>> {
    let mut page = Page::first(PAGE);
    loop {
        let Rows { rows, next } = store.holds(window, page.clone()).await?;
        let concerns = |hold: &&Hold| all_owners || hold.owner.as_ref() == Some(reader);
        // One that opened nothing is counted with its mention already.
        let is_told_by_mention = |hold: &&Hold| hold.mention.is_some() && hold.escalation.is_none();
        for hold in rows.iter().filter(concerns).filter(|hold| !is_told_by_mention(hold)) {
            *counts.entry(hold.reason).or_default() += 1;
        }
        match next {
            Some(next) => page.after = Some(next),
            None => return Ok(counts.into_iter().collect()),
        }
    }
}

async fn coverage(store: &dyn Store, window: Window, read: &BTreeSet<SourceId>) -> Result<Vec<Watch>> {
    let gaps = store.gaps(window).await?;
    let mut coverage: Vec<Watch> = store
        .sources()
        .await?
        .into_iter()
        .map(|state| Watch {
            gaps: gaps.iter().filter(|blind| blind.gap.source == state.id).cloned().collect(),
            behind_since: state.behind_since.filter(|_| read.contains(&state.id)),
            unread: if read.contains(&state.id) { state.unread } else { Vec::new() },
            quiet_since: state.spoke_at.filter(|_| state.told_quiet && read.contains(&state.id)),
            // A source that nobody reads any more is not ill.
            failing_since: state.failing_since.filter(|_| read.contains(&state.id)),
            source: state.id,
            fetched_through: state.fetched_through,
            answered_at: state.answered_at,
            spoke_at: state.spoke_at,
            last_error: state.last_error,
        })
        .filter(|watch: &Watch| read.contains(&watch.source) || !watch.gaps.is_empty())
        .collect();
    coverage.sort_by_key(|watch| (!watch.is_blind(), watch.source.clone()));
    Ok(coverage)
}

/// Counts of a window, added up from its lines: what a reader would do to check us.
pub fn sum<Id>(lines: &[Line<Id>]) -> Counts {
    let mut sum = Counts::default();
    for line in lines {
        sum += line.volume.counts;
    }
    sum
}
