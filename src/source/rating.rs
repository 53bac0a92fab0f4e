//! How a rating stands in a post: as words at the head of its text, for a topic, a model and a reader have
//! nothing else to go by. The same for every place that gives stars.

/// `★★☆☆☆ (2 of 5)`; none where the rating lies outside its scale.
pub fn stars(given: u64, of: u64) -> Option<String> {
    if !(1..=of).contains(&given) || of > 10 {
        return None;
    }
    let drawn: String = (1..=of).map(|star| if star <= given { '★' } else { '☆' }).collect();
    Some(format!("{drawn} ({given} of {of})"))
}

/// A text under its head.
pub fn under(head: &[Option<String>], words: &str) -> String {
    let head: Vec<&str> = head.iter().flatten().map(String::as_str).collect();
    let parts = [head.join(", "), words.to_owned()];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rating_is_said_in_words() {
        assert_eq!(stars(1, 5).as_deref(), Some("★☆☆☆☆ (1 of 5)"));
        assert_eq!(stars(5, 5).as_deref(), Some("★★★★★ (5 of 5)"));
        assert_eq!((stars(0, 5), stars(6, 5), stars(1, 1_000)), (None, None, None));
        assert_eq!(
            under(&[stars(2, 2), None, Some("version 1".into())], "words"),
            "★★ (2 of 2), version 1\nwords"
        );
        assert_eq!(
            (under(&[None], "words"), under(&[stars(1, 2)], "")),
            ("words".into(), "★☆ (1 of 2)".into())
        );
    }
}
