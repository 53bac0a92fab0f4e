//! What all sources together may spend in a month. A cap stands beside each source that pays; those that sign in with
//! one credential are one bill, so what they may spend together is summed, and must be meant.

use std::collections::BTreeMap;

use serde_json::Value;

use super::demand::Demand;
use crate::domain::problem::{Problem, Problems};
use crate::domain::words;
use crate::source::terms::Money;

/// A source that pays.
struct Payer<'a> {
    demand: &'a Demand,
    money: Money,
    cap: f64,
    together: Option<f64>,
}

/// What each bill may come to, and those that nobody said were meant.
pub fn check(demands: &[Demand]) -> Problems {
    let mut bills: BTreeMap<(&str, Option<String>), Vec<Payer<'_>>> = BTreeMap::new();
    for demand in demands {
        let Some(money) = demand.terms.money else { continue };
        let amount = |key: &str| demand.params.get(key).and_then(dollars);
        let payer =
            Payer { demand, money, cap: amount(money.cap).unwrap_or(0.0), together: amount(money.together) };
        bills.entry((demand.kind, demand.fingerprint())).or_default().push(payer);
    }
    Problems(bills.into_iter().filter_map(|((kind, _), payers)| bill(kind, &payers)).collect())
}

fn bill(kind: &str, payers: &[Payer<'_>]) -> Option<Problem> {
    let [first, _, ..] = payers else { return None };
    let sum: f64 = payers.iter().map(|payer| payer.cap).sum();
    let names: Vec<String> = payers.iter().map(|payer| payer.demand.source.to_string()).collect();
    let names = words::list(&names);
    let credential = first.demand.credential().unwrap_or_else(|| "one credential".into());
    let said = payers.iter().map(|payer| payer.together).collect::<Option<Vec<f64>>>();
    let most = said.and_then(|said| said.into_iter().reduce(f64::min));
    let key = format!("sources[\"{}\"].params.{}", first.demand.source, first.money.together);
    let what = format!("the sources {names} pay {kind} with {credential}: together up to ${sum:.2} a month");
    let together = first.money.together;
    Some(match most {
        // A cent is lost to the way numbers are kept, never more.
        Some(most) if sum <= most + 0.005 => {
            Problem::new(key, what).remedy(format!("that is ${:.2} a year at most", sum * 12.0)).warning()
        }
        Some(most) => Problem::new(key, format!("{what}, and {together} says ${most:.2}"))
            .remedy(format!("lower their {}, or raise {together} in each", first.money.cap)),
        None => Problem::new(key, what).remedy(format!(
            "write {together} = {sum:.2} in each where that is meant, or ask for all of it in one source"
        )),
    })
}

/// An amount as it may be written.
fn dollars(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::source;

    fn payer(source: &str, token: &str, more: Value) -> Demand {
        let mut params = json!({ "token": { "credential": token }, "cap_per_month": 50 });
        params.as_object_mut().expect("a table").extend(more.as_object().expect("a table").clone());
        let kind = source::kind("x").expect("it is listed");
        let interval = SignedDuration::from_mins(15);
        Demand {
            source: source.into(),
            kind: kind.name,
            terms: kind.terms,
            interval,
            asks: Vec::new(),
            params,
        }
    }

    #[test]
    fn two_caps_on_one_bill_must_be_meant() {
        let alone = [payer("a", "one", json!({})), payer("b", "other", json!({}))];
        assert!(check(&alone).is_empty(), "two bills: {}", check(&alone));
        let both = [payer("a", "one", json!({})), payer("b", "one", json!({ "cap_per_month": "30.5" }))];
        let problems = check(&both);
        let said = problems.to_string();
        assert!(problems.has_faults(), "{said}");
        for part in
            ["sources a and b", "the credential one", "together up to $80.50 a month", "cap_together = 80.50"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        let meant = |most: f64| {
            check(&[
                payer("a", "one", json!({ "cap_together": most })),
                payer("b", "one", json!({ "cap_together": most, "cap_per_month": 30.5 })),
            ])
        };
        assert!(!meant(80.5).has_faults(), "{}", meant(80.5));
        assert!(meant(80.5).to_string().contains("$966.00 a year"), "{}", meant(80.5));
        assert!(
            meant(80.0).has_faults() && meant(80.0).to_string().contains("says $80.00"),
            "{}",
            meant(80.0)
        );
    }

    #[test]
    fn one_key_in_two_places_is_one_bill() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let token = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "hush").expect("a temp folder takes files");
            json!({ "token": { "file": path } })
        };
        let problems = check(&[payer("a", "", token("one")), payer("b", "", token("two"))]);
        assert!(problems.has_faults(), "{problems}");
    }
}
