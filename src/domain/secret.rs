//! Where a secret lies. The secret itself never stands in a configuration, and what is here is
//! safe to print; `runtime::secret` fetches it.

use serde::{Deserialize, Serialize};

/// A pointer to a secret: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// A systemd credential: a file of this name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// A file, its last line end taken off.
    File(String),
    /// An environment variable.
    Env(String),
}
