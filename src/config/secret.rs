//! Secrets stand elsewhere; the configuration only says where. They are read at start, not at check.

use std::fmt;
use std::path::{Path, PathBuf};

use delivery::Secret;

use super::problem::{Place, Problems};
use super::value::Fault;

/// Where systemd puts the credentials of a unit.
const CREDENTIALS_FOLDER: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In a file, less its last line break.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
    /// In a credential of the systemd unit (`LoadCredential=`).
    Credential(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

impl SecretRef {
    /// Reads a reference; relative files lie beside the configuration, in `folder`. Anything else may be the
    /// secret itself, so a message never repeats it.
    ///
    /// # Errors
    /// A `Fault` for anything else.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Fault> {
        let remedy = "put it into a file that only bongsu may read and write \"file:/etc/bongsu/secrets/NAME\", \
                      or write \"env:NAME\" or \"credential:NAME\"";
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(folder.join(path))),
            Some(("env", name)) if is_variable(name) => Ok(Self::Env(name.into())),
            Some(("credential", name)) if is_credential(name) => Ok(Self::Credential(name.into())),
            Some(("file" | "env" | "credential", _)) => {
                Err(Fault::new("the reference to the secret names nothing that can be", remedy))
            }
            _ => Err(Fault::new("a secret stands here in plain", remedy)),
        }
    }

    /// Warns of a file that is not there, that we may not read, or that everybody may.
    pub(super) fn examine(&self, place: &Place, problems: &mut Problems) {
        let Self::File(path) = self else { return };
        let shown = path.display();
        match std::fs::File::open(path).and_then(|file| file.metadata()) {
            Err(error) => problems.warn(
                place,
                format!("cannot read the secret in {shown}: {error}"),
                "put it there, readable for the user bongsu runs as, before bongsu starts",
            ),
            Ok(metadata) if is_open_to_all(&metadata) => problems.warn(
                place,
                format!("everybody on this machine may read the secret in {shown}"),
                "run chmod o-rwx on it",
            ),
            Ok(_) => {}
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_credential(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

#[cfg(unix)]
fn is_open_to_all(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_: &std::fs::Metadata) -> bool {
    false
}

/// A secret that is not where it should be.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error(
        "cannot read the secret {reference}; check that it is there and that bongsu's user may read it"
    )]
    File {
        /// Where it should be.
        reference: SecretRef,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its variable is not set, or systemd handed over no credentials.
    #[error("the secret {reference} is not set; set `{variable}` in bongsu's environment")]
    Variable {
        /// Where it should be.
        reference: SecretRef,
        /// Which variable is missing.
        variable: String,
    },
    /// Nothing stands there.
    #[error("the secret {reference} is empty; write it there")]
    Empty {
        /// Where it should be.
        reference: SecretRef,
    },
}

/// Reads a secret from where its reference says.
///
/// # Errors
/// [`SecretError`] if it is not there. No message contains any part of a secret.
pub fn resolve_secret(reference: &SecretRef) -> Result<Secret, SecretError> {
    let variable = |name: &str| {
        std::env::var(name).map_err(|_| SecretError::Variable {
            reference: reference.clone(),
            variable: name.into(),
        })
    };
    let file = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|source| SecretError::File { reference: reference.clone(), source })
    };
    let text = match reference {
        SecretRef::File(path) => file(path)?,
        SecretRef::Env(name) => variable(name)?,
        SecretRef::Credential(name) => file(&Path::new(&variable(CREDENTIALS_FOLDER)?).join(name))?,
    };
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(SecretError::Empty { reference: reference.clone() }),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        for literal in [
            "hunter2",
            "whsec_abc:def",
            "https://user:pw@host",
            "file:",
            "env:A B",
            "credential:../x",
        ] {
            let fault = SecretRef::parse(literal, Path::new("")).unwrap_err();
            let said = format!("{} {}", fault.what, fault.remedy);
            assert!(
                !said.contains("hunter2") && !said.contains("abc") && !said.contains("pw"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_secret_is_read_without_its_line_break_and_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good"), "hunter2\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let read = |name: &str| {
            resolve_secret(&SecretRef::parse(&format!("file:{name}"), folder.path()).unwrap())
        };
        let secret = read("good").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(matches!(read("empty"), Err(SecretError::Empty { .. })));
        assert!(matches!(read("missing"), Err(SecretError::File { .. })));
        let unset = resolve_secret(&SecretRef::Env("BONGSU_NO_SUCH_VARIABLE".into()));
        assert!(matches!(unset, Err(SecretError::Variable { .. })));
    }
}
