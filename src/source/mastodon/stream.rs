//! The streams of a server: server-sent events over one connection each. A connection is kept between looks and
//! read only while somebody looks, so that a slow store slows the sender.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::events::{Decoder, Event};
use super::wanted::{Scope, Server, Timeline};
use crate::net;
use crate::source::api::Api;
use crate::source::{Retry, SourceError};

/// How long the first event is waited for in one look.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a connection carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// What appears on one timeline.
    Timeline(Timeline),
    /// What concerns the account: its home timeline and its notifications, as far as they are wanted.
    Account { home: bool, notifications: bool },
}

impl Channel {
    /// The connections that keep up with these timelines; a search has none.
    pub fn of(timelines: &[Timeline]) -> Vec<Channel> {
        let has = |timeline| timelines.contains(&timeline);
        let (home, notifications) = (has(Timeline::Home), has(Timeline::Notifications));
        let lists =
            timelines.iter().filter(|timeline| matches!(timeline, Timeline::Tag(_) | Timeline::Public(_)));
        let account = (home || notifications).then_some(Channel::Account { home, notifications });
        lists.cloned().map(Channel::Timeline).chain(account).collect()
    }

    /// Whose cursor an event moves.
    pub fn timeline(&self, event: &Event) -> Option<Timeline> {
        match (self, event.name.as_str()) {
            (Channel::Timeline(timeline), "update") => Some(timeline.clone()),
            (Channel::Account { home: true, .. }, "update") => Some(Timeline::Home),
            (Channel::Account { notifications: true, .. }, "notification") => Some(Timeline::Notifications),
            _ => None,
        }
    }

    /// Whether an event is one that we asked for.
    pub fn wants(&self, event: &Event) -> bool {
        match event.name.as_str() {
            "update" | "notification" => self.timeline(event).is_some(),
            "status.update" | "delete" => true,
            _ => false,
        }
    }

    fn address(&self, base: &Url) -> Url {
        let mut url = base.clone();
        let (path, tag): (&[&str], Option<&str>) = match self {
            Channel::Timeline(Timeline::Tag(tag)) => (&["hashtag"], Some(tag)),
            Channel::Timeline(Timeline::Public(Scope::Local)) => (&["public", "local"], None),
            Channel::Timeline(Timeline::Public(Scope::Remote)) => (&["public", "remote"], None),
            Channel::Timeline(_) => (&["public"], None),
            Channel::Account { home: false, .. } => (&["user", "notification"], None),
            Channel::Account { .. } => (&["user"], None),
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["api", "v1", "streaming"]).extend(path);
        }
        url.query_pairs_mut().extend_pairs(tag.map(|tag| ("tag", tag)));
        if tag.is_none() {
            url.set_query(None);
        }
        url
    }
}

/// An open connection.
pub struct Connection {
    /// Which of the servers.
    pub server: usize,
    pub channel: Channel,
    stream: net::Endless,
    decoder: Decoder,
}

impl Connection {
    /// Connects to where the server streams.
    pub async fn open(server: usize, base: &Url, channel: Channel, api: &Api) -> Result<Self, SourceError> {
        let stream = api.open(channel.address(base).as_str()).await?;
        Ok(Self { server, channel, stream, decoder: Decoder::default() })
    }

    /// The next event. Who stops waiting for it loses nothing.
    async fn next(&mut self) -> Result<Event, String> {
        loop {
            if let Some(event) = self.decoder.take() {
                return Ok(event);
            }
            match self.stream.next().await {
                Ok(Some(piece)) => self.decoder.push(&piece)?,
                Ok(None) => return Err("has ended".into()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// What has come on all connections: waits a moment for the first event and takes what is there behind it, up to
/// so many. Connections that broke are taken away.
pub async fn gather(connections: &mut Vec<Connection>, most: usize) -> Vec<(usize, Channel, Event)> {
    let mut gathered = Vec::new();
    let mut patience = PATIENCE;
    while gathered.len() < most && !connections.is_empty() {
        let next = connections.iter_mut().map(|connection| Box::pin(connection.next()));
        let Ok((came, at, _)) = tokio::time::timeout(patience, futures::future::select_all(next)).await
        else {
            break;
        };
        match came {
            Ok(event) => gathered.push((connections[at].server, connections[at].channel.clone(), event)),
            Err(why) => {
                tracing::debug!("a stream {why}; it is opened anew");
                connections.swap_remove(at);
            }
        }
        patience = Duration::ZERO;
    }
    gathered
}

/// Where a server streams: often on a host of its own.
pub async fn host(server: &Server, api: &Api) -> Result<Url, SourceError> {
    for version in ["v2", "v1"] {
        let mut url = server.base.clone();
        url.set_path(&format!("/api/{version}/instance"));
        let answer = api.get_any(url.as_str()).await?;
        if answer.status == 404 {
            continue;
        }
        if answer.status >= 400 {
            return Err(answer.refused());
        }
        let value = answer.borrowed().json().unwrap_or_default();
        let said = ["/configuration/urls/streaming", "/urls/streaming_api"];
        let said = said.iter().find_map(|pointer| value.pointer(pointer)).and_then(Value::as_str);
        return Ok(said.and_then(|said| sane(said, &server.base)).unwrap_or_else(|| server.base.clone()));
    }
    let what = format!("{} does not say where it streams", server.name);
    Err(SourceError { what, retry: Retry::Never, position: None })
}

/// The token goes there, so it must not be less guarded than the server itself.
fn sane(said: &str, base: &Url) -> Option<Url> {
    let said = said.replacen("wss://", "https://", 1).replacen("ws://", "http://", 1);
    Url::parse(&said).ok().filter(|url| url.scheme() == base.scheme() && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timeline_has_its_stream() {
        let base = Url::parse("https://acme.example").expect("an address");
        let timelines = [
            Timeline::Tag("straße".into()),
            Timeline::Public(Scope::Local),
            Timeline::Search("acme".into()),
            Timeline::Notifications,
        ];
        let told: Vec<String> =
            Channel::of(&timelines).iter().map(|channel| channel.address(&base).to_string()).collect();
        assert_eq!(
            told,
            [
                "https://acme.example/api/v1/streaming/hashtag?tag=stra%C3%9Fe",
                "https://acme.example/api/v1/streaming/public/local",
                "https://acme.example/api/v1/streaming/user/notification",
            ]
        );
        let both = Channel::of(&[Timeline::Home, Timeline::Notifications]);
        assert_eq!(both.len(), 1);
        assert_eq!(both[0].address(&base).path(), "/api/v1/streaming/user");
        let event = |name: &str| Event { name: name.into(), data: "1".into() };
        let account = Channel::Account { home: false, notifications: true };
        assert!(account.wants(&event("notification")) && account.wants(&event("delete")));
        assert!(!account.wants(&event("update")) && !account.wants(&event("conversation")));
    }

    #[test]
    fn a_token_goes_to_no_less_guarded_place() {
        let base = Url::parse("https://acme.example").expect("an address");
        let at = |said| sane(said, &base).map(String::from);
        assert_eq!(at("wss://streaming.acme.example").as_deref(), Some("https://streaming.acme.example/"));
        assert_eq!((at("ws://streaming.acme.example"), at("nonsense")), (None, None));
    }
}
