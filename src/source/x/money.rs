//! The purse: what was spent this month, what may still be, what the rest of the month will cost. Pure.
//!
//! # Property wanted
//! The posts paid for in a calendar month (UTC) never cost more than the cap. A question is asked for so few
//! results that their dearest answer still fits, and not at all where not even the smallest would; what it
//! did cost is counted from the answer and kept in the cursor, so that it survives a restart.
//!
//! Asking anew after posts known ([`Source::recheck`](crate::source::Source::recheck)) costs as much, and has
//! no cursor to write to. So each look sets a reserve aside, counted as spent as soon as it is stored, and
//! rechecks live on what was stored before they ask. After a restart nobody knows how much of the reserve is
//! left: all of it counts as used.
//!
//! # Accepted
//! * An answer that never arrived is not counted: the place bills answers, and the same post once a day; the
//!   look after it reads the same posts and counts them.
//! * The same post read twice on a day is counted twice, though the place says that it bills it once.
//! * A purse belongs to a source: one that gets another name begins a new one.
//!
//! `earmark sources test` pays from the same purse ([`Source::trial`](crate::source::Source::trial)), and what
//! sources with one bearer may spend together is summed by `earmark check`, which wants that sum to be meant.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// Millionths of a dollar.
pub type Micro = u64;

/// What the place charges, and the most that we pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// A post read.
    pub post: Micro,
    /// An author read with it.
    pub author: Micro,
    /// A question for a count.
    pub count: Micro,
    /// For a calendar month.
    pub cap: Micro,
    /// Authors are asked for.
    pub authors: bool,
    /// Posts that a post refers to come with it: at most so many.
    pub referred: u64,
}

/// What an answer brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    pub posts: u64,
    pub authors: u64,
}

impl Prices {
    /// The dearest that one result can be.
    pub fn worst(&self) -> Micro {
        let posts = self.post.saturating_mul(1 + self.referred);
        posts + if self.authors { self.author } else { 0 }
    }

    /// What an answer cost.
    pub fn of(&self, read: Read) -> Micro {
        self.post.saturating_mul(read.posts).saturating_add(self.author.saturating_mul(read.authors))
    }

    /// What this many posts a day cost in a month of thirty days, each with its author.
    pub fn month_at(&self, per_day: f64) -> f64 {
        let each = self.post + if self.authors { self.author } else { 0 };
        per_day * 30.0 * dollars(each)
    }
}

/// What is kept of the money between looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Purse {
    /// As `2026-11`, in UTC.
    month: String,
    spent: Micro,
    /// Results that rechecks may ask for, paid for already.
    reserve: u64,
    /// Posts a day, as the place counted them.
    pub per_day: Option<f64>,
    /// When it was asked for its count.
    pub counted: Option<Timestamp>,
}

impl Purse {
    /// A new month begins with nothing spent but the reserve.
    pub fn turn(&mut self, now: Timestamp, prices: &Prices) {
        let month = now.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string();
        if self.month != month {
            self.month = month;
            self.spent = self.reserve.saturating_mul(prices.worst());
        }
    }

    /// What may still be spent this month.
    pub fn left(&self, prices: &Prices) -> Micro {
        prices.cap.saturating_sub(self.spent)
    }

    /// For how many results a question may ask.
    pub fn affords(&self, prices: &Prices) -> u64 {
        self.left(prices) / prices.worst().max(1)
    }

    /// Counts what was paid.
    pub fn pay(&mut self, cost: Micro) {
        self.spent = self.spent.saturating_add(cost);
    }

    /// Fills the reserve up to `wanted` results; `used` of it are gone, all where nobody knows. What is given
    /// back may be asked for before this purse is stored: it was paid for when the last one was.
    pub fn reserve(&mut self, wanted: u64, used: Option<u64>, prices: &Prices) -> u64 {
        let kept = self.reserve.saturating_sub(used.unwrap_or(self.reserve));
        // The looks come first: rechecks get what leaves as much again.
        let more = wanted.saturating_sub(kept).min(self.affords(prices) / 2);
        self.pay(more.saturating_mul(prices.worst()));
        self.reserve = kept + more;
        kept
    }

    /// What an operator should know.
    pub fn words(&self, prices: &Prices) -> String {
        let aside = self.reserve.saturating_mul(prices.worst());
        let spent = dollars(self.spent.saturating_sub(aside));
        let mut said = format!("${spent:.2} of ${:.2} spent in {}", dollars(prices.cap), self.month);
        if aside > 0 {
            said.push_str(&format!(", ${:.2} set aside for asking anew after posts known", dollars(aside)));
        }
        if let Some(per_day) = self.per_day {
            let month = prices.month_at(per_day);
            said.push_str(&format!("; about {per_day:.0} posts a day match, ${month:.2} a month"));
            if month > dollars(prices.cap) {
                let days = dollars(prices.cap) / (month / 30.0);
                said.push_str(&format!(": the money lasts for {days:.0} days of a month"));
            }
        }
        said
    }
}

/// How long until the next calendar month in UTC.
pub fn until_next_month(now: Timestamp) -> SignedDuration {
    let first = now.to_zoned(TimeZone::UTC).first_of_month().and_then(|day| day.start_of_day());
    let next = first.and_then(|day| day.checked_add(1.month()));
    next.map_or(SignedDuration::from_hours(24), |next| next.timestamp().duration_since(now))
}

/// For people.
#[expect(
    clippy::cast_precision_loss,
    reason = "sums of money that people spend are far below 2^53 millionths"
)]
pub fn dollars(money: Micro) -> f64 {
    money as f64 / 1e6
}

/// From a configured number; none where it is no price.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked against both ends")]
pub fn micro(dollars: f64) -> Option<Micro> {
    let money = (dollars * 1e6).round();
    (money.is_finite() && (0.0..1e15).contains(&money)).then_some(money as Micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: Prices =
        Prices { post: 5_000, author: 10_000, count: 5_000, cap: 1_000_000, authors: true, referred: 0 };

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_month_never_costs_more_than_its_cap() {
        let mut purse = Purse::default();
        purse.turn(at("2026-11-05T00:00:00Z"), &PRICES);
        let mut read = 0;
        while purse.affords(&PRICES) >= 10 {
            let results = purse.affords(&PRICES).min(25);
            purse.pay(PRICES.of(Read { posts: results, authors: results }));
            read += results;
        }
        assert_eq!((read, purse.left(&PRICES)), (66, 10_000));
        purse.turn(at("2026-11-30T23:59:59Z"), &PRICES);
        assert_eq!(purse.affords(&PRICES), 0);
        purse.turn(at("2026-12-01T00:00:00Z"), &PRICES);
        assert_eq!(purse.left(&PRICES), PRICES.cap);
        assert_eq!(until_next_month(at("2026-12-30T00:00:00Z")), SignedDuration::from_hours(48));
    }

    #[test]
    fn rechecks_live_on_what_was_stored_before() {
        let mut purse = Purse::default();
        purse.turn(at("2026-11-05T00:00:00Z"), &PRICES);
        assert_eq!(purse.reserve(20, Some(0), &PRICES), 0, "nothing was stored yet");
        assert_eq!(purse.left(&PRICES), 1_000_000 - 20 * 15_000);
        assert_eq!(purse.reserve(20, Some(5), &PRICES), 15);
        assert_eq!(purse.left(&PRICES), 1_000_000 - 25 * 15_000);
        assert_eq!(purse.reserve(20, None, &PRICES), 0, "after a restart all of it counts as used");
        assert_eq!(purse.left(&PRICES), 1_000_000 - 45 * 15_000);
        purse.turn(at("2026-12-05T00:00:00Z"), &PRICES);
        assert_eq!(purse.left(&PRICES), 1_000_000 - 20 * 15_000, "a reserve is paid for in each month anew");
    }

    #[test]
    fn the_forecast_is_said_in_money() {
        let mut purse = Purse { per_day: Some(10.0), ..Purse::default() };
        purse.turn(at("2026-11-05T00:00:00Z"), &PRICES);
        let said = purse.words(&PRICES);
        assert!(said.contains("$0.00 of $1.00 spent in 2026-11"), "{said}");
        assert!(said.contains("10 posts a day match, $4.50 a month: the money lasts for 7 days"), "{said}");
        assert_eq!((micro(0.005), micro(-1.0), micro(f64::NAN)), (Some(5_000), None, None));
    }
}
