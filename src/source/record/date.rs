//! Dates as people and programs write them. What could be read in two ways (`03/04/2025`) is not read.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Said when a date cannot be read.
pub const REMEDY: &str = "the date cannot be read; write 2025-04-03T10:00:00Z, \"2025-04-03 10:00:00\" (UTC), \
                          2025-04-03, \"Thu, 03 Apr 2025 10:00:00 +0000\", or seconds or milliseconds since 1970";

/// Reads RFC 3339, RFC 2822, date and time without a zone (UTC), a date (its midnight in UTC), seconds
/// or milliseconds since 1970.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(at) = epoch(text) {
        return Some(at);
    }
    let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let spaced = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT")).unwrap_or(text);
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| spaced.parse::<DateTime>().ok().and_then(utc))
        .or_else(|| spaced.parse::<Date>().ok().and_then(|day| utc(day.at(0, 0, 0, 0))))
        .or_else(|| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok())
}

fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // Shorter numbers are more often a year or a day written together than a second before 1973.
    if whole.len() < 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    match whole.len() {
        9..=11 => Timestamp::from_second(number).ok(),
        12..=14 => Timestamp::from_millisecond(number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms_and_no_ambiguous_one() {
        for (text, second) in [
            ("2025-04-03T10:00:00Z", 1_743_674_400),
            ("2025-04-03T12:00:00+02:00", 1_743_674_400),
            ("2025-04-03 10:00:00", 1_743_674_400),
            ("2025-04-03 10:00:00 UTC", 1_743_674_400),
            ("2025-04-03T10:00:00", 1_743_674_400),
            ("Thu, 03 Apr 2025 10:00:00 +0000", 1_743_674_400),
            ("2025-04-03", 1_743_638_400),
            ("20250403", 1_743_638_400),
            ("1743674400", 1_743_674_400),
            (" 1743674400000 ", 1_743_674_400),
            ("1743674400.25", 1_743_674_400),
        ] {
            assert_eq!(parse(text).map(|at| at.as_second()), Some(second), "{text}");
        }
        for text in ["", "03/04/2025", "yesterday", "2025", "4/3/25", "99999999999999999999", "2025-13-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
