//! What a table of readings does not say itself: shared by the commands that read one.

use anyhow::{Context, bail};
use reading::codec::csv::{CountUnit, CsvOptions, Stamps, UtcOffset};
use reading::{SeriesName, Timestamp};

/// What a table of readings does not say itself
#[derive(Clone, Debug, clap::Args)]
pub struct TableArgs {
    /// The series of rows that name none
    #[arg(long)]
    pub series: Option<SeriesName>,
    /// The stamps are numbers of this unit: s, ms, us, ns, min, h, d
    #[arg(long)]
    pub time_unit: Option<String>,
    /// The moment from which such numbers count
    #[arg(long, default_value = "1970-01-01T00:00:00Z")]
    pub origin: String,
    /// The offset of stamps that have none, say +09:00 or -08:00
    #[arg(long, allow_hyphen_values = true)]
    pub assume_offset: Option<String>,
}

impl TableArgs {
    /// How the table is read.
    ///
    /// # Errors
    /// What does not fit together or means nothing.
    pub fn options(&self) -> anyhow::Result<CsvOptions> {
        let stamps = match (&self.time_unit, self.offset()?) {
            (Some(_), Some(_)) => bail!("--time-unit and --assume-offset exclude each other"),
            (Some(unit), None) => {
                let unit = CountUnit::parse(unit)
                    .with_context(|| format!("`{unit}` is not one of s, ms, us, ns, min, h, d"))?;
                Stamps::Count(unit, Timestamp::parse(&self.origin)?)
            }
            (None, Some(offset)) => Stamps::Local(offset),
            (None, None) => Stamps::Rfc3339,
        };
        Ok(CsvOptions { series: self.series.clone(), stamps })
    }

    /// How far east stamps without an offset are.
    ///
    /// # Errors
    /// If it is not an offset.
    pub fn offset(&self) -> anyhow::Result<Option<UtcOffset>> {
        let Some(text) = &self.assume_offset else { return Ok(None) };
        let offset = UtcOffset::parse(text);
        offset.map(Some).with_context(|| format!("`{text}` is not an offset such as +09:00"))
    }
}
