//! Words for an outbox row, made when it is sent from what the store then holds.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::links_base;
use crate::api::Api;
use crate::digest::render as digest;
use crate::domain::notification::{About, Notification};
use crate::notify::Message;
use crate::notify::deliver::{Render, Rendered};
use crate::notify::link::Links;
use crate::notify::render::{self, Setting};

/// Makes words of everything that can stand in the outbox.
pub struct Words {
    api: Arc<Api>,
    links: Arc<Links>,
}

impl Words {
    /// Words from what `api` can read, with links signed by `links`.
    pub fn new(api: Arc<Api>, links: Arc<Links>) -> Self {
        Self { api, links }
    }
}

#[async_trait]
impl Render for Words {
    async fn render(&self, row: &Notification, now: Timestamp) -> anyhow::Result<Rendered> {
        let desk = self.api.desk.load_full();
        let config = self.api.config.load_full();
        let reachable = config.web.public_url.is_some() || config.web.listen.is_some();
        let links = self.links.based(&links_base(&config));
        let setting = Setting {
            roster: &desk.roster,
            topics: &desk.topics,
            links: reachable.then_some(&links),
            public_url: config.web.public_url.as_deref(),
        };
        if let Some(rendered) = render::render(&*self.api.store, setting, row, now).await? {
            return Ok(rendered);
        }
        let About::Digest(id, window) = &row.about else {
            anyhow::bail!("nobody has words for notification {}", row.id)
        };
        let made = self.api.digest_of(id, *window, Some(&row.owner)).await.map_err(anyhow::Error::from)?;
        Ok(Rendered::Message(Box::new(Message {
            key: row.key.clone(),
            subject: digest::subject(&made),
            text: digest::text(&made),
            html: digest::html(&made),
            json: serde_json::json!({
                "type": "digest", "timestamp": row.created_at, "data": digest::json(&made),
            }),
            thread: None,
            opens_thread: false,
            urgent: false,
            at: row.created_at,
        })))
    }
}
