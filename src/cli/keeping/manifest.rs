//! What a part of a backup says about itself, and proving that it is still so.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{cannot, sync_folder};
use crate::clock::Instant;
use crate::storage::copies::Contents;

/// The form of the manifest; another one is refused by name.
const FORMAT: u32 = 1;
const FILE: &str = "manifest.json";

/// Which half of a house a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Data,
    Keys,
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Data => "data",
            Part::Keys => "keys",
        }
    }
}

/// `manifest.json`, written last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    goldaw_backup: u32,
    pub(super) part: Part,
    /// The program that made it.
    program: String,
    /// `sqlite` or `postgres`.
    pub(super) engine: String,
    pub(super) schema: String,
    pub(super) migration: String,
    /// When copying began.
    pub(super) taken_at: Instant,
    /// The fingerprint of the keyring.
    pub(super) house: String,
    pub(super) rows: BTreeMap<String, i64>,
    files: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Describes the files of a part as they are on disk now.
    pub(super) fn of(
        folder: &Path,
        part: Part,
        house: &str,
        contents: Contents,
        taken_at: Instant,
        names: &[&str],
    ) -> Result<Manifest, String> {
        let files: Result<Vec<Entry>, String> = names.iter().map(|name| Entry::of(folder, name)).collect();
        Ok(Manifest {
            goldaw_backup: FORMAT,
            part,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            engine: contents.engine,
            schema: contents.schema,
            migration: contents.migration,
            taken_at,
            house: house.to_owned(),
            rows: contents.rows,
            files: files?,
        })
    }

    /// Writes it beside the files. On disk when it returns.
    pub(super) fn save(&self, folder: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|_| "the manifest cannot be written".to_owned())?;
        write_private(&folder.join(FILE), text.as_bytes())?;
        sync_folder(folder)
    }

    /// Reads the manifest of one part. Errors: a sentence, also when it is of another part.
    pub(super) fn load(folder: &Path, part: Part) -> Result<Manifest, String> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
        let format = serde_json::from_str::<serde_json::Value>(&text).ok();
        let format = format.and_then(|value| value.get("goldaw_backup")?.as_u64());
        if format.is_some_and(|format| format != u64::from(FORMAT)) {
            return Err(format!("{} was written by a newer program: restore with that one", path.display()));
        }
        let manifest: Manifest = serde_json::from_str(&text).map_err(|_| format!("{} is damaged", path.display()))?;
        if manifest.part != part {
            return Err(format!(
                "{} is of the {} and not of the {}",
                path.display(),
                manifest.part.name(),
                part.name()
            ));
        }
        Ok(manifest)
    }

    /// Reads every file again. Errors: each file that is not as it was, one sentence each.
    pub(super) fn prove(&self, folder: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        for entry in &self.files {
            match Entry::of(folder, &entry.name) {
                Ok(now) if now.bytes == entry.bytes && now.sha256 == entry.sha256 => {}
                Ok(_) => faults
                    .push(format!("{} is not as it was when the backup was made", folder.join(&entry.name).display())),
                Err(told) => faults.push(told),
            }
        }
        faults
    }

    /// The file that holds the database.
    pub(super) fn database(&self, folder: &Path) -> Result<PathBuf, String> {
        let name = self.files.first().map(|entry| entry.name.as_str());
        name.map(|name| folder.join(name)).ok_or_else(|| format!("{} lists no file", folder.join(FILE).display()))
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }
}

impl Entry {
    fn of(folder: &Path, name: &str) -> Result<Entry, String> {
        // A name from a manifest is only ever a name in the same folder.
        if Path::new(name).components().count() != 1 || name.starts_with('.') {
            return Err(format!("{}: a file name that is not one", folder.join(FILE).display()));
        }
        let path = folder.join(name);
        let (bytes, sha256) = digest(&path).map_err(|error| cannot(&path, &error))?;
        Ok(Entry { name: name.to_owned(), bytes, sha256 })
    }
}

fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        bytes += u64::try_from(read).unwrap_or_default();
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A new file of mode 0600, on disk when it returns.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| cannot(path, &error))
}
