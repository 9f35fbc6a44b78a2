//! WebSockets: so many open ones for each address, and so many handshakes per minute.
#![deny(warnings)]

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::any};
use limiter_tower::rate_limit;
use std::sync::Arc;

type Rooms = Arc<std::sync::Mutex<Vec<String>>>;

async fn talk(mut socket: WebSocket, room: String) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(text) = message
            && socket.send(Message::text(format!("{room}: {text}"))).await.is_err()
        {
            return;
        }
    }
}

#[rate_limit(concurrent = 3, key = "ip")]
#[rate_limit(read = 30, name = "handshakes")]
async fn room(upgrade: WebSocketUpgrade, Path(room): Path<String>, State(rooms): State<Rooms>) -> Response {
    rooms.lock().unwrap().push(room.clone());
    upgrade.protocols(["chat"]).on_upgrade(move |socket| talk(socket, room))
}

#[rate_limit(concurrent = 100, key = "global", on_store_error = "open")]
async fn either(upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> impl IntoResponse {
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(|socket| talk(socket, "all".to_owned())),
        Err(_) => "this is a page, too".into_response(),
    }
}

#[rate_limit(concurrent = 200, key = "global")]
fn sockets() -> Router<Rooms> {
    Router::new().route("/rooms/{room}", any(room)).route("/", any(either))
}

fn main() {
    let _: Router = sockets().with_state(Rooms::default());
}
