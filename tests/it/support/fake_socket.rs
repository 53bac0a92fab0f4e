//! The other side of a WebSocket, on a free port: a bare socket, the handshake by hand, and then a test's own
//! words. A test decides on each request whether it is refused, and with which words.

use std::future::Future;
use std::sync::Arc;

use earmark::net::socket::accept;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

/// An open connection, seen from the server.
pub type Wire = WebSocketStream<TcpStream>;

/// A request for a socket, before it is answered.
pub struct Call {
    stream: TcpStream,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Call {
    async fn read(mut stream: TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Self { stream, path, headers })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A value of the query, or none.
    pub fn query(&self, name: &str) -> Option<String> {
        let url = url::Url::parse("http://fake.example").ok()?.join(&self.path).ok()?;
        url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// Answers as any site does, in two parts, so that nobody takes the first for all.
    pub async fn refuse(mut self, status: u16, headers: &str, body: &str) {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} No\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
        let _ = self.stream.write_all(head.as_bytes()).await;
        let _ = self.stream.flush().await;
        tokio::task::yield_now().await;
        let _ = self.stream.write_all(body.as_bytes()).await;
    }

    /// Agrees with these words, whatever the key was.
    pub async fn agree_with(mut self, word: &str) -> Wire {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {word}\r\n\r\n"
        );
        let _ = self.stream.write_all(head.as_bytes()).await;
        WebSocketStream::from_raw_socket(self.stream, Role::Server, None).await
    }

    /// Agrees.
    pub async fn agree(self) -> Wire {
        let word = accept(self.header("sec-websocket-key").unwrap_or_default());
        self.agree_with(&word).await
    }
}

/// Serves each call with this, until the test ends. The address, beginning with `ws://`.
pub async fn serve<F, Served>(with: F) -> String
where
    F: Fn(Call) -> Served + Send + Sync + 'static,
    Served: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("ws://{}", listener.local_addr().expect("a bound socket"));
    let with = Arc::new(with);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let with = Arc::clone(&with);
            tokio::spawn(async move {
                if let Some(call) = Call::read(stream).await {
                    with(call).await;
                }
            });
        }
    });
    base
}
