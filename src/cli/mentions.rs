//! `earmark mentions`: list, filter, follow, export, draw a sample; correct.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::correct::{self, CorrectArgs, yes_or_no};
use super::door::{Door, Needs};
use super::{Common, output};
use crate::api::list::{Listing, MentionView};
use crate::domain::duration;
use crate::domain::id::{EscalationId, MentionId};
use crate::domain::sentiment::{Doubt, Polarity};
use crate::domain::words;

/// Lists, filters, follows, exports and corrects mentions
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "The newest come first, except while following. A * behind a polarity: a person said so, not
the model. What a person says counts in --polarity and in all figures; exports show both.

Examples:
  earmark mentions --topic acme-app --since 24h
  earmark mentions --polarity unsure               what a person should look at
  earmark mentions --follow                        as they come
  earmark mentions --since 30d --format csv > mentions.csv
  earmark mentions --sample 50 --ids               fifty drawn at random, to judge each of them
  earmark mentions correct ID --as-polarity negative"
)]
pub struct MentionsArgs {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Says what the model should have said, or that it is right
    #[command(
        after_help = "The champion may, whoever answers for the mention, the topic's owner, and their deputies.
Figures count what a person says; no trigger is asked again, and the model's verdict stays
beside it. Correcting again replaces what was said; the audit keeps both.

`earmark eval` measures the model on corrections. People correct what is wrong, so that sample
makes the model look worse than it is: to measure honestly, draw some mentions at random
(`earmark mentions --sample 50 --ids`) and judge every one of them, with --confirm where the
model is right.

Examples:
  earmark mentions correct ID --as-polarity negative --note \"sarcasm\"
  earmark mentions correct ID --confirm --needs-answer yes
  earmark mentions correct ID --undo
  earmark mentions correct ID --confirm --as care    as root: say for whom"
    )]
    Correct(CorrectArgs),
}

#[derive(Debug, Args)]
struct List {
    /// Of this topic
    #[arg(long, value_name = "ID")]
    topic: Option<String>,
    /// From this source
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Leaning this way
    #[arg(long, value_name = "POLARITY", value_parser = PossibleValuesParser::new(Polarity::ALL.map(Polarity::as_str)))]
    polarity: Option<String>,
    /// Routed to this owner
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// Unsure for this reason
    #[arg(long, value_name = "REASON", value_parser = PossibleValuesParser::new(Doubt::ALL.map(Doubt::as_str)))]
    doubt: Option<String>,
    /// Only those that ask for an answer, as the model says
    #[arg(long)]
    needs_answer: bool,
    /// Belonging to this escalation
    #[arg(long, value_name = "ID")]
    escalation: Option<EscalationId>,
    /// Judged by a person: yes or no
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    corrected: Option<bool>,
    /// Recorded since: a time (RFC 3339) or a length (24h, 7d)
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    since: Option<Timestamp>,
    /// Recorded before: a time or a length
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    until: Option<Timestamp>,
    /// At most this many [default: 50 as a table, else all]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Draw this many at random, of those with a text that nobody judged yet
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["limit", "follow", "corrected"])]
    sample: Option<usize>,
    /// Show what comes from now on, until Ctrl-C
    #[arg(long, conflicts_with_all = ["since", "until", "limit"])]
    follow: bool,
    /// Show ids in the table
    #[arg(long)]
    ids: bool,
    /// How to print: table, jsonl, or csv (for spreadsheets; no cell is a formula)
    #[arg(long, value_enum, default_value_t = Format::Table, hide_possible_values = true)]
    format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// A JSON object a line.
    Jsonl,
    /// For spreadsheets; no cell is a formula.
    Csv,
}

/// A time, or so long ago.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let length = duration::parse(text)
        .map_err(|_| format!("\"{text}\" is neither a time (2026-11-21T08:00:00Z) nor a length (24h, 7d)"))?;
    Timestamp::now().checked_sub(length).map_err(|error| error.to_string())
}

/// Rows asked for at once while following.
const PAGE: usize = 500;
/// How often is asked again.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How far back is asked each time. A mention bears the time at which its batch was taken up, and
/// appears when the batch is recorded: two sources can be recorded in the other order.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(2);

pub async fn run(common: &Common, args: &MentionsArgs) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    if let Some(Act::Correct(correction)) = &args.act {
        correct::run(&door, common, correction).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let args = &args.list;
    let format = if common.json { Format::Jsonl } else { args.format };
    let most = args.limit.unwrap_or(if format == Format::Table { 50 } else { usize::MAX });
    let mut writer = Writer::new(format, args.ids);
    let query = narrowed(args);
    if args.follow {
        return follow(&door, query, &mut writer).await;
    }
    match args.sample {
        Some(size) => {
            for view in sample(&door, query, size).await? {
                writer.write(&view)?;
            }
        }
        None => door.pages("/mentions", &query, most, |view| writer.write(&view)).await?,
    }
    writer.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Each with the same chance, whatever its place (reservoir sampling), newest first.
async fn sample(
    door: &Door,
    mut query: Vec<(&'static str, String)>,
    size: usize,
) -> anyhow::Result<Vec<MentionView>> {
    query.push(("corrected", "false".to_owned()));
    let mut drawn: Vec<MentionView> = Vec::new();
    let mut seen = 0;
    let draw = |view: MentionView| {
        if view.mention.erased_at.is_none() {
            seen += 1;
            if drawn.len() < size {
                drawn.push(view);
            } else if let Some(place) = drawn.get_mut(rand::random_range(0..seen)) {
                *place = view;
            }
        }
        Ok(())
    };
    door.pages("/mentions", &query, usize::MAX, draw).await?;
    drawn.sort_by_key(|view| std::cmp::Reverse((view.mention.recorded_at, view.mention.id())));
    Ok(drawn)
}

/// What comes, oldest first, asked for again and again: the store is the queue.
async fn follow(
    door: &Door,
    mut query: Vec<(&'static str, String)>,
    writer: &mut Writer,
) -> anyhow::Result<ExitCode> {
    if !door.is_daemon() {
        anyhow::bail!("no daemon runs, so nothing will come; start it with `earmark run`");
    }
    query.extend([("oldest_first", "true".to_owned()), ("limit", PAGE.to_string())]);
    let mut shown: BTreeSet<(Timestamp, MentionId)> = BTreeSet::new();
    let mut newest = Timestamp::now();
    let began = newest;
    let mut after: Option<String> = None;
    loop {
        let from = began.max(newest - LOOK_BACK);
        let mut page = query.clone();
        page.push(("from", from.to_string()));
        page.extend(after.iter().map(|after| ("after", after.clone())));
        let Listing { rows, next }: Listing<MentionView> = door.get("/mentions", &page).await?;
        for view in &rows {
            let at = view.mention.recorded_at;
            if shown.insert((at, view.mention.id())) {
                writer.write(view)?;
            }
        }
        writer.flush()?;
        after = next;
        if after.is_none() {
            // Only now: the pages of one question keep its `from`.
            newest = shown.last().map_or(newest, |(at, _)| newest.max(*at));
            shown.retain(|(at, _)| *at >= newest - LOOK_BACK);
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
        }
    }
}

fn narrowed(args: &List) -> Vec<(&'static str, String)> {
    let parts = [
        ("topic", args.topic.clone()),
        ("source", args.source.clone()),
        ("polarity", args.polarity.clone()),
        ("owner", args.owner.clone()),
        ("doubt", args.doubt.clone()),
        ("needs_answer", args.needs_answer.then(|| "true".to_owned())),
        ("escalation", args.escalation.map(|id| id.to_string())),
        ("corrected", args.corrected.map(|corrected| corrected.to_string())),
        ("from", args.since.map(|at| at.to_string())),
        ("until", args.until.map(|at| at.to_string())),
    ];
    parts.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect()
}

struct Writer {
    format: Format,
    csv: Option<csv::Writer<Vec<u8>>>,
    ids: bool,
}

const COLUMNS: [&str; 25] = [
    "id",
    "recorded_at",
    "topic",
    "owner",
    "accountable",
    "polarity",
    "score",
    "confidence",
    "doubt",
    "lang",
    "needs_answer",
    "model",
    "source",
    "site",
    "author",
    "created_at",
    "url",
    "title",
    "text",
    "escalation",
    "corrected_polarity",
    "corrected_needs_answer",
    "corrected_by",
    "corrected_at",
    "correction_note",
];

impl Writer {
    fn new(format: Format, ids: bool) -> Self {
        let csv = (format == Format::Csv).then(|| {
            let mut csv = csv::Writer::from_writer(Vec::new());
            // Writing to memory cannot fail.
            let _ = csv.write_record(COLUMNS);
            csv
        });
        Self { format, csv, ids }
    }

    fn write(&mut self, view: &MentionView) -> anyhow::Result<()> {
        let mention = &view.mention;
        match self.format {
            Format::Jsonl => output::json(view)?,
            Format::Table => {
                let verdict = mention.sentiment();
                let text = if mention.erased_at.is_some() {
                    format!("(erased: {})", words::erased(mention.erased_for))
                } else {
                    output::safe(&mention.post().full_text(), 90)
                };
                let remarks = words::remarks(mention.doubted(), mention.wants_answer(), verdict).join("; ");
                let remarks = if remarks.is_empty() { remarks } else { format!("  [{remarks}]") };
                let id = if self.ids { format!("{}  ", mention.id()) } else { String::new() };
                let mark = if mention.correction.is_some() { "*" } else { "" };
                output::line(&format!(
                    "{id}{}  {:<9} {:+.2}  {:<14} {:<10} {text}{remarks}",
                    output::when(mention.recorded_at),
                    format!("{}{mark}", mention.polarity().as_str()),
                    verdict.score,
                    mention.topic(),
                    view.accountable,
                ));
            }
            Format::Csv => {
                if let Some(csv) = &mut self.csv {
                    csv.write_record(cells(view).iter().map(|cell| output::cell(cell)))?;
                }
            }
        }
        Ok(())
    }

    /// Prints what was gathered: rows of a table of values go out page by page, not cell by cell.
    fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(csv) = self.csv.take() {
            let bytes = csv.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
            let text = String::from_utf8_lossy(&bytes);
            if !text.is_empty() {
                output::line(text.trim_end_matches('\n'));
            }
            self.csv = Some(csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new()));
        }
        Ok(())
    }
}

fn cells(view: &MentionView) -> [String; 25] {
    let (mention, post) = (&view.mention, view.mention.post());
    let verdict = mention.sentiment();
    let said = mention.correction.as_ref();
    let answer = said.and_then(|said| said.needs_answer).map(|yes| if yes { "yes" } else { "no" });
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        mention.id().to_string(),
        mention.recorded_at.to_string(),
        mention.topic().to_string(),
        mention.owner.to_string(),
        view.accountable.to_string(),
        verdict.polarity.as_str().into(),
        format!("{:.3}", verdict.score),
        format!("{:.3}", verdict.confidence),
        verdict.doubt.map(|doubt| doubt.as_str().into()).unwrap_or_default(),
        or_empty(&verdict.lang),
        verdict.wants_answer().map(|yes| yes.to_string()).unwrap_or_default(),
        format!("{} {}", verdict.model.name, verdict.model.version),
        post.source.to_string(),
        post.site.clone(),
        or_empty(&post.author),
        post.created_at.map(|at| at.to_string()).unwrap_or_default(),
        or_empty(&post.url),
        or_empty(&post.title),
        post.text.clone(),
        mention.finding.escalation().map(|id| id.to_string()).unwrap_or_default(),
        said.map(|said| said.polarity.as_str().into()).unwrap_or_default(),
        answer.unwrap_or_default().into(),
        said.map(|said| said.by.to_string()).unwrap_or_default(),
        said.map(|said| said.at.to_string()).unwrap_or_default(),
        said.and_then(|said| said.note.clone()).unwrap_or_default(),
    ]
}
