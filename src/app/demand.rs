//! Whether all sources together can be read as often as configured: their usual demand, summed over the budgets that
//! they share. The fetcher keeps to the budgets whatever is configured; this says beforehand who would wait.
//!
//! A short budget that is too small makes sources late, which is a warning. One of a day is used up long before the
//! day ends, and from then on nothing is heard: that is a fault.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use crate::domain::duration;
use crate::domain::id::SourceId;
use crate::domain::problem::{Problem, Problems};
use crate::domain::words;
use crate::source::Terms;
use crate::source::terms::{Budget, Over};

/// From this length on a budget that is too small is a fault.
const DAY: u32 = 86_400;

/// What one source asks.
pub struct Demand {
    /// Who.
    pub source: SourceId,
    /// Name of its kind.
    pub kind: &'static str,
    /// What its place allows.
    pub terms: &'static Terms,
    /// From one look to the next.
    pub interval: SignedDuration,
    /// As configured.
    pub params: Value,
}

/// A source's part of a budget.
struct Part<'a> {
    source: &'a SourceId,
    interval: SignedDuration,
    /// What it asks in the budget's length.
    asks: f64,
}

/// All budgets that cannot hold what is configured.
pub fn check(demands: &[Demand]) -> Problems {
    let mut shared: BTreeMap<(String, u32, u32), Vec<Part<'_>>> = BTreeMap::new();
    for demand in demands {
        for budget in demand.terms.budgets.iter().filter(|budget| budget.bucket.is_empty()) {
            let Some(account) = demand.account(budget.over) else { continue };
            let looks = f64::from(budget.seconds) / demand.interval.as_secs_f64().max(1.0);
            shared.entry((account, budget.requests, budget.seconds)).or_default().push(Part {
                source: &demand.source,
                interval: demand.interval,
                asks: looks * demand.cost(),
            });
        }
    }
    let mut problems = Problems::new();
    for ((account, requests, seconds), mut parts) in shared {
        parts.sort_by(|a, b| b.asks.total_cmp(&a.asks));
        problems.0.extend(problem(&account, &Budget::new(requests, seconds, Over::Host), &parts));
    }
    problems
}

fn problem(account: &str, budget: &Budget, parts: &[Part<'_>]) -> Option<Problem> {
    let sum: f64 = parts.iter().map(|part| part.asks).sum();
    let over = sum / f64::from(budget.requests.max(1));
    let hungriest = parts.first().filter(|_| over > 1.0)?;
    let (who, asks) = match parts {
        [one] => (format!("source {}", one.source), "asks"),
        many => {
            let names: Vec<String> = many.iter().map(|part| part.source.to_string()).collect();
            (format!("the sources {}", words::list(&names)), "ask")
        }
    };
    let length = duration::words(budget.window());
    let what = format!(
        "{who} {asks} {account} about {sum:.0} times in {length} at this pace, and {} are allowed",
        budget.requests
    );
    let slower: Vec<String> = parts
        .iter()
        .map(|part| match parts.len() {
            1 => format!("interval = \"{}\"", slower(part.interval, over)),
            _ => format!("interval = \"{}\" for {}", slower(part.interval, over), part.source),
        })
        .collect();
    let problem = Problem::new(format!("sources[\"{}\"].params", hungriest.source), what)
        .remedy(format!("write {} or more, or ask for less", slower.join(", ")));
    Some(if budget.seconds >= DAY { problem } else { problem.warning() })
}

/// So much slower, as the configuration wants it written, in whole minutes where that is exact enough.
fn slower(interval: SignedDuration, over: f64) -> String {
    let seconds = (interval.as_secs_f64() * over).ceil();
    if seconds > 120.0 { format!("{:.0}m", (seconds / 60.0).ceil()) } else { format!("{seconds:.0}s") }
}

impl Demand {
    /// What a usual look costs.
    fn cost(&self) -> f64 {
        let lists = self.terms.each.iter().filter_map(|key| self.params.get(key)?.as_array());
        #[expect(clippy::cast_precision_loss, reason = "lists in a configuration are short")]
        let times: f64 = lists.map(|list| list.len().max(1) as f64).product();
        f64::from(self.terms.asks) * times
    }

    /// In words, whose budget it is; none where this one does not count it.
    fn account(&self, over: Over) -> Option<String> {
        let credential = self.params.as_object().and_then(|params| params.values().find_map(pointer));
        match (over, credential) {
            (Over::Host, _) | (Over::Anonymous, None) => Some(self.host()),
            (Over::Credential, Some(pointer)) => Some(format!("{} with {pointer}", self.kind)),
            _ => None,
        }
    }

    /// The host that is asked; that of the kind where the settings name none.
    fn host(&self) -> String {
        let said =
            ["url", "base_url", "server", "instance"].iter().find_map(|key| self.params.get(key)?.as_str());
        let host = said.map(|said| {
            let rest = said.split_once("://").map_or(said, |(_, rest)| rest);
            rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase()
        });
        host.unwrap_or_else(|| self.kind.to_owned())
    }
}

/// Where a secret lies, in words; the same words for the same secret.
fn pointer(value: &Value) -> Option<String> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (how, place) = object.iter().next()?;
    let known = ["credential", "file", "env"].contains(&how.as_str());
    place.as_str().filter(|_| known).map(|place| format!("the {how} {place}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static TERMS: Terms = Terms {
        budgets: &[Budget::per_minute(10, Over::Host), Budget::per_day(1_000, Over::Credential)],
        asks: 2,
        each: &["apps", "countries"],
        ..Terms::OPEN
    };

    fn demand(source: &str, seconds: i64, params: Value) -> Demand {
        let interval = SignedDuration::from_secs(seconds);
        Demand { source: source.into(), kind: "acme", terms: &TERMS, interval, params }
    }

    #[test]
    fn what_fits_is_not_spoken_of() {
        let there = json!({ "base_url": "https://acme.example/" });
        let elsewhere = json!({ "base_url": "https://globex.example/" });
        let fits = [demand("a", 20, there.clone()), demand("b", 30, there), demand("c", 12, elsewhere)];
        assert!(check(&fits).is_empty(), "{}", check(&fits));
    }

    #[test]
    fn a_host_that_two_share_is_summed_and_the_remedy_holds() {
        let there = |interval| [demand("a", interval, json!({})), demand("b", interval * 2, json!({}))];
        let problems = check(&there(12));
        let said = problems.to_string();
        assert_eq!(problems.0.len(), 1, "{said}");
        assert!(!problems.has_faults(), "late is no fault: {said}");
        for part in [
            "sources a and b ask acme about 15 times in 1 min",
            "10 are allowed",
            "\"18s\" for a",
            "\"36s\" for b",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(check(&there(18)).is_empty());
    }

    #[test]
    fn a_days_quota_of_one_key_is_a_fault_and_lists_multiply() {
        let key =
            json!({ "key": { "credential": "acme" }, "apps": ["1", "2"], "countries": ["de", "us", "fr"] });
        let problems = check(&[demand("a", 3_600, key.clone())]);
        assert!(problems.is_empty(), "288 a day: {problems}");
        let problems = check(&[demand("a", 600, key.clone()), demand("b", 3_600, key)]);
        let said = problems.to_string();
        assert!(problems.has_faults(), "{said}");
        assert!(said.contains("acme with the credential acme about 2016 times in 1 d"), "{said}");
        let problems = check(&[demand("c", 900, json!({ "apps": ["1"] }))]);
        assert!(problems.is_empty(), "nobody's key is asked of nobody: {problems}");
    }
}
