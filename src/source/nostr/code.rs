//! How the network writes its names: hashes and keys in hexadecimal, and for people in bech32, which says what
//! it names and notices a slip (NIP-19). Pure.

use std::fmt::Write as _;

const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Longer is no name.
const LONGEST: usize = 1_000;

/// So many bytes in lower-case hexadecimal, and nothing else.
pub fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Bytes in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A key as the configuration has it, `npub1…` or hexadecimal, in hexadecimal.
pub fn key(text: &str) -> Option<String> {
    if hex::<32>(text).is_some() {
        return Some(text.to_owned());
    }
    let bytes = decode("npub", text)?;
    (bytes.len() == 32).then(|| to_hex(&bytes))
}

/// `nevent1…`: an event and its author.
pub fn event(id: [u8; 32], author: [u8; 32]) -> String {
    let mut bytes = vec![0, 32];
    bytes.extend(id);
    bytes.extend([2, 32]);
    bytes.extend(author);
    encode("nevent", &bytes)
}

/// The author whom a `nevent1…` names.
pub fn author_of_event(text: &str) -> Option<String> {
    let bytes = decode("nevent", text)?;
    let mut rest = bytes.as_slice();
    while let [sort, length, tail @ ..] = rest {
        let (value, tail) = tail.split_at_checked(usize::from(*length))?;
        if *sort == 2 && value.len() == 32 {
            return Some(to_hex(value));
        }
        rest = tail;
    }
    None
}

fn encode(what: &str, bytes: &[u8]) -> String {
    let mut values = regroup::<8, 5>(bytes.iter().copied(), true).expect("five bits of bytes always are");
    let sum = checksum(what, values.iter().copied().chain([0; 6])) ^ 1;
    values.extend((0..6).map(|place| u8::try_from(sum >> (5 * (5 - place)) & 31).expect("five bits")));
    let letters = values.iter().map(|value| char::from(LETTERS[usize::from(*value)]));
    format!("{what}1{}", letters.collect::<String>())
}

fn decode(what: &str, text: &str) -> Option<Vec<u8>> {
    let letters = text.strip_prefix(what)?.strip_prefix('1').filter(|letters| letters.len() <= LONGEST)?;
    let value =
        |letter: u8| LETTERS.iter().position(|known| *known == letter).and_then(|at| u8::try_from(at).ok());
    let values: Vec<u8> = letters.bytes().map(value).collect::<Option<_>>()?;
    if values.len() < 6 || checksum(what, values.iter().copied()) != 1 {
        return None;
    }
    regroup::<5, 8>(values[..values.len() - 6].iter().copied(), false)
}

fn checksum(what: &str, values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let name = what.bytes().map(|b| b >> 5).chain([0]).chain(what.bytes().map(|b| b & 31));
    name.chain(values).fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x1ff_ffff) << 5 ^ u32::from(value);
        (0..5_usize).filter(|bit| top >> bit & 1 == 1).fold(shifted, |sum, bit| sum ^ GENERATOR[bit])
    })
}

/// Groups of some bits as groups of others; with `pad`, what is left over is filled with zeros, without it there
/// must be nothing but zeros left.
fn regroup<const FROM: u32, const TO: u32>(values: impl Iterator<Item = u8>, pad: bool) -> Option<Vec<u8>> {
    let (mut held, mut bits, mut groups) = (0_u32, 0, Vec::new());
    for value in values {
        held = (held << FROM | u32::from(value)) & 0xffff;
        bits += FROM;
        while bits >= TO {
            bits -= TO;
            groups.push(u8::try_from(held >> bits & ((1 << TO) - 1)).ok()?);
        }
    }
    let left = held & ((1 << bits) - 1);
    if pad && bits > 0 {
        groups.push(u8::try_from(left << (TO - bits)).ok()?);
    }
    (pad || (bits < FROM && left == 0)).then_some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The samples of NIP-19.
    const KEY: &str = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
    const NPUB: &str = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg";

    #[test]
    fn names_are_written_as_the_standard_has_it() {
        let bytes: [u8; 32] = hex(KEY).expect("a key");
        assert_eq!(encode("npub", &bytes), NPUB);
        assert_eq!(key(NPUB).as_deref(), Some(KEY));
        assert_eq!(key(KEY).as_deref(), Some(KEY));
        let id = [7; 32];
        assert_eq!(author_of_event(&event(id, bytes)).as_deref(), Some(KEY));
    }

    #[test]
    fn what_is_no_name_is_none() {
        let slip = NPUB.replacen('4', "5", 1);
        let upper = KEY.to_ascii_uppercase();
        for text in ["", "npub1", &slip, &KEY[..62], &upper, "npub1🦀", "nevent1qqqqqq"] {
            assert_eq!((key(text), author_of_event(text)), (None, None), "{text}");
        }
        assert_eq!(author_of_event(&encode("nevent", &[2, 40, 1])), None);
        assert_eq!((hex::<1>("a"), hex::<1>("zz"), hex::<1>("0a")), (None, None, Some([10])));
    }
}
