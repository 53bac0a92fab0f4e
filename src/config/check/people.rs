//! Who answers and how they are reached: owners, channels, digests.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::{Check, Seen};
use crate::config::raw::{RawDigest, RawOwner};
use crate::domain::channel::ChannelSettings;
use crate::domain::digest::DigestPlan;
use crate::domain::hours::WorkingHours;
use crate::domain::id::OwnerId;
use crate::domain::owner::{Absence, Owner, Roster};

/// Words that a policy's `tell` uses for somebody else.
const ROLES: [&str; 3] = ["owner", "deputy", "champion"];

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Check<'_> {
    pub(super) fn roster(&self) -> Option<Roster> {
        let mut seen = Seen::default();
        let owners: Vec<Owner> =
            self.raw.owners.iter().filter_map(|raw| self.owner(raw, &mut seen)).collect();
        self.users();
        self.circles();
        let champion = self.refer("owner", &self.raw.champion, &self.names.owners);
        let operator = self.refer("owner", &self.raw.operator, &self.names.owners);
        // Without a champion there is a fault, and nothing starts. Somebody stands in all the same,
        // so that the stages can say what they find wrong in the same list.
        let champion = champion.or_else(|| owners.first().map(|owner| owner.id.clone()))?;
        Roster::new(owners, champion, operator)
    }

    fn owner(&self, raw: &RawOwner, seen: &mut Seen) -> Option<Owner> {
        let id: OwnerId = self.id("an owner", &raw.id, seen)?;
        if let Some(said) = raw.id.as_ref().filter(|said| ROLES.contains(&said.value.as_str())) {
            self.book.push(
                said.at
                    .fault(format!("{:?} is a word of policies, for whoever plays that part", said.value))
                    .remedy("give the owner another id"),
            );
        }
        self.no_doubles(&raw.channels);
        let deputy: Option<OwnerId> = self.refer("owner", &raw.deputy, &self.names.owners);
        if let (Some(said), true) = (&raw.deputy, deputy.as_ref() == Some(&id)) {
            self.book.push(
                said.at
                    .fault("an owner cannot stand in for itself")
                    .remedy("leave it out: then the champion stands in"),
            );
        }
        let channels = raw.channels.iter().flat_map(|list| &list.value);
        Some(Owner {
            name: raw.name.as_ref().map_or_else(|| id.to_string(), |said| said.value.clone()),
            timezone: self.zone(&raw.timezone).unwrap_or(TimeZone::UTC),
            hours: self.hours(raw),
            channels: channels.filter_map(|said| self.name("channel", said, &self.names.channels)).collect(),
            deputy,
            users: raw.users.iter().flat_map(|list| &list.value).map(|said| said.value.clone()).collect(),
            absent: self.absences(raw),
            id,
        })
    }

    fn hours(&self, raw: &RawOwner) -> Option<WorkingHours> {
        let list = raw.hours.as_ref()?;
        if list.value.is_empty() {
            self.book.push(
                list.at
                    .fault("is empty: this owner would never be told")
                    .remedy("leave it out for: at any time"),
            );
            return None;
        }
        // Each line by itself first, so that every wrong one is named with its own place.
        let mut good = true;
        for said in &list.value {
            if let Err(what) = WorkingHours::parse(std::slice::from_ref(&said.value)) {
                self.book.push(said.at.fault(what));
                good = false;
            }
        }
        let lines: Vec<String> = list.value.iter().map(|said| said.value.clone()).collect();
        match WorkingHours::parse(&lines) {
            Ok(hours) => Some(hours),
            Err(what) => {
                if good {
                    self.book.push(list.at.fault(what));
                }
                None
            }
        }
    }

    fn absences(&self, raw: &RawOwner) -> Vec<Absence> {
        let date = |said: &super::Text| -> Option<Date> {
            let said = said.as_ref()?;
            let date = said.value.parse().ok();
            if date.is_none() {
                let what = format!("{:?} is no day", said.value);
                self.book.push(said.at.fault(what).remedy("write year, month and day, as \"2026-12-24\""));
            }
            date
        };
        let mut absences = Vec::new();
        for absence in &raw.absent {
            let (Some(from), Some(to)) = (date(&absence.from), date(&absence.to)) else { continue };
            if to < from {
                self.book.push(
                    absence
                        .at
                        .fault(format!("ends on {to}, before it begins on {from}"))
                        .remedy("swap the two"),
                );
            }
            absences.push(Absence { from, to });
        }
        absences
    }

    /// A local account acts as one owner.
    fn users(&self) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for owner in &self.raw.owners {
            let Some(id) = &owner.id else { continue };
            for user in owner.users.iter().flat_map(|list| &list.value) {
                if user.value.is_empty() {
                    self.book.push(user.at.fault("is empty").remedy("write the name of a local account"));
                }
                if let Some((_, first)) = seen.iter().find(|(name, _)| *name == user.value) {
                    self.book.push(
                        user.at
                            .fault(format!("the account {:?} acts as {first:?} already", user.value))
                            .remedy("leave it with one of them"),
                    );
                }
                seen.push((&user.value, &id.value));
            }
        }
    }

    /// Two who stand in for each other are common and work: with both away the champion answers.
    /// Worth a word all the same, once a circle.
    fn circles(&self) {
        let deputy_of = |id: &str| {
            let owner =
                self.raw.owners.iter().find(|raw| raw.id.as_ref().is_some_and(|said| said.value == id))?;
            owner.deputy.as_ref().map(|said| (said.value.as_str(), &said.at))
        };
        for start in &self.names.owners {
            let mut round = vec![*start];
            while let Some((next, at)) = deputy_of(round[round.len() - 1]) {
                if next == *start {
                    if round.len() > 1 && round.iter().all(|id| id >= start) {
                        let all = round.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
                        self.book.push(
                            at.fault(format!("{all} stand in for each other in a circle"))
                                .remedy("when all of them are away, the champion answers")
                                .warning(),
                        );
                    }
                    break;
                }
                if round.contains(&next) {
                    break;
                }
                round.push(next);
            }
        }
    }

    pub(super) fn channels(&self) -> Vec<ChannelSettings> {
        let mut seen = Seen::default();
        let channels = self.raw.channels.iter().filter_map(|raw| {
            let id = self.id("a channel", &raw.id, &mut seen)?;
            let mut params = raw.params.clone();
            self.resolve_secrets(&mut params);
            Some(ChannelSettings { id, kind: raw.kind.as_ref()?.value.clone(), params })
        });
        channels.collect()
    }

    pub(super) fn digests(&self) -> Vec<DigestPlan> {
        let mut seen = Seen::default();
        self.raw.digests.iter().filter_map(|raw| self.digest(raw, &mut seen)).collect()
    }

    fn digest(&self, raw: &RawDigest, seen: &mut Seen) -> Option<DigestPlan> {
        let id = self.id("a digest", &raw.id, seen);
        self.no_doubles(&raw.to);
        self.no_doubles(&raw.days);
        let readers = raw.to.iter().flat_map(|list| &list.value);
        let to: Vec<OwnerId> =
            readers.filter_map(|said| self.name("owner", said, &self.names.owners)).collect();
        if let Some(list) = raw.to.as_ref().filter(|list| list.value.is_empty()) {
            self.book.push(
                list.at.fault("names nobody").remedy("name the owners who read it, as to = [\"care\"]"),
            );
        }
        let days = match &raw.days {
            None => DAYS.map(|(_, day)| day).to_vec(),
            Some(list) => {
                if list.value.is_empty() {
                    self.book.push(list.at.fault("is empty").remedy("leave it out for: every day"));
                }
                list.value.iter().filter_map(|said| self.word("day", said, &DAYS)).collect()
            }
        };
        let timezone = self.zone(&raw.timezone).or_else(|| {
            let first = to.first()?;
            let reader = self
                .raw
                .owners
                .iter()
                .find(|raw| raw.id.as_ref().is_some_and(|id| id.value == first.as_str()))?;
            TimeZone::get(&reader.timezone.as_ref()?.value).ok()
        });
        Some(DigestPlan {
            id: id?,
            to,
            at: self.time(raw)?,
            days,
            timezone: timezone.unwrap_or(TimeZone::UTC),
        })
    }

    fn time(&self, raw: &RawDigest) -> Option<Time> {
        let Some(said) = &raw.time else { return Some(Time::constant(8, 0, 0, 0)) };
        let time = Time::strptime("%H:%M", &said.value).ok();
        if time.is_none() {
            let what = format!("{:?} is no time of day", said.value);
            self.book.push(said.at.fault(what).remedy("write hours and minutes, as \"08:00\""));
        }
        time
    }
}
