//! Pages over a real listener and a store in memory: structure, links between figures and lists,
//! hostile text, and who may act. Digests as text and HTML are kept by snapshots.

mod browser;
mod digest;
mod doubts;
mod scene;

use earmark::domain::escalation::State;
use earmark::notify::link::LinkAction;
use scene::{PUBLIC, Scene};

/// What a hostile author, title and address would do if anything let them.
const HOSTILE: [&str; 4] = ["<script", "<img", "javascript:", "onerror=\""];

#[tokio::test]
async fn every_page_stands_by_itself_and_names_its_json() {
    let scene = Scene::start("").await;
    let escalation = format!("/escalations/{}", scene.escalation.id);
    let mention = format!("/mentions/{}", scene.mentions[0].id());
    let why = format!("{mention}/why-this-score");
    for path in [
        "/",
        "/mentions",
        "/mentions?needs_answer=true",
        "/review",
        "/escalations",
        &escalation,
        &mention,
        &why,
    ] {
        let (status, page) = scene.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        for part in
            ["<html lang=\"en\">", "name=\"viewport\"", "<title>", "<main id=\"main\">", "href=\"#main\""]
        {
            assert!(page.contains(part), "{path} lacks {part}");
        }
        assert_eq!(page.matches("<h1>").count(), 1, "{path} has one heading");
        assert!(!page.contains(" src=\""), "{path} fetches something");
        for hostile in HOSTILE {
            assert!(!page.contains(hostile), "{path} lets {hostile} through:\n{page}");
        }
        let twin =
            page.split("type=\"application/json\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
        let twin = twin.unwrap_or_else(|| panic!("{path} names no JSON twin")).replace("&amp;", "&");
        let (status, json) = scene.get(&twin).await;
        assert_eq!(status, 200, "{twin}");
        serde_json::from_str::<serde_json::Value>(&json).unwrap_or_else(|error| panic!("{twin}: {error}"));
    }
}

#[tokio::test]
async fn a_page_says_who_answers_until_when_and_what_then() {
    let scene = Scene::start("").await;
    let (_, page) = scene.get(&format!("/escalations/{}", scene.escalation.id)).await;
    for part in [
        "Customer care</strong> answers for it",
        "If nobody says “I have it” by <time datetime=",
        "Chief Customer Officer will be told",
        "title=\"Europe/Berlin\"",
        "The trigger <strong>angry-customer</strong>",
        "Acme &quot;app&quot; &amp; &lt;b&gt;friends&lt;/b&gt;",
        "<mark>Acme app</mark>",
        "owner of topic acme-app",
        "their time to act ran out",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    assert!(!page.contains("acknowledgement_ran_out"), "a word of the code on a page");
}

#[tokio::test]
async fn every_figure_of_the_overview_opens_as_many_mentions() {
    let scene = Scene::start("").await;
    let (_, page) = scene.get("/").await;
    let mut checked = 0;
    for part in page.split("<a href=\"/mentions?").skip(1) {
        let Some((query, rest)) = part.split_once("\">") else { continue };
        let Some(Ok(figure)) = rest.split('<').next().map(str::parse::<usize>) else { continue };
        let (_, json) = scene.get(&format!("/api/v1/mentions?{}", query.replace("&amp;", "&"))).await;
        let listing: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(listing["rows"].as_array().map(Vec::len), Some(figure), "behind {query}");
        checked += 1;
    }
    assert!(checked >= 3, "all and two polarities have mentions, {checked} were linked");
    assert!(page.contains("<rect class=\"negative\""), "a bar");
    assert!(page.contains("n 3"), "net sentiment says its n");
}

#[tokio::test]
async fn a_form_that_leaves_fields_empty_asks_for_everything() {
    let scene = Scene::start("").await;
    let (status, page) = scene.get("/mentions?topic=&polarity=negative&owner=").await;
    assert_eq!((status, page.matches("<article").count()), (200, 2));
    assert!(page.contains("<option value=\"negative\" selected>"), "the form shows what was asked");
    let (status, page) = scene.get("/mentions?polarity=angry").await;
    assert_eq!(status, 400);
    assert!(page.contains("<h1>That did not work</h1>"), "{page}");
    let (status, page) = scene.get("/escalations/nonsense").await;
    assert_eq!(status, 404);
    assert!(page.contains("There is no escalation nonsense."), "{page}");
}

#[tokio::test]
async fn buttons_act_on_this_machine_and_only_there() {
    let scene = Scene::start("").await;
    let page = format!("/escalations/{}", scene.escalation.id);
    assert!(scene.get(&page).await.1.contains("value=\"acknowledge\""));
    let (status, after) = scene.post(&format!("{page}/act"), "action=acknowledge").await;
    assert_eq!(status, 200, "{after}");
    assert!(after.contains("has it in hand until"), "{after}");
    scene.post(&format!("{page}/act"), "action=resolve").await;
    let (_, list) = scene.get("/escalations?unresolved=true").await;
    assert!(list.contains("Nothing waits for an answer."), "{list}");
    assert!(scene.get("/escalations").await.1.contains("resolved it on"));

    let scene = Scene::start(PUBLIC).await;
    let (_, page) = scene.get(&format!("/escalations/{}", scene.escalation.id)).await;
    assert!(!page.contains("value=\"acknowledge\""), "a button that cannot work");
    assert!(page.contains("follow the link in the message that Customer care got"), "{page}");
}

#[tokio::test]
async fn a_link_shows_first_and_acts_once() {
    let scene = Scene::start("").await;
    let link = scene.link(LinkAction::Acknowledge);
    for _ in 0..2 {
        let (status, page) = scene.get(&link).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("Yes, I have it") && page.contains("Nothing has happened yet"), "{page}");
        assert!(!page.contains("<nav"), "leads nowhere that its reader may not go");
        assert_eq!(scene.state().await, State::Open, "looking does nothing");
    }
    let (status, page) = scene.post(&link, "").await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Thank you, you have it") && page.contains("Customer care"), "{page}");
    assert!(matches!(scene.state().await, State::Acknowledged { .. }));
    let (status, page) = scene.post(&link, "").await;
    assert_eq!(status, 409);
    assert!(page.contains("This link was used before"), "{page}");
    let (status, page) = scene.get("/link/forged").await;
    assert_eq!(status, 403);
    assert!(page.contains("<h1>That did not work</h1>") && page.contains("Nothing was changed."), "{page}");
}
