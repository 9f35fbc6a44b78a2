//! Rate-limiting engine.
