//! The two doors: binding, serving, closing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::{guard, health, link, pages, push, v1};
use crate::api::Api;
use crate::runtime::stop::Stop;

/// How long open connections may go on once told to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// The largest body taken from anyone.
pub const BODY: usize = 4 * 1024 * 1024;

/// Through which door a request came.
#[derive(Debug, Clone)]
pub enum Peer {
    /// From this address.
    Tcp(SocketAddr),
    /// From this account, if it could be known.
    Unix(Option<u32>),
    /// From this process itself: a command without a daemon.
    Process,
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Peer::Tcp(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Peer::Unix(stream.io().peer_cred().ok().map(|credentials| credentials.uid()))
    }
}

/// Listeners that serve until the stop token is pulled.
pub struct Listeners {
    web_addr: Option<SocketAddr>,
    serving: Vec<JoinHandle<()>>,
    socket: Option<PathBuf>,
}

impl Listeners {
    /// Where pages are served.
    pub fn web_addr(&self) -> Option<SocketAddr> {
        self.web_addr
    }

    /// Returns once requests in hand are answered. Who is slow to ask, or to listen, is cut off:
    /// a connection held open must not take the time that the tasks need to end.
    pub async fn closed(self) {
        let deadline = tokio::time::Instant::now() + CLOSE_WITHIN;
        for mut serving in self.serving {
            if tokio::time::timeout_at(deadline, &mut serving).await.is_err() {
                serving.abort();
            }
        }
        if let Some(socket) = self.socket {
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// Binds both doors as configured and serves until `stop`.
///
/// # Errors
/// Which address or path could not be bound, and why.
pub async fn listen(api: Arc<Api>, socket: Option<PathBuf>, stop: Stop) -> anyhow::Result<Listeners> {
    let mut serving = Vec::new();
    let mut web_addr = None;
    let listen = api.config.load().web.listen;
    // Both are bound before either is served: an error leaves nothing running.
    let tcp = match listen {
        Some(address) => Some(TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; choose another address with [web] listen")
        })?),
        None => None,
    };
    let unix = socket.as_deref().map(bind_socket).transpose()?;
    if let Some(listener) = tcp {
        web_addr = Some(listener.local_addr()?);
        let app = router(api.clone()).into_make_service_with_connect_info::<Peer>();
        let stop = stop.clone();
        serving.push(tokio::spawn(async move {
            let served =
                axum::serve(listener, app).with_graceful_shutdown(async move { stop.stopped().await });
            if let Err(error) = served.await {
                tracing::error!("the web listener ended: {error}");
            }
        }));
    }
    if let Some(listener) = unix {
        let app = router(api).into_make_service_with_connect_info::<Peer>();
        serving.push(tokio::spawn(async move {
            let served =
                axum::serve(listener, app).with_graceful_shutdown(async move { stop.stopped().await });
            if let Err(error) = served.await {
                tracing::error!("the socket ended: {error}");
            }
        }));
    }
    Ok(Listeners { web_addr, serving, socket })
}

/// Anyone on this machine may knock; what they may do is decided by who they are.
fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // Below the store's folder the lock keeps others away; elsewhere two daemons can want one path.
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        anyhow::bail!(
            "another daemon answers at {}; stop it, or name another place with --socket",
            path.display()
        );
    }
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot replace {}", path.display()));
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// All routes. A command without a daemon calls this in its own process, as [`Peer::Process`].
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .merge(pages::routes())
        .nest("/api/v1", v1::routes())
        .merge(health::routes())
        .merge(push::routes())
        .merge(link::routes())
        .layer(middleware::from_fn_with_state(api.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(api)
}

/// The peer of a request; a router called without a listener is the process itself.
pub fn peer_of(extensions: &axum::http::Extensions) -> Peer {
    extensions.get::<ConnectInfo<Peer>>().map_or(Peer::Process, |info| info.0.clone())
}
