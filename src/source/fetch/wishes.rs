//! What a server asks of those who ask it: `Retry-After`, `Cache-Control`, `Expires`. Pure; dates
//! are counted from the server's own `Date`, so that its clock may be wrong.

use std::time::{Duration, SystemTime};

use jiff::SignedDuration;

use crate::net::Reply;

/// No wish keeps us away for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// How long not to ask again after a good answer.
pub fn rest(reply: &Reply, now: SystemTime) -> Option<SignedDuration> {
    freshness(reply, now).into_iter().chain(retry_after(reply, now)).max().filter(|rest| rest.is_positive())
}

/// `Retry-After`, as seconds or as a date.
pub fn retry_after(reply: &Reply, now: SystemTime) -> Option<SignedDuration> {
    let value = reply.header("retry-after")?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        let seconds = if seconds.is_finite() { seconds.clamp(0.0, LONGEST.as_secs_f64()) } else { 0.0 };
        return Some(clamped(Duration::from_secs_f64(seconds)));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(clamped(at.duration_since(server_now(reply, now)).unwrap_or_default()))
}

/// How long the answer stays good. `max-age` wins over `Expires`; what may not be kept has none.
fn freshness(reply: &Reply, now: SystemTime) -> Option<SignedDuration> {
    let directives: Vec<String> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "cache-control")
        .flat_map(|(_, value)| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives.iter().any(|directive| directive == "no-store" || directive == "no-cache") {
        return None;
    }
    let max_age = directives
        .iter()
        .find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse::<u64>().ok());
    if let Some(seconds) = max_age {
        let age = reply.header("age").and_then(|age| age.trim().parse().ok()).unwrap_or(0);
        return Some(clamped(Duration::from_secs(seconds.saturating_sub(age))));
    }
    let at = httpdate::parse_http_date(reply.header("expires")?.trim()).ok()?;
    at.duration_since(server_now(reply, now)).ok().map(clamped)
}

fn server_now(reply: &Reply, now: SystemTime) -> SystemTime {
    reply.header("date").and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now)
}

fn clamped(wait: Duration) -> SignedDuration {
    SignedDuration::try_from(wait.min(LONGEST)).expect("a day fits")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn reply(headers: &[(&str, &str)]) -> Reply {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status: 200, headers, body: Bytes::new() }
    }

    #[test]
    fn hears_seconds_and_dates_and_caps_both() {
        let date = ("date", "Wed, 04 Mar 2026 10:00:00 GMT");
        let now = SystemTime::UNIX_EPOCH;
        for (headers, expected) in [
            (vec![("retry-after", "120")], Some(120)),
            (vec![("retry-after", "1.5")], Some(1)),
            (vec![("retry-after", "-7")], Some(0)),
            (vec![("retry-after", "99999999999")], Some(86_400)),
            (vec![("retry-after", "soon")], None),
            (vec![date, ("retry-after", "Wed, 04 Mar 2026 10:05:00 GMT")], Some(300)),
            (vec![date, ("retry-after", "Wed, 04 Mar 2026 09:00:00 GMT")], Some(0)),
            (vec![date, ("retry-after", "Tue, 04 Mar 2036 09:00:00 GMT")], Some(86_400)),
            (vec![], None),
        ] {
            let got = retry_after(&reply(&headers), now).map(|wait| wait.as_secs());
            assert_eq!(got, expected, "{headers:?}");
        }
    }

    #[test]
    fn rests_while_the_answer_is_good() {
        let date = ("date", "Wed, 04 Mar 2026 10:00:00 GMT");
        let now = SystemTime::UNIX_EPOCH;
        for (headers, expected) in [
            (vec![("cache-control", "public, max-age=600")], Some(600)),
            (vec![("cache-control", "Max-Age=\"600\""), ("age", "500")], Some(100)),
            (vec![("cache-control", "max-age=600, no-cache")], None),
            (vec![("cache-control", "max-age=0"), date, ("expires", "Wed, 04 Mar 2026 11:00:00 GMT")], None),
            (vec![date, ("expires", "Wed, 04 Mar 2026 11:00:00 GMT")], Some(3_600)),
            (vec![date, ("expires", "-1")], None),
            (vec![("cache-control", "max-age=31536000")], Some(86_400)),
            (vec![("cache-control", "max-age=60"), ("retry-after", "90")], Some(90)),
        ] {
            let got = rest(&reply(&headers), now).map(|wait| wait.as_secs());
            assert_eq!(got, expected, "{headers:?}");
        }
    }
}
