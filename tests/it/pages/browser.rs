//! A real browser follows a link from a mail and presses its button by keyboard alone. Skipped
//! with a line where there is no chromium.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use earmark::domain::escalation::State;
use earmark::notify::link::LinkAction;
use serde_json::{Value, json};

use super::scene::Scene;

/// After this the browser is given up: it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser that is spoken to over a pair of pipes (its DevTools protocol).
struct Browser {
    to: File,
    from: BufReader<File>,
    sent: u64,
    session: Option<String>,
}

impl Browser {
    /// The answer to a request; what else it says meanwhile goes by.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        loop {
            let said = self.hear();
            if said["id"] == id {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    fn send(&mut self, method: &str, params: Value) -> u64 {
        self.sent += 1;
        let mut said = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            said["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{said}\0").as_bytes()).expect("the browser listens");
        self.sent
    }

    fn hear(&mut self) -> Value {
        let mut said = Vec::new();
        self.from.read_until(0, &mut said).expect("the browser speaks");
        assert_eq!(said.pop(), Some(0), "the browser is gone");
        serde_json::from_slice(&said).expect("JSON")
    }

    /// Does `what` and waits for the page that it leads to.
    fn until_loaded(&mut self, what: impl FnOnce(&mut Self)) {
        what(self);
        while self.hear()["method"] != "Page.loadEventFired" {}
    }

    fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.send("Input.dispatchKeyEvent", params);
        }
    }
}

/// One that dies with the test, whatever becomes of it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> Option<(Killed, Browser)> {
    let pipes = ["to", "from"].map(|name| folder.join(name));
    let found =
        Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return None;
    }
    assert!(Command::new("mkfifo").args(&pipes).status().expect("mkfifo").success());
    let line = "exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
                --disable-background-networking --disable-component-update --disable-sync \
                --remote-debugging-pipe --user-data-dir=\"$2\" about:blank 3<\"$0\" 4>\"$1\"";
    let child = Command::new("sh")
        .args(["-c", line])
        .args(&pipes)
        .arg(folder.join("profile"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = Killed(child.expect("sh"));
    // The shell opens them in this order, and each end waits for the other.
    let to = File::options().write(true).open(&pipes[0]).expect("a pipe");
    let from = File::open(&pipes[1]).expect("a pipe");
    Some((child, Browser { to, from: BufReader::new(from), sent: 0, session: None }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_it_on_by_keyboard() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((killed, mut browser)) = start(folder.path()) else {
        println!("skipped: no chromium");
        return;
    };
    let scene = Scene::start("").await;
    let address = scene.address(&scene.link(LinkAction::Acknowledge));
    let walk = tokio::task::spawn_blocking(move || {
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(Into::into);
        browser.ask("Page.enable", json!({}));
        browser.until_loaded(|browser| {
            browser.send("Page.navigate", json!({ "url": address }));
        });
        // Past the link that skips to the content, onto the one button.
        browser.press("Tab", 9, "");
        browser.press("Tab", 9, "");
        browser.until_loaded(|browser| browser.press("Enter", 13, "\r"));
        let script = json!({ "expression": "document.querySelector('h1').textContent" });
        browser.ask("Runtime.evaluate", script)["result"]["value"].clone()
    });
    let heading = tokio::time::timeout(PATIENCE, walk).await;
    drop(killed);
    assert_eq!(heading.expect("in time").expect("no panic"), "Thank you, you have it");
    assert!(matches!(scene.state().await, State::Acknowledged { .. }));
}
