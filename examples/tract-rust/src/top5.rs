//! The classes that a network thinks most likely.

/// Prints the five largest probabilities with their classes.
pub fn print(logits: &[f32], labels: &[String]) {
    let probabilities = softmax(logits);
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order.truncate(5);

    let label = |index: usize| labels.get(index).map_or("?", String::as_str);
    let width = order.iter().map(|&index| label(index).chars().count()).max().unwrap_or(0);
    for index in order {
        println!("{index:>5}  {:<width$}  {:.6}", label(index), probabilities[index]);
    }
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|exponential| exponential / sum).collect()
}
