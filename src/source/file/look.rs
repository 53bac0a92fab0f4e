//! One look: which files there are, which of them were begun, and a bounded stretch of what is new.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::cursor::{Cursor, Identity, Place, mark};
use super::read::{self, Budget, End, Task};
use super::{Batch, Position, SourceError, Wanted, failed};
use crate::source::record::Parsed;

/// Most files of a folder: each is a line of the cursor, which is stored with every batch.
pub const MOST_FILES: usize = 2_000;
/// How long nothing may have been written before a file counts as done.
pub const STILL: SignedDuration = SignedDuration::from_mins(1);

/// The files that are read, by name.
type Names = BTreeMap<String, Identity>;

/// Reads what is new since `position`.
pub fn look(wanted: &Wanted, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
    let kept = position.cursor.as_deref().map(serde_json::from_str::<Cursor>);
    // A cursor that cannot be read costs a second reading and no post: the ids are the same.
    let mut cursor = kept.and_then(Result::ok).unwrap_or_default();
    let started = *cursor.started.get_or_insert(now);
    let single = !wanted.path.is_dir();
    let (folder, names) = files(&wanted.path).map_err(|error| unreadable(&wanted.path, &error))?;
    if names.len() > MOST_FILES {
        return Err(failed(format!(
            "{} holds {} files, and {MOST_FILES} are the most; move those away that are read",
            wanted.path.display(),
            names.len()
        )));
    }
    let (mut places, renamed) = recognise(&folder, &names, cursor.files);
    let mut budget = Budget::default();
    let mut parsed = Parsed::default();
    let mut trouble = None;
    let mut more = false;
    for place in &mut places {
        let rotated = renamed.contains(&place.name);
        let path = folder.join(&place.name);
        let name = if single && !rotated { String::new() } else { place.name.clone() };
        let task = Task {
            shape: &wanted.shape,
            format: wanted.format.or_else(|| read::by_name(&place.name)),
            name: &name,
            now,
            started: wanted.pace.then_some(started),
        };
        let outcome = File::open(&path).and_then(|mut file| {
            let end = read::read(&mut file, place, &task, &mut budget, &mut parsed)?;
            place.mark = mark(&mut file, place.at)?;
            Ok((end, file.metadata()?.len()))
        });
        match outcome {
            Ok((End::Full, _)) => {
                more = true;
                break;
            }
            Ok((End::Rest, size)) if rotated || size > place.at => place.rest(size, now),
            Ok(_) => place.wait = None,
            Err(error) => trouble = trouble.or(Some(unreadable(&path, &error))),
        }
    }
    // A rotated file is let go once its writer has; what is left of it then was never finished.
    places.retain(|place| {
        let done = |place: &Place| place.wait.is_some_and(|wait| now.duration_since(wait.still) >= STILL);
        let gone = renamed.contains(&place.name) && done(place);
        if gone && place.wait.is_some_and(|wait| wait.size > place.at) {
            parsed.reject(
                &format!("{} line {}", place.name, place.line + 1),
                "the file ends inside this record",
            );
        }
        !gone
    });
    if let (Some(error), true) = (trouble, parsed.posts.is_empty() && parsed.rejects.is_empty()) {
        return Err(error);
    }
    cursor.files = places;
    let cursor = serde_json::to_string(&cursor)
        .map_err(|error| failed(format!("the cursor cannot be written: {error}")))?;
    Ok(Batch {
        posts: parsed.posts,
        rejects: parsed.rejects,
        position: Position { cursor: Some(cursor), memo: None },
        more,
        fetched_through: (!more).then_some(now),
        ..Batch::default()
    })
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    failed(format!("{} cannot be read: {error}", path.display()))
}

/// The folder and the names in it that are read. A file that was rotated away a moment ago is missing until
/// it is made anew; what is left of the old one is read then.
fn files(path: &Path) -> io::Result<(PathBuf, Names)> {
    let here = fs::metadata(path)?;
    if !here.is_dir() {
        if !here.is_file() {
            return Err(io::Error::other("it is neither a file nor a folder"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::other("its name is no UTF-8"))?;
        return Ok((folder.to_owned(), [(name.to_owned(), identity(&here))].into()));
    }
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        // A hidden name is how tools write a file that is not finished.
        if name.starts_with('.') || read::by_name(&name).is_none() {
            continue;
        }
        if let Ok(file) = fs::metadata(path.join(&name))
            && file.is_file()
        {
            names.insert(name, identity(&file));
        }
    }
    Ok((path.to_owned(), names))
}

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// The kept places that still stand, first those of renamed files (their names come second), then
/// every file that is read, by name.
fn recognise(folder: &Path, names: &Names, kept: Vec<Place>) -> (Vec<Place>, Vec<String>) {
    let mut begun: BTreeMap<String, Place> = BTreeMap::new();
    let mut moved = Vec::new();
    for place in kept {
        if names.get(&place.name) == Some(&place.file) {
            if stands(folder, &place) {
                begun.insert(place.name.clone(), place);
            }
        } else {
            moved.push(place);
        }
    }
    let mut renamed = Vec::new();
    if !moved.is_empty() {
        let beside: BTreeMap<Identity, String> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                Some((identity(&entry.metadata().ok()?), entry.file_name().into_string().ok()?))
            })
            .collect();
        for mut place in moved {
            let Some(name) = beside.get(&place.file) else { continue };
            place.name.clone_from(name);
            if !stands(folder, &place) {
                continue;
            }
            if names.contains_key(name) {
                begun.insert(name.clone(), place);
            } else {
                renamed.push(place);
            }
        }
    }
    let rotated: Vec<String> = renamed.iter().map(|place| place.name.clone()).collect();
    renamed.extend(
        names
            .iter()
            .map(|(name, file)| begun.remove(name).unwrap_or_else(|| Place::new(name.clone(), *file))),
    );
    (renamed, rotated)
}

/// Whether what was taken from the file still stands in it.
fn stands(folder: &Path, place: &Place) -> bool {
    let marked = || -> io::Result<bool> {
        let mut file = File::open(folder.join(&place.name))?;
        Ok(file.metadata()?.len() >= place.at && mark(&mut file, place.at)? == place.mark)
    };
    // One that cannot be opened now is not another one: the error comes up when it is read.
    place.mark.is_empty() || marked().unwrap_or(true)
}
