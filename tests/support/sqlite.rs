//! SQLite files for the tests, each in a fresh folder.

use std::fs;
use std::path::PathBuf;
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};

use admittance::store::sql::{SqlConfig, SqliteStore};

/// A fresh folder, which is removed when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn fresh() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = crate::folder()
            .join("sqlite")
            .join(format!("{}-{number}", id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The same, kept when this is dropped: the next run of the tests replaces it.
    pub fn kept(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("accounts.db")
    }

    /// The URL of the file.
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A store with connections of its own over the file.
pub async fn store_at(url: &str) -> SqliteStore {
    SqliteStore::open(url, config()).await.unwrap()
}

/// The default settings, but for deadlines that no machine is too slow for.
pub fn config() -> SqlConfig {
    crate::postgres::config()
}
