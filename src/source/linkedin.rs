//! LinkedIn: what happens on the page of an organisation that one administers. Comments, their edits and
//! removals, posts that share or mention it, as the organisation's notifications tell them; LinkedIn keeps those
//! for 60 days. Nobody may search the rest of it.
//!
//! Questions are scarce (some hundreds a day), so one question over a stretch of time does for everything that
//! happened in it; what it tells without words is asked for one by one, within a bound for each look.

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{Api, Credential, Node, Sign};
use super::fetch::{self, from_status};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Proven, Word};
use super::{
    Answer, Batch, Built, Kind, Known, Nothing, Parsed, Position, Rechecked, Retry, Settings, Source,
    SourceError, Terms, Tools, text,
};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::{Gap, GapCause};

mod read;

/// The kind `linkedin`.
pub const KIND: Kind = Kind {
    name: "linkedin",
    about: "comments on and mentions of a page that one administers; needs an app approved for community management",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Approved,
    needs: "an app approved for the Community Management API, and a token of a page's administrator with \
            rw_organization_admin and r_organization_social; a token lives 60 days",
    // Of a member, whose token it is, with an app in its development tier.
    budgets: &[Budget::per_day(100, Over::Credential)],
    budgets_word: Word::theirs(
        "Increasing Access, Development tier: 100 calls a member and day, 500 an app",
        "https://learn.microsoft.com/en-us/linkedin/marketing/increasing-access",
    ),
    least_every: 300,
    paging: "100 notifications a page; they are kept for 60 days",
    keep_days: Some(2),
    keep_word: Word::theirs(
        "Data Storage Requirements, social activity of members: 48 hours",
        "https://learn.microsoft.com/en-us/linkedin/marketing/data-storage-requirements",
    ),
    erase: &[Erase::new(
        "what was deleted there",
        24,
        Word::stricter(
            "48 hours for social activity, 24 for profiles; on a member's request at once",
            "Data Storage Requirements",
            "https://learn.microsoft.com/en-us/linkedin/marketing/data-storage-requirements",
        ),
    )],
    commercial: Commercial::Contract,
    sees: "comments on the page's posts, their edits and removals, posts that share or mention the page",
    cannot: "posts and comments elsewhere, any search; names of people (they are numbers here)",
    proven: Proven::Documents,
    document: "https://learn.microsoft.com/en-us/linkedin/marketing/data-storage-requirements",
    ..Terms::OPEN
};

/// With an app in its standard tier. How much that has is told nowhere but in the developer portal; it is more than
/// what all members of one in development have together.
static STANDARD: Terms = Terms { budgets: &[Budget::per_day(500, Over::Credential)], ..TERMS };

/// What is asked for, of all that can happen on a page.
const ACTIONS: &str = "COMMENT,COMMENT_EDIT,COMMENT_DELETE,SHARE,SHARE_MENTION";
const PAGE: usize = 100;
/// Most pages, and most questions for words, in one look.
const MOST_PAGES: u32 = 5;
const MOST_ASKED: usize = 10;
/// What was told without words and waits to be asked for: beyond this the oldest is given up.
const MOST_OWED: usize = 500;
/// How many of those asked for are remembered.
const MOST_HAD: usize = 100;
/// How long notifications are kept.
const SERVED: SignedDuration = SignedDuration::from_hours(60 * 24);
/// Looks overlap by this much: a notification is not there in the moment in which it is dated.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

struct Wanted {
    base: String,
    version: String,
    token: Option<SecretRef>,
    organization: String,
    interval: SignedDuration,
    back: SignedDuration,
    allow_private: bool,
    terms: &'static Terms,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://api.linkedin.com").trim_end_matches('/').to_owned();
    if !url::Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let version = params.text("version").unwrap_or("202609").to_owned();
    if version.len() != 6 || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        params.fault("version", format!("\"{version}\" is no version"), "a year and a month, as \"202609\"");
    }
    let token = params.secret("token");
    if params.value("token").is_none() {
        params.fault("token", "is missing", "write token = { credential = \"linkedin-token\" }");
    }
    let given = params.value("organization");
    let organization = given
        .and_then(|value| value.as_str().map(str::to_owned).or_else(|| Some(value.as_u64()?.to_string())));
    let organization = organization.unwrap_or_default();
    let number = organization.strip_prefix("urn:li:organization:").unwrap_or(&organization).to_owned();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        let remedy =
            "write organization = \"2414183\", the number in the address of the page's administration";
        params.fault("organization", "is no number of an organisation", remedy);
    }
    let interval = params.wait("interval", 900, 300);
    let back = params.wait("back", 3_600, 0);
    let terms = params.word("tier", &[("development", &TERMS), ("standard", &STANDARD)]).unwrap_or(&TERMS);
    let allow_private = params.flag("allow_private");
    let organization = format!("urn:li:organization:{number}");
    (Wanted { base, version, token, organization, interval, back, allow_private, terms }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let token = wanted.token.as_ref().map(Credential::fetch).transpose()?;
    let api = Api::new(tools, wanted.terms)
        .private(wanted.allow_private)
        .signed(token, Sign::Bearer)
        .header("linkedin-version", &wanted.version)
        .header("x-restli-protocol-version", "2.0.0");
    Ok(Built::Pull(Box::new(LinkedIn { settings: settings.clone(), wanted, api })))
}

/// The posts of any answer of LinkedIn.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    read::parse(answer, settings)
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    through: Option<Timestamp>,
    /// Stretches of time not read to their end, oldest first.
    left: Vec<Window>,
    /// Told without words: what to ask for, oldest first.
    owed: Vec<Owed>,
    /// What was asked for of late: looks overlap, and tell it again.
    had: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Window {
    from: Timestamp,
    until: Timestamp,
    /// How many of its notifications were read.
    start: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Owed {
    urn: String,
    /// The number of what told it.
    told: String,
    since: Timestamp,
}

struct LinkedIn {
    settings: Settings,
    wanted: Wanted,
    api: Api,
}

/// What a single thing asked for is.
enum Found {
    Here(Vec<crate::domain::post::Post>),
    Gone,
}

impl LinkedIn {
    async fn ask(&self, path: &str, now: Timestamp) -> Result<fetch::Answer, SourceError> {
        let answer = self.api.get_any(&format!("{}/rest/{path}", self.wanted.base)).await?;
        if answer.status >= 400 && answer.status != 404 {
            return Err(refused(&answer.borrowed(), &self.wanted.version, now));
        }
        Ok(answer)
    }

    /// A page of what happened in a stretch of time: its posts, what is to be asked for, how many it told.
    async fn page(
        &self,
        window: &Window,
        now: Timestamp,
    ) -> Result<(Parsed, Vec<(String, String)>, usize), SourceError> {
        // What structures the question stays as it is, the names in it are escaped: so Rest.li wants it.
        let path = format!(
            "organizationalEntityNotifications?q=criteria&actions=List({ACTIONS})&organizationalEntity={}&\
             timeRange=(start:{},end:{})&start={}&count={PAGE}",
            read::encoded(&self.wanted.organization),
            window.from.as_millisecond(),
            window.until.as_millisecond(),
            window.start,
        );
        let answer = self.ask(&path, now).await?;
        let borrowed = answer.borrowed();
        if answer.status == 404 {
            return Err(refused(&borrowed, &self.wanted.version, now));
        }
        let parsed = parse(&borrowed, &self.settings);
        let told = borrowed
            .json()
            .ok()
            .and_then(|value| Some((read::wordless(&value), value.get("elements")?.as_array()?.len())));
        match (parsed.nothing, told) {
            (None | Some(Nothing::NoPostsInside), Some((owed, count))) => Ok((parsed, owed, count)),
            (nothing, _) => Err(strange(&borrowed, nothing.unwrap_or(Nothing::ForeignInterface))),
        }
    }

    /// A comment or a post by its name.
    async fn one(&self, urn: &str, now: Timestamp) -> Result<Found, SourceError> {
        let path = match read::parts(urn) {
            Some((object, number)) => format!("socialActions/{}/comments/{number}", read::encoded(object)),
            None => format!("posts/{}", read::encoded(urn)),
        };
        let answer = self.ask(&path, now).await?;
        if answer.status == 404 {
            return Ok(Found::Gone);
        }
        let parsed = parse(&answer.borrowed(), &self.settings);
        match parsed.nothing {
            None => Ok(Found::Here(parsed.posts)),
            Some(nothing) => Err(strange(&answer.borrowed(), nothing)),
        }
    }

    /// Asks for the words of what was told without.
    async fn settle(&self, cursor: &mut Cursor, batch: &mut Batch, now: Timestamp) {
        let mut failed = Vec::new();
        for _ in 0..MOST_ASKED {
            if batch.rest.is_some() {
                break;
            }
            let Some(owed) = cursor.owed.pop() else { break };
            cursor.had.push(owed.told.clone());
            match self.one(&owed.urn, now).await {
                Ok(Found::Here(posts)) => batch.posts.extend(posts),
                Ok(Found::Gone) => {}
                // Somebody else's post: it may name the page, and not be shown to it.
                Err(error) if error.retry == Retry::Never => {
                    batch.rejects.push(super::Reject {
                        reason: crate::domain::source::SkipReason::Malformed,
                        at: owed.urn.clone(),
                        why: error.what,
                    });
                }
                Err(error) => {
                    batch.rest = batch.rest.or(error.pause());
                    failed.push(owed);
                }
            }
        }
        cursor.had.retain(|told| !failed.iter().any(|owed| owed.told == *told));
        let many = cursor.had.len().saturating_sub(MOST_HAD);
        cursor.had.drain(..many);
        cursor.owed.splice(0..0, failed);
    }
}

#[async_trait]
impl Source for LinkedIn {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str::<Cursor>(cursor).ok());
        let mut cursor = kept.unwrap_or_default();
        let mut batch = Batch::default();
        let before = |at: Timestamp, by: SignedDuration| at.checked_sub(by).unwrap_or(at);
        let mut from =
            cursor.through.map_or(before(now, self.wanted.back), |through| before(through, OVERLAP));
        let floor = before(now, SERVED);
        let mut lost = |from: Timestamp, until: Timestamp| {
            let (source, cause) = (self.settings.id.clone(), GapCause::Overrun);
            let detail = "LinkedIn keeps what happened for 60 days".to_owned();
            batch.gaps.push(Gap { source, from: Some(from), until, cause, detail });
        };
        if from < floor {
            lost(from, floor);
            from = floor;
        }
        for window in cursor.left.iter().filter(|window| window.from < floor) {
            lost(window.from, window.until.min(floor));
        }
        cursor.left.retain(|window| window.until > floor);
        cursor.left.push(Window { from, until: now, start: 0 });
        cursor.through = Some(now);
        // Oldest first, as what is owed is.
        let mut fresh: Vec<Owed> = Vec::new();
        for page in 0..MOST_PAGES {
            let Some(mut window) = cursor.left.pop() else { break };
            match self.page(&window, now).await {
                Ok((parsed, owed, count)) => {
                    batch.posts.extend(parsed.posts);
                    batch.rejects.extend(parsed.rejects);
                    let new = owed.into_iter().filter(|(_, told)| {
                        !cursor.had.contains(told) && !cursor.owed.iter().any(|owed| owed.told == *told)
                    });
                    let new: Vec<Owed> =
                        new.map(|(urn, told)| Owed { urn, told, since: window.from }).collect();
                    fresh.splice(0..0, new.into_iter().rev());
                    if count >= PAGE {
                        window.start += count;
                        cursor.left.push(window);
                    }
                }
                Err(error) if page > 0 => {
                    batch.rest = error.pause();
                    cursor.left.push(window);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        cursor.owed.extend(fresh);
        while cursor.owed.len() > MOST_OWED {
            let owed = cursor.owed.remove(0);
            let detail = "more was told without its words than can be asked for".to_owned();
            let (source, cause) = (self.settings.id.clone(), GapCause::Overrun);
            batch.gaps.push(Gap { source, from: Some(owed.since), until: now, cause, detail });
        }
        self.settle(&mut cursor, &mut batch, now).await;
        batch.more = batch.rest.is_none() && !cursor.left.is_empty();
        let unread = cursor
            .left
            .iter()
            .map(|window| window.from)
            .chain(cursor.owed.iter().map(|owed| owed.since))
            .min();
        batch.fetched_through = Some(unread.unwrap_or(now));
        batch.posts.sort_by_key(|post| post.created_at);
        let written = serde_json::to_string(&cursor).expect("names and dates always serialise");
        batch.position = Position { cursor: Some(written), memo: None };
        Ok(batch)
    }

    fn terms(&self) -> Option<&'static Terms> {
        Some(self.wanted.terms)
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        MOST_ASKED
    }

    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut said = Rechecked::default();
        for known in known.iter().take(MOST_ASKED).filter(|known| known.id.starts_with("urn:li:")) {
            match self.one(&known.id, now).await {
                Ok(Found::Here(posts)) => said.posts.extend(posts),
                Ok(Found::Gone) => said.gone.push(known.id.clone()),
                Err(error) if error.pause().is_some() => {
                    said.rest = error.pause();
                    break;
                }
                // Another's post, not shown to us: no sign that it is gone.
                Err(error) if error.retry == Retry::Never && read::parts(&known.id).is_none() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(said)
    }
}

fn strange(answer: &Answer<'_>, nothing: Nothing) -> SourceError {
    SourceError { what: format!("{} {}", shown(answer), nothing.words()), retry: Retry::Soon, position: None }
}

fn shown(answer: &Answer<'_>) -> String {
    let url = answer.url.and_then(|url| url::Url::parse(url).ok());
    url.map_or_else(
        || "LinkedIn".into(),
        |url| format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
    )
}

/// What a refusal means and what to do.
fn refused(answer: &Answer<'_>, version: &str, now: Timestamp) -> SourceError {
    let value: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let message = Node::root(&value).text("message").map(text::one_line).unwrap_or_default();
    let after =
        answer.header("retry-after").and_then(|wait| wait.trim().parse().ok()).map(SignedDuration::from_secs);
    let (why, retry) = match answer.status {
        401 => (
            "the access token has expired (they live 60 days) or was withdrawn: make a new one".to_owned(),
            Retry::Never,
        ),
        403 => (
            "the token may not: its member must be an administrator of the page, the app approved for the Community \
             Management API, the token made with rw_organization_admin and r_organization_social"
                .to_owned(),
            Retry::Never,
        ),
        426 => (format!("the version {version} is served no more: write a newer one, as version = \"202609\""), Retry::Never),
        429 if message.contains(" DAY ") => ("the requests of this day are used up".to_owned(), Retry::After(until_midnight(now))),
        429 => ("too many requests".to_owned(), Retry::After(after.unwrap_or(SignedDuration::from_mins(10)))),
        status => (String::new(), from_status(status, after)),
    };
    let mut what = format!("{} answered {}", shown(answer), answer.status);
    if !why.is_empty() {
        what.push_str(&format!(": {why}"));
    }
    if !message.is_empty() && !message.to_lowercase().contains("token") {
        what.push_str(&format!(" ({})", text::cut(&message, 200)));
    }
    SourceError { what, retry, position: None }
}

/// Daily limits begin anew at midnight in UTC.
fn until_midnight(now: Timestamp) -> SignedDuration {
    let next = now.to_zoned(TimeZone::UTC).start_of_day().and_then(|day| day.checked_add(1.day()));
    next.map_or(SignedDuration::from_hours(24), |next| next.timestamp().duration_since(now))
}
