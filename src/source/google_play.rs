//! Google Play: reviews of one's own apps by the Publisher API, with a service account.
//!
//! # Property wanted
//! Every review with words is taken once, and once more when its author changes it.
//!
//! # How it reads
//! The list has what was written or changed in the last week, the latest first. It is read back to what is known
//! (see [`back`]): to a page that ends with a review seen, or with one changed before the newest seen.
//!
//! # Accepted
//! * What is older than a week is not served: who was away for longer has lost what came in between, and a gap
//!   says so.
//! * A review that is taken back is not told of, and asking by name proves nothing, for the place answers the same
//!   for one that is merely older.
//!
//! Stars and the version of the app stand at the head of the text. The answers of developers are not read; they
//! are our own words.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::api::back::{self, Bounds, Lists, Page};
use super::api::{self, Api, Sign};
use super::fetch;
use super::params::Params;
use super::terms::{Access, Budget, Over, Proven, Word};
use super::{Batch, Built, Kind, Position, Settings, Source, SourceError, Terms, Tools};
use crate::domain::id::SourceId;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

mod key;
mod read;

use key::Account;
pub use read::parse;

/// The kind `google_play`.
pub const KIND: Kind = Kind {
    name: "google_play",
    about: "reviews of one's own app in Google Play, by the Publisher API with a service account",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Key,
    needs: "the key file of a service account that may see and answer reviews of the app in the Play Console",
    budgets: &[Budget::per_hour(200, Over::Credential), Budget::per_minute(60, Over::Host)],
    budgets_word: Word::theirs(
        "Reply to Reviews API, quota: 200 GET requests an hour and app",
        "https://support.google.com/googleplay/android-developer/contact/review_apiqr",
    ),
    least_every: 300,
    paging: "100 a page, the last 7 days",
    sees: "reviews with words of one's own app as published, with stars, the app's version and edits",
    cannot: "what was written or changed more than 7 days before a look (said as a gap); ratings without words; \
             test versions of the app; reviews taken back",
    proven: Proven::Documents,
    document: "https://developers.google.com/android-publisher/reply-to-reviews",
    ..Terms::OPEN
};

/// How far back the place serves.
const SERVED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Reviews on a page.
const PAGE: &str = "100";

/// Reviews remembered.
const REMEMBERED: usize = 500;

struct Wanted {
    base: String,
    package: String,
    key: Option<SecretRef>,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let package = params.text("package").unwrap_or_default().trim().to_owned();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let parts = package.split('.');
    if parts.clone().count() < 2
        || !parts.into_iter().all(|part| !part.is_empty() && part.bytes().all(is_name))
    {
        let what = if package.is_empty() { "is missing".into() } else { format!("\"{package}\" is no app") };
        params.fault("package", what, "the com.acme.app of …/store/apps/details?id=com.acme.app");
    }
    let key = params.secret("key");
    if key.is_none() && params.value("key").is_none() {
        let remedy = "write key = { credential = \"google-play\" }, the key file of the service account";
        params.fault("key", "Google Play wants a service account", remedy);
    }
    let usual = "https://androidpublisher.googleapis.com";
    let base = params.text("base_url").unwrap_or(usual).trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let interval = params.wait("interval", 1_800, 300);
    let allow_private = params.flag("allow_private");
    (Wanted { base, package, key, interval, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let account = Account::new(wanted.key.as_ref().ok_or("key is missing")?)?;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private);
    Ok(Built::Pull(Box::new(GooglePlay { settings: settings.clone(), wanted, api, account })))
}

struct GooglePlay {
    settings: Settings,
    wanted: Wanted,
    api: Api,
    account: Account,
}

impl GooglePlay {
    async fn get(&mut self, url: &str, now: Timestamp) -> Result<fetch::Answer, SourceError> {
        let token = self.account.token(&self.api, now).await?;
        let answer = self.api.clone().signed(Some(token), Sign::Bearer).get_any(url).await?;
        if answer.status == 401 {
            self.account.forget();
        }
        if answer.status >= 400 {
            return Err(self.refused(&answer));
        }
        Ok(answer)
    }

    fn refused(&self, answer: &fetch::Answer) -> SourceError {
        let why = match answer.status {
            401 => ": the service account's token is refused",
            403 => {
                ": the service account may not see the app's reviews, or the Publisher API is not switched on"
            }
            404 => ": the service account's developer has no such app",
            429 => ": what may be asked of reviews is used up",
            _ => "",
        };
        let refused = answer.refused();
        let what = format!("Google Play answered {} for {}{why}", answer.status, self.wanted.package);
        SourceError { what, ..refused }
    }
}

#[async_trait]
impl Lists for GooglePlay {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    fn bounds(&self) -> Bounds {
        let served = Some((SERVED, "Google Play serves reviews of the last 7 days only"));
        Bounds { remembered: REMEMBERED, many: None, served, ..Bounds::USUAL }
    }

    async fn page(&mut self, package: &str, next: Option<&str>, now: Timestamp) -> Result<Page, SourceError> {
        let base = &self.wanted.base;
        let url = format!("{base}/androidpublisher/v3/applications/{package}/reviews?maxResults={PAGE}");
        let url = next.map_or_else(|| url.clone(), |token| api::with_query(&url, &[("token", token)]));
        let answer = self.get(&url, now).await?;
        let mut parsed = parse(&answer.borrowed(), &self.settings);
        // Reviews that cannot be read are told one by one, and hold nothing up.
        parsed.nothing = parsed.nothing.filter(|_| parsed.rejects.is_empty());
        let parsed = parsed.or_strange(&format!("the list of reviews of {package}"))?;
        let value = answer.borrowed().json().unwrap_or_default();
        let next = value.pointer("/tokenPagination/nextPageToken").and_then(Value::as_str);
        Ok(Page::new(parsed, next.filter(|next| !next.is_empty()).map(str::to_owned)))
    }
}

#[async_trait]
impl Source for GooglePlay {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let names = [self.wanted.package.clone()];
        back::read(self, &names, position, now).await
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}
