//! Reading vectors, and the clock they are replayed on.

use std::time::Duration;

use limiter_core::testing::ManualClock;
use serde_json::Value;

pub(crate) fn load(text: &str) -> (Value, Vec<Value>) {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file["cases"].as_array().unwrap().clone();
    (file, cases)
}

pub(crate) fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap()
}

pub(crate) fn steps(case: &Value) -> &[Value] {
    case["steps"].as_array().unwrap()
}

pub(crate) fn times(step: &Value) -> u64 {
    step["times"].as_u64().unwrap_or(1)
}

pub(crate) fn millis(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// Answers of one step: one, a list, or so many of the first kind and then the second.
pub(crate) fn answers(value: &Value) -> Vec<bool> {
    match value {
        Value::Bool(one) => vec![*one],
        Value::Array(list) => list.iter().map(|one| one.as_bool().unwrap()).collect(),
        runs => {
            let count = |name: &str| usize::try_from(runs[name].as_u64().unwrap()).unwrap();
            [vec![true; count("first_true")], vec![false; count("then_false")]].concat()
        }
    }
}

/// A manual clock that is set to instants.
pub(crate) struct Timeline {
    pub(crate) clock: ManualClock,
    base: Duration,
    at: u64,
}

impl Timeline {
    pub(crate) fn new(base_ms: u64) -> Self {
        let base = Duration::from_millis(base_ms);
        Timeline { clock: ManualClock::at_unix(base), base, at: 0 }
    }

    /// Goes to the instant of a step, back if need be; wall time may be told apart.
    pub(crate) fn go_to(&mut self, step: &Value) -> u64 {
        let at = millis(&step["at_ms"]);
        self.go_to_ms(at);
        if let Some(wall) = step["wall_ms"].as_u64() {
            self.clock.set_wall(self.base + Duration::from_millis(wall));
        }
        at
    }

    pub(crate) fn go_to_ms(&mut self, at: u64) {
        if at >= self.at {
            self.clock.advance(Duration::from_millis(at - self.at));
        } else {
            self.clock.step_back(Duration::from_millis(self.at - at));
        }
        self.clock.set_wall(self.base + Duration::from_millis(at));
        self.at = at;
    }
}
