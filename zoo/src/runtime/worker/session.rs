//! The side of the program: a file that is loaded in a worker.

use std::collections::VecDeque;
use std::io::{self, BufReader, BufWriter, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::protocol::{Answer, Pace, Repeated, Request, receive, send};
use crate::runtime::Runtime;
use crate::runtime::engine::NamedTensor;
use crate::runtime::error::{Kind, RuntimeError};
use crate::runtime::library::Library;
use crate::runtime::placement::Placement;
use crate::runtime::settings::Load;

/// Most bytes of a worker's stderr that are kept: its last words.
const LAST_WORDS: usize = 16 << 10;

/// A file that is loaded in a process of its own. The process ends with it.
pub struct Session {
    runtime: Runtime,
    model: String,
    child: Child,
    requests: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    memory_limit: Option<u64>,
    load_time: Duration,
    build: Option<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The outputs in the order of the file, or in that in which they were asked for.
    pub outputs: Vec<NamedTensor>,
    /// Time that the runtime took, without the way to its process.
    pub time: Duration,
    /// Where the nodes of the first run ran, if that was to be recorded.
    pub placement: Option<Placement>,
}

impl Session {
    /// Starts a worker and loads a file there.
    pub fn load(load: &Load) -> Result<Self, RuntimeError> {
        if let (Runtime::Ort(provider), Some(_)) = (load.runtime, load.settings.memory_limit)
            && provider.has_own_memory()
        {
            let message = format!("a memory limit cannot hold {}: its memory is not the process's own", load.runtime);
            return Err(RuntimeError::new(Kind::Usage, message));
        }
        let library = match load.runtime {
            Runtime::Tract => None,
            Runtime::Ort(provider) => Some(Library::choose(provider)?),
        };
        let mut session = Self::start(load, library.as_ref())
            .map_err(|error| RuntimeError::failed(format!("cannot start a process for {}: {error}", load.runtime)))?;
        let request = Request::Load(Box::new(load.clone()), library.map(|library| library.path));
        match session.ask(request, &[], "loaded")? {
            (Answer::Loaded { seconds, build }, _) => {
                session.load_time = Duration::from_secs_f64(seconds);
                session.build = build;
            }
            _ => return Err(session.lost("answered something else")),
        }
        Ok(session)
    }

    fn start(load: &Load, library: Option<&Library>) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(super::ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some((variable, value)) = library.and_then(Library::search_path) {
            command.env(variable, value);
        }
        let mut child = command.spawn()?;
        let no_pipe = || io::Error::other("it has no pipes");
        let requests = child.stdin.take().ok_or_else(no_pipe)?;
        let answers = child.stdout.take().ok_or_else(no_pipe)?;
        let stderr = child.stderr.take().ok_or_else(no_pipe)?;
        Ok(Self {
            runtime: load.runtime,
            model: load.model.display().to_string(),
            child,
            requests: Some(BufWriter::with_capacity(1 << 16, requests)),
            answers: BufReader::with_capacity(1 << 16, answers),
            stderr: Some(thread::spawn(move || last_words(stderr))),
            memory_limit: load.settings.memory_limit,
            load_time: Duration::ZERO,
            build: None,
        })
    }

    /// What runs it.
    pub fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// Time that the runtime took to load the file.
    pub fn load_time(&self) -> Duration {
        self.load_time
    }

    /// Which build of the runtime it is, in its own words.
    pub fn build(&self) -> Option<&str> {
        self.build.as_deref()
    }

    /// Runs on tensors of the names, types and shapes that the file was loaded for.
    pub fn run(&mut self, inputs: &[NamedTensor]) -> Result<Ran, RuntimeError> {
        match self.ask(Request::Run, inputs, "ran")? {
            (Answer::Ran { seconds, placement }, outputs) => {
                Ok(Ran { outputs, time: Duration::from_secs_f64(seconds), placement })
            }
            _ => Err(self.lost("answered something else")),
        }
    }

    /// Keeps tensors of the names, types and shapes that the file was loaded for, for [`Session::repeat`].
    pub fn hold(&mut self, inputs: &[NamedTensor]) -> Result<(), RuntimeError> {
        match self.ask(Request::Hold, inputs, "took inputs for")? {
            (Answer::Held, _) => Ok(()),
            _ => Err(self.lost("answered something else")),
        }
    }

    /// Runs on what is kept, again and again, and measures in the process of the runtime.
    pub fn repeat(&mut self, pace: Pace) -> Result<Repeated, RuntimeError> {
        match self.ask(Request::Repeat(pace), &[], "ran")? {
            (Answer::Repeated(repeated), _) => Ok(repeated),
            _ => Err(self.lost("answered something else")),
        }
    }

    fn ask(
        &mut self,
        request: Request,
        inputs: &[NamedTensor],
        doing: &str,
    ) -> Result<(Answer, Vec<NamedTensor>), RuntimeError> {
        let sent = match &mut self.requests {
            Some(requests) => send(requests, request, inputs),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        match sent.and_then(|()| receive::<Answer>(&mut self.answers)) {
            Ok(Some((Answer::Failed(error), _))) => Err(self.with_limit(error)),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => Err(self.lost(&format!("{doing} {}", self.model))),
        }
    }

    /// Under a limit, that is the likeliest cause of what went wrong.
    fn with_limit(&self, error: RuntimeError) -> RuntimeError {
        match self.memory_limit {
            Some(limit) if error.kind == Kind::Failed || error.kind == Kind::Crashed => {
                error.hint(format!("its process may have {limit} bytes of addresses: --memory-limit allows more"))
            }
            _ => error,
        }
    }

    /// The worker is gone.
    fn lost(&mut self, doing: &str) -> RuntimeError {
        self.requests = None;
        let ended = match wait(&mut self.child, Duration::from_secs(5)) {
            Some(status) => describe(status),
            None => "stopped answering".to_owned(),
        };
        let _ = self.child.kill();
        let words = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        let mut error = RuntimeError::new(Kind::Crashed, format!("{} {ended} while it {doing}", self.runtime));
        let lines: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        error.details.extend(lines.iter().rev().take(8).rev().map(|&line| line.to_owned()));
        self.with_limit(error)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A worker whose stdin ends, ends; one that hangs in a library does not.
        self.requests = None;
        if wait(&mut self.child, Duration::from_millis(500)).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < patience => thread::sleep(pause),
            Ok(None) | Err(_) => return None,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// How a process ended, in words.
fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal} ({})", signal_name(signal));
    }
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".to_owned(),
    }
}

#[cfg(unix)]
fn signal_name(signal: i32) -> &'static str {
    use signal_hook::consts;
    match signal {
        consts::SIGSEGV => "SIGSEGV: it touched memory that is not its own",
        consts::SIGABRT => "SIGABRT: it gave up",
        consts::SIGILL => "SIGILL: it used an instruction that this processor lacks",
        consts::SIGFPE => "SIGFPE: it divided by zero",
        consts::SIGBUS => "SIGBUS: a file became shorter, or memory is broken",
        // What the system does when memory runs out.
        9 => "SIGKILL: killed, as the system does when memory runs out",
        consts::SIGTERM => "SIGTERM",
        consts::SIGINT => "SIGINT",
        _ => "another signal",
    }
}

/// Reads to the end and keeps the last bytes.
fn last_words(mut from: impl Read) -> Vec<u8> {
    let mut kept = VecDeque::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        kept.extend(&piece[..count]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_much_only_the_end_is_kept() {
        let text: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        assert_eq!(last_words(text.as_slice()), &text[text.len() - LAST_WORDS..]);
    }

    #[cfg(unix)]
    #[test]
    fn a_signal_is_named() {
        use std::os::unix::process::ExitStatusExt;
        assert!(describe(ExitStatus::from_raw(11)).contains("SIGSEGV"));
        assert!(describe(ExitStatus::from_raw(3 << 8)).contains("exit code 3"));
    }
}
