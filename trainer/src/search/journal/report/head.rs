//! What came out, in a sentence, a list and a table.

use std::collections::BTreeMap;

use bossnas_report::html::Page;
use bossnas_report::{Align, Table, units};
use serde_json::{Map, Value};

use super::super::event::{Event, Reason};
use super::run::{Chosen, Run};
use crate::journal::Event as _;
use crate::journal::page::{date, duration, seed, worked};
use crate::search::Rules;

/// What came out, or how far it is.
pub(super) fn lead(run: &Run) -> String {
    let whole = match &run.chosen {
        Some(Chosen::Whole(file)) => Some(format!("chose {}", file.arch)),
        _ => None,
    };
    let state = state(run);
    match (run.events.last(), whole) {
        (Some(Event::End { .. }), Some(chose)) => format!("The search {chose}."),
        (_, Some(chose)) => format!("The search {chose}, and is {state}."),
        _ => format!("The search is {state}."),
    }
}

/// Finished, stopped, or running: what the last event says.
fn state(run: &Run) -> String {
    let step = |step: u64| format!("at step {}", units::grouped(step));
    match run.events.last() {
        Some(Event::End { .. }) => "finished".to_owned(),
        Some(Event::Stop { step: at, reason, .. }) => {
            let reason = match reason {
                Reason::Interrupt => "by a signal",
                Reason::MaxSteps => "after as many steps as were asked for",
                Reason::Stages => "after the stages that were asked for",
            };
            format!("stopped {}, {reason}", step(*at))
        }
        Some(event) => format!("running, {}", step(event.step())),
        None => "about to begin".to_owned(),
    }
}

/// What the run is, and how far it is.
pub(super) fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let mut facts = vec![("state", state(run))];
    if let Some(start) = run.start() {
        facts.push(("space", start.space.to_owned()));
        facts.push(("rules", rules(start.rules)));
        let done = run.events.last().map_or(0, crate::journal::log::Event::step);
        facts.push(("steps", format!("{} of {}", units::grouped(done), units::grouped(start.steps))));
    }
    facts.extend(run.config.as_deref().and_then(seed).map(|seed| ("seed", seed)));
    let computed: f64 = seconds(run).values().sum();
    facts.push(("time", duration(computed)));
    if let (Some(first), Some(last)) = (run.events.first(), run.events.last()) {
        facts.push(("began", date(first.time())));
        facts.push(("last entry", date(last.time())));
    }
    let resumed = run.events.iter().filter(|event| matches!(event, Event::Resume { .. })).count();
    if resumed > 0 {
        facts.push(("resumed", units::counted(resumed, "time")));
    }
    facts.extend(run.start().map(|start| ("bossnas-train", start.version.to_owned())));
    facts
}

/// The name of a set of rules, or all its switches.
fn rules(switches: &Map<String, Value>) -> String {
    let named = serde_json::from_value::<Rules>(Value::Object(switches.clone())).ok();
    match named {
        Some(rules) if rules == Rules::corrected() => "corrected".to_owned(),
        Some(rules) if rules == Rules::published() => "published".to_owned(),
        _ => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let switch = |(name, value): (&String, &Value)| format!("{name} = {}", text(value));
            switches.iter().map(switch).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The seconds in which a process worked on each stage, its ratings included. The time between two processes does not count.
pub(super) fn seconds(run: &Run) -> BTreeMap<usize, f64> {
    let mut seconds = BTreeMap::new();
    let mut stage = 0;
    let begins = |event: &Event| matches!(event, Event::Start { .. } | Event::Resume { .. });
    for (event, time) in worked(&run.events, begins) {
        stage = match event {
            Event::Step(step) => step.stage,
            Event::Rating(rating) => rating.stage,
            _ => stage,
        };
        *seconds.entry(stage).or_insert(0.0) += time;
    }
    seconds
}

/// The best path of each stage, and the drawing of the architecture.
pub(super) fn architecture(page: &mut Page, run: &Run, drawing: Option<&str>) {
    let stages = run.scores_of_stages();
    match &run.chosen {
        Some(Chosen::Whole(file)) => page.paragraph(&format!("All stages are decided: {}", file.arch)),
        Some(Chosen::Partial(paths)) if !paths.is_empty() => page.paragraph(&format!(
            "Decided so far: {}.",
            paths
                .iter()
                .enumerate()
                .map(|(stage, path)| format!("stage {stage} {path}"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
        _ => page.paragraph("No stage is decided yet."),
    }
    if !stages.is_empty() {
        page.table(&best_paths(run, &stages));
    }
    if let Some(drawing) = drawing {
        page.figure(drawing, "The architecture");
    }
}

/// The path of each stage: the one that was decided on, or the best so far. A path that the next stage cannot follow is passed over,
/// so the best one need not be the one that goes on.
fn best_paths(run: &Run, stages: &BTreeMap<usize, Vec<&super::run::Scored>>) -> Table {
    let columns = [
        ("stage", Align::Right),
        ("path", Align::Left),
        ("score", Align::Right),
        ("rank", Align::Right),
        ("state", Align::Left),
        ("rated after epoch", Align::Right),
        ("paths", Align::Right),
        ("next path", Align::Left),
        ("ahead by", Align::Right),
    ];
    let mut table = Table::new(columns);
    for (stage, ratings) in stages {
        let Some(last) = ratings.last() else { continue };
        let decided = run.events.iter().find_map(|event| match event {
            Event::Stage { stage: at, step, best, .. } if at == stage => Some((*step, best.as_str())),
            _ => None,
        });
        let ranked = last.ranked();
        let place = decided.map_or(Some(0), |(_, best)| ranked.iter().position(|(path, _)| *path == best));
        let chosen = place.and_then(|place| ranked.get(place)).copied();
        let next = ranked.iter().copied().find(|(path, _)| chosen.is_some_and(|(chosen, _)| chosen != *path));
        let ahead = next.zip(chosen).map(|((_, next), (_, score))| next - score);
        table.row([
            stage.to_string(),
            chosen.map(|(path, _)| path).or(decided.map(|(_, best)| best)).unwrap_or_default().to_owned(),
            chosen.map_or_else(String::new, |(_, score)| format!("{score:.4}")),
            chosen.and(place).map_or_else(String::new, |place| (place + 1).to_string()),
            decided
                .map_or_else(|| "so far".to_owned(), |(step, _)| format!("decided at step {}", units::grouped(step))),
            last.epoch.to_string(),
            last.scores.len().to_string(),
            next.map_or("", |(path, _)| path).to_owned(),
            ahead.map_or_else(String::new, |ahead| format!("{ahead:.6}")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::super::event::Rating;
    use super::*;

    fn run(events: Vec<Event>) -> Run {
        Run { events, history: Vec::new(), chosen: None, config: None }
    }

    fn rating(time: f64, stage: usize) -> Event {
        Event::Rating(Rating {
            time,
            stage,
            epoch: 0,
            step: 1,
            best: "00".into(),
            score: -1.0,
            median: -1.0,
            worst: -1.0,
            paths: 1,
            seconds: 1.0,
        })
    }

    #[test]
    fn the_time_between_two_processes_does_not_count() {
        let resume = |time| Event::Resume { time, step: 1 };
        let stop = |time| Event::Stop { time, step: 1, reason: Reason::Interrupt };
        let events = vec![
            resume(0.0),
            rating(10.0, 0),
            stop(11.0),
            resume(1000.0),
            rating(1003.0, 1),
            // A clock that was set back.
            rating(900.0, 1),
            stop(901.0),
        ];
        assert_eq!(seconds(&run(events)), BTreeMap::from([(0, 11.0), (1, 4.0)]));
        assert!(seconds(&run(Vec::new())).is_empty());
    }

    #[test]
    fn rules_are_named_or_listed() {
        let of = |value: Value| value.as_object().cloned().unwrap_or_default();
        assert_eq!(rules(&of(serde_json::to_value(Rules::published()).unwrap())), "published");
        assert_eq!(rules(&of(serde_json::to_value(Rules::corrected()).unwrap())), "corrected");
        let mixed = Rules { attention: Rules::published().attention, ..Rules::corrected() };
        let text = rules(&of(serde_json::to_value(mixed).unwrap()));
        assert!(text.starts_with("attention = transposed, ") && text.contains("prefix = frozen"), "{text}");
        assert_eq!(rules(&of(serde_json::json!({"later": 1}))), "later = 1");
    }
}
