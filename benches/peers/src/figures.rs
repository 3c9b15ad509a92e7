//! Sealane's figures, a peer's, and the rows of a table with both.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

/// Transactions a second, over some runs.
pub(crate) struct Figures {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figures {
    /// Of at least one run.
    pub(crate) fn of(mut rates: Vec<f64>) -> Self {
        rates.sort_by(f64::total_cmp);
        Self {
            median: rates[rates.len() / 2],
            min: rates[0],
            max: rates[rates.len() - 1],
        }
    }
}

/// What `banking-bench --json` wrote.
pub(crate) struct Sealane {
    pub(crate) workload: String,
    pub(crate) signatures: bool,
    pub(crate) figures: Figures,
    json: Value,
}

impl Sealane {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let json: Value = serde_json::from_slice(&fs::read(path)?)?;
        let number = |name: &str| json[name].as_f64().with_context(|| format!("no {name}"));
        Ok(Self {
            workload: json["workload"].as_str().context("no workload")?.into(),
            signatures: json["sigverify"] == "on",
            figures: Figures {
                median: number("tps_median")?,
                min: number("tps_min")?,
                max: number("tps_max")?,
            },
            json,
        })
    }

    /// What was measured, and the head of the table.
    pub(crate) fn print_title(&self) {
        println!(
            "{}: {} transactions, {} accounts, signatures {}",
            self.workload,
            self.json["transactions"],
            self.json["accounts"],
            if self.signatures {
                "checked"
            } else {
                "checked beforehand"
            }
        );
        println!(
            "  {:<36}{:>12}{:>12}{:>12}{:>10}",
            "", "median", "min", "max", "ratio"
        );
    }

    /// Prints a row, and adds it to a file if there is one.
    pub(crate) fn row(&self, name: &str, figures: &Figures, rows: Option<&Path>) -> Result<()> {
        let Figures { median, min, max } = figures;
        let ratio = self.figures.median / median;
        println!("  {name:<36}{median:>12.0}{min:>12.0}{max:>12.0}{ratio:>10.2}");
        let Some(path) = rows else { return Ok(()) };
        let row = json!({
            "workload": self.workload,
            "signatures": self.signatures,
            "name": name,
            "median": median,
            "min": min,
            "max": max,
            "ratio": ratio,
        });
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{row}").with_context(|| format!("cannot write {}", path.display()))
    }
}
