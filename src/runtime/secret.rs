//! Fetches what a [`SecretRef`] points to. Nothing here is ever printed: `SecretString` hides
//! itself from `Debug`, and errors name the place, never the content.

use std::path::Path;

use secrecy::SecretString;

use crate::domain::secret::SecretRef;

/// Where systemd looks for credentials that a unit names without a path.
const STORES: [&str; 2] = ["/run/credstore", "/etc/credstore"];

/// The secret behind a pointer, its last line end taken off.
///
/// # Errors
/// A fragment that says which place could not be read and what to do.
pub fn fetch(pointer: &SecretRef) -> Result<SecretString, String> {
    match pointer {
        SecretRef::Credential(name) => {
            if name.is_empty() || name.contains('/') || name.starts_with('.') {
                return Err(format!("\"{name}\" cannot be the name of a credential"));
            }
            if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
                return read(&Path::new(&folder).join(name));
            }
            // Outside the unit (`earmark check` by hand): where systemd itself looks, systemd.exec(5).
            let stored = STORES.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
            read(&stored.ok_or_else(|| {
                format!(
                    "the credential \"{name}\" is not there: $CREDENTIALS_DIRECTORY is not set, and {} hold \
                     none; under systemd add LoadCredential={name}:/path, else use {{ file = … }}",
                    STORES.join(" and ")
                )
            })?)
        }
        SecretRef::File(path) => read(Path::new(path)),
        SecretRef::Env(name) => {
            std::env::var(name).map(SecretString::from).map_err(|_| format!("the variable {name} is not set"))
        }
    }
}

fn read(path: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(SecretString::from(text.to_owned()))
}
