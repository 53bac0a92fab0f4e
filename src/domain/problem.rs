//! What is wrong with a configuration, said so that the reader can mend it: where, what, and what
//! would be right. Problems are collected, never returned one at a time.

use std::fmt;

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// File and line where known, as `earmark.toml:12`; empty when it belongs to no file.
    pub place: String,
    /// The key, as `topics["acme-app"].query`.
    pub key: String,
    /// What is wrong, as a fragment: `no owner is named "care"`.
    pub what: String,
    /// What would be right, as a fragment: `did you mean "carer"?`; may be empty.
    pub remedy: String,
    /// A warning is shown and does not stop the daemon.
    pub warning: bool,
}

impl Problem {
    /// A fault at `key`; its place is filled in by whoever knows the files.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            key: key.into(),
            what: what.into(),
            remedy: String::new(),
            warning: false,
        }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}: {}", self.key, self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

/// All faults found, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// No fault yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of another list, each key put behind `prefix`.
    pub fn extend_under(&mut self, prefix: &str, other: Problems) {
        self.0.extend(other.0.into_iter().map(|mut problem| {
            let joint = if problem.key.is_empty() || problem.key.starts_with('[') { "" } else { "." };
            problem.key = format!("{prefix}{joint}{}", problem.key);
            problem
        }));
    }

    /// Whether any of them stops the daemon.
    pub fn has_faults(&self) -> bool {
        self.0.iter().any(|problem| !problem.warning)
    }

    /// Whether there is nothing to say at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            let word = if problem.warning { "warning" } else { "error" };
            writeln!(f, "{word}: {problem}")?;
        }
        Ok(())
    }
}
