//! Who runs the broker comes in by a key of its own where nobody comes in without one.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{NoChance, new_password};
use crate::door::{Secret, User};
use crate::file::write_private;

/// As whom: no gateway and no user can be called so.
pub const OWNER: &str = "bongsu@owner";

/// Its key, in the folder of the broker's data.
const FILE: &str = "owner-key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// The file cannot be read or written.
    #[error("cannot read or write {}, the broker's own key; check who owns it", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// None can be made.
    #[error(transparent)]
    NoChance(#[from] NoChance),
}

/// The key, if one was made: for another program of the same owner.
///
/// # Errors
/// [`OwnerError::File`].
pub fn owner_key(data_dir: &Path) -> Result<Option<String>, OwnerError> {
    let path = data_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(key) => Ok(Some(key.trim().to_owned()).filter(|key| !key.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OwnerError::File { path, source }),
    }
}

/// The owner, with the key in this folder. If there is none: a new one, readable by its owner alone, where it is
/// needed.
pub(crate) fn owner(data_dir: &Path, is_needed: bool) -> Result<Option<User>, OwnerError> {
    let key = match owner_key(data_dir)? {
        None if is_needed => Some(made(data_dir)?),
        key => key,
    };
    Ok(key.map(|key| User { name: OWNER.into(), password: Secret::new(key) }))
}

fn made(data_dir: &Path) -> Result<String, OwnerError> {
    let (key, path) = (new_password()?, data_dir.join(FILE));
    std::fs::create_dir_all(data_dir)
        .and_then(|()| write_private(&path, key.as_bytes()))
        .map_err(|source| OwnerError::File { path, source })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("broker");
        assert_eq!(owner_key(&data_dir).unwrap(), None);
        assert!(owner(&data_dir, false).unwrap().is_none() && !data_dir.exists());
        owner(&data_dir, true).unwrap();
        let made = owner_key(&data_dir).unwrap().unwrap();
        assert_eq!(made.len(), 32);
        assert!(owner(&data_dir, false).unwrap().is_some(), "whoever has the key is let in");
        owner(&data_dir, true).unwrap();
        assert_eq!(owner_key(&data_dir).unwrap().unwrap(), made);
        assert!(!reading::id::is_id(OWNER), "no gateway takes its name");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(data_dir.join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
