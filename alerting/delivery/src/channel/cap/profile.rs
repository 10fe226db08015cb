//! What a receiver asks beyond CAP 1.2 itself: codes that must stand in a document, lengths and shapes it takes.
//!
//! A breach is said aloud and never holds a message back: a gateway that refuses it says so itself.

use alerting::{Alert, SiteFacts};

/// A receiver's profile. [`Profile::default`] asks for nothing but what CAP 1.2 does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What stands in `code`.
    pub codes: Vec<String>,
    /// `eventCode` of every `info`, as (valueName, value).
    pub event_codes: Vec<(String, String)>,
    /// `geocode` of every `area` beside the district's, as (valueName, value).
    pub geocodes: Vec<(String, String)>,
    /// The longest headline, characters.
    pub headline_max: usize,
    /// The longest description and the longest instruction, characters.
    pub text_max: usize,
    /// Whether every area needs a district code.
    pub district: bool,
    /// The most points of a polygon.
    pub points_max: usize,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            codes: Vec::new(),
            event_codes: Vec::new(),
            geocodes: Vec::new(),
            headline_max: usize::MAX,
            text_max: usize::MAX,
            district: false,
            points_max: 100,
        }
    }
}

impl Profile {
    /// Korea: a district code in every area, since the profile of 통합경보시스템 is not public;
    /// headlines that fit a caption of 157 characters.
    pub fn korea() -> Self {
        Self { district: true, headline_max: 157, ..Self::default() }
    }

    /// Limits as the US gateway has them, customary: its code, SAME codes, a headline of 160 characters, texts that
    /// are read out within two minutes (1 800 characters). The codes themselves depend on the place.
    pub fn ipaws() -> Self {
        Self {
            codes: vec!["IPAWSv1.0".into()],
            event_codes: vec![("SAME".into(), "CEM".into())],
            geocodes: vec![("SAME".into(), "000000".into())],
            headline_max: 160,
            text_max: 1_800,
            ..Self::default()
        }
    }

    /// What of a site does not fit.
    pub fn breaches_of_site(&self, site: &SiteFacts) -> Vec<String> {
        let mut breaches = Vec::new();
        if self.district && site.district.is_empty() {
            breaches.push("the site has no district code".into());
        }
        if site.polygon.len() > self.points_max {
            breaches.push(format!(
                "the polygon has {} points, {} are the most",
                site.polygon.len(),
                self.points_max
            ));
        }
        breaches
    }

    /// What of a message does not fit.
    pub fn breaches(&self, alert: &Alert) -> Vec<String> {
        let mut breaches = self.breaches_of_site(&alert.site);
        for (what, text, most) in [
            ("headline", &alert.headline, self.headline_max),
            ("description", &alert.description, self.text_max),
            ("instruction", &alert.instruction, self.text_max),
        ] {
            for said in [&text.ko, &text.en] {
                let length = alerting::text::length(said);
                if length > most {
                    breaches.push(format!("{what}: {length} characters, {most} are the most"));
                }
            }
        }
        breaches
    }
}
