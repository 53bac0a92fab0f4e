//! Asks anew after posts known. A 404 is a deletion where the repository is there, and a whole repository
//! that is not is a deletion for whoever has no token; a token that lost its rights would erase what others
//! still read. An issue that moved to another repository answers under its new name, and is left alone.

use std::collections::BTreeMap;

use super::parse;
use super::site::Site;
use crate::source::{Answer, Known, Rechecked, Settings, SourceError};

/// Where a post stands.
struct Place {
    /// `acme/app`.
    repository: String,
    /// Below it; none for what is asked for in GraphQL.
    path: Option<String>,
}

impl Place {
    fn of(known: &Known) -> Option<Self> {
        let (sort, id) = known.id.split_once(':')?;
        let thread = parse::thread(known.url.as_deref()?)?;
        let (repository, number) = thread.split_once('#')?;
        let path = match sort {
            "issue" => Some(format!("issues/{number}")),
            "comment" => Some(format!("issues/comments/{id}")),
            "review_comment" => Some(format!("pulls/comments/{id}")),
            "discussion" | "discussion_comment" => None,
            _ => return None,
        };
        Some(Self { repository: repository.to_owned(), path })
    }
}

struct Round<'a> {
    site: &'a Site,
    settings: &'a Settings,
    /// Repositories whose missing posts are surely gone.
    sure: BTreeMap<String, bool>,
    told: Rechecked,
}

pub(super) async fn recheck(
    site: &Site,
    settings: &Settings,
    known: &[Known],
) -> Result<Rechecked, SourceError> {
    let mut round = Round { site, settings, sure: BTreeMap::new(), told: Rechecked::default() };
    match round.all(known).await {
        Err(error) if error.pause().is_some() => round.told.rest = error.pause(),
        other => other?,
    }
    Ok(round.told)
}

impl Round<'_> {
    async fn all(&mut self, known: &[Known]) -> Result<(), SourceError> {
        let mut nodes = Vec::new();
        for post in known {
            match Place::of(post) {
                Some(Place { repository, path: Some(path) }) => self.one(post, &repository, &path).await?,
                Some(Place { repository, path: None }) if self.site.signed() => {
                    nodes.push((post, repository))
                }
                _ => {}
            }
        }
        if nodes.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = nodes.iter().filter_map(|(post, _)| Some(post.id.split_once(':')?.1)).collect();
        let value = super::discussions::again(self.site, &ids).await?;
        let list = value.pointer("/data/nodes").and_then(|list| list.as_array()).cloned().unwrap_or_default();
        let posts = parse(&Answer::saved(value.to_string().as_bytes()), self.settings).posts;
        for ((post, repository), node) in nodes.iter().zip(&list) {
            if node.is_null() && self.surely(repository).await? {
                self.told.gone.push(post.id.clone());
            }
            self.found(post, posts.clone());
        }
        Ok(())
    }

    async fn one(&mut self, post: &Known, repository: &str, path: &str) -> Result<(), SourceError> {
        let answer = self.site.any(&self.site.url(&format!("/repos/{repository}/{path}"))).await?;
        match answer.status {
            404 | 410 | 451 => {
                if self.surely(repository).await? {
                    self.told.gone.push(post.id.clone());
                }
            }
            _ => self.found(post, parse(&answer.borrowed(), self.settings).posts),
        }
        Ok(())
    }

    fn found(&mut self, post: &Known, posts: Vec<crate::domain::post::Post>) {
        self.told.posts.extend(posts.into_iter().filter(|found| found.id == post.id).map(|mut found| {
            // A comment asked for alone knows the address of its thread only.
            found.parent.clone_from(&post.parent);
            found
        }));
    }

    /// Whether what is missing in a repository is gone.
    async fn surely(&mut self, repository: &str) -> Result<bool, SourceError> {
        if let Some(sure) = self.sure.get(repository) {
            return Ok(*sure);
        }
        let answer = self.site.any(&self.site.url(&format!("/repos/{repository}"))).await?;
        // Only the interface itself may say so: a gate before it answers the same for everything.
        let said = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
        let sure = match answer.status {
            404 | 451 => !self.site.signed() && said.get("message").is_some(),
            status => status < 400 && said.get("id").is_some(),
        };
        self.sure.insert(repository.to_owned(), sure);
        Ok(sure)
    }
}
