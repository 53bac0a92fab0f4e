//! The way to the functions of `api`: a running daemon's socket, else the store itself, opened by
//! this process. Both speak the same requests, so a command does not know the difference.

use std::path::Path;

use crate::web::Local;
use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Common, place};
use crate::api::ProblemDetail;
use crate::app::offline;
use crate::config::Config;

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
    /// The store.
    Store,
    /// The store and the model.
    Model,
}

impl Door {
    /// The daemon of this configuration, else its store.
    pub async fn open(common: &Common, needs: Needs) -> anyhow::Result<Self> {
        let config = place::config(common)?;
        let act_as = common.act_as.clone();
        for socket in place::sockets(common, &config) {
            if let Some(client) = knock(&socket, &config).await? {
                return Ok(Self { way: Way::Socket(client), act_as });
            }
        }
        if common.socket.is_some() {
            bail!("no daemon answers at the socket named");
        }
        let api = offline::open(config, needs == Needs::Model).await?;
        Ok(Self { way: Way::Process(Box::new(Local::new(api))), act_as })
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

/// A client of the daemon at this socket, if one answers and has our store.
async fn knock(socket: &Path, config: &Config) -> anyhow::Result<Option<reqwest::Client>> {
    if tokio::net::UnixStream::connect(socket).await.is_err() {
        return Ok(None);
    }
    let client = reqwest::Client::builder().unix_socket(socket.to_owned()).build()?;
    let (status, answer) =
        ask(&client, "GET", url::Url::parse("http://localhost/api/v1/hello")?, None).await?;
    let hello: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
    let theirs = hello["store"].as_str().unwrap_or_default();
    if status == 200 && Path::new(theirs) != config.store_path {
        bail!(
            "the daemon at {} has the store {theirs}, this configuration has {}; name its configuration with --config or its socket with --socket",
            socket.display(),
            config.store_path.display()
        );
    }
    Ok(Some(client))
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
