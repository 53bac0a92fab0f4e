//! `json`, asked by id: places that answer with a list, and places that can say no more than that something is gone.

use earmark::source::Known;
use serde_json::{Value, json};

use super::visit::{Visited, now, query, source};
use crate::support::fake_site::Page;

fn page(body: &Value) -> Page {
    Page::of("application/json", body.to_string())
}

fn known(id: &str) -> Known {
    Known { id: id.into(), url: None, parent: None }
}

#[tokio::test]
async fn a_list_without_the_item_says_that_it_is_gone() {
    let site = Visited::start(|asked| match query(&asked.path, "include").as_deref() {
        Some("4") => page(&json!([{ "id": 4, "title": { "rendered": "Acme &amp; co" },
            "content": { "rendered": "<p>The <b>Acme</b> app</p>" }, "author": 1,
            "_embedded": { "author": [{ "id": 1, "name": "Bo" }] },
            "date_gmt": "2026-03-04T11:00:00", "modified_gmt": "2026-03-04T11:00:00",
            "link": "https://blog.acme.example/acme/" }])),
        Some("5") => page(&json!([])),
        // An error is no word about the item.
        _ => page(&json!({ "code": "rest_forbidden", "message": "Sorry, you are not allowed to do that." })),
    })
    .await;
    let params = json!({ "preset": "wordpress", "blog": format!("{}/", site.base), "allow_private": true });
    let told = source("json", params).recheck(&[known("4"), known("5"), known("6")], now()).await;
    let told = told.expect("an answer");
    assert_eq!(told.gone, ["5"]);
    assert!(site.asked()[0].path.starts_with("/wp-json/"), "one slash is enough");
    let [post] = told.posts.as_slice() else { panic!("{:?}", told.posts) };
    assert_eq!((post.title.as_deref(), post.text.as_str()), (Some("Acme & co"), "The Acme app"));
    assert_eq!((post.author.as_deref(), post.deleted), (Some("Bo"), false));
    assert_eq!(post.created_at, "2026-03-04T11:00:00Z".parse().ok());
}

#[tokio::test]
async fn an_answer_with_other_words_than_the_lists_counts_for_removals_only() {
    let site = Visited::start(|asked| {
        let id: u64 = asked.path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
        match id {
            1 | 2 => {
                page(&json!({ "pid": id, "content": "raw **words**", "timestamp": 1_772_625_600_000_i64,
                "deleted": u64::from(id == 2) }))
            }
            _ => Page::new(404),
        }
    })
    .await;
    let params = |removals: bool| {
        json!({ "preset": "nodebb", "forum": site.base, "allow_private": true,
            "recheck": { "url": format!("{}/api/post/pid/{{id}}", site.base), "removals": removals } })
    };
    let asked = [known("1"), known("2"), known("3")];
    for (removals, posts) in [(true, &[("2", true)][..]), (false, &[("1", false), ("2", true)])] {
        let told = source("json", params(removals)).recheck(&asked, now()).await.expect("an answer");
        let found: Vec<_> = told.posts.iter().map(|post| (post.id.as_str(), post.deleted)).collect();
        assert_eq!((found.as_slice(), told.gone.as_slice()), (posts, &["3".to_owned()][..]));
    }
}

#[tokio::test]
async fn one_that_is_closed_to_us_says_nothing_of_the_others_and_a_refused_key_of_all() {
    let site = Visited::start(|asked| match asked.path.as_str() {
        "/t/1" => Page::new(403),
        "/t/2" => Page::new(404),
        "/t/3" => page(&json!({ "id": 3, "body": "Where is it?" })),
        _ => Page::new(401),
    })
    .await;
    let params = json!({ "url": format!("{}/t", site.base), "allow_private": true,
        "recheck": { "url": format!("{}/t/{{id}}", site.base) }, "fields": { "id": "/id", "text": "/body" } });
    let told = source("json", params.clone()).recheck(&[known("1"), known("2"), known("3")], now()).await;
    let told = told.expect("an answer");
    assert_eq!((told.gone.as_slice(), told.posts.len()), (&["2".to_owned()][..], 1));
    let refused = source("json", params).recheck(&[known("2"), known("4")], now()).await;
    assert!(refused.is_err_and(|error| error.what.contains("401")));
}
