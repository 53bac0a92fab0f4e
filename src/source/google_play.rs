//! Google Play: reviews of one's own apps by the Publisher API, with a service account.
//!
//! # Property wanted
//! Every review with words is taken once, and once more when its author changes it.
//!
//! # How it reads
//! The list has what was written or changed in the last week, the latest first. A look reads back to what it
//! knows: to a page that ends with a review seen, or with one changed before the newest seen. A long way back is
//! gone over several looks, and the mark moves when the way is done.
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
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use url::Url;

use super::api::{self, Api, Sign};
use super::fetch;
use super::params::Params;
use super::terms::{Access, Budget, Over, Proven, Word};
use super::{
    Batch, Built, Kind, Nothing, Parsed, Position, Retry, Settings, Source, SourceError, Terms, Tools,
};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::{Gap, GapCause};

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

/// Most pages of one look.
const MOST_PAGES: usize = 5;

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

/// How far the list was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// When the last look that came to its end began.
    at: Option<Timestamp>,
    /// When the newest review seen was written or changed.
    newest: Option<Timestamp>,
    /// Reviews seen, the newest first: each as its name and the beginning of its version.
    seen: Vec<(String, String)>,
    way: Option<Way>,
}

/// A way back that is not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Way {
    began: Timestamp,
    newest: Option<Timestamp>,
    fresh: Vec<(String, String)>,
    next: Option<String>,
}

fn short(post: &Post) -> (String, String) {
    (post.id.clone(), post.version.chars().take(8).collect())
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

    /// A page of reviews, and the token of the next.
    async fn page(
        &mut self,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<(Parsed, Option<String>), SourceError> {
        let Wanted { base, package, .. } = &self.wanted;
        let url = format!("{base}/androidpublisher/v3/applications/{package}/reviews?maxResults={PAGE}");
        let url = token.map_or_else(|| url.clone(), |token| api::with_query(&url, &[("token", token)]));
        let answer = self.get(&url, now).await?;
        let parsed = parse(&answer.borrowed(), &self.settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            Some(Nothing::Broken) if !parsed.rejects.is_empty() => {}
            Some(nothing) => {
                let what = format!("the list of reviews of {} {}", self.wanted.package, nothing.words());
                return Err(SourceError { what, retry: Retry::Soon, position: None });
            }
        }
        let value = answer.borrowed().json().unwrap_or_default();
        let next = value.pointer("/tokenPagination/nextPageToken").and_then(Value::as_str);
        Ok((parsed, next.filter(|next| !next.is_empty()).map(str::to_owned)))
    }

    /// What was written and is no more served: the stretch from the last look to a week ago.
    fn gap(&self, at: Option<Timestamp>, now: Timestamp) -> Option<Gap> {
        let from = at?;
        let until = now.checked_sub(SERVED).ok().filter(|until| *until > from)?;
        let detail = "Google Play serves reviews of the last 7 days only".to_owned();
        Some(Gap {
            source: self.settings.id.clone(),
            from: Some(from),
            until,
            cause: GapCause::Overrun,
            detail,
        })
    }
}

#[async_trait]
impl Source for GooglePlay {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str::<Cursor>(cursor).ok());
        let mut cursor = kept.unwrap_or_default();
        let first = cursor.at.is_none();
        let resumed = cursor.way.is_some();
        let mut way = cursor.way.take().unwrap_or_else(|| Way {
            began: now,
            newest: None,
            fresh: Vec::new(),
            next: None,
        });
        let mut batch = Batch::default();
        let (mut done, mut broken) = (false, false);
        for read in 0..MOST_PAGES {
            let (parsed, next) = match self.page(way.next.as_deref(), now).await {
                Ok(page) => page,
                // What was had is given, and the way is taken up again where it was left.
                Err(error) if read > 0 => {
                    batch.rest = error.pause();
                    broken = true;
                    break;
                }
                Err(error) => {
                    // A page that is refused may have been named too long ago: from the front, then.
                    let stale = resumed && error.retry == Retry::Never;
                    let position = stale.then(|| Position { cursor: Some(written(&cursor)), memo: None });
                    return Err(SourceError { position, ..error });
                }
            };
            batch.rejects.extend(parsed.rejects);
            let is_seen = |post: &Post| cursor.seen.contains(&short(post));
            let arrived = parsed.posts.last().is_some_and(|last| {
                is_seen(last)
                    || last.created_at.is_some_and(|at| cursor.newest.is_some_and(|known| at < known))
            });
            way.newest = parsed.posts.iter().filter_map(|post| post.created_at).max().max(way.newest);
            let fresh: Vec<Post> = parsed
                .posts
                .into_iter()
                .filter(|post| !is_seen(post) && !way.fresh.contains(&short(post)))
                .collect();
            way.fresh.extend(fresh.iter().map(short));
            batch.posts.extend(fresh);
            way.next = next;
            if first || arrived || way.next.is_none() {
                done = true;
                break;
            }
        }
        if !resumed {
            batch.gaps.extend(self.gap(cursor.at, now));
        }
        if done {
            if !resumed {
                batch.posts.reverse();
            }
            cursor.at = Some(way.began);
            cursor.newest = cursor.newest.max(way.newest);
            let mut seen = way.fresh;
            let before = std::mem::take(&mut cursor.seen);
            let changed: BTreeSet<String> = seen.iter().map(|(id, _)| id.clone()).collect();
            seen.extend(before.into_iter().filter(|(id, _)| !changed.contains(id)));
            seen.truncate(REMEMBERED);
            cursor.seen = seen;
            batch.fetched_through = cursor.at;
        } else {
            batch.more = !broken;
            cursor.way = Some(way);
        }
        batch.position = Position { cursor: Some(written(&cursor)), memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}

fn written(cursor: &Cursor) -> String {
    serde_json::to_string(cursor).expect("names and times always serialise")
}
