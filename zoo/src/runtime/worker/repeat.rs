//! The loop that is measured. It stands in the worker, so nothing but the run is between two looks at the clock.

use std::time::{Duration, Instant};

use super::protocol::{Pace, Repeated};
use crate::runtime::engine::Engine;
use crate::runtime::error::RuntimeError;

/// Most runs of a block.
const MOST: usize = 1 << 20;
/// So long before its time a run is waited for awake: the system wakes sleepers late.
const AWAKE: Duration = Duration::from_micros(200);

/// Runs the engine on what it holds.
pub(super) fn repeat(engine: &mut dyn Engine, pace: &Pace) -> Result<Repeated, RuntimeError> {
    if let Pace::Loop { settle, .. } = pace {
        (0..*settle).try_for_each(|_| engine.repeat())?;
    }
    let (processor, preempted) = (processor_time(), preemptions());
    let start = Instant::now();
    let nanoseconds = match pace {
        Pace::Loop { seconds, least, most, .. } => in_a_row(engine, start, *seconds, [*least, *most])?,
        Pace::Arrivals(arrivals) => as_they_come(engine, start, arrivals)?,
    };
    let elapsed = start.elapsed();
    Ok(Repeated {
        nanoseconds,
        elapsed: whole(elapsed),
        processor: whole(processor_time().saturating_sub(processor)),
        preempted: preempted.zip(preemptions()).map(|(before, after)| after.saturating_sub(before)),
    })
}

fn in_a_row(
    engine: &mut dyn Engine,
    start: Instant,
    seconds: f64,
    [least, most]: [u32; 2],
) -> Result<Vec<u64>, RuntimeError> {
    let until = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
    let most = (most as usize).min(MOST);
    let mut runs = Vec::with_capacity(most.min(1 << 12));
    let mut begun = start;
    while runs.len() < most && (runs.len() < least as usize || begun - start < until) {
        engine.repeat()?;
        let ended = Instant::now();
        runs.push(whole(ended - begun));
        begun = ended;
    }
    Ok(runs)
}

/// An open loop: a run that takes long delays those that come meanwhile, and their waiting counts.
fn as_they_come(engine: &mut dyn Engine, start: Instant, arrivals: &[u64]) -> Result<Vec<u64>, RuntimeError> {
    let mut runs = Vec::with_capacity(arrivals.len().min(MOST));
    for &arrival in arrivals.iter().take(MOST) {
        let arrival = start + Duration::from_nanos(arrival);
        wait_until(arrival);
        engine.repeat()?;
        runs.push(whole(arrival.elapsed()));
    }
    Ok(runs)
}

fn wait_until(time: Instant) {
    let left = time.saturating_duration_since(Instant::now());
    std::thread::sleep(left.saturating_sub(AWAKE));
    while Instant::now() < time {
        std::hint::spin_loop();
    }
}

fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What all threads of this process have computed.
fn processor_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// How often threads of this process have lost their processor without giving it up.
fn preemptions() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let of_task = |task: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
        let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
        line.trim().parse().ok()
    };
    Some(tasks.filter_map(of_task).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::engine::NamedTensor;
    use crate::runtime::placement::Placement;

    /// Takes a millisecond a run.
    struct Sleeper(u32);

    impl Engine for Sleeper {
        fn run(&mut self, _: &[NamedTensor]) -> Result<Vec<NamedTensor>, RuntimeError> {
            Err(RuntimeError::failed("it only sleeps"))
        }

        fn hold(&mut self, _: &[NamedTensor]) -> Result<(), RuntimeError> {
            Ok(())
        }

        fn repeat(&mut self) -> Result<(), RuntimeError> {
            self.0 += 1;
            std::thread::sleep(Duration::from_millis(1));
            Ok(())
        }

        fn build(&self) -> Option<String> {
            None
        }

        fn placement(&self) -> Option<&Placement> {
            None
        }
    }

    #[test]
    fn runs_are_as_many_as_asked_and_settling_is_not_counted() {
        let mut engine = Sleeper(0);
        let pace = Pace::Loop { settle: 2, seconds: 0.0, least: 3, most: 9 };
        let repeated = repeat(&mut engine, &pace).unwrap();
        assert_eq!((repeated.nanoseconds.len(), engine.0), (3, 5));
        assert!(repeated.nanoseconds.iter().all(|&time| time >= 1_000_000));
        assert!(repeated.nanoseconds.iter().sum::<u64>() <= repeated.elapsed);
        let pace = Pace::Loop { settle: 0, seconds: 1e9, least: 0, most: 4 };
        assert_eq!(repeat(&mut engine, &pace).unwrap().nanoseconds.len(), 4);
    }

    #[test]
    fn waiting_for_a_run_before_counts() {
        let arrivals = vec![0, 100, 200, 20_000_000];
        let repeated = repeat(&mut Sleeper(0), &Pace::Arrivals(arrivals)).unwrap();
        let times = repeated.nanoseconds;
        assert!(times[2] > 2_900_000 && times[1] > 1_900_000, "{times:?}");
        assert!(repeated.elapsed > 21_000_000);
    }
}
