//! What the writer of a mail says, without what they answer to and without their signature. Mail programs
//! mark neither in a way that all share, so this knows how the usual ones write.
//!
//! # Wanted
//! * Nobody is held to words that they quote: an owner's own apology, quoted below a thank-you, is no complaint.
//! * What is forwarded is what the mail is about, and stays; the forwarded mail's own history goes.
//! * Words are rather kept than lost. History is cut off only below words of one's own, and only at a line
//!   that names somebody or an hour; a form that begins with `From:` is no history.
//!
//! # Accepted
//! * Answers between the lines keep their order and lose what they answer to.
//! * A history in a form that is not known here stays.

/// Marks of quotation that HTML carries as elements; nobody types them.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

const WROTE: &[&str] = &[
    "wrote",
    "writes",
    "schrieb",
    "geschrieben",
    "a écrit",
    "escribió",
    "ha scritto",
    "schreef",
    "escreveu",
    "napisał",
    "skrev",
    "kirjoitti",
    "написал",
    "пишет",
];
const STARTS: &[&str] =
    &["on ", "am ", "le ", "el ", "il ", "op ", "em ", "w dniu ", "den ", "dnia ", "in data "];
const FROM: &[&str] = &["from", "von", "de", "da", "van", "od", "från", "fra"];
const SENT: &[&str] = &[
    "sent",
    "date",
    "gesendet",
    "datum",
    "envoyé",
    "enviado",
    "fecha",
    "inviato",
    "data",
    "verzonden",
    "skickat",
    "sendt",
    "wysłano",
];
const ABOUT: &[&str] = &[
    "to",
    "subject",
    "an",
    "betreff",
    "à",
    "objet",
    "para",
    "asunto",
    "a",
    "oggetto",
    "aan",
    "onderwerp",
    "assunto",
    "temat",
    "ämne",
    "emne",
];
const FORWARDED: &[&str] = &[
    "forwarded message",
    "begin forwarded message",
    "forwarded by",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten nachricht",
    "anfang der weitergeleiteten e-mail",
    "message transféré",
    "début du message transféré",
    "début du message réexpédié",
    "mensaje reenviado",
    "messaggio inoltrato",
    "inizio messaggio inoltrato",
    "doorgestuurd bericht",
    "begin doorgestuurd bericht",
    "mensagem encaminhada",
];
const ORIGINAL: &[&str] = &[
    "original message",
    "original appointment",
    "ursprüngliche nachricht",
    "originalnachricht",
    "message d'origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "mensagem original",
    "originalmeddelande",
];
const SENT_WITH: &[&str] = &[
    "sent from my ",
    "sent from outlook",
    "sent from mail for",
    "sent from yahoo",
    "sent via ",
    "get outlook for",
    "von meinem ",
    "gesendet von ",
    "gesendet mit ",
    "diese nachricht wurde von meinem",
    "holen sie sich outlook",
    "envoyé de mon ",
    "envoyé depuis ",
    "enviado desde ",
    "enviado do meu ",
    "inviato da ",
    "verzonden vanaf ",
    "verstuurd vanaf ",
];

/// A signature, and the foot of a mailing list, has at most so many lines.
const LONGEST_FOOT: usize = 15;

/// HTML made ready to become text: what stands in a `blockquote` will be told from the rest by [`from_html`].
pub fn marked(html: &str) -> String {
    let mut marked = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        marked.extend(before.chars().filter(|c| !matches!(*c, OPEN | CLOSE)));
        let starts = |name: &str| tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let mark = if starts("<blockquote") {
            Some(OPEN)
        } else if starts("</blockquote") {
            Some(CLOSE)
        } else {
            None
        };
        let end = tag.find('>').map_or(tag.len(), |end| end + 1);
        match mark {
            Some(mark) => marked.push_str(&format!("<p>{mark}</p>")),
            None => marked.push_str(&tag[..end]),
        }
        rest = &tag[end..];
    }
    marked.extend(rest.chars().filter(|c| !matches!(*c, OPEN | CLOSE)));
    marked
}

/// Text made from [`marked`] HTML, with quotes as plain text has them.
pub fn from_html(text: &str) -> String {
    let mut depth = 0_usize;
    let mut lines = Vec::new();
    for line in text.lines() {
        depth += line.matches(OPEN).count();
        let ends = line.matches(CLOSE).count();
        let words = line.trim_matches([OPEN, CLOSE, ' ']);
        if !words.is_empty() || line.trim().is_empty() {
            lines.push(format!("{}{words}", "> ".repeat(depth.min(3))));
        }
        depth = depth.saturating_sub(ends);
    }
    lines.join("\n")
}

/// The writer's own words, and what they forward. `forwarded`: the headline says that something is.
pub fn own_words(text: &str, forwarded: bool) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let said = own_lines(&lines, forwarded, 0);
    if said.is_empty() && forwarded {
        let bare: Vec<&str> = lines.iter().map(|line| unquoted(line)).collect();
        return own_lines(&bare, false, 0);
    }
    said
}

fn own_lines(lines: &[&str], forwarded: bool, depth: usize) -> String {
    let mut own: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (line, below) = (lines[at], &lines[at + 1..]);
        let header = header(&lines[at..]);
        let original = is_between_dashes(line, ORIGINAL);
        if is_forward(line) || ((original || header) && forwarded) {
            let rest = if header { &lines[at..] } else { below };
            return join(&own, &forward(rest, depth));
        }
        let nothing_above = own.iter().all(|line| line.trim().is_empty());
        if (original || header) && !nothing_above {
            break;
        }
        if let Some(count) = attribution(&lines[at..]) {
            let below = &lines[at + count..];
            let marked = below.iter().find(|line| !line.trim().is_empty()).is_some_and(|line| is_quote(line));
            let sure = lines[at..at + count].iter().any(|line| line.contains('@') || has_hour(line));
            if marked {
                at += count;
                continue;
            }
            if sure && !nothing_above {
                break;
            }
        }
        if !is_quote(line) {
            own.push(line);
        }
        at += 1;
    }
    join(&own, "")
}

/// The words above a forwarded mail, and those of it.
fn join(own: &[&str], forwarded: &str) -> String {
    let own = unsigned(own);
    match (own.is_empty(), forwarded.is_empty()) {
        (_, true) => own,
        (true, false) => forwarded.to_owned(),
        (false, false) => format!("{own}\n\n{forwarded}"),
    }
}

/// A forwarded mail, from the line on that follows its announcement.
fn forward(lines: &[&str], depth: usize) -> String {
    // Somebody may have forwarded what was forwarded to them, and so on.
    if depth > 8 {
        return lines.join("\n").trim().to_owned();
    }
    let all_quoted = lines.iter().all(|line| line.trim().is_empty() || is_quote(line));
    let bare: Vec<&str> = lines
        .iter()
        .map(|line| if all_quoted { unquoted(line) } else { line })
        .skip_while(|line| line.trim().is_empty())
        .collect();
    let is_header = |line: &&str| {
        let name = line.trim_start_matches(['*', ' ']).split(':').next().unwrap_or_default();
        line.contains(':') && name.chars().count() <= 20 && !name.trim().contains(' ')
    };
    // A header goes on in lines that are set in.
    let head =
        bare.iter().take(20).take_while(|line| is_header(line) || line.starts_with([' ', '\t'])).count();
    own_lines(&bare[head..], false, depth + 1)
}

/// Without the signature and the foot that a program or a list put below.
fn unsigned(lines: &[&str]) -> String {
    let left = |at: usize| lines.len() - at - 1;
    let is_foot = |at: usize, line: &str| {
        let bare = line.trim_end();
        line == "-- "
            || (bare == "--" && left(at) <= LONGEST_FOOT)
            || (bare.len() >= 30 && bare.bytes().all(|byte| byte == b'_') && left(at) <= LONGEST_FOOT)
    };
    let end =
        lines.iter().enumerate().find(|(at, line)| is_foot(*at, line)).map_or(lines.len(), |(at, _)| at);
    let mut kept = &lines[..end];
    while let Some((last, before)) = kept.split_last() {
        let line = last.trim().to_lowercase();
        let programs = line.chars().count() < 120 && SENT_WITH.iter().any(|start| line.starts_with(start));
        if !line.is_empty() && !programs {
            break;
        }
        kept = before;
    }
    kept.join("\n").trim().to_owned()
}

fn is_quote(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

fn unquoted(line: &str) -> &str {
    let line = line.trim_start();
    line.strip_prefix('>').map_or(line, |line| line.strip_prefix(' ').unwrap_or(line))
}

fn is_forward(line: &str) -> bool {
    is_between_dashes(line, FORWARDED)
        || (line.trim_end().ends_with(':') && FORWARDED.iter().any(|known| *known == bare(line)))
}

fn is_between_dashes(line: &str, known: &[&str]) -> bool {
    let line = line.trim();
    (line.starts_with("--") || line.starts_with("__"))
        && known.iter().any(|known| bare(line).starts_with(known))
}

fn bare(line: &str) -> String {
    line.trim_matches(|c: char| matches!(c, '-' | '_' | '*' | ':') || c.is_whitespace()).to_lowercase()
}

/// Whether lines begin with the head of an older mail: from whom, when, and to whom or about what.
fn header(lines: &[&str]) -> bool {
    let named = |line: &str, names: &[&str]| {
        let line = line.trim_start_matches(['*', ' ', '\t']);
        let name =
            line.split(':').next().unwrap_or_default().trim_matches(['*', ' ', '\u{a0}']).to_lowercase();
        line.contains(':') && names.contains(&name.as_str())
    };
    let Some(first) = lines.first() else { return false };
    let next = || lines.iter().skip(1).take(8).take_while(|line| !line.trim().is_empty());
    named(first, FROM) && next().any(|line| named(line, SENT)) && next().any(|line| named(line, ABOUT))
}

/// How many lines say `On …, somebody wrote:`; programs break it where it is too long.
fn attribution(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?.trim();
    if first.is_empty() || is_quote(first) {
        return None;
    }
    let begins = |line: &str| {
        let line = line.to_lowercase();
        STARTS.iter().any(|word| line.starts_with(word)) || line.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut said = String::new();
    for (index, line) in lines.iter().take(4).enumerate() {
        let line = line.trim();
        if line.is_empty() || said.len() + line.len() > 400 {
            return None;
        }
        // What stands right above it is none of it.
        if index > 0 && (!begins(first) || (begins(line) && attribution(&lines[index..]).is_some())) {
            return None;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(&line.to_lowercase());
        if let Some(said) = said.strip_suffix(':') {
            return is_attribution(said.trim_end()).then_some(index + 1);
        }
    }
    None
}

fn is_attribution(said: &str) -> bool {
    let digit = said.contains(|c: char| c.is_ascii_digit());
    let wrote = WROTE.iter().any(|word| said.contains(word));
    let ends = WROTE.iter().any(|word| said.ends_with(word) || said.ends_with(&format!("{word}(a)")));
    let starts = STARTS.iter().any(|word| said.starts_with(word));
    let dated = said.starts_with(|c: char| c.is_ascii_digit()) && said.ends_with('>') && said.contains('@');
    (wrote && digit && (starts || ends || said.contains("schrieb am ") || said.contains("wrote on ")))
        || (ends && said.contains('@'))
        || dated
}

/// Something like 9:41.
fn has_hour(line: &str) -> bool {
    line.as_bytes()
        .windows(4)
        .any(|four| matches!(four, [a, b':', b, c] if [a, b, c].iter().all(|byte| byte.is_ascii_digit())))
}

#[cfg(test)]
mod tests;
