//! From an entry of the registry to a file in its place: what it must be, who downloads it, where it goes.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use bossnas_files::Digest;
use bossnas_hub::cache::{Cache, Derived, Fetched, Record, Trust};
use bossnas_hub::{DataSet, Registry, RemoteFile};
use reqwest::Client;

use super::convert::{ConvertError, convert};
use super::data_set::{self, DataSetError};
use super::download::{Arrived, Plan, download};
use super::error::FetchError;
use super::intake::Intake;
use super::partial::{Opened, Partial, bytes_there};
use super::source::sources;
use super::terms::{Content, Options, Outcome, Transfer, Watch};
use super::transfer::Patience;

/// The longest file where nobody says how long it is.
const MOST_BYTES: u64 = 64 << 30;

/// Between two looks at what another process does.
const LOOK: Duration = Duration::from_millis(100);

/// Fetches files into a cache.
#[derive(Debug)]
pub struct Fetcher {
    cache: Cache,
    client: Client,
    options: Options,
}

/// What a file must be like, and why.
#[derive(Debug, Clone, Copy)]
struct Expected {
    digest: Option<Digest>,
    bytes: Option<u64>,
    /// Why a file of that digest is believed; `None` where only the source decides.
    trust: Option<Trust>,
}

impl Fetcher {
    /// A fetcher for `cache` that uses `client`.
    pub fn new(cache: Cache, client: Client, options: Options) -> Self {
        Self { cache, client, options }
    }

    /// Puts the files of a data set, which were fetched, into its folder.
    pub fn unpack(&self, set: &DataSet, files: &[Fetched], watch: &dyn Watch) -> Result<PathBuf, DataSetError> {
        data_set::unpack(&self.cache, set, files, self.options.force, watch)
    }

    /// Bytes of `file` that an interrupted download left.
    pub fn bytes_there(&self, file: &RemoteFile) -> u64 {
        bytes_there(&self.cache, &file.url, &file.name)
    }

    /// Fetches `file`, or finds it in the cache.
    pub fn fetch(&self, file: &RemoteFile, content: Content<'_>, watch: &dyn Watch) -> Result<Outcome, FetchError> {
        let mut waiting = false;
        // Another process that works on the same file is waited for, and its result is this one's.
        let partial = loop {
            let (expected, fetched) = self.look(file, content, waiting)?;
            if let Some(fetched) = fetched {
                return Ok(Outcome { fetched, transfer: None });
            }
            if self.options.offline && self.options.from_file.is_none() {
                return Err(FetchError::Offline { name: file.name.clone() });
            }
            match Partial::open(&self.cache, file)? {
                Opened::Ours(partial) => break partial,
                Opened::Busy(owner, bytes) => {
                    if !waiting {
                        watch.say(&format!(
                            "{}: process {} on {} is downloading it already; waiting for it",
                            file.name,
                            owner.process(),
                            owner.host()
                        ));
                        watch.started(bytes, expected.bytes);
                    }
                    waiting = true;
                    watch.reached(bytes);
                    sleep(LOOK);
                }
            }
        };
        // It may have come between the look into the cache and the claim.
        let (expected, fetched) = self.look(file, content, waiting)?;
        if let Some(fetched) = fetched {
            partial.finish(|path| std::fs::remove_file(path))?;
            return Ok(Outcome { fetched, transfer: None });
        }
        self.transfer(file, content, expected, partial, watch)
    }

    /// What `file` must be like, and the file if it is there; by force it counts only when another process was waited for.
    fn look(
        &self,
        file: &RemoteFile,
        content: Content<'_>,
        waited: bool,
    ) -> Result<(Expected, Option<Fetched>), FetchError> {
        let expected = self.expected(file)?;
        let counts = !self.options.force || waited;
        let fetched = if counts { self.there(file, content, expected)? } else { None };
        Ok((expected, fetched))
    }

    /// What `file` must be like: what was given, what the registry says, or what came earlier.
    fn expected(&self, file: &RemoteFile) -> Result<Expected, FetchError> {
        let lock = self.cache.lock()?;
        let record = lock.file(&file.url).filter(|_| !self.options.retrust);
        if let (Some(pinned), Some(registry)) = (self.options.pinned, file.sha256)
            && pinned != registry
        {
            return Err(FetchError::Pin { name: file.name.clone(), pinned, known: registry, by: "the registry says" });
        }
        if let (Some(pinned), Some(record)) = (self.options.pinned, record)
            && pinned != record.sha256
            && file.sha256.is_none()
        {
            return Err(FetchError::Pin {
                name: file.name.clone(),
                pinned,
                known: record.sha256,
                by: "what came earlier has",
            });
        }
        Ok(if let Some(digest) = file.sha256 {
            Expected { digest: Some(digest), bytes: file.bytes, trust: Some(Trust::Registry) }
        } else if let Some(digest) = self.options.pinned {
            Expected { digest: Some(digest), bytes: file.bytes, trust: Some(Trust::Pinned) }
        } else if let Some(record) = record {
            Expected { digest: Some(record.sha256), bytes: Some(record.bytes), trust: Some(record.trust) }
        } else {
            Expected { digest: None, bytes: file.bytes, trust: None }
        })
    }

    /// The file if it is in the cache as it must be. What is missing of its state dicts is made, and a digest that was given
    /// is noted.
    fn there(
        &self,
        file: &RemoteFile,
        content: Content<'_>,
        expected: Expected,
    ) -> Result<Option<Fetched>, FetchError> {
        let lock = self.cache.lock()?;
        let Some(fetched) = self.cache.fetched(&lock, file) else { return Ok(None) };
        if expected.digest.is_some_and(|digest| digest != fetched.record.sha256) {
            return Ok(None);
        }
        let mut record = fetched.record.clone();
        if expected.trust == Some(Trust::Pinned) {
            record.trust = Trust::Pinned;
        }
        let complete = !record.state_dicts.is_empty() && record.state_dicts.len() == fetched.state_dicts.len();
        if let Content::Checkpoint(networks) = content
            && !complete
        {
            record.state_dicts = convert(&self.cache, &fetched.path, networks)
                .map_err(|error| FetchError::Convert { name: file.name.clone(), error, kept: true })?;
        }
        if record == fetched.record {
            return Ok(Some(fetched));
        }
        self.cache.change_lock(|lock| lock.put(record))?;
        Ok(self.cache.fetched(&self.cache.lock()?, file))
    }

    /// Downloads into `partial` and puts the file where it belongs.
    fn transfer(
        &self,
        file: &RemoteFile,
        content: Content<'_>,
        expected: Expected,
        partial: Partial,
        watch: &dyn Watch,
    ) -> Result<Outcome, FetchError> {
        let sources = sources(file, &self.options.mirrors, self.options.from_file.as_deref());
        let plan = Plan {
            sources: &sources,
            digest: expected.digest,
            bytes: expected.bytes,
            most: if matches!(content, Content::Registry) { Registry::MAX_BYTES } else { MOST_BYTES },
            companions: content.companions(),
            retries: self.options.retries,
            patience: Patience { silence: self.options.silence, slow: self.options.silence * 2 },
        };
        let resumed_from = partial.len();
        let mut intake = Intake::new(partial)?;
        let arrived = match download(&self.client, &plan, &mut intake, watch) {
            Ok(arrived) => arrived,
            Err(error) => {
                leave(intake.into_partial())?;
                return Err(FetchError::not_arrived(file, error));
            }
        };
        let transfer = Transfer {
            resumed_from,
            received: intake.received(),
            attempts: arrived.attempts,
            receiving: arrived.receiving,
            is_first: expected.digest.is_none(),
        };
        let etag = intake.notes().etag.clone();
        let partial = intake.into_partial();
        let (state_dicts, refused) = match self.state_dicts(content, &partial.path()) {
            Ok(state_dicts) => (state_dicts, None),
            // What it should be is known, and it is that, readable or not.
            Err(error) if expected.digest.is_some() => (Vec::new(), Some(error)),
            Err(error) => {
                partial.finish(|path| std::fs::remove_file(path))?;
                return Err(FetchError::Convert { name: file.name.clone(), error, kept: false });
            }
        };
        let record = record(file, expected, &arrived, partial.len(), etag, state_dicts);
        let name = record.name.clone();
        // The record first: a blob without one would be taken for left-over.
        self.cache.change_lock(|lock| lock.put(record))?;
        partial.finish(|path| self.cache.keep(path, arrived.digest, &name).map(drop).map_err(FetchError::from))?;
        if let Some(error) = refused {
            return Err(FetchError::Convert { name: file.name.clone(), error, kept: true });
        }
        let fetched = self.cache.fetched(&self.cache.lock()?, file);
        let fetched = fetched.ok_or_else(|| FetchError::Vanished { name: file.name.clone() })?;
        Ok(Outcome { fetched, transfer: Some(transfer) })
    }

    fn state_dicts(&self, content: Content<'_>, path: &Path) -> Result<Vec<Derived>, ConvertError> {
        match content {
            Content::Checkpoint(networks) => convert(&self.cache, path, networks),
            Content::Registry => {
                Registry::read(path)?;
                Ok(Vec::new())
            }
            Content::Archive | Content::Plain => Ok(Vec::new()),
        }
    }
}

/// What is written down of a file that came.
fn record(
    file: &RemoteFile,
    expected: Expected,
    arrived: &Arrived,
    bytes: u64,
    etag: Option<String>,
    state_dicts: Vec<Derived>,
) -> Record {
    let trust = match expected.trust {
        Some(trust @ (Trust::Registry | Trust::Pinned | Trust::FirstUse)) => trust,
        // The registry's own address gave it, or gave the same as came from elsewhere.
        Some(Trust::Unconfirmed) | None if arrived.source.own => Trust::FirstUse,
        Some(Trust::Unconfirmed) | None => Trust::Unconfirmed,
    };
    Record {
        name: file.name.clone(),
        url: file.url.clone(),
        sha256: arrived.digest,
        bytes,
        trust,
        source: arrived.source.to_string(),
        etag,
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        state_dicts,
    }
}

/// Leaves a partial file for the next attempt, if there is anything in it.
fn leave(partial: Partial) -> Result<(), FetchError> {
    if partial.len() > 0 { Ok(partial.release()?) } else { Ok(partial.finish(|path| std::fs::remove_file(path))?) }
}
