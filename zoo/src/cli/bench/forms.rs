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
    #[arg(long, value_name = "FILE.json", num_args = 0..=1, value_parser = with_extension("json"))]
    json: Option<Option<PathBuf>>,
    /// A line for each run, comma-separated
    #[arg(long, value_name = "FILE.csv", num_args = 0..=1, value_parser = with_extension("csv"))]
    csv: Option<Option<PathBuf>>,
    /// The table as Markdown
    #[arg(long, value_name = "FILE.md", num_args = 0..=1, value_parser = with_extension("md"))]
    markdown: Option<Option<PathBuf>>,
    /// One page with plots, for a browser
    #[arg(long, value_name = "FILE.html", value_parser = with_extension("html"))]
    html: Option<PathBuf>,
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
        let to_stdout = [&self.json, &self.csv, &self.markdown].into_iter().filter(|form| matches!(form, Some(None)));
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
        Some(None) => {
            console.json("bench", document)?;
            told = true;
        }
        Some(Some(path)) => file(path, &console.json_text("bench", document)?, context)?,
        None => {}
    }
    for (form, text) in [(&forms.csv, print::csv as fn(&Document) -> String), (&forms.markdown, print::markdown)] {
        match form {
            Some(None) => {
                console.print(text(document))?;
                told = true;
            }
            Some(Some(path)) => file(path, &text(document), context)?,
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
