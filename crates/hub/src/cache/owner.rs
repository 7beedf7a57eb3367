//! Who a process is, so that another one can tell whether it is still there.
//!
//! File locks are not trusted: on network file systems they are often accepted and mean nothing. A name that says host,
//! boot, process and start time can be judged by anybody who reads it.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// A process, in a form that can be part of a file name: `host~boot~process~start`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Name of the machine and of the process namespace, since numbers of processes mean something only within it.
    host: String,
    /// When the machine was started, as its boot identifier.
    boot: String,
    /// Number of the process.
    process: u32,
    /// When the process was started, in the system's ticks since boot; numbers of processes are used again.
    start: u64,
}

/// What can be known of an owner from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It runs on this machine.
    Alive,
    /// It ran on this machine and does not any more.
    Gone,
    /// It runs or ran where this process cannot look.
    Elsewhere,
}

impl Owner {
    /// This process.
    pub fn current() -> &'static Self {
        static CURRENT: OnceLock<Owner> = OnceLock::new();
        CURRENT.get_or_init(|| {
            let process = std::process::id();
            let start = system::start_of(process).unwrap_or_default();
            Self { host: file_name_letters(&system::host()), boot: system::boot(), process, start }
        })
    }

    /// Whether it still runs.
    pub fn presence(&self) -> Presence {
        let current = Self::current();
        if self == current {
            return Presence::Alive;
        }
        if self.host != current.host || self.boot.is_empty() {
            return Presence::Elsewhere;
        }
        if self.boot == current.boot && system::start_of(self.process) == Some(self.start) {
            Presence::Alive
        } else {
            Presence::Gone
        }
    }

    /// Whether what it wrote may still be lost, because the machine that had it in memory was started anew or is not
    /// this one.
    pub fn is_of_this_boot(&self) -> bool {
        let current = Self::current();
        self.host == current.host && self.boot == current.boot
    }

    /// Number of the process.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Name of its machine.
    pub fn host(&self) -> &str {
        self.host.rsplit_once('+').map_or(&self.host, |(host, _)| host)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, boot, process, start } = self;
        write!(f, "{host}~{boot}~{process}~{start}")
    }
}

/// A text that names no owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an owner is host~boot~process~start")]
pub struct ParseOwnerError;

impl FromStr for Owner {
    type Err = ParseOwnerError;

    fn from_str(text: &str) -> Result<Self, ParseOwnerError> {
        let parts: Vec<&str> = text.split('~').collect();
        let [host, boot, process, start] = parts.as_slice() else { return Err(ParseOwnerError) };
        Ok(Self {
            host: (*host).to_owned(),
            boot: (*boot).to_owned(),
            process: process.parse().map_err(|_| ParseOwnerError)?,
            start: start.parse().map_err(|_| ParseOwnerError)?,
        })
    }
}

fn file_name_letters(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+') { c } else { '_' };
    text.chars().map(letter).take(80).collect()
}

#[cfg(target_os = "linux")]
mod system {
    /// The host's name, and the number of the process namespace.
    pub(super) fn host() -> String {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let number: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        // Room for the number, whatever the name.
        let name: String = name.chars().take(60).collect();
        format!("{name}+{number}")
    }

    pub(super) fn boot() -> String {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.chars().filter(char::is_ascii_hexdigit).take(12).collect()
    }

    /// When a process was started; `None` when there is none of that number, or only its exit status is left.
    pub(super) fn start_of(process: u32) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The second field, the program's name in parentheses, may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        // The state is field 3, the start time is field 22.
        fields.nth(18)?.parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn host() -> String {
        std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME")).unwrap_or_default()
    }

    /// Nothing is known here of other processes: each counts as elsewhere.
    pub(super) fn boot() -> String {
        String::new()
    }

    pub(super) fn start_of(_: u32) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_parsing_are_inverse_and_fit_a_file_name() {
        let current = Owner::current();
        let text = current.to_string();
        assert_eq!(text.parse::<Owner>().as_ref(), Ok(current));
        assert!(!text.contains(['/', '\\', ' ', ':']) && text.len() < 200, "{text}");
        for bad in ["", "a~b~c", "a~b~x~1", "a~b~1~x", "a~b~1~2~3", "a~b~-1~2"] {
            assert_eq!(bad.parse::<Owner>(), Err(ParseOwnerError), "{bad}");
        }
    }

    #[test]
    fn another_host_is_elsewhere() {
        let other = Owner { host: "somewhere-else".to_owned(), ..Owner::current().clone() };
        assert_eq!(other.presence(), Presence::Elsewhere);
        assert!(!other.is_of_this_boot());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_alive_until_it_ends() {
        assert_eq!(Owner::current().presence(), Presence::Alive);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = system::start_of(child.id()).unwrap();
        let owner = Owner { process: child.id(), start, ..Owner::current().clone() };
        assert_eq!(owner.presence(), Presence::Alive);
        let again = Owner { start: start + 1, ..owner.clone() };
        assert_eq!(again.presence(), Presence::Gone, "a number that is used again is another process");
        let boot = Owner { boot: "0123456789ab".to_owned(), ..owner.clone() };
        assert_eq!(boot.presence(), Presence::Gone);
        child.kill().unwrap();
        // Not waited for yet: what is left of it counts as gone.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while owner.presence() != Presence::Gone && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(owner.presence(), Presence::Gone);
        child.wait().unwrap();
        assert_eq!(owner.presence(), Presence::Gone);
    }
}
