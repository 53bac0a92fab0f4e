//! `earmark forget`: takes words out for good, and keeps them out.

use std::process::ExitCode;

use clap::{ArgGroup, Args};

use super::door::{Door, Needs};
use super::{Common, output};
use crate::api::forget::{ForgetAsk, Forgotten};
use crate::domain::id::MentionId;

/// Forgets what an author wrote, what stands at an address, or one mention
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("whose").required(true).args(["author", "url", "id"]),
    after_help = "Text, title, author, links and notes go for good, and what comes again under the same name or
address is not taken in. Who answered, when, and with what outcome stays. For the champion or the
operator. Names are compared whatever their capitals.

Examples:
  earmark forget --author ann --dry-run          what would go
  earmark forget --author ann --site bsky.app
  earmark forget --url https://forum.example/t/1
  earmark forget --id ID"
)]
pub struct ForgetArgs {
    /// All that this author wrote: name or handle
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only at this site, as `earmark mentions --json` names it
    #[arg(long, value_name = "HOST", requires = "author")]
    site: Option<String>,
    /// What stands at this address
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The post of this mention; `earmark mentions --ids` shows ids
    #[arg(long, value_name = "MENTION")]
    id: Option<MentionId>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(common: &Common, args: &ForgetArgs) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    let ask = ForgetAsk {
        author: args.author.clone(),
        site: args.site.clone(),
        url: args.url.clone(),
        id: args.id,
        dry_run: args.dry_run,
    };
    let done: Forgotten = door.post("/forget", &[], &ask).await?;
    if common.json {
        output::json(&done)?;
    } else {
        show(&done);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(done: &Forgotten) {
    let would = if done.dry_run { "would be " } else { "" };
    output::line(&format!("{} {would}forgotten.", output::count(done.mentions, "mention")));
    if done.inbox > 0 {
        output::line(&format!("{} not yet taken in {would}forgotten.", output::count(done.inbox, "post")));
    }
    if done.queued > 0 {
        output::line(&format!(
            "{} still to be sent will quote nothing of it.",
            output::count(done.queued, "message")
        ));
    }
    if done.kept_out {
        output::line("What comes again under this name or address is not taken in.");
    }
    output::line("Out of reach:");
    for sentence in &done.out_of_reach {
        output::line(&format!("  {sentence}"));
    }
}
