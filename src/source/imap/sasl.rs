//! What a server says of a token that it refused. By the protocol it asks once more in place of a reason, and the
//! reason is the question.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::wire::Line;

/// Why a token was refused, as the question says that follows it: `{"status":"401","schemes":"bearer"}`, packed.
pub fn challenge(line: &Line) -> Option<String> {
    let said: Value = serde_json::from_slice(&STANDARD.decode(line.after("+")?.trim()).ok()?).ok()?;
    let status = said.get("status")?;
    let status = status.as_str().map_or_else(|| status.to_string(), str::to_owned);
    // A word of its own, and no text of anybody's.
    let word = status.len() <= 40 && status.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    word.then_some(status)
}
