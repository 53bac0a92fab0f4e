//! Mails as the usual programs write them.

use super::*;

fn own(text: &str) -> String {
    own_words(text, false)
}

#[test]
fn history_goes_and_own_words_stay() {
    for (name, text, expected) in [
        ("nothing to remove", "The app crashed.\n\nTwice.", "The app crashed.\n\nTwice."),
        ("marks", "Thanks.\n\n> We are sorry\n> for that.\n", "Thanks."),
        ("between the lines", "> Does it work?\nNo.\n> Now?\nStill not.", "No.\nStill not."),
        (
            "English, broken over lines",
            "It is worse.\r\n\r\nOn Wed, Mar 4, 2026 at 9:41 AM Acme Care\r\n<care@acme.example> wrote:\r\n\r\n> Hello",
            "It is worse.",
        ),
        (
            "right below the words",
            "On top of that 2 of them broke.\nOn Wed, Mar 4, 2026 at 9:41 AM Acme Care wrote:\n> Hello",
            "On top of that 2 of them broke.",
        ),
        (
            "no marks below it",
            "It is worse.\n\nOn Wed, Mar 4, 2026 at 9:41 AM, Acme Care wrote:\n\nHello, we are sorry.\n",
            "It is worse.",
        ),
        (
            "German",
            "Es geht nicht.\n\nAm 04.03.2026 um 09:41 schrieb Acme Care <care@acme.example>:\n> Guten Tag\n\nGruß",
            "Es geht nicht.\n\n\nGruß",
        ),
        ("German, turned round", "Nein.\n\nAcme Care schrieb am 04.03.2026 um 09:41:\n\nGuten Tag", "Nein."),
        (
            "French",
            "Non.\n\nLe mer. 4 mars 2026 à 09:41, Acme <care@acme.example> a écrit :\n\nBonjour",
            "Non.",
        ),
        ("dated only", "No.\n\n2026-03-04 9:41 GMT+01:00 Acme Care <care@acme.example>:\n\nHello", "No."),
        (
            "Outlook",
            "Still broken.\n\n________________________________\nFrom: Acme Care\nSent: Wednesday, 4 March 2026 09:41\nTo: Ann\n\
             Subject: Your order\n\nWe are sorry.",
            "Still broken.",
        ),
        (
            "Outlook, German, bold",
            "Geht nicht.\n\n*Von:* Acme Care\n*Gesendet:* Mittwoch, 4. März 2026\n*An:* Ann\n*Betreff:* Auftrag\n\nLeider",
            "Geht nicht.",
        ),
        ("an old Outlook", "No.\n\n-----Original Message-----\nFrom: Acme\n\nHello", "No."),
        ("an old Outlook, German", "Nein.\n-----Ursprüngliche Nachricht-----\nVon: Acme", "Nein."),
    ] {
        assert_eq!(own(text), expected, "{name}");
    }
}

#[test]
fn signatures_go() {
    for (name, text, expected) in [
        ("by the book", "It broke.\n\n-- \nAnn\nHead of Things\n", "It broke."),
        ("with its space lost", "It broke.\n--\nAnn", "It broke."),
        ("a telephone", "It broke.\n\nSent from my iPhone\n", "It broke."),
        ("a telephone, German", "Kaputt.\n\nVon meinem iPhone gesendet", "Kaputt."),
        (
            "a list",
            "It broke.\n_______________________________________________\nusers mailing list\n",
            "It broke.",
        ),
        ("dashes inside a text", "a -- b\n---\nc", "a -- b\n---\nc"),
    ] {
        assert_eq!(own(text), expected, "{name}");
    }
    let long = format!("Steps:\n--\n{}", "one more\n".repeat(40));
    assert_eq!(own(&long), long.trim(), "two dashes above a long text are no signature");
}

#[test]
fn what_is_forwarded_is_what_the_mail_is_about() {
    let gmail = "FYI\n\n-- \nBo\n\n---------- Forwarded message ---------\nFrom: Ann <ann@globex.example>\n\
                 Date: Wed, Mar 4, 2026 at 9:41 AM\nSubject: broken\nTo: <care@acme.example>\n\n\nIt broke again.\n\n\
                 On Tue, Mar 3, 2026 at 8:00 AM Care <care@acme.example> wrote:\n> Sorry\n";
    assert_eq!(own(gmail), "FYI\n\nIt broke again.");
    let apple = "Begin forwarded message:\n\n> From: Ann <ann@globex.example>\n> Subject: broken\n> Date: 4 March 2026\n>\n\
                 > It broke again.\n> Twice.\n";
    assert_eq!(own(apple), "It broke again.\nTwice.");
    let thunderbird = "-------- Weitergeleitete Nachricht --------\nBetreff: \tkaputt\nDatum: \tWed, 4 Mar 2026\n\
                       Von: \tAnn <ann@globex.example>\nAn: \tcare@acme.example\n\nSchon wieder kaputt.";
    assert_eq!(own(thunderbird), "Schon wieder kaputt.");
    let outlook = "Please see below.\n\nFrom: Ann\nSent: Wednesday, 4 March 2026 09:41\nTo: Care\nSubject: broken\n\nIt broke.";
    assert_eq!(own_words(outlook, true), "Please see below.\n\nIt broke.");
    assert_eq!(own_words(outlook, false), "Please see below.");
    assert_eq!(own_words("> It broke.\n> Twice.", true), "It broke.\nTwice.");
}

#[test]
fn words_are_rather_kept_than_lost() {
    let form = "From: Ann\nDate: 2026-03-04\nSubject: refund\nMessage: I want my money back";
    assert_eq!(own(form), form, "a form is no history");
    let told = "On 3 March your agent wrote:\nwe will refund you.\nNothing came.";
    assert_eq!(own(told), told, "neither an hour nor an address");
    assert_eq!(
        own("On 4 March 2026 at 9:41 Ann wrote:\n\nno marks here"),
        "On 4 March 2026 at 9:41 Ann wrote:\n\nno marks here"
    );
    assert_eq!(own(""), "");
    assert_eq!(own("> only\n> theirs"), "");
    let deep = "-- Forwarded message --\n".repeat(1_000);
    assert!(own(&deep).len() < deep.len());
}

#[test]
fn quotes_in_html_are_told_from_the_rest() {
    let html = "<p>It broke.</p><div>On 4 March 2026 at 9:41 Care &lt;care@acme.example&gt; wrote:<br></div>\
                <BLOCKQUOTE type=\"cite\"><p>Sorry<br>for that</p><blockquote>Older</blockquote></BLOCKQUOTE><p>Bye</p>";
    let text = from_html(&crate::source::text::from_html(&marked(html), None));
    assert_eq!(crate::source::text::plain(&own(&text)), "It broke.\n\nBye", "{text}");
    assert_eq!(marked("a \u{e000}<b>x</b> <"), "a <b>x</b> <");
}
