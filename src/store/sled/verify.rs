//! The check of the whole: every row can be read, every index points at a row and every row
//! stands in its indexes, groups and joins name what is there, the chain of events holds.

use super::keys::{Key, Sort, to_place};
use super::rows::{escalation_key, mention_key, notification_key, post_key};
use super::txn::{Pair, Txn};
use crate::domain::id::{EscalationId, MentionId, NotificationId};
use crate::store::chain::Link;
use crate::store::{Result, Row, Verified, is_nameless};

/// Faults that are told one by one; a store with more is lost anyway.
const TOLD: usize = 200;

/// Pairs read at once.
const STRIDE: usize = 1_000;

#[derive(Default)]
struct Check {
    rows: u64,
    faults: Vec<String>,
    untold: u64,
    chain: Option<(crate::domain::id::InstanceId, Link)>,
}

impl Check {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < TOLD {
            self.faults.push(fault);
        } else {
            self.untold += 1;
        }
    }
}

impl Txn<'_> {
    pub fn verify(&self) -> Result<Verified> {
        let mut check = Check::default();
        let mut from = Key::of(Sort::FIRST_ROW);
        let end = Key(vec![0xFF]);
        loop {
            let pairs = self.scan(&from, &end, false, STRIDE)?;
            let Some((last, _)) = pairs.last() else { break };
            from = Key(last.clone()).next();
            for pair in &pairs {
                check.rows += 1;
                if pair.0[0] <= Sort::LAST_ROW {
                    match self.row(pair) {
                        Ok(row) => self.verify_row(row, &mut check)?,
                        Err(error) => check.fault(format!("at {}: {error}", to_place(&pair.0))),
                    }
                } else {
                    self.verify_index(pair, &mut check)?;
                }
            }
        }
        if check.untold > 0 {
            check.faults.push(format!("and {} more", check.untold));
        }
        Ok(Verified { rows: check.rows, faults: check.faults })
    }

    fn verify_row(&self, row: Row, check: &mut Check) -> Result<()> {
        match row {
            Row::Mention(row) => {
                let (id, at, post) = (row.id(), row.recorded_at, row.post());
                let topic = row.topic().as_str();
                let by_time = Key::of(Sort::MentionByTime).time(at).id(id.as_bytes());
                let by_topic = Key::of(Sort::MentionByTopic).text(topic).time(at).id(id.as_bytes());
                if !self.has(&by_time)? || !self.has(&by_topic)? {
                    check.fault(format!("the mention {id} is missing from an index by time"));
                }
                let of_post: Option<MentionId> = self.get(&post_key(&post.source, &post.id).text(topic))?;
                let is_nameless = row.erased_at.is_some() && is_nameless(&post.id);
                if of_post != Some(id) && !is_nameless {
                    check.fault(format!("the mention {id} is not the one its post names for {topic}"));
                }
            }
            Row::Escalation(row) => {
                if let Some(due) = row.due()
                    && !self.has(&Key::of(Sort::Due).time(due).id(row.id.as_bytes()))?
                {
                    check.fault(format!("the escalation {} is missing from the timers", row.id));
                }
            }
            Row::Notification(row) => {
                if let Some(at) = crate::store::ready(&row)
                    && !self.has(&Key::of(Sort::Ready).time(at).id(row.id.as_bytes()))?
                {
                    check.fault(format!("the notification {} is missing from the outbox index", row.id));
                }
            }
            Row::Group(group, id) if !self.has(&escalation_key(id))? => {
                check.fault(format!("the group {:?} names the escalation {id}, which is not there", group.0))
            }
            Row::Join(escalation, mention) => {
                if !self.has(&mention_key(mention))? {
                    check.fault(format!(
                        "the mention {mention} joined the escalation {escalation}, but is not there"
                    ));
                }
                if !self.has(&escalation_key(escalation))? {
                    check.fault(format!(
                        "the mention {mention} joined the escalation {escalation}, which is not there"
                    ));
                }
            }
            Row::Event(entry) => {
                let mut end = match check.chain.take() {
                    Some((instance, end)) if instance == entry.instance => end,
                    _ => Link::start(),
                };
                if let Some(fault) = end.check(&entry) {
                    check.fault(fault);
                }
                check.chain = Some((entry.instance, end));
            }
            _ => {}
        }
        Ok(())
    }

    fn verify_index(&self, (key, _): &Pair, check: &mut Check) -> Result<()> {
        let of = |sort: Sort| key[0] == sort as u8;
        let Some(id) = key.last_chunk().copied().map(uuid::Uuid::from_bytes) else { return Ok(()) };
        let to_text = [Sort::Text, Sort::Lead, Sort::Recheck, Sort::RecheckDue];
        if to_text.into_iter().any(of) {
            let mention = self.mention(MentionId(id))?;
            if mention.is_none_or(|mention| mention.erased_at.is_some()) {
                check.fault(format!("an index leads to the text of the mention {id}, which is gone"));
            }
            return Ok(());
        }
        let to_mention = [Sort::MentionByTime, Sort::MentionByTopic, Sort::MentionByEscalation];
        let to_escalation = [Sort::EscalationByTime, Sort::Unresolved, Sort::Due];
        let to_notification = [Sort::NotificationByTime, Sort::NotificationByEscalation, Sort::Ready];
        let (found, what) = if to_mention.into_iter().any(of) {
            (self.has(&mention_key(MentionId(id)))?, "mention")
        } else if to_escalation.into_iter().any(of) {
            (self.has(&escalation_key(EscalationId(id)))?, "escalation")
        } else if to_notification.into_iter().any(of) {
            (self.has(&notification_key(NotificationId(id)))?, "notification")
        } else if of(Sort::LinkByTime) {
            (self.has(&Key::of(Sort::Link).id(id.as_bytes()))?, "link")
        } else {
            return Ok(());
        };
        if !found {
            check.fault(format!("an index names the {what} {id}, which is not there"));
        }
        Ok(())
    }
}
