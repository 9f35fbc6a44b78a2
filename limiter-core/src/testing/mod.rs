//! Parts for tests, of this project and of its users: a clock that is moved by hand, a store that
//! fails on command. The suite that every store has to pass is [`store::contract`](crate::store::contract).

mod clock;
mod failing;

pub use clock::ManualClock;
pub use failing::{FailingStore, Failure, Switch};
