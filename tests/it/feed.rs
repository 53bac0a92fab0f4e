//! Feeds: the reader over recorded documents, the polite GET and the source against a fake site.

use std::sync::Arc;
use std::time::Duration;

use earmark::net::{Client, Settings as NetSettings};
use earmark::runtime::clock::SystemClock;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{self, Batch, Built, Position, Settings, Source, SourceError, Tools};
use jiff::Timestamp;
use serde_json::json;

mod fetch;
mod hostile;
mod poll;
mod recorded;
mod wordless;

/// Quick to give up, in no hurry with nobody.
fn fetcher(allow_private: bool) -> Fetcher {
    let settings = NetSettings {
        allow_private,
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_millis(500),
        total_timeout: Duration::from_secs(10),
        ..NetSettings::new("https://acme.example/contact")
    };
    let client = Client::new(&settings).expect("a client");
    Fetcher::with_limits(client, Limits { at_once: 2, apart: Duration::ZERO }).on(Arc::new(SystemClock))
}

fn now() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().expect("a timestamp")
}

/// A feed as the configuration would build it, and where it has got to.
struct Reader {
    source: Box<dyn Source>,
    position: Position,
}

impl Reader {
    fn new(url: &str) -> Self {
        let settings =
            Settings { id: "acme-blog".into(), params: json!({ "url": url, "allow_private": true }) };
        let kind = source::kind("feed").expect("the kind is listed");
        assert!((kind.check)(&settings).is_empty());
        let tools = Tools { fetch: Arc::new(fetcher(false)) };
        match (kind.build)(&settings, &tools).expect("settings in order") {
            Built::Pull(source) => Self { source, position: Position::default() },
            Built::Push(_) => panic!("a feed is pulled"),
        }
    }

    async fn poll(&mut self) -> Result<Batch, SourceError> {
        let batch = self.source.poll(&self.position, now()).await?;
        self.position = batch.position.clone();
        Ok(batch)
    }
}

/// An RSS document of these items.
fn rss(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Acme blog</title>\
         <link>https://acme.example/</link><language>en-US</language>{items}</channel></rss>"
    )
}
