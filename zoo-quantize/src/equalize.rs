//! Cross-layer equalisation: what one layer multiplies a channel by, the next can divide it by.
//!
//! Between two layers with nothing but a ReLU the network stays the same, while ranges of channels grow alike, which a grid
//! for the whole tensor asks for. Source: Nagel et al. (2019), section 4.1. ReLU6 and functions that are not proportional
//! keep their layers as they are.

use zoo_core::onnx::{Graph, Initializer, Node};

/// Numbers below which a channel is as good as empty.
const EMPTY: f32 = 1e-8;
/// A channel is changed by this factor at most, which keeps grids of weights and activations from growing apart.
const MOST: f32 = 1e3;

/// Evens out all pairs of layers of a float graph that allow it, and says how many those are.
pub fn equalize(graph: &mut Graph) -> usize {
    let pairs: Vec<(usize, usize)> = (0..graph.nodes.len()).filter_map(|at| pair(graph, at)).collect();
    pairs.into_iter().filter(|pair| even_out(graph, *pair).is_some()).count()
}

/// The convolution at `at`, and the one that alone reads it, behind a ReLU or nothing.
fn pair(graph: &Graph, at: usize) -> Option<(usize, usize)> {
    let is_layer = |node: &Node| node.kind == "Conv";
    let only_reader = |value: &str| match graph.readers(value)[..] {
        [(reader, 0)] => Some(reader),
        _ => None,
    };
    let first = &graph.nodes[at];
    let mut next = only_reader(&first.outputs[0]).filter(|_| is_layer(first))?;
    if graph.nodes[next].kind == "Relu" {
        next = only_reader(&graph.nodes[next].outputs[0])?;
    }
    is_layer(&graph.nodes[next]).then_some((at, next))
}

fn even_out(graph: &mut Graph, (first, second): (usize, usize)) -> Option<()> {
    let name = |graph: &Graph, at: usize, index: usize| graph.nodes[at].inputs.get(index).cloned();
    let constant = |graph: &Graph, name: &str| {
        let tensor = graph.tensor(name)?;
        Some((tensor.dims.clone(), tensor.as_floats()?))
    };
    let (of_first, of_second) = (name(graph, first, 1)?, name(graph, second, 1)?);
    let (first_dims, mut before) = constant(graph, &of_first)?;
    let (second_dims, mut after) = constant(graph, &of_second)?;
    let channels = usize::try_from(*first_dims.first()?).ok()?;
    let groups = usize::try_from(graph.nodes[second].int("group").unwrap_or(1)).ok()?;
    let each = before.len() / channels.max(1);
    // Where each input channel of the second stands: in rows of its own, or across all of them.
    let taps = usize::try_from(second_dims.get(2)? * second_dims.get(3)?).ok()?;
    let inputs = usize::try_from(*second_dims.get(1)?).ok()?;
    let is_depthwise = groups == channels && inputs == 1;
    if !is_depthwise && groups != 1 {
        return None;
    }
    let channel_of = |index: usize| match is_depthwise {
        true => index / (after_rows(&second_dims, groups) * taps),
        false => index / taps % inputs,
    };
    let widest = |numbers: &[f32]| numbers.iter().fold(0.0f32, |widest, number| widest.max(number.abs()));
    let mut reach = vec![0.0f32; channels];
    for (index, number) in after.iter().enumerate() {
        let reach = reach.get_mut(channel_of(index))?;
        *reach = reach.max(number.abs());
    }
    let factors: Vec<f32> = (0..channels)
        .map(|channel| {
            let own = widest(&before[channel * each..(channel + 1) * each]);
            let even = own < EMPTY || reach[channel] < EMPTY;
            if even { 1.0 } else { (own / reach[channel]).sqrt().clamp(1.0 / MOST, MOST) }
        })
        .collect();
    before.iter_mut().enumerate().for_each(|(index, number)| *number /= factors[index / each]);
    after.iter_mut().enumerate().for_each(|(index, number)| *number *= factors[channel_of(index)]);
    if let Some(of_bias) = name(graph, first, 2).filter(|name| !name.is_empty()) {
        let (dims, mut bias) = constant(graph, &of_bias)?;
        bias.iter_mut().zip(&factors).for_each(|(number, factor)| *number /= factor);
        *graph.tensor_mut(&of_bias)? = Initializer::floats(&of_bias, &dims, &bias);
    }
    *graph.tensor_mut(&of_first)? = Initializer::floats(&of_first, &first_dims, &before);
    *graph.tensor_mut(&of_second)? = Initializer::floats(&of_second, &second_dims, &after);
    Some(())
}

/// Rows that a depthwise convolution has for each input channel.
fn after_rows(dims: &[i64], groups: usize) -> usize {
    (dims[0] as usize / groups).max(1)
}
