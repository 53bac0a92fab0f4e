//! The cap of `x` holds for whoever looks: the daemon's looks, and a person's with `earmark sources test`.

use jiff::Timestamp;
use serde_json::json;

use super::served::{Served, path, query};
use crate::commands::scene::{CONFIG, Scene};
use crate::support::fake_site::Page;

/// A search that always finds as much as is asked for.
async fn rich() -> Served {
    Served::start(|asked| {
        if path(asked) != "/2/tweets/search/recent" {
            return Page::new(404);
        }
        let most: u64 = query(asked, "max_results").and_then(|most| most.parse().ok()).unwrap_or(10);
        let now = Timestamp::now();
        let newest = u64::try_from(now.as_millisecond() - 1_288_834_974_657).unwrap() << 22;
        let post = |back: u64| {
            let id = (newest - back).to_string();
            json!({ "id": id, "edit_history_tweet_ids": [id], "text": "the acme app", "created_at": now.to_string() })
        };
        let data: Vec<_> = (1..=most).map(post).collect();
        let body = json!({ "data": data, "meta": { "result_count": most, "next_token": "n" } });
        Page::of("application/json", body.to_string())
    })
    .await
}

fn config(base: &str, folder: &std::path::Path, more: &str) -> String {
    let token = folder.join("token");
    std::fs::write(&token, "t0ken").unwrap();
    format!(
        "{CONFIG}\n[[sources]]\nid = \"x\"\nkind = \"x\"\n[sources.params]\nbase_url = \"{base}\"\nallow_private = true\n\
         query = \"acme\"\ntoken = {{ file = \"{}\" }}\npaid = true\nauthors = false\nforecast = false\n{more}\n",
        token.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_counts_against_the_cap_and_beyond_it_nothing_is_asked() {
    let site = rich().await;
    let base = site.base.clone();
    let said = tokio::task::spawn_blocking(move || {
        let keys = tempfile::tempdir().unwrap();
        // Ten posts at half a cent: two trials, and a third is not paid for.
        let scene = Scene::with(&config(&base, keys.path(), "cap_per_month = 0.12"));
        let test = ["sources", "test", "x"];
        let first = scene.run(test).ok();
        let second = scene.run(test).ok();
        let third = scene.run(test).fails(1, &["money for X is used up", "$0.10 of $0.12"]);
        // Nor by the other way to ask all sources.
        let live = scene.run(["check", "--live"]);
        assert!(live.out.contains("source x: is not asked: it charges"), "{live:?}");
        (first.err, second.err, third.err)
    });
    let (first, second, _) = said.await.unwrap();
    assert!(first.contains("10 posts") && first.contains("$0.05 of $0.12 spent"), "{first}");
    assert!(first.contains("nothing was stored but what it cost"), "{first}");
    assert!(second.contains("$0.10 of $0.12 spent"), "{second}");
    assert_eq!(site.paths().len(), 2, "asked twice in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_daemon_nothing_is_asked() {
    let site = rich().await;
    let base = site.base.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let keys = tempfile::tempdir().unwrap();
        let scene = Scene::with(&config(&base, keys.path(), "cap_per_month = 0.06\nrechecks = 0"));
        let spent = scene.run(["sources", "test", "x"]).ok();
        assert!(spent.err.contains("$0.05 of $0.06 spent"), "{spent:?}");
        // The daemon begins with what the trial left: less than a question costs.
        let daemon = scene.daemon();
        scene.run(["sources", "test", "x"]).fails(1, &["x charges for every look", "stop it first"]);
        drop(daemon);
    });
    asked.await.unwrap();
    assert_eq!(site.paths().len(), 1, "the trial, and no look after it");
}

#[test]
fn two_sources_with_one_bearer_are_one_bill() {
    let keys = tempfile::tempdir().unwrap();
    let one = config("https://x.example", keys.path(), "cap_per_month = 20");
    let second = |more: &str| {
        let extra = one.split("\n[[sources]]\n").last().unwrap().replace("id = \"x\"", "id = \"y\"");
        format!("{one}\n[[sources]]\n{extra}\n{more}")
    };
    let scene = Scene::with(&second(""));
    scene
        .run(["check"])
        .fails(78, &["sources x and y pay x", "together up to $40.00 a month", "cap_together = 40.00"]);
    let both = second("").replace("cap_per_month = 20", "cap_per_month = 20\ncap_together = 40");
    scene.write("earmark.toml", &both);
    let ran = scene.run(["check"]).ok();
    assert!(ran.out.contains("together up to $40.00 a month"), "{ran:?}");
    scene.write("earmark.toml", &both.replace("cap_together = 40", "cap_together = 39"));
    scene.run(["check"]).fails(78, &["cap_together says $39.00"]);
}
