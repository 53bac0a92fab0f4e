//! Whether all sources together can be read as often as configured: their usual demand, summed over the budgets that
//! they share. The fetcher keeps to the budgets whatever is configured; this says beforehand who would wait.
//!
//! A host's short budget that is too small makes sources late, which is a warning. One of a day is used up long before
//! the day ends, and from then on nothing is heard; one of a credential is what was agreed on with the place: to ask for
//! more than those is a fault.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize as _;
use serde_json::Value;

use crate::domain::duration;
use crate::domain::id::SourceId;
use crate::domain::problem::{Problem, Problems};
use crate::domain::secret::SecretRef;
use crate::domain::words;
use crate::source::api::Credential;
use crate::source::terms::{Budget, Over};
use crate::source::{Asks, Terms};

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
    /// What it usually asks; empty: a look as its kind's terms say.
    pub asks: Vec<Asks>,
    /// As configured.
    pub params: Value,
}

/// A source's part of a budget.
struct Part<'a> {
    source: &'a SourceId,
    /// From one of its questions to the next, and the setting that says so.
    pace: (SignedDuration, &'static str),
    /// What it asks in the budget's length.
    asks: f64,
}

/// One budget of somebody's.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Account {
    whose: String,
    budget: (u32, u32, &'static str),
    is_credential: bool,
}

/// All budgets that cannot hold what is configured.
pub fn check(demands: &[Demand]) -> Problems {
    let mut shared: BTreeMap<Account, Vec<Part<'_>>> = BTreeMap::new();
    for demand in demands {
        for budget in demand.terms.budgets {
            let Some(whose) = demand.account(budget.over) else { continue };
            let account = Account {
                whose,
                budget: (budget.requests, budget.seconds, budget.bucket),
                is_credential: budget.over == Over::Credential,
            };
            for asks in demand.asks().into_iter().filter(|asks| asks.bucket == budget.bucket && asks.cost > 0)
            {
                let looks = f64::from(budget.seconds) / asks.every.as_secs_f64().max(1.0);
                let part = Part {
                    source: &demand.source,
                    pace: (asks.every, asks.setting),
                    asks: looks * f64::from(asks.cost),
                };
                shared.entry(Account { whose: account.whose.clone(), ..account }).or_default().push(part);
            }
        }
    }
    let mut problems = Problems::new();
    for (account, mut parts) in shared {
        parts.sort_by(|a, b| b.asks.total_cmp(&a.asks));
        problems.0.extend(problem(&account, &parts));
    }
    problems
}

fn problem(account: &Account, parts: &[Part<'_>]) -> Option<Problem> {
    let (requests, seconds, bucket) = account.budget;
    let budget = Budget::new(requests, seconds, Over::Host);
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
    let whose = &account.whose;
    let of = if bucket.is_empty() { String::new() } else { format!(" ({bucket})") };
    let what = format!(
        "{who} {asks} {whose} about {sum:.0} times{of} in {length} at this pace, and {requests} are allowed"
    );
    let slower: Vec<String> = parts
        .iter()
        .map(|part| match parts.len() {
            1 => format!("{} = \"{}\"", part.pace.1, slower(part.pace.0, over)),
            _ => format!("{} = \"{}\" for {}", part.pace.1, slower(part.pace.0, over), part.source),
        })
        .collect();
    let problem = Problem::new(format!("sources[\"{}\"].params", hungriest.source), what)
        .remedy(format!("write {} or more, or ask for less", slower.join(", ")));
    Some(if seconds >= DAY || account.is_credential { problem } else { problem.warning() })
}

/// So much slower, as the configuration wants it written, in whole minutes where that is exact enough.
fn slower(interval: SignedDuration, over: f64) -> String {
    let seconds = (interval.as_secs_f64() * over).ceil();
    if seconds > 120.0 { format!("{:.0}m", (seconds / 60.0).ceil()) } else { format!("{seconds:.0}s") }
}

impl Demand {
    /// What it usually asks: as the source says, else as its kind does.
    fn asks(&self) -> Vec<Asks> {
        if !self.asks.is_empty() {
            return self.asks.clone();
        }
        let lists = self.terms.each.iter().filter_map(|key| self.params.get(key)?.as_array());
        let times = lists.map(|list| list.len().max(1)).fold(1, usize::saturating_mul);
        let cost = self.terms.asks.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX));
        vec![Asks { cost, ..Asks::new("", 1, self.interval) }]
    }

    /// In words, whose budget it is; none where this one does not count it.
    fn account(&self, over: Over) -> Option<String> {
        match (over, self.credential()) {
            (Over::Host, _) | (Over::Anonymous, None) => Some(self.host()),
            (Over::Credential, Some(pointer)) => Some(format!("{} with {pointer}", self.kind)),
            _ => None,
        }
    }

    /// Where the secret lies that signs it in, in words; the same words for the same place.
    pub(super) fn credential(&self) -> Option<String> {
        self.params.as_object().and_then(|params| params.values().find_map(pointer))
    }

    /// That secret's fingerprint where it can be read, else its place: one key may lie in two places.
    pub(super) fn fingerprint(&self) -> Option<String> {
        let value = self.params.as_object()?.values().find(|value| pointer(value).is_some())?;
        let read = SecretRef::deserialize(value).ok().and_then(|place| Credential::fetch(&place).ok());
        read.map_or_else(|| pointer(value), |secret| Some(secret.account().to_owned()))
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
        Demand { source: source.into(), kind: "acme", terms: &TERMS, interval, asks: Vec::new(), params }
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
