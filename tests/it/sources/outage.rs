//! Every kind over six hours of failures (see [`crate::site`]); a kind adds its pages.

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

struct Feed;

/// So many entries the feed holds.
const ENTRIES: usize = 20;

impl Pages for Feed {
    fn params(&self, base: &str) -> Value {
        json!({ "url": format!("{base}/feed"), "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], _: &Asked) -> Page {
        let items: Vec<String> = history
            .iter()
            .rev()
            .take(ENTRIES)
            .map(|told| {
                let date = told.at.strftime("%a, %d %b %Y %H:%M:%S GMT");
                let id = self.id(told.number);
                format!("<item><guid>{id}</guid><title>Post {id}</title><pubDate>{date}</pubDate></item>")
            })
            .collect();
        Page::of(
            "application/rss+xml",
            format!("<rss version=\"2.0\"><channel>{}</channel></rss>", items.concat()),
        )
    }

    fn id(&self, number: u64) -> String {
        format!("p{number}")
    }

    fn depth(&self) -> usize {
        ENTRIES
    }

    /// A cut inside an entry gives that entry as it stands, whoever reads it: here the cut lies between two.
    fn half(&self, body: &Bytes) -> Bytes {
        let text = std::str::from_utf8(body).expect("ours");
        let end = text[..text.len() / 2].rfind("</item>").map_or(0, |at| at + "</item>".len());
        body.slice(..end)
    }
}

#[tokio::test]
async fn a_feed_finds_what_is_left_and_says_what_is_lost() {
    outage("feed", Feed).await;
}

struct HackerNews;

impl Pages for HackerNews {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "interval": "5m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let name = asked.path.trim_start_matches("/v0/").trim_end_matches(".json");
        let body = match name {
            "maxitem" => json!(history.len()),
            "updates" => json!({ "items": [], "profiles": [] }),
            item => {
                let number = item.trim_start_matches("item/").parse().unwrap_or(0);
                let told = history.iter().find(|told| told.number == number);
                told.map_or(Value::Null, |told| {
                    json!({ "id": told.number, "type": "comment", "by": "ann", "time": told.at.as_second(), "text": "words" })
                })
            }
        };
        Page::of("application/json", body.to_string())
    }

    fn id(&self, number: u64) -> String {
        number.to_string()
    }
}

#[tokio::test]
async fn hacker_news_loses_nothing() {
    outage("hacker_news", HackerNews).await;
}

struct Lobsters;

impl Lobsters {
    fn story(&self, told: &Told) -> Value {
        let id = self.id(told.number);
        json!({ "short_id": id, "short_id_url": format!("https://lobsters.example/s/{id}"), "title": format!("Post {id}"),
            "created_at": told.at.to_string(), "comment_count": 0, "submitter_user": "ann", "description": "", "url": "" })
    }
}

impl Pages for Lobsters {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let name = asked.path.trim_start_matches("/newest/page/").trim_end_matches(".json");
        let Ok(number) = name.parse::<usize>() else { return Page::new(404) };
        let stories: Vec<Value> =
            history.iter().rev().skip((number - 1) * 25).take(25).map(|told| self.story(told)).collect();
        Page::of("application/json", json!(stories).to_string())
    }

    fn id(&self, number: u64) -> String {
        format!("s{number}")
    }

    fn depth(&self) -> usize {
        100
    }
}

#[tokio::test]
async fn lobsters_reads_back_to_what_it_knows() {
    outage("lobsters", Lobsters).await;
}
