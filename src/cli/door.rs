//! The way to the functions of `api`: a running daemon's socket, else the store itself, opened by
//! this process. Both speak the same requests, so a command does not know the difference.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Common, place};
use crate::api::ProblemDetail;
use crate::api::list::Listing;
use crate::app::offline;
use crate::config::Config;
use crate::web::Local;

/// Rows asked for at once.
const PAGE: usize = 500;

/// An open door.
pub struct Door {
    way: Way,
    act_as: Option<String>,
}

enum Way {
    Socket(reqwest::Client),
    Process(Box<Local>),
}

/// What a command needs where no daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A store that is there.
    Store,
    /// The store; it is made if there is none.
    AnyStore,
    /// The model, and no store.
    Model,
}

impl Door {
    /// The daemon of this configuration, else its store.
    pub async fn open(common: &Common, needs: Needs) -> anyhow::Result<Self> {
        let config = place::config(common)?;
        let act_as = common.act_as.clone();
        if let Some((_, client)) = daemon(common, &config).await? {
            return Ok(Self { way: Way::Socket(client), act_as });
        }
        if let Some(socket) = &common.socket {
            bail!("no daemon answers at {}; without --socket the command works by itself", socket.display());
        }
        if needs == Needs::Store && !config.store_path.exists() {
            bail!(
                "there is no store in {} yet; `earmark run` makes it, or --config names another configuration",
                config.store_path.display()
            );
        }
        let api = match needs {
            Needs::Model => offline::without_store(config).await?,
            Needs::Store | Needs::AnyStore => offline::open(config).await?,
        };
        Ok(Self { way: Way::Process(Box::new(Local::new(api))), act_as })
    }

    /// Only the daemon of this configuration, if one answers.
    pub async fn daemon(common: &Common, config: &Config) -> anyhow::Result<Option<Self>> {
        let found = daemon(common, config).await?;
        Ok(found.map(|(_, client)| Self { way: Way::Socket(client), act_as: common.act_as.clone() }))
    }

    /// Whether a daemon answers.
    pub fn is_daemon(&self) -> bool {
        matches!(self.way, Way::Socket(_))
    }

    /// Asks for a value. `query` is put behind the path, escaped.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        parse(&self.call("GET", path, query, None).await?)
    }

    /// Asks for text.
    pub async fn get_text(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&self.call("GET", path, query, None).await?).into_owned())
    }

    /// Asks for something to be done.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        parse(&self.call("POST", path, query, Some(serde_json::to_vec(body)?)).await?)
    }

    /// Asks for something to be ended.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        parse(&self.call("DELETE", path, &[], None).await?)
    }

    /// Asks for a list page by page until `most` rows were shown or none are left.
    pub async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        mut most: usize,
        mut show: impl FnMut(T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut after: Option<String> = None;
        while most > 0 {
            let mut page = query.to_vec();
            page.push(("limit", PAGE.min(most).to_string()));
            page.extend(after.iter().map(|after| ("after", after.clone())));
            let Listing { rows, next }: Listing<T> = self.get(path, &page).await?;
            most = most.saturating_sub(rows.len());
            rows.into_iter().try_for_each(&mut show)?;
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, String)],
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Vec<u8>> {
        let mut url = url::Url::parse("http://localhost/api/v1")?;
        url.set_path(&format!("/api/v1{path}"));
        for (key, value) in query {
            url.query_pairs_mut().append_pair(key, value);
        }
        if let Some(owner) = &self.act_as {
            url.query_pairs_mut().append_pair("as", owner);
        }
        let (status, answer) = match &self.way {
            Way::Socket(client) => ask(client, method, url, body).await?,
            Way::Process(local) => local.ask(method, &url, body).await?,
        };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        match serde_json::from_slice::<ProblemDetail>(&answer) {
            Ok(problem) => bail!("{}", problem.detail),
            Err(_) => bail!(
                "the daemon answered {status}: {}",
                super::output::safe(&String::from_utf8_lossy(&answer), 200)
            ),
        }
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(answer).context("the daemon's answer cannot be read: is it of another version?")
}

/// The daemon that has this configuration's store, if one answers, and its socket. A daemon with
/// another store is passed by where we only looked, and refused where it was named.
async fn daemon(common: &Common, config: &Config) -> anyhow::Result<Option<(PathBuf, reqwest::Client)>> {
    for socket in place::sockets(common, config) {
        if tokio::net::UnixStream::connect(&socket).await.is_err() {
            continue;
        }
        let client = reqwest::Client::builder().unix_socket(socket.clone()).build()?;
        let (status, answer) =
            ask(&client, "GET", url::Url::parse("http://localhost/api/v1/hello")?, None).await?;
        let hello: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        let theirs = hello["store"].as_str().filter(|_| status == 200);
        if theirs.is_some_and(|theirs| Path::new(theirs) == config.store_path) {
            return Ok(Some((socket, client)));
        }
        if common.socket.is_some() {
            bail!(
                "the daemon at {} has the store {}, and this configuration has {}; name the daemon's own configuration with --config",
                socket.display(),
                theirs.unwrap_or("of something else"),
                config.store_path.display()
            );
        }
    }
    Ok(None)
}

/// For work that needs the store for itself.
///
/// # Errors
/// Where a daemon has it.
pub async fn no_daemon(common: &Common, config: &Config) -> anyhow::Result<()> {
    if let Some((socket, _)) = daemon(common, config).await? {
        bail!(
            "a daemon has the store in {} open (it answers at {}); stop it first: systemctl stop earmark, or SIGTERM",
            config.store_path.display(),
            socket.display()
        );
    }
    Ok(())
}

async fn ask(
    client: &reqwest::Client,
    method: &str,
    url: url::Url,
    body: Option<Vec<u8>>,
) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut request = client.request(method.parse()?, url);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body);
    }
    let answer = request.send().await.context("the daemon does not answer")?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}
