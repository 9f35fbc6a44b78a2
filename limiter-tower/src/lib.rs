//! Facade.

mod grpc;
pub mod headers;
pub mod response;
