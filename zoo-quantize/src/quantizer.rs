//! From a float graph and images to int8 graphs, as many as one wants to compare.

use std::collections::BTreeSet;

use tch::Tensor;
use zoo_core::onnx::Graph;

use crate::correct::{self, Means};
use crate::equalize::equalize;
use crate::layers::{self, Engine};
use crate::observe::{Statistics, observe};
use crate::qdq::{Recipe, quantized};
use crate::range::Method;
use crate::{LEAST_IMAGES, Network, QuantizeError};

/// Images that biases are corrected by. All run at once, layer by layer, which bounds them: 64 of 224 px take about 2 GB.
const OF_CORRECTION: i64 = 64;

/// How a network is quantised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How ranges of activations are chosen.
    pub method: Method,
    /// Bits of a weight, sign included: 7 or 8.
    pub bits: u32,
    /// What the graph is written for.
    pub engine: Engine,
    /// Whether biases are corrected.
    pub correct: bool,
    /// Whether weights are evened out between layers before.
    pub equalize: bool,
}

/// A network that was calibrated.
#[derive(Debug)]
pub struct Quantizer {
    graph: Graph,
    network: Network,
    statistics: Statistics,
    options: Options,
    /// The images that biases are corrected by, and what the float network makes of them.
    correction: Option<(Tensor, Means)>,
    /// Pairs of layers that were evened out.
    pub equalized: usize,
}

/// A quantised network.
#[derive(Debug)]
pub struct Made {
    /// Its graph.
    pub graph: Graph,
    /// The same, ready to run.
    pub network: Network,
    /// The layers that are int8, in the order in which they run.
    pub int8: Vec<String>,
    /// Those that could be and stayed in float.
    pub float: Vec<String>,
}

impl Quantizer {
    /// Calibrates the float `graph` with batches of prepared images.
    ///
    /// # Errors
    /// With too few images, for a layer whose values are no numbers, and for an operator that is not known.
    pub fn new(mut graph: Graph, images: &[Tensor], options: Options) -> Result<Quantizer, QuantizeError> {
        let found: i64 = images.iter().map(|batch| batch.size()[0]).sum();
        if found < LEAST_IMAGES as i64 {
            return Err(QuantizeError::TooFew { found: found as usize, least: LEAST_IMAGES });
        }
        let equalized = if options.equalize { equalize(&mut graph) } else { 0 };
        let network = Network::new(&graph)?;
        let statistics = observe(&network, images, options.method)?;
        let correction = match options.correct {
            true => {
                let some = spread(images, OF_CORRECTION)?;
                let means = correct::means(&graph, &network, &some)?;
                Some((some, means))
            }
            false => None,
        };
        Ok(Quantizer { graph, network, statistics, options, correction, equalized })
    }

    /// The float network.
    pub fn float(&self) -> &Network {
        &self.network
    }

    /// The layers that can be int8.
    pub fn layers(&self) -> Vec<String> {
        layers::layers(&self.graph, self.options.engine)
    }

    /// Operators that stay in float as there is no int8 kernel for them, with their numbers.
    pub fn not_quantizable(&self) -> Vec<(String, usize)> {
        layers::not_quantizable(&self.graph, self.options.engine)
    }

    /// The layers that `words` name.
    ///
    /// # Errors
    /// For a word that no layer has.
    pub fn named(&self, words: &[String]) -> Result<BTreeSet<String>, QuantizeError> {
        layers::kept(&self.graph, words, self.options.engine)
    }

    /// The network with all layers int8 but those that are `kept`.
    ///
    /// # Errors
    /// Where no layer is left, and where libtorch refuses.
    pub fn make(&self, kept: &BTreeSet<String>) -> Result<Made, QuantizeError> {
        let (float, int8): (Vec<String>, Vec<String>) =
            self.layers().into_iter().partition(|layer| kept.contains(layer));
        if int8.is_empty() {
            return Err(QuantizeError::NothingLeft);
        }
        let Options { method, bits, engine, .. } = self.options;
        let recipe = Recipe { statistics: &self.statistics, method, bits, engine, kept };
        let mut graph = quantized(&self.graph, &recipe)?;
        let mut network = Network::new(&graph)?;
        if let Some((images, means)) = &self.correction {
            let lacks = correct::corrections(&network, means, images)?;
            let mut corrected = self.graph.clone();
            correct::correct(&mut corrected, &lacks)?;
            graph = quantized(&corrected, &recipe)?;
            network = Network::new(&graph)?;
        }
        Ok(Made { graph, network, int8, float })
    }
}

/// So many images, evenly spread over the batches.
fn spread(batches: &[Tensor], wanted: i64) -> Result<Tensor, QuantizeError> {
    let total: i64 = batches.iter().map(|batch| batch.size()[0]).sum();
    let wanted = wanted.min(total);
    let mut chosen = Vec::new();
    let mut first = 0;
    for batch in batches {
        let size = batch.size()[0];
        let places = (0..wanted).map(|number| number * total / wanted);
        let own: Vec<i64> =
            places.filter(|place| (first..first + size).contains(place)).map(|place| place - first).collect();
        if !own.is_empty() {
            chosen.push(batch.f_index_select(0, &Tensor::f_from_slice(&own)?)?);
        }
        first += size;
    }
    Ok(Tensor::f_cat(&chosen, 0)?)
}
