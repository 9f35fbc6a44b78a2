//! A plain increment at Memcached: one connection for all tasks, answers in the order of the questions.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

#[derive(Clone)]
pub(crate) struct Pipe {
    ask: mpsc::UnboundedSender<String>,
    waiting: Arc<Mutex<VecDeque<oneshot::Sender<()>>>>,
}

impl Pipe {
    pub(crate) async fn connect(port: u16) -> Pipe {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the server is there");
        stream.set_nodelay(true).expect("a socket");
        let (from, mut to) = stream.into_split();
        let (ask, mut asked) = mpsc::unbounded_channel::<String>();
        let waiting: Arc<Mutex<VecDeque<oneshot::Sender<()>>>> = Arc::default();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while asked.recv_many(&mut batch, 256).await > 0 {
                let text = batch.concat();
                batch.clear();
                if to.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let answered = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                assert!(line.starts_with("HD"), "{line}");
                let first = answered.lock().expect("a queue").pop_front();
                let _ = first.expect("a question for each answer").send(());
            }
        });
        Pipe { ask, waiting }
    }

    pub(crate) async fn increment(&self, key: u64) {
        let (tell, told) = oneshot::channel();
        {
            // Under the lock, so that questions wait in the order in which they are sent.
            let mut waiting = self.waiting.lock().expect("a queue");
            waiting.push_back(tell);
            self.ask.send(format!("ma bench{key} N600 J1 D1\r\n")).expect("a connection");
        }
        told.await.expect("an answer");
    }
}
