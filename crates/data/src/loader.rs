//! Samples as network inputs, prepared ahead of whoever takes them.
//!
//! Threads read, decode and transform; the [`Loader`] hands the inputs over in the order that was asked for, each once. At
//! most [`LoaderOptions::ahead`] samples are in work or waiting at a time, whatever the size of the data set: the slots of
//! a ring, which a thread may fill only once its former content was taken. A sample that fails is handed over like the
//! others, as an error with its name in it. Dropping the loader ends the threads after the sample they are at.

use std::any::Any;
use std::iter::FusedIterator;
use std::num::NonZero;
use std::ops::AddAssign;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bossnas_model::preprocess::Preprocessing;

use crate::dataset::{DataSet, DataSetError, Sample};
use crate::transform::evaluation_input;
use crate::{DecodeOptions, RgbImage};

/// How samples are prepared.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// What is made of a decoded image.
    pub preprocessing: Preprocessing,
    /// How images are decoded.
    pub decode: DecodeOptions,
    /// Number of threads.
    pub threads: NonZero<usize>,
    /// Most samples in work or waiting at a time. An input of 224 x 224 pixels takes 600 KB.
    pub ahead: NonZero<usize>,
}

impl LoaderOptions {
    /// A thread for each core, and four samples for each thread.
    pub fn new(preprocessing: Preprocessing) -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let ahead = threads.saturating_mul(NonZero::<usize>::MIN.saturating_add(3));
        Self { preprocessing, decode: DecodeOptions::default(), threads, ahead }
    }
}

/// A sample, prepared or broken.
#[derive(Debug)]
pub struct Loaded {
    /// Its number in the data set.
    pub index: usize,
    /// Its label, where there is such a sample.
    pub label: Option<u32>,
    /// `[1, 3, height, width]` numbers, or what is wrong with the sample.
    pub result: Result<Vec<f32>, DataSetError>,
    /// The time that a thread spent on it.
    pub times: Times,
}

/// The time that threads spent, by what they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Reading files.
    pub read: Duration,
    /// Making pixels of their bytes.
    pub decode: Duration,
    /// Making inputs of the pixels.
    pub transform: Duration,
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.decode += other.decode;
        self.transform += other.transform;
    }
}

/// Prepared samples, in order; see the module.
#[derive(Debug)]
pub struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    times: Times,
}

#[derive(Debug)]
struct Shared {
    data: Arc<DataSet>,
    indices: Vec<usize>,
    options: LoaderOptions,
    ring: Mutex<Ring>,
    /// A slot was filled.
    filled: Condvar,
    /// A slot was emptied, or there is no more to do.
    emptied: Condvar,
}

#[derive(Debug)]
struct Ring {
    /// Position `p` of the order has slot `p % slots.len()`. An `Err` is the panic of a thread.
    slots: Vec<Option<Result<Loaded, Panic>>>,
    /// The position that a thread begins next.
    next: usize,
    /// The position that is handed over next.
    taken: usize,
    /// Nobody will take more.
    stopped: bool,
}

type Panic = Box<dyn Any + Send>;

impl Loader {
    /// Begins to prepare the samples of these numbers, in this order.
    pub fn start(
        data: Arc<DataSet>,
        indices: impl IntoIterator<Item = usize>,
        options: LoaderOptions,
    ) -> Result<Self, DataSetError> {
        let indices: Vec<usize> = indices.into_iter().collect();
        let slots = options.ahead.get().min(indices.len().max(1));
        let threads = options.threads.get().min(slots);
        let ring = Ring { slots: (0..slots).map(|_| None).collect(), next: 0, taken: 0, stopped: false };
        let shared =
            Shared { data, indices, options, ring: Mutex::new(ring), filled: Condvar::new(), emptied: Condvar::new() };
        let mut loader = Self { shared: Arc::new(shared), threads: Vec::new(), times: Times::default() };
        for _ in 0..threads {
            let shared = Arc::clone(&loader.shared);
            let thread = thread::Builder::new().name("loader".to_owned()).spawn(move || shared.work());
            // Those that run already are ended by the loader's destructor.
            loader.threads.push(thread.map_err(DataSetError::Thread)?);
        }
        Ok(loader)
    }

    /// The time that threads spent on all samples that were handed over.
    pub fn times(&self) -> Times {
        self.times
    }
}

impl Iterator for Loader {
    type Item = Loaded;

    /// Waits for the next sample. A panic of a thread goes on here.
    fn next(&mut self) -> Option<Loaded> {
        let mut ring = self.shared.lock();
        if ring.taken == self.shared.indices.len() {
            return None;
        }
        let loaded = loop {
            let slot = ring.taken % ring.slots.len();
            match ring.slots[slot].take() {
                Some(loaded) => break loaded,
                None => ring = self.shared.filled.wait(ring).unwrap_or_else(PoisonError::into_inner),
            }
        };
        ring.taken += 1;
        drop(ring);
        self.shared.emptied.notify_one();
        match loaded {
            Ok(loaded) => {
                self.times += loaded.times;
                Some(loaded)
            }
            Err(panic) => panic::resume_unwind(panic),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.indices.len() - self.shared.lock().taken;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Loader {}

impl FusedIterator for Loader {}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.emptied.notify_all();
        for thread in self.threads.drain(..) {
            // Panics are caught where they happen; what is left has nobody to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// No code that can panic runs under the lock, so a poisoned one is sound.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self) {
        while let Some(position) = self.begin() {
            let index = self.indices[position];
            let loaded = panic::catch_unwind(AssertUnwindSafe(|| load(&self.data, index, &self.options)));
            let mut ring = self.lock();
            let slot = position % ring.slots.len();
            ring.slots[slot] = Some(loaded);
            drop(ring);
            self.filled.notify_one();
        }
    }

    /// Waits until there is a free slot, and takes the next position. `None` when there is no more to do.
    fn begin(&self) -> Option<usize> {
        let mut ring = self.lock();
        loop {
            if ring.stopped || ring.next == self.indices.len() {
                return None;
            }
            if ring.next < ring.taken + ring.slots.len() {
                ring.next += 1;
                return Some(ring.next - 1);
            }
            ring = self.emptied.wait(ring).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Prepares one sample, on the thread that calls.
pub fn load(data: &DataSet, index: usize, options: &LoaderOptions) -> Loaded {
    let mut times = Times::default();
    let Some(sample) = data.sample(index) else {
        let result = Err(DataSetError::NoSample { index, len: data.len() });
        return Loaded { index, label: None, result, times };
    };
    let result = prepare(&sample, options, &mut times);
    Loaded { index, label: Some(sample.label), result, times }
}

fn prepare(sample: &Sample<'_>, options: &LoaderOptions, times: &mut Times) -> Result<Vec<f32>, DataSetError> {
    let raw = timed(&mut times.read, || sample.read())?;
    let image: RgbImage = timed(&mut times.decode, || sample.decode(raw, options.decode))?;
    timed(&mut times.transform, || evaluation_input(&image, &options.preprocessing))
        .map_err(|source| DataSetError::Image { name: sample.name(), source })
}

fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let made = work();
    *time += begun.elapsed();
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
    use std::fmt::Write as _;
    use std::fs;

    /// A list of `count` images of a few pixels, image `i` grey with value `i % 250`; those for which `broken` are no image.
    fn data(count: usize, broken: impl Fn(usize) -> bool) -> (tempfile::TempDir, Arc<DataSet>) {
        let folder = tempfile::tempdir().unwrap();
        let mut list = String::new();
        for i in 0..count {
            let mut png = Vec::new();
            let pixels = vec![(i % 250) as u8; 9 * 8];
            PngEncoder::new(&mut png).write_image(&pixels, 9, 8, ExtendedColorType::L8).unwrap();
            fs::write(folder.path().join(format!("{i}.png")), if broken(i) { b"none".to_vec() } else { png }).unwrap();
            writeln!(list, "{i}.png {}", i % 7).unwrap();
        }
        fs::write(folder.path().join("list"), list).unwrap();
        let data = DataSet::open(folder.path().join("list")).unwrap();
        (folder, Arc::new(data))
    }

    fn options(threads: usize, ahead: usize) -> LoaderOptions {
        let mut how = Preprocessing::published([8, 8]);
        (how.mean, how.std) = ([0.0; 3], [1.0; 3]);
        LoaderOptions {
            threads: threads.try_into().unwrap(),
            ahead: ahead.try_into().unwrap(),
            ..LoaderOptions::new(how)
        }
    }

    #[test]
    fn every_sample_comes_once_and_in_order_whatever_the_threads() {
        let (_folder, data) = data(60, |_| false);
        for (threads, ahead) in [(1, 1), (1, 5), (3, 1), (3, 4), (8, 100), (2, usize::MAX)] {
            let mut loader = Loader::start(Arc::clone(&data), 0..60, options(threads, ahead)).unwrap();
            assert_eq!(loader.len(), 60);
            for i in 0..60 {
                let loaded = loader.next().unwrap();
                assert_eq!((loaded.index, loaded.label), (i, Some((i % 7) as u32)));
                let values = loaded.result.unwrap();
                assert_eq!(values.len(), 192);
                assert!(values.iter().all(|&value| (value * 255.0 - i as f32).abs() < 1e-3));
            }
            assert!(loader.next().is_none() && loader.next().is_none());
            assert!(loader.times().decode > Duration::ZERO);
        }
    }

    #[test]
    fn any_order_can_be_asked_for() {
        let (_folder, data) = data(5, |_| false);
        let order = [3, 3, 0, 99, 4];
        let loader = Loader::start(data, order, options(2, 2)).unwrap();
        let loaded: Vec<Loaded> = loader.collect();
        assert_eq!(loaded.iter().map(|loaded| loaded.index).collect::<Vec<_>>(), order);
        let error = loaded[3].result.as_ref().unwrap_err();
        assert_eq!((loaded[3].label, error.to_string().as_str()), (None, "there is no sample 99 among 5"));
        let none = Loader::start(Arc::clone(&self::data(1, |_| false).1), [], options(2, 2)).unwrap();
        assert_eq!(none.count(), 0);
    }

    #[test]
    fn a_broken_image_is_an_error_with_its_name_and_the_others_come() {
        let (folder, data) = data(20, |i| i % 5 == 2);
        fs::remove_file(folder.path().join("4.png")).unwrap();
        let mut broken = Vec::new();
        for loaded in Loader::start(data, 0..20, options(3, 6)).unwrap() {
            if let Err(error) = loaded.result {
                assert!(error.to_string().contains(&format!("{}.png`", loaded.index)), "{error}");
                broken.push(loaded.index);
            }
        }
        assert_eq!(broken, [2, 4, 7, 12, 17]);
    }

    #[test]
    fn no_more_than_the_bound_is_prepared_ahead() {
        let (_folder, data) = data(50, |_| false);
        let mut loader = Loader::start(data, 0..50, options(4, 6)).unwrap();
        for taken in 1..=10 {
            loader.next().unwrap();
            thread::sleep(Duration::from_millis(2));
            let ring = loader.shared.lock();
            assert!(ring.next <= taken + 6, "{} begun, {taken} taken", ring.next);
            assert!(ring.slots.len() == 6);
        }
    }

    #[test]
    fn dropping_the_loader_ends_its_threads() {
        let (_folder, data) = data(50, |_| false);
        let mut loader = Loader::start(Arc::clone(&data), (0..50).cycle().take(1_000_000), options(3, 4)).unwrap();
        loader.next().unwrap();
        drop(loader);
        assert_eq!(Arc::strong_count(&data), 1, "a thread still has the data set");
    }

    #[test]
    fn a_panic_of_a_thread_goes_on_in_the_consumer() {
        let (_folder, data) = data(3, |_| false);
        let loader = Loader::start(data, 0..3, options(1, 3)).unwrap();
        while loader.shared.lock().next < 3 || loader.shared.lock().slots[1].is_none() {
            thread::yield_now();
        }
        loader.shared.lock().slots[1] = Some(Err(Box::new("found")));
        let mut loader = AssertUnwindSafe(loader);
        assert!(loader.next().is_some());
        let panic = panic::catch_unwind(move || loader.next()).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"found"));
    }
}
