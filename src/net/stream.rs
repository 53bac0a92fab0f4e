//! The guarded way to servers that speak no HTTP: a connection to an address of the open internet unless
//! private networks are allowed, and TLS over it. The addresses that are looked at are those then connected
//! to, so a name that first points outside and then inside gains nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Error;
use super::address::is_public;
use super::certificate::{self, Trust};

/// A connection. Addresses are tried in the order in which the look-up gives them, each for so long.
///
/// # Errors
/// Why there is none.
pub async fn connect(
    host: &str,
    port: u16,
    allow_private: bool,
    patience: Duration,
) -> Result<TcpStream, Error> {
    let url = format!("{host}:{port}");
    let late = || Error::Timeout { url: url.clone() };
    let found = tokio::time::timeout(patience, tokio::net::lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = found
        .map_err(|_| late())?
        .map_err(|error| Error::Connect { url: url.clone(), why: error.to_string() })?
        .collect();
    let open: Vec<&SocketAddr> =
        found.iter().filter(|found| allow_private || is_public(found.ip())).collect();
    if open.is_empty() && !found.is_empty() {
        return Err(Error::Private { host: host.to_owned() });
    }
    let mut last = Error::Connect { url: url.clone(), why: "the name has no address".into() };
    for address in open {
        match tokio::time::timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Error::Connect { url: url.clone(), why: error.to_string() },
            Err(_) => last = late(),
        }
    }
    Err(last)
}

/// Whom to trust, read once; clones share it.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl Tls {
    /// Trusts whom this machine trusts, and the authorities of a PEM file where there is one.
    ///
    /// # Errors
    /// A fragment: why nobody could be trusted.
    pub fn new(authority: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = authority {
            let fault = |why: String| format!("{} holds no certificates: {why}", file.display());
            let read = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<CertificateDer>, _>>);
            let (added, _) = roots.add_parsable_certificates(read.map_err(|error| fault(error.to_string()))?);
            if added == 0 {
                return Err(fault("none could be read".into()));
            }
        }
        if roots.is_empty() {
            return Err(
                "this machine trusts no certificate; install its package of them (ca-certificates)".into()
            );
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Speaks TLS over a connection with a host of this name.
    ///
    /// # Errors
    /// Why that is not to be: a certificate nobody vouches for, silence.
    pub async fn over<S>(&self, host: &str, stream: S, patience: Duration) -> Result<TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let fault = |why: String| Error::Connect { url: host.to_owned(), why };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| fault(error.to_string()))?;
        match tokio::time::timeout(patience, self.0.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => {
                let why = certificate::words(&error, Trust::Setting);
                Err(fault(why.unwrap_or_else(|| format!("no TLS: {error}"))))
            }
            Err(_) => Err(Error::Timeout { url: host.to_owned() }),
        }
    }
}
