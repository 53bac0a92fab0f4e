//! What must hold once everything is drained, read from the store itself, from the copy of the
//! accountability record and from what the fakes were given.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use earmark::domain::escalation::Escalation;
use earmark::domain::event::{ChainedEvent, What};
use earmark::domain::id::InstanceId;
use earmark::domain::mention::RecordedMention;
use earmark::domain::notification::{About, Delivery, Notification, Reason};
use earmark::runtime::stop::Stop;
use earmark::store::SledStore;
use earmark::store::{Row, Store, chain};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::posts::Post;
use super::world::World;

const OWNERS: [&str; 6] = ["cco", "ops", "north", "south", "east", "west"];

/// What was found where nothing was wrong.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub mentions: usize,
    pub escalations: usize,
    pub steps: usize,
    pub sent: usize,
    pub refused: usize,
    pub duplicates: usize,
    pub interrupted: Option<usize>,
    pub instances: usize,
    pub torn: usize,
}

impl std::ops::AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.mentions += other.mentions;
        self.escalations += other.escalations;
        self.steps += other.steps;
        self.sent += other.sent;
        self.refused += other.refused;
        self.duplicates += other.duplicates;
        self.interrupted = self.interrupted.zip(other.interrupted).map(|(a, b)| a + b);
        self.instances += other.instances;
        self.torn += other.torn;
    }
}

#[derive(Default)]
struct Kept {
    mentions: Vec<RecordedMention>,
    escalations: Vec<Escalation>,
    notifications: Vec<Notification>,
    events: Vec<ChainedEvent>,
    inbox: usize,
    faults: Vec<String>,
}

/// Every fault of a drained world. `interrupted`: attempts begun and not finished at kills; none
/// where that was not counted, then each key answers for itself.
pub fn check(runtime: &Handle, world: &World, interrupted: Option<usize>) -> Result<Found, String> {
    let kept = runtime.block_on(read(&world.store()));
    let mut faults: Vec<String> = kept.faults.iter().map(|fault| format!("store verify: {fault}")).collect();
    if kept.inbox > 0 {
        faults.push(format!("{} posts still lie in the inbox", kept.inbox));
    }
    posts(world, &kept, &mut faults);
    owners(&kept, &mut faults);
    let mut found = Found {
        mentions: kept.mentions.len(),
        escalations: kept.escalations.len(),
        interrupted,
        ..Found::default()
    };
    deliveries(world, &kept, interrupted, &mut found, &mut faults);
    steps(&kept, &mut found, &mut faults);
    record(&world.store(), &kept, &mut found, &mut faults);
    if faults.is_empty() { Ok(found) } else { Err(faults.join("\n")) }
}

async fn read(path: &Path) -> Kept {
    let me = InstanceId::new(Timestamp::now());
    let store =
        SledStore::open(path, me, Duration::from_secs(10), &Stop::new()).await.expect("the store opens");
    let mut kept = Kept { faults: store.verify().await.expect("it can be read").faults, ..Kept::default() };
    let mut after = None;
    loop {
        let page = store.rows(after, 1_000).await.expect("it can be read");
        for row in page.rows {
            match row {
                Row::Mention(row) => kept.mentions.push(row),
                Row::Escalation(row) => kept.escalations.push(row),
                Row::Notification(row) => kept.notifications.push(row),
                Row::Event(row) => kept.events.push(row),
                Row::Inbox(..) => kept.inbox += 1,
                _ => {}
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    store.close().await.expect("it closes");
    kept
}

/// Every post is there, once.
fn posts(world: &World, kept: &Kept, faults: &mut Vec<String>) {
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    for mention in &kept.mentions {
        match Post::number_in(&mention.post().text) {
            Some(number) => *times.entry(number).or_default() += 1,
            None => faults.push(format!("the mention {} is of no post of ours", mention.id())),
        }
        if mention.revision != 1 {
            faults.push(format!("the mention {} has {} versions", mention.id(), mention.revision));
        }
    }
    let lost: Vec<usize> = (0..world.posts.count()).filter(|number| !times.contains_key(number)).collect();
    let twice: Vec<usize> =
        times.iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect();
    if !lost.is_empty() {
        faults.push(format!("{} posts are lost: {lost:?}", lost.len()));
    }
    if !twice.is_empty() {
        faults.push(format!("{} posts are stored more than once: {twice:?}", twice.len()));
    }
}

/// Everything is answered for by somebody who is there.
fn owners(kept: &Kept, faults: &mut Vec<String>) {
    for mention in kept.mentions.iter().filter(|mention| !OWNERS.contains(&mention.owner.as_str())) {
        faults.push(format!("nobody owns the mention {}", mention.id()));
    }
    for row in &kept.escalations {
        if !OWNERS.contains(&row.accountable.as_str()) {
            faults.push(format!("nobody answers for the escalation {}", row.id));
        }
        if row.state.as_str() != "expired" {
            faults.push(format!(
                "the escalation {} is {} though all steps were due",
                row.id,
                row.state.as_str()
            ));
        }
    }
}

/// What was sent arrived, each with one key, and hardly ever twice.
fn deliveries(
    world: &World,
    kept: &Kept,
    interrupted: Option<usize>,
    found: &mut Found,
    faults: &mut Vec<String>,
) {
    let (taken, torn) = world.taken();
    found.torn = torn;
    let rows: HashMap<&str, &Notification> =
        kept.notifications.iter().map(|row| (row.key.as_str(), row)).collect();
    if rows.len() != kept.notifications.len() {
        faults.push("two messages bear one key".into());
    }
    for key in taken.keys().filter(|key| !rows.contains_key(key.as_str())) {
        faults.push(format!("something was sent with the key {key}, which is not in the outbox"));
    }
    for row in &kept.notifications {
        let times = taken.get(&row.key).copied().unwrap_or(0);
        match &row.delivery {
            Delivery::Sent { .. } if times == 0 => {
                faults.push(format!("{} over {} is held for sent and never arrived", row.id, row.channel));
            }
            Delivery::Sent { .. } => found.sent += 1,
            Delivery::Failed { .. } => found.refused += 1,
            Delivery::Dropped { .. } => {}
            Delivery::Queued | Delivery::Leased { .. } => {
                faults.push(format!("{} over {} still waits: {:?}", row.id, row.channel, row.delivery));
            }
        }
        if times > usize::try_from(row.attempts).unwrap_or(usize::MAX) {
            faults.push(format!("{} arrived {times} times at {} attempts begun", row.id, row.attempts));
        }
        found.duplicates += times.saturating_sub(1);
    }
    if interrupted.is_some_and(|most| found.duplicates > most) {
        faults.push(format!(
            "{} messages arrived again, at {interrupted:?} attempts begun and not finished at a kill",
            found.duplicates
        ));
    }
}

/// Every step was taken once, and whom it made accountable was told, or refused on every way.
fn steps(kept: &Kept, found: &mut Found, faults: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for entry in &kept.events {
        let (Some(id), What::Stepped { round, step, accountable }) =
            (entry.event.escalation, &entry.event.what)
        else {
            continue;
        };
        found.steps += 1;
        if !seen.insert((id, *round, *step)) {
            faults.push(format!("step {step} of round {round} of {id} was taken twice"));
        }
        let mut told = kept.notifications.iter().filter(|row| {
            row.about == About::Escalation(id)
                && row.owner == *accountable
                && row.reason == Reason::Accountable
        });
        let mut rows = told.clone().peekable();
        let none = rows.peek().is_none();
        let refused = rows.all(|row| matches!(row.delivery, Delivery::Failed { .. }));
        if none || !(refused || told.any(|row| matches!(row.delivery, Delivery::Sent { .. }))) {
            faults.push(format!("{accountable} was not told of step {step} of {id}"));
        }
    }
    for row in &kept.escalations {
        if (0..2).any(|step| !seen.contains(&(row.id, 0, step))) {
            faults.push(format!("the escalation {} skipped a step", row.id));
        }
    }
}

/// The chained record holds, and its copy in the file is whole up to the last life.
fn record(store: &Path, kept: &Kept, found: &mut Found, faults: &mut Vec<String>) {
    // None where every entry is of the last life, see below.
    let text = std::fs::read_to_string(store.join("audit.jsonl")).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push("the copy of the record ends inside a line".into());
    }
    let mut ends: HashMap<InstanceId, chain::Link> = HashMap::new();
    let mut copied: BTreeSet<(InstanceId, u64)> = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let Ok(entry) = serde_json::from_str::<ChainedEvent>(line) else {
            faults.push(format!("line {} of the copy of the record is torn", number + 1));
            continue;
        };
        let end = ends.entry(entry.instance).or_insert_with(chain::Link::start);
        faults.extend(end.check(&entry).map(|fault| format!("copy of the record: {fault}")));
        if !copied.insert((entry.instance, entry.sequence)) {
            faults.push(format!("line {} of the copy of the record is there twice", number + 1));
        }
    }
    let instances: BTreeSet<InstanceId> = kept.events.iter().map(|entry| entry.instance).collect();
    found.instances = instances.len();
    // The last life copies what it wrote within a minute; it was stopped before.
    let last = instances.last().copied();
    let missing = kept
        .events
        .iter()
        .filter(|entry| Some(entry.instance) != last && !copied.contains(&(entry.instance, entry.sequence)))
        .count();
    if missing > 0 {
        faults.push(format!("{missing} entries of earlier lives are missing from the copy of the record"));
    }
    if kept.events.len() < copied.len() {
        faults.push("the copy of the record holds what the store does not".into());
    }
}
