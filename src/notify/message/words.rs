//! The wording of messages: the words that everything shares (`domain::words`), and what only mail
//! needs.

pub use crate::domain::words::*;

/// With every mail address taken out: what servers answer is shown to others.
pub fn redact_addresses(text: &str) -> String {
    text.split(' ')
        .map(|word| if word.contains('@') { "(address)" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// An address a person may open: only the web's, and cleaned.
pub fn web_address(url: &str) -> Option<String> {
    let url = url::Url::parse(url.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_may_be_opened() {
        assert_eq!(web_address("https://a.example/x y"), Some("https://a.example/x%20y".into()));
        for url in ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "x"] {
            assert_eq!(web_address(url), None, "{url}");
        }
    }

    #[test]
    fn addresses_stay_inside() {
        assert_eq!(redact_addresses("550 <care@acme.example>: unknown"), "550 (address) unknown");
    }
}
