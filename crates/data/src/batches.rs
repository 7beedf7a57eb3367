//! Batches of augmented images, made ahead of whoever takes them.
//!
//! A recipe ([`Augment`]) says what is made of a sample: several views for the search, one input for training. Positions are
//! counted through all batches; position modulo workers decides which worker makes the inputs of a sample, and each works
//! through its own positions in order. What is made depends on neither, only on the [`Key`]. At most [`BatchOptions::ahead`]
//! batches are in work or waiting. A worker makes one input after the other in memory of its own and copies it to its place
//! in the batch. Dropping the loader ends the workers after the inputs they are at.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::iter::FusedIterator;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::augment::check::RecipeError;
use crate::dataset::{DataSet, DataSetError};
use crate::decode::Top;
use crate::{DecodeOptions, Error, RgbImage};

/// How many samples are tried in the place of a broken one.
const TRIES: usize = 16;

/// What decides the draws for a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of the whole training.
    pub seed: u64,
    /// Number of the pass through the data set.
    pub epoch: u64,
    /// Number of the image in the data set.
    pub image: u64,
    /// How often it came before in this epoch.
    pub occurrence: u64,
}

/// A recipe: what is made of a sample.
pub trait Augment: Debug + Send + Sync + 'static {
    /// Refuses what cannot be: all of it at once.
    fn check(&self) -> Result<(), RecipeError>;

    /// How many inputs are made of a sample.
    fn inputs(&self) -> usize;

    /// Height and width of an input.
    fn size(&self) -> usize;

    /// How many rows from the top are looked at, of an image of this height and width.
    fn rows(&self, size: [u32; 2], _key: Key) -> u32 {
        size[0]
    }

    /// Makes one of the inputs: fills all of `out`, `[3, size, size]`. The image may end below the [`rows`](Self::rows) that are
    /// looked at; `size` is height and width of all of it.
    fn augment(&self, image: &RgbImage, size: [u32; 2], key: Key, input: usize, out: &mut [f32]) -> Result<(), Error>;
}

/// How batches are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Number of threads.
    pub workers: NonZero<usize>,
    /// Most batches in work or waiting at a time.
    pub ahead: NonZero<usize>,
    /// How images are decoded.
    pub decode: DecodeOptions,
}

impl Default for BatchOptions {
    /// A worker for each core, two batches ahead.
    fn default() -> Self {
        let workers = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { workers, ahead: NonZero::<usize>::MIN.saturating_add(1), decode: DecodeOptions::default() }
    }
}

/// Samples, and all that was made of them.
#[derive(Debug)]
pub struct Batch {
    /// The numbers of the samples that these are made of. Where one was broken, that of the sample which took its place.
    pub indices: Vec<usize>,
    /// Their labels.
    pub labels: Vec<u32>,
    /// `[samples, inputs, 3, size, size]` normalised numbers.
    pub values: Vec<f32>,
    /// The broken samples that others took the places of, in the order in which they were met.
    pub broken: Vec<Broken>,
}

/// A sample that cannot be used.
#[derive(Debug)]
pub struct Broken {
    /// Its number in the data set.
    pub index: usize,
    /// Why.
    pub error: DataSetError,
}

/// Batches, in order; see the module.
///
/// A broken sample's place is taken by the next one after it in the data set that can be read, the first after the last, with
/// the draws of the broken one's number. A batch is an error where the 16 after a broken sample are broken too.
#[derive(Debug)]
pub struct BatchLoader<A: Augment> {
    shared: Arc<Shared<A>>,
    workers: Vec<JoinHandle<()>>,
    waited: Duration,
}

#[derive(Debug)]
struct Shared<A> {
    data: Arc<DataSet>,
    recipe: A,
    seed: u64,
    epoch: u64,
    options: BatchOptions,
    batches: Vec<Vec<Place>>,
    line: Mutex<Line>,
    /// Memory of batches that nobody needs any more.
    spare: Mutex<Vec<Vec<f32>>>,
    /// A batch was finished.
    finished: Condvar,
    /// There is room for another batch, or nobody will take more.
    room: Condvar,
}

/// A sample in a batch.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    /// How often it came before, in all batches of the epoch.
    occurrence: u32,
}

/// The batches that are in work or waiting.
#[derive(Debug)]
struct Line {
    /// Number of the first of `works`: the batch that is handed over next.
    first: usize,
    works: VecDeque<Arc<Work>>,
    /// Nobody will take more.
    stopped: bool,
}

/// A batch in the making. Workers fill it side by side, each an input at a time.
#[derive(Debug)]
struct Work(Mutex<Made>);

#[derive(Debug)]
struct Made {
    /// Samples that are not done yet.
    missing: usize,
    /// Of all samples, once there are some of one.
    values: Vec<f32>,
    /// By position in the batch.
    samples: Vec<Option<Result<Done, Failure>>>,
}

/// A sample whose inputs are in their place.
#[derive(Debug)]
struct Done {
    index: usize,
    label: u32,
    broken: Vec<Broken>,
}

/// Why there is no batch.
#[derive(Debug)]
enum Failure {
    Unreadable(DataSetError),
    Panic(Box<dyn Any + Send>),
}

impl<A: Augment> BatchLoader<A> {
    /// Begins to make batches, each of the samples of these numbers: the inputs that `recipe`, `seed` and `epoch` say.
    pub fn start(
        data: Arc<DataSet>,
        batches: Vec<Vec<usize>>,
        recipe: A,
        seed: u64,
        epoch: u64,
        options: BatchOptions,
    ) -> Result<Self, DataSetError> {
        Self::start_at(data, batches, 0, recipe, seed, epoch, options)
    }

    /// [`start`](Self::start) in the middle: the first `taken` of all batches of the epoch were handed over before and are only
    /// counted, so that a sample which came in them has other draws when it comes again.
    pub fn start_at(
        data: Arc<DataSet>,
        batches: Vec<Vec<usize>>,
        taken: usize,
        recipe: A,
        seed: u64,
        epoch: u64,
        options: BatchOptions,
    ) -> Result<Self, DataSetError> {
        recipe.check()?;
        let len = data.len();
        if let Some(&index) = batches.iter().flatten().find(|index| **index >= len) {
            return Err(DataSetError::NoSample { index, len });
        }
        let largest = batches.iter().map(Vec::len).max().unwrap_or(0);
        let (inputs, size) = (recipe.inputs(), recipe.size());
        let numbers = largest.saturating_mul(inputs).saturating_mul(3 * size * size);
        if Vec::<f32>::new().try_reserve_exact(numbers).is_err() {
            return Err(DataSetError::BatchMemory { samples: largest, inputs, size });
        }
        let taken = taken.min(batches.len());
        let batches = places(len, batches).split_off(taken);
        Self::begin(data, batches, recipe, seed, epoch, options)
    }

    /// [`start`](Self::start) with what was checked.
    fn begin(
        data: Arc<DataSet>,
        batches: Vec<Vec<Place>>,
        recipe: A,
        seed: u64,
        epoch: u64,
        options: BatchOptions,
    ) -> Result<Self, DataSetError> {
        let samples: usize = batches.iter().map(Vec::len).sum();
        let works = batches.iter().take(options.ahead.get()).map(|batch| Work::new(batch.len())).collect();
        let line = Mutex::new(Line { first: 0, works, stopped: false });
        let (finished, room) = (Condvar::new(), Condvar::new());
        let spare = Mutex::new(Vec::new());
        let shared = Arc::new(Shared { data, recipe, seed, epoch, options, batches, line, spare, finished, room });
        let mut loader = Self { shared, workers: Vec::new(), waited: Duration::ZERO };
        for worker in 0..options.workers.get().min(samples) {
            let shared = Arc::clone(&loader.shared);
            let thread = thread::Builder::new().name("batches".to_owned()).spawn(move || shared.work(worker));
            // Those that run already are ended by the loader's destructor.
            loader.workers.push(thread.map_err(DataSetError::Thread)?);
        }
        Ok(loader)
    }

    /// Takes the memory of a batch back for one that is still to come. New memory costs more than it seems: the system hands it
    /// out page by page, which takes a fifth of the time that views take.
    pub fn recycle(&self, values: Vec<f32>) {
        let mut spare = self.shared.spare();
        if spare.len() < self.shared.options.ahead.get() {
            spare.push(values);
        }
    }

    /// How long `next` waited for batches so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl<A: Augment> Iterator for BatchLoader<A> {
    type Item = Result<Batch, DataSetError>;

    /// Waits for the next batch. A panic of a worker goes on here.
    fn next(&mut self) -> Option<Self::Item> {
        let begun = Instant::now();
        let mut line = self.shared.line();
        let work = loop {
            // There is one but at the end: `ahead` is not zero.
            let work = line.works.front()?;
            if work.made().missing == 0 {
                break Arc::clone(work);
            }
            line = self.shared.finished.wait(line).unwrap_or_else(PoisonError::into_inner);
        };
        self.waited += begun.elapsed();
        line.works.pop_front();
        line.first += 1;
        let next = line.first + line.works.len();
        if let Some(batch) = self.shared.batches.get(next) {
            line.works.push_back(Work::new(batch.len()));
        }
        drop(line);
        self.shared.room.notify_all();
        let made = std::mem::replace(&mut *work.made(), Made::new(0));
        match made.batch() {
            Ok(batch) => Some(Ok(batch)),
            Err(Failure::Unreadable(error)) => Some(Err(error)),
            Err(Failure::Panic(panic)) => panic::resume_unwind(panic),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.batches.len() - self.shared.line().first;
        (left, Some(left))
    }
}

impl<A: Augment> ExactSizeIterator for BatchLoader<A> {}

impl<A: Augment> FusedIterator for BatchLoader<A> {}

impl<A: Augment> Drop for BatchLoader<A> {
    fn drop(&mut self) {
        self.shared.line().stopped = true;
        self.shared.room.notify_all();
        for worker in self.workers.drain(..) {
            // Panics are caught where they happen; what is left has nobody to tell.
            let _ = worker.join();
        }
    }
}

impl Work {
    fn new(samples: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Made::new(samples))))
    }

    /// No code that can panic runs under the lock, so a poisoned one is sound.
    fn made(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    fn new(samples: usize) -> Self {
        Self { missing: samples, values: Vec::new(), samples: (0..samples).map(|_| None).collect() }
    }

    fn batch(self) -> Result<Batch, Failure> {
        let mut batch = Batch { indices: vec![], labels: vec![], values: self.values, broken: vec![] };
        for done in self.samples.into_iter().flatten() {
            let Done { index, label, broken } = done?;
            batch.indices.push(index);
            batch.labels.push(label);
            batch.broken.extend(broken);
        }
        Ok(batch)
    }
}

/// Each sample with the number of times that it came before.
fn places(samples: usize, batches: Vec<Vec<usize>>) -> Vec<Vec<Place>> {
    let mut seen = vec![0; samples];
    let mut place = |index: usize| {
        let occurrence = seen[index];
        seen[index] += 1;
        Place { index, occurrence }
    };
    batches.into_iter().map(|batch| batch.into_iter().map(&mut place).collect()).collect()
}

impl<A: Augment> Shared<A> {
    /// Numbers of an input.
    fn numbers(&self) -> usize {
        3 * self.recipe.size() * self.recipe.size()
    }

    /// No code that can panic runs under the lock, so a poisoned one is sound.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<f32>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an input of a sample into its place.
    fn put(&self, work: &Work, row: usize, number: usize, input: &[f32]) {
        let mut made = work.made();
        if made.values.is_empty() {
            let numbers = made.samples.len() * self.recipe.inputs() * input.len();
            // What is in it does not matter: every place is written to.
            made.values = self.spare().pop().unwrap_or_default();
            if made.values.capacity() < numbers {
                made.values = vec![0.0; numbers];
            } else {
                made.values.resize(numbers, 0.0);
            }
        }
        let at = (row * self.recipe.inputs() + number) * input.len();
        made.values[at..at + input.len()].copy_from_slice(input);
    }

    /// What a worker does: every so many positions, one.
    fn work(&self, worker: usize) {
        let mut room = vec![0.0; self.numbers()];
        let positions = self
            .batches
            .iter()
            .enumerate()
            .flat_map(|(batch, samples)| (0..samples.len()).map(move |row| (batch, row)));
        for (batch, row) in positions.skip(worker).step_by(self.options.workers.get()) {
            let Some(work) = self.begin(batch) else { return };
            let sample = AssertUnwindSafe(|| self.sample(self.batches[batch][row], row, &work, &mut room));
            let sample = panic::catch_unwind(sample).unwrap_or_else(|panic| Err(Failure::Panic(panic)));
            let mut made = work.made();
            made.samples[row] = Some(sample);
            made.missing -= 1;
            let finished = made.missing == 0;
            drop(made);
            if finished {
                // Whoever has looked and not found it waits already: only under the lock does one look.
                drop(self.line());
                self.finished.notify_all();
            }
        }
    }

    /// Waits until there is room for the batch. `None` when there is no more to do.
    fn begin(&self, batch: usize) -> Option<Arc<Work>> {
        let mut line = self.line();
        loop {
            if line.stopped {
                return None;
            }
            if let Some(work) = line.works.get(batch - line.first) {
                return Some(Arc::clone(work));
            }
            line = self.room.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes the inputs of a sample, or of the one that takes its place.
    fn sample(&self, wanted: Place, row: usize, work: &Work, room: &mut [f32]) -> Result<Done, Failure> {
        let (len, mut broken, mut index) = (self.data.len(), Vec::new(), wanted.index);
        loop {
            let error = match self.inputs(index, wanted, row, work, room) {
                Ok(label) => return Ok(Done { index, label, broken }),
                Err(error) => error,
            };
            if broken.len() == TRIES || broken.len() + 1 == len {
                let last = Box::new(error);
                return Err(Failure::Unreadable(DataSetError::NoneReadable { tried: broken.len() + 1, last }));
            }
            broken.push(Broken { index, error });
            index = (index + 1) % len;
        }
    }

    fn inputs(
        &self,
        index: usize,
        wanted: Place,
        row: usize,
        work: &Work,
        room: &mut [f32],
    ) -> Result<u32, DataSetError> {
        let sample = self.data.sample(index).ok_or(DataSetError::NoSample { index, len: self.data.len() })?;
        let (image_number, occurrence) = (wanted.index as u64, u64::from(wanted.occurrence));
        let key = Key { seed: self.seed, epoch: self.epoch, image: image_number, occurrence };
        let rows = |size| self.recipe.rows(size, key);
        let Top { image, size } = sample.decode_top(sample.read()?, self.options.decode, rows)?;
        for number in 0..self.recipe.inputs() {
            self.recipe
                .augment(&image, size, key, number, room)
                .map_err(|source| DataSetError::Image { name: sample.name(), source })?;
            self.put(work, row, number, room);
        }
        Ok(sample.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Recipe;

    fn loader(batches: usize, workers: usize, ahead: usize, recipe: Recipe) -> BatchLoader<Recipe> {
        let batches = (0..batches).map(|batch| (0..6).map(|row| batch * 6 + row).collect()).collect();
        let options = BatchOptions {
            workers: workers.try_into().unwrap(),
            ahead: ahead.try_into().unwrap(),
            decode: DecodeOptions::default(),
        };
        BatchLoader::begin(Arc::new(DataSet::digits()), places(1797, batches), recipe, 1, 0, options).unwrap()
    }

    #[test]
    fn no_more_batches_than_the_bound_are_begun() {
        let mut loader = loader(20, 3, 2, Recipe::digits(8));
        for taken in 1..=20 {
            loader.next().unwrap().unwrap();
            thread::sleep(Duration::from_millis(2));
            let line = loader.shared.line();
            assert_eq!((line.first, line.works.len()), (taken, 2.min(20 - taken)));
        }
        assert!(loader.next().is_none());
    }

    #[test]
    fn a_panic_of_a_worker_goes_on_in_the_consumer() {
        // So many that counting them overflows, which only a check before the start would find.
        let recipe = Recipe { pairs: usize::MAX, ..Recipe::digits(8) };
        let mut loader = AssertUnwindSafe(loader(2, 2, 1, recipe));
        let panic = panic::catch_unwind(move || loader.next().map(drop)).unwrap_err();
        let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        assert!(message.is_some_and(|message| message.contains("overflow")), "{message:?}");
    }
}
