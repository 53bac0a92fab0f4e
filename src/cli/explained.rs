//! Which words moved a score, for a terminal: the text, on a terminal with its words coloured, and
//! below it the same as a list, so that colour says nothing alone.

use super::{output, score};
use crate::domain::words;
use crate::sentiment::explain::{Explained, Moved, Piece};

/// Words named for one direction.
const NAMED: usize = 6;
/// Characters of one word shown.
const WORD: usize = 40;

/// Prints one explained text.
pub fn print(found: &Explained) {
    let target = found.target.as_deref().map(|target| format!("  towards {}", output::safe(target, WORD)));
    output::line(&format!("{}{}", score::head(&found.sentiment), target.unwrap_or_default()));
    let text: String = found.pieces().into_iter().map(coloured).collect();
    output::line(&format!("  {}", text.trim()));
    for line in list(found) {
        output::line(&format!("  {line}"));
    }
}

fn coloured((piece, word): Piece<'_>) -> String {
    let piece = words::cut(&words::clean(piece).replace('\n', " "), 2_000);
    match word {
        Some(word) if word.target => output::colour(&piece, "4"),
        Some(word) => match (word.strength(), word.delta_score.unwrap_or_default() < 0.0) {
            (0, _) => piece,
            (1, true) => output::colour(&piece, "31"),
            (1, false) => output::colour(&piece, "32"),
            (2, true) => output::colour(&piece, "31;1"),
            (2, false) => output::colour(&piece, "32;1"),
            (_, true) => output::colour(&piece, "31;1;7"),
            (_, false) => output::colour(&piece, "32;1;7"),
        },
        None => piece,
    }
}

/// The words that count, by what they pulled towards.
fn list(found: &Explained) -> Vec<String> {
    let down = found.strongest(|word| word.delta_score.filter(|by| *by < 0.0), NAMED);
    let up = found.strongest(|word| word.delta_score.filter(|by| *by > 0.0), NAMED);
    let mut lines = Vec::new();
    for (what, moved) in [("towards negative", down), ("towards positive", up)] {
        lines.extend(named(what, &moved));
    }
    if found.could_not_weigh() {
        lines.push(words::why_unsure(&found.sentiment));
    } else if lines.is_empty() {
        lines.push("no single word moved the score".into());
    }
    lines.extend(named("asks for an answer", &found.strongest(|word| word.delta_needs_answer, NAMED)));
    if found.target.is_some() && !found.words.iter().any(|word| word.target) {
        lines.push("the target does not stand in the text".into());
    }
    if found.unweighed > 0 {
        lines.push(format!("{} behind that were not weighed", output::count(found.unweighed as u64, "word")));
    }
    lines
}

fn named(what: &str, moved: &[(&Moved, f32)]) -> Option<String> {
    let words: Vec<String> = moved
        .iter()
        .map(|(word, by)| format!("{} {}", output::safe(&word.word, WORD), words::signed((*by).into(), 2)))
        .collect();
    (!words.is_empty()).then(|| format!("{what:<18}  {}", words.join(", ")))
}
