//! Limiters by aligned windows and by the last so many seconds, replayed call by call.

use std::collections::HashMap;
use std::time::Duration;

use limiter_core::key::Global;
use limiter_core::quota::Alignment;
use limiter_core::{Algorithm, Policy, Quota, Rule};
use serde_json::Value;

use crate::cases::{Timeline, answers, id, millis, steps, times};
use crate::models::{Aligned, Exact};
use crate::venue::Venue;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Bucket,
    Window,
}

impl Kind {
    fn period_ms(self, config: &Value) -> u64 {
        match self {
            Kind::Bucket => millis(&config["bucket_ms"]),
            Kind::Window => millis(&config["window_s"]) * 1000,
        }
    }

    fn policy(self, limit: u64, period_ms: u64) -> Policy {
        let quota = Quota::new(limit, Duration::from_millis(period_ms)).unwrap();
        let rule = match self {
            Kind::Bucket => {
                let aligned = quota.with_alignment(Alignment::Epoch { offset_secs: 0 });
                Rule::new(aligned).algorithm(Algorithm::Fixed)
            }
            Kind::Window => Rule::new(quota).algorithm(Algorithm::Log),
        };
        // One name for all: what tells budgets apart is how they count.
        Policy::new("shared", [rule.key(Global).scope("shared")]).unwrap()
    }
}

struct Named {
    policy: Policy,
    limit: u64,
    period_ms: u64,
    aligned: Aligned,
    exact: Exact,
}

fn limiters(case: &Value, kind: Kind) -> HashMap<String, Named> {
    let one = |name: &str, config: &Value| {
        let (limit, period_ms) = (millis(&config["limit"]), kind.period_ms(config));
        let policy = kind.policy(limit, period_ms);
        (name.to_owned(), Named { policy, limit, period_ms, aligned: Aligned::default(), exact: Exact::default() })
    };
    match case["limiters"].as_object() {
        Some(several) => several.iter().map(|(name, config)| one(name, config)).collect(),
        None if case.get("config").is_some() => [one("", &case["config"])].into(),
        None => HashMap::new(),
    }
}

/// Plays a case to its end, and says how many steps that were.
pub(crate) async fn play(case: &Value, kind: Kind, venue: &impl Venue, time: &mut Timeline) -> usize {
    let mut named = limiters(case, kind);
    for step in steps(case) {
        let at = time.go_to(step);
        let place = format!("{} at {at}", id(case));
        match step["op"].as_str().unwrap() {
            "acquire" => {
                let named = named.get_mut(step["limiter"].as_str().unwrap_or("")).unwrap();
                let mut acquired = Vec::new();
                for _ in 0..times(step) {
                    acquired.push(venue.admits(&named.policy).await);
                }
                let model: Vec<bool> = (0..times(step))
                    .map(|_| match kind {
                        Kind::Bucket => {
                            let wall = step["wall_ms"].as_u64().unwrap_or(at);
                            named.aligned.request(wall, named.limit, named.period_ms)
                        }
                        Kind::Window => named.exact.request(at, usize::try_from(named.limit).unwrap(), named.period_ms),
                    })
                    .collect();
                assert_eq!(acquired, model, "{place}: against the model");
                // Where it was recorded, limiters of different lengths took each other's units.
                if case["class"] != "defect" {
                    let wanted = answers(step.get("strict_window").unwrap_or(&step["expect"]["acquired"]));
                    assert_eq!(acquired, wanted, "{place}");
                }
            }
            "contend" => {
                let acquired = venue.contend(&named[""].policy, millis(&step["threads"])).await;
                assert_eq!(Some(acquired), step["expect"]["acquired_total"].as_u64(), "{place}");
            }
            "construct" => {
                // Refused where it was recorded; here a limit of 0 denies, which is no laxer.
                assert_eq!(step["expect"]["ok"], false, "{place}");
                let policy = kind.policy(millis(&step["config"]["limit"]), 1000);
                assert!(!venue.admits(&policy).await, "{place}");
            }
            other => panic!("{place}: unknown operation {other}"),
        }
    }
    steps(case).len()
}
