//! Who is being limited.

pub mod client_ip;
