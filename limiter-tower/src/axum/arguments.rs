//! The extractors of a handler, all at once.

use core::any::TypeId;
use core::future::Future;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};

use super::extract::{CurrentUsage, NotShared};
use crate::current::CurrentDecision;

/// A tuple of 0 to 16 extractors, of which the last may take the body.
pub trait Arguments<S, M>: Sized {
    /// Extracts from left to right; the first that fails answers the request.
    fn extract(request: Request, state: &S) -> impl Future<Output = Result<Self, Response>> + Send;

    /// Whether one of them is what was decided about the request. Known when the program is
    /// compiled, so that requests to other handlers do not pay for it.
    #[must_use]
    fn ask_for_decision() -> bool;
}

impl<S: Sync> Arguments<S, ()> for () {
    async fn extract(_: Request, _: &S) -> Result<Self, Response> {
        Ok(())
    }

    fn ask_for_decision() -> bool {
        false
    }
}

fn is_decision<T: 'static>() -> bool {
    [
        TypeId::of::<CurrentDecision>(),
        TypeId::of::<Option<CurrentDecision>>(),
        TypeId::of::<Result<CurrentDecision, NotShared>>(),
        TypeId::of::<CurrentUsage>(),
        TypeId::of::<Option<CurrentUsage>>(),
        TypeId::of::<Result<CurrentUsage, NotShared>>(),
    ]
    .contains(&TypeId::of::<T>())
}

macro_rules! arguments {
    ([$($part:ident)*] $last:ident) => {
        impl<S, M, $($part,)* $last> Arguments<S, M> for ($($part,)* $last,)
        where
            S: Send + Sync,
            $($part: FromRequestParts<S> + Send + 'static,)*
            $last: FromRequest<S, M> + Send + 'static,
        {
            #[allow(non_snake_case, unused_mut, unused_variables)]
            async fn extract(request: Request, state: &S) -> Result<Self, Response> {
                let (mut parts, body) = request.into_parts();
                $(let $part = $part::from_request_parts(&mut parts, state).await.map_err(IntoResponse::into_response)?;)*
                let request = Request::from_parts(parts, body);
                let $last = $last::from_request(request, state).await.map_err(IntoResponse::into_response)?;
                Ok(($($part,)* $last,))
            }

            fn ask_for_decision() -> bool {
                $(is_decision::<$part>() ||)* is_decision::<$last>()
            }
        }
    };
}

arguments!([] A);
arguments!([A] B);
arguments!([A B] C);
arguments!([A B C] D);
arguments!([A B C D] E);
arguments!([A B C D E] F);
arguments!([A B C D E F] G);
arguments!([A B C D E F G] H);
arguments!([A B C D E F G H] I);
arguments!([A B C D E F G H I] J);
arguments!([A B C D E F G H I J] K);
arguments!([A B C D E F G H I J K] L);
arguments!([A B C D E F G H I J K L] N);
arguments!([A B C D E F G H I J K L N] O);
arguments!([A B C D E F G H I J K L N O] P);
arguments!([A B C D E F G H I J K L N O P] Q);
