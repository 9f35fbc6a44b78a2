//! Slots, each with a lease of its own, replayed call by call.

use std::collections::HashMap;
use std::time::Duration;

use limiter_core::{Exceeded, Held, Policy, PolicyError};
use serde_json::{Value, json};

use crate::cases::{Timeline, id, millis, steps};
use crate::venue::Venue;

fn policy(venue: &impl Venue, config: &Value) -> Result<Policy, PolicyError> {
    let limit = u32::try_from(millis(&config["limit"])).unwrap();
    let lease = Duration::from_millis(config["ttl_ms"].as_u64().unwrap_or(900_000));
    Policy::new("slots", [venue.slots(limit, lease).scope("slots")])
}

/// Plays a case to its end, and says how many steps that were.
pub(crate) async fn play(case: &Value, venue: &impl Venue, time: &mut Timeline) -> usize {
    let policies: HashMap<&str, Policy> = match case["limiters"].as_object() {
        Some(several) => several.iter().map(|(name, config)| (name.as_str(), policy(venue, config).unwrap())).collect(),
        None if case.get("config").is_some() => [("", policy(venue, &case["config"]).unwrap())].into(),
        None => HashMap::new(),
    };
    let mut held: HashMap<String, Held> = HashMap::new();
    for step in steps(case) {
        let at = time.go_to(step);
        let place = format!("{} at {at}", id(case));
        let acquire = || venue.acquire(&policies[step["limiter"].as_str().unwrap_or("")]);
        // Each slot has a lease of its own here; there, all slots of a key had one together.
        let wanted = step.get("better").unwrap_or(&step["expect"]);
        match step["op"].as_str().unwrap() {
            "acquire" => {
                let acquired = acquire().await;
                assert_eq!(json!({ "acquired": acquired.is_ok() }), *wanted, "{place}");
                match (acquired, step["as"].as_str()) {
                    (Ok(slot), Some(name)) => _ = held.insert(name.to_owned(), slot),
                    (Ok(slot), None) => venue.leave(slot).await,
                    (Err(_), _) => {}
                }
            }
            "acquire_or_error" => match acquire().await {
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
            "release" => {
                if let Some(slot) = held.remove(step["as"].as_str().unwrap()) {
                    venue.leave(slot).await;
                }
            }
            "contend" => {
                let acquired = venue.contend(&policies[""], millis(&step["threads"])).await;
                assert_eq!(json!({ "acquired_total": acquired }), *wanted, "{place}");
            }
            "construct" => {
                assert_eq!(wanted["ok"], false, "{place}");
                let refused = policy(venue, &step["config"]);
                assert!(matches!(refused, Err(PolicyError::NoSlots { .. })), "{place}");
            }
            other => panic!("{place}: unknown operation {other}"),
        }
    }
    steps(case).len()
}
