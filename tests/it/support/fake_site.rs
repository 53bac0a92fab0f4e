//! A site of our own on a free port of this machine: real sockets, answers as the test says, and a
//! record of what it was asked. What a web server refuses to do (cut an answer short, drip) is
//! done on the bare socket.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a path answers.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Page {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A good answer of that type.
    pub fn of(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::new(200).header("content-type", content_type) }
    }

    /// A redirect.
    pub fn to(status: u16, location: &str) -> Self {
        Self::new(status).header("location", location)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Packs the body and says so.
    #[must_use]
    pub fn gzipped(mut self) -> Self {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&self.body).expect("writing to memory");
        self.body = packed.finish().expect("writing to memory").into();
        self.header("content-encoding", "gzip")
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Bytes,
}

#[derive(Default)]
struct Inner {
    pages: HashMap<String, Page>,
    asked: Vec<Asked>,
}

/// The site; clones are the same site. It ends with the test's runtime.
#[derive(Clone)]
pub struct FakeSite {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl FakeSite {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let site = Self { address, inner: Arc::default() };
        let router = Router::new().fallback(answer).with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Says what a path answers from now on.
    pub fn put(&self, path: &str, page: Page) {
        self.lock().pages.insert(path.into(), page);
    }

    /// What it was asked since the last time, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lock().asked)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page with validators answers 304 to whoever has it.
async fn answer(State(site): State<FakeSite>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned());
    let headers: HashMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().into(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut inner = site.lock();
    let page = inner.pages.get(&path).cloned().unwrap_or_else(|| Page::new(404));
    let own =
        |name: &str| page.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let known = match headers.get("if-none-match") {
        Some(etag) => own("etag").as_ref() == Some(etag),
        None => {
            headers.get("if-modified-since").is_some_and(|date| own("last-modified").as_ref() == Some(date))
        }
    };
    inner.asked.push(Asked { path, headers, body });
    drop(inner);
    let known = known && page.status == 200;
    let status =
        if known { StatusCode::NOT_MODIFIED } else { StatusCode::from_u16(page.status).expect("a status") };
    let mut response = Response::builder().status(status);
    for (name, value) in &page.headers {
        if !(known && name.starts_with("content-")) {
            response = response.header(name, value);
        }
    }
    let body = if known { Body::empty() } else { Body::from(page.body) };
    response.body(body).expect("a response")
}

/// A server that writes these bytes to each caller and then holds the line, or hangs up.
pub async fn bare(bytes: &'static [u8], hang_up: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = socket.read(&mut request).await;
                let _ = socket.write_all(bytes).await;
                if !hang_up {
                    // Longer than any patience; the caller leaves first.
                    let _ = tokio::time::timeout(Duration::from_secs(60), socket.read(&mut request)).await;
                }
            });
        }
    });
    address
}
