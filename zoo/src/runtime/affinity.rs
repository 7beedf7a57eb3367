//! Which processors threads run on.

/// Binds the calling thread, and those that it will start, to `cpus`. Without any, where the system knows no such thing, or
/// has no such processor, it stays free: who asks for processors is checked beforehand, against [`allowed`].
pub(super) fn bind(cpus: &[usize]) {
    if cpus.is_empty() {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        let mut set = rustix::thread::CpuSet::new();
        cpus.iter().filter(|&&cpu| cpu < rustix::thread::CpuSet::MAX_CPU).for_each(|&cpu| set.set(cpu));
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = cpus;
}

/// The processors that this process may run on, in order; empty where the system does not say.
pub fn allowed() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    {
        let Ok(set) = rustix::thread::sched_getaffinity(None) else { return Vec::new() };
        (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
    }
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}
