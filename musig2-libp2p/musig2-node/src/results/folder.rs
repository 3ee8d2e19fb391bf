//! Records as files. Each is written completely or not at all, with a checksum, under a name that
//! begins with its time.
//!
//! `<folder>/signed/<milliseconds>-<session>.json`, and likewise in `unsigned` (approved here, and
//! ended without signatures or not ended yet) and `declined`. Each of the three sets is bounded on
//! its own, so that sessions announced by strangers evict nothing that this node took part in. A
//! file has two lines: the SHA-256 of the second one, in hex, and the record.

use crate::model::record::{Record, Status};
use crate::text::hex::Hex;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The extension of a file that is not complete yet.
const UNFINISHED: &str = "new";

/// The time at which a record was made, and its session.
pub(super) type Key = (u64, [u8; 32]);

/// The set that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Signed,
    Unsigned,
    Declined,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Declined, Self::Unsigned, Self::Signed];

    pub(super) fn of(record: &Record) -> Self {
        match record.status {
            // Anyone can bring the signatures of a session that nobody approved here, so those must
            // not fill the signed set.
            _ if record.approval.is_none() => Self::Declined,
            Status::Signed => Self::Signed,
            _ => Self::Unsigned,
        }
    }

    /// Ranks the kinds for when not everything can be kept: the lowest is dropped first.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Declined => 0,
            Self::Unsigned => 1,
            Self::Signed => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
            Self::Declined => "declined",
        }
    }
}

/// The folder with the records.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates missing folders, and lists the records there. Does not read them.
    pub(super) fn list(&self, kind: Kind) -> io::Result<Vec<Key>> {
        let folder = self.path.join(kind.name());
        make(&folder)?;
        let mut keys = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                // The machine stopped before this file was complete.
                Some(UNFINISHED) => drop(fs::remove_file(&path)),
                _ => keys.extend(path.file_name().and_then(|name| key_of(name.to_str()?))),
            }
        }
        Ok(keys)
    }

    /// Writes a record. When this returns, the record is on disk. A declined one, which strangers
    /// can cause, is not synced and reaches the disk soon after.
    pub(super) fn write(&self, kind: Kind, key: &Key, record: &Record) -> io::Result<()> {
        let text = serde_json::to_string(record)?;
        let path = self.file(kind, key);
        let unfinished = path.with_extension(UNFINISHED);
        let folder = self.path.join(kind.name());
        make(&folder)?;
        let written = write(&unfinished, &text, kind != Kind::Declined)
            .and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = written {
            // On a full disk, half a record would take space that a whole one needs.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        if kind == Kind::Declined || cfg!(not(unix)) {
            Ok(())
        } else {
            File::open(&folder)?.sync_all()
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If it is not there, or not as it was written.
    pub(super) fn read(&self, kind: Kind, key: &Key) -> io::Result<Record> {
        let path = self.file(kind, key);
        let failed = |problem: String| {
            io::Error::other(format!("the record {} is damaged: {problem}", path.display()))
        };
        let text = fs::read_to_string(&path)?;
        let (checksum, record) =
            text.split_once('\n').ok_or_else(|| failed("it is truncated".into()))?;
        if checksum != hex::encode(Sha256::digest(record.trim_end_matches('\n'))) {
            return Err(failed("its checksum does not match".into()));
        }
        serde_json::from_str(record).map_err(|error| failed(error.to_string()))
    }

    pub(super) fn remove(&self, kind: Kind, key: &Key) {
        let path = self.file(kind, key);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %path.display(), "cannot delete an old record of a session");
        }
    }

    fn file(&self, kind: Kind, (millis, session): &Key) -> PathBuf {
        self.path.join(kind.name()).join(format!("{millis:020}-{}.json", Hex(*session)))
    }
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write(path: &Path, record: &str, sync: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}\n{record}", hex::encode(Sha256::digest(record)))?;
    if sync { file.sync_all() } else { Ok(()) }
}

fn key_of(name: &str) -> Option<Key> {
    let (millis, session) = name.strip_suffix(".json")?.split_once('-')?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(session, &mut bytes).ok()?;
    Some((millis.parse().ok()?, bytes))
}
