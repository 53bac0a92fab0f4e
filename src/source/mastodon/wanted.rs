//! What is to be read: `[sources.params]` of a `mastodon` source.
//!
//! ```toml
//! params.servers = ["mastodon.example", "https://social.example"]
//! params.tokens = { "mastodon.example" = { credential = "mastodon" } }
//! params.hashtags = ["acme", "globex"]
//! params.public = "local"          # or "remote" or "all"; nothing: not read
//! params.search = ["acme app"]     # with a token, as all below
//! params.notifications = true
//! params.home = true
//! params.stream = true
//! ```

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize as _;
use serde_json::Value;
use url::Url;

use super::read;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::source::Settings;
use crate::source::params::Params;

/// One server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its host, and its port where it is not the usual one.
    pub name: String,
    pub base: Url,
    pub token: Option<SecretRef>,
}

/// Whose posts a public timeline shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    Local,
    Remote,
}

/// A list of posts that a server keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timeline {
    Tag(String),
    Public(Scope),
    Search(String),
    Notifications,
    Home,
}

#[derive(Debug)]
pub struct Wanted {
    pub servers: Vec<Server>,
    pub timelines: Vec<Timeline>,
    pub stream: bool,
    pub interval: SignedDuration,
    pub allow_private: bool,
}

impl Timeline {
    /// In the cursor and in messages.
    pub fn name(&self) -> String {
        match self {
            Timeline::Tag(tag) => format!("tag {tag}"),
            Timeline::Public(Scope::All) => "public".into(),
            Timeline::Public(Scope::Local) => "public local".into(),
            Timeline::Public(Scope::Remote) => "public remote".into(),
            Timeline::Search(words) => format!("search {words}"),
            Timeline::Notifications => "notifications".into(),
            Timeline::Home => "home".into(),
        }
    }

    /// Whether nobody is let in without a token.
    pub fn signed(&self) -> bool {
        matches!(self, Timeline::Search(_) | Timeline::Notifications | Timeline::Home)
    }
}

/// Reads the settings; all faults at once.
pub fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let mut servers = servers(&mut params);
    tokens(&mut params, &mut servers);
    let mut timelines: Vec<Timeline> = Vec::new();
    for tag in params.list("hashtags", "[\"acme\"]") {
        let name = tag.trim_start_matches('#');
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '#' | '@')) {
            params.fault("hashtags", format!("\"{tag}\" is no hashtag"), "one word, without the # sign");
        } else {
            timelines.push(Timeline::Tag(name.to_lowercase()));
        }
    }
    let scopes = [("local", Scope::Local), ("remote", Scope::Remote), ("all", Scope::All)];
    timelines.extend(params.word("public", &scopes).map(Timeline::Public));
    let searches = params.list("search", "[\"acme app\"]");
    timelines.extend(searches.into_iter().map(Timeline::Search));
    timelines.extend(params.flag("notifications").then_some(Timeline::Notifications));
    timelines.extend(params.flag("home").then_some(Timeline::Home));
    let stream = params.flag("stream");
    let interval = params.wait("interval", 300, 60);
    let allow_private = params.flag("allow_private");
    if timelines.is_empty() {
        params.fault(
            "hashtags",
            "nothing is to be read",
            "name hashtags, or public = \"local\"; with a token also search, notifications = true, home = true",
        );
    }
    let signed = timelines.iter().any(Timeline::signed) || stream;
    if signed && !servers.is_empty() && servers.iter().all(|server| server.token.is_none()) {
        params.fault(
            "tokens",
            "search, notifications, home and stream need an account's token on one of the servers at least",
            "write tokens = { \"mastodon.example\" = { credential = \"name\" } } with the scope read",
        );
    }
    (Wanted { servers, timelines, stream, interval, allow_private }, params.finish())
}

fn servers(params: &mut Params<'_>) -> Vec<Server> {
    let written = params.list("servers", "[\"mastodon.example\"]");
    if written.is_empty() {
        params.fault("servers", "no server is named", "write servers = [\"mastodon.example\"]");
    }
    let mut servers: Vec<Server> = Vec::new();
    for text in written {
        let address = if text.contains("://") { text.clone() } else { format!("https://{text}") };
        let parsed = Url::parse(&address).ok().filter(|url| url.path() == "/" && url.query().is_none());
        let named = parsed.and_then(|base| Some((read::host(&base)?, base)));
        match named {
            None => params.fault(
                "servers",
                format!("\"{text}\" is no server"),
                "a host name, or an address with https:// and without a path",
            ),
            Some((name, _)) if servers.iter().any(|server| server.name == name) => {
                params.fault("servers", format!("\"{name}\" is named twice"), "once is enough");
            }
            Some((name, base)) => servers.push(Server { name, base, token: None }),
        }
    }
    servers
}

/// A token a server; `token` where there is one server only.
fn tokens(params: &mut Params<'_>, servers: &mut [Server]) {
    if let Some(token) = params.secret("token") {
        if let [server] = servers {
            server.token = Some(token);
        } else if servers.len() > 1 {
            params.fault("token", "there are several servers", "write tokens = { \"server\" = … }");
        }
    }
    let Some(table) = params.value("tokens") else { return };
    let Ok(tokens) = BTreeMap::<String, Value>::deserialize(table) else {
        params.fault(
            "tokens",
            "is no table",
            "write tokens = { \"mastodon.example\" = { credential = \"name\" } }",
        );
        return;
    };
    for (name, pointer) in tokens {
        let known =
            servers.iter_mut().find(|server| server.name == name || server.base.host_str() == Some(&name));
        let Some(server) = known else {
            params.fault("tokens", format!("\"{name}\" is none of the servers"), "name it as in servers");
            continue;
        };
        match SecretRef::deserialize(&pointer) {
            Ok(pointer) => server.token = Some(pointer),
            Err(_) => params.fault(
                "tokens",
                format!("the token of \"{name}\" never stands in the configuration"),
                "write { credential = \"name\" }, { file = \"path\" } or { env = \"NAME\" }",
            ),
        }
    }
}
