//! Routes and triggers on scored mentions, and what is said of a configuration's rules.

use earmark::domain::escalation::Severity;
use earmark::domain::event::Actor;
use earmark::domain::id::{MentionId, OwnerId};
use earmark::domain::mention::{Mention, RecordedMention, ScoredMention};
use earmark::domain::notification::HoldReason;
use earmark::domain::post::Post;
use earmark::domain::sentiment::{Counts, Doubt, Model, NeedsAnswer, Polarity, Probabilities, Sentiment};
use earmark::domain::trigger::{GroupBy, Route, Spike, TriggerOn, TriggerRule};
use earmark::escalation::{Facts, Fired, Rules, accountable, resolve};
use earmark::store::Tally;

use super::*;

fn scored(author: Option<&str>, negative: f32) -> ScoredMention {
    let post = Post {
        source: "hn".into(),
        site: "news.example".into(),
        id: "1".into(),
        version: "1".into(),
        aliases: Vec::new(),
        kind: Default::default(),
        url: None,
        author: author.map(Into::into),
        created_at: None,
        title: None,
        text: "the app crashed".into(),
        lang: Some("de".into()),
        parent: None,
        reach: None,
        deleted: false,
    };
    let probabilities = Probabilities { negative, neutral: 1.0 - negative, positive: 0.0 };
    let model = Model { name: "made".into(), version: "1".into() };
    let mention = Mention { id: MentionId::new(noon()), post, topic: "app".into(), spans: Vec::new() };
    ScoredMention { mention, sentiment: Sentiment::judge(probabilities, 0.55, model) }
}

fn route(when: &str, owner: &str) -> Route {
    Route { when: when.into(), owner: owner.into() }
}

fn rule(id: &str, when: &str, severity: Severity) -> TriggerRule {
    let on = TriggerOn::When(when.into());
    TriggerRule { id: id.into(), on, severity, group_by: vec![GroupBy::Topic], group_for: mins(60) }
}

fn fire(rules: &Rules, m: &ScoredMention, tallies: &[Tally]) -> Fired {
    let owner = OwnerId::from("care");
    let needs_answer = m.sentiment.wants_answer();
    rules.fire(m, &Facts { owner: &owner, source_kind: "hacker_news", needs_answer, tallies, now: noon() })
}

#[test]
fn the_first_route_that_holds_wins_then_the_topic_then_the_champion() {
    let desk = desk();
    let mut topic = desk.topics[&"app".into()].clone();
    let routed = |routes: &[Route], topic: &Topic| {
        let rules = Rules::compile(&[], routes).expect("in order");
        let routed = rules.route(&scored(None, 0.9), "hacker_news", topic, &desk.roster);
        (routed.owner.to_string(), routed.by)
    };
    let routes = [
        route("post.lang == \"fr\"", "ann"),
        route("post.lang == \"de\"", "cco"),
        route("topic == \"app\"", "ann"),
    ];
    assert_eq!(routed(&routes, &topic), ("cco".into(), "route 2: post.lang == \"de\"".into()));
    assert_eq!(routed(&routes[..1], &topic), ("care".into(), "owner of topic app".into()));
    assert_eq!(routed(&[route("post.source_kind == \"hacker_news\"", "gone")], &topic).0, "cco");
    topic.owner = Some("gone".into());
    assert_eq!(routed(&[], &topic), ("cco".into(), "champion".into()));
}

#[test]
fn the_most_severe_trigger_wins_and_of_equals_the_first() {
    let negative = "sentiment.score <= -0.6";
    let rules = Rules::compile(
        &[
            rule("low", negative, Severity::Low),
            rule("first", negative, Severity::High),
            rule("second", negative, Severity::High),
            rule("other", "sentiment.score > 0", Severity::Urgent),
        ],
        &[],
    )
    .expect("in order");
    let firing = fire(&rules, &scored(None, 0.9), &[]).fired.expect("fires");
    assert_eq!((firing.trigger.as_str(), firing.severity), ("first", Severity::High));
    assert_eq!(firing.why, "negative, score -0.90 (90 % sure); rule first");
    assert_eq!(fire(&rules, &scored(None, 0.1), &[]).fired, None);
}

#[test]
fn the_model_that_cannot_tell_says_so() {
    let rules =
        Rules::compile(&[rule("cannot-tell", "sentiment.polarity == \"unsure\"", Severity::Low)], &[]);
    let firing = fire(&rules.expect("in order"), &scored(None, 0.5), &[]).fired.expect("fires");
    assert_eq!(firing.why, "the model cannot tell (50 % sure at best, leaning negative); rule cannot-tell");
}

#[test]
fn what_asks_for_an_answer_fires_and_no_opinion_is_no_yes() {
    let when = "needs_answer == true && sentiment.polarity != \"positive\"";
    let rules = Rules::compile(&[rule("wants-answer", when, Severity::Low)], &[]).expect("in order");
    let mut mention = scored(None, 0.1);
    let fired = fire(&rules, &mention, &[]);
    assert!(fired.fired.is_none() && fired.faults.is_empty(), "a model without an opinion fails no rule");
    for (probability, yes) in [(0.9, true), (0.1, false)] {
        mention.sentiment.needs_answer = Some(NeedsAnswer { probability, yes, kind: None });
        let firing = fire(&rules, &mention, &[]).fired;
        let why = firing.map(|firing| firing.why);
        let expected = "neutral, score -0.10 (90 % sure), asks for an answer; rule wants-answer";
        assert_eq!(why.as_deref(), yes.then_some(expected));
    }
}

#[test]
fn a_language_that_the_model_does_not_read_is_the_reason() {
    let rules =
        Rules::compile(&[rule("cannot-tell", "sentiment.polarity == \"unsure\"", Severity::Low)], &[]);
    let mut mention = scored(None, 0.5);
    mention.sentiment = Sentiment::unsure(Doubt::Language, mention.sentiment.model);
    mention.sentiment.lang = Some("de".into());
    let firing = fire(&rules.expect("in order"), &mention, &[]).fired.expect("fires");
    assert_eq!(firing.why, "it is in German, which the model does not read; rule cannot-tell");
}

#[test]
fn a_spike_counts_only_what_it_is_of() {
    let spike = Spike {
        of: Some(Polarity::Negative),
        window: mins(60),
        baseline: mins(600),
        factor: 3.0,
        at_least: 3,
    };
    let mut storm = rule("storm", "true", Severity::Urgent);
    storm.on = TriggerOn::Spike(spike);
    let rules = Rules::compile(&[storm], &[]).expect("in order");
    assert_eq!(rules.longest_baseline(), Some(mins(660)));
    let tallies = [Tally { from: noon(), counts: Counts { negative: 3, ..Counts::default() } }];
    assert!(fire(&rules, &scored(None, 0.9), &tallies).fired.is_some());
    assert!(fire(&rules, &scored(None, 0.1), &tallies).fired.is_none(), "a neutral one is not the storm");
    assert!(fire(&rules, &scored(None, 0.9), &[]).fired.is_none());
}

#[test]
fn a_group_is_what_its_mentions_share_and_names_no_author() {
    let mut by_author = rule("angry", "true", Severity::High);
    by_author.group_by = vec![GroupBy::Author];
    let rules = Rules::compile(&[by_author], &[]).expect("in order");
    let group = |author| fire(&rules, &scored(author, 0.9), &[]).fired.expect("fires").group;
    assert_eq!(group(Some("zelda")), group(Some("zelda")));
    assert_ne!(group(Some("zelda")), group(Some("link")));
    assert!(!group(Some("zelda")).0.contains("zelda"));
}

#[test]
fn triggers_that_group_by_the_same_meet_in_one_matter() {
    let rules = [
        rule("cannot-tell", "sentiment.polarity == \"unsure\"", Severity::Low),
        rule("angry", "sentiment.polarity == \"negative\"", Severity::High),
    ];
    let rules = Rules::compile(&rules, &[]).expect("in order");
    let fired = |negative| fire(&rules, &scored(Some("zelda"), negative), &[]).fired.expect("fires");
    let (low, high) = (fired(0.5), fired(0.9));
    assert_eq!((low.trigger.as_str(), high.trigger.as_str()), ("cannot-tell", "angry"));
    assert_eq!(low.group, high.group);
}

#[test]
fn all_faults_of_all_rules_come_in_one_list() {
    let problems = Rules::compile(
        &[rule("a", "sentiment.scor < 0", Severity::Low), rule("b", "post.reach > 5", Severity::Low)],
        &[route("true", "care"), route("post.lang == \"de\"", "ann"), route("topic ==", "ann")],
    )
    .expect_err("four faults");
    let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        vec![
            "routes[1].when",
            "routes[2].when",
            "routes[2].when",
            "triggers[\"a\"].when",
            "triggers[\"b\"].when"
        ]
    );
    assert!(problems.0[0].what.contains("never reached: routes[0]"));
    let same =
        Rules::check(&[], &[route("post.lang == \"de\"", "care"), route("post.lang  ==  \"de\"", "ann")]);
    assert!(same.has_faults());
    let never = Rules::check(&[rule("a", "sentiment.score < -2.0", Severity::Low)], &[]);
    assert!(!never.has_faults() && !never.is_empty(), "a warning");
}

#[test]
fn a_mention_is_answered_for_by_its_open_matter_else_its_owner_else_the_champion() {
    let desk = desk();
    let mut mention = RecordedMention {
        scored: scored(None, 0.9),
        recorded_at: noon(),
        updated_at: noon(),
        revision: 1,
        owner: "care".into(),
        routed_by: String::new(),
        finding: Finding::Held(HoldReason::NoTrigger),
        correction: None,
        erased_at: None,
        erased_for: None,
    };
    assert_eq!(accountable(&desk.roster, &mention, None).as_str(), "care");
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, Severity::High, noon());
    ledger.run(&desk, id, noon() + mins(30));
    assert_eq!(accountable(&desk.roster, &mention, Some(ledger.one(id))).as_str(), "ann");
    let by = Actor::Owner("ann".into());
    ledger.apply(resolve(&desk, &[], ledger.one(id), &by, noon() + mins(31)).expect("done"));
    assert_eq!(accountable(&desk.roster, &mention, Some(ledger.one(id))).as_str(), "care");
    mention.owner = "gone".into();
    assert_eq!(accountable(&desk.roster, &mention, None).as_str(), "cco");
}
