//! What people see in a terminal. Foreign text is shown without control characters; colours only
//! where there is a terminal and `NO_COLOR` is not set; standard output holds nothing but what was
//! asked for.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// One line of what was asked for.
pub fn line(text: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}") {
        stop_writing(&error);
    }
}

/// Standard output takes no more. A reader that went away (`| head`) has what it wanted; anything
/// else, a full disk say, must not look like success.
pub fn stop_writing(error: &std::io::Error) -> ! {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    complain(&format!("standard output cannot be written: {error}"));
    std::process::exit(1);
}

/// A number and what is counted: "1 fault", "2 faults".
pub fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// A value as one JSON line.
pub fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?);
    Ok(())
}

/// A remark beside what was asked for.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why it did not work.
pub fn complain(text: &str) {
    note(&format!("{} {text}", paint("error:", "31;1", std::io::stderr().is_terminal())));
}

/// `text` in a colour, on a terminal.
pub fn colour(text: &str, code: &str) -> String {
    paint(text, code, std::io::stdout().is_terminal())
}

fn paint(text: &str, code: &str, terminal: bool) -> String {
    if terminal && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Foreign text, fit for a terminal: on one line, without control characters and direction
/// overrides, cut to `longest` characters.
pub fn safe(text: &str, longest: usize) -> String {
    let hidden =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = folded.chars().filter(|c| !c.is_control() && !hidden(*c)).collect();
    match shown.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Rows under a heading, columns as wide as their widest cell.
pub fn table(heading: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    line(&colour(&print(heading.to_vec()), "1"));
    for row in rows {
        line(&print(row.iter().map(String::as_str).collect()));
    }
}

/// An instant in this machine's zone.
pub fn when(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): one that begins with
/// `= + - @`, a tab or a return gets a quote in front, unless it is a plain number.
pub fn cell(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if risky && text.parse::<f64>().is_err() { format!("'{text}") } else { text.to_owned() }
}

/// Progress of long work on a terminal; plain lines elsewhere.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    last: u64,
}

impl Progress {
    /// Progress of `what`, of `total` steps if that is known.
    pub fn new(what: &str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let form = match total {
                Some(_) => "{msg} {bar:30} {pos}/{len} {per_sec} {eta}",
                None => "{msg} {pos} {per_sec}",
            };
            if let Ok(style) = ProgressStyle::with_template(form) {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar
        });
        Self { bar, what: what.to_owned(), last: 0 }
    }

    /// So many are done.
    pub fn at(&mut self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if done >= self.last + 10_000 => {
                self.last = done;
                note(&format!("{}: {done}", self.what));
            }
            None => {}
        }
    }

    /// All are done.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_numbers_stay_numbers() {
        assert_eq!(cell("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(cell("@acme"), "'@acme");
        assert_eq!(cell("-0.75"), "-0.75");
        assert_eq!(cell("plain"), "plain");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [count(0, "fault"), count(1, "fault"), count(2, "fault")],
            ["0 faults", "1 fault", "2 faults"]
        );
    }

    #[test]
    fn terminals_are_safe_from_foreign_text() {
        assert_eq!(safe("a\u{1b}[31mb\n c\u{202e}d", 80), "a[31mb cd");
        assert_eq!(safe("abcdef", 3), "abc…");
    }
}
