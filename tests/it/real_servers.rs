//! The whole way with servers that others wrote: nginx serves a feed, the installed binary reads
//! it by the real clock, Exim delivers what the daemon sends into Maildirs, and Python's parser
//! reads those. What our own fakes believe about HTTP, SMTP, TLS and MIME is thereby believed by
//! somebody else as well.
//!
//! # What is proven
//! * A permanent redirect is followed once and remembered; an unchanged feed costs a conditional
//!   request and a 304, over compression, and over a restart of the daemon too; a changed one is found.
//! * Mail goes out under STARTTLS with a verified certificate and a log-in, and not to a server
//!   whose certificate nobody vouches for.
//! * A dead address does not silence the other of its channel; a channel of dead addresses falls
//!   to the owner's next one.
//! * The link of a mail shows with `GET` and acts with `POST`, once. Silence brings the deputy.
//! * What arrives is sound to the byte and reads well: threads, zones, letters beyond ASCII.
//! * A mailbox of Dovecot's is read by the kind `imap` and left as it was ([`dovecot`]).
//!
//! # What it needs
//! `nginx-light`, `exim4-daemon-light`, `dovecot-imapd`, `openssl` and `python3` of Debian, found and started by the
//! test itself on free ports over a temporary folder; it touches nothing of the system's own
//! servers. Exim and Dovecot let nobody but root start them. Without one of these it says so and is skipped.

mod child;
mod daemon;
mod dovecot;
mod exim;
mod mail;
mod nginx;

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use child::{ask, eventually, program};
use daemon::Daemon;
use exim::Exim;
use mail::Mail;
use nginx::{Asked, Nginx};

/// A post of the feed: number, title, HTML.
type Entry<'a> = (u32, &'a str, &'a str);

fn feed(entries: &[Entry<'_>]) -> String {
    let date = Timestamp::now().to_zoned(TimeZone::UTC);
    let date = jiff::fmt::rfc2822::to_string(&date).expect("of our age");
    let items: String = entries
        .iter()
        .map(|(number, title, html)| {
            format!(
                "<item><guid>post-{number}</guid><title>{title}</title><author>erika@forum.example (Erika Ö.)</author>\
                 <link>https://forum.example/t/{number}{}</link><pubDate>{date}</pubDate>\
                 <description><![CDATA[{html}]]></description></item>\n",
                // Longer than a line of a mail may be.
                if *number == 2 { format!("?ref={}", "x".repeat(1_200)) } else { String::new() }
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Forum</title>\
         <link>https://forum.example/</link><description>All</description>\n{items}</channel></rss>"
    )
}

const QUIET: Entry<'_> = (1, "Questions", "<p>Which version of the Acme app is the newest one?</p>");
const ANGRY: Entry<'_> = (
    2,
    "Übles Update 😡",
    "<p>The Acme app crashed again and lost my order, worst update ever – “useless”, says my café.</p>\
     <p>Grüße &amp; good luck</p>",
);
const ANGRY_TOO: Entry<'_> = (
    3,
    "Nothing works",
    "<p>The Acme shop is a terrible mess. It crashed, it lost my order, and nobody answers: awful, horrible service.</p>",
);

fn missing() -> Vec<&'static str> {
    let needed = [
        ("nginx-light", Nginx::program().is_some()),
        ("exim4-daemon-light", Exim::program().is_some()),
        ("openssl", program("openssl").is_some()),
        ("python3", program("python3").is_some()),
    ];
    needed.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect()
}

#[test]
fn from_a_real_web_server_to_a_real_mailbox_and_back() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root may start Exim");
        return;
    }
    let missing = missing();
    if !missing.is_empty() {
        println!("skipped: no {} on this machine; make test-packages offers them", missing.join(", "));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The mail server leaves root and must still reach its own folder below.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("it is ours");
    let nginx = Nginx::start(&folder.path().join("web"), &feed(&[QUIET]));
    let exim = Exim::start(&folder.path().join("mail"));
    let mut daemon = Daemon::new(&folder.path().join("earmark"), &nginx, &exim);

    only_a_certificate_somebody_vouches_for(&daemon);
    an_unchanged_feed_costs_a_304(&nginx, &mut daemon);
    nginx.publish(&feed(&[QUIET, ANGRY]));
    let first = exim.mails_of("care", 1).remove(0);
    the_mail_reads_well(&first);
    a_dead_address_silences_nobody_else(&exim, &daemon);
    the_link_acts_once_and_only_when_asked(&first, &daemon);

    nginx.publish(&feed(&[QUIET, ANGRY, ANGRY_TOO]));
    let second = exim.mails_of("care", 2).remove(1);
    let deputy = exim.mails_of("desk", 1).remove(0);
    silence_brings_the_deputy(&second, &deputy, &daemon);
    let id = daemon.escalation("acme-shop")["id"].as_str().expect("an id").to_owned();
    assert!(daemon.cli(&["escalations", "resolve", &id, "--as", "care"]).contains("resolved"));

    // To the champion, and to both addresses of customer care.
    assert_eq!(daemon.cli(&["digest", "daily", "--send", "--as", "cco"]).trim(), "3 messages on the way.");
    let digest = exim.mails_of("cco", 1).remove(0);
    the_digest_adds_up(&digest);
    exim.mails_of("care", 3)[2].is_sound();

    assert!(daemon.end(), "{}", daemon.said());
    let said = daemon.said();
    for private in ["crashed", "@acme.example", exim::PASSWORD, "/link/"] {
        assert!(!said.contains(private), "the log holds {private:?}:\n{said}");
    }
    // For whoever wants to see with `--nocapture` what arrived.
    for mail in [&first, &second, &deputy, &digest] {
        println!("{:#?}\n{}", mail.headers, mail.text());
    }
}

fn only_a_certificate_somebody_vouches_for(daemon: &Daemon) {
    let doubting = daemon.try_cli(&["check", "--live"], false);
    let said = String::from_utf8_lossy(&doubting.stdout);
    assert!(!doubting.status.success() && said.contains("no protected connection to localhost:"), "{said}");
    let said = daemon.cli(&["check", "--live"]);
    assert!(!said.contains("no protected connection"), "{said}");
}

fn an_unchanged_feed_costs_a_304(nginx: &Nginx, daemon: &mut Daemon) {
    let trials = nginx.asked().len();
    let ours = || nginx.asked().split_off(trials);
    daemon.start();
    let asked =
        eventually("a 304", || Some(ours()).filter(|asked| asked.iter().any(|one| one.status == 304)));
    let line = |asked: &Asked| (asked.path.clone(), asked.status);
    let lines: Vec<_> = asked.iter().map(line).collect();
    let expected = [("/old.xml", 301), ("/feed.xml", 200), ("/feed.xml", 304)];
    assert_eq!(lines, expected.map(|(path, status)| (path.to_owned(), status)));
    assert_eq!(asked[1].encoding, "gzip");
    assert_eq!((asked[1].if_none_match.as_str(), asked[1].if_modified_since.as_str()), ("", ""));
    assert!(
        asked[2].if_none_match.starts_with("W/\"") && asked[2].if_modified_since.ends_with("GMT"),
        "{asked:?}"
    );
    assert!(asked[0].agent.starts_with("earmark/"), "{asked:?}");

    assert!(daemon.end(), "{}", daemon.said());
    let before = ours().len();
    daemon.start();
    let after = eventually("a look after the restart", || ours().get(before).cloned());
    assert_eq!(line(&after), ("/feed.xml".to_owned(), 304), "what was learnt outlives the process");
}

fn the_mail_reads_well(mail: &Mail) {
    mail.is_sound();
    let text = mail.text();
    assert_eq!(mail.header("from"), "earmark@acme.example");
    assert_eq!(mail.header("to"), "care@acme.example");
    assert_eq!(mail.header("subject"), "High: very negative post about Acme-App für Android (forum.example)");
    assert!(mail.header("references").ends_with("@acme.example>"));
    assert_eq!(mail.header("references"), mail.header("in-reply-to"));
    for said in [
        "This one is yours: you answer for Acme-App für Android.",
        "> Übles Update 😡",
        "worst update ever –\n> “useless”, says my café.",
        "> Grüße & good luck",
        "Erika Ö.",
        "(Europe/Berlin)",
        "Chief Customer Officer will be told",
    ] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
    assert!(text.contains(&"x".repeat(1_200)), "the address is whole");
    for said in ["Übles Update 😡", "Grüße & good luck", "I have it"] {
        assert!(mail.html_text.contains(said), "{said:?} is not in\n{}", mail.html_text);
    }
    assert!(mail.html_links.contains(&mail.line_after("I have it:").to_owned()), "{:?}", mail.html_links);
}

fn a_dead_address_silences_nobody_else(exim: &Exim, daemon: &Daemon) {
    let log = exim.log();
    let taken = log.lines().find(|line| line.contains(" <= ")).expect("a mail was taken");
    assert!(taken.contains("P=esmtpsa X=TLS1."), "under TLS and logged in: {taken}");
    assert!(taken.contains("A=plain:earmark@acme.example"), "{taken}");
    assert!(log.contains("rejected RCPT <gone@acme.example>"), "{log}");
    let id = daemon.escalation("acme-app")["id"].as_str().expect("an id").to_owned();
    let deliveries = || {
        let detail = daemon.get(&format!("/escalations/{id}"));
        let mut rows: Vec<(String, String, u64)> = Vec::new();
        for row in detail["notifications"].as_array().expect("a list") {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            rows.push((text("recipient"), text("delivery"), row["attempts"].as_u64().expect("a number")));
        }
        rows.sort();
        rows
    };
    let row = |to: &str, how: &str| (to.to_owned(), how.to_owned(), 1);
    let expected = vec![row("care@acme.example", "sent"), row("gone@acme.example", "failed")];
    eventually("both ends are written", || (deliveries() == expected).then_some(()));
}

fn the_link_acts_once_and_only_when_asked(mail: &Mail, daemon: &Daemon) {
    let link = mail.line_after("I have it:");
    for _ in 0..2 {
        let (status, page) = ask("GET", link);
        assert!(
            status == 200 && page.contains("Take this on?") && page.contains("method=\"post\""),
            "{page}"
        );
        assert_eq!(daemon.escalation("acme-app")["state"], "open", "looking changes nothing");
    }
    let (status, page) = ask("POST", link);
    assert!(status == 200 && page.contains("Thank you"), "{status} {page}");
    let escalation = daemon.escalation("acme-app");
    assert_eq!(
        (escalation["state"].as_str(), escalation["by"].as_str()),
        (Some("acknowledged"), Some("care"))
    );
    let (status, page) = ask("POST", link);
    assert!((400..500).contains(&status) && page.contains("Nothing was changed"), "{status} {page}");
}

fn silence_brings_the_deputy(owner: &Mail, deputy: &Mail, daemon: &Daemon) {
    for mail in [owner, deputy] {
        mail.is_sound();
        assert_eq!(mail.header("subject"), "High: very negative post about Acme shop (forum.example)");
    }
    assert_eq!(owner.header("references"), deputy.header("references"), "one thread");
    assert_ne!(owner.header("message-id"), deputy.header("message-id"));
    let text = deputy.text();
    let lead = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    assert!(lead.starts_with("Kundendienst Köln was told on "), "{text}");
    assert!(lead.ends_with(" and has not answered. It is yours now."), "{text}");
    assert!(text.contains("(America/New_York)"), "{text}");
    let escalation = daemon.escalation("acme-shop");
    assert_eq!(
        (escalation["state"].as_str(), escalation["accountable"].as_str()),
        (Some("open"), Some("desk"))
    );
}

fn the_digest_adds_up(mail: &Mail) {
    mail.is_sound();
    let text = mail.text();
    assert!(mail.header("subject").starts_with("daily: 3 mentions"), "{:?}", mail.headers);
    for said in [
        "2 opened, 2 of them answered, 1 resolved.",
        "1 is open now",
        "Übles Update",
        "the one source was read without a gap",
    ] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
    assert!(!mail.headers.contains_key("references"), "a digest opens no thread");
}
