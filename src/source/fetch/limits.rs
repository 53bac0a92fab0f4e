//! What a place says of how often it may still be asked: `x-ratelimit-*`, `ratelimit-*`, `x-rate-limit-*` and
//! the newer one-line `ratelimit`. Pure.
//!
//! `reset` is written in five ways in the wild: seconds from now, seconds or milliseconds since 1970, an RFC
//! 3339 date, and (the last resort) nothing. Numbers are told apart by their size.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use super::wishes;
use crate::net::Reply;

/// No pause that a header asks for is longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// How long a place is left alone that refused and did not say for how long.
const UNSAID: SignedDuration = SignedDuration::from_mins(1);

/// For how long nothing more may be asked, if so.
pub fn pause(reply: &Reply, now: Timestamp) -> Option<SignedDuration> {
    let after = wishes::retry_after(reply, SystemTime::from(now));
    let spent = spent(reply, now);
    let wait = match reply.status {
        429 => after.into_iter().chain(spent).max().or(Some(UNSAID)),
        // A second limit of some places (GitHub's) is told by a 403 with a date.
        403 => after.or(spent),
        _ => spent,
    };
    wait.filter(|wait| wait.is_positive()).map(|wait| wait.min(LONGEST))
}

/// How long until there is something left again; none while there is.
pub fn spent(reply: &Reply, now: Timestamp) -> Option<SignedDuration> {
    let first = |names: [&str; 3]| names.into_iter().find_map(|name| reply.header(name)).map(str::trim);
    let one_line = |letter: &str| {
        let parts = reply.header("ratelimit")?.split([';', ',']);
        parts.filter_map(|part| part.trim().split_once('=')).find(|(name, _)| *name == letter)
    };
    let left = first(["x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining"])
        .or_else(|| one_line("r").or_else(|| one_line("remaining")).map(|(_, left)| left))?;
    let left: f64 = left.split(',').next()?.trim().parse().ok()?;
    if left >= 1.0 {
        return None;
    }
    let reset = first(["x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset"])
        .or_else(|| one_line("t").or_else(|| one_line("reset")).map(|(_, reset)| reset))?;
    until(reset, now).filter(|wait| wait.is_positive()).map(|wait| wait.min(LONGEST))
}

fn until(reset: &str, now: Timestamp) -> Option<SignedDuration> {
    if let Ok(at) = reset.parse::<Timestamp>() {
        return Some(at.duration_since(now));
    }
    let number: f64 =
        reset.split(',').next()?.trim().parse().ok().filter(|number: &f64| number.is_finite())?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond i64 becomes its end, which is capped"
    )]
    let whole = number.ceil() as i64;
    match whole {
        ..1 => None,
        1..1_000_000_000 => Some(SignedDuration::from_secs(whole)),
        1_000_000_000..100_000_000_000 => Timestamp::from_second(whole).ok().map(|at| at.duration_since(now)),
        _ => Timestamp::from_millisecond(whole).ok().map(|at| at.duration_since(now)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn hears_every_way_of_saying_enough() {
        let now = Timestamp::from_second(1_767_225_600).expect("in range");
        for (status, headers, expected) in [
            (200, vec![("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "60")], None),
            (200, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")], Some(60)),
            (200, vec![("x-ratelimit-remaining", "0.0"), ("x-ratelimit-reset", "37")], Some(37)),
            (200, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225630")], Some(30)),
            (200, vec![("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1767225630000")], Some(30)),
            (
                200,
                vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2026-01-01T00:05:00.000Z")],
                Some(300),
            ),
            (200, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225000")], None),
            (200, vec![("x-ratelimit-remaining", "0")], None),
            (200, vec![("ratelimit", "\"default\";r=0;t=12")], Some(12)),
            (200, vec![("ratelimit", "limit=10, remaining=0, reset=7")], Some(7)),
            (200, vec![("ratelimit", "\"default\";r=4;t=12")], None),
            (200, vec![("ratelimit-remaining", "nonsense"), ("ratelimit-reset", "9")], None),
            (200, vec![("ratelimit-remaining", "0"), ("ratelimit-reset", "NaN")], None),
            (200, vec![("ratelimit-remaining", "0"), ("ratelimit-reset", "1e300")], None),
            (429, vec![], Some(60)),
            (429, vec![("retry-after", "5")], Some(5)),
            (
                429,
                vec![("retry-after", "5"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "9")],
                Some(9),
            ),
            (429, vec![("retry-after", "99999999")], Some(86_400)),
            (403, vec![("retry-after", "120")], Some(120)),
            (403, vec![], None),
            (503, vec![("retry-after", "120")], None),
        ] {
            let headers =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let reply = Reply { status, headers, body: Bytes::new() };
            assert_eq!(
                pause(&reply, now).map(|wait| wait.as_secs()),
                expected,
                "{status} {:?}",
                reply.headers
            );
        }
    }
}
