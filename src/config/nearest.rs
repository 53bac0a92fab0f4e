//! What the writer most likely meant: the nearest of the names that would have been right.

/// The candidate nearest to `name`, if any is near enough to be a slip of the pen.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = plain(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let offered = plain(candidate);
        let (short, long) =
            if written.len() < offered.len() { (&written, &offered) } else { (&offered, &written) };
        let distance = if short.len() >= 3 && long.starts_with(short.as_str()) {
            1
        } else {
            strsim::osa_distance(&written, &offered)
        };
        let limit = (written.chars().count().max(offered.chars().count()) / 3).max(1);
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A remedy that names the nearest candidate, else all of them while they are few.
pub fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if candidates.is_empty() => String::new(),
        None if candidates.len() > 16 => format!("known are {} and others", candidates[..12].join(", ")),
        None => format!("known: {}", candidates.join(", ")),
    }
}

/// Case, dashes and underscores are what people mix up most; they count for nothing.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_leaves_strangers_alone() {
        let known = ["owner", "policy", "query", "panel", "public_url"];
        for (written, meant) in [("onwer", "owner"), ("polices", "policy"), ("publicUrl", "public_url")] {
            assert_eq!(nearest(written, known), Some(meant), "{written}");
        }
        assert_eq!(nearest("colour", known), None);
        assert_eq!(hint("colour", ["a", "b"]), "known: a, b");
        assert_eq!(hint("colour", []), "");
    }
}
