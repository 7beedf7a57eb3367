//! The HyTra rules against the tables of the published code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use bossnas_model::arch::{Architecture, ParseError};
use bossnas_model::space::hytra;
use bossnas_testkit::fixtures::{Fixtures, Source};
use serde::Deserialize;

/// The full fixtures; `None` (said once by the kit) in a clone without them.
fn fixtures() -> Option<Fixtures> {
    let fixtures = Fixtures::open().unwrap();
    (fixtures.source() == Source::Full).then_some(fixtures)
}

#[test]
fn the_allowed_paths_are_the_published_ones_in_the_published_order() {
    #[derive(Deserialize)]
    struct Paths {
        restricted_path: BTreeMap<usize, Vec<[u8; 4]>>,
    }
    let Some(fixtures) = fixtures() else { return };
    let paths: Paths = fixtures.json("hytra/paths_hytra.json").unwrap();
    assert_eq!(paths.restricted_path.len(), 4);
    for (depth, published) in paths.restricted_path {
        assert_eq!(hytra::allowed_paths(depth), published, "depth {depth}");
    }
}

#[test]
fn the_next_depth_is_the_published_one() {
    #[derive(Deserialize)]
    struct Switch {
        stage_depths_online: [usize; 4],
        n_paths_next: usize,
    }
    let Some(fixtures) = fixtures() else { return };
    let switches: BTreeMap<u8, Switch> = fixtures.json("hytra/stage_switch.json").unwrap();
    assert_eq!(switches.len(), 6);
    for (op, switch) in switches {
        let depth = hytra::next_depth(op);
        assert_eq!(depth, switch.stage_depths_online[1], "after {op}");
        assert_eq!(hytra::allowed_paths(depth).len(), switch.n_paths_next, "after {op}");
    }
}

#[test]
fn of_the_paths_that_crash_the_published_supernet_the_unsound_ones_are_refused() {
    let parse = |text: &str| -> Result<Architecture, ParseError> { text.parse() };
    let Some(fixtures) = fixtures() else { return };
    let crashes: BTreeMap<String, String> = fixtures.json("hytra/crash_paths.json").unwrap();
    for name in crashes.keys() {
        match name.as_str() {
            // Maps that no operation takes.
            "two_scale_jump_512x28_to_op0" => {
                assert_eq!(parse("hytra:5444/0000/0000/0000").unwrap_err().column(), 12);
            }
            "upscale_op4_from_1024x14" => {
                assert_eq!(parse("hytra:5433/4444/2222/0000").unwrap_err().column(), 12);
            }
            // Sound networks whose weights the published supernet does not hold.
            "stage1_op5_after_stage0_5555" => assert!(parse("hytra:5555/5555/5555/5555").is_ok()),
            "stage2_op4" => assert!(parse("hytra:5444/4444/4444/2222").is_ok()),
            other => panic!("no claim about {other}"),
        }
    }
}
