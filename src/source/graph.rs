//! The Graph API: what Facebook, Instagram and Threads have in common. How a question is signed (a token, and a
//! proof that the app knows its secret), what its refusals mean, what its headers say of the app's use.
//! [`read`] turns its answers into posts; [`walk`] reads lists of it from the newest end.

use hmac::{Hmac, Mac};
use jiff::SignedDuration;
use serde_json::Value;
use sha2::Sha256;

use super::api::{self, Api, Credential, Node};
use super::fetch::{self, from_status};
use super::params::Params;
use super::{Answer, Known, Nothing, Rechecked, Retry, SourceError, Terms, Tools, text};
use crate::domain::secret::SecretRef;

pub mod read;
pub mod reads;
pub mod walk;

/// A part of what is allowed, in percent, from which on the app is left to rest.
const BUSY: f64 = 90.0;
/// How long it rests where nobody says for how long.
const REST: SignedDuration = SignedDuration::from_mins(15);

/// Settings that the three kinds have in common.
#[derive(Debug, Clone)]
pub struct Common {
    pub base: String,
    pub token: Option<SecretRef>,
    pub app_secret: Option<SecretRef>,
    pub interval: SignedDuration,
    pub allow_private: bool,
}

impl Common {
    /// Reads them; `base` with the version that is asked unless the settings say otherwise.
    pub fn read(params: &mut Params<'_>, base: &str, version: &str, interval: i64, least: i64) -> Self {
        let base = params.text("base_url").unwrap_or(base).trim_end_matches('/');
        if !url::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
        }
        let version = params.text("version").unwrap_or(version);
        let digits = version.strip_prefix('v').unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            params.fault("version", format!("\"{version}\" is no version"), "write it as \"v25.0\"");
        }
        let base = format!("{base}/{version}");
        let token = params.secret("token");
        if params.value("token").is_none() {
            params.fault("token", "is missing", "write token = { credential = \"page-token\" }");
        }
        let app_secret = params.secret("app_secret");
        let interval = params.wait("interval", interval, least);
        let allow_private = params.flag("allow_private");
        Self { base, token, app_secret, interval, allow_private }
    }

    /// One who asks with these settings.
    ///
    /// # Errors
    /// Which secret could not be read and what to do.
    pub fn graph(&self, tools: &Tools, terms: &'static Terms) -> Result<Graph, String> {
        let token = self.token.as_ref().map(Credential::fetch).transpose()?;
        let app_secret = self.app_secret.as_ref().map(Credential::fetch).transpose()?;
        let proof = match (&token, &app_secret) {
            (Some(token), Some(secret)) => Some(proof(token, secret)),
            _ => None,
        };
        let api = Api::new(tools, terms)
            .private(self.allow_private)
            .signed(token, api::Sign::Query("access_token"));
        Ok(Graph { api, base: self.base.clone(), proof })
    }
}

/// What shows that whoever has the token is the app that it was given to.
fn proof(token: &Credential, secret: &Credential) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(token.expose().as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Words of a list in the settings; all where it is absent.
pub fn words(params: &mut Params<'_>, key: &'static str, known: &[&str], default: &[&str]) -> Vec<String> {
    let sample = format!("[\"{}\"]; known: {}", known[0], known.join(", "));
    let words = params.texts(key, &sample, |word| known.contains(&word));
    let absent = params.value(key).is_none();
    if absent { default.iter().map(|&word| word.to_owned()).collect() } else { words }
}

/// The name of an account or a page: a number, or a word where the place knows one.
pub fn account(params: &mut Params<'_>, key: &'static str, default: Option<&str>) -> String {
    let given = params.value(key);
    let text = given
        .and_then(|value| value.as_str().map(str::to_owned).or_else(|| Some(value.as_u64()?.to_string())));
    let text = text.or_else(|| default.filter(|_| given.is_none()).map(str::to_owned)).unwrap_or_default();
    if text.is_empty()
        || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    {
        params.fault(key, "is no number of an account", format!("write {key} = \"1234567890\""));
    }
    text
}

/// A refusal.
#[derive(Debug)]
pub struct Fault {
    /// The interface's own number; 0 where it gave none.
    pub code: u64,
    pub error: SourceError,
}

impl From<Fault> for SourceError {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        Self { code: 0, error }
    }
}

impl Fault {
    /// What was asked for is not there, or not for us.
    fn is_absence(&self) -> bool {
        matches!(self.code, 100 | 803)
    }
}

/// A good answer.
pub struct Got {
    pub answer: fetch::Answer,
    pub value: Value,
    /// The app is close to what it may ask, and should wait for so long.
    pub rest: Option<SignedDuration>,
}

/// Asks, signed.
#[derive(Clone)]
pub struct Graph {
    api: Api,
    base: String,
    proof: Option<String>,
}

impl Graph {
    /// Asks for a path; `bucket` is what the place counts it under.
    ///
    /// # Errors
    /// What the refusal means and whether trying again helps.
    pub async fn get(&self, path: &str, query: &[(&str, &str)], bucket: &'static str) -> Result<Got, Fault> {
        let mut pairs = query.to_vec();
        pairs.extend(self.proof.as_deref().map(|proof| ("appsecret_proof", proof)));
        let url = api::with_query(&format!("{}/{}", self.base, path.trim_start_matches('/')), &pairs);
        let answer = self.api.counted(bucket, 1).get_any(&url).await?;
        let borrowed = answer.borrowed();
        let rest = rest(&borrowed);
        if answer.status >= 400 {
            return Err(refused(&borrowed, &serde_json::from_slice(&answer.body).unwrap_or_default()));
        }
        let value = borrowed.json().map_err(|nothing| strange(&borrowed, nothing))?;
        if value.get("error").is_some_and(Value::is_object) {
            return Err(refused(&borrowed, &value));
        }
        Ok(Got { value, rest, answer })
    }

    /// Asks anew after posts of ours, at once where all are there, else one by one. `home` is what surely may
    /// be read, so that a permission withdrawn is not taken for posts deleted.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn recheck(
        &self,
        known: &[Known],
        (home, fields): (&str, &str),
        read: impl Fn(&Answer<'_>) -> super::Parsed + Send,
    ) -> Result<Rechecked, SourceError> {
        let ids: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(Rechecked::default());
        }
        match self.get("", &[("ids", &ids.join(",")), ("fields", fields)], "").await {
            Ok(got) => {
                let posts = read(&got.answer.borrowed()).posts;
                return Ok(Rechecked { posts, gone: Vec::new(), rest: got.rest });
            }
            Err(fault) if fault.is_absence() => {}
            Err(fault) => return Err(fault.error),
        }
        self.get(home, &[("fields", "id")], "").await?;
        let mut said = Rechecked::default();
        for id in ids {
            match self.get(id, &[("fields", fields)], "").await {
                Ok(got) => said.posts.extend(read(&got.answer.borrowed()).posts),
                Err(fault) if fault.is_absence() => said.gone.push(id.to_owned()),
                Err(fault) if fault.error.pause().is_some() => {
                    said.rest = fault.error.pause();
                    break;
                }
                Err(fault) => return Err(fault.error),
            }
        }
        Ok(said)
    }
}

/// An answer that is no answer.
pub fn strange(answer: &Answer<'_>, nothing: Nothing) -> SourceError {
    SourceError { what: format!("{} {}", shown(answer), nothing.words()), retry: Retry::Soon, position: None }
}

fn shown(answer: &Answer<'_>) -> String {
    let url = answer.url.and_then(|url| url::Url::parse(url).ok());
    url.map_or_else(
        || "the Graph API".into(),
        |url| format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
    )
}

/// What a refusal means. Its message is shown where it cannot hold the token.
fn refused(answer: &Answer<'_>, value: &Value) -> Fault {
    let root = Node::root(value);
    let error = root.get("error");
    let number = |key: &str| error.as_ref().and_then(|error| error.number(key)).unwrap_or(0);
    let code = number("code");
    let passing = error.as_ref().is_some_and(|error| error.flag("is_transient"));
    let wait = rest(answer).unwrap_or(REST);
    let (why, retry, told) = match code {
        0 => ("", from_status(answer.status, None), true),
        4 | 17 | 32 | 341 | 613 | 80_000..=80_999 => {
            ("the limit of requests is reached", Retry::After(wait), true)
        }
        368 => ("it blocks the app for a while", Retry::After(SignedDuration::from_hours(1)), true),
        102 | 190 | 463 | 467 => (
            "the access token has expired or was withdrawn: make a new long-lived one and put it where the old one is",
            Retry::Never,
            false,
        ),
        3 | 10 | 200..=299 => (
            "the token lacks a permission: grant it to the app, make the token anew, or read less",
            Retry::Never,
            true,
        ),
        12 => ("this is no longer served: leave it out of what is read", Retry::Never, true),
        1 | 2 => ("it failed there", Retry::Soon, true),
        _ if passing => ("it failed there", Retry::Soon, true),
        _ => ("", Retry::Never, true),
    };
    let mut what = format!("{} answered {}", shown(answer), answer.status);
    if code > 0 {
        what.push_str(&format!(", code {code}"));
    }
    if !why.is_empty() {
        what.push_str(&format!(": {why}"));
    }
    let message = error.as_ref().and_then(|error| error.text("message")).filter(|_| told);
    if let Some(message) = message.filter(|message| !message.contains("access token")) {
        what.push_str(&format!(" ({})", text::cut(&text::one_line(message), 300)));
    }
    Fault { code, error: SourceError { what, retry, position: None } }
}

/// What the headers say of the app's use: how long to rest, if it is close to its limit.
fn rest(answer: &Answer<'_>) -> Option<SignedDuration> {
    let header = |name: &str| answer.header(name).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let share = |usage: &Value| {
        let parts = ["call_count", "total_time", "total_cputime"];
        parts.iter().filter_map(|part| usage.get(part)?.as_f64()).fold(0.0, f64::max)
    };
    let app = header("x-app-usage").or_else(|| header("x-page-usage")).map_or(0.0, |usage| share(&usage));
    let business = header("x-business-use-case-usage");
    let uses: Vec<&Value> =
        business.iter().filter_map(Value::as_object).flat_map(|object| object.values()).collect();
    let uses: Vec<&Value> = uses.into_iter().filter_map(Value::as_array).flatten().collect();
    let minutes =
        uses.iter().filter_map(|one| one.get("estimated_time_to_regain_access")?.as_i64()).max().unwrap_or(0);
    if minutes > 0 {
        return Some(SignedDuration::from_mins(minutes.min(24 * 60)));
    }
    let most = uses.iter().map(|one| share(one)).fold(app, f64::max);
    (most >= BUSY).then_some(REST)
}

#[cfg(test)]
mod tests;
