//! What stands in begins where the store left off, and owes what it admitted.
