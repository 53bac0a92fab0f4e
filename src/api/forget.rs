//! Forgetting on request: what an author wrote, what stands at an address, one mention. Says what it did and
//! what it cannot reach.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::{Api, ApiError, Result};
use crate::domain::erasure::{ErasedFor, Whose};
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{EscalationId, MentionId, OwnerId, SourceId};
use crate::domain::notification::Delivery;
use crate::domain::post::Post;
use crate::source::{self, recheck};
use crate::store::{Effects, Forgetting, NotificationFilter, Page};
use crate::telemetry::metrics;

/// Mentions erased at once.
const PORTION: usize = 200;
/// A queue is counted this far.
const COUNTED: usize = 10_000;

/// What shall be forgotten: an author, an address, or a mention.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForgetAsk {
    /// Name or handle.
    pub author: Option<String>,
    /// Only at this site; with `author`.
    pub site: Option<String>,
    /// Where it stands.
    pub url: Option<String>,
    /// Which mention.
    pub id: Option<MentionId>,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Nothing was done.
    pub dry_run: bool,
    /// Mentions whose text, author and links went.
    pub mentions: u64,
    /// Posts that went before they were taken in.
    pub inbox: u64,
    /// Messages about their matters that wait to be sent; they will quote nothing of it.
    pub queued: u64,
    /// Messages about their matters that have left, by kind of channel.
    pub sent: BTreeMap<String, u64>,
    /// Whether what comes later under this name or address is kept out.
    pub kept_out: bool,
    /// What is out of reach, in sentences.
    pub out_of_reach: Vec<String>,
}

/// A source's queue of posts to be asked for anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rechecks {
    /// Which.
    pub source: SourceId,
    /// Due, and not asked for yet; counted up to 10,000.
    pub waiting: usize,
    /// Later than the place's terms allow; counted likewise.
    pub overdue: usize,
}

impl Api {
    /// Forgets, for good, and keeps out what would come again.
    ///
    /// # Errors
    /// Where the caller may not, or it is not clear what is meant.
    pub async fn forget(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        ask: ForgetAsk,
    ) -> Result<Forgotten> {
        let by = self.may_forget(caller, wanted)?;
        let whose = whose(&ask)?;
        if let Whose::Mention(id) = &whose
            && self.store.mention(*id).await?.is_none()
        {
            return Err(ApiError::NotFound { what: "mention", id: id.to_string() });
        }
        let mut said = self.reckon(&whose).await?;
        said.dry_run = ask.dry_run;
        said.out_of_reach = out_of_reach(&said);
        if ask.dry_run {
            said.inbox = self.waiting_copies(&whose).await?;
            return Ok(said);
        }
        let now = self.clock.now();
        let forgetting = Forgetting {
            whose: vec![whose],
            reason: ErasedFor::Request,
            by: Actor::Owner(by.clone()),
            at: now,
            keep_out: true,
            limit: PORTION,
        };
        // Another may have been recorded since it was reckoned, so what was done is what counts.
        (said.mentions, said.inbox, said.kept_out) = (0, 0, true);
        loop {
            let done = self.store.forget(forgetting.clone()).await?;
            said.mentions += done.mentions;
            said.inbox += done.inbox;
            if !done.more {
                break;
            }
        }
        let what = What::Forgot {
            mentions: said.mentions,
            inbox: said.inbox,
            queued: said.queued,
            sent: said.sent.values().sum(),
        };
        let event = Event { at: now, by: Actor::Owner(by), escalation: None, mention: None, what };
        // An event alone conflicts with nothing.
        let _ = self.store.step(Effects { events: vec![event], ..Effects::default() }).await?;
        tracing::info!(mentions = said.mentions, "{} mentions were forgotten on request", said.mentions);
        Ok(said)
    }

    /// It is done to everybody's mentions and cannot be undone, so it is the champion's, or the operator's.
    fn may_forget(&self, caller: &Caller, wanted: Option<&OwnerId>) -> Result<OwnerId> {
        let desk = self.desk.load();
        let (champion, operator) = (&desk.roster.champion().id, &desk.roster.operator().id);
        match caller.acts_as(&desk, wanted)? {
            Actor::Owner(by) if by == *champion || by == *operator => Ok(by),
            _ => Err(ApiError::Forbidden(format!(
                "what is forgotten is gone for everybody, so it is for {champion} or {operator}; add --as"
            ))),
        }
    }

    /// How many mentions bear these words, and which messages tell of them.
    async fn reckon(&self, whose: &Whose) -> Result<Forgotten> {
        let mut said = Forgotten::default();
        let mut matters: BTreeSet<EscalationId> = BTreeSet::new();
        let mut page = Page::first(super::list::MOST);
        loop {
            let rows = self.store.written(whose.clone(), page.clone()).await?;
            said.mentions += rows.rows.len() as u64;
            matters.extend(rows.rows.iter().filter_map(|mention| mention.finding.escalation()));
            match rows.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        let ways = self.ways.load();
        for matter in matters {
            let filter = NotificationFilter { escalation: Some(matter), waiting: false };
            let mut page = Page::first(super::list::MOST);
            loop {
                let rows = self.store.notifications(filter.clone(), page.clone()).await?;
                for row in &rows.rows {
                    match row.delivery {
                        Delivery::Sent { .. } => {
                            *said.sent.entry(ways.kind_of(&row.channel).to_owned()).or_default() += 1;
                        }
                        Delivery::Queued | Delivery::Leased { .. } => said.queued += 1,
                        Delivery::Failed { .. } | Delivery::Dropped { .. } => {}
                    }
                }
                match rows.next {
                    Some(next) => page.after = Some(next),
                    None => break,
                }
            }
        }
        Ok(said)
    }

    async fn waiting_copies(&self, whose: &Whose) -> Result<u64> {
        let mut found = 0;
        for source in self.plan.load().sources.keys() {
            let mut after = None;
            loop {
                let rows = self.store.inbox(source.clone(), after, super::list::MOST).await?;
                found += rows.iter().filter(|(_, post)| !post.deleted && whose.fits(post)).count() as u64;
                match rows.last() {
                    Some((last, _)) => after = Some(*last),
                    None => break,
                }
            }
        }
        Ok(found)
    }

    /// Puts posts into the inbox; how many were forgotten before and are left out.
    pub(super) async fn take_in(&self, posts: Vec<Post>) -> Result<u64> {
        let forgotten = self.store.receive(posts).await?;
        if forgotten > 0 {
            metrics::posts_skipped(crate::domain::source::SkipReason::Forgotten.as_str(), forgotten);
        }
        Ok(forgotten)
    }

    /// The queues of posts to be asked for anew, of sources that have one.
    ///
    /// # Errors
    /// The store's.
    pub async fn rechecks(&self) -> Result<Vec<Rechecks>> {
        let now = self.clock.now();
        let plan = self.plan.load_full();
        let mut found = Vec::new();
        for (id, of) in &plan.sources {
            if self.store.next_recheck(id.clone()).await?.is_none() {
                continue;
            }
            let grace = source::kind(of.kind).map(|kind| recheck::grace(kind.terms)).unwrap_or_default();
            found.push(Rechecks {
                source: id.clone(),
                waiting: self.store.count_rechecks(id.clone(), now, COUNTED).await?,
                overdue: self.store.count_rechecks(id.clone(), now - grace, COUNTED).await?,
            });
        }
        Ok(found)
    }
}

fn whose(ask: &ForgetAsk) -> Result<Whose> {
    let text = |part: &Option<String>| part.as_deref().map(str::trim).map(str::to_owned);
    let found = match (text(&ask.author), text(&ask.url), ask.id) {
        (Some(author), None, None) if !author.trim_start_matches('@').is_empty() => {
            Whose::Author { author, site: text(&ask.site).filter(|site| !site.is_empty()) }
        }
        (None, Some(url), None) if !url.is_empty() => Whose::Url(url),
        (None, None, Some(id)) => Whose::Mention(id),
        _ => {
            return Err(ApiError::Bad(
                "say whose words: one of an author's name, an address, or a mention's id".into(),
            ));
        }
    };
    if ask.site.is_some() && !matches!(found, Whose::Author { .. }) {
        return Err(ApiError::Bad("a site narrows an author; an address or an id needs none".into()));
    }
    Ok(found)
}

fn out_of_reach(said: &Forgotten) -> Vec<String> {
    let mut sentences: Vec<String> = said
        .sent
        .iter()
        .map(|(kind, count)| {
            let messages = if *count == 1 { "message has" } else { "messages have" };
            format!(
                "{count} {kind} {messages} left about it and may quote it: nobody here can take that back"
            )
        })
        .collect();
    sentences.push(
        "digests, exports and backups made before, and copies that others hold, are not reached".into(),
    );
    sentences.push(
        "the store's file may hold the bytes until they are written over; the first start of the daemon twelve hours later ends that, or `earmark store compact`"
            .into(),
    );
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_meant_and_said_clearly() {
        let ask = |author: Option<&str>, site: Option<&str>, url: Option<&str>| {
            let text = |part: Option<&str>| part.map(str::to_owned);
            whose(&ForgetAsk {
                author: text(author),
                site: text(site),
                url: text(url),
                ..ForgetAsk::default()
            })
        };
        assert_eq!(
            ask(Some(" ann "), None, None).expect("clear"),
            Whose::Author { author: "ann".into(), site: None }
        );
        assert_eq!(
            ask(None, None, Some("forum.example/1")).expect("clear"),
            Whose::Url("forum.example/1".into())
        );
        for (author, site, url) in [
            (None, None, None),
            (Some("@"), None, None),
            (Some(""), Some("forum.example"), None),
            (Some("ann"), None, Some("forum.example/1")),
            (None, Some("forum.example"), Some("forum.example/1")),
            (None, None, Some(" ")),
        ] {
            assert_eq!(
                ask(author, site, url).expect_err("unclear").status(),
                400,
                "{author:?} {site:?} {url:?}"
            );
        }
    }
}
