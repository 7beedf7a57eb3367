//! How many processes run batches side by side.

use std::path::Path;

use crate::runtime::{Load, Provider, Runtime, Settings};

/// More copies of a model than that do not pay.
const MAX_STREAMS: usize = 16;
/// A loaded file takes this many times its size: weights, packed weights, values.
const COPIES: u64 = 4;

/// Splits the threads of `load` into streams: on processors one thread each, as far as memory holds so many copies of the
/// model; elsewhere all in one. Only the first records where nodes run.
pub fn streams(load: &Load) -> Vec<Load> {
    let threads = load.settings.thread_count();
    let count = match load.runtime {
        Runtime::Tract | Runtime::Ort(Provider::Cpu | Provider::OpenVino | Provider::Xnnpack) => {
            threads.min(MAX_STREAMS).min(copies_in_memory(&load.model)).max(1)
        }
        Runtime::Ort(_) => 1,
    };
    let stream = |index: usize| {
        // Threads that are left over go to the first streams.
        let begin = threads * index / count;
        let end = threads * (index + 1) / count;
        let cpus = load.settings.cpus.get(begin..end).unwrap_or_default().to_vec();
        let profile = load.settings.profile && index == 0;
        Load {
            settings: Settings { threads: Some(end - begin), cpus, profile, ..load.settings.clone() },
            ..load.clone()
        }
    };
    (0..count).map(stream).collect()
}

/// How many copies of a loaded file half of the free memory holds.
pub fn copies_in_memory(model: &Path) -> usize {
    let bytes = std::fs::metadata(model).map_or(0, |meta| meta.len()).max(1 << 20);
    available_memory().map_or(4, |available| (available / 2 / (COPIES * bytes)) as usize)
}

/// Memory that is free, or that the system would free; `None` where it does not say.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(runtime: Runtime, threads: usize, cpus: &[usize]) -> Load {
        let settings = Settings { threads: Some(threads), cpus: cpus.to_vec(), profile: true, ..Settings::default() };
        Load { model: "missing.onnx".into(), runtime, inputs: Vec::new(), symbols: Vec::new(), outputs: None, settings }
    }

    #[test]
    fn a_processor_gets_a_stream_for_each_thread() {
        let streams = streams(&load(Runtime::Tract, 3, &[0, 2, 4]));
        assert_eq!(streams.iter().map(|load| load.settings.threads).collect::<Vec<_>>(), [Some(1); 3]);
        assert_eq!(streams.iter().map(|load| load.settings.cpus.clone()).collect::<Vec<_>>(), [[0], [2], [4]]);
        assert_eq!(streams.iter().map(|load| load.settings.profile).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn threads_are_neither_lost_nor_made() {
        let streams = streams(&load(Runtime::Ort(Provider::Cpu), 37, &[]));
        assert_eq!(streams.len(), MAX_STREAMS);
        assert_eq!(streams.iter().filter_map(|load| load.settings.threads).sum::<usize>(), 37);
    }

    #[test]
    fn a_gpu_gets_one_stream_with_all_threads() {
        let streams = streams(&load(Runtime::Ort(Provider::Cuda), 8, &[]));
        assert_eq!(streams.iter().map(|load| load.settings.threads).collect::<Vec<_>>(), [Some(8)]);
    }
}
