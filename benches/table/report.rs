//! What was measured, where and how, as Markdown.

use std::fmt::Write as _;
use std::process::Command;

use crate::measure::Line;

pub(crate) struct Report {
    text: String,
    section: String,
}

impl Report {
    pub(crate) fn new(date: Option<String>) -> Self {
        let date = date.unwrap_or_else(|| output("date", &["-u", "+%Y-%m-%d"]));
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
        let mut report = Report { text: String::new(), section: String::new() };
        report.say("# Measured\n");
        report.say("Medians of interleaved rounds; a ratio is the median of the ratios within each round.\n");
        report.say(&format!("- command: `cargo bench -p benches --bench table -- {}`", arguments.join(" ")));
        report.say(&format!("- machine: {}, {cores} cores", model.unwrap_or("unknown processor")));
        report.say(&format!("- compiler: {}", output("rustc", &["--version"])));
        report.say(&format!("- date: {date}"));
        report
    }

    pub(crate) fn lines(&mut self, title: &str, lines: Vec<Line>) {
        self.table(title, "| | ns | ratio | to |\n|---|---|---|---|");
        for line in lines {
            self.say(&format!("| {} | {:.1} | {:.2} | {} |", line.name, line.nanos, line.ratio, line.against));
        }
    }

    /// Starts a table, unless the one of this title is open.
    pub(crate) fn table(&mut self, title: &str, head: &str) {
        if self.section != title {
            self.section = title.to_owned();
            self.say(&format!("\n## {title}\n\n{head}"));
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        println!("{line}");
        let _ = writeln!(self.text, "{line}");
    }

    pub(crate) fn finish(self, write: bool) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");
        if write && let Err(error) = std::fs::write(path, self.text) {
            eprintln!("{path} was not written: {error}");
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |found| String::from_utf8_lossy(&found.stdout).trim().to_owned())
}
