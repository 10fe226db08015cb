//! The levels of a site: 정상, 관심, 주의, 경계, 심각.

use core::fmt;

use serde::{Deserialize, Serialize};

/// How serious things are at a site. "Severity" is CAP's word and lives with the CAP channel.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// 정상: background noise.
    #[default]
    Normal,
    /// 관심: something to look at.
    Attention,
    /// 주의: abnormal movement or wet ground.
    Caution,
    /// 경계: consistent or strong movement.
    Warning,
    /// 심각: failure probable in hours.
    Severe,
}

impl Level {
    /// Every level, mildest first.
    pub const ALL: [Self; 5] =
        [Self::Normal, Self::Attention, Self::Caution, Self::Warning, Self::Severe];

    /// Its name in configuration, on the wire and in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Attention => "attention",
            Self::Caution => "caution",
            Self::Warning => "warning",
            Self::Severe => "severe",
        }
    }

    /// The level of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// One level milder; normal stays normal.
    #[must_use]
    pub const fn milder(self) -> Self {
        match self {
            Self::Normal | Self::Attention => Self::Normal,
            Self::Caution => Self::Attention,
            Self::Warning => Self::Caution,
            Self::Severe => Self::Warning,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
