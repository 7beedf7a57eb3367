//! The side of the worker: `bossnas-zoo __worker` reads requests from stdin and answers them until stdin ends.

use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use super::protocol::{Answer, Request, receive, send};
use super::repeat::repeat;
use crate::runtime::engine::{Engine, NamedTensor};
use crate::runtime::error::RuntimeError;
use crate::runtime::ort::Ort;
use crate::runtime::settings::Load;
use crate::runtime::{Runtime, affinity, tract};

/// Serves one program. An error means that its other end is gone.
pub fn serve() -> io::Result<()> {
    prepare();
    let mut answers = BufWriter::with_capacity(1 << 16, private_stdout()?);
    let mut requests = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut engine: Option<Box<dyn Engine>> = None;
    while let Some((request, tensors)) = receive::<Request>(&mut requests)? {
        let answer = match request {
            Request::Load(request, library) => load(&request, library.as_deref()).map(|(loaded, seconds)| {
                let build = loaded.build();
                engine = Some(loaded);
                (Answer::Loaded { seconds, build }, Vec::new())
            }),
            Request::Run => loaded(&mut engine).and_then(|engine| run(engine, &tensors)),
            Request::Hold => {
                loaded(&mut engine).and_then(|engine| engine.hold(&tensors)).map(|()| (Answer::Held, Vec::new()))
            }
            Request::Repeat(pace) => loaded(&mut engine)
                .and_then(|engine| repeat(engine, &pace))
                .map(|repeated| (Answer::Repeated(repeated), Vec::new())),
        };
        match answer {
            Ok((answer, outputs)) => send(&mut answers, answer, &outputs)?,
            Err(error) => send(&mut answers, Answer::Failed(error), &[])?,
        }
    }
    Ok(())
}

fn load(load: &Load, library: Option<&Path>) -> Result<(Box<dyn Engine>, f64), RuntimeError> {
    let settings = &load.settings;
    if let Some(limit) = settings.memory_limit {
        limit_memory(limit)?;
    }
    let caller = settings.cpus.get(..1).unwrap_or_default();
    let start = Instant::now();
    let engine: Box<dyn Engine> = match (load.runtime, library) {
        (Runtime::Tract, _) => {
            affinity::bind(caller);
            Box::new(tract::engine(load)?)
        }
        (Runtime::Ort(provider), Some(library)) => {
            // Libraries that start threads of their own keep them where this one may run.
            affinity::bind(&settings.cpus);
            let engine = Ort::load(load, provider, library)?;
            affinity::bind(caller);
            Box::new(engine)
        }
        (Runtime::Ort(_), None) => return Err(RuntimeError::failed("no library of ONNX Runtime was named")),
    };
    Ok((engine, start.elapsed().as_secs_f64()))
}

fn loaded(engine: &mut Option<Box<dyn Engine>>) -> Result<&mut (dyn Engine + 'static), RuntimeError> {
    engine.as_deref_mut().ok_or_else(|| RuntimeError::failed("nothing was loaded"))
}

fn run(engine: &mut dyn Engine, tensors: &[NamedTensor]) -> Result<(Answer, Vec<NamedTensor>), RuntimeError> {
    let start = Instant::now();
    let outputs = engine.run(tensors)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok((Answer::Ran { seconds, placement: engine.placement().cloned() }, outputs))
}

/// A worker does not outlive its program, and writes no core file when a library crashes.
fn prepare() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    #[cfg(unix)]
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    );
}

/// The pipe to the program. What libraries print to stdout goes to stderr from now on.
#[cfg(unix)]
fn private_stdout() -> io::Result<impl Write> {
    let pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(std::fs::File::from(pipe))
}

#[cfg(not(unix))]
fn private_stdout() -> io::Result<impl Write> {
    Ok(io::stdout())
}

fn limit_memory(bytes: u64) -> Result<(), RuntimeError> {
    #[cfg(unix)]
    let limited = {
        let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
        rustix::process::setrlimit(rustix::process::Resource::As, limit).map_err(|error| error.to_string())
    };
    #[cfg(not(unix))]
    let limited: Result<(), String> = Err(format!("this system cannot limit a process to {bytes} bytes"));
    limited.map_err(|reason| RuntimeError::failed(format!("the memory limit cannot be set: {reason}")))
}
