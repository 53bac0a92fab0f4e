//! Lengths of time as people write them: `90s`, `30m`, `4h`, `14d`, `2w`, and sums like `1h30m`.
//! A day is 24 hours and a week seven of them; calendar days are a matter of digests, not of waits.

use jiff::SignedDuration;

/// Reads `1h30m`. Units: `s m h d w`.
///
/// # Errors
/// A fragment that says what is wrong and what is allowed.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let hint = || {
        format!(
            "\"{text}\" is no length of time; write for example \"90s\", \"30m\", \"4h\", \"14d\" or \"1h30m\""
        )
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(hint());
    }
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(hint)?;
        let count: i64 = rest[..digits].parse().map_err(|_| hint())?;
        let unit = rest[digits..].chars().next().ok_or_else(hint)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(hint()),
        };
        let part = count.checked_mul(seconds).map(SignedDuration::from_secs).ok_or_else(hint)?;
        total = total.checked_add(part).ok_or_else(hint)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    Ok(total)
}

/// Writes it the way a person would: the two largest units that are not zero.
pub fn words(duration: SignedDuration) -> String {
    let mut seconds = duration.as_secs().max(0);
    let mut parts = Vec::new();
    for (size, unit) in [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")] {
        let count = seconds / size;
        seconds %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}

/// Serde for a [`SignedDuration`] written as a string of this form.
pub mod text {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Reads `"30m"`.
    ///
    /// # Errors
    /// Where the string is no length of time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SignedDuration, D::Error> {
        let text = String::deserialize(from)?;
        super::parse(&text).map_err(D::Error::custom)
    }

    /// Writes whole seconds, `"1800s"`.
    ///
    /// # Errors
    /// None of its own.
    pub fn serialize<S: Serializer>(duration: &SignedDuration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{}s", duration.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_refuses_the_rest() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("2w", 1_209_600), (" 4h ", 14_400)]
        {
            assert_eq!(parse(text).map(|d| d.as_secs()), Ok(seconds), "{text}");
        }
        for text in ["", "30", "m", "4 h", "-3m", "3y", "99999999999999999999d", "9223372036854775807w"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn says_the_two_largest_units() {
        assert_eq!(words(SignedDuration::from_secs(93_784)), "1 d 2 h");
        assert_eq!(words(SignedDuration::from_secs(0)), "0 s");
    }
}
