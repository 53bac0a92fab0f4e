//! Bytes to text, before any parser sees them. What a document says of its own encoding is a hint
//! among others: marks at its beginning are surest, then what can be told from its bytes, then the
//! server's word, then its own.

use std::borrow::Cow;
use std::io::Read;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Some servers hand out compressed files as such; this much of one is unpacked.
const MOST_UNPACKED: u64 = 4 * 1024 * 1024;

/// The text of a document, without byte-order mark and XML declaration.
pub fn decode(body: &[u8], content_type: Option<&str>) -> String {
    let unpacked;
    let body = match unpack(body) {
        Some(bytes) => {
            unpacked = bytes;
            &unpacked
        }
        None => body,
    };
    let text = text_of(body, content_type);
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    without_declaration(text).to_owned()
}

fn unpack(body: &[u8]) -> Option<Vec<u8>> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let mut bytes = Vec::new();
    // What came before an error is kept: the reader takes what it can.
    let _ = flate2::read::GzDecoder::new(body).take(MOST_UNPACKED).read_to_end(&mut bytes);
    Some(bytes)
}

fn text_of<'a>(body: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
    match body {
        [0, 0, 0xfe, 0xff, rest @ ..] => return utf_32(rest, u32::from_be_bytes),
        [0xff, 0xfe, 0, 0, rest @ ..] => return utf_32(rest, u32::from_le_bytes),
        [0, 0, 0, b'<' | b'{', ..] => return utf_32(body, u32::from_be_bytes),
        [b'<' | b'{', 0, 0, 0, ..] => return utf_32(body, u32::from_le_bytes),
        [0xfe, 0xff, rest @ ..] | rest @ [0, b'<' | b'{', ..] => {
            return UTF_16BE.decode_without_bom_handling(rest).0;
        }
        [0xff, 0xfe, rest @ ..] | rest @ [b'<' | b'{', 0, ..] => {
            return UTF_16LE.decode_without_bom_handling(rest).0;
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => return UTF_8.decode_without_bom_handling(rest).0,
        _ => {}
    }
    let told = content_type.and_then(header_charset);
    let own = declared(body);
    if let Ok(text) = std::str::from_utf8(body) {
        let foreign = [told, own].into_iter().flatten().find(|encoding| !is_western(encoding));
        // Words in another encoding that happen to be UTF-8 are too rare to be believed, except
        // where the encoding writes with ASCII bytes alone.
        return match foreign {
            Some(encoding) if text.is_ascii() && encoding == ISO_2022_JP => encoding.decode(body).0,
            _ => Cow::Borrowed(text),
        };
    }
    let mut best: Option<Cow<'a, str>> = None;
    for encoding in [told, own].into_iter().flatten().filter(|encoding| encoding.is_ascii_compatible()) {
        let (text, faults) = encoding.decode_without_bom_handling(body);
        if !faults {
            return text;
        }
        best.get_or_insert(text);
    }
    // A few broken bytes inside UTF-8 spoil less than a document read as Western throughout.
    let lossy = String::from_utf8_lossy(body);
    let broken = lossy.matches('\u{fffd}').count();
    let sound = lossy.chars().filter(|c| !c.is_ascii() && *c != '\u{fffd}').count();
    let western = || WINDOWS_1252.decode_without_bom_handling(body).0;
    match best {
        Some(text) if text.matches('\u{fffd}').count() < broken => text,
        _ if sound >= broken => lossy,
        _ => western(),
    }
}

/// Western is what servers and templates say when nobody thought about it.
fn is_western(encoding: &&'static Encoding) -> bool {
    *encoding == WINDOWS_1252 || *encoding == UTF_8
}

fn utf_32(body: &[u8], read: fn([u8; 4]) -> u32) -> Cow<'static, str> {
    let units = body.as_chunks::<4>().0.iter();
    Cow::Owned(units.map(|unit| char::from_u32(read(*unit)).unwrap_or('\u{fffd}')).collect())
}

/// Undoes a double encoding: UTF-8 that a template took for Western and encoded again. Only where
/// every word that is not ASCII reads as UTF-8 so; by chance that does not happen.
pub fn mended(text: String) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| !c.is_ascii()) {
        let end = rest[at..].find(|c: char| c.is_ascii()).map_or(rest.len(), |length| at + length);
        let bytes: Option<Vec<u8>> = rest[at..end].chars().map(western_byte).collect();
        let Some(word) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else { return text };
        mended.push_str(&rest[..at]);
        mended.push_str(&word);
        rest = &rest[end..];
    }
    mended.push_str(rest);
    mended
}

fn western_byte(c: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(u32::from(c)) {
        return Some(byte);
    }
    let mut buffer = [0; 4];
    let (bytes, _, unknown) = WINDOWS_1252.encode(c.encode_utf8(&mut buffer));
    (!unknown && bytes.len() == 1).then(|| bytes[0])
}

fn header_charset(content_type: &str) -> Option<&'static Encoding> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower.find("charset")? + "charset".len();
    let label = lower[at..].trim_start().strip_prefix(['=', ':'])?.trim_start();
    let label: String = label
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| !matches!(c, '"' | '\'' | ';' | ' '))
        .collect();
    Encoding::for_label(label.as_bytes())
}

/// The encoding that the XML declaration names.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let head = &body[..body.len().min(1_024)];
    let head = String::from_utf8_lossy(head);
    let declaration = &head[head.find("<?xml")?..];
    let declaration = &declaration[..declaration.find("?>").unwrap_or(declaration.len())];
    let value = declaration[declaration.find("encoding")? + "encoding".len()..].trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let label: String =
        value.chars().skip(1).take_while(|c| !matches!(c, '"' | '\'') && !c.is_whitespace()).collect();
    Encoding::for_label(label.as_bytes())
}

fn without_declaration(text: &str) -> &str {
    match text.strip_prefix("<?xml ").and_then(|rest| rest.split_once("?>")) {
        Some((inside, rest)) if !inside.contains('<') => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mends_what_was_encoded_twice_and_nothing_else() {
        for (text, expected) in [
            ("Ã¼ber â€™s", "über ’s"),
            ("über’s", "über’s"),
            ("Ã¼ber é", "Ã¼ber é"),
            ("日本", "日本"),
            ("plain", "plain"),
        ] {
            assert_eq!(mended(text.to_owned()), expected);
        }
    }

    #[test]
    fn reads_what_documents_and_servers_say_rightly_and_wrongly() {
        let xml = |label: &str, bytes: &[u8]| {
            let mut body = format!("<?xml version='1.0' encoding='{label}'?>").into_bytes();
            body.extend_from_slice(bytes);
            body
        };
        let utf_16: Vec<u8> = "<r>ä</r>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_32: Vec<u8> = "<r>ä</r>".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        for (name, body, content_type, expected) in [
            ("utf-8", xml("utf-8", "ä".as_bytes()), None, "ä"),
            ("declared", xml("iso-8859-1", b"\xe4"), None, "ä"),
            ("server's word", b"\xe4".to_vec(), Some("text/xml; charset=\"ISO-8859-1\""), "ä"),
            ("server wrong, document right", xml("koi8-r", b"\xc1"), Some("text/xml; charset=utf-8"), "а"),
            ("declares utf-8, is western", xml("utf-8", b"caf\xe9"), None, "café"),
            ("declares western, is utf-8", xml("iso-8859-1", "café".as_bytes()), None, "café"),
            ("bogus label", xml("bogus", b"\xe9"), None, "é"),
            ("says utf-16, is not", xml("utf-16", "é".as_bytes()), None, "é"),
            ("utf-16 without mark", utf_16, None, "<r>ä</r>"),
            ("utf-32 without mark", utf_32, None, "<r>ä</r>"),
            ("mark and space", b"\xef\xbb\xbf \n<r/>".to_vec(), None, "<r/>"),
            ("quoted in singles", b"\xe4".to_vec(), Some("a/b;charset= 'iso-8859-1'"), "ä"),
        ] {
            assert_eq!(decode(&body, content_type), expected, "{name}");
        }
    }
}
