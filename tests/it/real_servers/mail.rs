//! A mail as whoever got it sees it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::child::run;

/// What `read_mail.py` makes of one file of a Maildir.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    #[serde(rename = "type")]
    pub content_type: String,
    pub parts: Vec<Part>,
    pub longest_line: usize,
    pub longest_header_line: usize,
    pub eight_bit: bool,
    pub defects: Vec<String>,
    /// Tags of the HTML part that do not open and close in order.
    pub html_wrong: Vec<String>,
    pub html_links: Vec<String>,
    pub html_text: String,
}

/// One part, decoded.
#[derive(Debug, Clone, Deserialize)]
pub struct Part {
    #[serde(rename = "type")]
    pub content_type: String,
    pub charset: Option<String>,
    pub encoding: String,
    pub text: String,
}

/// All mails of a folder, the oldest first.
pub fn read(folder: &Path) -> Vec<Mail> {
    let script = include_str!("read_mail.py");
    let read = run(Command::new("python3").args(["-c", script]).arg(folder));
    serde_json::from_str(&read).expect("the script's own words")
}

impl Mail {
    /// A header that must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers))
    }

    /// The plain text.
    pub fn text(&self) -> &str {
        &self.parts[0].text
    }

    /// The line behind one that says what follows.
    pub fn line_after(&self, line: &str) -> &str {
        let mut lines = self.text().lines().skip_while(|one| *one != line);
        lines.nth(1).unwrap_or_else(|| panic!("nothing behind {line:?}:\n{}", self.text()))
    }

    /// What holds for every mail, whatever it says.
    pub fn is_sound(&self) {
        assert_eq!(self.defects, Vec::<String>::new(), "{:?}", self.headers);
        assert_eq!(self.content_type, "multipart/alternative");
        let types: Vec<&str> = self.parts.iter().map(|part| part.content_type.as_str()).collect();
        assert_eq!(types, ["text/plain", "text/html"], "the last is the one that is shown");
        for part in &self.parts {
            assert_eq!(part.charset.as_deref(), Some("utf-8"));
            assert!(["7bit", "quoted-printable", "base64"].contains(&part.encoding.as_str()), "{part:?}");
            assert!(!part.text.contains('\u{fffd}'), "{part:?}");
        }
        assert!(!self.eight_bit, "a server without 8BITMIME would not take it");
        assert!(self.longest_line <= 998, "{} bytes in a line", self.longest_line);
        assert!(self.longest_header_line <= 200, "{} bytes in a header line", self.longest_header_line);
        assert_eq!(self.html_wrong, Vec::<String>::new(), "{}", self.parts[1].text);
        assert!(self.html_links.iter().all(|link| link.starts_with("http")), "{:?}", self.html_links);
        assert_eq!(self.header("auto-submitted"), "auto-generated");
        assert!(self.header("message-id").ends_with("@acme.example>"), "{:?}", self.headers);
        assert!(self.headers.contains_key("date") && self.headers.contains_key("mime-version"));
    }
}
