//! `bongsu audit verify` and `bongsu audit export`: the trail of a ledger or of an export, without a running daemon.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use alerting::catalogue::{self, Language};
use delivery::ledger::audit::verify_export;
use delivery::ledger::{AuditError, AuditHead, Trail};

use super::{NO, failed};

/// Verifies the trail of decisions, approvals, sends, receipts, sign-ins and configurations, or writes it out
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Looks whether the trail is as it was written, and names the first entry that is not
    Verify {
        /// The data directory
        #[arg(long, required_unless_present = "file")]
        data_dir: Option<PathBuf>,
        /// An export, instead of a data directory
        #[arg(long, conflicts_with = "data_dir")]
        file: Option<PathBuf>,
        /// The answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes the trail to standard output, one entry a line and its head at the end
    Export {
        /// The data directory
        #[arg(long)]
        data_dir: PathBuf,
    },
}

/// Runs it. The status is 0 if the trail holds, 1 if it does not.
pub fn run(args: &AuditArgs, language: Language) -> ExitCode {
    match &args.what {
        What::Verify { data_dir, file, json } => {
            told(verified(data_dir.as_ref(), file.as_ref()), *json, language)
        }
        What::Export { data_dir } => match export(data_dir) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => broken(error, false),
        },
    }
}

fn verified(data_dir: Option<&PathBuf>, file: Option<&PathBuf>) -> Result<AuditHead, AuditError> {
    match (data_dir, file) {
        (_, Some(file)) => verify_export(BufReader::new(File::open(file)?)),
        (Some(folder), None) => Trail::open(&folder.join("ledger.sqlite"))?.follow(|_| Ok(())),
        (None, None) => Err(io::Error::from(io::ErrorKind::NotFound).into()),
    }
}

fn export(data_dir: &std::path::Path) -> Result<AuditHead, AuditError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let head = Trail::open(&data_dir.join("ledger.sqlite"))?.follow(|row| {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")
    })?;
    serde_json::to_writer(&mut out, &head).map_err(io::Error::from)?;
    out.flush()?;
    Ok(head)
}

fn told(answer: Result<AuditHead, AuditError>, json: bool, language: Language) -> ExitCode {
    match answer {
        Ok(head) if json => {
            println!(
                "{}",
                serde_json::json!({ "holds": true, "entries": head.entries, "head": head.head })
            );
            ExitCode::SUCCESS
        }
        Ok(head) => {
            let values = [&*head.entries.to_string(), &head.head];
            println!("{}", catalogue::fill("audit-holds", language, &values));
            ExitCode::SUCCESS
        }
        Err(error) => broken(error, json),
    }
}

fn broken(error: AuditError, json: bool) -> ExitCode {
    match error {
        AuditError::Ledger(_) | AuditError::Read(_) => failed(&error.into()),
        found => {
            if json {
                println!("{}", serde_json::json!({ "holds": false, "why": found.to_string() }));
            } else {
                eprintln!("{found}");
            }
            ExitCode::from(NO)
        }
    }
}
