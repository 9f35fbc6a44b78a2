//! The `grpc` example, called by a tonic client over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use tests::program::{self, Server};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

async fn start(variables: &[(&str, &str)]) -> (Server, HealthClient<Channel>) {
    let server = Server::start(&program::build("examples", "grpc"), variables).await;
    let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap().connect().await.unwrap();
    (server, HealthClient::new(channel))
}

async fn check(client: &mut HealthClient<Channel>) -> Result<(), Status> {
    client.check(HealthCheckRequest::default()).await.map(drop)
}

fn pushback(status: &Status) -> Option<u64> {
    status.metadata().get("grpc-retry-pushback-ms").map(|value| value.to_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_spent_quota_is_resource_exhausted_and_says_when_to_come_back() {
    let (_server, mut client) = start(&[("CALLS", "2/min")]).await;
    check(&mut client).await.unwrap();
    check(&mut client).await.unwrap();
    let refused = check(&mut client).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::ResourceExhausted, "Quota Exceeded"));
    let wait = pushback(&refused).unwrap();
    assert!((25_000..=30_000).contains(&wait), "{wait} ms");
    let details = refused.get_details_retry_info().unwrap();
    assert_eq!(details.retry_delay, Some(Duration::from_millis(wait)));
    // No fields for people who read HTTP.
    assert!(refused.metadata().get("retry-after").is_none());
}

#[tokio::test]
async fn taken_slots_are_unavailable_until_a_stream_ends() {
    let (_server, mut client) = start(&[("SLOTS", "1")]).await;
    let mut watched = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert!(watched.message().await.unwrap().is_some());
    let refused = check(&mut client).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "Temporary Reduced Capacity"));
    // Nobody knows when a stream ends.
    assert_eq!(pushback(&refused), None);
    assert!(refused.get_details_retry_info().is_none());
    drop(watched);
    while let Err(refused) = check(&mut client).await {
        assert_eq!(refused.code(), Code::Unavailable);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_that_passes_carries_the_fields_as_metadata() {
    let (_server, mut client) = start(&[("CALLS", "2/min")]).await;
    let answer = client.check(HealthCheckRequest::default()).await.unwrap();
    let field = |name: &str| answer.metadata().get(name).unwrap().to_str().unwrap();
    assert_eq!(field("ratelimit-policy"), "\"calls\";q=2;w=60, \"slots\";q=10;qu=\"concurrent-requests\"");
    assert!(field("ratelimit").starts_with("\"calls\";r=1;t="), "{}", field("ratelimit"));
}
