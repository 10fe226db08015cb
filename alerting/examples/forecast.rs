//! Forecasts the end of a movement from `t,value` rows on standard input (header first): one line
//! `t,forecast,earliest,latest` a row, empty where nothing is forecast. Row k uses rows 0 to k only.
//!
//! `cargo run --release -p alerting --example forecast -- [LIMIT]`, where LIMIT is the displacement that is the end.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

#[expect(dead_code, reason = "where the fit alone begins is looked at by a test")]
#[path = "../tests/failure_time/rows.rs"]
mod rows;

use std::io::Read as _;

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let limit = std::env::args().nth(1).and_then(|limit| limit.parse().ok());
    let rows = rows::read(&text);
    for (row, (t, _)) in rows::forecasts(&rows, limit).iter().zip(&rows) {
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let [at, low, high] = row.forecast.map_or([None; 3], |forecast| forecast.map(Some));
        println!("{t},{},{},{}", number(at), number(low), number(high));
    }
    Ok(())
}
