//! The terms of all kinds as tables: for a terminal, and for the README.

use super::{Budget, Over, Proven, Terms};
use crate::domain::duration;
use crate::source::KINDS;

/// Heads of the columns.
pub const HEADS: [&str; 12] = [
    "kind",
    "signs in",
    "requests",
    "a page",
    "kept at most",
    "to be erased",
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
    let mut requests: Vec<String> = terms.budgets.iter().map(budget).collect();
    if terms.least_every > 1 {
        requests.push(format!("a look every {} at most", wait(terms.least_every)));
    }
    let erase: Vec<String> = terms
        .erase
        .iter()
        .map(|erase| format!("{}, within {}", erase.what, wait(erase.hours.saturating_mul(3_600))))
        .collect();
    vec![
        name.to_owned(),
        access,
        or(&requests.join("; "), "–"),
        or(terms.paging, "–"),
        terms.keep_days.map_or_else(
            || "–".into(),
            |days| format!("{days} d{}", if terms.refresh { ", then asked for again" } else { "" }),
        ),
        or(&erase.join("; "), "–"),
        if terms.link_identities { "may be" } else { "never" }.into(),
        terms.commercial.words().into(),
        or(terms.sees, "–"),
        or(terms.cannot, "–"),
        or(terms.costs, "nothing"),
        terms.proven.words().into(),
    ]
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
pub fn markdown() -> String {
    let mut lines = vec![
        "| kind | sees | cannot see | needs | costs | asks at most | may be kept, must go | company use |"
            .into(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for kind in KINDS {
        let terms = kind.terms;
        let cells = row(kind.name, terms);
        let kept: Vec<&str> = [&*cells[4], &*cells[5]].into_iter().filter(|cell| *cell != "–").collect();
        let kept = if kept.is_empty() { "–".to_owned() } else { kept.join("; ") };
        let mut name = format!("`{}`", kind.name);
        if terms.proven == Proven::Documents {
            name.push_str(" (proven against the platform's documents only)");
        }
        let company = match terms.document {
            "" => cells[7].clone(),
            document => format!("[{}]({document})", cells[7]),
        };
        let line = [&name, &cells[8], &cells[9], &cells[1], &cells[10], &cells[2], &kept, &company]
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
    fn every_row_is_whole() {
        assert!(rows().iter().all(|row| row.len() == HEADS.len() && row.iter().all(|cell| !cell.is_empty())));
        let table = markdown();
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(table.lines().all(|line| columns(line) == 9), "{table}");
    }
}
