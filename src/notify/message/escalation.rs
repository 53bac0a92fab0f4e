//! The message about an escalation.

use super::{View, page, payload, words};
use crate::domain::duration;
use crate::domain::escalation::State;
use crate::domain::mention::RecordedMention;
use crate::domain::notification::Reason;
use crate::domain::sentiment::Polarity;
use crate::notify::Message;

/// Characters of a post that are quoted; the rest is behind its link.
const QUOTED: usize = 480;
/// A phone shows about this much.
const SUBJECT: usize = 69;
const WIDTH: usize = 76;

/// A mention as it is shown.
pub(super) struct Shown {
    pub title: Option<String>,
    pub quote: Option<String>,
    pub byline: String,
    pub url: Option<String>,
    pub judgement: String,
}

/// The message.
pub fn escalation(view: &View) -> Message {
    let subject = subject(view);
    let said = Said::of(view);
    Message {
        key: view.key.clone(),
        subject: if view.opens_thread { subject } else { format!("Re: {subject}") },
        text: text(view, &said),
        html: page::escalation(view, &said),
        json: payload::escalation(view, &said),
        thread: Some(view.escalation.id.to_string()),
        opens_thread: view.opens_thread,
        urgent: view.urgent,
        at: view.decided_at,
    }
}

/// The sentences, in the order in which they are read.
pub(super) struct Said {
    /// What this message is: a line, seen in a list of mails behind the subject.
    pub lead: String,
    /// Newest first.
    pub mentions: Vec<Shown>,
    /// `and 9 more`.
    pub more: Option<String>,
    /// Why it came to this reader.
    pub why: Vec<String>,
    /// What happens if nobody does anything.
    pub next: Option<String>,
}

impl Said {
    fn of(view: &View) -> Self {
        let shown = view.newest.len() as u64;
        let more = view.escalation.mentions.saturating_sub(shown);
        Self {
            lead: lead(view),
            mentions: view.newest.iter().map(|mention| show(view, mention)).collect(),
            more: (more > 0).then(|| format!("and {more} more that belong to this matter")),
            why: why(view),
            next: next(view),
        }
    }
}

/// `High: 3 very negative posts about Acme app (Hacker News)`, under 70 characters.
fn subject(view: &View) -> String {
    let mentions: Vec<&RecordedMention> = view.opened_with.iter().collect();
    let severity = words::severity(view.escalation.severity);
    let Some(first) = mentions.first() else {
        return words::one_line(&format!("{severity}: {}", view.topic), SUBJECT);
    };
    let polarity = |mention: &RecordedMention| mention.sentiment().polarity;
    let leaning = if mentions.iter().all(|mention| polarity(mention) == polarity(first)) {
        // The mildest of them, so that the subject does not exaggerate.
        let mildest =
            mentions.iter().min_by(|a, b| a.sentiment().score.abs().total_cmp(&b.sentiment().score.abs()));
        mildest.map_or("", |mention| words::leaning(mention.sentiment()))
    } else {
        ""
    };
    let count = if mentions.len() == 1 { String::new() } else { mentions.len().to_string() };
    let what = [count.as_str(), leaning, &words::count_of(&mentions)]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let site = words::site(first);
    let place = if mentions.iter().all(|mention| words::site(mention) == site) {
        format!(" ({})", words::cut(&site, 20))
    } else {
        " (several sites)".into()
    };
    let head = format!("{severity}: {what} about ");
    // The topic gives way, since a long name says nothing more at its end.
    let room = SUBJECT.saturating_sub(head.chars().count() + place.chars().count()).max(8);
    words::one_line(&format!("{head}{}{place}", words::one_line(&view.topic, room)), SUBJECT)
}

fn lead(view: &View) -> String {
    let View { topic, accountable, escalation, .. } = view;
    let zone = &view.reader.zone;
    let moment = |at| words::moment(at, zone, view.now);
    let silent = match view.silent.as_slice() {
        [] => None,
        [(name, at)] => Some(format!("{name} was told on {} and has not answered.", moment(*at))),
        many => {
            let names: Vec<String> =
                many.iter().map(|(name, at)| format!("{name} ({})", moment(*at))).collect();
            Some(format!("{} were told and have not answered.", words::list(&names)))
        }
    };
    let yours = escalation.accountable == view.reader.id;
    match view.reason {
        Reason::Accountable if yours => match silent {
            Some(silent) => format!("{silent} It is yours now."),
            None => format!("This one is yours: you answer for {topic}."),
        },
        Reason::Accountable | Reason::Informed => {
            let who = match &view.in_hand_of {
                Some(name) => format!("{name} has it in hand"),
                None => format!("{accountable} answers for it"),
            };
            format!("For your information: {who}, you need not do anything.")
        }
        Reason::Joined => match escalation.untold.max(1) {
            1 => "One more mention joined the matter that you have in hand.".into(),
            n => format!("{n} more mentions joined the matter that you have in hand."),
        },
        Reason::Worse => format!(
            "It got worse: this matter is {} now, and everybody is asked anew.{}",
            escalation.severity.as_str(),
            if yours { " You answer for it." } else { "" }
        ),
        Reason::AcknowledgementRanOut => format!(
            "You had this in hand, and your {} are over: it is open again.",
            words::length(escalation.policy.acknowledgement_lasts)
        ),
        Reason::Reassigned => "This was handed to you: you answer for it now.".into(),
        Reason::Overdue => format!(
            "Overdue: this should have been resolved within {}, and it is not.",
            words::length(escalation.policy.resolve_within)
        ),
        Reason::Expired if yours => match silent {
            Some(silent) => format!("Nobody answered. {silent} You answer for it now."),
            None => "Nobody answered, and nobody is left to be told. You answer for it now.".into(),
        },
        Reason::Expired => format!("Nobody answered. {accountable} answers for it now."),
        Reason::Digest | Reason::Notice => format!("About {topic}."),
    }
}

fn why(view: &View) -> Vec<String> {
    let escalation = &view.escalation;
    let mut why = Vec::new();
    if let Some(newest) = view.newest.first() {
        why.push(format!("Routed by: {}.", words::one_line(&newest.routed_by, 200)));
    }
    let trigger = &escalation.trigger;
    // It names its rule for where it stands alone.
    let found = escalation.why.strip_suffix(&format!("; rule {trigger}")).unwrap_or(&escalation.why);
    why.push(format!(
        "Found by the trigger {}: {}.",
        words::one_line(trigger.as_str(), 60),
        words::one_line(found, 240)
    ));
    if view.newest.iter().any(|mention| mention.sentiment().polarity == Polarity::Unsure) {
        why.push("Where the model is not sure, a person should look: that is why you see it.".into());
    }
    why.push(format!("Times are those of {}.", words::zone_name(&view.reader.zone)));
    why
}

fn next(view: &View) -> Option<String> {
    let zone = &view.reader.zone;
    if let State::Acknowledged { until, .. } = view.escalation.state {
        let who = view.in_hand_of.as_deref().unwrap_or("somebody");
        return Some(format!(
            "{who} has it in hand until {} ({}). If it is not resolved by then, it is open again.",
            words::moment(until, zone, view.now),
            words::zone_name(zone)
        ));
    }
    let next = view.next.as_ref()?;
    let what = if next.tells.is_empty() {
        "the matter counts as unanswered, and every digest says so".to_owned()
    } else if next.tells == [view.reader.name.clone()] {
        "you are told again".to_owned()
    } else {
        format!("{} will be told", words::list(&next.tells))
    };
    let left = next.at.duration_since(view.now);
    let left = if left.is_positive() { format!(", {} from now", words::length(left)) } else { String::new() };
    Some(format!(
        "If nobody acknowledges this by {} ({}){left}, {what}.",
        words::moment(next.at, zone, view.now),
        words::zone_name(zone)
    ))
}

fn show(view: &View, mention: &RecordedMention) -> Shown {
    let post = mention.post();
    let judgement = words::judgement(mention.sentiment());
    if let Some(at) = mention.erased_at {
        let at = words::moment(at, &view.reader.zone, view.now);
        return Shown {
            title: None,
            quote: None,
            byline: format!(
                "A post on {}; the text is gone: {}, {at}",
                words::site(mention),
                words::erased(mention.erased_for)
            ),
            url: None,
            judgement,
        };
    }
    let at =
        mention.scored.mention.spans.iter().find(|span| span.field == crate::domain::mention::Field::Text);
    let quote = words::around(&post.text, at.map_or(0, |span| span.start), QUOTED);
    let author = match &post.author {
        Some(author) => words::one_line(author, 60),
        None => "somebody".into(),
    };
    let when = post.created_at.unwrap_or(mention.recorded_at);
    let mut byline =
        format!("{author}, {}, {}", words::site(mention), words::moment(when, &view.reader.zone, view.now));
    if let Some(reach) = post.reach {
        byline.push_str(&format!(", reach {reach}"));
    }
    if mention.revision > 1 {
        byline.push_str(", edited since");
    }
    let some = |text: String| (!text.is_empty()).then_some(text);
    Shown {
        title: post.title.as_deref().and_then(|title| some(words::one_line(title, 160))),
        quote: some(words::tidy(&words::clean(&quote))),
        byline,
        url: post.url.as_deref().and_then(words::web_address),
        judgement,
    }
}

fn text(view: &View, said: &Said) -> String {
    let mut parts = vec![words::wrap(&said.lead, WIDTH, "")];
    for mention in &said.mentions {
        let mut lines = Vec::new();
        if let Some(title) = &mention.title {
            lines.push(words::wrap(title, WIDTH, "> "));
        }
        if let Some(quote) = &mention.quote {
            lines.push(words::wrap(quote, WIDTH, "> "));
        }
        lines.push(words::wrap(&format!("— {}", mention.byline), WIDTH, ""));
        lines.extend(mention.url.clone());
        lines.push(words::wrap(&mention.judgement, WIDTH, ""));
        parts.push(lines.join("\n"));
    }
    parts.extend(said.more.clone());
    parts.extend(said.next.as_ref().map(|next| words::wrap(next, WIDTH, "")));
    parts.push(match &view.act {
        Some(act) => format!("I have it:\n{}\n\nIt is done:\n{}", act.acknowledge, act.resolve),
        None => format!(
            "To say that you have it:\n  earmark escalations acknowledge {id}\nTo close it:\n  \
             earmark escalations resolve {id}",
            id = view.escalation.id
        ),
    });
    parts.push(said.why.iter().map(|line| words::wrap(line, WIDTH, "")).collect::<Vec<_>>().join("\n"));
    let mut foot = vec![format!("Escalation {}", view.escalation.id)];
    foot.push(format!(
        "open since {} ({})",
        words::moment(view.escalation.opened_at, &view.reader.zone, view.now),
        duration::words(view.now.duration_since(view.escalation.opened_at))
    ));
    foot.extend(view.page.clone());
    parts.push(format!("-- \n{}", foot.join("\n")));
    parts.join("\n\n") + "\n"
}
