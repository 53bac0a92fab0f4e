//! `earmark sources`: what a saved answer holds, what each kind's place allows, what a configured source would
//! take in. The first two need neither configuration nor daemon.

use std::io::Read as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Common, door, output, place};
use crate::app::trials::{self, Looked};
use crate::domain::post::Post;
use crate::source::json::preset::PRESETS;
use crate::source::params::choice;
use crate::source::{self, Answer, Nothing, Parsed, Settings, terms};

/// Says what sources see, what their places allow, and what a saved answer holds
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark sources terms                                 what each kind may, sees and costs
  earmark sources preset zendesk                        a ready-made description of the kind json
  earmark sources parse feed saved.xml                  the posts of a saved answer
  earmark sources test forum                            what a configured source would take in")]
pub struct SourcesArgs {
    #[command(subcommand)]
    what: What,
}

/// Each speaks for itself where it is defined.
#[derive(Debug, Subcommand)]
enum What {
    Parse(ParseArgs),
    Preset(PresetArgs),
    Terms(TermsArgs),
    Test(TestArgs),
}

/// Prints the posts of a saved answer, an object a line
#[derive(Debug, Args)]
#[command(
    after_help = "What could not become a post is printed as {\"rejected\":REASON,\"at\":POINTER}. An answer without
posts says why in the same form: error_answer, no_posts_inside, foreign_interface or broken.
Needs neither a configuration nor the daemon.

Examples:
  earmark sources parse feed saved.xml --url https://acme.example/feed
  earmark sources parse hacker_news item.json
  curl -s https://hacker-news.firebaseio.com/v0/item/1.json | earmark sources parse hacker_news -"
)]
struct ParseArgs {
    /// Whose answer it is: a kind of source
    #[arg(value_parser = kind_of)]
    kind: String,
    /// The body as the site sent it; - reads standard input
    file: PathBuf,
    /// Where it came from: relative links are read against it
    #[arg(long)]
    url: Option<String>,
    /// The status code it came with
    #[arg(long, default_value_t = 200, value_name = "CODE")]
    status: u16,
    /// A header it came with; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header_of)]
    headers: Vec<(String, String)>,
}

/// Prints a ready-made description of the kind json, or lists them
#[derive(Debug, Args)]
#[command(
    after_help = "What [asks] names is written beside the preset; every key of [params] may be written beside it too and
stands in its place. Needs neither a configuration nor the daemon.

Examples:
  earmark sources preset
  earmark sources preset zendesk"
)]
struct PresetArgs {
    /// Which; without one all are listed
    #[arg(value_parser = preset_of)]
    name: Option<String>,
}

/// Prints what each kind's place allows, for whoever has to agree to it
#[derive(Debug, Args)]
#[command(
    after_help = "Beside each limit, term and deadline stands whose word it is: the platform's, with its document, or
our habit. Needs neither a configuration nor the daemon.

Examples:
  earmark sources terms
  earmark sources terms x reddit          of these kinds only
  earmark sources terms --markdown        the table of the README
  earmark sources terms --json            an object a kind"
)]
struct TermsArgs {
    /// Kinds of sources; without any, all
    #[arg(value_parser = kind_of, value_name = "KIND")]
    kinds: Vec<String>,
    /// As a table for a page
    #[arg(long)]
    markdown: bool,
}

/// Asks a configured source once and shows what it would take in; stores nothing
#[derive(Debug, Args)]
#[command(
    after_help = "It is read from its beginning, not from where the daemon stands. A source that charges is paid
within its cap: the daemon must be stopped for that, and what the look cost is written into its store.

Examples:
  earmark sources test forum
  earmark sources test forum --json | jq .title"
)]
struct TestArgs {
    /// The source's id in the configuration
    id: String,
}

fn kind_of(name: &str) -> Result<String, String> {
    if source::kind(name).is_some() {
        return Ok(name.to_owned());
    }
    let known: Vec<&str> = source::KINDS.iter().map(|kind| kind.name).collect();
    Err(format!("no kind is named so; {}", choice(name, &known)))
}

fn preset_of(name: &str) -> Result<String, String> {
    let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("no preset is named so; {}", choice(name, &known)))
}

fn header_of(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or("write it as \"name: value\"")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

pub async fn run(common: &Common, args: &SourcesArgs) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Parse(args) => parse(args),
        What::Preset(args) => show_preset(common, args),
        What::Terms(args) => show_terms(common, args),
        What::Test(args) => test(common, args).await,
    }
}

/// A post as it is printed: the fields by which readers agree, in this order.
#[derive(Serialize)]
struct Printed<'a> {
    id: &'a str,
    version: &'a str,
    kind: &'static str,
    url: Option<&'a str>,
    author: Option<&'a str>,
    created_at: Option<Timestamp>,
    title: Option<&'a str>,
    text: &'a str,
    lang: Option<&'a str>,
    parent: Option<&'a str>,
    deleted: bool,
}

impl<'a> From<&'a Post> for Printed<'a> {
    fn from(post: &'a Post) -> Self {
        Self {
            id: &post.id,
            version: &post.version,
            kind: post.kind.as_str(),
            url: post.url.as_deref(),
            author: post.author.as_deref(),
            created_at: post.created_at,
            title: post.title.as_deref(),
            text: &post.text,
            lang: post.lang.as_deref(),
            parent: post.parent.as_deref(),
            deleted: post.deleted,
        }
    }
}

/// What is printed in place of a post, in this order.
#[derive(Serialize)]
struct Rejected<'a> {
    rejected: &'a str,
    at: &'a str,
}

fn parse(args: &ParseArgs) -> anyhow::Result<ExitCode> {
    let body = read(&args.file).with_context(|| format!("{} cannot be read", args.file.display()))?;
    let parse = source::kind(&args.kind).and_then(|kind| kind.parse);
    let parse =
        parse.with_context(|| format!("the kind {} has no answers that could be saved", args.kind))?;
    let settings = Settings { id: "saved".into(), params: Value::Null };
    // A file's name tells its form where nobody says where it came from.
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let url = args.url.as_deref().or(name.as_deref());
    let answer = Answer { url, status: args.status, headers: &args.headers, body: &body };
    // The answer is anybody's; whatever it does to a reader, whoever asked hears of it in the same form.
    let parsed = std::panic::catch_unwind(AssertUnwindSafe(|| parse(&answer, &settings)))
        .unwrap_or_else(|_| Parsed::from(Nothing::Broken))
        .settled();
    for post in &parsed.posts {
        output::json(&Printed::from(post))?;
    }
    for reject in &parsed.rejects {
        output::json(&Rejected { rejected: reject.reason.as_str(), at: &reject.at })?;
    }
    if let Some(nothing) = parsed.nothing {
        output::json(&Rejected { rejected: nothing.as_str(), at: "" })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    Ok(body)
}

fn show_preset(common: &Common, args: &PresetArgs) -> anyhow::Result<ExitCode> {
    for preset in PRESETS.iter().filter(|preset| args.name.as_deref().is_none_or(|name| preset.name == name))
    {
        if common.json {
            let (name, about, document) = (preset.name, &preset.about, &preset.document);
            output::json(
                &json!({ "preset": name, "about": about, "document": document, "text": preset.text }),
            )?;
        } else if args.name.is_some() {
            output::line(preset.text.trim_end());
        } else {
            output::line(&format!("{:<18}  {}  {}", preset.name, preset.about, preset.document));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_terms(common: &Common, args: &TermsArgs) -> anyhow::Result<ExitCode> {
    let is_wanted = |name: &str| args.kinds.is_empty() || args.kinds.iter().any(|kind| kind == name);
    let chosen = || {
        let all = source::KINDS.iter().zip(terms::rows());
        all.filter(|(kind, _)| is_wanted(kind.name))
    };
    if args.markdown {
        output::line(&terms::markdown(is_wanted));
    } else if common.json {
        for (kind, row) in chosen() {
            let mut object: serde_json::Map<String, Value> = terms::HEADS
                .iter()
                .map(|head| head.replace(' ', "_"))
                .zip(row.into_iter().map(Value::from))
                .collect();
            object.insert("document".into(), kind.terms.document.into());
            output::json(&object)?;
        }
    } else {
        // A dozen columns fit no terminal: a block a kind.
        for (kind, row) in chosen() {
            output::line(&format!("{}  {}", output::colour(kind.name, "1"), kind.about));
            for (head, cell) in terms::HEADS.iter().zip(&row).skip(1) {
                // What says of nothing whose it is says nothing.
                if !(head.starts_with("whose") && cell == "–") {
                    output::line(&format!("  {head:<15}  {cell}"));
                }
            }
            if !kind.terms.document.is_empty() {
                output::line(&format!("  {:<15}  {}", "see", kind.terms.document));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Most characters of a post's words that are shown.
const SHOWN: usize = 200;

async fn test(common: &Common, args: &TestArgs) -> anyhow::Result<ExitCode> {
    let config = place::config(common)?;
    let charges = trials::charges(&config, &args.id);
    if charges {
        door::no_daemon(common, &config).await.with_context(|| {
            format!(
                "{} charges for every look, and what it may cost is counted where the daemon counts it",
                args.id
            )
        })?;
    }
    let batch = match trials::look(&config, &args.id).await? {
        Looked::Waits => {
            output::note(&format!("{} is not asked: it waits for its sender", args.id));
            return Ok(ExitCode::SUCCESS);
        }
        Looked::Gave(batch) => batch,
    };
    for (post, topics) in &batch.posts {
        if common.json {
            let mut printed = serde_json::to_value(Printed::from(post))?;
            printed["topics"] = topics.iter().map(|topic| topic.as_str()).collect();
            output::json(&printed)?;
            continue;
        }
        let at = post.created_at.map_or_else(|| "no date".into(), output::when);
        let author = output::safe(post.author.as_deref().unwrap_or("nobody"), 40);
        let words = if post.deleted { "(deleted)".into() } else { output::safe(&post.full_text(), SHOWN) };
        let topics: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
        let taken = if topics.is_empty() { "–".into() } else { topics.join(", ") };
        output::line(&format!("{at}  {author}  [{taken}]  {words}"));
    }
    for reject in &batch.rejects {
        if common.json {
            output::json(&Rejected { rejected: reject.reason.as_str(), at: &reject.at })?;
        } else {
            output::note(&format!(
                "{} {}: {}",
                reject.reason.as_str(),
                reject.at,
                output::safe(&reject.why, SHOWN)
            ));
        }
    }
    let taken = batch.posts.iter().filter(|(_, topics)| !topics.is_empty()).count();
    let kept = if charges { "nothing was stored but what it cost" } else { "nothing was stored" };
    let then = if batch.more { ", and there is more" } else { "" };
    output::note(&format!(
        "{}: {}, {taken} of them on a topic, {} rejected{then}; {kept}",
        args.id,
        output::count(batch.posts.len() as u64, "post"),
        batch.rejects.len()
    ));
    if let Some(remark) = &batch.remark {
        output::note(&format!("{}: {remark}", args.id));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_are_copied() {
        assert_eq!(
            header_of("Link: <https://acme.example/>; rel=x"),
            Ok(("link".into(), "<https://acme.example/>; rel=x".into()))
        );
        assert!(header_of("no colon").is_err());
    }
}
