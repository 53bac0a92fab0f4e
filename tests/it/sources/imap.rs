//! `imap` against a server of our own making that fails on demand, and saved mails.

use earmark::domain::source::SkipReason;
use earmark::source::{Answer, Built, Nothing, Parsed, Position, Retry, Settings, Source, imap, kind};
use serde_json::{Value, json};

use crate::sources::imap_server::{Fault, ImapServer, PASSWORD};

fn parse(mail: &str, params: Value) -> Parsed {
    let settings = Settings { id: "m".into(), params };
    imap::parse(&Answer::saved(mail.replace('\n', "\r\n").as_bytes()), &settings)
}

const MAIL: &str = "From: =?utf-8?q?Ann_=C3=96?= <ann@globex.example>
To: feedback@acme.example
Subject: =?iso-8859-1?q?Bestellung_gel=F6scht?=
Message-ID: <one@globex.example>
In-Reply-To: <asked@acme.example>
References: <root@acme.example> <asked@acme.example>
Date: Wed, 4 Mar 2026 11:00:00 +0100
Content-Language: de-DE
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=windows-1252
Content-Transfer-Encoding: quoted-printable

Die App hat meine Bestellung gel=F6scht =96 zweimal.

Am 04.03.2026 um 09:41 schrieb Acme <care@acme.example>:
> Wie gef=E4llt Ihnen die App?

--b
Content-Type: text/html; charset=utf-8

<p>not looked at</p>
--b--
";

#[test]
fn a_mail_becomes_what_its_writer_says() {
    let parsed = parse(MAIL, Value::Null);
    let post = parsed.posts.first().unwrap_or_else(|| panic!("{parsed:?}"));
    assert_eq!(post.id, "one@globex.example");
    assert_eq!(post.parent.as_deref(), Some("asked@acme.example"));
    assert_eq!(post.title.as_deref(), Some("Bestellung gelöscht"));
    assert_eq!(post.text, "Die App hat meine Bestellung gelöscht – zweimal.");
    assert_eq!((post.author.as_deref(), post.kind.as_str()), (Some("Ann Ö"), "ticket"));
    assert_eq!(post.created_at.map(|at| at.to_string()).as_deref(), Some("2026-03-04T10:00:00Z"));
    assert_eq!((post.lang.as_deref(), post.url.as_deref(), post.site.as_str()), (Some("de-de"), None, ""));

    let by = |author: &str| parse(MAIL, json!({ "author": author, "kind": "review" })).posts.remove(0);
    assert_eq!(by("address").author.as_deref(), Some("ann@globex.example"));
    assert_eq!((by("none").author, by("none").kind.as_str()), (None, "review"));
    let bare = MAIL.replace("=?utf-8?q?Ann_=C3=96?= <ann@globex.example>", "ann@globex.example");
    assert_eq!(
        parse(&bare, Value::Null).posts[0].author.as_deref(),
        Some("ann"),
        "no address unless asked for"
    );

    let unnamed = MAIL.replace("Message-ID: <one@globex.example>\n", "");
    let (one, same) = (parse(&unnamed, Value::Null), parse(&unnamed, Value::Null));
    assert_eq!(one, same);
    assert!(one.posts[0].id.starts_with("hash:"), "{}", one.posts[0].id);
    let other = parse(&unnamed.replace("zweimal", "dreimal"), Value::Null);
    assert_ne!(one.posts[0].id, other.posts[0].id);
}

fn simple(headers: &str, body: &str) -> Parsed {
    let from = if headers.contains("From: ") { "" } else { "From: Ann <ann@globex.example>\n" };
    parse(&format!("{from}Message-ID: <x@globex.example>\n{headers}\n\n{body}"), Value::Null)
}

#[test]
fn html_alone_and_mails_inside_mails_are_read() {
    let html = "Subject: Hi\nContent-Type: text/html; charset=utf-8";
    let parsed = simple(
        html,
        "<p>It broke &amp; <a href=\"https://acme.example/x\">here</a>.</p><blockquote><p>Sorry</p></blockquote>",
    );
    assert_eq!(parsed.posts[0].text, "It broke & here (https://acme.example/x).");
    let inside = "Subject: Fwd: broken\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m";
    let body = "--m\nContent-Type: text/plain\n\nSee below.\n--m\nContent-Type: message/rfc822\n\nFrom: Bo <bo@globex.example>\n\
                Subject: broken\n\nIt broke again.\n--m--\n";
    assert_eq!(simple(inside, body).posts[0].text, "See below.\n\nbroken\n\nIt broke again.");
    assert_eq!(simple("Subject: refund please", "").posts[0].text, "", "a headline alone says something");
}

#[test]
fn answers_of_machines_are_left_out_with_a_reason() {
    let report = "Subject: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=r";
    for headers in [
        "Subject: I am away\nAuto-Submitted: auto-replied (vacation)",
        "Subject: Automatic reply: broken\nAuto-Submitted: auto-generated",
        "Subject: Automatische Antwort: kaputt\nX-Auto-Response-Suppress: All",
        "Subject: thanks\nPrecedence: auto_reply",
        "Subject: failed\nFrom: MAILER-DAEMON@acme.example",
        report,
    ] {
        let parsed = simple(headers, "words");
        assert_eq!(parsed.nothing, Some(Nothing::NoPostsInside), "{headers}");
        assert_eq!(parsed.rejects[0].reason, SkipReason::Automatic, "{headers}");
    }
    for headers in [
        "Subject: Your survey has an answer\nAuto-Submitted: auto-generated",
        "Subject: x\nAuto-Submitted: no",
    ] {
        assert_eq!(simple(headers, "It broke.").posts.len(), 1, "{headers}");
    }
    let parsed = simple("Subject: Re: x", "> only theirs\n");
    assert_eq!((parsed.rejects[0].reason, parsed.nothing), (SkipReason::Malformed, Some(Nothing::Broken)));
}

#[test]
fn saved_folders_are_read_and_other_things_are_not() {
    let mbox = format!(
        "From ann@globex.example Wed Mar  4 11:00:00 2026\n{MAIL}\nFrom bo@globex.example Wed Mar  4 11:00:00 2026\n\
                        From: bo@globex.example\nSubject: two\nMessage-ID: <two@globex.example>\n\nTwo.\n"
    );
    let ids: Vec<String> = parse(&mbox, Value::Null).posts.into_iter().map(|post| post.id).collect();
    assert_eq!(ids, ["one@globex.example", "two@globex.example"]);
    for (body, expected) in [
        ("", Nothing::NoPostsInside),
        ("<html>", Nothing::ForeignInterface),
        ("{\"a\": 1}", Nothing::ForeignInterface),
        ("no mail at all", Nothing::Broken),
    ] {
        assert_eq!(parse(body, Value::Null).nothing, Some(expected), "{body}");
    }
}

fn mail(number: usize) -> Vec<u8> {
    format!("From: Ann <ann@globex.example>\r\nSubject: post {number}\r\nMessage-ID: <{number}@globex.example>\r\n\r\nWords.\r\n").into_bytes()
}

struct Reader {
    source: Box<dyn Source>,
    position: Position,
    found: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Reader {
    fn of(server: &ImapServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let params = json!({ "server": "127.0.0.1", "port": server.port, "tls": "none", "allow_private": true,
            "user": "feedback", "password": { "file": password }, "timeout": "1s" });
        let settings = Settings { id: "m".into(), params };
        let kind = kind("imap").expect("it is listed");
        let problems = (kind.check)(&settings);
        assert!(problems.is_empty(), "{problems}");
        let client = earmark::net::Client::new(&earmark::net::Settings::new("")).unwrap();
        let fetch = earmark::source::fetch::Fetcher::new(client);
        let Ok(Built::Pull(source)) =
            (kind.build)(&settings, &earmark::source::Tools { fetch: fetch.into() })
        else {
            panic!("a pulled source")
        };
        Self { source, position: Position::default(), found: Vec::new(), _folder: folder }
    }

    async fn look(&mut self) -> Result<earmark::source::Batch, earmark::source::SourceError> {
        let now = "2026-03-04T12:00:00Z".parse().unwrap();
        let batch = self.source.poll(&self.position, now).await?;
        self.position = batch.position.clone();
        self.found.extend(batch.posts.iter().map(|post| post.id.clone()));
        Ok(batch)
    }

    async fn all(&mut self) {
        while self.look().await.expect("it works").more {}
    }
}

#[tokio::test]
async fn a_backlog_is_read_newest_first_and_each_mail_once() {
    let server = ImapServer::start().await;
    (1..=120).for_each(|number| server.deliver(mail(number)));
    let mut reader = Reader::of(&server);
    let first = reader.look().await.unwrap();
    assert!(first.more && first.fetched_through.is_none());
    assert_eq!(reader.found.first().map(String::as_str), Some("71@globex.example"));
    server.deliver(mail(121));
    reader.look().await.unwrap();
    assert_eq!(reader.found.last().map(String::as_str), Some("121@globex.example"), "fresh ones do not wait");
    reader.all().await;
    let mut unique = reader.found.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((reader.found.len(), unique.len()), (121, 121));
    assert_eq!(server.forbidden(), Vec::<String>::new(), "nothing but looking");

    // Built anew, with other numbers: read anew, and the names are the same.
    server.rebuild();
    server.deliver(mail(122));
    reader.found.clear();
    reader.all().await;
    // The connection was open while the folder changed below it; a new one sees the change for sure.
    assert_eq!(reader.found.len(), 122);
    assert!(reader.found.iter().all(|id| unique.contains(id) || id == "122@globex.example"));
}

#[tokio::test]
async fn new_mails_are_told_by_the_server() {
    let server = ImapServer::start().await;
    server.deliver(mail(1));
    let mut reader = Reader::of(&server);
    reader.all().await;
    let (quiet, _) = tokio::join!(reader.look(), async {
        server.until_idle().await;
        server.deliver(mail(2));
    });
    quiet.unwrap();
    assert_eq!(reader.found, ["1@globex.example", "2@globex.example"]);
    assert_eq!(reader.source.interval().as_secs(), 1, "the waiting is the server's");
}

#[tokio::test]
async fn nothing_is_lost_when_everything_fails() {
    let server = ImapServer::start().await;
    server.deliver(mail(1));
    let mut reader = Reader::of(&server);
    reader.all().await;
    let faults = [
        (Fault::HangUp, Retry::Soon),
        (Fault::Bye, Retry::Soon),
        (Fault::NoImap, Retry::Never),
        (Fault::Refuse("AUTHENTICATIONFAILED"), Retry::Never),
        (Fault::Refuse("UNAVAILABLE"), Retry::Soon),
        (Fault::NoFolder, Retry::Never),
        (Fault::CutMail, Retry::Soon),
        (Fault::Drip, Retry::Soon),
        (Fault::Endless, Retry::Never),
    ];
    for (number, (fault, retry)) in (2..).zip(faults) {
        server.deliver(mail(number));
        server.fail(Some(fault));
        let before = reader.position.clone();
        let error = reader.look().await.expect_err("it fails");
        assert_eq!(error.retry, retry, "{fault:?}: {}", error.what);
        assert!(!error.what.contains(PASSWORD) && !error.what.contains("feedback"), "{}", error.what);
        assert_eq!(reader.position, before);
    }
    server.fail(None);
    reader.all().await;
    reader.found.sort();
    let mut expected: Vec<String> = (1..=10).map(|number| format!("{number}@globex.example")).collect();
    expected.sort();
    assert_eq!(reader.found, expected);
}

#[tokio::test]
async fn a_mail_that_cannot_be_had_keeps_no_other_away() {
    let server = ImapServer::start().await;
    (1..=3).for_each(|number| server.deliver(mail(number)));
    server.deliver([mail(4), vec![b'x'; 3 << 20]].concat());
    server.fail(Some(Fault::CannotGive(2)));
    let mut reader = Reader::of(&server);
    let batch = reader.look().await.unwrap();
    assert_eq!(reader.found, ["1@globex.example", "3@globex.example", "4@globex.example"]);
    assert_eq!(batch.rejects.iter().map(|reject| reject.at.as_str()).collect::<Vec<_>>(), ["uid 2"]);
    assert!(batch.posts[2].text.len() <= 128 << 10, "of a long mail the beginning");
}

#[tokio::test]
async fn a_password_goes_nowhere_unprotected_and_private_networks_are_closed() {
    let params = json!({ "server": "127.0.0.1", "user": "u", "password": { "env": "PATH" } });
    let check = |more: Value| {
        let mut params = params.clone();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (imap::KIND.check)(&Settings { id: "m".into(), params }).to_string()
    };
    assert_eq!(check(json!({})), "");
    assert!(check(json!({ "tls": "none" })).contains("unprotected"));
    assert!(check(json!({ "password": "hunter2" })).contains("never stands in the configuration"));
    assert!(check(json!({ "token": { "env": "HOME" } })).contains("there is a password too"));
    assert!(check(json!({ "server": "imap.acme.example:993" })).contains("is no host"));
    assert!(check(json!({ "folders": "INBOX" })).contains("did you mean \"folder\""));
    let settings = Settings { id: "m".into(), params };
    let client = earmark::net::Client::new(&earmark::net::Settings::new("")).unwrap();
    let tools = earmark::source::Tools { fetch: earmark::source::fetch::Fetcher::new(client).into() };
    let Ok(Built::Pull(mut source)) = (imap::KIND.build)(&settings, &tools) else {
        panic!("a pulled source")
    };
    let error = source.poll(&Position::default(), jiff::Timestamp::now()).await.expect_err("it is closed");
    assert!(error.what.contains("private network") && error.retry == Retry::Never, "{error:?}");
}
