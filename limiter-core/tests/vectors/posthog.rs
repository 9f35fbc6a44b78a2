//! Buckets by key whose last token is limited too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};

use limiter_core::bucketed::{Bucketed, Draw, LenientSettings, Settings};
use serde_json::{Value, json};

use crate::cases::{Timeline, id, load, millis, steps, times};

/// What the callback was told, and what it saw when it used the limiter itself.
type Told = Arc<Mutex<Vec<Value>>>;

#[derive(Clone, Copy, Default, PartialEq)]
enum Callback {
    #[default]
    Listens,
    Reenters,
    Throws,
}

struct Rig {
    time: Timeline,
    limiter: Arc<OnceLock<Bucketed<String>>>,
    callback: Arc<Mutex<Callback>>,
    told: Told,
}

impl Rig {
    fn new(settings: Settings) -> Self {
        let (time, told) = (Timeline::new(0), Told::default());
        let limiter = Arc::new(OnceLock::<Bucketed<String>>::new());
        let callback = Arc::new(Mutex::new(Callback::Listens));
        let (own, heard, does) = (Arc::clone(&limiter), Arc::clone(&told), Arc::clone(&callback));
        let made = Bucketed::new(settings).clock(time.clock.clone()).on_drain(move |key: &String| {
            heard.lock().unwrap().push(json!(key));
            // Once only, or it would call itself for ever.
            match std::mem::take(&mut *does.lock().unwrap()) {
                Callback::Listens => {}
                Callback::Reenters => {
                    let nested = own.get().unwrap().is_limited(key);
                    heard.lock().unwrap().push(json!(nested));
                }
                Callback::Throws => panic!("the callback fails"),
            }
        });
        assert!(limiter.set(made).is_ok());
        Rig { time, limiter, callback, told }
    }

    fn limiter(&self) -> &Bucketed<String> {
        self.limiter.get().unwrap()
    }

    fn told(&self) -> Vec<Value> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    /// The answer of a call, or the failure of its callback.
    fn draw(&self, key: &str) -> Option<Draw> {
        catch_unwind(AssertUnwindSafe(|| self.limiter().draw(&key.to_owned()))).ok()
    }
}

fn number(value: &Value) -> Option<f64> {
    match value["$js"].as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("ninf") => Some(f64::NEG_INFINITY),
        Some("nan") => Some(f64::NAN),
        Some(other) => panic!("unknown number {other}"),
        None => value.as_f64(),
    }
}

fn settings_of(case: &Value) -> Settings {
    let config = &case["config"];
    let (settings, _) = LenientSettings {
        size: number(&config["bucket_size"]),
        rate: number(&config["refill_rate"]),
        interval_ms: number(&config["refill_interval_ms"]),
    }
    .clamp();
    let effective = &case["effective"];
    for (used, name) in [
        (settings.size(), "bucket_size"),
        (settings.rate(), "refill_rate"),
        (u64::try_from(settings.interval().as_millis()).unwrap(), "refill_interval_ms"),
    ] {
        // Fractions are rounded against the caller.
        if let Some(whole) = effective[name].as_u64() {
            assert_eq!(used, whole, "{} {name}", id(case));
        }
    }
    settings
}

fn run(case: &Value) -> usize {
    let settings = settings_of(case).parity();
    let whole = ["bucket_size", "refill_rate"].iter().all(|name| !case["effective"][*name].is_f64());
    let mut rig = Rig::new(settings);
    for step in steps(case) {
        let at = rig.time.go_to(step);
        let (expect, place) = (&step["expect"], format!("{} at {at}", id(case)));
        match step["op"].as_str().unwrap() {
            "consume" => consume(&rig, step, whole, &place),
            "flood" => {
                let (every, until) = (millis(&step["every_ms"]), millis(&step["until_ms"]));
                let passing = flood(&mut rig, at, until, every);
                assert_eq!(json!(passing.len()), expect["passed"], "{place}");
                assert_eq!(json!(passing.first()), expect["first_pass_ms"], "{place}");
                assert_eq!(json!(passing.last()), expect["last_pass_ms"], "{place}");
                assert_eq!(json!(rig.told().len()), expect["callbacks"], "{place}");
            }
            "consume_many" => {
                let keys = millis(&step["keys"]);
                let prefix = step["prefix"].as_str().unwrap();
                let passed = (0..keys).filter(|n| !rig.draw(&format!("{prefix}{n}")).unwrap().limited).count();
                assert_eq!(json!(passed), expect["passed"], "{place}");
                assert_eq!(json!(rig.limiter().len()), expect["buckets"], "{place}");
            }
            "count" => assert_eq!(json!(rig.limiter().len()), expect["buckets"], "{place}"),
            "stop" => {
                rig.limiter().stop();
                assert_eq!(json!(rig.limiter().len()), expect["buckets"], "{place}");
            }
            "capture" => {
                let captured = !rig.draw(step["error_type"].as_str().unwrap_or("Exception")).unwrap().limited;
                assert_eq!(json!(captured), expect["captured"], "{place}");
            }
            other => panic!("{place}: unknown operation {other}"),
        }
    }
    steps(case).len()
}

fn consume(rig: &Rig, step: &Value, whole: bool, place: &str) {
    let (key, expect) = (step["key"].as_str().unwrap(), &step["expect"]);
    *rig.callback.lock().unwrap() = match step["callback"].as_str() {
        None => Callback::Listens,
        Some("reenter") => Callback::Reenters,
        Some("throw") => Callback::Throws,
        Some(other) => panic!("{place}: unknown callback {other}"),
    };
    let draws: Vec<Option<Draw>> = (0..times(step)).map(|_| rig.draw(key)).collect();
    let limited: Vec<Value> =
        draws.iter().map(|draw| draw.map_or(json!("error"), |draw| json!(draw.limited))).collect();
    assert_eq!(json!(limited), expect["limited"], "{place}");
    assert_eq!(json!(rig.told()), expect["callbacks"], "{place}");
    let Some(Some(last)) = draws.last() else { return };
    if whole && expect.get("tokens").is_some() {
        assert_eq!(json!(last.tokens), expect["tokens"], "{place}");
    }
    if expect.get("last_access_ms").is_some() {
        let interval = rig.limiter().settings().interval();
        let accounted = std::time::Duration::from_millis(millis(&step["at_ms"])) + last.refill_after - interval;
        assert_eq!(json!(u64::try_from(accounted.as_millis()).unwrap()), expect["last_access_ms"], "{place}");
    }
}

/// The instants at which calls pass.
fn flood(rig: &mut Rig, from: u64, until: u64, every: u64) -> Vec<u64> {
    let mut passing = Vec::new();
    for at in (from..until).step_by(usize::try_from(every).unwrap()) {
        rig.time.go_to_ms(at);
        if !rig.draw("k").unwrap().limited {
            passing.push(at);
        }
    }
    passing
}

#[test]
fn every_case_comes_out_as_recorded_under_parity() {
    let (_, cases) = load(include_str!("../../../tests/vectors/posthog_bucketed.json"));
    let steps: usize = cases.iter().map(run).sum();
    assert_eq!((cases.len(), steps), (CASES, STEPS));
}

#[test]
fn without_parity_a_flood_passes_the_size_and_then_the_rate_at_each_interval() {
    let (_, cases) = load(include_str!("../../../tests/vectors/posthog_bucketed.json"));
    let mut floods = 0;
    for case in &cases {
        let settings = settings_of(case);
        for step in steps(case).iter().filter(|step| step["op"] == "flood") {
            let mut rig = Rig::new(settings);
            let (every, until) = (millis(&step["every_ms"]), millis(&step["until_ms"]));
            let passing = flood(&mut rig, 0, until, every);
            let edges = (until - every) / u64::try_from(settings.interval().as_millis()).unwrap();
            assert_eq!(passing.len() as u64, settings.size() + settings.rate() * edges, "{}", id(case));
            floods += 1;
        }
    }
    assert_eq!(floods, 1);
}

const CASES: usize = 20;
const STEPS: usize = 173;
