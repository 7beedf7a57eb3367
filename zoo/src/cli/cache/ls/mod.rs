//! `cache ls`: what is there.

mod report;

use bossnas_hub::cache::{Cache, Inventory, LeftoverKind, State, StoredEntry, Trust};
use bossnas_report::{Align, Style, Table, escape, units};

use self::report::Document;
use super::{ago, damaged_lock};
use crate::cli::context::Context;

/// List what is in the cache
///
/// `unconfirmed` means that no digest is published and that the file did not come from the registry's own address.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bossnas-zoo cache ls\n  bossnas-zoo cache ls --json")]
pub(crate) struct Args {
    /// Print one JSON document: every file with its address, digest, source and date
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let inventory = cache.inventory(Some(&context.registry()?))?;
    if args.json {
        context.console.json("cache-ls", &Document::new(&inventory))?;
    } else {
        print(&inventory, context)?;
    }
    match damaged_lock(&inventory) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

fn print(inventory: &Inventory, context: &Context) -> anyhow::Result<()> {
    let style = context.console.style();
    if inventory.entries.is_empty() && inventory.exports.is_empty() && inventory.other_folders.is_empty() {
        context.console.line(format_args!("nothing was fetched yet; the cache is `{}`", shown(inventory)))?;
        context.console.note("`bossnas-zoo fetch NAME` brings what `bossnas-zoo list` names");
    } else {
        context.console.print(colored(&table(inventory).render(style), style))?;
        let total = format!("{} in `{}`", units::bytes(inventory.bytes), shown(inventory));
        context.console.line(format_args!("\n{total}"))?;
    }
    if !inventory.partials.is_empty() {
        context.console.print(format_args!("\n{}", partials(inventory).render(style)))?;
    }
    let (count, bytes) = garbage(inventory);
    if count > 0 {
        let bytes = units::bytes(bytes);
        context
            .console
            .line(format_args!("\n{count} left over, {bytes}: `bossnas-zoo cache gc` removes what nobody needs"))?;
    }
    if inventory.entries.iter().any(is_unconfirmed) {
        context.console.note(Trust::Unconfirmed.explain());
    }
    Ok(())
}

fn shown(inventory: &Inventory) -> String {
    escape(&inventory.root.display().to_string()).into_owned()
}

/// Number and bytes of what is left over and of this program.
fn garbage(inventory: &Inventory) -> (usize, u64) {
    let ours = inventory.leftovers.iter().filter(|left| left.kind != LeftoverKind::Strange);
    ours.fold((0, 0), |(count, bytes), left| (count + 1, bytes + left.bytes))
}

fn is_unconfirmed(entry: &StoredEntry) -> bool {
    entry.trust() == Some(Trust::Unconfirmed)
}

fn table(inventory: &Inventory) -> Table {
    let mut table = Table::new([
        ("name", Align::Left),
        ("kind", Align::Left),
        ("size", Align::Right),
        ("age", Align::Right),
        ("trust", Align::Left),
        ("state", Align::Left),
    ]);
    for entry in &inventory.entries {
        table.row([
            entry.name.clone(),
            entry.kind.name().to_owned(),
            if entry.state == State::Recorded { "-".to_owned() } else { units::bytes(entry.bytes) },
            entry.age().map_or_else(|| "-".to_owned(), ago),
            entry.trust().map_or("-", Trust::name).to_owned(),
            entry.state.name().to_owned(),
        ]);
    }
    for folder in &inventory.other_folders {
        let name = folder.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = folder.bytes.map_or_else(|| "-".to_owned(), units::bytes);
        table.row([name, "data set".to_owned(), bytes, "-".to_owned(), "-".to_owned(), "present".to_owned()]);
    }
    for export in &inventory.exports {
        let bytes = units::bytes(export.bytes);
        table.row([&export.name, "export", &bytes, &ago(export.age), "-", "present"]);
    }
    table
}

/// Words that a person must see.
fn colored(text: &str, style: Style) -> String {
    let mut text = text.to_owned();
    for word in [Trust::Unconfirmed.name(), State::Damaged.name(), State::Incomplete.name(), State::Outdated.name()] {
        text = text.replace(&format!("  {word}"), &format!("  {}", style.yellow(word)));
    }
    text
}

fn partials(inventory: &Inventory) -> Table {
    let mut table = Table::new([
        ("not whole", Align::Left),
        ("bytes", Align::Right),
        ("of", Align::Right),
        ("age", Align::Right),
        ("who", Align::Left),
    ]);
    for partial in &inventory.partials {
        let who = match (&partial.owner, &partial.entry) {
            (Some(owner), _) if !partial.is_abandoned() => format!("process {} on {}", owner.process(), owner.host()),
            (_, Some(entry)) => format!("nobody: `bossnas-zoo fetch {entry}` goes on with it"),
            (_, None) => "nobody".to_owned(),
        };
        table.row([
            partial.name.clone(),
            units::bytes(partial.bytes),
            partial.expected.map_or_else(|| "?".to_owned(), units::bytes),
            ago(partial.age),
            who,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_seen_is_coloured() {
        let line = "a  checkpoint  1 B  -  unconfirmed  present\n";
        assert_eq!(colored(line, Style::new(false)), line);
        assert_eq!(colored(line, Style::new(true)), "a  checkpoint  1 B  -  \u{1b}[33munconfirmed\u{1b}[0m  present\n");
    }
}
