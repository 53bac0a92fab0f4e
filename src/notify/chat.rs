//! The bodies that chat systems take through an incoming webhook. Foreign text must not be able
//! to call a whole channel together (`<!channel>`, `@everyone`): each form takes away its own
//! system's way of doing so.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Message;

/// Which body a webhook gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Our own: `{"type","timestamp","data"}`.
    #[default]
    Earmark,
    /// `{"text"}` in Slack's escaping; many others take it too.
    Slack,
    /// `{"text"}` in Markdown.
    Mattermost,
    /// An Adaptive Card, as Teams' workflows take it.
    Teams,
    /// `{"content"}`, at most 2,000 characters.
    Discord,
}

/// Discord's limit is 2,000 characters; Slack cuts at 40,000, Teams near 28 KB.
const DISCORD_LIMIT: usize = 2_000;

impl Format {
    /// The body that carries `message`.
    pub fn body(self, message: &Message) -> Value {
        let Message { subject, text, .. } = message;
        match self {
            Format::Earmark => message.json.clone(),
            Format::Slack => json!({ "text": format!("*{}*\n{}", slack(subject), slack(text)) }),
            Format::Mattermost => {
                let (subject, text) = (calm(subject), calm(text));
                json!({ "text": format!("**{subject}**\n```text\n{}\n```", text.replace("```", "'''")) })
            }
            Format::Teams => json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {
                        "type": "AdaptiveCard",
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "version": "1.4",
                        "body": [
                            { "type": "TextBlock", "text": subject, "weight": "bolder", "wrap": true },
                            { "type": "TextBlock", "text": text.replace('\n', "\n\n"), "wrap": true },
                        ],
                    },
                }],
            }),
            Format::Discord => {
                let whole = format!("**{}**\n{}", calm(subject), calm(text));
                let cut: String = if whole.chars().count() > DISCORD_LIMIT {
                    whole.chars().take(DISCORD_LIMIT - 1).chain(['…']).collect()
                } else {
                    whole
                };
                json!({ "content": cut, "allowed_mentions": { "parse": [] } })
            }
        }
    }
}

fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A word joiner behind each `@` keeps it readable and calls nobody.
fn calm(text: &str) -> String {
    text.replace('@', "@\u{2060}")
}
