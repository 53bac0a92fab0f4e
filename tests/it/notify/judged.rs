//! What a mail says of the model's judgement: that a post asks for an answer, and why nobody but a
//! person can judge it.

use earmark::domain::escalation::Severity;
use earmark::domain::mention::RecordedMention;
use earmark::domain::notification::Reason;
use earmark::domain::sentiment::{Doubt, NeedsAnswer, Sentiment};
use earmark::notify::Message;
use earmark::notify::message::{Reader, View, escalation};

use super::gone;
use super::scene::{self, Scene, start};
use crate::support::fake_smtp::FakeSmtp;

/// The mail about one post, as `change` makes it.
async fn mail(change: impl FnOnce(&mut RecordedMention)) -> Message {
    let smtp = FakeSmtp::kind().await;
    let sink = gone().await;
    let scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    let post = scene::post("9", None, "The Acme app lost my order, who can help?");
    let mut mention = scene::mention(post, 0.9, scene.escalation.id);
    change(&mut mention);
    escalation(&View {
        topic: "Acme app".into(),
        reader: Reader { id: "care".into(), name: "Customer care".into(), zone: jiff::tz::TimeZone::UTC },
        reason: Reason::Accountable,
        accountable: "Customer care".into(),
        in_hand_of: None,
        opened_with: vec![mention.clone()],
        newest: vec![mention],
        silent: Vec::new(),
        next: None,
        act: None,
        page: None,
        key: "k".into(),
        decided_at: start(),
        now: start(),
        opens_thread: true,
        urgent: false,
        escalation: scene.escalation.clone(),
    })
}

/// On one line, as it is read.
fn read(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_post_that_asks_for_an_answer_says_so_in_plain_words() {
    let asks = |one: &mut RecordedMention| {
        one.scored.sentiment.needs_answer = Some(NeedsAnswer { probability: 0.9, yes: true });
    };
    let message = mail(asks).await;
    for part in [&read(&message.text), &message.html] {
        assert!(part.contains("sure). It asks for an answer."), "{part}");
    }
    assert_eq!(message.json["data"]["mentions"][0]["sentiment"]["needs_answer"]["yes"], true);
    let message = mail(|_| {}).await;
    assert!(!read(&message.text).contains("asks for an answer"), "the model has no opinion");
}

#[tokio::test]
async fn a_post_in_another_language_names_it_and_shows_no_confidence() {
    let message = mail(|one| {
        one.scored.sentiment = Sentiment::unsure(Doubt::Language, one.sentiment().model.clone());
        one.scored.sentiment.lang = Some("de".into());
    })
    .await;
    let said = "It is in German, which the model does not read; please judge for yourself.";
    assert!(read(&message.text).contains(said) && message.html.contains(said), "{}", message.text);
    assert!(!message.text.contains('%'), "no confidence: {}", message.text);
    let json = &message.json["data"]["mentions"][0]["sentiment"];
    assert_eq!((json["doubt"].as_str(), json["lang"].as_str()), (Some("language"), Some("de")));
}
