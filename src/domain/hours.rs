//! Working hours: `Mon-Fri 08:00-18:00` in an owner's zone, through daylight-saving changes.
//!
//! Kept as spans of minutes for each day of the week and turned into instants one local day at a
//! time, because a day is not always 24 hours long. Where the clocks go back, a border that the
//! clock shows twice is taken so that the span is the longer one; where they go forward, a border
//! that the clock never shows is the instant of the change. So hours never vanish and a wait never
//! counts an hour that nobody worked.
//!
//! Every loop is bounded: [`WorkingHours::parse`] refuses a week without hours, so that they begin
//! again within `DAYS_TO_OPEN` days; a wait longer than `DAYS_OF_WAIT` days ends with them.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

#[cfg(test)]
mod tests;

/// Minutes in a day as the clock shows it.
const DAY: u16 = 24 * 60;
/// Days looked at for the next opening: a change of the clocks can swallow the only span of one
/// week, and islands have skipped a day; nothing swallows three weeks.
const DAYS_TO_OPEN: u32 = 22;
/// Days looked at while a wait passes: ten years.
const DAYS_OF_WAIT: u32 = 3_660;

const HINT: &str = "write for example \"Mon-Fri 08:00-18:00\", \"Sat,Sun 10:00-14:00\" or \"22:00-06:00\"";

/// When an owner works, as a week of spans in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingHours {
    /// From Monday; minutes of the day, half-open, sorted, neither touching nor overlapping.
    week: [Vec<(u16, u16)>; 7],
}

impl WorkingHours {
    /// Reads lines like `Mon-Fri 08:00-18:00`, `Sat 10:00-14:00`, `Sun,Sat 22:00-02:00`. Without
    /// days: every day. A span that ends before it begins goes on into the next day.
    ///
    /// # Errors
    /// A fragment that says what is wrong with which line and what is allowed.
    pub fn parse(lines: &[String]) -> Result<Self, String> {
        let mut week: [Vec<(u16, u16)>; 7] = Default::default();
        for line in lines {
            parse_line(line, &mut week).map_err(|what| format!("\"{line}\": {what}; {HINT}"))?;
        }
        for day in &mut week {
            join_touching(day);
        }
        if week.iter().all(Vec::is_empty) {
            return Err(format!("no hours are given, so nobody would ever be told; {HINT}"));
        }
        Ok(Self { week })
    }

    /// Whether `at` lies inside them.
    pub fn contains(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let Some(day) = day_before(at, zone) else { return true };
        days(day).take(3).any(|day| self.on(day, zone).iter().any(|(from, until)| *from <= at && at < *until))
    }

    /// The first instant at or after `at` that lies inside them.
    pub fn next_open(&self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let Some(day) = day_before(at, zone) else { return at };
        days(day)
            .take(DAYS_TO_OPEN as usize)
            .flat_map(|day| self.on(day, zone))
            .find(|(_, until)| *until > at)
            .map_or(at, |(from, _)| from.max(at))
    }

    /// `at` plus `wait` of working time: the instant at which that much of them has passed. With
    /// nothing to wait for, the next instant at which they work.
    pub fn after(&self, at: Timestamp, wait: SignedDuration, zone: &TimeZone) -> Timestamp {
        if wait <= SignedDuration::ZERO {
            return self.next_open(at, zone);
        }
        let Some(day) = day_before(at, zone) else { return at };
        let mut left = wait;
        // What lies before the hand is counted already: spans of a day on which the clocks go back
        // may overlap.
        let mut hand = at;
        let mut last = at;
        for (from, until) in days(day).take(DAYS_OF_WAIT as usize).flat_map(|day| self.on(day, zone)) {
            let from = from.max(hand);
            let length = until.duration_since(from);
            if length <= SignedDuration::ZERO {
                continue;
            }
            if left <= length {
                return from.checked_add(left).unwrap_or(until);
            }
            left -= length;
            hand = until;
            last = until;
        }
        last
    }

    /// The spans of one local day as instants, in order.
    fn on(&self, day: Date, zone: &TimeZone) -> Vec<(Timestamp, Timestamp)> {
        self.week[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())]
            .iter()
            .filter_map(|(from, until)| {
                let from = border(day, *from, zone, Border::Begin)?;
                let until = border(day, *until, zone, Border::End)?;
                (from < until).then_some((from, until))
            })
            .collect()
    }
}

#[derive(Clone, Copy)]
enum Border {
    Begin,
    End,
}

/// The instant of a border; none only at the end of all dates.
fn border(day: Date, minute: u16, zone: &TimeZone, which: Border) -> Option<Timestamp> {
    let day = if minute >= DAY { day.tomorrow().ok()? } else { day };
    let minute = minute % DAY;
    let hour = i8::try_from(minute / 60).ok()?;
    let ambiguous = zone.to_ambiguous_timestamp(day.at(hour, i8::try_from(minute % 60).ok()?, 0, 0));
    if let jiff::tz::AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        let before = ambiguous.earlier().ok()?;
        return zone.following(before).next().map(|change| change.timestamp());
    }
    match which {
        Border::Begin => ambiguous.earlier().ok(),
        Border::End => ambiguous.later().ok(),
    }
}

/// The local day before that of `at`: where the clocks go back over midnight, a span of that day
/// still runs.
fn day_before(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    at.to_zoned(zone.clone()).date().yesterday().ok()
}

fn days(first: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
}

fn parse_line(line: &str, week: &mut [Vec<(u16, u16)>; 7]) -> Result<(), String> {
    let mut words = line.split_whitespace().peekable();
    let first = words.peek().ok_or("the line is empty")?;
    let days = if first.starts_with(|c: char| c.is_ascii_digit()) {
        (0..7).collect()
    } else {
        parse_days(words.next().unwrap_or_default())?
    };
    if words.peek().is_none() {
        return Err("the times are missing".into());
    }
    for word in words {
        let (from, until) = parse_span(word.trim_end_matches(','))?;
        for day in &days {
            if from < until {
                week[*day].push((from, until));
            } else {
                week[*day].push((from, DAY));
                if until > 0 {
                    week[(day + 1) % 7].push((0, until));
                }
            }
        }
    }
    Ok(())
}

/// `Mon-Thu,Sat` as days from Monday. A range may run over Sunday.
fn parse_days(text: &str) -> Result<Vec<usize>, String> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse_day(first)?, parse_day(last)?);
        days.extend((0..=(last + 7 - first) % 7).map(|step| (first + step) % 7));
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

fn parse_day(text: &str) -> Result<usize, String> {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = text.trim().to_lowercase();
    DAYS.iter()
        .position(|name| lower == *name || lower == name[..3])
        .ok_or_else(|| format!("\"{text}\" is no day; days are Mon Tue Wed Thu Fri Sat Sun"))
}

/// `08:00-18:00` as minutes. `24:00` only ends.
fn parse_span(text: &str) -> Result<(u16, u16), String> {
    let (from, until) = text.split_once('-').ok_or_else(|| format!("\"{text}\" is no span of time"))?;
    let (from, until) = (parse_time(from)?, parse_time(until)?);
    if from == DAY {
        return Err("24:00 can only end a span; the day begins at 00:00".into());
    }
    if from == until {
        return Err(format!("\"{text}\" is empty; the whole day is 00:00-24:00"));
    }
    Ok((from, until))
}

fn parse_time(text: &str) -> Result<u16, String> {
    let wrong = || format!("\"{text}\" is no time of day; times run from 00:00 to 24:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<u16>().ok() } else { None }
    };
    let hour = number(hour).ok_or_else(wrong)?;
    let minute = number(minute).filter(|_| minute.len() == 2).ok_or_else(wrong)?;
    let at = hour * 60 + minute;
    if minute < 60 && at <= DAY { Ok(at) } else { Err(wrong()) }
}

fn join_touching(spans: &mut Vec<(u16, u16)>) {
    spans.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::with_capacity(spans.len());
    for (from, until) in spans.drain(..) {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    *spans = joined;
}
