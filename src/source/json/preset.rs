//! Descriptions that ship ready-made. A preset is a text in the words of the configuration (`presets/*.toml`), so
//! that it is also the model for a description of one's own: what `[asks]` names is put in for `{name}`, and every
//! key written beside the preset stands in place of the preset's.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::problem::{Problem, Problems};
use crate::source::params::choice;

const TEXTS: &[(&str, &str)] = &[
    ("freshdesk", include_str!("presets/freshdesk.toml")),
    ("help_desk_search", include_str!("presets/help_desk_search.toml")),
    ("intercom", include_str!("presets/intercom.toml")),
    ("nodebb", include_str!("presets/nodebb.toml")),
    ("wordpress", include_str!("presets/wordpress.toml")),
    ("wordpress_comments", include_str!("presets/wordpress_comments.toml")),
    ("zendesk", include_str!("presets/zendesk.toml")),
];

/// A ready-made description.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// As written in the configuration.
    #[serde(skip)]
    pub name: &'static str,
    /// The whole of it as it ships: a model for one's own.
    #[serde(skip)]
    pub text: &'static str,
    /// For people.
    pub about: String,
    /// Where the place says how it wants to be asked.
    pub document: String,
    /// What whoever uses it has to say, and what that is.
    asks: Map<String, Value>,
    params: Map<String, Value>,
}

/// All of them, by name.
pub static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &'static str)| {
        let preset: Preset = toml::from_str(text).expect("a test reads every preset");
        Preset { name, text, ..preset }
    };
    TEXTS.iter().map(read).collect()
});

/// Keys whose tables are merged; any other key beside the preset stands in its place as a whole.
const MERGED: &[&str] = &["fields", "headers"];

/// Settings with their preset put in. Without one they are as they were; of one that is not known nothing else
/// is said.
///
/// # Errors
/// When there is no such preset.
pub fn expand(params: &Value) -> Result<(Value, Problems), Problem> {
    let mut problems = Problems::new();
    let Some(table) = params.as_object().filter(|table| table.contains_key("preset")) else {
        return Ok((params.clone(), problems));
    };
    let named = table["preset"].as_str().unwrap_or_default();
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == named) else {
        let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let what = format!("there is no preset {}", table["preset"]);
        return Err(Problem::new("preset", what).remedy(choice(named, &known)));
    };
    let mut given = Vec::new();
    for (name, about) in &preset.asks {
        let about = about.as_str().unwrap_or_default();
        let place = format!("{{{name}}}");
        match table.get(name).map(|value| (value, value.as_str().map(str::trim))) {
            Some((_, Some(text))) if !text.is_empty() => given.push((place, text)),
            Some((value, _)) => {
                problems.push(Problem::new(name, format!("{value} is no text")).remedy(about));
                given.push((place, "x"));
            }
            None => {
                let what = format!("the preset \"{named}\" needs it");
                problems.push(Problem::new(name, what).remedy(format!("write {about}")));
                // Told once: the addresses it belongs into are none the worse.
                given.push((place, "x"));
            }
        }
    }
    let mut merged: Map<String, Value> =
        preset.params.iter().map(|(key, value)| (key.clone(), filled(value, &given))).collect();
    for (key, value) in table.iter().filter(|(key, _)| *key != "preset" && !preset.asks.contains_key(*key)) {
        match (merged.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) if MERGED.contains(&key.as_str()) => {
                under.extend(over.clone());
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Ok((Value::Object(merged), problems))
}

/// A value with what was given put into its texts; into an address as addresses want it.
fn filled(value: &Value, given: &[(String, &str)]) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text.clone();
            let is_address = text.starts_with("http");
            for (name, put) in given {
                let put = if is_address {
                    // A host may carry a port.
                    url::form_urlencoded::byte_serialize(put.as_bytes())
                        .collect::<String>()
                        .replace("%3A", ":")
                } else if text.starts_with(name.as_str()) {
                    // Where a place begins, with or without the slash that ends it.
                    put.trim_end_matches('/').to_owned()
                } else {
                    (*put).to_owned()
                };
                text = text.replace(name, &put);
            }
            Value::String(text)
        }
        Value::Array(list) => list.iter().map(|value| filled(value, given)).collect(),
        Value::Object(table) => {
            table.iter().map(|(key, value)| (key.clone(), filled(value, given))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Names that a preset asks for, for whoever looks for a misspelt key.
pub fn asked(params: &Value) -> Vec<&'static str> {
    let named = params.get("preset").and_then(Value::as_str);
    let preset = PRESETS.iter().find(|preset| Some(preset.name) == named);
    preset.into_iter().flat_map(|preset| preset.asks.keys().map(String::as_str)).collect()
}
