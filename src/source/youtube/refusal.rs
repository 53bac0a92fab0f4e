//! What an error answer of YouTube means: the status says little, the reason says it.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::source::{Nothing, Retry, SourceError, fetch};

/// Why a place gave nothing.
#[derive(Debug)]
pub enum Refusal {
    /// Its comments are switched off.
    Closed,
    /// There is no such place, or not any more.
    Gone(SourceError),
    /// Other places may be open all the same.
    Here(SourceError),
    /// Nothing is answered now.
    Everywhere(SourceError),
}

impl Refusal {
    pub fn strange(place: &str, nothing: Nothing) -> Self {
        let what = format!("the answer of youtube for {place} {}", nothing.words());
        Refusal::Everywhere(SourceError { what, retry: Retry::Soon, position: None })
    }

    pub fn error(self) -> Option<SourceError> {
        match self {
            Refusal::Closed => None,
            Refusal::Gone(error) | Refusal::Here(error) | Refusal::Everywhere(error) => Some(error),
        }
    }
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        Refusal::Everywhere(error)
    }
}

/// What an error answer for a place means.
pub fn of(place: &str, answer: &fetch::Answer, now: Timestamp) -> Refusal {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reasons = reasons(&value);
    let said = |words: &[&str]| reasons.iter().any(|reason| words.contains(&reason.as_str()));
    let shown = reasons.first().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let status = answer.status;
    let error = |what: String, retry| SourceError { what, retry, position: None };
    let answered = || format!("youtube answered {status}{shown} for {place}");
    if said(&["commentsDisabled"]) {
        return Refusal::Closed;
    }
    if said(&["quotaExceeded", "dailyLimitExceeded"]) {
        let what = "the units of this key are used up until midnight in California".to_owned();
        return Refusal::Everywhere(error(what, Retry::Budget(to_midnight(now))));
    }
    if said(&["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"]) {
        let wait = answer.rest.unwrap_or_default().max(SignedDuration::from_mins(1));
        return Refusal::Everywhere(error(answered(), Retry::After(wait)));
    }
    if said(&["keyInvalid", "API_KEY_INVALID", "keyExpired", "accessNotConfigured", "SERVICE_DISABLED"]) {
        let what =
            format!("youtube refuses the key{shown}: see that it is right and its project has the API");
        return Refusal::Everywhere(error(what, Retry::Never));
    }
    let error = error(answered(), fetch::from_status(status, answer.rest));
    match status {
        404 | 410 => Refusal::Gone(error),
        400 | 403 => Refusal::Here(error),
        _ => Refusal::Everywhere(error),
    }
}

/// The reasons an answer gives, in its own words; what is no plain word is no reason.
fn reasons(value: &Value) -> Vec<String> {
    let lists = ["/error/errors", "/error/details"];
    let listed = lists.iter().filter_map(|list| value.pointer(list)?.as_array()).flatten();
    let words = listed.filter_map(|item| item.get("reason")?.as_str());
    let plain =
        |word: &&str| word.len() <= 40 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    words.filter(plain).map(str::to_owned).collect()
}

/// How long until the units of a day are given anew.
pub fn to_midnight(now: Timestamp) -> SignedDuration {
    // Without the rules of time zones, by winter time: an hour late in summer, never early.
    let zone = TimeZone::get("America/Los_Angeles").unwrap_or_else(|_| Offset::constant(-8).to_time_zone());
    let local = now.to_zoned(zone);
    let midnight = local.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
    midnight.map_or(SignedDuration::from_hours(24), |midnight| midnight.timestamp().duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_units_begins_in_california() {
        for (now, hours) in
            [("2026-01-15T20:00:00Z", 12), ("2026-07-15T20:00:00Z", 11), ("2026-01-15T08:00:00Z", 24)]
        {
            let wait = to_midnight(now.parse().expect("a time"));
            assert_eq!(wait, SignedDuration::from_hours(hours), "{now}");
        }
    }
}
