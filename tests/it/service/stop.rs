//! SIGTERM in the middle of each stage: the daemon ends in time, the store opens again and holds
//! together, and the next daemon goes on where this one was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::daemon::{Place, SMALL, until};

/// A site that takes each request, tells the test, and answers as long as the gate is open; with
/// the gate shut it drips: a head that promises more than ever comes.
struct Drip {
    address: std::net::SocketAddr,
    /// Requests whole, as they came.
    asked: watch::Receiver<usize>,
    requests: Arc<Mutex<Vec<String>>>,
    open: watch::Sender<bool>,
}

impl Drip {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (told, asked) = watch::channel(0);
        let (open, gate) = watch::channel(false);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (told, gate, kept, answer) = (told.clone(), gate.clone(), kept.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        match socket.read_buf(&mut request).await {
                            Ok(0) | Err(_) => return,
                            Ok(_) => {}
                        }
                    }
                    kept.lock().expect("no panic while held").push(String::from_utf8_lossy(&request).into());
                    told.send_modify(|asked| *asked += 1);
                    if *gate.borrow() {
                        let _ = socket.write_all(answer.as_bytes()).await;
                    } else {
                        let head = answer.split_inclusive("\r\n\r\n").next().unwrap_or_default();
                        let _ = socket.write_all(head.as_bytes()).await;
                        // Holds the line until the caller hangs up.
                        let _ = socket.read_buf(&mut request).await;
                    }
                });
            }
        });
        Self { address, asked, requests, open }
    }

    async fn is_asked(&mut self) {
        let asked = tokio::time::timeout(Duration::from_secs(30), self.asked.wait_for(|asked| *asked > 0));
        asked.await.expect("the daemon asks").expect("the site lives");
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic while held").clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    header(head, "content-length")
        .and_then(|length| length.parse().ok())
        .is_none_or(|length: usize| body.len() >= length)
}

fn header(request: &str, name: &str) -> Option<String> {
    let lines = request.lines().take_while(|line| !line.is_empty());
    let mut pairs = lines.filter_map(|line| line.split_once(": "));
    pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}

fn answer(content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// How often each post was recorded, by its id.
async fn recorded(place: &Place) -> BTreeMap<String, usize> {
    let mut posts = BTreeMap::new();
    for mention in place.ask(&["mentions"]).await {
        let id = mention["scored"]["mention"]["post"]["id"].as_str().expect("an id").to_owned();
        *posts.entry(id).or_default() += 1;
    }
    posts
}

async fn verify(place: &Place) {
    let verified = place.run(&["store", "verify"]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

fn lines(count: usize) -> String {
    let line = |number| {
        format!(
            "{{\"id\":\"p-{number}\",\"url\":\"https://social.example/{number}\",\"author\":\"a{number}\",\
             \"text\":\"the acme app crashed again, number {number}\"}}\n"
        )
    };
    (0..count).map(line).collect()
}

/// In the middle of an answer that never ends.
#[tokio::test(flavor = "multi_thread")]
async fn stop_while_polling() {
    let items: String = (0..3)
        .map(|n| format!("<item><guid>g{n}</guid><link>https://news.example/{n}</link><title>acme app {n}</title></item>"))
        .collect();
    let feed = format!("<rss version=\"2.0\"><channel><title>n</title>{items}</channel></rss>");
    let mut site = Drip::start(answer("application/rss+xml", &feed)).await;
    let source = format!(
        "[net]\nallow_private = true\n[[sources]]\nid = \"news\"\nkind = \"feed\"\nparams = {{ url = \"http://{}/feed\" }}\n",
        site.address
    );
    let place = Place::new(&format!("{SMALL}\n{source}")).await;
    let daemon = place.ready().await;
    site.is_asked().await;
    daemon.terminated().await;
    verify(&place).await;
    assert_eq!(recorded(&place).await.len(), 0);

    site.open.send_replace(true);
    let daemon = place.ready().await;
    let posts =
        until("three posts", async || Some(recorded(&place).await).filter(|posts| posts.len() == 3)).await;
    assert!(posts.values().all(|times| *times == 1), "{posts:?}");
    daemon.terminated().await;
}

/// While the model works through what a source gave.
#[tokio::test(flavor = "multi_thread")]
async fn stop_while_scoring() {
    const POSTS: usize = 1_000;
    let source = "[[sources]]\nid = \"posts\"\nkind = \"file\"\nparams = { path = \"posts.jsonl\", interval = \"1s\" }\n";
    let config = format!("{SMALL}\n{source}");
    let place = Place::new(&config.replace("word_list", "bert")).await;
    std::fs::write(place.path("posts.jsonl"), lines(POSTS)).expect("a file");
    let daemon = place.ready().await;
    until("the source at work", async || {
        let status = place.ask(&["status"]).await.remove(0);
        status["tasks"]["source posts"]["running_since"].is_string().then_some(())
    })
    .await;
    daemon.terminated().await;
    verify(&place).await;
    let before = recorded(&place).await;
    assert!(before.len() < POSTS, "it had ended its work before it was told to stop");

    // The rest is judged by the word list, which is quicker; who judges is not the question here.
    place.configure(&config);
    let daemon = place.ready().await;
    let posts =
        until("all posts", async || Some(recorded(&place).await).filter(|posts| posts.len() == POSTS)).await;
    assert!(posts.values().all(|times| *times == 1), "a post was recorded twice");
    daemon.terminated().await;
    verify(&place).await;
}

/// While a receiver holds the line: it is told again, with the same key, and once.
#[tokio::test(flavor = "multi_thread")]
async fn stop_while_sending() {
    let mut sink = Drip::start(answer("application/json", "{}")).await;
    let config = SMALL.replace(
        "kind = \"file\"\nparams = { path = \"inbox.jsonl\" }",
        &format!(
            "kind = \"webhook\"\nparams = {{ url = \"http://{}/hook\", allow_private = true }}",
            sink.address
        ),
    );
    let source = "[[sources]]\nid = \"posts\"\nkind = \"file\"\nparams = { path = \"posts.jsonl\", interval = \"1s\" }\n\
                  [[triggers]]\nid = \"all\"\nwhen = 'true'\ngroup_by = [\"topic\"]\ngroup_for = \"1h\"\n";
    let place = Place::new(&format!("{config}\n{source}")).await;
    std::fs::write(place.path("posts.jsonl"), lines(1)).expect("a file");
    let daemon = place.ready().await;
    sink.is_asked().await;
    daemon.terminated().await;
    verify(&place).await;
    let open = place.ask(&["escalations"]).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0]["owner"], "cco", "somebody still owns it");

    sink.open.send_replace(true);
    let asked = sink.requests().len();
    let daemon = place.ready().await;
    until("another try", async || (sink.requests().len() > asked).then_some(())).await;
    until("an empty outbox", async || {
        let status = place.ask(&["status"]).await.remove(0);
        (status["outbox"]["waiting"] == 0).then_some(())
    })
    .await;
    daemon.terminated().await;
    let requests = sink.requests();
    let mut keys: Vec<_> =
        requests.iter().map(|request| header(request, "idempotency-key").expect("a key")).collect();
    assert_eq!(keys.len(), asked + 1, "one try after the stop: {requests:?}");
    keys.dedup();
    assert_eq!(keys.len(), 1, "one key at every try");
    verify(&place).await;
}
