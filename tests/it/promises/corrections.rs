//! P8: a judgement can be corrected; the correction is kept, counted and measured, and wakes nobody.

use earmark::domain::event::{Actor, Event, What};
use earmark::domain::sentiment::Polarity;
use serde_json::{Value, json};

use crate::world::{ANGRY, Scene, World};

const GLAD: &str = "I love the Acme app, it is great, wonderful";
const DAILY: &str = "[[digests]]\nid = \"daily\"\nto = [\"cco\", \"care\"]\nat = \"08:00\"\n";

/// One angry mention that escalated and one glad one; the glad one's path in the API.
async fn two() -> (World, String) {
    let mut world = World::start(Scene::new().with(DAILY)).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "yours");
    world.says(GLAD).await;
    let glad = world.mentions().await.into_iter().find(|one| one.post().text == GLAD);
    let path = format!("/api/v1/mentions/{}", glad.expect("it was heard").id());
    (world, path)
}

impl World {
    async fn correct(&self, who: &str, mention: &str, ask: Value) -> (u16, Value) {
        let answer = self.post(&format!("{mention}/correction?as={who}"), &ask).await;
        (answer.status, answer.json())
    }

    async fn uncorrect(&self, who: &str, mention: &str) -> u16 {
        self.ask("DELETE", &format!("{mention}/correction?as={who}"), &[], String::new()).await.status
    }

    async fn listed(&self, query: &str) -> usize {
        let listing = self.get(&format!("/api/v1/mentions?{query}")).await.json();
        listing["rows"].as_array().expect("rows").len()
    }

    async fn judgements(&self) -> Vec<Event> {
        let events = self.store().events(None, 1_000).await.expect("they are read");
        let is_one = |event: &Event| {
            matches!(event.what, What::Corrected { .. } | What::Uncorrected { .. } | What::Calibrated { .. })
        };
        events.into_iter().map(|entry| entry.event).filter(is_one).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_count_what_a_person_says_and_nobody_is_woken() {
    let (mut world, path) = two().await;
    let matters = world.matters().await.len();
    let ask = json!({ "polarity": "negative", "needs_answer": true, "note": "sarcasm" });
    let (status, view) = world.correct("lead", &path, ask).await;
    assert_eq!(status, 200, "{view}");
    assert_eq!(view["correction"]["polarity"], "negative");
    assert_eq!(view["correction"]["by"], "lead");
    assert_eq!(view["scored"]["sentiment"]["polarity"], "positive", "what the model said stays");

    assert_eq!((world.listed("polarity=negative").await, world.listed("polarity=positive").await), (2, 0));
    assert_eq!((world.listed("corrected=true").await, world.listed("corrected=false").await), (1, 1));
    let status = world.get("/api/v1/status").await.json();
    assert_eq!((&status["today"]["acme-app"]["negative"], &status["corrected"]), (&json!(2), &json!(1)));
    assert!(world.get("/").await.body.contains("judged by a person"));
    world.advance("1m").await;
    let digest = world.get("/api/v1/digests/daily?reader=care").await.json();
    assert_eq!(digest["volume"]["counts"]["negative"], 2, "{digest}");
    assert_eq!(digest["volume"]["corrected"], json!([view["scored"]["mention"]["id"]]));
    let sum: u64 = digest["topics"]
        .as_array()
        .expect("topics")
        .iter()
        .fold(0, |sum, line| sum + line["volume"]["counts"]["negative"].as_u64().expect("a count"));
    assert_eq!(sum, 2, "the topics' sums add up");
    for format in ["text", "html"] {
        let said = world.get(&format!("/api/v1/digests/daily?format={format}")).await.body;
        assert!(said.contains("1 of them counts as a person said"), "{said}");
    }

    world.restart().await;
    assert_eq!(world.get(&path).await.json()["correction"]["note"], "sarcasm");
    assert_eq!(world.matters().await.len(), matters, "no trigger was asked again");
    world.expect_nobody_told();
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saying_something_else_replaces_and_the_record_keeps_both() {
    let (world, path) = two().await;
    for (who, ask) in [
        ("care", json!({ "polarity": "negative" })),
        ("cco", json!({ "polarity": "neutral", "needs_answer": false })),
        ("lead", json!({ "confirm": true })),
    ] {
        let (status, said) = world.correct(who, &path, ask).await;
        assert_eq!(status, 200, "{who}: {said}");
    }
    assert_eq!(world.uncorrect("care", &path).await, 200);
    assert_eq!(world.uncorrect("care", &path).await, 409, "there is nothing to take back");
    assert_eq!(world.listed("corrected=true").await, 0);
    use Polarity::{Negative, Neutral, Positive};
    let by = |name: &str| Actor::Owner(name.into());
    let corrected = |before, polarity, needs_answer| What::Corrected {
        verdict: Positive,
        before,
        polarity,
        needs_answer,
    };
    let events = world.judgements().await;
    let said: Vec<_> = events.iter().map(|event| (event.by.clone(), event.what.clone())).collect();
    assert_eq!(
        said,
        [
            (by("care"), corrected(None, Negative, None)),
            (by("cco"), corrected(Some(Negative), Neutral, Some(false))),
            (by("lead"), corrected(Some(Neutral), Positive, None)),
            (by("care"), What::Uncorrected { before: Positive }),
        ]
    );
    assert!(events.iter().all(|event| event.mention.is_some()));
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_is_for_those_who_answer_and_says_something_clear() {
    let (mut world, path) = two().await;
    world.says("The Globex app is great").await;
    let rival = world.mentions().await.into_iter().find(|one| one.topic().as_str() == "globex-app");
    let rival = format!("/api/v1/mentions/{}", rival.expect("heard").id());
    let nobody = "/api/v1/mentions/01890000-0000-7000-8000-000000000000".to_owned();
    let negative = || json!({ "polarity": "negative" });
    for (who, mention, ask, expected, words) in [
        ("ops", &path, negative(), 403, "that is for care, cco, lead"),
        ("care", &rival, negative(), 403, "that is for cco"),
        ("who", &path, negative(), 400, "no owner is named"),
        ("care", &path, json!({ "polarity": "unsure" }), 400, "negative, neutral or positive"),
        ("care", &path, json!({ "needs_answer": true }), 400, "say which way it leans"),
        ("care", &path, json!({ "polarity": "neutral", "confirm": true }), 400, "say which way"),
        ("care", &path, json!({ "polarity": "negative", "revision": 7 }), 409, "edited since"),
        ("care", &path, json!({ "polarity": "neutral", "note": "x".repeat(1_001) }), 400, "at most 1000"),
        ("care", &nobody, negative(), 404, "no mention"),
    ] {
        let (status, said) = world.correct(who, mention, ask.clone()).await;
        assert_eq!(status, expected, "{who} {ask}: {said}");
        assert!(said["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{said}");
        assert_eq!(said["status"], expected);
    }
    assert_eq!(world.uncorrect("ops", &path).await, 403);
    assert_eq!(world.correct("cco", &rival, negative()).await.0, 200);
    assert_eq!(world.judgements().await.len(), 1, "what was refused left no trace");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_author_takes_back_takes_the_note_along() {
    let mut world = World::start(Scene::new()).await;
    world.push(&json!({ "id": "7", "text": GLAD, "author": "ann" })).await;
    let path = format!("/api/v1/mentions/{}", world.mentions().await[0].id());
    let ask = json!({ "polarity": "negative", "note": "she means the opposite" });
    assert_eq!(world.correct("care", &path, ask).await.0, 200);
    world.push(&json!({ "id": "7", "deleted": true })).await;
    let left = world.get(&path).await.json();
    assert_eq!(left["correction"]["polarity"], "negative", "that it was judged stays: {left}");
    let rows = world.store().rows(None, 10_000).await.expect("they are read").rows;
    assert!(!format!("{rows:?}").contains("the opposite"), "no row quotes the note");
    let (status, said) = world.correct("care", &path, json!({ "polarity": "neutral" })).await;
    assert!(
        status == 409 && said["detail"].as_str().expect("words").contains("nothing to judge by"),
        "{said}"
    );
    assert_eq!(world.uncorrect("care", &path).await, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_corrects_on_this_machine_and_only_there() {
    let (world, path) = two().await;
    let page = path.replace("/api/v1", "");
    let shown = world.get(&page).await.body;
    assert!(shown.contains("Yes, it is positive") && shown.contains("name=\"needs_answer\""), "{shown}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let crossed = [form[0], ("origin", "https://evil.example")];
    let said = "verdict=negative&needs_answer=yes&note=%3Cscript%3Ealert(1)%3C%2Fscript%3E&revision=1";
    let ask = async |headers: &[(&str, &str)], body: &str| {
        world.ask("POST", &format!("{page}/correct"), headers, body.to_owned()).await
    };
    assert_eq!(ask(&crossed, said).await.status, 403);
    assert_eq!(ask(&form, "verdict=&revision=1").await.status, 400);
    assert_eq!(ask(&form, "verdict=negative&revision=3").await.status, 409);
    assert_eq!(world.judgements().await.len(), 0);
    assert_eq!(ask(&form, said).await.status, 200);
    let shown = world.get(&page).await.body;
    for part in
        ["negative, says Chief Customer Officer", "asks for an answer", "&lt;script&gt;", "Take it back"]
    {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
    assert!(!shown.contains("<script>"), "{shown}");
    assert_eq!(ask(&form, "verdict=undo&revision=1").await.status, 200);
    assert_eq!(world.listed("corrected=true").await, 0);
    world.resolve("care").await;
    world.end().await;

    let scene = Scene::new().instead(
        "listen = \"127.0.0.1:0\"\n",
        "listen = \"127.0.0.1:0\"\npublic_url = \"https://earmark.acme.example\"\ntoken = { file = \"{folder}/token\" }\n",
    );
    let mut world = World::start(scene).await;
    world.says(GLAD).await;
    let page = format!("/mentions/{}", world.mentions().await[0].id());
    let shown = world.get(&page).await.body;
    assert!(shown.contains("<article") && !shown.contains("/correct\""), "a form that cannot work: {shown}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temperature_is_used_at_once_and_after_a_restart_by_its_model_alone() {
    let mut world = World::start(Scene::new()).await;
    let sure = async |world: &World| {
        let said = world.post("/api/v1/score", &json!({ "texts": [GLAD] })).await.json();
        said[0]["confidence"].as_f64().expect("a number")
    };
    let own = sure(&world).await;
    let model = world.get("/api/v1/calibration").await.json()["model"].clone();
    let ask =
        |model: &Value, temperature: f64| json!({ "model": model, "temperature": temperature, "n": 60 });
    for (who, temperature, expected) in [("care", 2.0, 403), ("cco", 9.0, 400), ("cco", 2.0, 200)] {
        let answer = world.post(&format!("/api/v1/calibration?as={who}"), &ask(&model, temperature)).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
    let drawn = sure(&world).await;
    assert!(drawn < own - 0.01, "{drawn} is not below {own}");
    assert_eq!(world.get("/api/v1/status").await.json()["calibration"]["temperature"], 2.0);
    assert!(world.get("/").await.body.contains("calibrated on 60 texts of our own"));
    world.restart().await;
    assert!((sure(&world).await - drawn).abs() < 1e-6, "it is kept");
    world.reload(&world.toml().replace("floor = 0.55", "floor = 0.6")).await.expect("taken");
    assert!((sure(&world).await - drawn).abs() < 1e-6, "a reload changes nothing of it");

    let other = json!({ "name": model["name"], "version": "of another year" });
    let answer = world.post("/api/v1/calibration?as=ops", &ask(&other, 3.0)).await;
    assert_eq!(answer.status, 200, "the operator may: {}", answer.body);
    assert!((sure(&world).await - drawn).abs() < 1e-6, "another version's is not used");

    let reset = world.ask("DELETE", "/api/v1/calibration?as=cco", &[], String::new()).await;
    assert_eq!((reset.status, reset.json().as_array().map(Vec::len)), (200, Some(2)), "{}", reset.body);
    assert!((sure(&world).await - own).abs() < 1e-6, "back to its own");
    let again = world.ask("DELETE", "/api/v1/calibration?as=cco", &[], String::new()).await;
    assert_eq!(again.status, 409, "{}", again.body);
    assert_eq!(world.judgements().await.len(), 4);
    world.restart().await;
    assert!((sure(&world).await - own).abs() < 1e-6);
    world.end().await;
}
