//! Style, script and icon, as part of the program, under names that change with what is in them.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ring::digest;

use super::Shared;
use super::api::Named;
use super::problem::{Kind, Problem};

/// The module that others import goes before them: they name it as it is served.
const FILES: [(&str, &str, &str); 8] = [
    ("words.js", "text/javascript; charset=utf-8", include_str!("assets/words.js")),
    ("board.css", "text/css; charset=utf-8", include_str!("assets/board.css")),
    ("board.js", "text/javascript; charset=utf-8", include_str!("assets/board.js")),
    ("orders.js", "text/javascript; charset=utf-8", include_str!("assets/orders.js")),
    ("counters.js", "text/javascript; charset=utf-8", include_str!("assets/counters.js")),
    ("forms.js", "text/javascript; charset=utf-8", include_str!("assets/forms.js")),
    ("map.js", "text/javascript; charset=utf-8", include_str!("assets/map.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

struct Asset {
    name: &'static str,
    /// `0f3a…-board.css`.
    file: String,
    content_type: &'static str,
    text: String,
}

pub(super) struct Assets(Vec<Asset>);

impl Assets {
    pub(super) fn new() -> Self {
        let mut assets: Vec<Asset> = Vec::with_capacity(FILES.len());
        for (name, content_type, text) in FILES {
            let mut text = text.to_owned();
            for known in &assets {
                let (plain, marked) = (&known.name, &known.file);
                text = text.replace(&format!("\"./{plain}\""), &format!("\"./{marked}\""));
            }
            let digest = digest::digest(&digest::SHA256, text.as_bytes());
            let mark: String =
                digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            assets.push(Asset { name, file: format!("{mark}-{name}"), content_type, text });
        }
        Self(assets)
    }

    /// Where a file of [`FILES`] is served.
    pub(super) fn address(&self, name: &str) -> String {
        let file = self.0.iter().find(|asset| asset.name == name).map_or(name, |asset| &asset.file);
        format!("/assets/{file}")
    }
}

/// A file under its marked name, kept by browsers for good; under its plain name, for a day at most.
pub(super) async fn serve(
    State(app): State<Shared>,
    Named(file): Named,
) -> Result<Response, Problem> {
    let asset = app
        .assets
        .0
        .iter()
        .find(|asset| asset.file == file || asset.name == file)
        .ok_or(Kind::NotFound)?;
    let kept = if asset.file == file {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=86400"
    };
    Ok(([(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, kept)], asset.text.clone())
        .into_response())
}
