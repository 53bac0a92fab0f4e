//! Counts requests as a place does: over a host, over who comes without a credential, over each credential. Knows
//! nothing of how the daemon counts: a credential is read from the request, wherever the kind puts it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use earmark::source::terms::{Budget, Over};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::fake_site::{Asked, Page};

/// Headers that carry a key as it is.
const HEADERS: [&str; 4] = ["x-goog-api-key", "apikey", "api-key", "user-api-key"];
/// Names in a query that carry one.
const QUERY: [&str; 4] = ["access_token", "key", "api_key", "apikey"];

/// What a place counts a request of that kind under, by the addresses in its documents; empty: with the rest.
fn bucket(kind: &str, path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    let table: &[(&str, &str, &'static str)] = &[
        ("github", "/search/", "search"),
        ("github", "/graphql", "graphql"),
        ("lemmy", "/search", "search"),
        ("threads", "/keyword_search", "search"),
        ("x", "/2/tweets/counts/", "counts"),
        ("x", "/2/tweets/search/", "search"),
        ("x", "/2/tweets", "lookup"),
        ("youtube", "/v3/search", "search"),
    ];
    let found = table.iter().find(|(of, part, _)| *of == kind && path.contains(part));
    found.map_or("", |(_, _, bucket)| bucket)
}

struct Request {
    at: Timestamp,
    who: Option<String>,
    bucket: &'static str,
    cost: u32,
}

/// All that was asked of a site.
pub struct Counted {
    kind: &'static str,
    budgets: &'static [Budget],
    asked: Vec<Request>,
    /// Tokens that were handed out, and for which credential.
    tokens: BTreeMap<String, String>,
    /// Requests beyond a budget.
    exceeded: Vec<Budget>,
    /// A credential's budget has been used to its end.
    full: bool,
}

impl Counted {
    pub fn new(kind: &'static str, budgets: &'static [Budget]) -> Self {
        Self { kind, budgets, asked: Vec::new(), tokens: BTreeMap::new(), exceeded: Vec::new(), full: false }
    }

    /// A request has come.
    pub fn take(&mut self, asked: &Asked, cost: u32, now: Timestamp) {
        let (who, bucket) = (self.who(asked), bucket(self.kind, &asked.path));
        self.asked.push(Request { at: now, who: who.clone(), bucket, cost });
        for budget in self.budgets.iter().filter(|budget| budget.bucket == bucket) {
            let counts = |one: &&Request| match budget.over {
                Over::Host => true,
                Over::Anonymous => who.is_none() && one.who.is_none(),
                Over::Credential => who.is_some() && one.who == who,
            };
            let recent =
                self.asked.iter().rev().take_while(|one| now.duration_since(one.at) < budget.window());
            let used: u32 =
                recent.filter(|one| one.bucket == bucket).filter(counts).map(|one| one.cost).sum();
            if used > budget.requests {
                self.exceeded.push(*budget);
            }
            self.full |= budget.over == Over::Credential && used + cost > budget.requests;
        }
    }

    /// What it answered: a token belongs to whoever asked for it.
    pub fn answered(&mut self, asked: &Asked, page: &Page) {
        let Some(who) = self.who(asked) else { return };
        let body: Value = serde_json::from_slice(&page.body).unwrap_or_default();
        if let Some(token) = body["access_token"].as_str() {
            self.tokens.insert(token.to_owned(), who);
        }
    }

    /// The credential that a request carries.
    fn who(&self, asked: &Asked) -> Option<String> {
        let header = |name: &str| asked.headers.get(name).cloned();
        let pairs =
            |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let given = header("authorization")
            .map(|value| value.rsplit(' ').next().unwrap_or_default().to_owned())
            .or_else(|| HEADERS.iter().find_map(|name| header(name)))
            .or_else(|| {
                pairs(query).into_iter().find(|(name, _)| QUERY.contains(&&**name)).map(|(_, value)| value)
            })
            .or_else(|| Some(path.strip_prefix("/bot")?.split('/').next()?.to_owned()))
            .or_else(|| {
                let form = pairs(&String::from_utf8_lossy(&asked.body));
                form.into_iter().find(|(name, _)| name == "assertion").map(|(_, value)| value)
            })?;
        Some(self.tokens.get(&given).cloned().or_else(|| issuer(&given)).unwrap_or(given))
    }

    pub fn requests(&self) -> usize {
        self.asked.len()
    }

    /// Budgets that were exceeded, once for each request beyond them.
    pub fn exceeded(&self) -> &[Budget] {
        &self.exceeded
    }

    pub fn is_full(&self) -> bool {
        self.full
    }
}

/// Who signed a token of their own making: it is another one each time.
fn issuer(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<Value>(&claims).ok()?["iss"].as_str()?.to_owned())
}
