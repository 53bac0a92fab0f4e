//! HTML to plain text.

/// The words of a piece of HTML, paragraphs on lines of their own.
pub fn html_to_text(html: &str) -> String {
    html2text::config::plain_no_decorate()
        .string_from_read(html.as_bytes(), 100_000)
        .map_or_else(|_| html.to_owned(), |text| text.trim().to_owned())
}
