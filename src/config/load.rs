//! From files and variables to a checked [`Config`]: built-in defaults, the file, `conf.d/*.toml`
//! beside it in order of their names, then variables like `EARMARK__WEB__LISTEN`.
//!
//! The `config` crate layers single values. Lists are joined before it sees them, because it
//! would let the later file's list replace the earlier's: an owner in `conf.d` must add to the
//! owners of the main file. Every value carries its file and line through the layers as its
//! origin, so that any later fault can say where to look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::config::{Environment, Map, Source, Value, ValueKind};

use super::fields::{At, Book, Fields, variable};
use super::file::{self, Layer};
use super::raw::Raw;
use super::{Config, check, nearest};
use crate::domain::problem::{Problem, Problems};

/// Variables of the process, by name. Given and not fetched, so that a test can say its own.
pub type Variables = BTreeMap<String, String>;

/// Top-level keys with a single value.
pub const TOP: &[&str] = &["champion", "operator", "contact"];

/// Top-level tables.
const SECTIONS: &[&str] = &["store", "retention", "web", "email", "sentiment", "net"];

/// Top-level lists of tables, joined over the files.
const LISTS: &[&str] =
    &["owners", "channels", "topics", "routes", "policies", "triggers", "digests", "sources", "tests"];

/// Every single value, which is what variables can reach.
pub const SINGLE: &[&str] = &[
    "champion",
    "operator",
    "contact",
    "store.path",
    "retention.text",
    "retention.rows",
    "web.listen",
    "web.public_url",
    "web.token",
    "email.server",
    "email.security",
    "email.from",
    "email.username",
    "email.password",
    "sentiment.classifier",
    "sentiment.model",
    "sentiment.floor",
    "sentiment.threads",
    "sentiment.cache",
    "net.allow_private",
];

/// Values that are written as tables and still replace, not join, what an earlier file says.
const SECRETS: &[(&str, &str)] = &[("web", "token"), ("email", "password")];

/// A configuration in order, and what its writer should know all the same.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the daemon is told.
    pub config: Config,
    /// Warnings; none of them is a fault.
    pub warnings: Problems,
}

/// The process's own variables; those that are no text cannot be ours and are left out.
pub fn variables() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads and checks the configuration at `path`, with `conf.d` beside it.
///
/// # Errors
/// Every fault found, warnings among them, in the order of files and lines.
pub fn load(path: &Path, env: &Variables) -> Result<Loaded, Problems> {
    settle(examine(path, env))
}

/// Reads and checks one text as if it stood in the file `earmark.toml` in `folder`.
///
/// # Errors
/// As [`load`].
pub fn load_text(text: &str, folder: &Path, env: &Variables) -> Result<Loaded, Problems> {
    settle(match file::parse(text, "earmark.toml") {
        Ok(layer) => assemble(vec![layer], folder, env),
        Err(problems) => (None, problems),
    })
}

/// As [`load`], and beside the faults whatever could be made of the rest, so that the stages can
/// look at queries, conditions and params in the same run. To be shown, never to be used.
pub fn examine(path: &Path, env: &Variables) -> (Option<Config>, Problems) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let mut problems = Problems::new();
    let mut layers = Vec::new();
    let mut files = vec![(path.clone(), name_of(&path))];
    match pieces(&folder.join("conf.d")) {
        Ok(pieces) => files.extend(pieces),
        Err(problem) => problems.push(problem),
    }
    for (path, name) in files {
        match file::read(&path, &name) {
            Ok(layer) => layers.push(layer),
            Err(faults) => problems.0.extend(faults.0),
        }
    }
    if problems.has_faults() {
        return (None, problems);
    }
    assemble(layers, &folder, env)
}

fn settle((config, problems): (Option<Config>, Problems)) -> Result<Loaded, Problems> {
    match config {
        Some(config) if !problems.has_faults() => Ok(Loaded { config, warnings: problems }),
        _ => Err(problems),
    }
}

/// The files of `conf.d` in order of their names; hidden ones are editors' left-overs.
fn pieces(folder: &Path) -> Result<Vec<(PathBuf, String)>, Problem> {
    let unreadable = |error: &std::io::Error| {
        Problem::new(folder.display().to_string(), format!("cannot be read: {error}"))
            .remedy("let the account that runs earmark read it")
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&error))?.path();
        let name = name_of(&path);
        if path.extension().is_some_and(|ending| ending == "toml") && !name.starts_with('.') {
            found.push((path, format!("conf.d/{name}")));
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn assemble(layers: Vec<Layer>, folder: &Path, env: &Variables) -> (Option<Config>, Problems) {
    let book = Book::default();
    let order: Vec<String> = layers.iter().map(|layer| layer.name.clone()).collect();
    let top = At { key: String::new(), place: order.first().cloned().unwrap_or_default() };
    let table = layered(layers, env, &book);
    let checked = table.and_then(|table| {
        let raw = Raw::read(Fields::new(&book, top, table), &book);
        check::check(&raw, env, folder, &book)
    });
    let (mut problems, places) = book.close();
    problems.0.sort_by_key(|problem| rank(problem, &order));
    problems.0.dedup();
    (checked.map(|config| Config { places, ..config }), problems)
}

/// Files in the order read, then lines, then what belongs to no file.
fn rank(problem: &Problem, order: &[String]) -> (usize, usize) {
    let (name, line) = problem.place.rsplit_once(':').unwrap_or((&problem.place, ""));
    let file = order.iter().position(|file| file == name).unwrap_or(order.len());
    (file, line.parse().unwrap_or(0))
}

/// Joins the lists, layers the rest; none after a fault that leaves nothing to check.
fn layered(mut layers: Vec<Layer>, env: &Variables, book: &Book) -> Option<Map<String, Value>> {
    let mut lists: Map<String, Value> = Map::new();
    for layer in &mut layers {
        sift(layer, &mut lists, book);
    }
    for index in 0..layers.len() {
        for (section, key) in SECRETS {
            let said_later = layers[index + 1..].iter().any(|later| holds(later, section, key));
            if said_later
                && let Some(ValueKind::Table(table)) =
                    layers[index].table.get_mut(*section).map(|v| &mut v.kind)
            {
                table.remove(*key);
            }
        }
    }
    let defaults = file::parse(include_str!("defaults.toml"), "built-in")
        .expect("the built-in layer is read by every test of this module");
    let joined = Layer { name: "lists".to_owned(), table: lists };
    let mut builder = ::config::Config::builder().add_source(defaults);
    for layer in layers {
        builder = builder.add_source(layer);
    }
    let variables = Environment::with_prefix("EARMARK")
        .prefix_separator("__")
        .separator("__")
        .source(Some(ours(env, book).into_iter().collect()));
    let built = builder.add_source(joined).add_source(variables).build();
    match built.and_then(|built| built.collect()) {
        Ok(table) => Some(table),
        Err(error) => {
            book.push(Problem::new("layers", format!("the layers cannot be put together: {error}")));
            None
        }
    }
}

fn holds(layer: &Layer, section: &str, key: &str) -> bool {
    matches!(layer.table.get(section).map(|value| &value.kind), Some(ValueKind::Table(table)) if table.contains_key(key))
}

/// Moves a file's lists to `lists` and drops, with a fault, what does not belong on top.
fn sift(layer: &mut Layer, lists: &mut Map<String, Value>, book: &Book) {
    let mut kept = Map::new();
    // In order of their names: faults of one line would else come now so, now otherwise.
    for (key, value) in layer.table.drain().collect::<BTreeMap<_, _>>() {
        let at = At { key: key.clone(), place: value.origin().unwrap_or_default().to_owned() };
        match value.kind {
            ValueKind::Array(items) if LISTS.contains(&key.as_str()) => {
                book.remember(&at);
                let list = lists
                    .entry(key)
                    .or_insert_with(|| Value::new(Some(&at.place), ValueKind::Array(Vec::new())));
                if let ValueKind::Array(list) = &mut list.kind {
                    list.extend(items);
                }
            }
            ValueKind::Table(_) if SECTIONS.contains(&key.as_str()) => {
                // The crate merges tables and forgets where they stood; those in a section are secrets.
                if let ValueKind::Table(table) = &value.kind {
                    for (name, inner) in table {
                        let place = inner.origin().unwrap_or_default().to_owned();
                        book.move_to(At { key: at.under(name).key, place });
                    }
                }
                book.remember(&at);
                kept.insert(key, value);
            }
            ValueKind::Table(_) if LISTS.contains(&key.as_str()) => {
                book.push(
                    at.fault("this is a list of tables").remedy(format!("write [[{key}]] with two brackets")),
                );
            }
            ValueKind::Array(_) if SECTIONS.contains(&key.as_str()) => {
                book.push(
                    at.fault("there is only one table of this name")
                        .remedy(format!("write [{key}] with one bracket")),
                );
            }
            _ if LISTS.contains(&key.as_str()) => {
                book.push(
                    at.fault("this is a list of tables")
                        .remedy(format!("write [[{key}]] and its keys below it")),
                );
            }
            _ if SECTIONS.contains(&key.as_str()) => {
                book.push(at.fault("this is a table").remedy(format!("write [{key}] and its keys below it")));
            }
            _ if TOP.contains(&key.as_str()) => {
                kept.insert(key, value);
            }
            _ => {
                let inner = SINGLE.iter().find_map(|single| {
                    single.split_once('.').filter(|(_, name)| *name == key).map(|(section, _)| section)
                });
                let remedy = match inner {
                    Some(section) => format!("it belongs in [{section}]"),
                    None => nearest::hint(&key, [TOP, SECTIONS, LISTS].concat()),
                };
                book.push(at.fault("there is no such key").remedy(remedy));
            }
        }
    }
    layer.table = kept;
}

/// The variables that set something; the others of our prefix are faults. Empty ones are unset.
fn ours(env: &Variables, book: &Book) -> Variables {
    let names: Vec<String> = SINGLE.iter().map(|key| variable(key)).collect();
    let mut kept = Variables::new();
    for (name, value) in env.iter().filter(|(name, _)| name.to_uppercase().starts_with("EARMARK__")) {
        if names.contains(name) {
            if !value.is_empty() {
                kept.insert(name.clone(), value.clone());
            }
            continue;
        }
        let list = LISTS.iter().find(|list| name.to_uppercase().starts_with(&variable(list)));
        let (what, remedy) = match list {
            Some(list) => (
                "variables reach single values only",
                format!("write [[{list}]] into a file; files in conf.d are joined"),
            ),
            None => ("no single value has this name", nearest::hint(name, names.iter().map(String::as_str))),
        };
        let mut problem = Problem::new(name.clone(), what).remedy(remedy);
        problem.place = "the environment".to_owned();
        book.push(problem);
    }
    kept
}
