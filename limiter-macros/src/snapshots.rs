//! What the attribute makes of each shape. Behaviour is proven by code that uses it; these show the
//! size of what is generated, and that it is calls and nothing else.
//!
//! `UPDATE_EXPECT=1 cargo test -p limiter-macros` rewrites them.

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

fn check(arguments: TokenStream, item: TokenStream, expected: Expect) {
    check_tokens(crate::expansion(arguments, item), expected);
}

fn check_tokens(expansion: TokenStream, expected: Expect) {
    let file = syn::parse2(expansion).expect("the expansion parses");
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn handler() {
    check(
        quote!(read = 1000, write = 10, key = "ip"),
        quote! {
            /// Lists sessions.
            #[instrument]
            #[cfg(unix)]
            pub(crate) async fn sessions(State(db): State<Db>, mut headers: &HeaderMap<'_>, Json(b): Json<B>) -> impl IntoResponse {
                db.list(b).await
            }
        },
        expect![[r#"
            /// Lists sessions.
            #[cfg(unix)]
            #[allow(private_bounds)]
            pub(crate) async fn sessions<__S, __M: 'static>(
                __call: ::limiter_tower::__private::Call<__S, __M>,
            ) -> ::limiter_tower::__private::Response
            where
                __S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
                State<Db>: ::limiter_tower::__private::FromRequestParts<__S>,
                &'static HeaderMap<'static>: ::limiter_tower::__private::FromRequestParts<__S>,
                Json<B>: ::limiter_tower::__private::FromRequest<__S, __M>,
            {
                #[instrument]
                ///limiter: inner function
                async fn sessions(
                    State(db): State<Db>,
                    mut headers: &HeaderMap<'_>,
                    Json(b): Json<B>,
                ) -> impl IntoResponse {
                    db.list(b).await
                }
                static __SITE: ::limiter_tower::__private::Site = ::limiter_tower::__private::Site::new(
                    ::core::module_path!(),
                    "sessions",
                    &[
                        ::limiter_tower::__private::Spec::quota("sessions-read", "1000/min")
                            .read()
                            .key("ip"),
                        ::limiter_tower::__private::Spec::quota("sessions-write", "10/min")
                            .write()
                            .key("ip"),
                    ],
                );
                __call.through(&__SITE, |(__0, __1, __2)| sessions(__0, __1, __2)).await
            }
        "#]],
    );
}

#[test]
fn handler_without_arguments() {
    check(
        quote!("100/min", key = by_account, cost = query_cost),
        quote! {
            async fn sessions() {}
        },
        expect![[r##"
            #[allow(private_bounds)]
            async fn sessions<__S>(
                __call: ::limiter_tower::__private::Call<__S, ()>,
            ) -> ::limiter_tower::__private::Response
            where
                __S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
            {
                async fn sessions() {}
                static __SITE: ::limiter_tower::__private::Site = ::limiter_tower::__private::Site::new(
                    ::core::module_path!(),
                    "sessions",
                    &[
                        ::limiter_tower::__private::Spec::quota("sessions", "100/min")
                            .key_fn(|| ::limiter_tower::__private::key_source(by_account))
                            .cost_fn(query_cost),
                    ],
                );
                __call.through(&__SITE, |()| sessions()).await
            }
        "##]],
    );
}

#[test]
fn group() {
    check(
        quote!("10/s burst 20, 1000/h", name = "api", exempt = "/health, /static/*"),
        quote! {
            fn api<S: Clone>(db: Db, prefix: &str) -> Router<S>
            where
                S: Send + Sync + 'static,
            {
                Router::new()
            }
        },
        expect![[r#"
            fn api<S: Clone>(__0: Db, __1: &str) -> Router<S>
            where
                S: Send + Sync + 'static,
            {
                fn api<S: Clone>(db: Db, prefix: &str) -> Router<S>
                where
                    S: Send + Sync + 'static,
                {
                    Router::new()
                }
                static __SITE: ::limiter_tower::__private::Site = ::limiter_tower::__private::Site::new(
                        ::core::module_path!(),
                        "api",
                        &[
                            ::limiter_tower::__private::Spec::quota("api", "10/s burst 20"),
                            ::limiter_tower::__private::Spec::quota("api-2", "1000/h"),
                        ],
                    )
                    .exempt(&["/health", "/static/*"]);
                ::limiter_tower::__private::limited(api::<S>(__0, __1), &__SITE)
            }
        "#]],
    );
}

#[test]
fn inner() {
    check(
        quote!(concurrent = 8, inner = sessions_unlimited, crate = crate::facade),
        quote! {
            /// Lists sessions.
            pub async fn sessions(id: Path<u32>) -> Result<String, Error> {
                find(id).await
            }
        },
        expect![[r#"
            /// Lists sessions.
            pub async fn sessions_unlimited(id: Path<u32>) -> Result<String, Error> {
                find(id).await
            }
            /// Lists sessions.
            #[allow(private_bounds)]
            pub async fn sessions<__S, __M: 'static>(
                __call: crate::facade::__private::Call<__S, __M>,
            ) -> crate::facade::__private::Response
            where
                __S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
                Path<u32>: crate::facade::__private::FromRequest<__S, __M>,
            {
                static __SITE: crate::facade::__private::Site = crate::facade::__private::Site::new(
                    ::core::module_path!(),
                    "sessions",
                    &[crate::facade::__private::Spec::concurrent("sessions", 8u32)],
                );
                __call.through(&__SITE, |(__0,)| sessions_unlimited(__0)).await
            }
        "#]],
    );
}

#[test]
fn stacked() {
    check(
        quote!("10/s", scope = "search"),
        quote! {
            #[limiter_tower::rate_limit("60/min", key = "header:x-api-key", algorithm = "sliding")]
            #[rate_limit(write = 5, per = "h", cost = 2)]
            async fn search(query: RawQuery) -> String {
                String::new()
            }
        },
        expect![[r##"
            #[allow(private_bounds)]
            async fn search<__S, __M: 'static>(
                __call: ::limiter_tower::__private::Call<__S, __M>,
            ) -> ::limiter_tower::__private::Response
            where
                __S: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static,
                RawQuery: ::limiter_tower::__private::FromRequest<__S, __M>,
            {
                async fn search(query: RawQuery) -> String {
                    String::new()
                }
                static __SITE: ::limiter_tower::__private::Site = ::limiter_tower::__private::Site::new(
                    ::core::module_path!(),
                    "search",
                    &[
                        ::limiter_tower::__private::Spec::quota("search", "10/s").scope("search"),
                        ::limiter_tower::__private::Spec::quota("search-2", "60/min")
                            .algorithm(::limiter_tower::__private::Algorithm::Sliding)
                            .key("header:x-api-key"),
                        ::limiter_tower::__private::Spec::quota("search-write", "5/h")
                            .write()
                            .cost(2u32),
                    ],
                );
                __call.through(&__SITE, |(__0,)| search(__0)).await
            }
        "##]],
    );
}

#[test]
fn a_mistake_leaves_the_function_as_it_was() {
    check(
        quote!("100/minuts", tier = 3),
        quote! {
            async fn sessions() -> String {
                half_typed()
            }
        },
        expect![[r#"
            ::core::compile_error! {
                "`tier` is not supported yet"
            }
            ::core::compile_error! {
                "unknown unit `minuts` at byte 4 in `100/minuts`; did you mean `100/min`? accepted: ms, s, min, h, d, w"
            }
            async fn sessions() -> String {
                half_typed()
            }
        "#]],
    );
}

#[test]
fn throttled_function() {
    let arguments = quote!("10/s burst 20", concurrent = 4, max_wait = "1s", key = |user, ..| user.id);
    let item = quote! {
        async fn remind(user: &User, text: &str) -> Result<usize, MailError> {
            send(user, text).await
        }
    };
    check_tokens(
        crate::throttle::expansion(arguments, item),
        expect![[r##"
            #[allow(unused_braces)]
            async fn remind(user: &User, text: &str) -> Result<usize, MailError> {
                static __SITE: ::limiter_tower::__private::throttle::Site = ::limiter_tower::__private::throttle::Site::new(
                        ::core::module_path!(),
                        "remind",
                        &[
                            ::limiter_tower::__private::throttle::Spec::quota(
                                "remind",
                                "10/s burst 20",
                            ),
                            ::limiter_tower::__private::throttle::Spec::concurrent("remind-2", 4u32),
                        ],
                    )
                    .max_wait(1000000000u64);
                let __held = match __SITE
                    .acquire(
                        ::core::option::Option::None,
                        ::limiter_tower::__private::throttle::key({
                            let user = &user;
                            user.id
                        }),
                        ::core::option::Option::None,
                        ::core::option::Option::None,
                    )
                    .await
                {
                    ::core::result::Result::Ok(__held) => __held,
                    ::core::result::Result::Err(__refused) => {
                        return ::core::result::Result::Err(::core::convert::From::from(__refused));
                    }
                };
                { send(user, text).await }
            }
        "##]],
    );
}

#[test]
fn throttled_function_that_is_settled() {
    let arguments = quote!("1000/h", quota = plan_of, cost = 100, settle = tokens_of, limiter = self.limiter);
    let item = quote! {
        async fn ask(&self, user: User) -> Result<(impl Display, u64), AskError> {
            self.model.ask(user)?
        }
    };
    check_tokens(
        crate::throttle::expansion(arguments, item),
        expect![[r##"
            #[allow(unused_braces)]
            async fn ask(&self, user: User) -> Result<(impl Display, u64), AskError> {
                static __SITE: ::limiter_tower::__private::throttle::Site = ::limiter_tower::__private::throttle::Site::new(
                    ::core::module_path!(),
                    "ask",
                    &[
                        ::limiter_tower::__private::throttle::Spec::quota("ask", "1000/h")
                            .quota_of_call()
                            .cost(100u32)
                            .settled(::limiter_tower::__private::throttle::Settled::by_handler())
                            .key("global"),
                    ],
                );
                let mut __held = match __SITE
                    .acquire(
                        ::core::option::Option::Some(&self.limiter),
                        ::limiter_tower::__private::throttle::everybody(),
                        ::core::option::Option::None,
                        ::core::option::Option::Some(
                            ::limiter_tower::__private::throttle::quota(plan_of(&user)),
                        ),
                    )
                    .await
                {
                    ::core::result::Result::Ok(__held) => __held,
                    ::core::result::Result::Err(__refused) => {
                        return ::core::result::Result::Err(::core::convert::From::from(__refused));
                    }
                };
                let __outcome = async move {
                    #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop)]
                    if false {
                        let __never: Result<(_, u64), AskError> = loop {};
                        return __never;
                    }
                    { self.model.ask(user)? }
                }
                    .await;
                ::limiter_tower::__private::throttle::settle_cost(
                    &mut __held,
                    &__outcome,
                    tokens_of,
                );
                __outcome
            }
        "##]],
    );
}
