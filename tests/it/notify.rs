//! From the outbox to people: over a fake mail server, a fake webhook and a real file.

mod judged;
mod scene;

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark::domain::channel::MailSecurity;
use earmark::domain::escalation::{Severity, State};
use earmark::domain::notification::{Delivery, HoldReason, Reason};
use earmark::notify::ways::Ways;
use earmark::notify::{Channel, Message, Retry};
use earmark::runtime::clock::Clock;
use earmark::runtime::task::Task;
use earmark::store::{Effects, Outcome, Page};
use jiff::SignedDuration;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::fake_smtp::{FakeSmtp, Fault, Stage};
use crate::support::sink::Sink;
use scene::{Scene, channel, links, row, start, tools};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Between two looks at whether something has happened yet; no test depends on its length.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

async fn gone() -> Sink {
    Sink::scripted(|_| 410).await
}

#[tokio::test]
async fn one_dead_address_does_not_silence_a_team() {
    let smtp = FakeSmtp::scripted(|stage, line| {
        (stage == Stage::RcptTo && line.contains("dead@"))
            .then_some(Fault::Say("550 5.1.1 <dead@acme.example>: Recipient address rejected"))
    })
    .await;
    let sink = gone().await;
    let to = ["dead@acme.example", "care@acme.example"];
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &to).await;
    scene.run().await;

    let taken = smtp.taken();
    assert_eq!(taken.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(), [["care@acme.example"]]);
    let rows = scene.rows().await;
    assert_eq!(rows.len(), 2, "nothing fell to the next channel: {rows:#?}");
    let dead = rows.iter().find(|row| row.recipient.as_deref() == Some(to[0])).expect("its row");
    let Delivery::Failed { why, .. } = &dead.delivery else { panic!("{dead:?}") };
    assert!(why.contains("550") && !why.contains("dead@"), "says the code and no address: {why}");
    assert_eq!(scene.matter().await.seen, 1, "the matter goes on as planned");
    assert!(sink.hooks().is_empty());
}

#[tokio::test]
async fn a_repetition_bears_the_same_key_links_and_message_id() {
    let mut faults = vec![Some(Fault::Drop), Some(Fault::Say("451 4.7.1 greylisted")), None].into_iter();
    let smtp =
        FakeSmtp::scripted(move |stage, _| if stage == Stage::Body { faults.next().flatten() } else { None })
            .await;
    let sink = gone().await;
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    scene.run_for(MINUTE * 2).await;

    let mails = smtp.mails();
    assert_eq!(mails.iter().map(|mail| mail.taken).collect::<Vec<_>>(), [false, false, true]);
    for name in ["X-Earmark-Key", "Message-ID", "Date", "Subject"] {
        let values: BTreeSet<_> = mails.iter().map(|mail| mail.header(name).expect(name)).collect();
        assert_eq!(values.len(), 1, "{name}: {values:?}");
    }
    let rows = scene.rows().await;
    assert!(matches!(rows[0].delivery, Delivery::Sent { .. }) && rows[0].attempts == 3, "{:?}", rows[0]);
    let first = scene.message(&rows[0]).await;
    scene.clock.advance(MINUTE);
    assert_eq!(first.json["data"]["links"], scene.message(&rows[0]).await.json["data"]["links"]);
}

#[tokio::test]
async fn a_dead_channel_falls_to_the_next_then_to_the_next_step_at_once() {
    let smtp = FakeSmtp::scripted(|stage, _| {
        (stage == Stage::MailFrom).then_some(Fault::Say("550 5.7.1 not from here"))
    })
    .await;
    let sink = gone().await;
    let to = ["a@acme.example", "b@acme.example"];
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &to).await;
    scene.run().await;

    assert_eq!(sink.hooks().len(), 1, "two dead addresses fell to one row of the next channel");
    let rows = scene.rows().await;
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| matches!(row.delivery, Delivery::Failed { .. })), "{rows:#?}");
    let keys: BTreeSet<_> = rows.iter().map(|row| &row.key).collect();
    assert_eq!(keys.len(), 3, "each channel has keys of its own");
    let matter = scene.matter().await;
    assert_eq!((matter.seen, matter.step_due), (2, Some(start())), "the next step is due now");

    let events = scene.store.events(None, 100).await.expect("events");
    let lost = events.iter().filter(|entry| format!("{:?}", entry.event.what).starts_with("NotSent")).count();
    assert_eq!(lost, 3);
    let window = earmark::domain::digest::Window { from: start(), until: start() + MINUTE };
    let holds = scene.store.holds(window, Page::first(10)).await.expect("holds").rows;
    assert_eq!(holds.iter().map(|hold| hold.reason).collect::<Vec<_>>(), [HoldReason::NoChannel]);

    let told = std::fs::read_to_string(scene.folder.path().join("cco.jsonl")).expect("the operator was told");
    let notices: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let subjects: Vec<_> = notices.iter().map(|notice| notice["subject"].as_str().expect("text")).collect();
    assert_eq!(
        subjects,
        ["earmark: channel care-mail does not deliver", "earmark: channel care-hook does not deliver"]
    );
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again_when_asked_to_wait() {
    let smtp = FakeSmtp::scripted(|stage, _| (stage == Stage::Connect).then_some(Fault::Say("554 no"))).await;
    let sink = Sink::scripted(|n| [503, 429, 204][n.min(2)]).await;
    let mut scene = Scene::set(Severity::Urgent, smtp.address, &sink.url(), &["a@acme.example"]).await;
    scene.run_for(MINUTE * 10).await;

    let hooks = sink.hooks();
    assert_eq!(hooks.iter().map(|hook| hook.answered).collect::<Vec<_>>(), [503, 429, 204]);
    let keys: BTreeSet<_> = hooks.iter().map(|hook| hook.header("webhook-id")).collect();
    assert_eq!(keys.len(), 1);
    for hook in &hooks {
        assert!(hook.is_signed_with(scene::SECRET));
        assert_eq!(hook.header("idempotency-key"), hook.header("webhook-id"));
        assert_eq!(hook.json()["type"], "escalation.accountable");
        assert_eq!(hook.json()["data"]["mentions"][0]["author"], "angry_ann");
    }
}

#[tokio::test]
async fn an_acknowledgement_stops_what_has_not_gone_out() {
    let smtp = FakeSmtp::kind().await;
    let sink = gone().await;
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    let mut next = scene.matter().await;
    next.seen += 1;
    next.state = State::Acknowledged {
        by: "care".into(),
        at: start(),
        until: start() + SignedDuration::from_hours(4),
    };
    let effects = Effects { escalations: vec![next], ..Effects::default() };
    assert_eq!(scene.store.step(effects).await.expect("a step"), Outcome::Done);
    assert_eq!(scene.run().await, None);

    assert!(smtp.mails().is_empty());
    let Delivery::Dropped { reason, .. } = scene.rows().await[0].delivery else { panic!("not dropped") };
    assert_eq!(reason, HoldReason::NoLongerDue);
}

#[tokio::test]
async fn what_was_begun_and_not_finished_is_sent_again_with_its_key() {
    let smtp = FakeSmtp::kind().await;
    let sink = gone().await;
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    // A daemon that died between begin and finish.
    let lost = scene.store.lease(start(), start() + MINUTE, 9).await.expect("a lease");
    assert_eq!(scene.store.begin(lost[0].id).await.expect("it begins"), Outcome::Done);

    let wake = scene.run().await;
    assert_eq!((smtp.mails().len(), wake), (0, Some(start() + MINUTE)), "it is in another's hand");
    scene.clock.advance(MINUTE);
    scene.run().await;
    let mails = smtp.taken();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].header("X-Earmark-Key"), Some(lost[0].key.clone()));
    assert_eq!(scene.rows().await[0].attempts, 2);
}

#[tokio::test]
async fn a_server_that_answers_nothing_holds_up_no_other_channel() {
    let release = Arc::new(Notify::new());
    let held = release.clone();
    let smtp =
        FakeSmtp::scripted(move |stage, _| (stage == Stage::Connect).then(|| Fault::Hold(held.clone())))
            .await;
    let sink = gone().await;
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    let mut late = row(&scene.escalation, "cco-file", None);
    late.owner = "cco".into();
    let matter = scene.escalation.id;
    let (store, file) = (scene.store.clone(), scene.folder.path().join("cco.jsonl"));
    let other = async {
        // Comes while the slow send is under way.
        let begun = || async {
            let rows =
                earmark::notify::deliver::rows_of_escalation(store.as_ref(), matter).await.expect("rows");
            rows.iter().any(|row| row.attempts > 0)
        };
        while !begun().await {
            tokio::time::sleep(PAUSE).await;
        }
        let effects = Effects { notifications: vec![late], ..Effects::default() };
        assert_eq!(store.step(effects).await.expect("a step"), Outcome::Done);
        while !file.exists() {
            tokio::time::sleep(PAUSE).await;
        }
        assert!(smtp.mails().is_empty(), "the mail is still held");
        release.notify_one();
    };
    let now = scene.clock.now();
    let (ran, ()) = tokio::join!(scene.task.run(now, &scene.stop), other);
    ran.expect("the activation goes well");
    assert_eq!(smtp.taken().len(), 1);
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_in_hand_and_takes_nothing_new() {
    let release = Arc::new(Notify::new());
    let held = release.clone();
    let smtp =
        FakeSmtp::scripted(move |stage, _| (stage == Stage::Body).then(|| Fault::Hold(held.clone()))).await;
    let sink = gone().await;
    let to = ["1@acme.example", "2@acme.example", "3@acme.example", "4@acme.example", "5@acme.example"];
    let mut scene = Scene::set(Severity::High, smtp.address, &sink.url(), &to).await;
    let (store, stop) = (scene.store.clone(), scene.stop.clone());
    let me = scene.escalation.id;
    let other = async {
        let begun = || async {
            let rows = earmark::notify::deliver::rows_of_escalation(store.as_ref(), me).await.expect("rows");
            rows.iter().filter(|row| row.attempts > 0).count()
        };
        while begun().await < 4 {
            tokio::time::sleep(PAUSE).await;
        }
        stop.stop();
        for _ in 0..4 {
            release.notify_one();
            tokio::task::yield_now().await;
        }
        loop {
            release.notify_waiters();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let now = scene.clock.now();
    tokio::select! {
        ran = scene.task.run(now, &scene.stop) => drop(ran.expect("it goes well")),
        () = other => {}
    }
    let rows = scene.rows().await;
    let sent = rows.iter().filter(|row| matches!(row.delivery, Delivery::Sent { .. })).count();
    let queued = rows.iter().filter(|row| row.delivery == Delivery::Queued && row.attempts == 0).count();
    assert_eq!((sent, queued), (4, 1), "{rows:#?}");
}

async fn mail_channel(smtp: &FakeSmtp, security: MailSecurity, password: Option<&str>) -> Ways {
    let folder = tempfile::tempdir().expect("a folder");
    let mut tools = tools(folder.path(), Some(smtp.address));
    let server = tools.email.as_mut().expect("a server");
    server.security = security;
    if let Some(password) = password {
        let file = folder.path().join("password");
        std::fs::write(&file, password).expect("it writes");
        server.password = Some(earmark::domain::secret::SecretRef::File(file.display().to_string()));
    }
    Ways::build(&[channel("m", "email", json!({ "to": ["care@acme.example"] }))], &tools).expect("in order")
}

fn the(ways: &Ways) -> &dyn Channel {
    ways.channels.values().next().expect("one channel").as_ref()
}

fn message(key: &str, subject: &str) -> Message {
    Message {
        key: key.into(),
        subject: subject.into(),
        text: "Text.\n.\nBcc: all@acme.example\n".into(),
        html: "<p>Text.</p>".into(),
        json: json!({ "type": "test" }),
        thread: Some("0199aa00-0000-7000-8000-000000000001".into()),
        opens_thread: true,
        urgent: false,
        at: start(),
    }
}

#[tokio::test]
async fn the_mails_of_a_matter_form_one_thread_and_say_that_no_person_wrote_them() {
    let smtp = FakeSmtp::kind().await;
    let ways = mail_channel(&smtp, MailSecurity::Plain, Some("swordfish")).await;
    for key in ["one", "two"] {
        the(&ways).send(&message(key, "High: post"), Some("care@acme.example")).await.expect("taken");
    }
    let mails = smtp.taken();
    let header = |n: usize, name: &str| mails[n].header(name).expect(name);
    let root = "<0199aa00-0000-7000-8000-000000000001@acme.example>";
    for (n, mail) in mails.iter().enumerate() {
        assert_eq!((header(n, "References"), header(n, "In-Reply-To")), (root.into(), root.into()));
        assert_eq!(header(n, "Auto-Submitted"), "auto-generated");
        assert_eq!(mail.login.as_deref(), Some("earmark@acme.example:swordfish"));
        assert!(mail.data.contains("multipart/alternative"));
    }
    assert_eq!(header(0, "Message-ID"), "<one@acme.example>");
    assert_eq!(header(1, "Message-ID"), "<two@acme.example>");
    assert_eq!(header(0, "Date"), "Mon, 12 Jan 2026 13:00:00 +0000");
}

#[tokio::test]
async fn foreign_text_adds_no_header() {
    let smtp = FakeSmtp::kind().await;
    let ways = mail_channel(&smtp, MailSecurity::Plain, None).await;
    let usual = message("a", "High: post");
    let nasty = message("b\r\nX-Key: 1", "High\r\nBcc: all@acme.example\r\n\r\nbody \u{202e}\u{1b}[2J é");
    for message in [&usual, &nasty] {
        the(&ways).send(message, Some("care@acme.example")).await.expect("taken");
    }
    let mails = smtp.taken();
    assert_eq!(mails[0].header_names(), mails[1].header_names());
    assert_eq!(mails[1].to, ["care@acme.example"]);
}

#[tokio::test]
async fn a_log_in_that_is_refused_is_said_and_a_clear_connection_is_never_used_by_mistake() {
    let smtp =
        FakeSmtp::scripted(|stage, _| (stage == Stage::Auth).then_some(Fault::Say("535 5.7.8 no"))).await;
    let ways = mail_channel(&smtp, MailSecurity::Plain, Some("swordfish")).await;
    let refused = the(&ways).send(&message("a", "s"), Some("care@acme.example")).await.expect_err("refused");
    assert_eq!(refused.retry, Retry::Never);
    assert!(refused.what.contains("refused the log-in") && !refused.what.contains("swordfish"), "{refused}");

    let smtp = FakeSmtp::kind().await;
    let ways = mail_channel(&smtp, MailSecurity::Starttls, Some("swordfish")).await;
    the(&ways).send(&message("a", "s"), Some("care@acme.example")).await.expect_err("it offers no STARTTLS");
    assert_eq!((smtp.logins().len(), smtp.mails().len()), (0, 0));
}

#[tokio::test]
async fn a_torn_last_line_is_ended_before_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out/ops.jsonl");
    let settings = [channel("f", "file", json!({ "path": "out/ops.jsonl" }))];
    let ways = Ways::build(&settings, &tools(folder.path(), None)).expect("in order");
    the(&ways).send(&message("one", "s"), None).await.expect("written");
    let mut torn = std::fs::read_to_string(&path).expect("there");
    torn.push_str("{\"key\":\"tor");
    std::fs::write(&path, torn).expect("it writes");
    the(&ways).send(&message("two", "s"), None).await.expect("written");

    let text = std::fs::read_to_string(&path).expect("there");
    assert!(text.ends_with('\n'));
    let keys: Vec<_> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .map(|line| line["key"].clone())
        .collect();
    assert_eq!(keys, ["one", "two"]);
}

#[test]
fn every_fault_of_the_settings_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut tools = tools(folder.path(), Some("127.0.0.1:25".parse().expect("an address")));
    let server = tools.email.as_mut().expect("a server");
    server.host = "smtp.acme.example".into();
    let settings = [
        channel("mail", "email", json!({ "to": ["care@acme.example", "nobody"], "cc": [] })),
        channel("hook", "webhook", json!({ "url": "ftp://x" })),
        channel("file", "file", json!({ "path": "../x" })),
        channel("pager", "fax", json!({})),
    ];
    insta::assert_snapshot!("faults", Ways::check(&settings, &tools));
}

#[tokio::test]
async fn an_owner_reads_what_it_is_about_and_what_comes_next() {
    let smtp = FakeSmtp::kind().await;
    let sink = gone().await;
    let scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    let rows = scene.rows().await;
    let message = scene.message(&rows[0]).await;
    assert_eq!(message.subject, "High: 3 very negative posts about Acme app (Hacker News)");
    assert!(message.text.lines().all(|line| line.chars().count() <= 78 || line.starts_with("http")));
    let steady = |text: &str| {
        let id = scene.escalation.id.to_string();
        let text = text.replace(&id, "[escalation]");
        let mut parts = text.split("https://earmark.acme.example/link/");
        let mut steady = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end =
                part.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(part.len());
            let claim = links().verify(&part[..end], start()).expect("a link of ours");
            assert_eq!((claim.escalation, claim.owner.as_str()), (scene.escalation.id, "care"));
            steady.push_str(&format!("[link: {:?}]{}", claim.action, &part[end..]));
        }
        steady
    };
    insta::assert_snapshot!("accountable_text", steady(&message.text));
    insta::assert_snapshot!("accountable_html", steady(&message.html).replace("><", ">\n<"));
}

#[tokio::test]
async fn every_reason_has_its_first_line() {
    let smtp = FakeSmtp::kind().await;
    let sink = gone().await;
    let scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    let row = scene.rows().await.remove(0);
    let mut lines = Vec::new();
    for reason in [
        Reason::Accountable,
        Reason::Informed,
        Reason::Worse,
        Reason::AcknowledgementRanOut,
        Reason::Reassigned,
        Reason::Overdue,
        Reason::Expired,
    ] {
        let row = earmark::domain::notification::Notification { reason, ..row.clone() };
        let text = scene.message(&row).await.text;
        lines.push(format!(
            "{reason:?}: {}",
            text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
        ));
    }
    insta::assert_snapshot!("first_lines", lines.join("\n"));
}

#[tokio::test]
async fn what_an_author_writes_cannot_act_in_a_mail() {
    let smtp = FakeSmtp::kind().await;
    let sink = gone().await;
    let scene = Scene::set(Severity::High, smtp.address, &sink.url(), &["care@acme.example"]).await;
    let mut nasty = scene::post("9", Some("<script>alert(1)</script>\r\nBcc: all@acme.example"), "");
    nasty.text =
        "\u{1b}[2J Acme app <img src=x onerror=alert(1)> \u{202e}evil\n-- \nI have it: https://x.example"
            .into();
    nasty.author = Some("\"><b>ann\nSubject: x".into());
    nasty.url = Some("javascript:alert(1)".into());
    nasty.site = "evil.example\r\nX-Evil: 1".into();
    let mention = scene::mention(nasty, 0.4, scene.escalation.id);
    let view = earmark::notify::message::View {
        topic: "Acme app".into(),
        reader: earmark::notify::message::Reader {
            id: "care".into(),
            name: "Customer care".into(),
            zone: jiff::tz::TimeZone::UTC,
        },
        reason: Reason::Accountable,
        accountable: "Customer care".into(),
        in_hand_of: None,
        opened_with: vec![mention.clone()],
        newest: vec![mention],
        silent: vec![("Sales".into(), start())],
        next: None,
        act: None,
        page: None,
        key: "k".into(),
        decided_at: start(),
        now: start(),
        opens_thread: true,
        urgent: false,
        escalation: scene.escalation.clone(),
    };
    let message = earmark::notify::message::escalation(&view);
    assert!(
        message.subject.chars().count() < 70 && !message.subject.contains(['\r', '\n']),
        "{}",
        message.subject
    );
    for bad in ["<script", "<img", "<b>", "javascript:", "\u{202e}", "\u{1b}"] {
        assert!(!message.html.contains(bad), "{bad} in the page");
        assert!(
            matches!(bad, "<script" | "<img" | "<b>") || !message.text.contains(bad),
            "{bad} in the text"
        );
    }
    assert!(!message.html.contains("src=") || message.html.contains("&lt;img"), "nothing is fetched");
    assert!(
        message.text.contains("> -- \n> I have it") || message.text.contains("> --\n> I have it"),
        "quoted lines stay behind their mark:\n{}",
        message.text
    );
    assert!(message.text.contains("the model would not commit itself"));
}
