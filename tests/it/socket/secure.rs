//! Sockets under TLS, as a whole: a Jetstream of our own behind a certificate of our own, read by the binary, for
//! only a process of its own can be told by `SSL_CERT_FILE` whom to trust. And that who is not trusted is told
//! apart, with words that say what to do.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::commands::scene::{CONFIG, Ran, Scene};
use crate::support::certificates::{Authority, Signed, can_be_made};
use crate::support::fake_jetstream::{Jetstream, Manner, Told};
use crate::support::fake_site::bare;

/// Takes TLS off before a server that knows none of it; its port.
async fn in_front(of: SocketAddr, signed: &Signed) -> u16 {
    let chain = CertificateDer::pem_file_iter(&signed.certificate).expect("a file");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(&signed.key).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    tokio::spawn(async move {
        while let Ok((outside, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust us hangs up.
                let Ok(mut outside) = acceptor.accept(outside).await else { return };
                let mut inside = TcpStream::connect(of).await.expect("the server is there");
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    port
}

fn said(number: usize) -> Told {
    let record = json!({ "$type": "app.bsky.feed.post", "createdAt": "2026-09-04T00:00:00Z", "text": "the acme app sings" });
    Told {
        time: 1_788_480_000_000_000 + number as i64,
        did: "did:plc:ann".into(),
        body: json!({ "operation": "create", "rkey": format!("p{number}"), "cid": format!("c{number}"), "record": record,
            "collection": "app.bsky.feed.post", "rev": format!("rev{number}") }),
    }
}

/// What `earmark sources test` says of an instance.
async fn look(url: &str, trusts: Option<&Path>, allow_private: bool) -> Ran {
    let source = format!(
        "[[sources]]\nid = \"sky\"\nkind = \"bluesky\"\nparams = {{ instances = [\"{url}\"], allow_private = {allow_private} }}\n"
    );
    let scene = Scene::with(&(CONFIG.replace("[net]\nallow_private = true\n", "") + &source));
    let mut command = scene.earmark(["sources", "test", "sky"]);
    if let Some(file) = trusts {
        command.env("SSL_CERT_FILE", file);
    }
    tokio::task::spawn_blocking(move || {
        let _scene = scene;
        Ran::of(&mut command)
    })
    .await
    .expect("it runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_trusted_is_read_and_who_is_not_is_told_why() {
    if !can_be_made() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, other) = (Authority::new(folder.path(), "ours"), Authority::new(folder.path(), "other"));
    let site = Jetstream::start(Manner { seq: 7, ..Manner::default() }).await;
    let inside: SocketAddr = site.url.trim_start_matches("ws://").parse().expect("an address");
    // Somebody says something all the time.
    let told = site.clone();
    tokio::spawn(async move {
        for number in 0.. {
            told.tell(&[said(number)]);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });

    let good = in_front(inside, &ours.sign("good", "DNS:localhost", 2)).await;
    let url = |port: u16| format!("wss://localhost:{port}");
    let ran = look(&url(good), Some(&ours.file()), true).await.ok();
    assert!(ran.out.contains("the acme app sings"), "{ran:?}");
    let heard = site.calls().len();
    assert!(heard > 0, "it was asked over TLS");

    let expired = in_front(inside, &ours.sign("expired", "DNS:localhost", -1)).await;
    let foreign = in_front(inside, &ours.sign("foreign", "DNS:jet.example", 2)).await;
    let plain = bare(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await;
    for (port, trusts, parts) in [
        (good, Some(other.file()), ["signed by nobody whom this machine trusts", "SSL_CERT_FILE"]),
        (good, None, ["signed by nobody whom this machine trusts", "update-ca-certificates"]),
        (expired, Some(ours.file()), ["has expired", "renewed"]),
        (foreign, Some(ours.file()), ["for another name", "jet.example"]),
        (plain.port(), Some(ours.file()), ["speaks no TLS", "localhost"]),
    ] {
        if trusts.is_none() && !Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
            println!("skipped: this machine trusts nobody, and says so in other words");
            continue;
        }
        let ran = look(&url(port), trusts.as_deref(), true).await;
        let text = format!("{}{}", ran.out, ran.err);
        assert!(ran.code != 0 && parts.iter().all(|part| text.contains(part)), "{parts:?}: {ran:?}");
    }
    let ran = look(&url(good), Some(&ours.file()), false).await;
    assert!(ran.code != 0 && format!("{}{}", ran.out, ran.err).contains("private network"), "{ran:?}");
    assert_eq!(site.calls().len(), heard, "none of them came through");
}
