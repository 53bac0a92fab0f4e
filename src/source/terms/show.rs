//! The terms of all kinds as tables: for a terminal, and for the README.

use super::{Budget, Erase, Over, Proven, Terms};
use crate::domain::duration;
use crate::source::KINDS;

/// Heads of the columns; those that begin with `whose` say whether the figure before them is the platform's word.
pub const HEADS: [&str; 15] = [
    "kind",
    "signs in",
    "requests",
    "whose limit",
    "a page",
    "kept at most",
    "whose term",
    "to be erased",
    "whose deadline",
    "authors linked",
    "commercial use",
    "sees",
    "cannot see",
    "costs",
    "proven against",
];

/// A row a kind, in the order of the heads.
pub fn rows() -> Vec<Vec<String>> {
    KINDS.iter().map(|kind| row(kind.name, kind.terms)).collect()
}

fn row(name: &str, terms: &Terms) -> Vec<String> {
    let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    let access = match terms.needs {
        "" => terms.access.words().to_owned(),
        needs => needs.to_owned(),
    };
    let erase: Vec<String> = terms.erase.iter().map(erased).collect();
    let mut deadlines: Vec<String> = terms.erase.iter().map(|erase| erase.word.words()).collect();
    deadlines.dedup();
    let kept = terms.keep_days.map(|_| terms.keep_word.words());
    let limits = if terms.budgets.is_empty() { String::new() } else { terms.budgets_word.words() };
    vec![
        name.to_owned(),
        access,
        or(&requests(terms, None), "–"),
        or(&limits, "–"),
        or(terms.paging, "–"),
        terms.keep_days.map_or_else(
            || "–".into(),
            |days| format!("{days} d{}", if terms.refresh { ", then asked for again" } else { "" }),
        ),
        kept.unwrap_or_else(|| "–".into()),
        or(&erase.join("; "), "–"),
        or(&deadlines.join("; "), "–"),
        if terms.link_identities { "may be" } else { "never" }.into(),
        terms.commercial.words().into(),
        or(terms.sees, "–"),
        or(terms.cannot, "–"),
        or(terms.costs, "nothing"),
        terms.proven.words().into(),
    ]
}

/// What may be asked; how often a look may be made is ours to say.
fn requests(terms: &Terms, word: Option<&str>) -> String {
    let mut requests: Vec<String> = terms.budgets.iter().map(budget).collect();
    if let (Some(last), Some(word)) = (requests.last_mut(), word) {
        last.push_str(&format!(" ({word})"));
    }
    if terms.least_every > 1 {
        requests.push(format!("a look every {} at most", wait(terms.least_every)));
    }
    requests.join("; ")
}

fn erased(erase: &Erase) -> String {
    format!("{}, within {}", erase.what, wait(erase.hours.saturating_mul(3_600)))
}

fn budget(budget: &Budget) -> String {
    let over = match budget.over {
        Over::Host => "a host",
        Over::Anonymous => "a host without key",
        Over::Credential => "a credential",
    };
    let of = if budget.bucket.is_empty() { String::new() } else { format!(" ({})", budget.bucket) };
    format!("{} in {} {over}{of}", grouped(budget.requests), wait(budget.seconds))
}

fn wait(seconds: u32) -> String {
    duration::words(jiff::SignedDuration::from_secs(i64::from(seconds)))
}

fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The table of the README: what each kind sees, what it cannot, what it needs, what it costs.
pub fn markdown(is_wanted: impl Fn(&str) -> bool) -> String {
    let mut lines = vec![
        "| kind | sees | cannot see | needs | costs | asks at most | may be kept, must go | company use |"
            .into(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for kind in KINDS.iter().filter(|kind| is_wanted(kind.name)) {
        let terms = kind.terms;
        let cells = row(kind.name, terms);
        let cell = |head: &str| {
            let at = HEADS.iter().position(|known| *known == head).expect("a head of this table");
            cells[at].clone()
        };
        let mut kept: Vec<String> = Vec::new();
        if terms.keep_days.is_some() {
            kept.push(format!("{} ({})", cell("kept at most"), terms.keep_word.short()));
        }
        kept.extend(terms.erase.iter().map(|erase| format!("{} ({})", erased(erase), erase.word.short())));
        let kept = if kept.is_empty() { "–".to_owned() } else { kept.join("; ") };
        let requests = requests(terms, Some(terms.budgets_word.short()));
        let requests = if requests.is_empty() { "–".to_owned() } else { requests };
        let mut name = format!("`{}`", kind.name);
        if terms.proven == Proven::Documents {
            name.push_str(" (proven against the platform's documents only)");
        }
        let company = match terms.document {
            "" => cell("commercial use"),
            document => format!("[{}]({document})", cell("commercial use")),
        };
        let (sees, cannot, needs) = (cell("sees"), cell("cannot see"), cell("signs in"));
        let line = [&name, &sees, &cannot, &needs, &cell("costs"), &requests, &kept, &company]
            .map(|cell| cell.replace('|', "\\|"));
        lines.push(format!("| {} |", line.join(" | ")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([300, 1_000, 2_000_000].map(grouped), ["300", "1,000", "2,000,000"]);
        assert_eq!(budget(&Budget::per_hour(10_000, Over::Host)), "10,000 in 1 h a host");
        assert_eq!(
            budget(&Budget::per_day(100, Over::Credential).of("searches")),
            "100 in 1 d a credential (searches)"
        );
    }

    #[test]
    fn whose_word_a_figure_is_is_said() {
        let x = crate::source::kind("x").expect("it is listed");
        let row = row(x.name, x.terms);
        let cell = |head: &str| &row[HEADS.iter().position(|known| *known == head).expect("a head")];
        let deadline = cell("whose deadline");
        assert!(
            deadline.starts_with("the platform's: ") && deadline.contains("https://docs.x.com/"),
            "{deadline}"
        );
        assert!(cell("whose limit").starts_with("ours, stricter; the platform says: 450"), "{row:?}");
        let forum = crate::source::kind("discourse").expect("it is listed");
        assert!(
            markdown(|name| name == "discourse").contains("(our habit)")
                && forum.terms.erase[0].word.words().contains("not confirmed")
        );
    }

    #[test]
    fn every_row_is_whole() {
        assert!(rows().iter().all(|row| row.len() == HEADS.len() && row.iter().all(|cell| !cell.is_empty())));
        let table = markdown(|_| true);
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(table.lines().all(|line| columns(line) == 9), "{table}");
    }
}
