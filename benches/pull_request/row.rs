//! A row of the table.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::json;

#[derive(Clone)]
pub struct Row {
    pub name: String,
    pub stacks: usize,
    pub wall_s: f64,
    /// The time of the bare engine on the same stacks, if there is something to compare.
    pub bare_s: Option<f64>,
    pub github_calls: usize,
    pub engine_processes: usize,
    pub peak_rss_mb: f64,
}

impl Row {
    /// Combines rounds that have the same rows: each row gets its median times and its largest
    /// counts.
    pub fn medians(rounds: Vec<Vec<Self>>) -> Vec<Self> {
        let rows = rounds.first().map_or(0, Vec::len);
        (0..rows).map(|i| Self::median(rounds.iter().map(|round| &round[i]).collect())).collect()
    }

    fn median(mut rows: Vec<&Self>) -> Self {
        // A time stays with the bare time of its own round, which was measured under the same load.
        rows.sort_by(|a, b| a.cost().total_cmp(&b.cost()));
        let most = |count: fn(&Self) -> usize| rows.iter().map(|row| count(row)).max().unwrap();
        Self {
            github_calls: most(|row| row.github_calls),
            engine_processes: most(|row| row.engine_processes),
            peak_rss_mb: rows.iter().map(|row| row.peak_rss_mb).fold(0.0, f64::max),
            ..rows[rows.len() / 2].clone()
        }
    }

    fn cost(&self) -> f64 {
        self.ratio().unwrap_or(self.wall_s)
    }

    fn ratio(&self) -> Option<f64> {
        self.bare_s.map(|bare| self.wall_s / bare)
    }
}

/// Returns the rows as a table in Markdown, as in the README.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| | stacks | from webhook to comment, s | bare engine, s | ratio | calls to GitHub | engine processes \
         | peak memory, MB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let or_nothing = |value: Option<f64>| value.map_or("–".into(), |it| format!("{it:.2}"));
        writeln!(
            table,
            "| {} | {} | {:.2} | {} | {} | {} | {} | {:.0} |",
            row.name,
            row.stacks,
            row.wall_s,
            or_nothing(row.bare_s),
            or_nothing(row.ratio()),
            row.github_calls,
            row.engine_processes,
            row.peak_rss_mb,
        )
        .unwrap();
    }
    table
}

pub fn write(rows: &[Row]) {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "stacks": row.stacks,
                "wall_s": rounded(row.wall_s),
                "bare_s": row.bare_s.map(rounded),
                "ratio": row.ratio().map(rounded),
                "github_calls": row.github_calls,
                "engine_processes": row.engine_processes,
                "peak_rss_mb": rounded(row.peak_rss_mb),
            })
        })
        .collect();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&dir).unwrap();
    let text = serde_json::to_string_pretty(&rows).unwrap() + "\n";
    fs::write(dir.join("pull_request.json"), text).unwrap();
}
