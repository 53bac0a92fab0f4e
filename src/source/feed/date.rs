//! Dates as feeds write them: RFC 3339 and RFC 822 by the letter, and everything people's
//! templates make of the two.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// Reads a date, leniently; a date without a zone is taken as UTC.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > 100 {
        return None;
    }
    numeric(text).or_else(|| worded(text))
}

/// `2026-03-04T10:00:00.5+01:00` and what is left when parts of it are missing.
fn numeric(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = match digits {
        8 => (date(&text[..4], &text[4..6], &text[6..8])?, &text[8..]),
        4 => {
            let end = text
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '/' | '.')))
                .unwrap_or(text.len());
            let mut parts = text[..end].split(['-', '/', '.']).filter(|part| !part.is_empty());
            let (year, month, day) =
                (parts.next()?, parts.next().unwrap_or("1"), parts.next().unwrap_or("1"));
            (date(year, month, day)?, &text[end..])
        }
        _ => return None,
    };
    let rest = rest.trim_start_matches(['T', 't', ' ', '_']);
    let (time, zone) = clock(rest)?;
    stamp(date, time, zone.trim())
}

/// `Wed, 04 Mar 2026 10:00 GMT`, `Mar 4, 2026 10:00:00 AM PST`, `Wed Mar  4 10:00:00 2026`.
fn worded(text: &str) -> Option<Timestamp> {
    let (mut month, mut time, mut zone) = (None, Time::midnight(), String::new());
    let mut numbers: Vec<&str> = Vec::new();
    for word in text.split([' ', ',', '\t', '\n']).filter(|word| !word.is_empty()) {
        if word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
            let (found, rest) = clock(word)?;
            time = found;
            zone.push_str(rest);
        } else if word.starts_with(['+', '-']) && word.len() > 2 {
            zone = word.to_owned();
        } else if let Some(found) = month_of(word) {
            month = Some(found);
        } else if word.eq_ignore_ascii_case("pm") && time.hour() < 12 {
            time = time.with().hour(time.hour() + 12).build().ok()?;
        } else if word.eq_ignore_ascii_case("am") && time.hour() == 12 {
            time = time.with().hour(0).build().ok()?;
        } else if word.starts_with(|c: char| c.is_ascii_digit()) {
            // `4-Mar-2026`, `04/Mar/2026`, `4th`.
            for part in word.split(['-', '/']) {
                match month_of(part) {
                    Some(found) => month = Some(found),
                    None => numbers.push(part.trim_end_matches(|c: char| c.is_alphabetic() || c == '.')),
                }
            }
        } else if offset(word).is_some() {
            zone = word.to_owned();
        }
    }
    let [first, second, ..] = numbers.as_slice() else { return None };
    let (day, year) = if first.len() == 4 { (*second, *first) } else { (*first, *second) };
    let year: i16 = match (year.parse().ok()?, year.len()) {
        (short @ 0..=68, 2) => 2000 + short,
        (short, 2) => 1900 + short,
        (full, _) => full,
    };
    stamp(Date::new(year, month?, day.parse().ok()?).ok()?, time, &zone)
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `10:00:00.5` and what follows it.
fn clock(text: &str) -> Option<(Time, &str)> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some((Time::midnight(), text));
    }
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ','))).unwrap_or(text.len());
    let mut parts = text[..end].split([':', '.', ',']);
    let mut part = || parts.next().unwrap_or("0").parse::<i8>().ok();
    let (hour, minute, second) = (part()?, part()?, part()?);
    // A leap second, and midnight written as 24.
    let (hour, second) = (if hour == 24 { 0 } else { hour }, second.min(59));
    Some((Time::new(hour, minute, second, 0).ok()?, &text[end..]))
}

fn stamp(date: Date, time: Time, zone: &str) -> Option<Timestamp> {
    let offset = if zone.is_empty() { Offset::UTC } else { offset(zone).unwrap_or(Offset::UTC) };
    offset.to_timestamp(DateTime::from_parts(date, time)).ok()
}

fn offset(zone: &str) -> Option<Offset> {
    let zone = zone.trim_matches(['(', ')', ' ']);
    let upper = zone.to_ascii_uppercase();
    let rest = upper.trim_start_matches("GMT").trim_start_matches("UTC");
    if let Some(digits) = rest.strip_prefix(['+', '-']) {
        let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
        let (hours, minutes) = digits.split_at(digits.len().min(2));
        let seconds = hours.parse::<i32>().ok()? * 3_600
            + minutes.get(..minutes.len().min(2)).unwrap_or("").parse::<i32>().unwrap_or(0) * 60;
        return Offset::from_seconds(if rest.starts_with('-') { -seconds } else { seconds }).ok();
    }
    let hours = match upper.as_str() {
        "Z" | "GMT" | "UT" | "UTC" | "WET" => 0,
        "AST" | "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" | "AKDT" => -8,
        "CET" | "MET" | "BST" | "WEST" => 1,
        "CEST" | "MEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" | "KST" => 9,
        "AEST" => 10,
        _ => return None,
    };
    Offset::from_hours(hours).ok()
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = word.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| *month == start)?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_as_feeds_write_them() {
        for (text, expected) in [
            ("2026-03-04T10:00:00Z", "2026-03-04T10:00:00Z"),
            ("2026-03-04T10:00:00.123456+01:00", "2026-03-04T09:00:00Z"),
            ("2026-03-04T10:00:00-0500", "2026-03-04T15:00:00Z"),
            ("2026-03-04 10:00", "2026-03-04T10:00:00Z"),
            ("2026-03-04T10:00:00 EST", "2026-03-04T15:00:00Z"),
            ("2026/3/4", "2026-03-04T00:00:00Z"),
            ("20260304", "2026-03-04T00:00:00Z"),
            ("2026-03", "2026-03-01T00:00:00Z"),
            ("2026", "2026-01-01T00:00:00Z"),
            ("Wed, 04 Mar 2026 10:00:00 GMT", "2026-03-04T10:00:00Z"),
            ("Wed, 4 March 26 10:00 PST", "2026-03-04T18:00:00Z"),
            ("Foo, 04 Mar 2026 10:00:00 +0530", "2026-03-04T04:30:00Z"),
            ("04 Mar 2026", "2026-03-04T00:00:00Z"),
            ("Wed Mar  4 10:00:00 2026", "2026-03-04T10:00:00Z"),
            ("Mar 4, 2026 1:30:00 PM EST", "2026-03-04T18:30:00Z"),
            ("4-Mar-2026 10:00:00 GMT+2", "2026-03-04T08:00:00Z"),
            ("Thu, 01 Jan 70 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            ("Wed, 04 Mar 2026 24:00:00 GMT", "2026-03-04T00:00:00Z"),
        ] {
            let expected = expected.parse().expect("a timestamp");
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "32 Foo", "2026-13-40", "10:00", "Mar", "🦀🦀🦀", "9999999999-1-1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
