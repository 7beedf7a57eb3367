//! What does not fit is refused: all of it at once, in a sentence, without the insides of libtorch, and before anything
//! has changed.

mod small;

use std::fmt::Display;

use bossnas_model::space::Space;
use bossnas_testkit::recipe::RecipeWeights;
use bossnas_trainer::search::Rules;
use bossnas_trainer::search::siamese::{Batch, Extent, Learner, StagePaths};
use bossnas_trainer::torch::{Mode, Module, Norm, Params, Placement, Statistics, TorchError};
use small::{conv_norm, gradients, input, module, owned, untrained};
use tch::{Kind, Tensor};

/// One sentence that has these words and nothing of libtorch's stack.
fn says(error: &impl Display, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    clean(&text);
    assert!(text.len() < 300, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

fn clean(text: &str) {
    for inside in ["0x", "frame #", "Exception raised", ".cpp", ".so"] {
        assert!(!text.contains(inside), "{text}");
    }
}

#[test]
fn weights_that_do_not_fit_are_named_all_at_once() {
    let graph = Space::nats(bossnas_model::arch::NatsData::Cifar10).with_base(16).unwrap().layer(0, 0, None, 3);
    let missing = "backbone._blocks.0._block_layers.0._mix_ops.layers.1.sconv.weight";
    let also_missing = "backbone._blocks.0._block_layers.0._mix_ops.layers.4.sbn.bn.3.bias";
    let wrong = "backbone._blocks.0._block_layers.0._mix_ops.layers.5.sconv.weight";
    let cut = "backbone._blocks.0._block_layers.0._mix_ops.layers.0.sconv.weight";
    let shapes: Vec<(&str, Vec<usize>)> = graph
        .params()
        .iter()
        .map(|param| (param.name.as_str(), param.stored_shape().to_vec()))
        .filter(|(name, _)| ![missing, also_missing].contains(name))
        .map(|(name, shape)| match name {
            _ if name == wrong => (name, vec![16, 16, 1, 1]),
            // What the path uses is there, but not what is stored.
            _ if name == cut => (name, vec![8, 8, 3, 3]),
            _ => (name, shape),
        })
        .collect();
    let weights = RecipeWeights::of_shapes(shapes.iter().map(|(name, shape)| (*name, &shape[..])), 3.0, 0);
    let mut params = Params::default();
    let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
    let error = params.load(named, &weights, Placement::FIXED).unwrap_err();
    let TorchError::Misfits(misfits) = &error else { unreachable!("{error}") };
    let mut names: Vec<&str> = misfits.0.iter().map(|misfit| misfit.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [cut, missing, also_missing, wrong]);
    let text = error.to_string();
    clean(&text);
    assert!(text.starts_with("4 of the weights do not fit:"), "{text}");
    for line in [
        format!("`{missing}` [16, 16, 3, 3] is missing"),
        format!("`{also_missing}` [8] is missing"),
        format!("`{wrong}` is [16, 16, 1, 1], [16, 16, 3, 3] is needed"),
        format!("`{cut}` is [8, 8, 3, 3], [16, 16, 3, 3] is needed"),
    ] {
        assert!(text.lines().any(|found| found.trim() == line), "`{line}` is not in: {text}");
    }
    assert!(params.iter().next().is_none(), "nothing is loaded");
    // Binding says the same of tensors that are there.
    params.insert(missing, Tensor::zeros([16, 16, 3, 3], (Kind::Float, tch::Device::Cpu)));
    params.insert(wrong, Tensor::zeros([16, 16, 1, 1], (Kind::Float, tch::Device::Cpu)));
    let misfits = Module::bind(graph.clone(), &params, str::to_owned).unwrap_err();
    assert_eq!(misfits.0.len(), graph.params().len() - 1);
    let found = misfits.0.iter().find(|misfit| misfit.name == wrong).unwrap();
    assert_eq!(found.found.as_deref(), Some(&[16, 16, 1, 1][..]));
}

#[test]
fn an_input_that_does_not_fit_is_refused() {
    let module = module(&conv_norm(3, 4, false), Placement::FIXED);
    let run = |inputs: &[Tensor]| module.forward(inputs, &mut Mode::eval());
    let map = |shape: &[usize]| input("map", shape, Kind::Float);
    assert!(run(&[map(&[1, 3, 2, 2])]).is_ok());
    says(&run(&[]).unwrap_err(), &["1 inputs", "0 were given"]);
    says(&run(&[map(&[1, 3, 2, 2]), map(&[1, 3, 2, 2])]).unwrap_err(), &["1 inputs", "2 were given"]);
    for shape in [&[1, 4, 2, 2][..], &[3, 2, 2], &[1, 1, 3, 2, 2], &[3], &[1, 4]] {
        let found = format!("{shape:?}");
        says(&run(&[map(shape)]).unwrap_err(), &["`map`", "[batch, 3, height, width]", &found]);
    }
    let empty = Tensor::zeros([0, 3, 2, 2], (Kind::Float, tch::Device::Cpu));
    says(&run(&[empty]).unwrap_err(), &["no extent 0", "[0, 3, 2, 2]"]);
}

#[test]
fn what_libtorch_refuses_is_told_without_its_stack() {
    // The last convolution of this way in has windows of 8x8, which no map of 2x2 holds.
    let space = small::hytra();
    let layer = module(&space.layer(0, 0, None, 1), Placement::FIXED);
    let map = input("map", &[1, 8, 2, 2], Kind::Float);
    says(&layer.forward_one(&map, &mut Mode::eval()).unwrap_err(), &["libtorch: "]);
    // A predictor reads one pixel.
    let head = module(&space.head(0), Placement::FIXED);
    let map = input("projection", &[2, 32, 2, 2], Kind::Float);
    says(&head.forward_one(&map, &mut Mode::eval()).unwrap_err(), &["libtorch: "]);
    // Other number formats do not mix by themselves.
    let map = input("projection", &[2, 32], Kind::Double);
    says(&head.forward_one(&map, &mut Mode::eval()).unwrap_err(), &["libtorch: "]);
}

#[test]
fn statistics_that_nobody_estimated_are_refused() {
    let module = module(&conv_norm(3, 4, false), Placement::FIXED);
    let map = input("map", &[1, 3, 2, 2], Kind::Float);
    let error = module.forward_one(&map, &mut Mode::with(Norm::Given(&Statistics::default()))).unwrap_err();
    says(&error, &["no statistics were estimated for 1.running_mean"]);
}

#[test]
fn paths_that_no_stage_has_are_refused() {
    let (hytra, mbconv, nats) = (small::hytra(), small::mbconv(), small::nats());
    let new = |space: &Space, best: &[&[u8]]| StagePaths::new(space, owned(best));
    let one = [0, 0, 0, 0];
    let full: Vec<&[u8]> = vec![&[4, 2, 0, 0], &one, &one, &one];
    says(&new(&hytra, &full).unwrap_err(), &["hytra has stages 1 to 4, not 5"]);
    says(&new(&nats, &[&[0, 0], &[0, 0], &[0]]).unwrap_err(), &["nats-c10 has stages 1 to 3, not 4"]);
    says(&new(&hytra, &[&[4, 2, 0]]).unwrap_err(), &["stage 1 has 4 layers, the path has 3"]);
    says(&new(&mbconv, &[&[0, 4]]).unwrap_err(), &["stage 1, layer 2", "0 to 3, not 4"]);
    says(&new(&hytra, &[&[4, 0, 0, 0]]).unwrap_err(), &["stage 1, layer 2", "0 cannot stand there"]);
    says(&new(&hytra, &[&[4, 2, 0, 0], &[2, 0, 0, 0]]).unwrap_err(), &["stage 2, layer 1", "2 cannot stand there"]);
    says(&new(&hytra, &[&[5, 5, 5, 5], &[4, 4, 4, 4]]).unwrap_err(), &["no weights for 4 there"]);

    let only = |stage: StagePaths, space: &Space, paths: &[&[u8]]| stage.only(space, owned(paths));
    let second = || new(&hytra, &[&[4, 2, 0, 0]]).unwrap();
    assert!(only(second(), &hytra, &[&[0, 1, 0, 1]]).is_ok());
    says(&only(second(), &hytra, &[&one, &[2, 1, 0, 1]]).unwrap_err(), &["stage 2, layer 1"]);
    says(&only(second(), &hytra, &[&[0, 1, 0, 6]]).unwrap_err(), &["stage 2, layer 4", "0 to 5, not 6"]);
    says(&only(second(), &hytra, &[&[]]).unwrap_err(), &["stage 2 has 4 layers, the path has 0"]);
}

#[test]
fn batches_that_do_not_fit_are_refused_before_anything_has_changed() {
    let paths: [&[u8]; 2] = [&[2, 5], &[7, 0]];
    let mut learner: Learner = untrained(small::nats(), &[], &paths, Rules::corrected(), Extent::Parts);
    let mut fails = |shape: &[usize], paths: &[&[u8]], words: &[&str]| {
        let images = input("images", shape, Kind::Float);
        let batch = Batch { images: &images, paths: &owned(paths), accumulate: 1 };
        says(&learner.accumulate(batch).unwrap_err(), words);
        assert!(gradients(&learner).is_empty());
    };
    for views in [1, 3, 5] {
        fails(&[2, views, 3, 8, 8], &paths, &[&format!("{views} views"), "even number"]);
    }
    fails(&[2, 3, 8, 8], &paths, &["five dims", "[2, 3, 8, 8]"]);
    fails(&[2, 2, 4, 8, 8], &paths, &["`image`", "[batch, 3, height, width]", "[2, 4, 8, 8]"]);
    fails(&[2, 2, 3, 8, 8], &[], &["a batch without paths"]);
    fails(&[2, 2, 3, 8, 8], &[&[2, 5], &[1, 5]], &["not loaded", "first: 1"]);
    fails(&[2, 2, 3, 8, 8], &[&[2, 5], &[2]], &["not loaded"]);
    let images = input("images", &[2, 2, 3, 8, 8], Kind::Float);
    learner.accumulate(Batch { images: &images, paths: &owned(&paths), accumulate: 1 }).unwrap();
    assert!(!gradients(&learner).is_empty());
}
