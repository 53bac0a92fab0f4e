//! What stands in files, whoever wrote them and however.

use std::path::Path;

/// Which of the words stand in files below a folder, in letters of either case; one for each file that has it.
pub fn found_in<S: AsRef<str>>(folder: &Path, words: &[S]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(found_in(&path, words));
            continue;
        }
        // A socket, or what was renamed meanwhile.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let words = words.iter().map(AsRef::as_ref);
        let has =
            |word: &&str| bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
        found.extend(words.filter(has).map(str::to_owned));
    }
    found
}
