//! Previews of digests, and digests as they were sent.

use jiff::Timestamp;

use super::{Api, ApiError, Result};
use crate::config::Config;
use crate::digest::build::{self, Order};
use crate::digest::calendar;
use crate::digest::figures::Digest;
use crate::domain::digest::Window;
use crate::domain::id::{DigestId, NotificationId, OwnerId};
use crate::domain::notification::{About, Occasion, Reason};
use crate::store::Effects;

impl Api {
    /// The digest over what came since the last one (or since `since`) up to now, as `reader`
    /// would read it (else its first reader).
    ///
    /// # Errors
    /// An unknown digest or reader, or the store's.
    pub async fn digest_preview(
        &self,
        id: &DigestId,
        since: Option<Timestamp>,
        reader: Option<&OwnerId>,
    ) -> Result<Digest> {
        let window = self.preview_window(id, since).await?;
        self.digest_of(id, window, reader).await
    }

    async fn preview_window(&self, id: &DigestId, since: Option<Timestamp>) -> Result<Window> {
        let digests = self.digests.load_full();
        let plan = digests.plans.iter().find(|plan| plan.id == *id).ok_or_else(|| {
            let known: Vec<&str> = digests.plans.iter().map(|plan| plan.id.as_str()).collect();
            ApiError::Bad(format!("no digest is named \"{id}\"; known are {}", known.join(", ")))
        })?;
        let now = self.clock.now();
        let last = self.store.last_digest(id.clone()).await?;
        let mut window = calendar::preview(plan, last.as_ref(), now);
        if let Some(since) = since {
            if since >= now {
                return Err(ApiError::Bad("since must lie in the past".into()));
            }
            window.from = since;
        }
        Ok(window)
    }

    /// The digest over a window.
    ///
    /// # Errors
    /// An unknown reader, or the store's.
    pub async fn digest_of(&self, id: &DigestId, window: Window, reader: Option<&OwnerId>) -> Result<Digest> {
        let desk = self.desk.load_full();
        let digests = self.digests.load_full();
        let first = digests.plans.iter().find(|plan| plan.id == *id).and_then(|plan| plan.to.first());
        let reader = reader.or(first).map_or_else(|| desk.roster.champion(), |id| desk.roster.owner(id));
        let sources = self.plan.load().sources.keys().cloned().collect();
        let order = Order {
            sources: &sources,
            id: id.clone(),
            window,
            reader,
            roster: &desk.roster,
            topics: &desk.topics,
            public_url: reachable_at(&self.config.load()),
        };
        let mut digest = build::build(&*self.store, &order).await?;
        // What is not read any more is not blind, but a gap it had in the window stays one.
        let plan = self.plan.load();
        digest.coverage.retain(|watch| plan.sources.contains_key(&watch.source) || !watch.gaps.is_empty());
        Ok(digest)
    }

    /// Puts a preview's messages into the outbox now; the plan's own windows stay as they are.
    /// Gives the number of messages.
    ///
    /// # Errors
    /// An unknown digest, readers without channels, or the store's.
    pub async fn digest_send(&self, id: &DigestId, since: Option<Timestamp>) -> Result<usize> {
        let window = self.preview_window(id, since).await?;
        let now = self.clock.now();
        let digests = self.digests.load_full();
        let occasion = Occasion {
            about: About::Digest(id.clone(), window),
            reason: Reason::Digest,
            stem: format!("digest/{id}/{}/{}", window.until, NotificationId::new(now)),
            urgent: false,
            now,
            not_before: now,
        };
        let plan = digests.plans.iter().find(|plan| plan.id == *id);
        let readers = plan.into_iter().flat_map(|plan| &plan.to);
        let notifications: Vec<_> =
            readers.flat_map(|owner| occasion.to(digests.roster.owner(owner), &digests.reach)).collect();
        if notifications.is_empty() {
            return Err(ApiError::Refused(format!("no reader of {id} has a channel that could be used")));
        }
        let sent = notifications.len();
        let effects = Effects { notifications, ..Effects::default() };
        // Fresh keys: nothing can be in the way.
        let _ = self.store.step(effects).await?;
        self.deliver.nudge();
        Ok(sent)
    }
}

/// Where links of a digest lead. Without a `public_url` they work on this machine, where a digest
/// in a file is read.
fn reachable_at(config: &Config) -> Option<String> {
    let local = config.web.listen.filter(|listen| listen.port() != 0 && !listen.ip().is_unspecified());
    config.web.public_url.clone().or_else(|| local.map(|listen| format!("http://{listen}")))
}
