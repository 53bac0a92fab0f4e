//! Where the model's folder is, when the configuration does not name one: beside an installed
//! binary, else in the checkout the binary was started in. Pure over what it is told.

use std::path::{Path, PathBuf};

use super::ScoreError;

/// The folder of an installed model, from the folder of the binary.
const INSTALLED: &str = "../share/earmark/models/sentiment";
/// The folder of the model in a checkout.
const CHECKOUT: &str = "models/sentiment";

/// The folder to load from. A folder that was named is taken as it is, there or not: what is
/// wrong with it is then said of it, and no other one stands in.
///
/// # Errors
/// [`ScoreError::NoModel`], with every folder that was looked at.
pub fn model_folder(
    named: Option<&Path>,
    binary: Option<&Path>,
    working_folder: Option<&Path>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, ScoreError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let installed = binary.and_then(Path::parent).map(|folder| folder.join(INSTALLED));
    let checkout = working_folder.map(|folder| folder.join(CHECKOUT));
    let looked: Vec<PathBuf> = installed.into_iter().chain(checkout).collect();
    looked.iter().find(|folder| exists(folder)).cloned().ok_or(ScoreError::NoModel(looked))
}

/// [`model_folder`] with this process's binary and working folder.
///
/// # Errors
/// [`ScoreError::NoModel`].
pub fn find(named: Option<&Path>) -> Result<PathBuf, ScoreError> {
    let binary = std::env::current_exe().ok();
    let working_folder = std::env::current_dir().ok();
    model_folder(named, binary.as_deref(), working_folder.as_deref(), Path::is_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: &str = "/usr/local/bin/earmark";
    const SHARED: &str = "/usr/local/bin/../share/earmark/models/sentiment";

    fn look(named: Option<&str>, there: &[&str]) -> Result<PathBuf, ScoreError> {
        model_folder(
            named.map(Path::new),
            Some(Path::new(BINARY)),
            Some(Path::new("/srv/acme/earmark")),
            |folder| there.iter().any(|known| folder == Path::new(known)),
        )
    }

    #[test]
    fn named_folder_wins_even_if_it_is_missing() {
        assert_eq!(look(Some("/srv/model"), &[SHARED]).expect("named"), Path::new("/srv/model"));
    }

    #[test]
    fn installed_before_checkout() {
        let checkout = "/srv/acme/earmark/models/sentiment";
        assert_eq!(look(None, &[SHARED, checkout]).expect("installed"), Path::new(SHARED));
        assert_eq!(look(None, &[checkout]).expect("checkout"), Path::new(checkout));
    }

    #[test]
    fn nowhere_names_every_place() {
        let error = look(None, &[]).expect_err("nothing is there").to_string();
        assert!(error.contains(SHARED) && error.contains("/srv/acme/earmark/models/sentiment"), "{error}");
    }
}
