//! Owners: who answers for a topic, who stands in, and the champion who answers for everything
//! else. [`Roster`] is where "exactly one accountable owner at every instant" is decided.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::hours::WorkingHours;
use super::id::{ChannelId, OwnerId};

/// A span of days on which an owner is away, first and last day included, in the owner's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// First day away.
    pub from: Date,
    /// Last day away.
    pub to: Date,
}

/// A person or team answerable for a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// Its name in the configuration.
    pub id: OwnerId,
    /// Its name for readers.
    pub name: String,
    /// Zone of its hours, its absences, and the times it reads.
    pub timezone: TimeZone,
    /// When it works; without, always.
    pub hours: Option<WorkingHours>,
    /// Where to reach it, in this order.
    pub channels: Vec<ChannelId>,
    /// Who stands in; else the champion.
    pub deputy: Option<OwnerId>,
    /// Local accounts that act as this owner over the socket.
    pub users: Vec<String>,
    /// When it is away.
    pub absent: Vec<Absence>,
}

impl Owner {
    /// Whether it is away at `now`.
    pub fn is_absent(&self, now: Timestamp) -> bool {
        let today = now.to_zoned(self.timezone.clone()).date();
        self.absent.iter().any(|absence| absence.from <= today && today <= absence.to)
    }
}

/// Everyone who can answer. Built by the configuration's check, which sees to it that the
/// champion is among the owners.
#[derive(Debug, Clone, PartialEq)]
pub struct Roster {
    owners: BTreeMap<OwnerId, Owner>,
    champion: OwnerId,
    operator: OwnerId,
}

impl Roster {
    /// A roster; none when the champion is not among the owners. Without an operator the
    /// champion hears of sick sources too.
    pub fn new(owners: Vec<Owner>, champion: OwnerId, operator: Option<OwnerId>) -> Option<Self> {
        let owners: BTreeMap<_, _> = owners.into_iter().map(|owner| (owner.id.clone(), owner)).collect();
        let operator = operator.filter(|id| owners.contains_key(id)).unwrap_or_else(|| champion.clone());
        owners.contains_key(&champion).then_some(Self { owners, champion, operator })
    }

    /// Everyone, by name.
    pub fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.owners.values()
    }

    /// Who answers for what nobody else does.
    pub fn champion(&self) -> &Owner {
        &self.owners[&self.champion]
    }

    /// Who hears of sick sources, queues and disk.
    pub fn operator(&self) -> &Owner {
        &self.owners[&self.operator]
    }

    /// The owner of that name, if there still is one.
    pub fn get(&self, id: &OwnerId) -> Option<&Owner> {
        self.owners.get(id)
    }

    /// The owner of that name; the champion when a reload took it away.
    pub fn owner(&self, id: &OwnerId) -> &Owner {
        self.get(id).unwrap_or_else(|| self.champion())
    }

    /// Who stands in for `id`: its deputy, else the champion.
    pub fn deputy_of(&self, id: &OwnerId) -> &Owner {
        self.get(id)
            .and_then(|owner| owner.deputy.as_ref())
            .and_then(|deputy| self.get(deputy))
            .unwrap_or_else(|| self.champion())
    }

    /// `id` if present at `now`, else its deputy if present, else the champion, present or not.
    pub fn present(&self, id: &OwnerId, now: Timestamp) -> &Owner {
        let owner = self.owner(id);
        if !owner.is_absent(now) {
            return owner;
        }
        let deputy = self.deputy_of(id);
        if deputy.is_absent(now) { self.champion() } else { deputy }
    }

    /// The owner that a local account acts as.
    pub fn of_user(&self, user: &str) -> Option<&Owner> {
        self.owners.values().find(|owner| owner.users.iter().any(|name| name == user))
    }
}
