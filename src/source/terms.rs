//! What a place allows, as values: how its kind signs in, how often it may be asked, how far back it serves,
//! what it wants erased. The fetcher keeps to the budgets, `earmark check` refuses settings outside the
//! rest, and `earmark sources terms` prints all of it for whoever has to agree to it.
//!
//! ```text
//! static TERMS: Terms = Terms {
//!     access: Access::Key,
//!     needs: "an API key, free",
//!     budgets: &[Budget::per_minute(60, Over::Credential)],
//!     least_every: 30,
//!     sees: "comments of chosen videos",
//!     document: "https://acme.example/terms",
//!     ..Terms::OWN
//! };
//! ```

use jiff::SignedDuration;

use super::{Kind, Settings};
use crate::domain::duration;
use crate::domain::problem::{Problem, Problems};
use crate::net::address;

mod show;

pub use show::{HEADS, markdown, rows};

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Everybody; who has a key may ask more.
    KeyOptional,
    /// Who has a key or an account.
    Key,
    /// Who the platform has approved, or sold it to.
    Approved,
    /// Ours: nobody else is asked.
    Own,
}

impl Access {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Access::Open => "none",
            Access::KeyOptional => "key optional",
            Access::Key => "key",
            Access::Approved => "approval",
            Access::Own => "own",
        }
    }
}

/// What a budget is counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Over {
    /// All requests to one host.
    Host,
    /// Requests to one host that carry no credential.
    Anonymous,
    /// All requests with one credential, whichever source they are for.
    Credential,
}

/// So many requests in so much time: in no stretch of that length more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// How many; what a request costs is one unless the kind says otherwise.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
    /// Counted over.
    pub over: Over,
    /// Where a platform counts some of its requests by themselves: what those are called, else empty.
    /// A request names what it is counted under (`Ask::bucket`).
    pub bucket: &'static str,
}

impl Budget {
    /// So many in so many seconds.
    pub const fn new(requests: u32, seconds: u32, over: Over) -> Self {
        Self { requests, seconds, over, bucket: "" }
    }

    /// So many a minute.
    pub const fn per_minute(requests: u32, over: Over) -> Self {
        Self::new(requests, 60, over)
    }

    /// So many an hour.
    pub const fn per_hour(requests: u32, over: Over) -> Self {
        Self::new(requests, 3_600, over)
    }

    /// So many a day.
    pub const fn per_day(requests: u32, over: Over) -> Self {
        Self::new(requests, 86_400, over)
    }

    /// Counted by itself, under this name.
    #[must_use]
    pub const fn of(self, bucket: &'static str) -> Self {
        Self { bucket, ..self }
    }

    /// The stretch of time.
    pub fn window(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.seconds))
    }
}

/// Where a document says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The document and its section, as it calls them.
    pub title: &'static str,
    /// Where it lies.
    pub url: &'static str,
}

/// Whose word a figure is. What nobody looked up is a habit of ours, never the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The platform's: its document says so.
    Theirs(Place),
    /// The platform's document asks for it and names another figure or none: this one is ours, and stricter.
    Stricter(&'static str, Place),
    /// Ours alone: no document of the platform was found that says so.
    Habit,
}

impl Word {
    /// The platform's document, at that place, says so.
    pub const fn theirs(title: &'static str, url: &'static str) -> Self {
        Word::Theirs(Place { title, url })
    }

    /// The platform's document says this instead, at that place; ours is stricter.
    pub const fn stricter(said: &'static str, title: &'static str, url: &'static str) -> Self {
        Word::Stricter(said, Place { title, url })
    }

    /// In two words, for a table.
    pub fn short(self) -> &'static str {
        match self {
            Word::Theirs(_) => "its terms",
            Word::Stricter(..) => "stricter than its terms",
            Word::Habit => "our habit",
        }
    }

    /// The whole of it, with where to look.
    pub fn words(self) -> String {
        match self {
            Word::Theirs(place) => format!("the platform's: {}, {}", place.title, place.url),
            Word::Stricter(said, place) => {
                format!("ours, stricter; the platform says: {said} ({}, {})", place.title, place.url)
            }
            Word::Habit => "our habit; not confirmed in a document of the platform".into(),
        }
    }
}

/// Something that is erased, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erase {
    /// A fragment: `what was deleted there`.
    pub what: &'static str,
    /// Within so many hours of the day on which we could know.
    pub hours: u32,
    /// Who says so.
    pub word: Word,
}

impl Erase {
    /// As the place wants it, or as is our habit.
    pub const fn new(what: &'static str, hours: u32, word: Word) -> Self {
        Self { what, hours, word }
    }
}

/// Whether a company may read it in the way this kind does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commercial {
    /// Without asking.
    Allowed,
    /// What the place's own terms say; nobody has answered for all of them.
    ItsTerms,
    /// With a contract, an approval or a purchase.
    Contract,
}

impl Commercial {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Commercial::Allowed => "yes",
            Commercial::ItsTerms => "as the site's terms say",
            Commercial::Contract => "by contract only",
        }
    }
}

/// What the reader of the kind was proven against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// Recorded answers of the real service.
    Recorded,
    /// The platform's documents only: nothing of today's interface was recorded.
    Documents,
    /// It is ours; there is nothing to record.
    Own,
}

impl Proven {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Proven::Recorded => "recorded answers",
            Proven::Documents => "the platform's documents",
            Proven::Own => "–",
        }
    }
}

/// The settings that bound what is paid to a place that charges for being read; both in dollars a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// What one source may spend.
    pub cap: &'static str,
    /// What all that share its credential may spend; where there are several it must be said.
    pub together: &'static str,
}

/// What a place allows.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Who is let in.
    pub access: Access,
    /// What one needs first, for people; empty: nothing.
    pub needs: &'static str,
    /// What may be asked.
    pub budgets: &'static [Budget],
    /// Who says so.
    pub budgets_word: Word,
    /// What a usual look costs of the budgets, to sum up what sources that share one will ask.
    pub asks: u32,
    /// Settings that are lists of which each entry is asked after by itself.
    pub each: &'static [&'static str],
    /// Fewest seconds from one look to the next, whatever the settings say.
    pub least_every: u32,
    /// How much one answer and one question may hold, for people; empty: all there is.
    pub paging: &'static str,
    /// How long a text may be kept without being asked for again, in days; none: as long as we like.
    pub keep_days: Option<u32>,
    /// Who says so.
    pub keep_word: Word,
    /// Whether a text may be kept on once its place has served it anew; for kinds that can ask by id.
    pub refresh: bool,
    /// What must go, and by when.
    pub erase: &'static [Erase],
    /// Whether an author may be matched with the same person elsewhere.
    pub link_identities: bool,
    /// Whether a company may.
    pub commercial: Commercial,
    /// What is read.
    pub sees: &'static str,
    /// What is not, or not surely.
    pub cannot: &'static str,
    /// The settings that bound what is paid by the look; none where nothing is.
    pub money: Option<Money>,
    /// What the place charges; empty: nothing.
    pub costs: &'static str,
    /// What its reader was proven against.
    pub proven: Proven,
    /// Where the platform says all this; empty where there is no platform.
    pub document: &'static str,
}

impl Terms {
    /// Of what is ours: everything goes. Kinds of others name what is different.
    pub const OWN: Terms = Terms {
        access: Access::Own,
        needs: "",
        budgets: &[],
        budgets_word: Word::Habit,
        asks: 1,
        each: &[],
        least_every: 1,
        paging: "",
        keep_days: None,
        keep_word: Word::Habit,
        refresh: false,
        erase: &[],
        link_identities: true,
        commercial: Commercial::Allowed,
        sees: "",
        cannot: "",
        money: None,
        costs: "",
        proven: Proven::Own,
        document: "",
    };

    /// Of a place of others that needs no account: nothing is assumed to be allowed.
    pub const OPEN: Terms = Terms {
        access: Access::Open,
        least_every: 60,
        link_identities: false,
        commercial: Commercial::ItsTerms,
        proven: Proven::Recorded,
        ..Terms::OWN
    };

    /// The shortest wait from one look to the next.
    pub fn least_interval(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.least_every))
    }
}

/// All faults of a source's settings: the kind's own, and what lies outside its terms. `keep_text` is how
/// long its texts are kept.
pub fn check(kind: &Kind, settings: &Settings, keep_text: Option<SignedDuration>) -> Problems {
    let mut problems = (kind.check)(settings);
    let terms = kind.terms;
    // This machine is ours to crowd.
    let here = ["url", "base_url", "server", "blog", "forum"].iter().any(|key| {
        settings.params.get(key).and_then(|value| value.as_str()).is_some_and(address::is_this_machine)
    });
    for key in ["interval", "every"] {
        let told = problems.0.iter().any(|problem| problem.key == key);
        let wait = settings.params.get(key).and_then(|value| value.as_str());
        if let Some(Ok(wait)) = wait.map(duration::parse)
            && wait < terms.least_interval()
            && !told
            && !here
        {
            let least = terms.least_every;
            problems.push(
                Problem::new(key, format!("{} may be looked at every {least} s at most", kind.name))
                    .remedy(format!("write \"{least}s\" or more; `earmark sources terms` says why")),
            );
        }
    }
    let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    if let (Some(most), Some(keep)) = (terms.keep_days, keep_text)
        && keep > days(most)
        && !terms.refresh
    {
        problems.push(
            Problem::new("", format!("its texts would be kept for longer than the {most} days of its terms"))
                .remedy(format!("write retention = \"{most}d\" beside its kind")),
        );
    }
    problems
}
