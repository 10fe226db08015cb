//! `bongsu doctor serial PATH`: what comes on a port, and what it may be; or what a Modbus unit holds, in every order.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use alerting::catalogue::{Language, fill, message};
use ingest::collector::serial::bus::ask_once;
use ingest::collector::serial::config::{LineConfig, Parity, Way};
use ingest::collector::serial::overhear;
use reading::codec::modbus::{Answer, NumberKind, Question, RegisterTable, WordOrder, exception};
use serde_json::{Value, json};

use super::guess::{Guess, guesses};

/// The speeds that are tried if none is given, the likeliest first.
const BAUDS: [u32; 8] = [9_600, 115_200, 19_200, 38_400, 4_800, 57_600, 2_400, 1_200];
/// How much is listened to at most.
const HEARD_MAX: usize = 64 << 10;
/// How much of it is shown.
const SHOWN_MAX: usize = 256;
/// How long a unit may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Shows what comes on a port and what it may be; with --unit, what a Modbus unit holds
#[derive(Clone, Debug, clap::Args)]
pub struct SerialArgs {
    /// The port, say /dev/serial/by-id/…
    pub path: PathBuf,
    /// Its speed; without it the usual ones are tried
    #[arg(long)]
    pub baud: Option<u32>,
    /// How many seconds to listen at each speed
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub listen_s: u64,
    /// Asks this Modbus unit instead
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=247))]
    pub unit: Option<u8>,
    /// From which table
    #[arg(long, default_value = "holding", value_parser = table_named, requires = "unit")]
    pub table: RegisterTable,
    /// From which address, counted from 0
    #[arg(long, default_value_t = 0, requires = "unit")]
    pub address: u16,
    /// How many registers or bits
    #[arg(long, default_value_t = 4, requires = "unit", value_parser = clap::value_parser!(u16).range(1..=125))]
    pub count: u16,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

fn table_named(text: &str) -> Result<RegisterTable, String> {
    let found = RegisterTable::ALL.into_iter().find(|table| table.name() == text);
    found.ok_or_else(|| "write holding, input, coil or discrete-input".into())
}

/// Shows it. Whether anything was understood.
///
/// # Errors
/// If the port cannot be used, or nothing can be printed.
pub async fn run(
    args: &SerialArgs,
    language: Language,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    match args.unit {
        Some(unit) => ask(args, unit, language, out).await,
        None => listen(args, language, out).await,
    }
}

fn filled(key: &'static str, language: Language, words: &[String]) -> String {
    fill(key, language, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn speeds(args: &SerialArgs) -> Vec<u32> {
    args.baud.map_or_else(|| BAUDS.to_vec(), |baud| vec![baud])
}

/// Listens at each speed until one makes sense.
async fn listen(
    args: &SerialArgs,
    language: Language,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let mut heard_any = false;
    for baud in speeds(args) {
        let line = LineConfig::new(&args.path, baud);
        let bytes = overhear(&line, Duration::from_secs(args.listen_s), HEARD_MAX).await?;
        heard_any |= !bytes.is_empty();
        let guesses = guesses(&bytes);
        show_heard(args.json, language, &line, &bytes, &guesses, out)?;
        if guesses.first().is_some_and(|guess| guess.share > 0.5) {
            return Ok(true);
        }
    }
    if !args.json {
        let key = if heard_any { "doctor-nothing-fits" } else { "doctor-nothing-comes" };
        writeln!(out, "{}", message(key, language))?;
    }
    Ok(false)
}

fn show_heard(
    as_json: bool,
    language: Language,
    line: &LineConfig,
    bytes: &[u8],
    guesses: &[Guess],
    out: &mut impl Write,
) -> std::io::Result<()> {
    if as_json {
        let hex: String = bytes.iter().take(SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
        let shown = json!({ "port": line.to_string(), "baud": line.baud, "bytes": bytes.len(), "hex": hex, "fits": guesses });
        return writeln!(out, "{shown}");
    }
    let words = [line.to_string(), bytes.len().to_string()];
    writeln!(out, "{}", filled("doctor-heard", language, &words))?;
    for (row, chunk) in bytes.chunks(16).take(SHOWN_MAX / 16).enumerate() {
        let hex: String = chunk.iter().map(|byte| format!("{byte:02x} ")).collect();
        let text: String = chunk
            .iter()
            .map(|byte| if (0x20..0x7F).contains(byte) { *byte as char } else { '.' })
            .collect();
        writeln!(out, "  {:04x}  {hex:<48} {text}", row * 16)?;
    }
    for Guess { format, frames, share, example } in guesses {
        let percent = format!("{:.0}", share * 100.0);
        let words = [(*format).to_owned(), frames.to_string(), percent, example.clone()];
        writeln!(out, "  {}", filled("doctor-fits", language, &words))?;
    }
    Ok(())
}

/// Asks at each speed, without and with parity, until something answers.
async fn ask(
    args: &SerialArgs,
    unit: u8,
    language: Language,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let question = Question { unit, table: args.table, address: args.address, count: args.count };
    for baud in speeds(args) {
        for parity in [Parity::None, Parity::Even] {
            let line = LineConfig { parity, ..LineConfig::new(&args.path, baud) };
            let answer = ask_once(&Way::Rtu(line.clone()), &question, ANSWER_WITHIN).await?;
            let Some(answer) = answer else { continue };
            show_answer(args.json, language, &line, &question, &answer, out)?;
            if matches!(answer, Answer::Registers(_) | Answer::Bits(_) | Answer::Exception(_)) {
                return Ok(!matches!(answer, Answer::Exception(_)));
            }
        }
    }
    if !args.json {
        writeln!(out, "{}", filled("doctor-unit-silent", language, &[unit.to_string()]))?;
    }
    Ok(false)
}

fn show_answer(
    as_json: bool,
    language: Language,
    line: &LineConfig,
    question: &Question,
    answer: &Answer,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let Question { unit, table, address, count } = question;
    let table = table.name();
    if as_json {
        let mut shown = json!({ "port": line.to_string(), "unit": unit, "table": table, "address": address, "count": count });
        let (key, value) = match answer {
            Answer::Registers(registers) => ("registers", orders_json(registers, *address)),
            Answer::Bits(bits) => ("bits", json!(bits)),
            Answer::Exception(code) => {
                ("exception", json!({ "code": code, "meaning": exception(*code) }))
            }
            Answer::Bad(bytes) | Answer::BadTcp(bytes) => ("bad", json!(bytes)),
        };
        shown[key] = value;
        return writeln!(out, "{shown}");
    }
    let last = u32::from(*address) + u32::from(*count) - 1;
    let asked = [line.to_string(), unit.to_string(), format!("{table} {address}..{last}")];
    writeln!(out, "{}", filled("doctor-unit", language, &asked))?;
    match answer {
        Answer::Registers(registers) => show_registers(registers, *address, out),
        Answer::Bits(bits) => {
            for (i, bit) in bits.iter().enumerate() {
                writeln!(out, "  {:>5}  {}", usize::from(*address) + i, u8::from(*bit))?;
            }
            Ok(())
        }
        Answer::Exception(code) => {
            let words = [code.to_string(), exception(*code).to_owned()];
            writeln!(out, "  {}", filled("doctor-exception", language, &words))
        }
        Answer::Bad(bytes) | Answer::BadTcp(bytes) => {
            writeln!(out, "  {}", filled("doctor-no-answer", language, &[format!("{bytes:02x?}")]))
        }
    }
}

const WIDE: [(&str, NumberKind); 3] =
    [("u32", NumberKind::U32), ("i32", NumberKind::I32), ("f32", NumberKind::F32)];

/// Each register by itself, and each pair in every order: the one that shows what the instrument's display shows is
/// right.
fn show_registers(registers: &[u16], address: u16, out: &mut impl Write) -> std::io::Result<()> {
    for (i, register) in registers.iter().enumerate() {
        writeln!(
            out,
            "  {:>5}  {register:04x}  u16 {register}  i16 {}",
            usize::from(address) + i,
            register.cast_signed()
        )?;
    }
    for (i, pair) in registers.windows(2).enumerate().step_by(2) {
        for (name, order) in WordOrder::ALL {
            let numbers =
                WIDE.map(|(kind, number)| format!("{kind} {}", order.number(number, pair)));
            writeln!(out, "  {:>5}  {name}  {}", usize::from(address) + i, numbers.join("  "))?;
        }
    }
    Ok(())
}

fn orders_json(registers: &[u16], address: u16) -> Value {
    let pairs = registers.windows(2).enumerate().step_by(2).map(|(i, pair)| {
        let orders = WordOrder::ALL.map(|(name, order)| {
            let numbers = WIDE.map(|(kind, number)| (kind.to_string(), json!(order.number(number, pair))));
            (name.to_string(), Value::Object(numbers.into_iter().collect()))
        });
        json!({ "address": usize::from(address) + i, "orders": Value::Object(orders.into_iter().collect()) })
    });
    json!({ "raw": registers, "pairs": pairs.collect::<Vec<_>>() })
}
