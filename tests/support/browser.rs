//! A headless Chromium, driven over ChromeDriver's WebDriver protocol.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The first group keeps it from the machine, the second from the network: nothing but loopback is asked for.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
];

/// Starting a browser on a busy machine is what takes longest.
const LONGEST: Duration = Duration::from_secs(60);

/// A browser with one empty page.
pub struct Browser {
    client: Client,
    /// The session's URL.
    session: String,
    _child: Child,
}

impl Browser {
    /// Starts ChromeDriver on a port of its choice, and a browser with an empty profile.
    pub async fn start(driver: &Path, chromium: &Path) -> Browser {
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("ChromeDriver starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("its output is text").expect("ChromeDriver says its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::builder().no_proxy().timeout(LONGEST).build().expect("a client");
        let options = json!({ "binary": chromium, "args": ARGUMENTS });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "timeouts": { "script": 20_000 },
        } } });
        let sessions = format!("http://127.0.0.1:{port}/session");
        let started = command(&client, Method::POST, &sessions, &wanted).await;
        let session = format!("{sessions}/{}", started["sessionId"].as_str().expect("a session"));
        Browser { client, session, _child: child }
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.command("/url", &json!({ "url": url })).await;
    }

    /// Runs the body of an async function in the page, and gives what it returns.
    pub async fn run(&self, body: &str, arguments: &[Value]) -> Value {
        let script = format!(
            "const given = Array.from(arguments), done = given.pop();
             (async (...given) => {{ {body} }})(...given).then(done, error => done('failed: ' + error));"
        );
        self.command("/execute/async", &json!({ "script": script, "args": arguments })).await
    }

    /// Ends the browser and the driver. A test does this before it asserts, so that no browser stays behind.
    pub async fn quit(self) {
        command(&self.client, Method::DELETE, &self.session, &Value::Null).await;
    }

    async fn command(&self, path: &str, body: &Value) -> Value {
        command(&self.client, Method::POST, &format!("{}{path}", self.session), body).await
    }
}

async fn command(client: &Client, method: Method, url: &str, body: &Value) -> Value {
    let mut request = client.request(method, url);
    if !body.is_null() {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.expect("ChromeDriver answers");
    let status = response.status();
    let body = response.text().await.expect("its answer is text");
    let mut answer: Value = serde_json::from_str(&body).expect("ChromeDriver speaks JSON");
    assert_eq!(status, 200, "{url}: {answer}");
    answer["value"].take()
}
