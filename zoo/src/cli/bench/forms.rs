//! In which forms a report is told, and where to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bossnas_files::write_file;
use bossnas_report::Failure;

use super::document::Document;
use super::{html, print};
use crate::cli::context::Context;

/// Without a file a form goes to stdout, instead of the table.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
pub(super) struct Forms {
    /// Everything, raw times too, as one JSON document
    #[arg(long, value_name = "FILE.json", num_args = 0..=1, default_missing_value = "-", value_parser = target("json"))]
    json: Option<Target>,
    /// A line for each run, comma-separated
    #[arg(long, value_name = "FILE.csv", num_args = 0..=1, default_missing_value = "-", value_parser = target("csv"))]
    csv: Option<Target>,
    /// The table as Markdown
    #[arg(long, value_name = "FILE.md", num_args = 0..=1, default_missing_value = "-", value_parser = target("md"))]
    markdown: Option<Target>,
    /// One page with plots, for a browser
    #[arg(long, value_name = "FILE.html", value_parser = with_extension("html"))]
    html: Option<PathBuf>,
}

/// Where a form goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// Instead of the table.
    Stdout,
    /// Into a file.
    File(PathBuf),
}

/// A file, or nothing for stdout.
fn target(extension: &'static str) -> impl Fn(&str) -> Result<Target, String> + Clone {
    let file = with_extension(extension);
    move |text| if text == "-" { Ok(Target::Stdout) } else { file(text).map(Target::File) }
}

/// So that `--json MODEL` does not take the model for a file to write.
fn with_extension(extension: &'static str) -> impl Fn(&str) -> Result<PathBuf, String> + Clone {
    move |text| {
        let path = PathBuf::from(text);
        if path.extension() == Some(OsStr::new(extension)) {
            Ok(path)
        } else {
            Err(format!(
                "expected a file that ends in .{extension}; a MODEL goes before --{}",
                if extension == "md" { "markdown" } else { extension }
            ))
        }
    }
}

impl Forms {
    /// Only one form can go to stdout.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let to_stdout =
            [&self.json, &self.csv, &self.markdown].into_iter().filter(|form| matches!(form, Some(Target::Stdout)));
        if to_stdout.count() > 1 {
            return Err(Failure::usage("only one of --json, --csv and --markdown can go to stdout")
                .hint("--json FILE.json writes a file"));
        }
        Ok(())
    }
}

/// Tells the report in every form that was asked for.
pub(super) fn write(forms: &Forms, document: &Document, context: &Context) -> anyhow::Result<()> {
    let console = &context.console;
    let mut told = false;
    match &forms.json {
        Some(Target::Stdout) => {
            console.json("bench", document)?;
            told = true;
        }
        Some(Target::File(path)) => file(path, &console.json_text("bench", document)?, context)?,
        None => {}
    }
    for (form, text) in [(&forms.csv, print::csv as fn(&Document) -> String), (&forms.markdown, print::markdown)] {
        match form {
            Some(Target::Stdout) => {
                console.print(text(document))?;
                told = true;
            }
            Some(Target::File(path)) => file(path, &text(document), context)?,
            None => {}
        }
    }
    if let Some(path) = &forms.html {
        file(path, &html::page(document)?, context)?;
    }
    if told { Ok(()) } else { print::text(document, context) }
}

fn file(path: &Path, text: &str, context: &Context) -> anyhow::Result<()> {
    write_file(path, text.as_bytes())?;
    context.console.note(format_args!("wrote {}", path.display()));
    Ok(())
}
