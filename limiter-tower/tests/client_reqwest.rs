//! The adapter for reqwest that the documentation shows, against a socket.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use limiter_tower::client::PaceLayer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

const ANSWER: &str =
    "HTTP/1.1 200 OK\r\nRateLimit: \"default\";r=0;t=30\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

#[tokio::test]
async fn a_reqwest_client_is_paced_through_the_documented_adapter() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/items", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"GET /items HTTP/1.1\r\n"));
        stream.write_all(ANSWER.as_bytes()).await.unwrap();
    });

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let builder = client.get(&uri);
    let send = tower::service_fn(move |request: http::Request<reqwest::Body>| {
        let client = client.clone();
        async move { client.execute(request.try_into()?).await.map(http::Response::from) }
    });
    let paced = PaceLayer::new().max_wait(Duration::from_secs(10)).layer(send);

    let request = http::Request::get(&uri).body(reqwest::Body::default()).unwrap();
    let response = reqwest::Response::from(paced.clone().oneshot(request).await.unwrap());
    assert_eq!(response.text().await.unwrap(), "hi");
    server.await.unwrap();

    // The quota is spent, so the next request does not leave; this one is made with reqwest's own builder.
    let request = http::Request::<reqwest::Body>::try_from(builder.build().unwrap()).unwrap();
    let error = paced.oneshot(request).await.unwrap_err();
    assert!(error.paced().unwrap().wait() > Duration::from_secs(20), "{error}");
}
