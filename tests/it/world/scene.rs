//! The scene most tests begin with, and how they change it.

use jiff::Timestamp;

use crate::support::fake_site::Page;

/// A post that the word list finds very negative.
pub const ANGRY: &str = "The Acme app crashed again and lost my order, worst update ever, terrible";

/// Signs what is pushed to us and what we push.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Customer care in Berlin with a deputy, a champion who always works, an operator who reads a
/// file; one topic of ours, one of a competitor; our own form that pushes posts. It is Monday
/// morning.
const USUAL: &str = r#"
champion = "cco"
operator = "ops"

[store]
path = "{store}"
[web]
listen = "127.0.0.1:0"
[email]
server = "{smtp}"
security = "plain"
from = "earmark@acme.example"
[sentiment]
classifier = "word_list"
floor = 0.55
[net]
allow_private = true

[[owners]]
id = "cco"
name = "Chief Customer Officer"
channels = ["cco-mail"]
[[owners]]
id = "ops"
channels = ["ops-file"]
[[owners]]
id = "care"
name = "Customer care"
timezone = "Europe/Berlin"
hours = ["Mon-Fri 08:00-18:00"]
channels = ["care-mail", "care-hook"]
deputy = "lead"
[[owners]]
id = "lead"
name = "Team lead"
channels = ["lead-mail"]

[[channels]]
id = "cco-mail"
kind = "email"
params = { to = ["cco@acme.example"] }
[[channels]]
id = "care-mail"
kind = "email"
params = { to = ["care@acme.example"] }
[[channels]]
id = "lead-mail"
kind = "email"
params = { to = ["lead@acme.example"] }
[[channels]]
id = "care-hook"
kind = "webhook"
params = { url = "{hook}", secret = { file = "{folder}/hook.secret" }, allow_private = true }
[[channels]]
id = "ops-file"
kind = "file"
params = { path = "ops.jsonl" }

[[topics]]
id = "acme-app"
name = "Acme app"
query = '"acme app" OR @acmeapp'
owner = "care"
policy = "standard"
[[topics]]
id = "globex-app"
name = "Globex app"
query = '"globex app"'

[[policies]]
id = "standard"
steps = [ { tell = ["owner"], wait = "30m" }, { tell = ["deputy"], wait = "1h" }, { tell = ["champion"], wait = "4h" } ]
acknowledgement_lasts = "4h"
resolve_within = "24h"

[[triggers]]
id = "angry-customer"
when = 'sentiment.score <= -0.6'
severity = "high"
group_by = ["topic"]
group_for = "1h"
[[triggers]]
id = "cannot-tell"
when = 'sentiment.polarity == "unsure"'
severity = "low"
group_by = ["topic"]
group_for = "8h"

[[sources]]
id = "desk"
kind = "webhook"
params = { secret = { file = "{folder}/push.secret" }, kind = "post", site = "help.acme.example" }
"#;

/// What a world begins with.
pub struct Scene {
    pub at: Timestamp,
    pub toml: String,
    pub pages: Vec<(String, Page)>,
}

impl Scene {
    /// The usual one.
    pub fn new() -> Self {
        Self { at: "2026-01-12T09:00:00Z".parse().expect("a time"), toml: USUAL.into(), pages: Vec::new() }
    }

    /// At another time.
    #[must_use]
    pub fn at(mut self, at: &str) -> Self {
        self.at = at.parse().expect("a time");
        self
    }

    /// With more tables at the end.
    #[must_use]
    pub fn with(mut self, toml: &str) -> Self {
        self.toml.push_str(toml);
        self
    }

    /// With one piece of text in place of another, which must be there.
    #[must_use]
    pub fn instead(mut self, of: &str, toml: &str) -> Self {
        assert!(self.toml.contains(of), "the scene has no {of:?}");
        self.toml = self.toml.replace(of, toml);
        self
    }

    /// With a page on the site, there before the daemon starts.
    #[must_use]
    pub fn page(mut self, path: &str, page: Page) -> Self {
        self.pages.push((path.into(), page));
        self
    }
}
