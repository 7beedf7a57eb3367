use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::graph::Orientation;
use crate::space::{Space, hytra};

fn parse(text: &str) -> Result<Architecture, ParseError> {
    text.parse()
}

fn error(text: &str) -> ParseError {
    parse(text).expect_err(text)
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    vec(select(vec![Block::ResAtt, Block::ResConv]), 0..=MAX_BLOCKS)
}

fn bossnets() -> impl Strategy<Value = BossNet> {
    let (low, high) = STEM_WIDTHS;
    let stem = prop_oneof![
        Just(Stem::Plain),
        (low..=high).prop_map(|width| Stem::Deep { width }),
        (low..=high).prop_map(|width| Stem::DeepTiered { width }),
    ];
    let stages = [blocks(), blocks(), blocks(), blocks()];
    (stages, any::<[bool; 4]>(), stem, 1..=MAX_BASE, 1..=MAX_CLASSES).prop_map(
        |(stages, flags, stem, base, classes)| {
            let [silu, se, s1, plain] = flags;
            BossNet {
                stages,
                activation: if silu { BlockActivation::Silu } else { BlockActivation::Relu },
                se,
                last_stride: if s1 { LastStride::One } else { LastStride::Two },
                shortcut: if plain { Shortcut::Plain } else { Shortcut::AvgPool },
                stem,
                base,
                classes,
            }
        },
    )
}

fn hytra_paths() -> impl Strategy<Value = SearchPath> {
    any::<[prop::sample::Index; 4]>().prop_map(|choices| {
        let mut depth = hytra::FIRST_DEPTH;
        SearchPath::Hytra(choices.map(|choice| {
            let path = *choice.get(&hytra::allowed_paths(depth));
            depth = hytra::next_depth(path[3]);
            path
        }))
    })
}

fn architectures() -> impl Strategy<Value = Architecture> {
    let op = |highest: u8| 0..=highest;
    let stage = |layers: usize| vec(0..=3_u8, layers);
    let mbconv = [stage(2), stage(4), stage(4), stage(4), stage(4)].prop_map(SearchPath::Mbconv);
    let data = select(vec![NatsData::Cifar10, NatsData::Cifar100]);
    let nats = (data, [op(7), op(7), op(7), op(7), op(7)]).prop_map(|(data, path)| SearchPath::Nats(data, path));
    let paths = prop_oneof![hytra_paths(), mbconv, nats];
    let nets = (paths, 1..=MAX_BASE / 8, 1..=8_usize, any::<bool>()).prop_map(|(path, eighths, fine, transposed)| {
        let fine = if matches!(path, SearchPath::Hytra(_)) { fine } else { 8 };
        let attention = if transposed && fine < 8 { Orientation::Transposed } else { Orientation::Standard };
        SearchNet { path, base: (8 * eighths - 8) + fine, attention }
    });
    prop_oneof![bossnets().prop_map(Architecture::BossNet), nets.prop_map(Architecture::Search)]
}

proptest! {
    #[test]
    fn what_is_printed_parses_back_to_the_same(arch in architectures()) {
        prop_assert_eq!(parse(&arch.to_string())?, arch);
    }

    #[test]
    fn an_arch_file_reads_back_as_it_was_written(arch in architectures(), score in -10.0..10.0_f64) {
        let mut file = ArchFile::new(arch);
        file.scores.insert("stage \"1\"".to_owned(), score);
        prop_assert_eq!(ArchFile::from_json(&file.to_json()?)?, file);
    }

    #[test]
    fn options_may_come_in_any_order(
        order in subsequence(vec!["silu", "se", "s1", "plain", "stem=deep:32", "base=16", "classes=10"], 0..=7)
            .prop_shuffle(),
    ) {
        let mut canonical = order.clone();
        canonical.sort_by_key(|o| ["silu", "se", "s1", "plain", "stem=deep:32", "base=16", "classes=10"]
            .iter().position(|p| p == o));
        if !order.contains(&"silu") {
            canonical.insert(0, "relu");
        }
        let given: String = order.iter().flat_map(|option| ["+", option]).collect();
        let canonical: String = canonical.iter().flat_map(|option| ["+", option]).collect();
        prop_assert_eq!(parse(&format!("bossnet:1/0/-/01{given}"))?.to_string(), format!("bossnet:1/0/-/01{canonical}"));
    }

    #[test]
    fn any_text_is_parsed_or_refused_with_a_caret_below_it(
        text in r"(bossnet|hytra|mbconv|nats-c10|nats-c100)?:?[-0-9/+=:\[\], a-z]{0,40}|\PC{0,20}"
    ) {
        match parse(&text) {
            Ok(arch) => prop_assert_eq!(parse(&arch.to_string())?, arch),
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column()), "{text:?}: {error}");
                prop_assert_eq!(error.caret().lines().count(), 2);
            }
        }
    }

    #[test]
    fn a_text_with_one_character_changed_never_panics(arch in architectures(), at: prop::sample::Index, c: char) {
        let mut chars: Vec<char> = arch.to_string().chars().collect();
        let at = at.index(chars.len());
        chars[at] = c;
        let _ = parse(&chars.into_iter().collect::<String>());
    }
}

#[test]
fn the_published_networks_have_their_documented_texts() {
    assert_eq!(BossNet::t0().to_string(), "bossnet:1/1/11101/000100000+silu+se");
    assert_eq!(BossNet::t0_no_se().to_string(), "bossnet:1/1/11101/000100000+relu");
    assert_eq!(BossNet::t1().to_string(), "bossnet:1/1/11101/000100000+silu+se+s1");
}

#[test]
fn upstreams_list_of_lists_is_the_same_network() {
    let list = "[[1],[1],[1,1,1,0,1],[0,0,0,1,0,0,0,0,0]]";
    assert_eq!(list.parse(), Ok(BossNet::t0_no_se()));
    assert_eq!(format!("{list}+silu+se").parse(), Ok(BossNet::t0()));
    assert_eq!(" [ [1], [1] ,[1, 1,1,0,1],[0,0,0,1,0,0,0,0,0] ] \n".parse(), Ok(BossNet::t0_no_se()));
    assert_eq!(parse("[[],[1],[],[0]]").unwrap().to_string(), "bossnet:-/1/-/0+relu");
    assert_eq!(parse("hytra:[[5,4,3,3],[3,2,3,0],[0,0,1,0],[0,0,0,0]]"), parse("hytra:5433/3230/0010/0000"));
}

#[test]
fn defaults_that_are_spelled_out_are_not_printed() {
    let text = "bossnet:1/1/1/1+classes=1000+base=64+relu";
    assert_eq!(parse(text).unwrap().to_string(), "bossnet:1/1/1/1+relu");
}

#[test]
fn nats_widths_are_read_as_nats_bench_writes_them() {
    assert_eq!(parse("nats-c10:64:40:56:40:48").unwrap().to_string(), "nats-c10:74/64/5");
    assert_eq!(parse("nats-c100:8:16:24:32:64").unwrap().to_string(), "nats-c100:01/2/37");
}

#[test]
fn an_error_names_the_character_and_what_was_expected() {
    let cases = [
        ("", "column 1: found the end, expected `bossnet:`, `hytra:`, `mbconv:`, `nats-c10:` or `nats-c100:`"),
        ("resnet:1", "column 1: found `resnet`, expected `bossnet:`, `hytra:`, `mbconv:`, `nats-c10:` or `nats-c100:`"),
        ("bossnet", "column 8: found the end, expected `:`"),
        ("bossnet:1/2/1/1", "column 11: found `2`, expected a block (`0` or `1`)"),
        ("bossnet:1//1/1", "column 11: found `/`, expected a block (`0` or `1`), or `-` for an empty stage"),
        ("bossnet:1/1/1", "column 14: found the end, expected a block (`0` or `1`), or `/` and stage 4 of 4"),
        ("bossnet:1/1/1/1/1", "column 16: found `/`, expected a block, `+` and an option, or the end"),
        ("bossnet:1/-1/1/1", "column 12: found `1`, expected `/` and stage 3 of 4"),
        (
            "bossnet:1/1/1/1+selu",
            "column 17: found `selu`, expected an option: relu, silu, se, s1, plain, stem=, base= or classes=",
        ),
        ("bossnet:1/1/1/1+se+se", "column 20: found `se` after another one, expected every option once"),
        ("bossnet:1/1/1/1+relu+silu", "column 22: found `silu` after another one, expected one activation"),
        ("bossnet:1/1/1/1+se ", "no error: the space is at the end"),
        ("bossnet:1/1/1/1+base=0", "column 22: found `0`, expected a base width from 1 to 512"),
        ("bossnet:1/1/1/1+base=513", "column 22: found `513`, expected a base width from 1 to 512"),
        (
            "bossnet:1/1/1/1+base=99999999999999999999999",
            "column 22: found `99999999999999999999999`, expected a base width from 1 to 512",
        ),
        ("bossnet:1/1/1/1+classes", "column 24: found the end, expected `=` and a number of classes from 1 to 100000"),
        ("bossnet:1/1/1/1+stem=wide:3", "column 22: found `wide`, expected `deep:WIDTH` or `deep_tiered:WIDTH`"),
        ("bossnet:1/1/1/1+stem=deep:3", "column 27: found `3`, expected a stem width from 4 to 512"),
        ("[[1],[1],[1,2]]", "column 13: found `2`, expected a block (`0` or `1`)"),
        ("[[1],[1],[1]]", "column 13: found `]`, expected `,` and stage 4 of 4"),
        ("hytra:5433/3230/0010/00000", "column 26: found `0` as number 5, expected at most 4 in stage 4"),
        (
            "hytra:543/3230/0010/0000",
            "column 10: found `/`, expected an operation (`0` to `5`): stage 1 has 4 and this is number 4",
        ),
        ("hytra:5433/3230/0010", "column 21: found the end, expected `/` and stage 4 of 4"),
        ("hytra:6433/3230/0010/0000", "column 7: found `6`, expected an operation (`0` to `5`)"),
        ("hytra:3433/3230/0010/0000", "column 7: found `3` (a 14 x 14 map), expected one of `4`, `5` first in stage 1"),
        (
            "hytra:5333/3230/0010/0000",
            "column 8: found `3` (a 14 x 14 map), expected one of `4`, `5` after `5` (a 56 x 56 map)",
        ),
        (
            "hytra:5433/4230/0010/0000",
            "column 12: found `4` (a 28 x 28 map), expected one of `0`, `1`, `2`, `3` first in stage 2",
        ),
        ("mbconv:11/0110/0111/1100/0140", "column 28: found `4`, expected an operation (`0` to `3`)"),
        (
            "nats-c10:74/6/45",
            "column 14: found `/`, expected a width index (`0` to `7`): stage 2 has 2 and this is number 2",
        ),
        ("nats-c10:64:41:56:40:48", "column 13: found `41`, expected a multiple of 8 from 8 to 64"),
        (
            "hytra:5433/3230/0010/0000/",
            "column 26: found `/`, expected an option (`+base=`, `+attention=`) or the end: a HyTra path has four stages",
        ),
        ("hytra:5433/3230/0010/0000+silu", "column 27: found `silu`, expected an option: base= or attention="),
        (
            "hytra:5433/3230/0010/0000+base=8+base=8",
            "column 34: found `base` after another one, expected every option once",
        ),
        ("hytra:5433/3230/0010/0000+attention=odd", "column 37: found `odd`, expected `standard` or `transposed`"),
        ("hytra:5433/3230/0010/0000+attention", "column 36: found the end, expected `=standard` or `=transposed`"),
        ("nats-c10:74/64/5+attention=standard", "column 18: found `attention`, expected the option base="),
        ("hytra:5433/3230/0010/0000+base=513", "column 32: found `513`, expected a base width from 1 to 512"),
        ("mbconv:11/0110/0111/1100/0110+base", "column 35: found the end, expected `=` and a base width from 8 to 512"),
        ("mbconv:11/0110/0111/1100/0110+base=12", "column 36: found `12`, expected a multiple of 8 from 8 to 512"),
        ("nats-c10:64:40:56:40:48+base=4", "column 30: found `4`, expected a base width from 8 to 512"),
        ("nats-c10:74/64/5+base=8+base=8", "column 25: found `base` after another one, expected every option once"),
        ("nats-c10:64:40:56:40", "column 21: found the end, expected `:` and width 5 of 5"),
    ];
    for (text, expected) in cases {
        match parse(text) {
            Ok(_) => assert!(expected.starts_with("no error"), "{text} parses"),
            Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
        }
    }
}

#[test]
fn a_stage_of_65_blocks_is_one_too_many() {
    let stage = |n| format!("bossnet:{}/1/1/1", "1".repeat(n));
    assert!(parse(&stage(64)).is_ok());
    assert_eq!(error(&stage(65)).column(), 9 + 64);
    assert!(error(&"[".repeat(100_000)).to_string().contains("more than 4096 characters"));
}

#[test]
fn the_caret_stands_below_the_character_also_in_long_and_strange_texts() {
    assert_eq!(error("bossnet:1/2/1/1").caret(), "bossnet:1/2/1/1\n          ^");
    assert_eq!(error("bossnet:1\u{1b}[31m\u{202e}/1/1").caret(), "bossnet:1?[31m?/1/1\n         ^");
    assert!(error("bossnet:1\u{1b}").to_string().starts_with(r"column 10: found `\u{1b}`"));
    let long = format!("bossnet:1/1/1/1{}+x", "+classes=1000");
    let caret = error(&format!("{}{long}", " ".repeat(500))).caret();
    let (text, below) = caret.split_once('\n').unwrap();
    assert_eq!(text.as_bytes()[below.len() - 1], b'x');
    assert!(text.len() <= 120);
}

#[test]
fn the_searched_path_of_the_paper_becomes_the_published_encoding() {
    let path: SearchPath = "hytra:5433/3230/0010/0000".parse().unwrap();
    assert_eq!(path.to_bossnet(), Some(BossNet::t0_no_se()));
    let path: SearchPath = "hytra:4444/2222/2222/2222".parse().unwrap();
    assert_eq!(path.to_bossnet().unwrap().to_string(), "bossnet:-/1111/000000000000/-+relu");
    let path: SearchPath = "mbconv:11/0110/0111/1100/0110".parse().unwrap();
    assert_eq!(path.to_bossnet(), None);
}

#[test]
fn a_searched_path_keeps_its_base_width() {
    let net: SearchNet = "hytra:5433/3230/0010/0000+base=16".parse().unwrap();
    assert_eq!(net.to_string(), "hytra:5433/3230/0010/0000+base=16");
    assert_eq!(net.to_bossnet().unwrap().to_string(), "bossnet:1/1/11101/000100000+relu+base=16");
    assert_eq!(net.supernet().unwrap().base(), 16);
    assert_eq!(parse("hytra:5433/3230/0010/0000+base=64").unwrap().to_string(), "hytra:5433/3230/0010/0000");
    assert_eq!(parse("nats-c10:64:40:56:40:48+base=8").unwrap().to_string(), "nats-c10:74/64/5+base=8");
    let refused = "hytra:5433/3230/0010/0000+base=16".parse::<SearchPath>().unwrap_err();
    assert_eq!(refused.to_string(), "column 26: found `+`, expected the end: a path alone has no options");
}

#[test]
fn a_searched_path_says_which_way_round_its_attention_is() {
    let text = "hytra:5433/3230/0010/0000+base=16+attention=transposed";
    let net: SearchNet = "hytra:5433/3230/0010/0000+attention=transposed+base=16".parse().unwrap();
    assert_eq!(net.to_string(), text);
    let Space::Hytra(space) = net.supernet().unwrap() else { panic!() };
    assert_eq!(space.orientation(), Orientation::Transposed);
    assert_ne!(parse(text).unwrap().graph(), parse("hytra:5433/3230/0010/0000+base=16").unwrap().graph());
    let spelled_out = parse("hytra:5433/3230/0010/0000+attention=standard").unwrap();
    assert_eq!(spelled_out.to_string(), "hytra:5433/3230/0010/0000");
}

#[test]
fn a_text_of_the_other_kind_is_refused() {
    assert!("hytra:5433/3230/0010/0000".parse::<BossNet>().unwrap_err().to_string().contains("expected `bossnet:`"));
    assert!("bossnet:1/1/1/1".parse::<SearchPath>().unwrap_err().to_string().contains("a path through a supernet"));
}

#[test]
fn an_arch_file_that_contradicts_itself_or_holds_more_is_refused() {
    let good = ArchFile::new(BossNet::t0().into()).to_json().unwrap();
    assert!(ArchFile::from_json(&good).is_ok());
    let bad = |from: &str, to: &str| ArchFile::from_json(&good.replacen(from, to, 1)).unwrap_err().to_string();
    assert_eq!(bad("arch/1", "arch/2"), "its schema is `bossnas-zoo/arch/2`, expected `bossnas-zoo/arch/1`");
    assert!(bad("\"space\": \"bossnet\"", "\"space\": \"hytra\"").contains("its `space` says another thing"));
    assert!(bad("11101", "11100").contains("its `path` says another thing"));
    assert!(bad("11101", "11102").contains("column 17: found `2`"));
    assert!(bad("\"space\"", "\"extra\": 1, \"space\"").contains("unknown field `extra`"));
    assert!(bad("{", "").contains("not an arch.json"));
    let mut nan = ArchFile::new(BossNet::t0().into());
    nan.scores.insert("loss".to_owned(), f64::NAN);
    assert_eq!(nan.to_json().unwrap_err().to_string(), "the score `loss` is NaN, which JSON cannot hold");
}
