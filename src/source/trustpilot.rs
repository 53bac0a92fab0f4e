//! Reviews of a business on Trustpilot: with an API key those that everybody sees, with key and secret those
//! that the business itself may read. Newest first, all the way back.
//!
//! What was changed keeps its place in the list, so changes and removals are found by asking again. Stars stand
//! at the head of the text. The answers of the business are not read; they are our own words.
//!
//! A review names more than is needed (an order, an e-mail address, where somebody lives): none of it is kept.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use url::Url;

use super::api::back::{self, Lists, Page};
use super::api::{self, Api, Credential, Node, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Proven, Word};
use super::{
    Answer, Batch, Built, Kind, Known, Nothing, Parsed, Position, Rechecked, Settings, Source, SourceError,
    Terms, Tools, fetch, rating, record,
};
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

/// The kind `trustpilot`.
pub const KIND: Kind = Kind {
    name: "trustpilot",
    about: "reviews of a business on Trustpilot; needs an API key, and a secret for what only the business sees",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Key,
    needs: "an API key of a Trustpilot business account with API access; its secret for private reviews",
    // What its documents recommend not to exceed: 833 in five minutes, 10,000 an hour.
    budgets: &[Budget::new(800, 300, Over::Credential), Budget::per_hour(9_000, Over::Credential)],
    budgets_word: Word::stricter(
        "833 in 5 minutes, 10,000 an hour",
        "Trustpilot, Rate limiting best practices",
        "https://developers.trustpilot.com/rate-limiting",
    ),
    least_every: 60,
    paging: "100 reviews a page, back to the first",
    erase: &[Erase::new("what was deleted there, found by asking again", 48, Word::Habit)],
    commercial: Commercial::Contract,
    sees: "new reviews with their stars; changes and removals on re-check",
    cannot: "reviews of others' products, reviews before they are published",
    costs: "API access is part of paid plans, the first of which allow 200,000 calls a year: 547 a day",
    proven: Proven::Documents,
    document: "https://developers.trustpilot.com/business-units-api",
    ..Terms::OPEN
};

const PAGE: usize = 100;
/// Reviews asked after in one go; each is a question of its own.
const AT_ONCE: usize = 20;
/// Where a key and its secret become a token.
const TOKENS: &str = "/v1/oauth/oauth-business-users-for-applications/accesstoken";

struct Wanted {
    base: String,
    unit: String,
    key: Option<SecretRef>,
    secret: Option<SecretRef>,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base =
        params.text("base_url").unwrap_or("https://api.trustpilot.com").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let unit = params.text("business_unit").unwrap_or_default().trim().to_owned();
    if unit.is_empty() || !unit.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let remedy =
            "write business_unit = \"507f191e810c19729de860ea\"; v1/business-units/find?name= tells it";
        params.fault("business_unit", "a business is named by its id", remedy);
    }
    let key = params.secret("key");
    if params.value("key").is_none() {
        params.fault("key", "is missing", "write key = { credential = \"trustpilot-key\" }");
    }
    let secret = params.secret("secret");
    let interval = params.wait("interval", 900, 60);
    let allow_private = params.flag("allow_private");
    (Wanted { base, unit, key, secret, interval, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let key = wanted.key.as_ref().map(Credential::fetch).transpose()?;
    let secret = wanted.secret.as_ref().map(Credential::fetch).transpose()?;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private);
    Ok(Built::Pull(Box::new(Trustpilot {
        settings: settings.clone(),
        wanted,
        api,
        key,
        secret,
        token: None,
    })))
}

/// Reviews of any answer: lists, single ones, of services and of products, notices, the page's own data.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    let root = Node::root(&value);
    if root.has("fault") {
        return Nothing::ErrorAnswer.into();
    }
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let page =
        root.find("/props/pageProps").or_else(|| root.get("pageProps")).unwrap_or_else(|| root.clone());
    let mut parsed = Parsed::default();
    if let Some(events) = root.list("events") {
        for event in events {
            let name = event.text("eventName").unwrap_or_default();
            if let Some(review) = event.get("eventData").filter(|_| name.contains("review-")) {
                take(&mut parsed, settings, &review, name.ends_with("deleted"));
            }
        }
        return parsed.settled();
    }
    let lists = ["reviews", "productReviews"];
    if let Some(list) = lists.iter().find_map(|name| page.list(name)) {
        for review in list {
            take(&mut parsed, settings, &review, false);
        }
        return parsed.settled();
    }
    if root.has("stars") && root.has("id") {
        take(&mut parsed, settings, &root, false);
        return parsed.settled();
    }
    let own = ["links", "businessUnits", "displayName", "numberOfReviews"].iter().any(|name| root.has(name));
    let empty = value.as_array().is_some_and(Vec::is_empty);
    if own || empty { Nothing::NoPostsInside.into() } else { Nothing::ForeignInterface.into() }
}

fn take(parsed: &mut Parsed, settings: &Settings, node: &Node<'_>, gone: bool) {
    let Some(id) = node.id("id") else {
        parsed.reject(node.at(), "has no id");
        return;
    };
    let status = node.text("status").unwrap_or("active");
    let deleted =
        gone || ["deleted", "archived", "removed"].iter().any(|word| status.eq_ignore_ascii_case(word));
    let stars =
        node.number("stars").or_else(|| node.number("rating")).and_then(|stars| rating::stars(stars, 5));
    let words = node.words("text").or_else(|| node.words("content"));
    let title = node.title("title").filter(|_| !deleted);
    if stars.is_none() && words.is_none() && title.is_none() && !deleted {
        parsed.reject(node.at(), "has neither stars nor words");
        return;
    }
    let text = rating::under(&[stars], &words.unwrap_or_default());
    let text = if deleted { String::new() } else { text };
    let consumer = node.get("consumer");
    let author =
        consumer.and_then(|consumer| consumer.author("displayName").or_else(|| consumer.author("name")));
    let dates = node.get("dates");
    let created_at = node.time("createdAt").or_else(|| dates?.time("publishedDate"));
    parsed.posts.push(Post {
        source: settings.id.clone(),
        site: "trustpilot.com".to_owned(),
        version: record::version(title.as_deref(), &text, deleted),
        aliases: Vec::new(),
        kind: PostKind::Review,
        url: Some(format!("https://www.trustpilot.com/reviews/{id}")),
        author: author.filter(|_| !deleted),
        created_at,
        title,
        text,
        lang: node.lang("language"),
        parent: None,
        reach: None,
        deleted,
        id,
    });
}

struct Trustpilot {
    settings: Settings,
    wanted: Wanted,
    api: Api,
    key: Option<Credential>,
    secret: Option<Credential>,
    token: Option<Credential>,
}

impl Trustpilot {
    /// A token for the business's own view; asked for once and kept until it is refused.
    async fn token(&mut self, secret: &Credential) -> Result<Credential, SourceError> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let key = self.key.as_ref().map_or("", Credential::expose);
        let pair = STANDARD.encode(format!("{key}:{}", secret.expose()));
        let basic = Credential::new(SecretString::from(format!("Basic {pair}"))).counted_as(secret);
        let api = self.api.clone().signed(Some(basic), Sign::Header("authorization"));
        let url = format!("{}{TOKENS}", self.wanted.base);
        let answer = api.post_form(&url, &[("grant_type", "client_credentials")]).await?;
        let value = answer.borrowed().json().unwrap_or_default();
        let Some(token) = Node::root(&value).text("access_token") else {
            return Err(SourceError::soon("Trustpilot gave no token for key and secret"));
        };
        let token = Credential::new(SecretString::from(token.to_owned())).counted_as(secret);
        self.token = Some(token.clone());
        Ok(token)
    }

    /// Asks as everybody, or as the business where a secret says that we are.
    async fn ask(&mut self, path: &str) -> Result<fetch::Answer, SourceError> {
        let (api, view) = match self.secret.clone() {
            Some(secret) => {
                let token = self.token(&secret).await?;
                (self.api.clone().signed(Some(token), Sign::Bearer), "/v1/private")
            }
            None => (self.api.clone().signed(self.key.clone(), Sign::Header("apikey")), "/v1"),
        };
        let answer = api.get_any(&format!("{}{view}{path}", self.wanted.base)).await?;
        if answer.status == 401 && self.token.take().is_some() {
            // They live a hundred hours; the next look asks for a new one.
            return Err(SourceError::soon("the token of Trustpilot has run out"));
        }
        Ok(answer)
    }
}

#[async_trait]
impl Lists for Trustpilot {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    async fn page(&mut self, unit: &str, next: Option<&str>, _: Timestamp) -> Result<Page, SourceError> {
        let number: u32 = next.and_then(|next| next.parse().ok()).unwrap_or(1);
        let path =
            format!("/business-units/{unit}/reviews?perPage={PAGE}&page={number}&orderBy=createdat.desc");
        let answer = self.ask(&path).await?;
        if answer.status >= 400 {
            return Err(answer.refused());
        }
        let parsed = parse(&answer.borrowed(), &self.settings).or_strange("the answer of Trustpilot")?;
        let more = (!parsed.posts.is_empty()).then(|| (number + 1).to_string());
        Ok(Page::new(parsed, more))
    }
}

#[async_trait]
impl Source for Trustpilot {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let names = [self.wanted.unit.clone()];
        back::read(self, &names, position, now).await
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        for post in known.iter().take(AT_ONCE).filter(|post| plain(&post.id)) {
            match self.ask(&format!("/reviews/{}", post.id)).await {
                Ok(answer) if matches!(answer.status, 404 | 410) => told.gone.push(post.id.clone()),
                Ok(answer) if answer.status >= 400 => return Err(answer.refused()),
                Ok(answer) => told.posts.extend(parse(&answer.borrowed(), &self.settings).posts),
                Err(error) if error.pause().is_some() => {
                    told.rest = error.pause();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }
}
