//! The configuration: shipped files are in order, layers join, and every fault is named at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use earmark::config::load::{Loaded, Variables, examine, load, load_text};
use earmark::config::{ClassifierKind, Config, explain_kind};
use earmark::domain::channel::MailSecurity;
use earmark::domain::id::{OwnerId, PolicyId, TopicId};
use earmark::domain::problem::{Problem, Problems};
use earmark::domain::secret::SecretRef;
use earmark::domain::trigger::TriggerOn;
use jiff::SignedDuration;
use jiff::civil::Weekday;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const SAMPLE: &str = include_str!("../../config/earmark.toml");
const MINIMAL: &str = include_str!("../../config/minimal.toml");
const STARTER: &str = include_str!("../../config/starter.toml");
const FOLDER: &str = "/etc/earmark";

fn env(pairs: &[(&str, &str)]) -> Variables {
    let home = [("HOME", "/srv/acme")];
    home.iter().chain(pairs).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str) -> Result<Loaded, Problems> {
    load_text(text, Path::new(FOLDER), &env(&[]))
}

fn config(text: &str) -> Config {
    read(text).unwrap_or_else(|problems| panic!("{problems}")).config
}

/// The minimal file with `more` before its first table, or behind its last.
fn minimal_with(top: &str, more: &str) -> String {
    format!("{top}\n{MINIMAL}\n{more}")
}

#[test]
fn shipped_files_have_neither_fault_nor_warning() {
    for (name, text) in [("earmark.toml", SAMPLE), ("minimal.toml", MINIMAL), ("starter.toml", STARTER)] {
        let loaded = read(text).unwrap_or_else(|problems| panic!("{name}:\n{problems}"));
        assert_eq!(loaded.warnings.to_string(), "", "{name}");
    }
}

#[test]
fn faults_of_one_line_come_in_one_order() {
    let text = r#"triggers = [{ id = "t", spike = { of = "all", e = 1, d = 1, c = 1, b = 1, a = 1 } }]"#;
    let said = |text: &str| read(text).expect_err("unknown keys").to_string();
    let first = said(text);
    assert!((0..20).all(|_| said(text) == first), "{first}");
}

#[test]
fn the_sample_plays_posts_that_lie_beside_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/earmark.toml");
    let config = load(&path, &env(&[])).unwrap_or_else(|problems| panic!("{problems}")).config;
    let posts = config.sources[0].params["path"].as_str().map(PathBuf::from);
    assert!(posts.as_ref().is_some_and(|posts| posts.is_absolute() && posts.is_file()), "{posts:?}");
}

#[test]
fn the_minimal_file_is_short_and_tells_somebody() {
    let said = MINIMAL.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(said <= 20, "{said} lines");
    let config = config(MINIMAL);
    assert_eq!(config.roster.champion().name, "me");
    assert_eq!(config.roster.operator().id, OwnerId::from("me"));
    assert_eq!(config.policies[&PolicyId::from("standard")].steps.len(), 3);
    assert_eq!(config.triggers.len(), 2);
    assert_eq!(config.store_path, PathBuf::from("/srv/acme/.local/state/earmark"));
    assert_eq!(config.web.listen.map(|address| address.to_string()).as_deref(), Some("127.0.0.1:7272"));
    assert!(!config.net.allow_private);
}

#[test]
fn built_in_values_are_those_the_sample_names_as_defaults() {
    let (sample, minimal) = (config(SAMPLE), config(MINIMAL));
    assert_eq!(sample.retention, minimal.retention);
    assert_eq!(sample.web, minimal.web);
    assert_eq!(sample.sentiment, minimal.sentiment);
    assert_eq!(sample.net, minimal.net);
    assert_eq!(sample.triggers[..2], minimal.triggers[..]);
    let policy = |config: &Config| {
        let policy = config.policies[&PolicyId::from("standard")].clone();
        (policy.repeat, policy.acknowledgement_lasts, policy.resolve_within)
    };
    assert_eq!(policy(&sample), policy(&minimal));
}

#[test]
fn every_key_stands_in_the_sample_also_where_it_is_commented_out() {
    for key in earmark::config::load::SINGLE {
        let name = key.rsplit('.').next().unwrap_or(key);
        let stands = SAMPLE.lines().any(|line| {
            line.trim_start_matches(['#', ' '])
                .strip_prefix(name)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        });
        assert!(stands, "{key}");
    }
    // A table that is commented out must be right too once its marks are taken off.
    let opened: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest.starts_with("[[")
                    || rest.split_once(" = ").is_some_and(|(key, _)| {
                        !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    })
                    || rest == "[email]" =>
            {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let config = read(&opened).unwrap_or_else(|problems| panic!("{problems}\n{opened}")).config;
    let email = config.email.clone().expect("the sample has a mail server in comments");
    assert_eq!((email.port, email.security), (587, MailSecurity::Starttls));
    assert!(config.roster.owner(&OwnerId::from("care")).hours.is_some());
}

#[test]
fn sample_posts_are_readable_and_end_in_a_few_minutes() {
    let posts = include_str!("../../config/sample/posts.jsonl");
    let mut versions = BTreeMap::new();
    for (index, line) in posts.lines().enumerate() {
        let post: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("line {index}: {e}"));
        for key in ["id", "version", "kind", "text", "after", "author"] {
            assert!(post[key].is_string(), "line {}: {key}", index + 1);
        }
        let after = earmark::domain::duration::parse(post["after"].as_str().unwrap_or_default());
        assert!(after.is_ok_and(|after| after <= SignedDuration::from_mins(2)), "line {}", index + 1);
        *versions.entry(post["id"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    assert!(versions.len() >= 20);
    assert!(versions.values().any(|count| *count == 2), "no post is edited");
}

#[test]
fn each_fixture_is_answered_with_all_its_faults() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the fixtures are in the repository")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 12);
    for path in files {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let said = match load(&path, &env(&[])) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        assert!(!said.is_empty(), "{name} is in order");
        for problem in &said.0 {
            assert!(!problem.what.contains("hunter2") && !problem.remedy.contains("hunter2"), "{name}");
        }
        insta::assert_snapshot!(name, said.to_string());
    }
}

#[test]
fn files_of_conf_d_join_lists_and_override_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("earmark.toml");
    fs::write(
        &main,
        minimal_with("contact = \"mailto:a@acme.example\"", "[web]\ntoken = { file = \"token\" }\n"),
    )
    .expect("written");
    fs::create_dir(folder.path().join("conf.d")).expect("made");
    let piece =
        |name: &str, text: &str| fs::write(folder.path().join("conf.d").join(name), text).expect("written");
    piece("20-b.toml", "contact = \"mailto:b@acme.example\"\n[web]\ntoken = { env = \"TOKEN\" }\n");
    piece(
        "10-a.toml",
        "[[topics]]\nid = \"globex-app\"\nquery = \"globex\"\n[[routes]]\nwhen = \"true\"\nowner = \"me\"\n",
    );
    piece(".10-a.toml.swp", "not toml at all");
    piece("notes.txt", "not toml either");

    let loaded = load(&main, &env(&[])).unwrap_or_else(|problems| panic!("{problems}"));
    let config = loaded.config;
    let topics: Vec<&str> = config.topics.iter().map(|topic| topic.id.as_str()).collect();
    assert_eq!(topics, ["acme-app", "globex-app"]);
    assert_eq!(config.contact.as_deref(), Some("mailto:b@acme.example"));
    assert_eq!(config.web.token, Some(SecretRef::Env("TOKEN".into())));
    assert_eq!(config.locate("topics[\"globex-app\"].query"), Some("conf.d/10-a.toml:3"));
    assert_eq!(config.locate("topics[\"globex-app\"].owner"), Some("conf.d/10-a.toml:1"));
    assert_eq!(config.locate("routes[0].when"), Some("conf.d/10-a.toml:5"));
    assert_eq!(config.locate("nothing.of.ours"), None);

    piece("30-c.toml", "[[owners]]\nid = \"me\"\nchannels = [\"inbox\"]\n");
    let problems = load(&main, &env(&[])).expect_err("the id stands in two files");
    let said = problems.to_string();
    assert!(said.contains("conf.d/30-c.toml:2: owners[\"me\"].id: an owner at earmark.toml:"), "{said}");
}

#[test]
fn syntax_errors_of_all_files_come_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("earmark.toml");
    fs::write(&main, "champion = \n[web\nlisten = 1\n").expect("written");
    fs::create_dir(folder.path().join("conf.d")).expect("made");
    fs::write(folder.path().join("conf.d/x.toml"), "a = 1\na = 2\n").expect("written");
    fs::write(folder.path().join("conf.d/y.toml"), b"a = \"\xff\"\n").expect("written");
    insta::assert_snapshot!("syntax", load(&main, &env(&[])).expect_err("broken").to_string());
}

#[test]
fn a_missing_file_is_named_with_what_to_do() {
    let problems = load(Path::new("/nowhere/earmark.toml"), &env(&[])).expect_err("it is not there");
    let said = problems.to_string();
    assert!(
        said.contains("/nowhere/earmark.toml: cannot be read") && said.contains("earmark init"),
        "{said}"
    );
}

#[test]
fn variables_override_single_values() {
    let env = env(&[
        ("EARMARK__WEB__LISTEN", "[::1]:8080"),
        ("EARMARK__STORE__PATH", "data"),
        ("EARMARK__SENTIMENT__FLOOR", "0.7"),
        ("EARMARK__SENTIMENT__THREADS", "2"),
        ("EARMARK__SENTIMENT__CLASSIFIER", "word_list"),
        ("EARMARK__NET__ALLOW_PRIVATE", "true"),
        ("EARMARK__WEB__TOKEN", "hunter2"),
        ("EARMARK__CONTACT", ""),
    ]);
    let config =
        load_text(MINIMAL, Path::new(FOLDER), &env).unwrap_or_else(|problems| panic!("{problems}")).config;
    assert_eq!(config.web.listen.map(|address| address.port()), Some(8080));
    assert_eq!(config.store_path, PathBuf::from("/etc/earmark/data"));
    assert_eq!((config.sentiment.floor, config.sentiment.threads), (0.7, 2));
    assert_eq!(config.sentiment.classifier, ClassifierKind::WordList);
    assert!(config.net.allow_private);
    assert_eq!(config.web.token, Some(SecretRef::Env("EARMARK__WEB__TOKEN".into())));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn variables_that_set_nothing_are_faults() {
    let env = env(&[
        ("EARMARK__WEB__LISTN", "x"),
        ("EARMARK__TOPICS__0__QUERY", "x"),
        ("EARMARK__WEB__LISTEN", "everywhere"),
        ("EARMARK__SENTIMENT__THREADS", "many"),
    ]);
    let problems = load_text(MINIMAL, Path::new(FOLDER), &env).expect_err("four faults");
    insta::assert_snapshot!("variables", problems.to_string());
}

#[test]
fn the_store_lies_where_the_system_wants_it() {
    let place = |pairs: &[(&str, &str)]| {
        let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load_text(MINIMAL, Path::new(FOLDER), &env).map(|loaded| loaded.config.store_path)
    };
    let (state, xdg, home) =
        (("STATE_DIRECTORY", "/var/lib/earmark:/x"), ("XDG_STATE_HOME", "/s"), ("HOME", "/h"));
    assert_eq!(place(&[state, xdg, home]), Ok(PathBuf::from("/var/lib/earmark")));
    assert_eq!(place(&[xdg, home]), Ok(PathBuf::from("/s/earmark")));
    assert_eq!(place(&[home]), Ok(PathBuf::from("/h/.local/state/earmark")));
    assert!(place(&[]).is_err());
}

#[test]
fn relative_paths_are_taken_from_the_files_folder() {
    let config = config(&minimal_with(
        "",
        r#"
        [[sources]]
        id = "tickets"
        kind = "webhook"
        params = { path = "posts.jsonl", secret = { file = "keys/tickets" }, more = [{ file = "/abs" }] }
        [email]
        server = "[::1]:25"
        from = "earmark@acme.example"
        password = { file = "keys/smtp" }
        [sentiment]
        model = "models"
        "#,
    ));
    let params = &config.sources[1].params;
    assert_eq!(params["path"], "/etc/earmark/posts.jsonl");
    assert_eq!(params["secret"]["file"], "/etc/earmark/keys/tickets");
    assert_eq!(params["more"][0]["file"], "/abs");
    let email = config.email.clone().expect("it is configured");
    assert_eq!((email.host.as_str(), email.port, email.security), ("::1", 25, MailSecurity::Plain));
    assert_eq!(email.password, Some(SecretRef::File("/etc/earmark/keys/smtp".into())));
    assert_eq!(email.username.as_deref(), Some("earmark@acme.example"));
    assert_eq!(config.sentiment.model, Some(PathBuf::from("/etc/earmark/models")));
    assert_eq!(
        config.locate("sources[\"tickets\"].params.secret.file"),
        config.locate("sources[\"tickets\"].params")
    );
    assert_eq!(config.channels[0].params["path"], "inbox.jsonl", "a channel's own path is its kind's matter");
}

#[test]
fn values_arrive_as_written() {
    let config = config(&minimal_with(
        "",
        r#"
        [[owners]]
        id = "care"
        channels = ["inbox"]
        timezone = "Europe/Berlin"
        deputy = "me"
        absent = [{ from = 2026-12-24, to = "2026-12-27" }]
        [[triggers]]
        id = "storm"
        spike = { window = "1h" }
        severity = "urgent"
        [[digests]]
        id = "weekly"
        to = ["care"]
        days = ["Mon"]
        [[tests]]
        text = "hello"
        expect = { topic = "", trigger = "" }
        [web]
        listen = "none"
        public_url = "https://earmark.acme.example/"
        "#,
    ));
    let care = config.roster.get(&OwnerId::from("care")).expect("it is an owner");
    assert_eq!(care.absent[0].from.to_string(), "2026-12-24");
    assert_eq!(config.triggers.len(), 1, "a list that is written takes the built-in one's place");
    let TriggerOn::Spike(spike) = &config.triggers[0].on else { panic!("no spike") };
    assert_eq!((spike.of, spike.factor, spike.at_least), (None, 3.0, 10));
    let digest = &config.digests[0];
    assert_eq!((digest.at.to_string().as_str(), &digest.days[..]), ("08:00:00", &[Weekday::Monday][..]));
    assert_eq!(digest.timezone.iana_name(), Some("Europe/Berlin"), "the first reader's");
    assert_eq!(config.tests[0].topic, Some(TopicId::from("")));
    assert_eq!(config.web.listen, None);
    assert_eq!(config.web.public_url.as_deref(), Some("https://earmark.acme.example"));
}

#[test]
fn places_are_given_to_what_other_stages_find() {
    let config = config(MINIMAL);
    let mut problems = Problems(vec![
        Problem::new("topics[\"acme-app\"].query", "x"),
        Problem::new("channels[\"inbox\"].params.to[3].host", "x"),
        Problem::new("elsewhere", "x"),
    ]);
    config.place(&mut problems);
    let places: Vec<&str> = problems.0.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["earmark.toml:15", "earmark.toml:11", ""]);
}

#[test]
fn kinds_that_cannot_be_had_are_explained() {
    for name in ["google_plus", "Google+", "googleplus"] {
        assert!(explain_kind(name).is_some(), "{name}");
    }
    assert_eq!(explain_kind("feed"), None);
}

#[test]
fn what_is_readable_can_be_examined_beside_the_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("earmark.toml");
    fs::write(&main, minimal_with("colour = 1", "[[sources]]\nid = \"x\"\nkind = \"feed\"\n"))
        .expect("written");
    let (config, problems) = examine(&main, &env(&[]));
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert_eq!(config.expect("one unknown key spoils nothing else").sources.len(), 2);
}

/// Text pieces that mean something here, to be put where they do not belong.
const SCRAPS: &[&str] = &[
    "",
    "\"\"",
    "[]",
    "{}",
    "= ",
    "-1",
    "1e999",
    "nan",
    "99999999999999999999",
    "true",
    "2026-02-30",
    "\"me\"",
    "[[owners]]\n",
    "[owners]\n",
    "[[store]]\n",
    "[web]\n",
    "\"a[99999999999].b\" = 1\n",
    "deputy = \"cco\"\n",
    "spike = {}\n",
    "\"\u{1F4A5}\"",
    "\u{0}",
    "'''",
    "\"\"\"",
    "id = \"x\"\n",
    "absent = [{}]\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutilated_files_give_problems_and_never_a_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, prop::sample::select(SCRAPS)), 1..6),
    ) {
        let mut text: Vec<char> = SAMPLE.chars().collect();
        for (at, length, scrap) in cuts {
            let at = at.index(text.len());
            let until = (at + length).min(text.len());
            text.splice(at..until, scrap.chars());
        }
        let text: String = text.into_iter().collect();
        check_outcome(read(&text))?;
    }

    #[test]
    fn any_value_under_any_key_gives_problems_and_never_a_panic(
        key in prop::sample::select(&["owners", "topics", "web.listen", "email", "policies", "triggers.spike", "store.path",
            "sources", "tests", "digests", "sentiment.floor", "champion", "'a[99999999999]'", "x"][..]),
        value in prop::sample::select(SCRAPS),
    ) {
        check_outcome(read(&format!("{key} = {value}\n{MINIMAL}")))?;
    }
}

/// In order, or at fault with a sentence for each fault.
fn check_outcome(outcome: Result<Loaded, Problems>) -> Result<(), TestCaseError> {
    match outcome {
        Ok(loaded) => prop_assert!(!loaded.warnings.has_faults()),
        Err(problems) => {
            prop_assert!(problems.has_faults());
            for problem in &problems.0 {
                prop_assert!(!problem.key.is_empty() && !problem.what.is_empty(), "{problem:?}");
            }
        }
    }
    Ok(())
}
