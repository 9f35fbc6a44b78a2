//! What handlers can ask for.
//!
//! | file | role |
//! |---|---|
//! | `by_hand.rs` | checking by hand, and the rejection that comes of it |
//! | `current.rs` | what was decided about the request |
//! | `held.rs` | the slots of a connection that is upgraded |
//! | `settlement.rs` | the handler's word on what its request has cost |

mod by_hand;
mod current;
mod held;
mod settlement;

pub use by_hand::{ByHand, RateLimited};
pub use current::{CurrentUsage, NotShared};
pub use held::HeldPermit;
