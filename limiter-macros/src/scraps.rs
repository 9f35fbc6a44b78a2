//! Half-typed code: whatever stands there, the attribute answers with code or with messages, never
//! with a panic, and never without the function.

use proc_macro2::TokenStream;

const ARGUMENTS: &[&str] = &[
    "",
    ",",
    ",,,",
    "=",
    "read",
    "read =",
    "read = =",
    "read = ,",
    "read 5",
    "read = 5 5",
    "read = 99999999999999999999999999",
    "read = 1e3",
    "read = 'a'",
    "read = b\"5\"",
    "read = r#\"5/min\"#",
    "read(5)",
    "read::write = 5",
    "r#read = 5",
    "crate = self::x",
    "crate = <T as X>::Y",
    "key = |parts| 5",
    "key = { }",
    "key = \"\"",
    "key = \"ip |\"",
    "quota",
    "quota = \"\"",
    "quota = a::<T>::b, penalty = = , on_store_error = \"\"",
    "\"penalty\", penalty",
    "\"5/min\", shadow, shadow = ",
    "\"\"",
    "\",\"",
    "\"10/s,\"",
    "\"1/100w\"",
    "\"10/s\", per = \"\"",
    "\"10/s\", burst = 0",
    "\"10/s\", cost = 4294967296",
    "\"10/s\", name = \"\"",
    "\"10/s\", inner = a::b",
    "\"10/s\", inner = sessions",
    "\"10/s\", exempt = \"\"",
    "\"10/s\", exempt = \",\"",
    "\"10/s\" \"10/s\" \"10/s\"",
    "\"10/s\", quota = |x|, count = |",
    "\"10/s\", quota = || { }, count = || { }, settle = |a, b| { }",
    "\"10/s\", count = |(a, b): &X| a, mode = \"wait\", spaced",
    "\"10/s\", settle = x.y, quota = x.y, cost = x?",
    "&",
    "!",
    "#[x]",
    "{ }",
    "( ) ( )",
    "async",
    "_",
    "'a",
];

const FUNCTIONS: &[&str] = &[
    "async fn sessions() {}",
    "async fn sessions(State(db): State<Db>, x: &'_ str, y: Box<dyn for<'a> Fn(&'a str)>) -> ! { let x = }",
    "fn api(self: Self, _: impl X) -> Router { Self }",
    "#[rate_limit] #[rate_limit = 5] #[rate_limit()] #[a::rate_limit(read = )] async fn sessions() {}",
    "pub(in a::b) const async unsafe extern \"C\" fn r#type<'a, T, const N: usize>(mut self) where T: X {}",
];

#[test]
fn scraps_of_arguments_are_answered_and_the_function_stays() {
    for function in FUNCTIONS {
        for arguments in ARGUMENTS {
            let item: TokenStream = function.parse().unwrap();
            for expansion in [crate::expansion, crate::throttle::expansion] {
                let answer = expansion(arguments.parse().unwrap(), item.clone()).to_string();
                assert!(answer.contains("fn sessions") || answer.contains("fn api") || answer.contains("fn r#type"));
            }
        }
    }
}

#[test]
fn what_is_no_function_comes_back_beside_the_message() {
    for item in ["", "struct A;", "async", "fn", "fn sessions", "fn sessions()", "fn sessions();", "#[a]", "} {"] {
        let Ok(item) = item.parse::<TokenStream>() else { continue };
        for expansion in [crate::expansion, crate::throttle::expansion] {
            let answer = expansion("\"10/s\"".parse().unwrap(), item.clone()).to_string();
            assert!(answer.contains("compile_error") && answer.ends_with(&item.to_string()), "{answer}");
        }
    }
}
