//! A receiver of webhooks on a local port that keeps what it is sent and answers as scripted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// One request.
#[derive(Debug, Clone)]
pub struct Hook {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub answered: u16,
}

impl Hook {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Whether the signature is that of somebody who knows `secret` (`whsec_…`).
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        self.header("webhook-signature") == format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

type Script = Box<dyn FnMut(usize) -> u16 + Send>;

#[derive(Default)]
struct Kept {
    hooks: Vec<Hook>,
    script: Option<Script>,
}

/// The receiver; ends with the test's runtime.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Sink {
    /// Answers the n-th request (from 0) with the status that `script` gives.
    pub async fn scripted(script: impl FnMut(usize) -> u16 + Send + 'static) -> Self {
        let kept = Arc::new(Mutex::new(Kept { hooks: Vec::new(), script: Some(Box::new(script)) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let app = Router::new().fallback(take).with_state(kept.clone());
        tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Self { address, kept }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks/care", self.address)
    }

    pub fn hooks(&self) -> Vec<Hook> {
        self.kept.lock().expect("no panic while held").hooks.clone()
    }
}

async fn take(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut kept = kept.lock().expect("no panic while held");
    let number = kept.hooks.len();
    let answered = kept.script.as_mut().map_or(204, |script| script(number));
    kept.hooks.push(Hook { headers, body: body.to_vec(), answered });
    StatusCode::from_u16(answered).expect("a status")
}
