//! Reading a channel's `params`: unknown keys are faults, and each fault names its key.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::problem::{Problem, Problems};

/// Every key of `params` that the kind does not know.
pub fn unknown_keys(params: &Value, known: &[&str]) -> Problems {
    let mut problems = Problems::new();
    if let Some(table) = params.as_object() {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            problems.push(
                Problem::new(key.as_str(), "is no setting of this kind of channel")
                    .remedy(format!("known are {}", known.join(", "))),
            );
        }
    } else if !params.is_null() {
        problems.push(Problem::new("", "must be a table").remedy("write params = { … }"));
    }
    problems
}

/// `params` in its typed form.
///
/// # Errors
/// The first fault found, as a problem of the whole table.
pub fn read<T: DeserializeOwned>(params: &Value) -> Result<T, Problem> {
    let params = if params.is_null() { &Value::Object(serde_json::Map::new()) } else { params };
    T::deserialize(params).map_err(|error| Problem::new("", error.to_string()))
}
