//! A quota for each user's plan. Who changes plan keeps what was used.
//!
//! ```text
//! $ cargo run -p examples --bin tiers
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use limiter_tower::key::Extension;
use limiter_tower::{Algorithm, LimiterLayer, Quota, RateLimitLayer, Rule, testing};

#[derive(Clone, Copy, Debug)]
enum Plan {
    Free,
    Pro,
    Internal,
}

impl Plan {
    fn quota(self) -> Quota {
        match self {
            Plan::Free => FREE,
            Plan::Pro => Quota::per_minute(50),
            Plan::Internal => Quota::UNLIMITED,
        }
    }
}

/// Also the quota of those who are nobody's customer.
const FREE: Quota = Quota::per_minute(10);

#[derive(Clone, Copy)]
struct User {
    id: u64,
    plan: Plan,
}

/// Stands in for a database.
type Plans = Arc<Mutex<HashMap<u64, Plan>>>;

fn plan(plans: &Plans, user: u64) -> Plan {
    plans.lock().unwrap_or_else(PoisonError::into_inner).get(&user).copied().unwrap_or(Plan::Free)
}

fn sell(plans: &Plans, user: u64, plan: Plan) {
    plans.lock().unwrap_or_else(PoisonError::into_inner).insert(user, plan);
}

async fn authenticate(State(plans): State<Plans>, mut request: Request, next: Next) -> Response {
    let id = request.headers().get("x-user").and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(id) = id {
        request.extensions_mut().insert(User { id, plan: plan(&plans, id) });
    }
    next.run(request).await
}

fn plan_of(parts: &Parts) -> Quota {
    parts.extensions.get::<User>().map_or(FREE, |user| user.plan.quota())
}

fn request(user: u64) -> Request {
    Request::get("/").header("x-user", user).body(Body::empty()).unwrap_or_default()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let plans = Plans::default();
    let (limiter, clock) = testing::limiter();
    // A bucket, the default, keeps the used share instead: half of a free quota is half of a pro one.
    let rule = Rule::new(FREE).algorithm(Algorithm::Fixed).key(Extension::new(|user: &User| user.id)).quota_fn(plan_of);
    let app = Router::new()
        .route("/", get(async || "an answer"))
        .layer(RateLimitLayer::builder().rule(rule.named("plan")).build()?)
        .layer(LimiterLayer::new(limiter))
        .layer(middleware::from_fn_with_state(plans.clone(), authenticate));

    let ask = async |user: u64, times: usize| {
        let trace = testing::drive(&app, times, |_| request(user)).await;
        let shown = |number: Option<u64>| number.map_or("no limit".to_owned(), |number| number.to_string());
        let last = trace.steps().last();
        println!(
            "  user {user}, {:?}, sends {times}: {} admitted, {} refused; limit {}, remaining {}",
            plan(&plans, user),
            trace.admitted(),
            trace.refused(),
            shown(last.and_then(|step| step.limit())),
            shown(last.and_then(|step| step.remaining())),
        );
    };

    println!("Free is 10 a minute, pro is 50, and our own staff is not limited.");
    ask(1, 12).await;
    sell(&plans, 2, Plan::Pro);
    ask(2, 12).await;
    sell(&plans, 3, Plan::Internal);
    ask(3, 12).await;

    println!("User 1 buys pro in the middle of the minute: 10 of the 50 are used.");
    sell(&plans, 1, Plan::Pro);
    ask(1, 25).await;
    println!("User 1 goes back to free and to pro again: nothing is won by it.");
    sell(&plans, 1, Plan::Free);
    ask(1, 1).await;
    sell(&plans, 1, Plan::Pro);
    ask(1, 20).await;

    println!("The next minute");
    clock.advance(Duration::from_secs(60));
    ask(1, 60).await;
    Ok(())
}
