//! One's own app by App Store Connect: all reviews of all countries, newest first, two hundred a page and as many
//! pages as there are. So nothing is ever lost, however long nobody looked; a long way back is gone over several
//! looks, the newest first, and the mark moves when the way is done.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::key::Signer;
use super::{Seen, failed, known_ids, read};
use crate::domain::post::Post;
use crate::domain::secret::SecretRef;
use crate::source::api::{Api, Sign};
use crate::source::fetch;
use crate::source::{Batch, Known, Nothing, Position, Rechecked, Retry, Settings, Source, SourceError};

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

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    at: Option<Timestamp>,
    seen: Seen,
    /// When the newest of those seen was written.
    written: Option<Timestamp>,
    way: Option<Way>,
}

/// A way back that is not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Way {
    began: Timestamp,
    seen: Seen,
    written: Option<Timestamp>,
    next: String,
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
        let token = self.signer.token(now);
        let token = token.map_err(|what| SourceError { what, retry: Retry::Soon, position: None })?;
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
impl Source for Connect {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str::<Cursor>(cursor).ok());
        let mut cursor = kept.unwrap_or_default();
        let first = cursor.at.is_none();
        let resumed = cursor.way.is_some();
        let mut way = cursor.way.take();
        let mut batch = Batch::default();
        let mut arrived = false;
        for _ in 0..MOST_PAGES {
            let url = way.as_ref().map_or_else(
                || format!("{}/v1/apps/{}/customerReviews?sort=-createdDate&limit=200", self.base, self.app),
                |way| way.next.clone(),
            );
            let outcome = self
                .get(&url, now)
                .await
                .and_then(|answer| if answer.status < 400 { Ok(answer) } else { Err(self.refused(&answer)) });
            let answer = match outcome {
                Ok(answer) => answer,
                // What was had is given, and the way is taken up again where it was left.
                Err(error) if error.pause().is_some() && !batch.posts.is_empty() => {
                    batch.rest = error.pause();
                    break;
                }
                Err(error) => {
                    // A page that is refused may have been named too long ago: from the front, then.
                    let position = resumed.then(|| Position { cursor: Some(written(&cursor)), memo: None });
                    return Err(SourceError { position, ..error });
                }
            };
            let value = answer.borrowed().json().unwrap_or_default();
            let parsed = read::parse(&answer.borrowed(), &self.settings);
            match parsed.nothing {
                None | Some(Nothing::NoPostsInside) => {}
                Some(nothing) => {
                    return Err(failed(format!("the answer of App Store Connect {}", nothing.words())));
                }
            }
            let posts: Vec<Post> = parsed.posts;
            batch.rejects.extend(parsed.rejects);
            if way.is_none() && posts.is_empty() && !cursor.seen.0.is_empty() {
                return Err(super::empty(&self.app, "App Store Connect"));
            }
            let passed = posts.last().is_some_and(|last| {
                cursor.seen.is_known(last)
                    || last.created_at.is_some_and(|at| cursor.written.is_some_and(|known| at < known))
            });
            let next = next_page(&value, &self.base);
            let on = way.get_or_insert_with(|| Way {
                began: now,
                seen: cursor.seen.after(&posts),
                written: posts.iter().filter_map(|post| post.created_at).max(),
                next: String::new(),
            });
            batch.posts.extend(posts.into_iter().filter(|post| cursor.seen.is_fresh(post)));
            match next.filter(|_| !first && !passed) {
                Some(next) => on.next = next,
                None => {
                    arrived = true;
                    break;
                }
            }
        }
        if !resumed && arrived {
            batch.posts.reverse();
        }
        match way {
            Some(way) if arrived => {
                cursor.at = Some(way.began);
                cursor.seen = way.seen;
                cursor.written = cursor.written.max(way.written);
                batch.fetched_through = cursor.at;
            }
            way => {
                batch.more = batch.rest.is_none();
                cursor.way = way;
            }
        }
        batch.position = Position { cursor: Some(written(&cursor)), memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        self.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        for id in known_ids(known).take(AT_ONCE) {
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

fn written(cursor: &Cursor) -> String {
    serde_json::to_string(cursor).expect("names and times always serialise")
}
