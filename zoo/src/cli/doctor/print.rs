//! The report for people: labels, and what belongs to them, in two columns; then the problems.

use bossnas_report::{escape, units};

use super::report::{CacheReport, EntryReport, PartialReport, Report, RuntimeReport, Variable};
use crate::cli::context::Context;

pub(super) fn print(report: &Report, context: &Context) -> anyhow::Result<()> {
    let style = context.console.style();
    let lines = lines(report);
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let mut last = "";
    for (label, text) in &lines {
        let shown = if *label == last { "" } else { label };
        last = label;
        context.console.line(format!("{}  {}", style.dim(format!("{shown:width$}")), escape(text)))?;
    }
    for problem in &report.problems {
        let label = if problem.broken { style.red("broken:") } else { style.yellow("warning:") };
        context.console.line(format!("\n{label} {}", escape(&problem.message)))?;
        context.console.line(format!("{} {}", style.cyan("hint:"), escape(&problem.hint)))?;
    }
    if report.problems.is_empty() {
        context.console.line(format!("\n{}", style.green("nothing is wrong")))?;
    }
    Ok(())
}

fn lines(report: &Report) -> Vec<(&'static str, String)> {
    let versions = &report.versions;
    let mut lines = vec![
        ("version", format!("bossnas-zoo {}, tract {}", versions.bossnas_zoo, versions.tract)),
        ("target", versions.target.clone()),
        ("system", versions.system.clone()),
        ("JPEG", versions.jpeg_decoder.to_owned()),
    ];
    lines.extend(report.runtimes.iter().map(|runtime| ("runtimes", runtime_line(runtime))));
    lines.push((
        "registry",
        report.registry.as_ref().map_or_else(
            || "cannot be used".to_owned(),
            |registry| {
                let (models, sets) = (registry.models, registry.data_sets);
                format!("{}: {models} models, {} checkpoints, {sets} data sets", registry.origin, registry.checkpoints)
            },
        ),
    ));
    let built_in = report.registry.iter().flat_map(|registry| &registry.built_in).cloned().collect::<Vec<_>>();
    if !built_in.is_empty() {
        lines.push(("built in", built_in.join(", ")));
    }
    match &report.cache {
        Some(cache) => lines.extend(cache_lines(cache).into_iter().map(|text| ("cache", text))),
        None => lines.push(("cache", "none".to_owned())),
    }
    for (label, state) in [("present", true), ("missing", false)] {
        let entries = report.entries.iter().filter(|entry| (entry.state == "present") == state);
        lines.extend(entries.map(|entry| (label, entry_line(entry))));
    }
    lines.extend(report.partials.iter().map(|partial| ("not whole", partial_line(partial))));
    let certificates = &report.certificates;
    lines.push(("certificates", format!("{} of the system", certificates.found)));
    lines.extend(certificates.errors.iter().map(|error| ("certificates", error.clone())));
    lines.extend(variables("proxies", &report.proxies));
    lines.extend(variables("environment", &report.environment));
    lines.push(("terminal", terminal_line(report)));
    lines
}

fn runtime_line(runtime: &RuntimeReport) -> String {
    let RuntimeReport { name, library, build, reason, hint, .. } = runtime;
    match (reason, library) {
        (Some(reason), _) => {
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
            format!("{name}: no: {reason}{hint}")
        }
        (None, Some(library)) => {
            let build = build.as_ref().map_or_else(String::new, |build| format!(" ({build})"));
            format!("{name}: works, `{}`{build}", library.display())
        }
        (None, None) => format!("{name}: works, built in"),
    }
}

fn cache_lines(cache: &CacheReport) -> Vec<String> {
    let origin = if cache.from_environment { "$BOSSNAS_HOME" } else { "the platform's folder for caches" };
    let there = match (cache.exists, cache.writable) {
        (true, true) => "writable",
        (true, false) => "not writable",
        (false, true) => "made when something is fetched",
        (false, false) => "cannot be made",
    };
    let used = cache.used_bytes.map_or_else(|| "not known".to_owned(), units::bytes);
    let free = cache.free_bytes.map_or_else(|| "not known".to_owned(), units::bytes);
    let left = match cache.leftovers {
        0 => String::new(),
        count => format!(", {count} left over (`bossnas-zoo cache gc`)"),
    };
    vec![format!("{} ({origin}), {there}", cache.folder.display()), format!("{used} used, {free} free{left}")]
}

fn entry_line(entry: &EntryReport) -> String {
    let models = match entry.models.as_slice() {
        [] => String::new(),
        models => format!(" of {}", models.join(", ")),
    };
    let state = if entry.state == "present" { String::new() } else { format!(", {}", entry.state) };
    let command = entry.command.as_ref().map_or_else(String::new, |command| format!(": `{command}`"));
    format!("{} {}{models}{state}{command}", entry.kind, entry.name)
}

fn partial_line(partial: &PartialReport) -> String {
    let of = partial.expected_bytes.map_or_else(String::new, |bytes| format!(" of {}", units::bytes(bytes)));
    let rest = match (&partial.command, partial.abandoned) {
        (_, false) => ": a process works on it".to_owned(),
        (Some(command), true) => format!(": `{command}` goes on with it"),
        (None, true) => ": `bossnas-zoo cache gc --partial` removes it".to_owned(),
    };
    format!("{}, {}{of}{rest}", partial.name, units::bytes(partial.bytes))
}

fn variables(label: &'static str, variables: &[Variable]) -> Vec<(&'static str, String)> {
    match variables {
        [] => vec![(label, "none".to_owned())],
        all => all.iter().map(|Variable { name, value }| (label, format!("{name}={value}"))).collect(),
    }
}

fn terminal_line(report: &Report) -> String {
    let terminal = &report.terminal;
    let streams = match (terminal.stdout, terminal.stderr) {
        (true, true) => "stdout and stderr",
        (true, false) => "stdout",
        (false, true) => "stderr",
        (false, false) => "neither stdout nor stderr",
    };
    format!("{streams}, colour {}", if terminal.color { "on" } else { "off" })
}
