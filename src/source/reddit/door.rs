//! The way in: a token for an application's key, kept in memory and renewed before it ends; or the address of a
//! personal feed, which is a secret as a whole. Here it is told whether a refusal concerns one listing or all.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{FEED_PACE, TERMS, Wanted, is_web};
use crate::runtime::secret;
use crate::source::api::{Api, Credential, Node, Sign};
use crate::source::fetch::{self, Ask, Fetcher};
use crate::source::{Answer, Nothing, Retry, SourceError, Tools};

/// A token is renewed this long before it ends.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// Where tokens are given.
const GIVER: &str = "https://www.reddit.com";

/// Where answers are.
const ANSWERS: &str = "https://oauth.reddit.com";

/// What Reddit's block pages say, in lower case; its page for too many requests says none of it.
const BLOCKED: &[&str] = &[
    "been blocked",
    "blocked by network security",
    "blocked due to a network policy",
    "whoa there, pardner",
];

/// Why a listing gave nothing.
#[derive(Debug)]
pub enum Trouble {
    /// Other listings may be open all the same.
    Here(SourceError),
    /// Nothing is answered now.
    Everywhere(SourceError),
}

impl Trouble {
    pub fn error(self) -> SourceError {
        match self {
            Trouble::Here(error) | Trouble::Everywhere(error) => error,
        }
    }

    pub fn strange(place: &str, nothing: Nothing) -> Self {
        let what = format!("the answer of reddit for {place} {}", nothing.words());
        Trouble::Everywhere(SourceError { what, retry: Retry::Soon, position: None })
    }

    pub fn emptied(place: &str) -> Self {
        let what = format!("{place} of reddit came empty, and there were posts in it before");
        Trouble::Here(SourceError { what, retry: Retry::Soon, position: None })
    }
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Self {
        Trouble::Everywhere(error)
    }
}

struct Token {
    api: Api,
    until: Timestamp,
}

struct Application {
    /// Asks for tokens.
    giver: Api,
    giver_base: String,
    /// Asks with one; unsigned until there is one.
    plain: Api,
    base: String,
    key: Credential,
    user: Option<(String, Credential)>,
    token: Option<Token>,
}

struct Feed {
    fetch: Arc<Fetcher>,
    address: Credential,
    user_agent: String,
    allow_private: bool,
}

enum Way {
    Application(Box<Application>),
    Feed(Feed),
}

pub struct Door(Way);

impl Door {
    /// # Errors
    /// Which secret could not be read, or is none.
    pub fn new(wanted: &Wanted, tools: &Tools) -> Result<Self, String> {
        if let Some(pointer) = &wanted.feed {
            let address = Credential::fetch(pointer)?;
            if !is_web(address.expose()) {
                return Err("what feed points to is no address".into());
            }
            let (user_agent, allow_private) = (wanted.user_agent.clone(), wanted.allow_private);
            return Ok(Self(Way::Feed(Feed {
                fetch: Arc::clone(&tools.fetch),
                address,
                user_agent,
                allow_private,
            })));
        }
        let (id, pointer) = wanted.client.as_ref().ok_or("nothing to sign in with")?;
        let secret = secret::fetch(pointer)?;
        let key = Credential::new(secret);
        let basic = STANDARD.encode(format!("{id}:{}", key.expose()));
        let basic = Credential::new(SecretString::from(format!("Basic {basic}"))).counted_as(&key);
        let user =
            wanted.user.as_ref().map(|(name, pointer)| Ok((name.clone(), Credential::fetch(pointer)?)));
        let plain =
            Api::new(tools, &TERMS).header("user-agent", &wanted.user_agent).private(wanted.allow_private);
        let giver = plain.clone().signed(Some(basic), Sign::Header("authorization"));
        let base = |usual: &str| wanted.base.clone().unwrap_or_else(|| usual.to_owned());
        Ok(Self(Way::Application(Box::new(Application {
            giver,
            giver_base: base(GIVER),
            plain,
            base: base(ANSWERS),
            key,
            user: user.transpose().map_err(|what: String| what)?,
            token: None,
        }))))
    }

    /// For messages.
    pub fn base(&self) -> &str {
        match &self.0 {
            Way::Application(application) => &application.base,
            Way::Feed(_) => GIVER,
        }
    }

    /// A page of a listing.
    pub async fn listing(
        &mut self,
        path: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<fetch::Answer, Trouble> {
        let path = after.map_or_else(|| path.to_owned(), |after| format!("{path}&after={after}"));
        self.get(&path, now).await
    }

    /// Asks; a personal feed has one address, whatever the path.
    pub async fn get(&mut self, path: &str, now: Timestamp) -> Result<fetch::Answer, Trouble> {
        match &mut self.0 {
            Way::Application(application) => application.get(path, now).await,
            Way::Feed(feed) => feed.get().await,
        }
    }

    /// Whether there are such subreddits: a name mistyped is silence for ever else.
    pub async fn all_there(&mut self, subreddits: &[String], now: Timestamp) -> Result<(), Trouble> {
        let path = format!("/api/info?sr_name={}&raw_json=1", subreddits.join(","));
        let answer = self.get(&path, now).await?;
        let value = answer.borrowed().json().map_err(|nothing| Trouble::strange("/api/info", nothing))?;
        let root = Node::root(&value);
        let children = root.find("/data/children");
        let children = children.ok_or_else(|| Trouble::strange("/api/info", Nothing::ForeignInterface))?;
        let there: Vec<String> = children
            .items()
            .filter_map(|child| child.find("/data")?.text("display_name").map(str::to_ascii_lowercase))
            .collect();
        let missing: Vec<&str> = subreddits
            .iter()
            .map(String::as_str)
            .filter(|name| !there.contains(&name.to_ascii_lowercase()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let what = format!("reddit knows no subreddit {}, or lets nobody in", missing.join(", "));
        Err(Trouble::Everywhere(SourceError { what, retry: Retry::Never, position: None }))
    }
}

impl Application {
    async fn get(&mut self, path: &str, now: Timestamp) -> Result<fetch::Answer, Trouble> {
        let url = format!("{}{path}", self.base);
        // A token can end before its time; a new one that is refused too is a matter for a person.
        for last in [false, true] {
            let answer = self.signed(now).await?.get_any(&url).await?;
            match answer.status {
                200..=299 => return Ok(answer),
                401 if !last => self.token = None,
                _ => return Err(refused(path.split('?').next().unwrap_or_default(), &answer)),
            }
        }
        let what = "reddit refuses the tokens that it gives".to_owned();
        Err(Trouble::Everywhere(SourceError { what, retry: Retry::Never, position: None }))
    }

    /// The interface with a token that is good.
    async fn signed(&mut self, now: Timestamp) -> Result<Api, Trouble> {
        if let Some(token) = self.token.as_ref().filter(|token| token.until > now) {
            return Ok(token.api.clone());
        }
        let form = match &self.user {
            Some((name, password)) => {
                vec![("grant_type", "password"), ("username", name.as_str()), ("password", password.expose())]
            }
            None => vec![("grant_type", "client_credentials")],
        };
        let url = format!("{}/api/v1/access_token", self.giver_base);
        let asked = self.giver.post_form_any(&url, &form).await?;
        let value = asked.borrowed().json();
        let token = value.as_ref().ok().and_then(|value| value.get("access_token")?.as_str());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            // Wrong names are answered with 401, wrong passwords with 200 and a word.
            let said = value.as_ref().ok().and_then(|value| word(value, "error"));
            return Err(match (asked.status, said) {
                (200..=299, Some(said)) => refusal(&format!("no token was given: {said}")),
                (200..=299, None) => Trouble::strange("a token", value.err().unwrap_or(Nothing::Broken)),
                (400 | 401, said) => refusal(&format!(
                    "no token was given for client_id and client_secret: {}",
                    said.unwrap_or_else(|| asked.status.to_string())
                )),
                _ => refused("/api/v1/access_token", &asked),
            });
        };
        let seconds =
            value.as_ref().ok().and_then(|value| value.get("expires_in")?.as_i64()).unwrap_or(3_600);
        let lasts = SignedDuration::from_secs(seconds.clamp(120, 86_400)) - EARLY;
        let credential = Credential::new(SecretString::from(token.to_owned())).counted_as(&self.key);
        let api = self.plain.clone().signed(Some(credential), Sign::Bearer);
        self.token =
            Some(Token { api: api.clone(), until: now.checked_add(lasts).unwrap_or(Timestamp::MAX) });
        Ok(api)
    }
}

impl Feed {
    async fn get(&self) -> Result<fetch::Answer, Trouble> {
        let ask = Ask {
            shown: Some("the personal feed of reddit"),
            headers: &[("user-agent", &self.user_agent)],
            accept: "application/atom+xml, application/json;q=0.9, */*;q=0.5",
            allow_private: self.allow_private,
            ..Ask::get(self.address.expose(), &TERMS)
        };
        let mut answer = self.fetch.ask_any(&ask).await?;
        if (200..300).contains(&answer.status) {
            let slow = SignedDuration::from_secs(FEED_PACE);
            answer.rest = Some(answer.rest.unwrap_or_default().max(slow));
            return Ok(answer);
        }
        Err(refused("the personal feed", &answer))
    }
}

fn refusal(why: &str) -> Trouble {
    let what = format!("reddit: {why}");
    Trouble::Everywhere(SourceError { what, retry: Retry::Never, position: None })
}

/// What an error answer means, and for how much.
fn refused(place: &str, answer: &fetch::Answer) -> Trouble {
    if is_block(&answer.borrowed()) {
        return refusal(&format!(
            "it answers {place} with a block page ({}); earmark goes around no block: ask Reddit's support what is \
             wanted of this application, and switch the source off until then",
            answer.status
        ));
    }
    let said = answer.borrowed().body;
    let said = serde_json::from_slice(said).ok().and_then(|value| word(&value, "reason"));
    let said = said.map(|said| format!(" ({said})")).unwrap_or_default();
    let what = format!("reddit answered {}{said} for {place}", answer.status);
    let error = SourceError { what, retry: fetch::from_status(answer.status, answer.rest), position: None };
    match answer.status {
        400 | 403 | 404 | 410 | 414 | 451 => Trouble::Here(error),
        _ => Trouble::Everywhere(error),
    }
}

/// A page that says that this program, or this network, is not wanted.
fn is_block(answer: &Answer<'_>) -> bool {
    if !matches!(answer.status, 403 | 429) {
        return false;
    }
    let text = String::from_utf8_lossy(answer.body).to_lowercase();
    // Whoever may not enter a subreddit is told so in JSON; a page with 403 is for nobody in particular.
    text.trim_start().starts_with('<')
        && (answer.status == 403 || BLOCKED.iter().any(|said| text.contains(said)))
}

/// A word of Reddit's own for why; what is no plain word is not shown.
fn word(value: &serde_json::Value, key: &str) -> Option<String> {
    let said = match value.get(key)? {
        serde_json::Value::String(said) => said.clone(),
        number => number.to_string(),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!said.is_empty() && said.len() <= 40 && said.bytes().all(plain)).then_some(said)
}
