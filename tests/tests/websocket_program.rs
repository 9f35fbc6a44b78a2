//! The `websocket` example, with a client over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use futures_util::{SinkExt, StreamExt};
use tests::program::{self, Server};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(server: &Server) -> Result<Client, u16> {
    match tokio_tungstenite::connect_async(format!("ws://{}/echo", server.address)).await {
        Ok((client, _)) => Ok(client),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn repeats(client: &mut Client, text: &str) -> bool {
    client.send(Message::text(text)).await.unwrap();
    client.next().await.unwrap().unwrap().into_text().unwrap().as_str() == text
}

#[tokio::test]
async fn connections_are_limited_as_long_as_they_live() {
    let server = Server::start(&program::build("examples", "websocket"), &[("CONNECTIONS", "2")]).await;
    let mut first = connect(&server).await.unwrap();
    let mut second = connect(&server).await.unwrap();
    assert!(repeats(&mut first, "one").await && repeats(&mut second, "two").await);
    assert_eq!(connect(&server).await.unwrap_err(), 503);
    assert!(repeats(&mut first, "still here").await);

    first.close(None).await.unwrap();
    while let Some(Ok(_)) = first.next().await {}
    // The server's side of the connection ends a moment after ours.
    let mut third = loop {
        match connect(&server).await {
            Ok(client) => break client,
            Err(status) => assert_eq!(status, 503),
        }
    };
    assert!(repeats(&mut third, "three").await && repeats(&mut second, "four").await);
}
