//! Limits within limits: the whole shop, one service of it, one endpoint of that service.
//!
//! A request needs room on every level, and takes it on all of them or on none: what the endpoint
//! refuses costs the shop nothing. Each level is a policy of its own, and a claim names them together.
//!
//! ```text
//! $ cargo run -p examples --bin hierarchy
//! ```

use std::error::Error;

use limiter_core::key::{Global, Key};
use limiter_core::limiter::Claim;
use limiter_core::testing::ManualClock;
use limiter_core::{Limiter, Policy, PolicyError, Rule};

struct Shop {
    limiter: Limiter,
    shop: Policy,
    services: Policy,
    endpoints: Policy,
}

impl Shop {
    fn new() -> Result<Self, Box<dyn Error>> {
        let level = |name: &'static str, quota: &str| -> Result<Policy, Box<dyn Error>> {
            let made: Result<_, PolicyError> = Policy::new(name, [Rule::new(quota.parse()?).key(Global)]);
            Ok(made?)
        };
        Ok(Shop {
            limiter: Limiter::builder().clock(ManualClock::new()).build(),
            shop: level("shop", "10/s")?,
            services: level("service", "6/s")?,
            endpoints: level("endpoint", "4/s")?,
        })
    }

    /// What one request asks: of everybody's budget, of the service's, and of the endpoint's.
    fn claim(&self, service: &str, endpoint: &str) -> Claim {
        Claim::new(&self.shop, &Key::everyone())
            .and(&self.services, &Key::from(service))
            .and(&self.endpoints, &Key::from(format!("{service} {endpoint}")))
    }

    /// Sends so many requests at once, and says what became of them.
    fn send(&self, service: &str, endpoint: &str, count: usize) -> String {
        let claim = self.claim(service, endpoint);
        let (mut passed, mut refused_by) = (0, None);
        for _ in 0..count {
            match self.limiter.try_claim(&claim) {
                Ok(_) => passed += 1,
                Err(refused) => refused_by = refused.rule().map(ToOwned::to_owned),
            }
        }
        let refused = match refused_by {
            Some(rule) => format!("{} refused by the {rule}", count - passed),
            None => "none refused".to_owned(),
        };
        format!("{service:<8} {endpoint:<8} {count} at once: {passed} pass, {refused}; {}", self.left(service))
    }

    fn left(&self, service: &str) -> String {
        let left = |policy: &Policy, key: &Key| {
            self.limiter.peek(policy, key, 0).usages().first().map_or(0, |usage| usage.remaining())
        };
        let (shop, service) = (left(&self.shop, &Key::everyone()), left(&self.services, &Key::from(service)));
        format!("left {shop} of 10 in the shop, {service} of 6 in the service")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let shop = Shop::new()?;
    println!("10/s for the shop, 6/s for each service, 4/s for each endpoint:");
    for (service, endpoint, count) in
        [("catalog", "search", 5), ("catalog", "product", 5), ("orders", "list", 3), ("orders", "create", 3)]
    {
        println!("  {}", shop.send(service, endpoint, count));
    }
    println!("What one level refuses is charged to none of them.");
    Ok(())
}
