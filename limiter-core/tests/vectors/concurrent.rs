//! Slots, each with a lease of its own.

use std::collections::HashMap;
use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::{Exceeded, Held, Limiter, Policy, PolicyError, RateLimitExceeded, Rule};
use serde_json::{Value, json};

use crate::cases::{Timeline, id, load, millis, steps};

fn policy(config: &Value) -> Result<Policy, PolicyError> {
    let limit = u32::try_from(millis(&config["limit"])).unwrap();
    let lease = Duration::from_millis(config["ttl_ms"].as_u64().unwrap_or(900_000));
    Policy::new("slots", [Rule::concurrent(limit).lease(lease).scope("slots")])
}

fn run(case: &Value) -> usize {
    let mut time = Timeline::new(0);
    let limiter = Limiter::builder().clock(time.clock.clone()).build();
    let policies: HashMap<&str, Policy> = match case["limiters"].as_object() {
        Some(several) => several.iter().map(|(name, config)| (name.as_str(), policy(config).unwrap())).collect(),
        None if case.get("config").is_some() => [("", policy(&case["config"]).unwrap())].into(),
        None => HashMap::new(),
    };
    let mut held: HashMap<String, Held> = HashMap::new();
    for step in steps(case) {
        let at = time.go_to(step);
        let place = format!("{} at {at}", id(case));
        let acquire = || -> Result<Held, RateLimitExceeded> {
            limiter.try_acquire(&policies[step["limiter"].as_str().unwrap_or("")], &Key::everyone())
        };
        // Each slot has a lease of its own here; there, all slots of a key had one together.
        let wanted = step.get("better").unwrap_or(&step["expect"]);
        match step["op"].as_str().unwrap() {
            "acquire" => {
                let acquired = acquire();
                assert_eq!(json!({ "acquired": acquired.is_ok() }), *wanted, "{place}");
                if let (Ok(slot), Some(name)) = (acquired, step["as"].as_str()) {
                    held.insert(name.to_owned(), slot);
                }
            }
            "acquire_or_error" => match acquire() {
                Ok(slot) => {
                    assert_eq!(json!({ "acquired": true }), *wanted, "{place}");
                    held.insert(step["as"].as_str().unwrap().to_owned(), slot);
                }
                Err(refused) => {
                    assert_eq!(json!({ "error": "RateLimitExceeded" }), *wanted, "{place}");
                    assert_eq!((refused.rule(), refused.reason()), (Some("slots"), Exceeded::Spent), "{place}");
                }
            },
            // Whoever was refused has nothing to give back, and leaves its scope all the same.
            "release" => drop(held.remove(step["as"].as_str().unwrap())),
            "contend" => {
                let threads = millis(&step["threads"]);
                let acquired = std::thread::scope(|scope| {
                    let started: Vec<_> = (0..threads).map(|_| scope.spawn(acquire)).collect();
                    let ended: Vec<_> = started.into_iter().map(|thread| thread.join().unwrap()).collect();
                    ended.iter().filter(|slot| slot.is_ok()).count()
                });
                assert_eq!(json!({ "acquired_total": acquired }), *wanted, "{place}");
            }
            "construct" => {
                assert_eq!(wanted["ok"], false, "{place}");
                assert!(matches!(policy(&step["config"]), Err(PolicyError::NoSlots { .. })), "{place}");
            }
            other => panic!("{place}: unknown operation {other}"),
        }
    }
    steps(case).len()
}

#[test]
fn slots_come_out_as_recorded_but_each_with_a_lease_of_its_own() {
    let (_, cases) = load(include_str!("../../../tests/vectors/dramatiq_concurrent.json"));
    let steps: usize = cases.iter().map(run).sum();
    assert_eq!((cases.len(), steps), SLOTS);
}

/// Cases and steps.
const SLOTS: (usize, usize) = (12, 146);
