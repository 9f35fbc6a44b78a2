//! What users see at compile time: messages and carets under `ui/fail`, code that must build and
//! run under `ui/pass`.

#[test]
fn every_mistake_is_answered_where_it_was_made() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn all_that_is_promised_to_compile_compiles_and_runs() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
