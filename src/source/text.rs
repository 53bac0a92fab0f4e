//! HTML to plain text. Words, not layout: matching counts words and a model reads sentences, so
//! there is no wrapping, no table frame, no footnote list.
//!
//! It runs over html5ever's tokens and builds no tree, so the time is linear and the depth of
//! foreign nesting costs nothing. Links are kept as addresses behind their words, because people
//! say what they mean by what they link to.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

/// HTML beyond this is not looked at.
const MOST_HTML: usize = 1024 * 1024;

/// Text beyond this is cut; no post that a person reads is longer.
pub const MOST_TEXT: usize = 128 * 1024;

/// An address longer than this is left out of the text.
const LONGEST_LINK: usize = 500;

/// The words of some HTML. Relative links are read against `base`, and left out without one.
pub fn from_html(html: &str, base: Option<&Url>) -> String {
    if !html.contains(['<', '&']) {
        return plain(html);
    }
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(cut(html, MOST_HTML)));
    let writer = Writer { base, state: RefCell::default() };
    let tokenizer = Tokenizer::new(writer, TokenizerOpts::default());
    // The sink never asks to wait for a script, so all of the queue is taken.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    let text = tokenizer.sink.state.into_inner().text;
    plain(&text)
}

/// The words of some HTML, with what its author only quotes told apart: it stands on lines that begin with
/// `> `. Quotes are block quotes and asides, in which forum software shows other posts and pages. A block of
/// code is nobody's speech: its first lines stand there as a quote, so that an error message is found by its
/// words. A picture is what its author says of it, and a smiley its name.
pub fn from_html_quoting(html: &str, base: Option<&Url>) -> String {
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(cut(html, MOST_HTML)));
    let writer = Writer { base, state: RefCell::new(State { marks: true, ..State::default() }) };
    let tokenizer = Tokenizer::new(writer, TokenizerOpts::default());
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    plain(&quoted(&tokenizer.sink.state.into_inner().text))
}

/// What an editor puts where its user said nothing of a picture.
const NO_ALT: &str = "enter image description here";

/// Lines of a block of code that are kept, and their length.
const MOST_CODE: (usize, usize) = (3, 200);

const QUOTE: char = '\u{1}';
const QUOTE_ENDS: char = '\u{2}';
const CODE: char = '\u{3}';
const CODE_ENDS: char = '\u{4}';

/// Marks the lines between the signs of [`State::sign`].
fn quoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut depth, mut code) = (0_u32, None::<usize>);
    for (line, end) in text.split_inclusive([QUOTE, QUOTE_ENDS, CODE, CODE_ENDS, '\n']).map(|line| {
        let end = line.chars().next_back().unwrap_or('\n');
        (line.trim_end_matches([QUOTE, QUOTE_ENDS, CODE, CODE_ENDS, '\n']), end)
    }) {
        let blank = line.trim().is_empty();
        let dropped = code.is_some_and(|lines| blank || lines >= MOST_CODE.0);
        match &mut code {
            _ if dropped => {}
            Some(lines) => {
                *lines += 1;
                kept.push_str("> ");
                kept.push_str(cut(line, MOST_CODE.1));
            }
            None => {
                kept.push_str(if depth > 0 && !blank { "> " } else { "" });
                kept.push_str(line);
            }
        }
        if !dropped && (end == '\n' || !blank) {
            kept.push('\n');
        }
        match end {
            QUOTE => depth += 1,
            QUOTE_ENDS => depth = depth.saturating_sub(1),
            CODE => code = Some(0),
            CODE_ENDS => code = None,
            _ => {}
        }
    }
    kept
}

/// The words of HTML on one line: for headlines.
pub fn line_from_html(html: &str) -> String {
    one_line(&from_html(html, None))
}

/// White space of any sort folded to single spaces.
pub fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&clean, MOST_TEXT).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Plain text made fit to keep: line ends unified, no control characters, no trailing spaces, at
/// most one empty line in a row, cut to the longest text.
pub fn plain(text: &str) -> String {
    let text = cut(text, MOST_TEXT);
    let mut kept = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.split('\n') {
        // A control character must not hide the spaces before it, nor make an empty line look full.
        let line = line.trim_end_matches(|c: char| c.is_whitespace() || c.is_control());
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !kept.is_empty() {
            kept.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        kept.extend(line.chars().filter(|c| !c.is_control() || *c == '\t'));
    }
    kept.trim().to_owned()
}

/// The beginning of at most `most` bytes, cut between characters.
pub fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

struct Writer<'a> {
    base: Option<&'a Url>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    text: String,
    /// Inside these nothing is read: their name, and how often it is open.
    hidden: Option<(String, u32)>,
    /// Signs are set where quotes and blocks of code begin and end.
    marks: bool,
    /// White space is meant.
    pre: u32,
    /// The open link: its address and where its words begin.
    link: Option<(String, usize)>,
    /// The open link says that it is a mention or a hashtag.
    tag: bool,
}

impl TokenSink for Writer<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::CharacterTokens(words) if state.hidden.is_none() => state.write(&words),
            Token::TagToken(tag) => return state.tag(&tag, self.base),
            Token::EOFToken => state.close_link(),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn tag(&mut self, tag: &Tag, base: Option<&Url>) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let opens = tag.kind == TagKind::StartTag;
        if let Some((hidden, depth)) = &mut self.hidden {
            if hidden == name && !tag.self_closing {
                *depth = if opens { *depth + 1 } else { *depth - 1 };
            }
            if *depth == 0 {
                self.hidden = None;
            }
            return TokenSinkResult::Continue;
        }
        if self.marks {
            // What forum software writes beside pictures and links.
            let noted = |attribute: &html5ever::Attribute| {
                &*attribute.name.local == "class"
                    && attribute
                        .value
                        .split_ascii_whitespace()
                        .any(|class| matches!(class, "meta" | "clicks"))
            };
            if opens && !tag.self_closing && matches!(name, "div" | "span") && tag.attrs.iter().any(noted) {
                self.hidden = Some((name.to_owned(), 1));
                return TokenSinkResult::Continue;
            }
            self.sign(name, opens);
            let alt = tag.attrs.iter().find(|attribute| name == "img" && &*attribute.name.local == "alt");
            if let Some(alt) = alt.filter(|alt| &*alt.value != NO_ALT) {
                self.space();
                self.write(&alt.value);
                self.space();
            }
        }
        match name {
            "script" | "style" | "noscript" | "iframe" | "svg" | "template" | "head" | "object"
            | "select"
                if opens && !tag.self_closing =>
            {
                self.hidden = Some((name.to_owned(), 1));
                return match name {
                    "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                    "style" | "iframe" => TokenSinkResult::RawData(RawKind::Rawtext),
                    _ => TokenSinkResult::Continue,
                };
            }
            "a" => {
                self.close_link();
                if opens {
                    let from = self.text.len();
                    self.link = address(tag, base).map(|address| (address, from));
                    self.tag = is_tag(tag);
                }
            }
            "pre" => {
                self.break_line();
                self.pre = if opens { self.pre + 1 } else { self.pre.saturating_sub(1) };
            }
            "br" => self.text.push('\n'),
            "td" | "th" => self.space(),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "ul" | "ol" | "table" | "hr" => {
                self.break_line();
                if !self.text.is_empty() && !self.text.ends_with("\n\n") {
                    self.text.push('\n');
                }
            }
            "div" | "li" | "tr" | "dt" | "dd" | "section" | "article" | "figure" | "figcaption"
            | "header" | "footer" | "aside" | "main" | "nav" | "address" | "center" | "caption"
            | "option" => {
                self.break_line();
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn sign(&mut self, name: &str, opens: bool) {
        let sign = match (name, opens) {
            ("blockquote" | "aside", true) => QUOTE,
            ("blockquote" | "aside", false) => QUOTE_ENDS,
            ("pre", true) => CODE,
            ("pre", false) => CODE_ENDS,
            _ => return,
        };
        self.close_link();
        self.break_line();
        self.text.push(sign);
    }

    fn write(&mut self, words: &str) {
        if self.text.len() > MOST_TEXT {
            return;
        }
        let signs = |c: &char| matches!(*c, QUOTE..=CODE_ENDS);
        if self.pre > 0 {
            self.text.extend(words.chars().filter(|c| !signs(c)));
            return;
        }
        for c in words.chars().filter(|c| !signs(c)) {
            if c.is_whitespace() {
                self.space();
            } else {
                self.text.push(c);
            }
        }
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
    }

    fn break_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Puts the address behind the words, or in their place when they are the address already,
    /// whole or shortened.
    fn close_link(&mut self) {
        let Some((address, from)) = self.link.take() else { return };
        let words = self.text[from..].trim();
        let stem = words.trim_end_matches(['…', '.']);
        let bare = |text: &str| -> String {
            let text = text.trim_start_matches("https://").trim_start_matches("http://");
            text.trim_start_matches("www.").trim_end_matches('/').to_owned()
        };
        // Where a site keeps its lists of people and tags is no part of what was said.
        if words.is_empty() || (self.tag && words.starts_with(['@', '#']) && !words.contains(' ')) {
            return;
        }
        if !stem.contains(' ') && stem.contains('.') && bare(&address).starts_with(&bare(stem)) {
            let lead = self.text.len() - self.text[from..].trim_start().len();
            self.text.truncate(lead.max(from));
            self.text.push_str(&address);
        } else {
            self.space();
            self.text.push('(');
            self.text.push_str(&address);
            self.text.push(')');
        }
    }
}

/// Whether a link is one that a site makes of `@ann` and `#acme` by itself.
fn is_tag(tag: &Tag) -> bool {
    tag.attrs.iter().any(|attribute| {
        let mut words = attribute.value.split_ascii_whitespace();
        match &*attribute.name.local {
            "class" => words.any(|word| matches!(word, "mention" | "hashtag")),
            "rel" => words.any(|word| word == "tag"),
            _ => false,
        }
    })
}

fn address(tag: &Tag, base: Option<&Url>) -> Option<String> {
    let href = tag.attrs.iter().find(|attribute| &*attribute.name.local == "href")?;
    let href = href.value.trim();
    if href.is_empty() || href.starts_with('#') || href.len() > LONGEST_LINK {
        return None;
    }
    let address = match Url::parse(href) {
        Ok(address) => address,
        Err(_) => base?.join(href).ok()?,
    };
    // As written where it is whole: an address is also a word that somebody may look for.
    let whole = href.starts_with("http://") || href.starts_with("https://");
    matches!(address.scheme(), "http" | "https").then(|| if whole { href.to_owned() } else { address.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_words_and_addresses() {
        let base = Url::parse("https://acme.example/blog/").expect("a URL");
        for (html, expected) in [
            ("plain, with  two spaces", "plain, with  two spaces"),
            ("<p>One\n two</p><p>three</p>", "One two\n\nthree"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("caf&eacute; &amp; bar &#8211; &#x1F600;", "café & bar – 😀"),
            ("1 &lt; 2", "1 < 2"),
            ("see <a href='/x'>our  <b>page</b></a>!", "see our page (https://acme.example/x)!"),
            (
                "<a href=\"https://globex.example/long/path\">globex.example/lo…</a>",
                "https://globex.example/long/path",
            ),
            ("<a href='mailto:a@b.example'>write</a> <a href='#top'>top</a>", "write top"),
            (
                "<a class='u-url mention' href='/@ann'>@<span>ann</span></a> on <a rel=tag href='/t/x'>#<span>x</span></a>",
                "@ann on #x",
            ),
            (
                "<a rel=tag href='/t/x'>news</a> <a href='/1'>#1</a>",
                "news (https://acme.example/t/x) #1 (https://acme.example/1)",
            ),
            ("<script>bad('<p>')</script><style>p{}</style>good", "good"),
            ("<ul><li>a<li>b</ul>c", "a\nb\n\nc"),
            ("<pre>a  b\n c</pre>d", "a  b\n c\nd"),
            ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
            ("a <!-- hidden --> b", "a b"),
            ("unfinished <b", "unfinished"),
        ] {
            assert_eq!(from_html(html, Some(&base)), expected, "{html}");
        }
    }

    #[test]
    fn what_others_said_is_marked() {
        for (html, expected) in [
            (
                "<blockquote><p>It is bad.</p><p>Really.</p></blockquote><p>No.</p>",
                "> It is bad.\n\n> Really.\n\nNo.",
            ),
            (
                "<p>a</p><aside class=\"quote\"><div class=\"title\">ann:</div><blockquote>b<br>c</blockquote></aside>d",
                "a\n\n> ann:\n\n> b\n> c\n\nd",
            ),
            (
                "<p>see</p><pre><code>one\n\n  two\nthree\nfour\n</code></pre><p>end</p>",
                "see\n\n> one\n>   two\n> three\n\nend",
            ),
            ("a<blockquote>b", "a\n\n> b"),
            ("a</blockquote>b", "a\n\nb"),
            ("<p>x <span class=\"badge clicks\">724</span>y</p>", "x y"),
            (
                "so <img class=\"emoji\" alt=\":cry:\"> slow<img alt=\"enter image description here\">",
                "so :cry: slow",
            ),
            ("a\u{1}b", "ab"),
            ("plain", "plain"),
        ] {
            assert_eq!(from_html_quoting(html, None), expected, "{html}");
        }
    }

    #[test]
    fn bears_depth_and_length() {
        let deep = "<div>".repeat(200_000);
        assert_eq!(from_html(&format!("{deep}x"), None), "x");
        let long = "<b>ä</b>".repeat(300_000);
        assert!(from_html(&long, None).len() <= MOST_TEXT);
    }

    #[test]
    fn plain_text_is_tidied() {
        assert_eq!(plain("a \r\nb\u{0}\u{7}\n\n\n\nc\n"), "a\nb\n\nc");
        // Held by the fuzz target `html_text`: made plain twice it was another text.
        assert_eq!(plain("a \u{1}\nb\n\u{2}\nc"), "a\nb\n\nc");
        assert_eq!(one_line(" a\n\tb  c\u{a0}d "), "a b c d");
        assert_eq!(cut("äöü", 3), "ä");
    }
}
