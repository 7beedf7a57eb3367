//! `docs/benchmarks.md` and `docs/benchmarks.svg`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use bossnas_files::write_file;
use bossnas_report::plot::{Axis, Bar, Bars};
use bossnas_report::statistics::{Blocks, Estimate, Pairing};
use bossnas_report::{Align, Table, units};
use serde_json::Value;

use super::{REPETITIONS, samples};

/// Everything that was measured.
pub(super) struct Report {
    /// Reports of `bench`, of PyTorch's export and ours, one for each batch.
    pub(super) exports: Vec<Value>,
    /// Python and `bench` in turn, one for each number of threads.
    pub(super) plain: Vec<Plain>,
    /// The same at a small size.
    pub(super) small: Plain,
    /// A report of `tune`.
    pub(super) tuned: Value,
    /// What `--baseline` said of the same thing.
    pub(super) verdicts: Vec<String>,
    /// Seconds of the ranking of 32,768 architectures.
    pub(super) rank: Option<f64>,
}

/// One file in Python and in `bench`.
pub(super) struct Plain {
    pub(super) threads: usize,
    pub(super) size: usize,
    pub(super) version: String,
    pub(super) eager: Blocks,
    pub(super) channels_last: Blocks,
    pub(super) python_loop: Blocks,
    pub(super) bench: Blocks,
}

impl Report {
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        write_file(folder.join("benchmarks.md"), self.text().as_bytes())?;
        write_file(folder.join("benchmarks.svg"), self.plot()?.as_bytes())?;
        println!("wrote docs/benchmarks.md and docs/benchmarks.svg");
        Ok(())
    }

    fn text(&self) -> String {
        let machine = &self.exports[0]["machine"];
        let mut text = "# Benchmarks\n\n".to_owned();
        let _ = writeln!(
            text,
            "BossNet-T0, 224 x 224, float32, on {} ({}), {} processors, {}; {}; measured on {}. `cargo xtask bench` makes this \
             file: it takes some twenty minutes and a machine on which nothing else runs.\n",
            machine["processor"].as_str().unwrap_or_default(),
            words(&machine["instructions"]),
            machine["cpu_count"],
            machine["system"].as_str().unwrap_or_default(),
            self.plain[0].version,
            today(),
        );
        text += "Threads are bound to processors. Everything in a table was measured in turn, in blocks, so that a drift of the \
                 machine meets all alike. A ratio is one of medians, with its 95 % interval drawn over blocks; below 1 is faster. \
                 Not controlled:\n\n";
        for sentence in self.exports[0]["not_controlled"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "- {}", sentence.as_str().unwrap_or_default());
        }
        text += "\n![Time of a run of BossNet-T0](benchmarks.svg)\n\n";
        self.exported(&mut text);
        self.operators(&mut text);
        self.tract(&mut text);
        self.python(&mut text);
        self.best(&mut text);
        self.itself(&mut text);
        text
    }

    /// Every batch and number of threads: the variants of both files.
    fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        self.exports.iter().flat_map(|report| [1, 2].into_iter().filter_map(move |threads| Pair::of(report, threads)))
    }

    fn exported(&self, text: &mut String) {
        *text += "## ONNX Runtime: our file beside PyTorch's export\n\nPyTorch's TorchScript exporter, opset 17, constants folded, \
                  the same weights, the same fixed batch. Limit: the interval reaches 1.00 or lies below. *Peak* is what a float32 \
                  product of two 1024 x 1024 matrices reached in the same rounds.\n\n";
        let mut table = Table::new([
            ("batch", Align::Right),
            ("threads", Align::Right),
            ("PyTorch's, ms", Align::Right),
            ("ours, ms", Align::Right),
            ("ratio", Align::Right),
            ("95 % interval", Align::Right),
            ("ours, of peak", Align::Right),
            ("at peak, ms", Align::Right),
        ]);
        for pair in self.pairs() {
            let median = pair.ours["times_ms"]["median"]["value"].as_f64().unwrap_or(f64::NAN);
            let share = pair.ours["share_of_peak"].as_f64().unwrap_or(f64::NAN);
            table.row([
                pair.batch.to_string(),
                pair.threads.to_string(),
                ms(&Blocks::new(samples(pair.torch))),
                ms(&Blocks::new(samples(pair.ours))),
                ratio(ratio_of(pair.ours, pair.torch)),
                interval(ratio_of(pair.ours, pair.torch)),
                format!("{:.0} %", share * 100.0),
                format!("{:.1}", median * share),
            ]);
        }
        let _ = writeln!(text, "{}", table.markdown());
    }

    fn operators(&self, text: &mut String) {
        let Some(pair) = self.pairs().next() else { return };
        *text += "Where the time goes, at one thread and batch 1, by ONNX Runtime's own profile (the fastest of twelve runs of each \
                  node):\n\n";
        let mut table = Table::new([
            ("nodes", Align::Left),
            ("ours", Align::Right),
            ("ms", Align::Right),
            ("share", Align::Right),
            ("PyTorch's", Align::Right),
            ("ms", Align::Right),
        ]);
        let list = |variant: &Value| -> Vec<(String, u64, f64)> {
            let operators = variant["operators"].as_array().into_iter().flatten();
            let read = |it: &Value| {
                Some((it["name"].as_str()?.to_owned(), it["nodes"].as_u64()?, it["seconds"].as_f64()? * 1e3))
            };
            operators.filter_map(read).collect()
        };
        let (ours, torch) = (list(pair.ours), list(pair.torch));
        let all: f64 = ours.iter().map(|(_, _, ms)| ms).sum();
        let others = torch.iter().filter(|(name, ..)| !ours.iter().any(|(own, ..)| own == name)).map(|(name, ..)| name);
        for name in ours.iter().map(|(name, ..)| name).chain(others) {
            let find =
                |list: &[(String, u64, f64)]| list.iter().find(|(other, ..)| other == name).map(|(_, n, ms)| (*n, *ms));
            let (own, other) = (find(&ours), find(&torch));
            table.row([
                name.clone(),
                own.map(|(n, _)| n.to_string()).unwrap_or_default(),
                own.map(|(_, ms)| format!("{ms:.2}")).unwrap_or_default(),
                own.map(|(_, ms)| format!("{:.1} %", ms / all * 100.0)).unwrap_or_default(),
                other.map(|(n, _)| n.to_string()).unwrap_or_default(),
                other.map(|(_, ms)| format!("{ms:.2}")).unwrap_or_default(),
            ]);
        }
        let _ = writeln!(text, "{}", table.markdown());
    }

    fn tract(&self, text: &mut String) {
        *text += "## tract beside ONNX Runtime, on our file\n\nGoal: 1.5 times.\n\n";
        let mut table = Table::new([
            ("batch", Align::Right),
            ("threads", Align::Right),
            ("ONNX Runtime, ms", Align::Right),
            ("tract, ms", Align::Right),
            ("ratio", Align::Right),
            ("95 % interval", Align::Right),
            ("tract on PyTorch's, ms", Align::Right),
        ]);
        for pair in self.pairs() {
            table.row([
                pair.batch.to_string(),
                pair.threads.to_string(),
                ms(&Blocks::new(samples(pair.ours))),
                ms(&Blocks::new(samples(pair.tract))),
                ratio(ratio_of(pair.tract, pair.ours)),
                interval(ratio_of(pair.tract, pair.ours)),
                ms(&Blocks::new(samples(pair.torch_in_tract))),
            ]);
        }
        let _ = writeln!(text, "{}", table.markdown());
    }

    fn python(&self, text: &mut String) {
        *text += "## PyTorch, and a plain loop around ONNX Runtime in Python\n\nBatch 1. `bench` is `bossnas-zoo bench` on the same \
                  file as the plain loop; its median should be within 2 % of that of the loop.\n\n";
        let mut table = Table::new([
            ("size", Align::Right),
            ("threads", Align::Right),
            ("PyTorch eager, ms", Align::Right),
            ("channels last", Align::Right),
            ("plain loop", Align::Right),
            ("bench", Align::Right),
            ("bench / loop", Align::Right),
            ("95 % interval", Align::Right),
            ("bench / eager", Align::Right),
        ]);
        for plain in self.plain.iter().chain([&self.small]) {
            let to_loop = plain.bench.ratio_of_medians(&plain.python_loop, Pairing::Rounds);
            table.row([
                plain.size.to_string(),
                plain.threads.to_string(),
                ms(&plain.eager),
                ms(&plain.channels_last),
                ms(&plain.python_loop),
                ms(&plain.bench),
                ratio(to_loop),
                interval(to_loop),
                ratio(plain.bench.ratio_of_medians(&plain.eager, Pairing::Rounds)),
            ]);
        }
        let _ = writeln!(text, "{}", table.markdown());
    }

    fn best(&self, text: &mut String) {
        *text += "## The machine's best, by `tune`\n\nGoal: at most 0.45 times ONNX Runtime's float32 (reached where a processor \
                  multiplies bfloat16). The first line is that; all settings compute within 2 % of the largest logit. Ratios are \
                  for the time of an image.\n\n";
        let mut table = Table::new([
            ("setting", Align::Left),
            ("median ms", Align::Right),
            ("images/s", Align::Right),
            ("error", Align::Right),
            ("ratio", Align::Right),
            ("95 % interval", Align::Right),
        ]);
        for best in self.tuned["best"].as_array().into_iter().flatten() {
            let number = |value: &Value| value.as_f64();
            let bounds: Option<[f64; 2]> =
                serde_json::from_value(best["ratio"]["interval"].clone()).unwrap_or_default();
            let estimate = number(&best["ratio"]["value"]).map(|value| Estimate { value, interval: bounds });
            table.row([
                best["options"].as_str().unwrap_or_default().to_owned(),
                number(&best["times_ms"]["median"]["value"]).map(|ms| format!("{ms:.2}")).unwrap_or_default(),
                number(&best["images_per_second"]["value"]).map(|rate| format!("{rate:.1}")).unwrap_or_default(),
                number(&best["error"]).map(|error| format!("{error:.1e}")).unwrap_or_default(),
                ratio(estimate),
                interval(estimate),
            ]);
        }
        let _ = writeln!(text, "{}", table.markdown());
        let mut told: Vec<String> = Vec::new();
        for tried in self.tuned["tried"].as_array().into_iter().flatten() {
            let Some(reason) = tried["dropped"].as_str() else { continue };
            let precision = tried["setting"]["precision"].as_str().unwrap_or_default();
            let line = format!("- dropped: {} {precision}: {reason}", runtime(&tried["setting"]["runtime"]));
            if !told.contains(&line) {
                told.push(line);
            }
        }
        let _ = writeln!(text, "{}\n", told.join("\n"));
    }

    fn itself(&self, text: &mut String) {
        *text += "## The benchmark itself\n\n";
        let calm = self.verdicts.iter().filter(|verdict| verdict.starts_with("undecided")).count();
        let _ = writeln!(
            text,
            "- The same thing {REPETITIONS} times beside one baseline (ONNX Runtime, one thread): no difference was called in {calm} \
             of them (limit 9): {}.",
            self.verdicts.join(", ")
        );
        let small = self.small.bench.ratio_of_medians(&self.small.python_loop, Pairing::Rounds);
        let _ = writeln!(
            text,
            "- Of a run of {} ms (BossNet-T0 at {} px), `bench` takes {} times the plain loop in Python ({}). Between the ends of two \
             runs there is one look at the clock, some 30 ns.",
            ms(&self.small.python_loop),
            self.small.size,
            ratio(small),
            interval(small)
        );
        if let Some(seconds) = self.rank {
            let _ = writeln!(
                text,
                "- `rank` of 32,768 architectures, reading the published YAML files: {seconds:.2} s, the median of five (limit 0.5)."
            );
        }
    }

    fn plot(&self) -> anyhow::Result<String> {
        let mut bars = Vec::new();
        let mut bar = |label: String, blocks: &Blocks| {
            if let Some(median) = blocks.median() {
                bars.push(Bar { label, value: median.value, interval: median.interval });
            }
        };
        for plain in &self.plain {
            let threads = units::counted(plain.threads, "thread");
            bar(format!("PyTorch eager, {threads}"), &plain.eager);
            bar(format!("PyTorch channels last, {threads}"), &plain.channels_last);
            for pair in self.pairs().filter(|pair| (pair.batch, pair.threads) == (1, plain.threads as u64)) {
                bar(format!("tract, our file, {threads}"), &Blocks::new(samples(pair.tract)));
                bar(format!("ONNX Runtime, PyTorch's export, {threads}"), &Blocks::new(samples(pair.torch)));
                bar(format!("ONNX Runtime, our file, {threads}"), &Blocks::new(samples(pair.ours)));
            }
        }
        let bars = Bars {
            title: "BossNet-T0, 224 x 224, one image".to_owned(),
            axis: Axis::linear("milliseconds of a run, with 95 % intervals"),
            bars,
            reference: None,
        };
        Ok(bars.render()?)
    }
}

/// The variants of one batch and number of threads.
struct Pair<'a> {
    batch: u64,
    threads: u64,
    torch: &'a Value,
    ours: &'a Value,
    tract: &'a Value,
    torch_in_tract: &'a Value,
}

impl<'a> Pair<'a> {
    fn of(report: &'a Value, threads: u64) -> Option<Self> {
        let variants = report["variants"].as_array()?;
        let find = |file: &str, runtime: &str| {
            variants.iter().find(|it| {
                it["threads"] == threads
                    && it["runtime"] == runtime
                    && it["model"]["name"].as_str().is_some_and(|name| name.contains(file))
            })
        };
        let ours = find("ours-", "ort-cpu")?;
        Some(Self {
            batch: ours["batch"].as_u64()?,
            threads,
            torch: find("torchscript-", "ort-cpu")?,
            ours,
            tract: find("ours-", "tract")?,
            torch_in_tract: find("torchscript-", "tract")?,
        })
    }
}

/// The median of `a` in units of that of `b`, which was measured in the same rounds.
fn ratio_of(a: &Value, b: &Value) -> Option<Estimate> {
    Blocks::new(samples(a)).ratio_of_medians(&Blocks::new(samples(b)), Pairing::Rounds)
}

fn ms(blocks: &Blocks) -> String {
    blocks.median().map(|median| format!("{:.2}", median.value)).unwrap_or_default()
}

fn ratio(estimate: Option<Estimate>) -> String {
    estimate.map(|estimate| format!("{:.3}", estimate.value)).unwrap_or_default()
}

fn interval(estimate: Option<Estimate>) -> String {
    let bounds = estimate.and_then(|estimate| estimate.interval);
    bounds.map(|[low, high]| format!("{low:.3} - {high:.3}")).unwrap_or_default()
}

fn words(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

/// `tract`, or the provider of ONNX Runtime.
fn runtime(value: &Value) -> String {
    value.as_str().map(str::to_owned).or_else(|| value["ort"].as_str().map(str::to_owned)).unwrap_or_default()
}

/// The date, in UTC.
fn today() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string().chars().take(10).collect()
}
