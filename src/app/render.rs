//! Words for an outbox row, made when it is sent from what the store then holds.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::api::Api;
use crate::digest::render;
use crate::domain::notification::{About, Notification};
use crate::notify::deliver::{Render, Rendered};
use crate::notify::gather::{self, Sources};
use crate::notify::link::Links;
use crate::notify::{Message, message};

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
        match &row.about {
            About::Escalation(id) => {
                let sources = Sources {
                    store: &*self.api.store,
                    roster: &desk.roster,
                    topics: &desk.topics,
                    links: &self.links,
                };
                gather::escalation(&sources, row, *id, now).await
            }
            About::Digest(id, window) => {
                let digest = self.api.digest_of(id, *window, Some(&row.owner)).await.map_err(anyhow::Error::from)?;
                Ok(Rendered::Message(Box::new(Message {
                    key: row.key.clone(),
                    subject: render::subject(&digest),
                    text: render::text(&digest),
                    html: render::html(&digest),
                    json: serde_json::json!({
                        "type": "digest", "timestamp": row.created_at, "data": render::json(&digest),
                    }),
                    thread: None,
                    opens_thread: false,
                    urgent: false,
                    at: row.created_at,
                })))
            }
            About::Notice(notice) => {
                let owner = desk.roster.owner(&row.owner);
                Ok(Rendered::Message(Box::new(message::notice(notice, owner, row))))
            }
        }
    }
}
