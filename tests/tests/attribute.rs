//! Annotated handlers and groups in a running router.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attribute {
    pub mod answers;
    pub mod choices;
    pub mod driver;
    pub mod groups;
    pub mod handlers;
    pub mod keys;
    pub mod outcomes;
    pub mod policies;
}
