//! What a graph of ONNX computes, operator by operator as the specification has them, in f64.

use std::collections::HashMap;

use tch::{Kind, Tensor};
use zoo_core::onnx::{Attribute, Dimension, Element, Graph, Initializer, Node};

/// The output for `images`. Every value that the graph declares is of its declared shape, or this panics.
pub fn run(graph: &Graph, images: &Tensor) -> Tensor {
    let mut values: HashMap<&str, Tensor> = HashMap::new();
    for tensor in &graph.tensors {
        values.insert(&tensor.name, constant(tensor));
    }
    values.insert(&graph.inputs[0].name, images.shallow_clone());
    for node in &graph.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|input| &values[input.as_str()]).collect();
        let value = compute(node, &inputs);
        values.insert(&node.outputs[0], value);
    }
    for declared in graph.inputs.iter().chain(&graph.values).chain(&graph.outputs) {
        let size = |dimension: &Dimension| match dimension {
            Dimension::Fixed(size) => *size,
            Dimension::Named(name) if name == "batch" => images.size()[0],
            Dimension::Named(name) => panic!("{} has a size named {name}", declared.name),
        };
        let shape: Vec<i64> = declared.shape.iter().map(size).collect();
        assert_eq!(values[declared.name.as_str()].size(), shape, "{}", declared.name);
    }
    values.remove(graph.outputs[0].name.as_str()).unwrap()
}

fn constant(tensor: &Initializer) -> Tensor {
    match tensor.element {
        Element::F32 => Tensor::from_slice(&tensor.as_floats().unwrap()).to_kind(Kind::Double).reshape(&tensor.dims),
        Element::I64 => Tensor::from_slice(&tensor.as_ints().unwrap()).reshape(&tensor.dims),
        other => panic!("{} is of {other:?}", tensor.name),
    }
}

fn numbers(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor).unwrap()
}

fn float(node: &Node, name: &str) -> f64 {
    match node.attributes.get(name) {
        Some(Attribute::Float(number)) => f64::from(*number),
        other => panic!("{}: {name} is {other:?}", node.name),
    }
}

fn compute(node: &Node, inputs: &[&Tensor]) -> Tensor {
    let x = inputs[0];
    match node.kind.as_str() {
        "Conv" => {
            let padded = padded(node, x, 0.0);
            let strides = node.ints("strides").unwrap();
            padded.conv2d(inputs[1], inputs.get(2).copied(), strides, [0, 0], [1, 1], node.int("group").unwrap())
        }
        "Gemm" => {
            assert_eq!((node.int("transB"), node.attributes.len()), (Some(1), 1), "{}", node.name);
            x.matmul(&inputs[1].tr()) + inputs[2]
        }
        "Add" => x + inputs[1],
        "Sub" => x - inputs[1],
        "Mul" => x * inputs[1],
        "Div" => x / inputs[1],
        "Sqrt" => x.sqrt(),
        "Erf" => x.erf(),
        "Relu" => x.relu(),
        "Sigmoid" => x.sigmoid(),
        "Clip" => x.clamp(inputs[1].double_value(&[]), inputs[2].double_value(&[])),
        "HardSigmoid" => (x * float(node, "alpha") + float(node, "beta")).clamp(0.0, 1.0),
        "HardSwish" => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        "Gelu" => x.gelu("none"),
        "LayerNormalization" => {
            assert_eq!(node.int("axis"), Some(-1));
            let centred = x - x.mean_dim(-1, true, None::<Kind>);
            let variance = (&centred * &centred).mean_dim(-1, true, None::<Kind>);
            centred / (variance + float(node, "epsilon")).sqrt() * inputs[1] + inputs[2]
        }
        "ReduceMean" => x.mean_dim(node.ints("axes").unwrap(), node.int("keepdims") == Some(1), None::<Kind>),
        "GlobalAveragePool" => x.mean_dim([2i64, 3].as_slice(), true, None::<Kind>),
        "MaxPool" => {
            let (kernel, strides) = (node.ints("kernel_shape").unwrap(), node.ints("strides").unwrap());
            padded(node, x, f64::NEG_INFINITY).max_pool2d(kernel, strides, [0, 0], [1, 1], false)
        }
        "AveragePool" => {
            assert_eq!(node.int("count_include_pad"), Some(0));
            let (kernel, strides) = (node.ints("kernel_shape").unwrap(), node.ints("strides").unwrap());
            let sums = |x: &Tensor| padded(node, x, 0.0).avg_pool2d(kernel, strides, [0, 0], false, false, Some(1));
            sums(x) / sums(&x.ones_like())
        }
        "Transpose" => x.permute(node.ints("perm").unwrap()),
        "Reshape" => {
            let sizes = numbers(inputs[1]);
            let kept = sizes.iter().zip(x.size()).map(|(size, own)| if *size == 0 { own } else { *size });
            let tail = sizes.iter().skip(x.dim()).copied();
            x.reshape(kept.chain(tail).collect::<Vec<i64>>())
        }
        "Flatten" => {
            assert_eq!(node.int("axis"), Some(1));
            x.flatten(1, -1)
        }
        "Slice" => {
            let [starts, ends, axes] = [1, 2, 3].map(|input| numbers(inputs[input])[0]);
            x.slice(axes, starts, ends, 1)
        }
        "Concat" => Tensor::cat(inputs, node.int("axis").unwrap()),
        "Cast" => {
            assert_eq!(node.int("to"), Some(1));
            x.to_kind(Kind::Double)
        }
        other => panic!("{} is a {other}", node.name),
    }
}

fn padded(node: &Node, x: &Tensor, value: f64) -> Tensor {
    let [top, left, bottom, right] = node.ints("pads").unwrap() else { panic!("{} has other pads", node.name) };
    x.f_pad([*left, *right, *top, *bottom], "constant", value).unwrap()
}
