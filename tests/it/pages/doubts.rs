//! What the model would not say, said to people: the review list, the badges, why a score is as it
//! is; all of it with hostile text.

use earmark::domain::erasure::ErasedFor;
use earmark::domain::sentiment::{Doubt, NeedsAnswer, Sentiment};
use serde_json::Value;

use super::HOSTILE;
use super::scene::Scene;

/// Three more that are unsure: two in German, of another owner, and one that failed.
async fn doubtful() -> Scene {
    let scene = Scene::start("").await;
    for id in ["4", "5"] {
        scene
            .hear(id, |one| {
                let mut verdict = Sentiment::unsure(Doubt::Language, one.sentiment().model.clone());
                verdict.lang = Some("de".into());
                one.scored.sentiment = verdict;
                one.owner = "cco".into();
            })
            .await;
    }
    scene
        .hear("6", |one| {
            one.scored.sentiment = Sentiment::unsure(Doubt::Failed, one.sentiment().model.clone());
        })
        .await;
    scene
}

async fn json(scene: &Scene, path: &str) -> Value {
    let (status, body) = scene.get(path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every figure behind a link to the review list, with the ids that it opens.
async fn opened(scene: &Scene, page: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for part in page.split("<a href=\"/review?").skip(1) {
        let Some((query, rest)) = part.split_once("\">") else { continue };
        let Some(Ok(figure)) = rest.split('<').next().map(str::parse::<usize>) else { continue };
        let twin = json(scene, &format!("/api/v1/review?{}", query.replace("&amp;", "&"))).await;
        let rows = twin["rows"].as_array().expect("rows");
        assert_eq!((rows.len(), &twin["total"]), (figure, &Value::from(figure)), "behind {query}");
        let ids = rows.iter().map(|row| row["scored"]["mention"]["id"].as_str().expect("an id").to_owned());
        found.push((figure, ids.collect()));
    }
    found
}

#[tokio::test]
async fn the_review_list_adds_up_to_the_mentions_behind_it() {
    let scene = doubtful().await;
    let (_, overview) = scene.get("/").await;
    let all = opened(&scene, &overview).await;
    assert_eq!(all.len(), 1, "the overview leads there with one number");
    assert_eq!(all[0].0, 4);
    let (status, page) = scene.get("/review").await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("<h1>4 mentions to review</h1>"), "{page}");
    let mut parts = opened(&scene, &page).await;
    parts.sort();
    assert_eq!(parts.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [1, 1, 2]);
    let mut ids: Vec<String> = parts.into_iter().flat_map(|(_, ids)| ids).collect();
    let mut behind = all[0].1.clone();
    ids.sort();
    behind.sort();
    assert_eq!(ids, behind, "the parts are the whole, and none twice");
    for part in [
        "in a language that the model does not read",
        "the model could not judge it",
        "unsure, in German",
        "It is in German, which the model does not read.",
        "Chief Customer Officer",
        "Open it to judge it",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    for id in &ids {
        assert!(page.contains(&format!("<a href=\"/mentions/{id}\">Open it")), "the row leads to {id}");
    }
    let (_, narrow) = scene.get("/review?doubt=language&owner=cco").await;
    assert_eq!(narrow.matches("<article").count(), 2);
    let (_, none) = scene.get("/review?owner=care&doubt=language").await;
    assert!(none.contains("Nothing waits for a look"), "{none}");
    assert_eq!(scene.get("/review?doubt=mood").await.0, 400);
}

#[tokio::test]
async fn what_a_person_has_judged_needs_no_second_look() {
    let scene = doubtful().await;
    let id = scene.mentions[2].id();
    let (_, page) = scene.get("/review").await;
    assert!(page.contains(&format!("id=\"m{id}\"")), "{page}");
    let (status, page) =
        scene.post(&format!("/mentions/{id}/correct"), "verdict=neutral&needs_answer=yes&revision=1").await;
    assert_eq!(status, 200, "{page}");
    let (_, page) = scene.get("/review").await;
    assert!(page.contains("<h1>3 mentions to review</h1>") && !page.contains(&id.to_string()), "{page}");
    let answers = json(&scene, "/api/v1/mentions?needs_answer=true").await;
    assert_eq!(answers["rows"][0]["scored"]["mention"]["id"], id.to_string(), "a person's word counts");
}

#[tokio::test]
async fn what_asks_for_an_answer_says_so_and_can_be_listed() {
    let scene = Scene::start("").await;
    let id = scene
        .hear("4", |one| {
            one.scored.sentiment.needs_answer =
                Some(NeedsAnswer { probability: 0.874, yes: true, kind: None });
        })
        .await;
    scene
        .hear("5", |one| {
            one.scored.sentiment.needs_answer =
                Some(NeedsAnswer { probability: 0.1, yes: false, kind: None });
        })
        .await;
    let (_, page) = scene.get("/mentions?needs_answer=true").await;
    assert_eq!((page.matches("<article").count(), page.matches("asks for an answer</span>").count()), (1, 1));
    assert_eq!(
        json(&scene, "/api/v1/mentions?needs_answer=false").await["rows"].as_array().unwrap().len(),
        1
    );
    let (_, page) = scene.get(&format!("/mentions/{id}")).await;
    for part in ["Asks for an answer: yes (87 % likely)", "model word-list 1", "Why this score?"] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
}

#[tokio::test]
async fn a_score_is_explained_in_shades_and_in_words() {
    let scene = Scene::start("").await;
    let id = scene
        .hear("4", |one| {
            one.scored.mention.post.title = Some("</h1><script>alert(1)</script>".into());
            one.scored.mention.post.text =
                "The Acme app is <b>terrible</b>, the \u{202e}help\u{1b}[31m was great".into();
            one.scored.mention.spans[0].end = 12;
        })
        .await;
    let (status, page) = scene.get(&format!("/mentions/{id}/why-this-score")).await;
    assert_eq!(status, 200, "{page}");
    for part in [
        "Why this score?</h1>",
        "push against",
        ">terrible</span>",
        "<span class=\"push target\">Acme</span>",
        "<h3>Towards negative</h3><ul><li><bdi>terrible</bdi>: −",
        "<h3>Towards positive</h3><ul><li><bdi>great</bdi>: +",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    for hostile in HOSTILE.iter().chain(&["<b>", "\u{202e}", "\u{1b}"]) {
        assert!(!page.contains(hostile), "lets {hostile} through:\n{page}");
    }
    let said = json(&scene, &format!("/api/v1/mentions/{id}/explain-score")).await;
    let text = said["now"]["text"].as_str().expect("the text");
    let words = said["now"]["words"].as_array().expect("words");
    let worst = words.iter().find(|word| word["word"] == "terrible").expect("it is a word");
    let place = &worst["places"][0];
    let ends = |key: &str| {
        let end = |at: usize| usize::try_from(place[key][at].as_u64().expect("a number")).expect("small");
        end(0)..end(1)
    };
    assert_eq!(&text[ends("bytes")], "terrible");
    assert_eq!(text.chars().skip(ends("chars").start).take(8).collect::<String>(), "terrible");
    assert!(worst["delta_score"].as_f64().expect("weighed") < -0.1);
    assert!(words.iter().any(|word| word["target"] == true && word["delta_score"].is_null()));
    assert_eq!(said["kept"]["model"]["name"], "word-list");
}

#[tokio::test]
async fn what_cannot_be_explained_says_why() {
    let scene = Scene::start("").await;
    let id = scene.hear("4", |one| one.erase(one.recorded_at, ErasedFor::DeletedByAuthor)).await;
    let (status, page) = scene.get(&format!("/mentions/{id}/why-this-score")).await;
    assert_eq!(status, 409);
    assert!(page.contains("The text is gone"), "{page}");
    let (_, page) = scene.get(&format!("/mentions/{id}")).await;
    assert!(!page.contains("why-this-score"), "a link that leads nowhere");
    assert!(page.contains("The text is gone: its author deleted it"), "{page}");
    assert_eq!(scene.get("/mentions/nonsense/why-this-score").await.0, 404);
}
