//! Ways of running a file.

use std::fmt::Write as _;

use bossnas_report::units;
use serde::{Deserialize, Serialize};

use crate::bench::Scenario;
use crate::runtime::{Precision, Runtime, Settings, allowed_cpus};

/// A way of running a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// What runs it.
    pub runtime: Runtime,
    /// The type that is multiplied in.
    pub precision: Precision,
    /// Threads, of all streams together.
    pub threads: usize,
    /// Whether each thread is bound to a processor.
    pub pinned: bool,
    /// Images of a run.
    pub batch: usize,
    /// Whether each thread runs a batch of its own instead of all threads one.
    pub streams: bool,
}

impl Setting {
    /// The load under which it shows what it can.
    pub const fn scenario(&self) -> Scenario {
        if self.streams { Scenario::Throughput } else { Scenario::Latency }
    }

    /// How a runtime is told to do it.
    pub fn settings(&self) -> Settings {
        let cpus = if self.pinned { allowed_cpus().into_iter().take(self.threads).collect() } else { Vec::new() };
        Settings {
            threads: Some(self.threads),
            cpus,
            precision: self.precision,
            profile: matches!(self.runtime, Runtime::Ort(_)),
            ..Settings::default()
        }
    }

    /// In a few words, for plots.
    pub fn label(&self) -> String {
        let provider = self.runtime.name();
        let mut label = provider.strip_prefix("ort-").unwrap_or(provider).to_owned();
        if self.precision != Precision::F32 {
            let _ = write!(label, " {}", self.precision.name());
        }
        let threads = if self.streams && self.threads > 1 {
            format!("{} runs at once", self.threads)
        } else {
            units::counted(self.threads, "thread")
        };
        let _ = write!(label, ", {threads}, batch {}", self.batch);
        if !self.pinned {
            label += ", free";
        }
        label
    }

    /// The options of `bench` that measure it.
    pub fn options(&self) -> String {
        let provider = self.runtime.name();
        let provider = provider.strip_prefix("ort-").unwrap_or(provider);
        let mut options = format!("--provider {provider}");
        if self.precision != Precision::F32 {
            let _ = write!(options, " --precision {}", self.precision.name());
        }
        let _ = write!(options, " --threads {} --batch {}", self.threads, self.batch);
        if !self.pinned {
            options += " --no-pin";
        }
        if self.streams {
            options += " --scenario throughput";
        }
        options
    }
}

/// Every setting of these runtimes, in all their precisions, on 1, 2, 4, ... and all of `cpus` processors, bound and free, with
/// all threads in one run or one each. Where threads cannot be bound, `pinnable` is false.
pub fn grid(runtimes: &[Runtime], cpus: usize, pinnable: bool, batches: &[usize]) -> Vec<Setting> {
    let mut threads: Vec<usize> =
        std::iter::successors(Some(1), |threads| Some(threads * 2)).take_while(|&n| n < cpus).collect();
    threads.push(cpus.max(1));
    let mut settings = Vec::new();
    for &runtime in runtimes {
        for &precision in runtime.precisions() {
            for &batch in batches {
                for &threads in &threads {
                    for pinned in [true, false] {
                        for streams in [false, true] {
                            // A single thread is one stream, and a device of its own has its own threads.
                            if (pinned && !pinnable) || (streams && (threads == 1 || runtime.has_own_memory())) {
                                continue;
                            }
                            settings.push(Setting { runtime, precision, threads, pinned, batch, streams });
                        }
                    }
                }
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Provider;

    #[test]
    fn the_grid_has_every_setting_once() {
        let settings = grid(&[Runtime::Tract, Runtime::Ort(Provider::OpenVino)], 6, true, &[1, 8]);
        // 1, 2, 4, 6 threads: 2 + 3 x 4 ways, 2 batches, 1 + 3 precisions.
        assert_eq!(settings.len(), 14 * 2 * 4);
        for (index, setting) in settings.iter().enumerate() {
            assert!(!settings[..index].contains(setting), "{setting:?}");
        }
        let single = grid(&[Runtime::Ort(Provider::Cuda)], 1, false, &[1]);
        assert_eq!(single.len(), 2);
        assert!(single.iter().all(|setting| !setting.pinned && !setting.streams));
    }

    #[test]
    fn the_options_say_all_of_it() {
        let setting = Setting {
            runtime: Runtime::Ort(Provider::OpenVino),
            precision: Precision::Bf16,
            threads: 2,
            pinned: false,
            batch: 8,
            streams: true,
        };
        let expected = "--provider openvino --precision bf16 --threads 2 --batch 8 --no-pin --scenario throughput";
        assert_eq!(setting.options(), expected);
    }
}
