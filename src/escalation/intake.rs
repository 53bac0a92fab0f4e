//! Mentions in, escalations out: grouping, and what a mention does to the matter it joins.
//!
//! One [`Intake`] sees a whole batch, so that forty mentions of one storm open one escalation and
//! write one row. Nothing is read here: the caller tells what the store holds (`know`), takes each
//! mention in order, and writes what `finish` gives in the transaction that records the mentions.
//!
//! * A matter is joined until it is resolved or its window is over: `group_for` after the last
//!   mention that joined, 24 hours after the first. Then the next mention opens a new one, which
//!   takes the group's row.
//! * What joins an open matter is told by its steps. What joins an acknowledged one is told to who
//!   has it, what joins an expired one to the champion: bundled, [`BUNDLE_FOR`](super::BUNDLE_FOR)
//!   after the first; of an urgent matter the first at once and the rest bundled.
//! * A more severe mention begins the walk again, whoever had acknowledged.
//! * A new version of a post stays with the matter it belongs to, and nobody is told of it unless
//!   it is more severe. An edit after the matter was resolved does not open it again, unless it is
//!   more severe: a closing "thanks" must not start the clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::desk::Desk;
use super::draft::{Draft, Scene};
use super::rules::{Fired, Firing};
use super::steps::{begin_walk, bundle, take_step};
use crate::domain::escalation::{Escalation, GroupKey, Severity, State};
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{EscalationId, MentionId, OwnerId, TopicId};
use crate::domain::mention::Finding;
use crate::domain::notification::{Hold, HoldReason, Reason};
use crate::domain::policy::Policy;
use crate::domain::silence::Silence;
use crate::store::{Effects, Open};

/// However long `group_for` is: a matter that is a day old is not the matter of today.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// A mention that is about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its number.
    pub mention: MentionId,
    /// What it speaks of.
    pub topic: &'a TopicId,
    /// Its routed owner.
    pub owner: &'a OwnerId,
    /// What the triggers made of the post's last version, if this is a newer one.
    pub before: Option<&'a Finding>,
}

/// Takes the mentions of one batch.
pub struct Intake<'a> {
    scene: Scene<'a>,
    groups: BTreeMap<GroupKey, EscalationId>,
    known: BTreeMap<EscalationId, Escalation>,
    drafts: BTreeMap<EscalationId, Draft>,
    /// What concerns no escalation.
    aside: Effects,
}

impl<'a> Intake<'a> {
    /// An intake that knows of no escalation yet.
    pub fn new(desk: &'a Desk, silences: &'a [Silence], now: Timestamp) -> Self {
        Self {
            scene: Scene { desk, silences, now },
            groups: BTreeMap::new(),
            known: BTreeMap::new(),
            drafts: BTreeMap::new(),
            aside: Effects::default(),
        }
    }

    /// Tells what the store holds for a group (`Store::group`). For every group that a firing
    /// names, before its mention is taken: an unknown group is taken for a free one, and the store
    /// answers with a conflict if it is not.
    pub fn know(&mut self, group: &GroupKey, holder: Option<Escalation>) {
        if let Some(holder) = holder {
            self.groups.insert(group.clone(), holder.id);
            self.know_own(holder);
        }
    }

    /// Tells of the escalation that the last version of a mention belongs to.
    pub fn know_own(&mut self, escalation: Escalation) {
        self.known.entry(escalation.id).or_insert(escalation);
    }

    /// Takes one mention; what comes of it is part of what `finish` gives.
    pub fn take(&mut self, subject: &Subject<'_>, fired: Fired) -> Finding {
        let before = subject.before.filter(|before| before.escalation().is_some());
        let Some(firing) = fired.fired else {
            if let Some(before) = before {
                return before.clone();
            }
            if fired.faults.is_empty() {
                // Most mentions: the finding says it, and a row for each would say it again.
                return Finding::Held(HoldReason::NoTrigger);
            }
            return self.held(subject, HoldReason::RuleError);
        };
        if let Some(before) = before
            && let Some(finding) = self.edited(subject, before, &firing)
        {
            return finding;
        }
        let desk = self.scene.desk;
        let Some(policy) = desk.policy(subject.topic) else {
            return self.held(subject, HoldReason::NoPolicy);
        };
        let holder = self.groups.get(&firing.group).copied();
        let joins =
            holder.filter(|id| self.current(*id).is_some_and(|known| is_joined(known, self.scene.now)));
        let trigger = firing.trigger.clone();
        match joins {
            Some(id) => {
                self.join(id, subject.mention, &firing);
                Finding::Joined(id, trigger)
            }
            None => {
                let scene = self.scene;
                let group = firing.group.clone();
                let draft = opening(
                    scene,
                    subject.topic,
                    subject.owner,
                    policy,
                    firing,
                    holder,
                    Some(subject.mention),
                );
                let id = draft.now.id;
                self.groups.insert(group, id);
                self.drafts.insert(id, draft);
                Finding::Opened(id, trigger)
            }
        }
    }

    /// Everything that the batch causes.
    pub fn finish(self) -> Effects {
        let mut all = self.aside;
        for draft in self.drafts.into_values() {
            all.merge(draft.finish(self.scene));
        }
        all
    }

    fn current(&self, id: EscalationId) -> Option<&Escalation> {
        self.drafts.get(&id).map(|draft| &draft.now).or_else(|| self.known.get(&id))
    }

    fn draft(&mut self, id: EscalationId) -> Option<&mut Draft> {
        if !self.drafts.contains_key(&id) {
            let draft = Draft::change(self.known.get(&id)?);
            self.drafts.insert(id, draft);
        }
        self.drafts.get_mut(&id)
    }

    /// A newer version of a post that belongs to a matter; none: judge it like a new mention.
    fn edited(&mut self, subject: &Subject<'_>, before: &Finding, firing: &Firing) -> Option<Finding> {
        let id = before.escalation()?;
        let worse = self.current(id).filter(|known| firing.severity > known.severity);
        match worse.map(|known| known.state.is_unresolved()) {
            None => {
                self.no(subject, HoldReason::AlreadyTold, Some(id));
                Some(before.clone())
            }
            Some(true) => {
                let scene = self.scene;
                worsen(self.draft(id)?, scene, firing);
                Some(before.clone())
            }
            Some(false) => None,
        }
    }

    fn join(&mut self, id: EscalationId, mention: MentionId, firing: &Firing) {
        let scene = self.scene;
        let Some(draft) = self.draft(id) else { return };
        draft.now.mentions = draft.now.mentions.saturating_add(1);
        draft.now.joined_at = draft.now.joined_at.max(scene.now);
        draft.join(mention);
        draft.event(scene.now, Actor::Daemon, Some(mention), What::Joined);
        if firing.severity > draft.now.severity {
            worsen(draft, scene, firing);
            return;
        }
        if draft.now.state == State::Open {
            return;
        }
        let begins = draft.now.bundle_due.is_none();
        if begins {
            draft.now.untold = 0;
        }
        let at_once = draft.now.severity == Severity::Urgent && begins;
        draft.now.bundle_due.get_or_insert(bundle(scene.now));
        if at_once {
            let accountable = draft.now.accountable.clone();
            draft.tell(&accountable, Reason::Joined);
        } else {
            draft.now.untold = draft.now.untold.saturating_add(1);
        }
    }

    fn held(&mut self, subject: &Subject<'_>, reason: HoldReason) -> Finding {
        self.no(subject, reason, None);
        Finding::Held(reason)
    }

    fn no(&mut self, subject: &Subject<'_>, reason: HoldReason, escalation: Option<EscalationId>) {
        let at = self.scene.now;
        let mention = Some(subject.mention);
        let owner = Some(subject.owner.clone());
        self.aside.holds.push(Hold { at, reason, until: None, mention, escalation, owner, silence: None });
        let what = What::Held { reason };
        self.aside.events.push(Event { at, by: Actor::Daemon, escalation, mention, what });
    }
}

/// Whether a mention still joins at `now`.
fn is_joined(escalation: &Escalation, now: Timestamp) -> bool {
    let after = |from: Timestamp, length| from.checked_add(length).unwrap_or(Timestamp::MAX);
    escalation.state.is_unresolved()
        && now <= after(escalation.joined_at, escalation.group_for)
        && now <= after(escalation.opened_at, LONGEST_WINDOW)
}

/// A more severe mention came: the steps begin again, and whoever had it hears why.
fn worsen(draft: &mut Draft, scene: Scene<'_>, firing: &Firing) {
    draft.now.severity = firing.severity;
    draft.now.trigger = firing.trigger.clone();
    draft.now.why.clone_from(&firing.why);
    draft.now.group_for = firing.group_for;
    if let State::Acknowledged { by, .. } = &draft.now.state {
        let by = by.clone();
        draft.tell(&by, Reason::Worse);
    }
    begin_walk(&mut draft.now);
    // What grew within the batch that opened it is news to everybody, not worse than before.
    let fresh = draft.now.seen == 1;
    take_step(draft, scene, if fresh { Reason::Accountable } else { Reason::Worse });
}

/// Opens an escalation and takes its first step.
pub(super) fn opening(
    scene: Scene<'_>,
    topic: &TopicId,
    owner: &OwnerId,
    policy: &Policy,
    firing: Firing,
    instead_of: Option<EscalationId>,
    mention: Option<MentionId>,
) -> Draft {
    let now = scene.now;
    let id = EscalationId::new(now);
    let owner = scene.desk.roster.owner(owner).id.clone();
    let within = policy.resolve_within;
    let escalation = Escalation {
        id,
        seen: 1,
        topic: topic.clone(),
        group: firing.group.clone(),
        trigger: firing.trigger,
        why: firing.why,
        severity: firing.severity,
        policy: policy.clone(),
        accountable: owner.clone(),
        owner,
        state: State::Open,
        opened_at: now,
        joined_at: now,
        group_for: firing.group_for,
        mentions: u64::from(mention.is_some()),
        untold: 0,
        round: 0,
        taken: 0,
        step_due: None,
        bundle_due: None,
        overdue_at: (within > SignedDuration::ZERO)
            .then(|| now.checked_add(within).unwrap_or(Timestamp::MAX)),
        first_acknowledged_at: None,
        notified: 0,
    };
    let mut draft = Draft::open(escalation, Open { group: firing.group, by: id, instead_of });
    if let Some(mention) = mention {
        draft.join(mention);
    }
    take_step(&mut draft, scene, Reason::Accountable);
    draft.opened(now, mention);
    draft
}
