//! One's own app by App Store Connect: all reviews of all countries, newest first, two hundred a page and as many
//! pages as there are. So nothing is ever lost, however long nobody looked (see [`back`]).

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::key::Signer;
use super::{REMEMBERED, read};
use crate::domain::id::SourceId;
use crate::domain::secret::SecretRef;
use crate::source::api::back::{self, Bounds, Lists, Page};
use crate::source::api::{Api, Sign};
use crate::source::fetch;
use crate::source::{Batch, Known, Position, Rechecked, Settings, Source, SourceError};

/// Where it answers.
pub const BASE: &str = "https://api.appstoreconnect.apple.com";

/// Most pages of one look.
const MOST_PAGES: usize = 3;

/// Reviews asked after in one go; each is a question of its own.
const AT_ONCE: usize = 20;

/// What signs in.
pub struct Access {
    pub secret: SecretRef,
    pub key_id: String,
    pub issuer_id: Option<String>,
}

pub struct Connect {
    settings: Settings,
    base: String,
    app: String,
    interval: SignedDuration,
    api: Api,
    signer: Signer,
}

impl Connect {
    /// # Errors
    /// When the key cannot be read, or is none.
    pub fn new(
        settings: &Settings,
        access: &Access,
        base: String,
        app: &str,
        interval: SignedDuration,
        api: Api,
    ) -> Result<Self, String> {
        let signer = Signer::new(&access.secret, &access.key_id, access.issuer_id.as_deref())?;
        Ok(Self { settings: settings.clone(), base, app: app.to_owned(), interval, api, signer })
    }

    async fn get(&mut self, url: &str, now: Timestamp) -> Result<fetch::Answer, SourceError> {
        let token = self.signer.token(now).map_err(SourceError::soon)?;
        let answer = self.api.clone().signed(Some(token), Sign::Bearer).get_any(url).await?;
        if answer.status == 401 {
            self.signer.forget();
        }
        Ok(answer)
    }

    fn refused(&self, answer: &fetch::Answer) -> SourceError {
        let why = match answer.status {
            401 => ": the key, its key_id or its issuer_id is refused",
            403 => ": the key may not read customer reviews",
            404 => ": the key's account has no such app",
            _ => "",
        };
        let what = format!("App Store Connect answered {} for app {}{why}", answer.status, self.app);
        SourceError { what, retry: fetch::from_status(answer.status, answer.rest), position: None }
    }
}

/// The next page, if it is one of the same interface: the token goes nowhere else.
fn next_page(value: &serde_json::Value, base: &str) -> Option<String> {
    let next = value.pointer("/links/next")?.as_str()?;
    let next = url::Url::parse(base).ok()?.join(next).ok()?;
    (next.origin() == url::Url::parse(base).ok()?.origin()).then(|| next.into())
}

#[async_trait]
impl Lists for Connect {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    fn bounds(&self) -> Bounds {
        Bounds { pages: MOST_PAGES, remembered: REMEMBERED, many: Some(1), ..Bounds::USUAL }
    }

    async fn page(&mut self, _: &str, next: Option<&str>, now: Timestamp) -> Result<Page, SourceError> {
        let front =
            || format!("{}/v1/apps/{}/customerReviews?sort=-createdDate&limit=200", self.base, self.app);
        let url = next.map_or_else(front, str::to_owned);
        let answer = self.get(&url, now).await?;
        if answer.status >= 400 {
            return Err(self.refused(&answer));
        }
        let parsed = read::parse(&answer.borrowed(), &self.settings);
        let parsed = parsed.or_strange("the answer of App Store Connect")?;
        let value = answer.borrowed().json().unwrap_or_default();
        Ok(Page::new(parsed, next_page(&value, &self.base)))
    }
}

#[async_trait]
impl Source for Connect {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let names = [format!("reviews of app {}", self.app)];
        back::read(self, &names, position, now).await
    }

    fn interval(&self) -> SignedDuration {
        self.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        for id in known.iter().map(|known| known.id.as_str()).take(AT_ONCE) {
            let Ok(mut url) = url::Url::parse(&format!("{}/v1/customerReviews/", self.base)) else {
                continue;
            };
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().push(id);
            }
            let answer = match self.get(url.as_str(), now).await {
                Ok(answer) => answer,
                Err(error) if error.pause().is_some() => {
                    told.rest = error.pause();
                    break;
                }
                Err(error) => return Err(error),
            };
            match answer.status {
                404 | 410 => told.gone.push(id.to_owned()),
                200..=299 => told.posts.extend(read::parse(&answer.borrowed(), &self.settings).posts),
                _ => return Err(self.refused(&answer)),
            }
        }
        Ok(told)
    }
}
