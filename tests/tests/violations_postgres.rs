//! Violations in a real PostgreSQL: the table, outages, the ready queries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use limiter_core::event::violation::{Layout, PostgresSink, TrackerBuilder, ViolationTracker};
use limiter_core::key::Key;
use limiter_core::{Limiter, Policy, Quota, Rule};
use tests::postgres::{Database, Server};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

fn quiet(instance: &str) -> TrackerBuilder {
    ViolationTracker::builder(instance).on_trouble(|_| {})
}

async fn totals(client: &Client) -> (i64, i64) {
    let row = client
        .query_one(
            "select coalesce(sum(total_count), 0)::bigint, coalesce((select sum(count) from \
             rate_limit_violations_each), 0)::bigint from rate_limit_violations",
            &[],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

async fn ready(client: &Client, query: &str) -> Vec<SimpleQueryRow> {
    let path = format!("{}/../limiter-core/sql/queries/{query}.sql", env!("CARGO_MANIFEST_DIR"));
    let messages = client.simple_query(&std::fs::read_to_string(path).unwrap()).await.unwrap();
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.collect()
}

#[tokio::test]
async fn rows_in_either_layout_add_up_and_the_migration_can_be_repeated() {
    let Some(database) = Database::fresh().await else { return };
    let client = database.connect().await;
    // The table of old, with a row in it.
    client
        .batch_execute(
            "create table rate_limit_violations (id bigserial primary key, gateway_name varchar(255) not null, \
             total_count bigint not null, details jsonb not null default '{}', \
             created_at timestamp without time zone default (now() at time zone 'utc')); \
             insert into rate_limit_violations (gateway_name, total_count, details) \
             values ('old', 5, '{\"167772161:basic\": 2, \"::1:read\": 3}')",
        )
        .await
        .unwrap();
    for (at, layout) in [Layout::Flat, Layout::Nested, Layout::Flat].into_iter().enumerate() {
        let sink = PostgresSink::new(&database.url).unwrap().layout(layout);
        sink.migrate().await.unwrap();
        let tracker = quiet(&format!("gw-{at}")).start(sink).unwrap();
        tracker.record_many("basic", &Key::from("2001:db8::/64"), 4);
        tracker.record("read", &Key::from("x\0y \"quoted\" \u{1f980}"));
        let report = tracker.shutdown().await;
        assert_eq!((report.written, report.lost), (5, 0));
    }
    assert_eq!(totals(&client).await, (20, 20));
    let row = client
        .query_one("select sum(count)::bigint from rate_limit_violations_each where client = '2001:db8::/64' and rule = 'basic'", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 12);
    let windows = client
        .query_one("select count(*) from rate_limit_violations where window_start <= window_end and batch_id is not null and abs(extract(epoch from created_at - window_end)) < 60", &[])
        .await
        .unwrap();
    assert_eq!(windows.get::<_, i64>(0), 3);
}

#[tokio::test]
async fn instances_that_migrate_at_the_same_time_do_not_disturb_each_other() {
    let Some(database) = Database::fresh().await else { return };
    let migrations: Vec<_> = (0..8)
        .map(|_| {
            let sink = PostgresSink::new(&database.url).unwrap();
            tokio::spawn(async move { sink.migrate().await })
        })
        .collect();
    for migration in migrations {
        migration.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn without_a_table_counts_wait_for_it_and_a_row_that_breaks_a_constraint_does_not() {
    let Some(database) = Database::fresh().await else { return };
    let client = database.connect().await;
    let tracker = quiet("gw").start(PostgresSink::new(&database.url).unwrap()).unwrap();
    tracker.record("r", &Key::from("a"));
    assert!(!tracker.flush().await);
    assert_eq!(tracker.stats().pending, 1);
    PostgresSink::new(&database.url).unwrap().migrate().await.unwrap();
    assert!(tracker.flush().await);
    client.batch_execute("alter table rate_limit_violations add check (total_count < 3)").await.unwrap();
    tracker.record_many("r", &Key::from("a"), 3);
    assert!(tracker.flush().await);
    tracker.record_many("r", &Key::from("a"), 2);
    assert_eq!(tracker.shutdown().await.lost, 0);
    assert_eq!((tracker.stats().rejected, totals(&client).await), (3, (3, 3)));
}

#[tokio::test]
async fn a_wrong_connection_string_says_what_is_wrong_and_shows_no_password() {
    let error = PostgresSink::new("postgres://u:secret@h:port/d").unwrap_err().to_string();
    assert!(error.contains("cannot be used") && !error.contains("secret"), "{error}");
    let sink = PostgresSink::new("postgres://u:secret@127.0.0.1:1/d").unwrap();
    assert!(!format!("{sink:?}").contains("secret"));
    assert!(sink.migrate().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_costs_no_count_and_no_memory() {
    const CAP: usize = 500;
    let Some(server) = Server::start().await else { return };
    let sink = PostgresSink::new(&server.url()).unwrap();
    sink.migrate().await.unwrap();
    let tracker = quiet("gw").cap(CAP).start(sink).unwrap();
    let mut recorded = 0u64;
    // What 5,000 violations a second are over three seconds, of more clients than there are places,
    // with a flush every tenth of a second; the server is gone for the second of them.
    for turn in 0..30u64 {
        match turn {
            10 => server.kill(),
            20 => server.up().await,
            _ => {}
        }
        for n in 0..500 {
            tracker.record(if n % 3 == 0 { "login" } else { "search" }, &Key::from((turn * 37 + n) % 800));
            recorded += 1;
        }
        let written = tracker.flush().await;
        assert_eq!(written, !(10..20).contains(&turn), "{turn}: {:?}", tracker.stats());
        assert!(tracker.stats().places <= CAP);
    }
    let report = tracker.shutdown().await;
    let stats = tracker.stats();
    assert_eq!((report.lost, stats.written, stats.pending), (0, recorded, 0));
    assert!(stats.failures >= 10 && stats.folded > 0);
    let database = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(database.1);
    let recorded = i64::try_from(recorded).unwrap();
    assert_eq!(totals(&database.0).await, (recorded, recorded));
}

/// The one test that takes its time: whether half a minute is survived is seen in half a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_minute_without_the_server_under_load_costs_no_count() {
    const CAP: usize = 500;
    const RULES: usize = 2;
    const OUTAGE: Duration = Duration::from_secs(30);
    const EACH: Duration = Duration::from_millis(20);
    let Some(server) = Server::start().await else { return };
    let sink = PostgresSink::new(&server.url()).unwrap();
    sink.migrate().await.unwrap();
    let tracker = quiet("gw").cap(CAP).interval(Duration::from_millis(200)).start(sink).unwrap();
    let limiter = Limiter::builder().observer(tracker.clone()).build();
    let policies = ["login", "search"].map(|name| Policy::new(name, [Rule::new(Quota::per_hour(1))]).unwrap());
    // 5,000 requests a second that are refused but for the first of each client, of whom there are more
    // than there are places.
    let load = tokio::spawn({
        let (limiter, tracker) = (limiter.clone(), tracker.clone());
        async move {
            let (mut refused, mut most) = (0u64, 0);
            let mut ticks = tokio::time::interval(EACH);
            for turn in 0..(OUTAGE.as_millis() / EACH.as_millis()) as u64 + 150 {
                ticks.tick().await;
                for n in 0..100 {
                    let client = Key::from((turn * 37 + n) % 800);
                    refused += u64::from(!limiter.check(&policies[n as usize % RULES], &client).is_allowed());
                }
                let stats = tracker.stats();
                assert!(stats.places <= CAP, "{stats:?}");
                most = most.max(stats.pending_pairs);
            }
            (refused, most)
        }
    });
    let written_before = wait_for(|| (tracker.stats().written > 0).then(|| tracker.stats().written)).await;
    server.kill_outright();
    tokio::time::sleep(OUTAGE).await;
    let during = tracker.stats();
    assert!(during.failures_in_a_row > 0 && during.pending > 0, "{during:?}");
    server.up().await;
    let (refused, most) = load.await.unwrap();
    // What may have been written when the server went is kept beside what was counted since.
    assert!(most <= 2 * (CAP + RULES), "{most} pairs were held");
    let report = tracker.shutdown().await;
    let stats = tracker.stats();
    assert_eq!((report.lost, stats.written, stats.pending), (0, refused, 0), "{stats:?}");
    assert!(written_before < refused && stats.folded > 0, "{stats:?}");
    let database = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(database.1);
    let refused = i64::try_from(refused).unwrap();
    assert_eq!(totals(&database.0).await, (refused, refused));
    println!("{refused} violations, at most {most} pairs held, {} attempts failed", stats.failures);
}

async fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = found() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing came of it in five seconds");
}

#[tokio::test]
async fn shutting_down_while_the_server_is_gone_says_what_was_not_written() {
    let Some(server) = Server::start().await else { return };
    let sink = PostgresSink::new(&server.url()).unwrap();
    sink.migrate().await.unwrap();
    let tracker = quiet("gw").start(sink).unwrap();
    tracker.record_many("r", &Key::from("a"), 2);
    assert!(tracker.flush().await);
    server.kill();
    tracker.record_many("r", &Key::from("a"), 40);
    let report = tracker.shutdown_within(Duration::from_millis(300)).await;
    assert_eq!((report.written, report.lost), (0, 40));
}

#[tokio::test]
async fn the_ready_queries_answer_their_questions() {
    let Some(database) = Database::fresh().await else { return };
    for (instance, layout) in [("gw-1", Layout::Flat), ("gw-2", Layout::Nested)] {
        let sink = PostgresSink::new(&database.url).unwrap().layout(layout);
        sink.migrate().await.unwrap();
        let tracker = quiet(instance).start(sink).unwrap();
        tracker.record_many("login", &Key::from("mallory"), 30);
        tracker.record_many("search", &Key::from("mallory"), 5);
        tracker.record_many("search", &Key::from("alice"), 10);
        assert_eq!(tracker.shutdown().await.lost, 0);
    }
    let client = database.connect().await;
    client
        .batch_execute(
            "insert into rate_limit_violations (gateway_name, total_count, details) values \
             ('gw-1', 7, '{\"search-lower (shadow)\": {\"alice\": 4, \"bob\": 3}}'); \
             insert into rate_limit_violations (gateway_name, total_count, details, created_at) values \
             ('gw-1', 900, '{\"login\": {\"old\": 900}}', now() at time zone 'utc' - interval '30 days')",
        )
        .await
        .unwrap();
    let text = |rows: &[SimpleQueryRow], columns: &[&str]| -> Vec<String> {
        let line = |row: &SimpleQueryRow| {
            columns.iter().map(|column| row.get(*column).unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        rows.iter().map(line).collect()
    };
    let top = ready(&client, "top_offenders").await;
    let expected = [
        "mallory login 60",
        "alice search 20",
        "mallory search 10",
        "alice search-lower (shadow) 4",
        "bob search-lower (shadow) 3",
    ];
    assert_eq!(text(&top, &["client", "rule", "violations"]), expected);
    let rules = ready(&client, "busiest_rules").await;
    let expected = ["login 60 1 61.9", "search 30 2 30.9", "search-lower (shadow) 7 2 7.2"];
    assert_eq!(text(&rules, &["rule", "violations", "clients", "percent"]), expected);
    let trend = ready(&client, "trend_per_hour").await;
    let sum: u64 = text(&trend, &["violations"]).iter().map(|count| count.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 97);
    let lower = ready(&client, "lower_limit").await;
    let expected = ["alice search-lower (shadow) 4 20", "bob search-lower (shadow) 3 0"];
    assert_eq!(text(&lower, &["client", "rule", "would_be_refused", "refused_anyway"]), expected);
}
