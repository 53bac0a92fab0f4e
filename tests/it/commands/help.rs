//! `--help` of every command, word for word.

use super::scene::{Ran, bare};

/// Every command that a person can type.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["run"],
    &["check"],
    &["init"],
    &["score"],
    &["route"],
    &["eval"],
    &["mentions"],
    &["mentions", "correct"],
    &["escalations"],
    &["escalations", "show"],
    &["escalations", "acknowledge"],
    &["escalations", "resolve"],
    &["escalations", "reassign"],
    &["escalations", "silence"],
    &["digest"],
    &["import"],
    &["forget"],
    &["replay"],
    &["sources"],
    &["sources", "parse"],
    &["sources", "preset"],
    &["sources", "terms"],
    &["sources", "test"],
    &["store"],
    &["store", "export"],
    &["store", "import"],
    &["store", "verify"],
    &["store", "compact"],
    &["status"],
];

fn help(command: &[&str]) -> String {
    let folder = std::env::temp_dir();
    let mut earmark = bare(&folder);
    Ran::of(earmark.env("COLUMNS", "100").args(command).arg("--help")).ok().out
}

#[test]
fn help_says_what_a_command_does_and_how_it_is_typed() {
    for command in COMMANDS {
        let text = help(command);
        assert!(text.contains("Examples:\n  earmark"), "no example in the help of {command:?}");
        let wide = text.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "too wide, in the help of {command:?}");
        let name = if command.is_empty() { "earmark".to_owned() } else { command.join("_") };
        insta::assert_snapshot!(format!("help_{name}"), text);
    }
}

#[test]
fn no_command_is_without_a_snapshot() {
    for parent in [&[] as &[&str], &["mentions"], &["escalations"], &["sources"], &["store"]] {
        let text = help(parent);
        let list = text.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        for line in list.lines() {
            let name = line.split_whitespace().next().unwrap();
            let command: Vec<&str> = parent.iter().copied().chain([name]).collect();
            assert!(name == "help" || COMMANDS.contains(&&*command), "{command:?}");
        }
    }
}

#[test]
fn a_wrong_command_line_has_a_code_of_its_own() {
    let folder = std::env::temp_dir();
    Ran::of(bare(&folder).arg("mentoins")).fails(2, &["mentions"]);
    Ran::of(bare(&folder).args(["mentions", "--polarity", "angry"])).fails(2, &["negative", "unsure"]);
    Ran::of(bare(&folder).args(["mentions", "--since", "yesterday"])).fails(2, &["24h"]);
    Ran::of(bare(&folder).args(["escalations", "show", "12"])).fails(2, &["12"]);
}
