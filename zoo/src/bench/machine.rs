//! The machine that is measured on, and what about it nobody holds still.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::runtime::{allowed_cpus, available_cpus};

/// Instruction sets that decide how fast products are.
const INSTRUCTIONS: [&str; 10] =
    ["avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16"];

/// A machine, as far as its system tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its processor, in its own words.
    pub processor: String,
    /// Instruction sets for products that it has.
    pub instructions: Vec<String>,
    /// Processors that this program may use.
    pub cpus: Vec<usize>,
    /// How many of them there are.
    pub cpu_count: usize,
    /// Whether two of them share a core.
    pub shared_cores: Option<bool>,
    /// Whether it is a guest on another machine.
    pub virtual_machine: Option<bool>,
    /// The policy for clocks.
    pub governor: Option<String>,
    /// Whether clocks may rise above their nominal rate.
    pub boost: Option<bool>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// The operating system.
    pub system: String,
    /// This program.
    pub program: String,
    /// GPUs, as their driver tells.
    pub gpus: Vec<Gpu>,
}

/// A GPU of NVIDIA's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    /// Its name.
    pub name: String,
    /// Version of its driver.
    pub driver: String,
    /// Bytes of memory, in the driver's words.
    pub memory: String,
    /// Clock of its processors now, and at the most.
    pub clocks: [String; 2],
    /// Degrees Celsius.
    pub temperature: String,
    /// Why its clock is held back, as the driver's bit mask.
    pub throttling: String,
}

/// What the system has counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// Runnable processes, averaged over the last minute.
    load: Option<f64>,
    /// Ticks that the host of a guest gave to others, and all ticks.
    stolen: Option<[u64; 2]>,
}

impl Machine {
    /// This one.
    pub fn observe() -> Self {
        let cpuinfo = text("/proc/cpuinfo").unwrap_or_default();
        let field =
            |name: &str| cpuinfo.lines().find_map(|line| Some(line.strip_prefix(name)?.split_once(':')?.1.trim()));
        let flags: Vec<&str> = field("flags").or_else(|| field("Features")).unwrap_or_default().split(' ').collect();
        let cpus = allowed_cpus();
        Self {
            processor: field("model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            instructions: INSTRUCTIONS
                .iter()
                .filter(|name| flags.contains(name))
                .map(|&name| name.to_owned())
                .collect(),
            shared_cores: shared_cores(&cpus),
            cpu_count: available_cpus(),
            virtual_machine: (!cpuinfo.is_empty()).then(|| flags.contains(&"hypervisor")),
            governor: cpus
                .first()
                .and_then(|cpu| text(format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"))),
            boost: boost(),
            memory: memory(),
            system: system(),
            program: format!("bossnas-zoo {}", env!("CARGO_PKG_VERSION")),
            gpus: gpus(),
            cpus,
        }
    }
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let stat = text("/proc/stat").unwrap_or_default();
        let ticks: Vec<u64> =
            stat.lines().next().unwrap_or_default().split_whitespace().skip(1).map_while(|n| n.parse().ok()).collect();
        let load = text("/proc/loadavg").and_then(|line| line.split(' ').next()?.parse().ok());
        Self { load, stolen: ticks.get(7).map(|&stolen| [stolen, ticks.iter().take(8).sum()]) }
    }

    /// Share of the machine's time that its host gave to others since.
    pub fn stolen_since(&self, before: &Self) -> Option<f64> {
        let ([before, all_before], [now, all]) = (before.stolen?, self.stolen?);
        let passed = all.checked_sub(all_before).filter(|&passed| passed > 0)?;
        Some(now.saturating_sub(before) as f64 / passed as f64)
    }
}

/// What was not held still while measuring: a sentence each.
pub fn uncontrolled(machine: &Machine, before: &Moment, after: &Moment) -> Vec<String> {
    let mut found = Vec::new();
    match (&machine.governor, machine.boost) {
        (None, _) => found
            .push("clocks: the system does not say how they are governed, so they may change at any time".to_owned()),
        (Some(governor), boost) => {
            if governor != "performance" {
                found.push(format!("clocks: the governor is `{governor}`, which lowers them when little is done; `performance` does not"));
            }
            if boost == Some(true) {
                found.push("clocks: boost is on, so they depend on temperature and on what other cores do".to_owned());
            }
        }
    }
    if machine.virtual_machine == Some(true) {
        let stolen = after.stolen_since(before).unwrap_or(0.0);
        found.push(format!(
            "neighbours: this is a virtual machine; its host gave {:.1} % of its time to others meanwhile, and caches and memory are shared unseen",
            stolen * 100.0
        ));
    }
    if let Some(load) = before.load.filter(|&load| load > 0.2) {
        found.push(format!("other programs: {load:.1} of them ran on average in the minute before"));
    }
    if machine.shared_cores == Some(true) {
        found.push("cores: some of the processors share one, so pinned threads may too".to_owned());
    }
    if machine.cpus.is_empty() {
        found.push("threads: this system does not let them be bound to processors".to_owned());
    }
    for gpu in machine
        .gpus
        .iter()
        .filter(|gpu| !matches!(gpu.throttling.as_str(), "0x0000000000000000" | "0x0000000000000001"))
    {
        found.push(format!("{}: its clock is held back (reasons {})", gpu.name, gpu.throttling));
    }
    found.push("memory: where pages lie, and whether they are large ones, is the system's choice".to_owned());
    found
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn shared_cores(cpus: &[usize]) -> Option<bool> {
    let siblings = |cpu: &usize| text(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"));
    let lists: Vec<String> = cpus.iter().map(siblings).collect::<Option<_>>()?;
    (!lists.is_empty()).then(|| lists.iter().any(|list| list.contains([',', '-'])))
}

fn boost() -> Option<bool> {
    let intel = text("/sys/devices/system/cpu/intel_pstate/no_turbo").map(|off| off == "0");
    intel.or_else(|| text("/sys/devices/system/cpu/cpufreq/boost").map(|on| on == "1"))
}

fn memory() -> Option<u64> {
    let meminfo = text("/proc/meminfo")?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// The operating system in its own words.
pub fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    #[cfg(unix)]
    {
        let kernel = rustix::system::uname();
        format!("{name}, {} {}", kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy())
    }
    #[cfg(not(unix))]
    name.to_owned()
}

/// What `nvidia-smi` says; nothing where there is none.
fn gpus() -> Vec<Gpu> {
    const FIELDS: &str = "--query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm,temperature.gpu,clocks_throttle_reasons.active";
    let output = Command::new("nvidia-smi").args([FIELDS, "--format=csv,noheader"]).output();
    let Ok(output) = output else { return Vec::new() };
    if !output.status.success() {
        return Vec::new();
    }
    String::from_utf8_lossy(&output.stdout).lines().filter_map(gpu).collect()
}

/// A line of `nvidia-smi`.
fn gpu(line: &str) -> Option<Gpu> {
    let fields: Vec<String> = line.split(',').map(|field| field.trim().to_owned()).collect();
    let [name, driver, memory, clock, most, temperature, throttling] = fields.try_into().ok()?;
    Some(Gpu { name, driver, memory, clocks: [clock, most], temperature, throttling })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_driver_is_a_gpu() {
        let line = "NVIDIA H100 80GB HBM3, 570.86.15, 81559 MiB, 1980 MHz, 1980 MHz, 34, 0x0000000000000000";
        let gpu = gpu(line).unwrap();
        assert_eq!((gpu.name.as_str(), gpu.clocks[1].as_str()), ("NVIDIA H100 80GB HBM3", "1980 MHz"));
        assert_eq!(super::gpu("NVIDIA-SMI has failed"), None);
    }

    #[test]
    fn what_is_not_held_still_is_said() {
        let mut machine = Machine::observe();
        assert!(machine.cpu_count > 0);
        machine.governor = Some("powersave".to_owned());
        machine.virtual_machine = Some(true);
        let before = Moment { load: Some(3.0), stolen: Some([0, 0]) };
        let after = Moment { load: None, stolen: Some([5, 100]) };
        let said = uncontrolled(&machine, &before, &after).join("\n");
        for word in ["powersave", "5.0 %", "3.0 of them"] {
            assert!(said.contains(word), "{said}");
        }
        machine.governor = Some("performance".to_owned());
        assert!(!uncontrolled(&machine, &before, &after).join("\n").contains("performance"));
    }
}
