//! From a searched path to the network that is retrained.

use bossnas_model::arch::{ArchFile, Architecture, BossNet, SearchNet};
use bossnas_model::shape;
use bossnas_model::space::hytra;
use bossnas_report::{Console, Failure};

/// Side of the image that the notes on a conversion speak of.
const NOTE_SIDE: usize = 224;

/// The network that is retrained after a search, with these options.
pub(super) fn to_bossnet(file: &ArchFile, options: &[String], console: Console) -> anyhow::Result<ArchFile> {
    let Architecture::Search(path) = &file.arch else {
        return Err(Failure::usage(format!("{} is a BossNet already", file.arch)).into());
    };
    let Some(plain) = path.to_bossnet() else {
        let message = format!("{path} has no BossNet: only HyTra paths are retrained as one");
        return Err(Failure::usage(message).into());
    };
    let net = with_options(plain, options)?;
    tell_differences(&net, path, console);
    if options.is_empty() {
        console.note("ReLU and no squeeze-and-excitation, as searched; BossNet-T0 is retrained --with silu,se");
    }
    let mut converted = ArchFile::new(net.into());
    // Scores belong to the path and do not follow.
    converted.provenance = Some([("converted_from".to_owned(), path.to_string().into())].into_iter().collect());
    Ok(converted)
}

fn with_options(net: BossNet, options: &[String]) -> anyhow::Result<BossNet> {
    if options.is_empty() {
        return Ok(net);
    }
    // The options' own grammar and errors, after the stages without the default activation.
    let stages = net.to_string().replace("+relu", "");
    let text = options.iter().fold(stages, |text, option| format!("{text}+{}", option.trim()));
    text.parse().map_err(|error: bossnas_model::arch::ParseError| {
        Failure::usage(format!("--with is wrong at {error}")).detail(error.caret()).into()
    })
}

/// Says where the network works on maps of another size than the path did.
fn tell_differences(net: &BossNet, path: &SearchNet, console: Console) {
    let empty: Vec<String> = (1..=4).filter(|stage| net.stages[stage - 1].is_empty()).map(|s| s.to_string()).collect();
    if empty.is_empty() {
        return;
    }
    let plural = if empty.len() > 1 { "stages" } else { "stage" };
    console.note(format_args!(
        "{path} never uses the maps of {plural} {}: the BossNet has one 3x3 convolution of stride 2 there",
        empty.join(" and ")
    ));
    let graph = net.graph();
    let Ok(shapes) = shape::infer(&graph, &[[1, 3, NOTE_SIDE, NOTE_SIDE]]) else { return };
    for (index, stage) in net.stages.iter().enumerate() {
        let Some(last) = stage.len().checked_sub(1) else { continue };
        let searched = hytra::side(hytra::STAGES - 1 - index);
        let name = format!("layer{}.{last}", index + 1);
        let value = (0..graph.nodes().len()).map(|node| graph.value_of(node)).find(|&v| graph.value_name(v) == name);
        let Some(&[_, _, height, _]) = value.map(|value| shapes[value.index()].as_slice()) else { continue };
        if height != searched {
            console.note(format_args!(
                "at {NOTE_SIDE} px its stage {} works on maps of {height} x {height}, searched at {searched} x {searched}",
                index + 1
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use bossnas_report::{ColorChoice, Exit, Verbosity};

    use super::*;

    fn convert(text: &str, options: &[&str]) -> anyhow::Result<String> {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let console = Console::new(Verbosity::Quiet, ColorChoice::Never);
        Ok(to_bossnet(&ArchFile::new(text.parse()?), &options, console)?.arch.to_string())
    }

    #[test]
    fn the_searched_path_becomes_t0_with_its_options() {
        let path = "hytra:5433/3230/0010/0000";
        assert_eq!(convert(path, &[]).unwrap(), BossNet::t0_no_se().to_string());
        assert_eq!(convert(path, &["silu", "se"]).unwrap(), BossNet::t0().to_string());
        assert_eq!(convert(path, &["s1", "se", "silu"]).unwrap(), BossNet::t1().to_string());
        assert_eq!(convert(path, &["classes=100"]).unwrap(), format!("{}+classes=100", BossNet::t0_no_se()));
    }

    #[test]
    fn what_cannot_be_converted_is_wrong_usage() {
        for (text, options) in [
            ("bossnet:1/1/1/1", &[][..]),
            ("mbconv:11/0110/0111/1100/0110", &[]),
            ("hytra:5433/3230/0010/0000", &["selu"]),
        ] {
            let error = convert(text, options).unwrap_err();
            assert_eq!(error.downcast_ref::<Failure>().map(Failure::code), Some(Exit::Usage), "{text}");
        }
    }
}
