//! How Python must make a network so that it gives the logits of an export: the lines that a user runs there.
//!
//! Tensors alone do not say it: padding, epsilon and the strides of a profile are no tensors, and a network without them
//! takes the file and gives other logits. What a library cannot be told is refused.

use std::path::Path;

use zoo_core::names::{Naming, PythonName};
use zoo_core::onnx::{Dimension, Graph, Value};
use zoo_core::op::{OpKind, Pooling};
use zoo_core::plan::{Padding, Plan};
use zoo_core::weights::{Scheme, TrainedWith, padding_name};
use zoo_core::{Entry, Options};

use super::WeightsFault;
use super::libraries::LibraryName;

/// A network whose tensors are written for Python.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// Its variant.
    pub entry: &'a Entry,
    /// Its plan, strides and padding included.
    pub plan: &'a Plan,
    /// Epsilon of its norms.
    pub bn_eps: f64,
    /// Whose names its tensors have.
    pub scheme: Scheme,
}

impl Export<'_> {
    /// The lines that make the network and fill it with `file`; none where no package makes it, or the library has no name
    /// for a network of this width or depth.
    ///
    /// # Errors
    /// Where the library's network cannot be made to give the same logits.
    pub fn lines(&self, file: &Path) -> Result<Vec<String>, WeightsFault> {
        let Some(naming) = self.scheme.namings(self.entry.architecture).next() else { return Ok(Vec::new()) };
        let padding = self.plan.options.padding;
        let own = match self.scheme {
            Scheme::Lukemelas => Padding::Same,
            _ => Padding::Symmetric,
        };
        if matches!(naming.python.name, PythonName::None) {
            return Ok(Vec::new());
        }
        if padding != own && !naming.python.told {
            return Err(self.refused(&format!("pads as these weights need it ({})", padding_name(padding))));
        }
        if let (Scheme::Torchvision, Some(channels)) = (self.scheme, self.plan.options.in_channels) {
            return Err(self.refused(&format!("can have --in-channels {channels}")));
        }
        let strides = self.strides()?;
        let Some(made) = self.made(naming) else { return Ok(Vec::new()) };
        let making: Vec<String> = made.into_iter().chain(strides).collect();
        let mut lines = vec![imports(&making, naming.python.versioned)];
        lines.extend(making);
        lines.extend(filled(&quoted(file), naming.python.versioned));
        lines.push("model.eval()".into());
        Ok(lines)
    }

    /// The lines that make the network with its padding and epsilon.
    fn made(&self, naming: &Naming) -> Option<Vec<String>> {
        let Named { name, own, width } = self.named(naming)?;
        let Options { classes, input_size, in_channels, padding, .. } = self.plan.options;
        let channels = |argument: &str| in_channels.map_or(String::new(), |count| format!(", {argument}={count}"));
        let has_eps = own.bn_eps == Some(self.bn_eps);
        let eps = |argument: &str| if has_eps { String::new() } else { format!(", {argument}={:?}", self.bn_eps) };
        let mut lines = vec![match self.scheme {
            Scheme::Lukemelas => {
                let (eps, channels) = (eps("batch_norm_epsilon"), channels("in_channels"));
                let size = match input_size.side() {
                    Some(side) => side.to_string(),
                    None => format!("({}, {})", input_size.height, input_size.width),
                };
                let arguments = format!("\"{name}\", num_classes={classes}{channels}, image_size={size}{eps}");
                return Some(vec![format!("model = efficientnet_pytorch.EfficientNet.from_name({arguments})")]);
            }
            Scheme::Torchvision => format!("model = torchvision.models.{name}(num_classes={classes}{width})"),
            _ if naming.python.told => {
                let eps = eps("bn_eps");
                let padding = match padding {
                    padding if own.padding == Some(padding) => "",
                    Padding::Same => ", pad_type=\"same\"",
                    Padding::Symmetric => ", pad_type=\"\"",
                };
                return Some(vec![format!(
                    "model = timm.create_model(\"{name}\", num_classes={classes}{}{padding}{eps})",
                    channels("in_chans")
                )]);
            }
            _ => format!("model = timm.create_model(\"{name}\", num_classes={classes}{})", channels("in_chans")),
        }];
        if !has_eps {
            lines.push("for module in model.modules():".into());
            lines.push("    if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.LayerNorm)):".into());
            lines.push(format!("        module.eps = {:?}", self.bn_eps));
        }
        Some(lines)
    }

    /// What the project calls the network.
    fn named(&self, naming: &Naming) -> Option<Named> {
        let listed = |variant: &str| {
            let row = LibraryName::of(self.scheme, variant)?;
            Some(Named { own: row.trained_with(), name: row.name, width: String::new() })
        };
        match (naming.python.name, self.variant()) {
            (PythonName::None, _) => None,
            (PythonName::Of(name), Some(variant)) => {
                Some(Named { name: name(variant)?, own: (naming.habit)(variant), width: String::new() })
            }
            (PythonName::Of(_), None) => None,
            (PythonName::Listed, variant) => variant.and_then(listed).or_else(|| {
                let base = Options { width: 1.0, ..self.plan.options };
                let base = self.variant_of(&base).filter(|_| naming.python.any_width);
                let width = format!(", width_mult={:?}", self.plan.options.width);
                base.and_then(listed).map(|named| Named { width, ..named })
            }),
        }
    }

    /// The variant of this network, which need not be the one that was asked for.
    fn variant(&self) -> Option<&'static str> {
        self.variant_of(&self.plan.options)
    }

    fn variant_of(&self, wanted: &Options) -> Option<&'static str> {
        let scale = |options: &Options| (options.width, options.depth, options.varied);
        let same = |options: &Options| scale(options) == scale(wanted);
        let variants = self.entry.architecture.variants.iter();
        variants.filter(|variant| same(&variant.options)).map(|variant| variant.name).next()
    }

    /// The strides that a profile changed, a line for each convolution. Pools with a window have no name here.
    fn strides(&self) -> Result<Vec<String>, WeightsFault> {
        let Plan { options, ops, .. } = self.plan;
        let native = Plan::new(self.entry.architecture, &Options { profile: 0, ..*options })?;
        let layers = self.scheme.layers(self.entry.architecture, self.plan).unwrap_or_default();
        let cannot = || self.refused("can have the strides of these weights");
        if native.ops.len() != ops.len() {
            // A residual came or went with a stride, which a block there decides when it is made.
            return Err(cannot());
        }
        let mut lines = Vec::new();
        for ((op, usual), layer) in ops.iter().zip(&native.ops).zip(&layers) {
            match (op.kind, usual.kind) {
                // A patch of another size has other weights.
                (OpKind::Conv(conv), OpKind::Conv(usual)) if conv.kernel != usual.kernel => return Err(cannot()),
                (OpKind::Window(pool), OpKind::Window(usual)) if pool.stride != usual.stride => {
                    let others = ops.iter().filter(|op| matches!(op.kind, OpKind::Window(other) if other != pool));
                    if pool.pooling != Pooling::Max || others.count() > 0 {
                        return Err(cannot());
                    }
                    lines.push("for module in model.modules():".into());
                    lines.push("    if isinstance(module, torch.nn.MaxPool2d):".into());
                    lines.push(format!("        module.stride = {}", pool.stride));
                }
                (OpKind::Conv(conv), OpKind::Conv(usual)) if conv.stride != usual.stride => {
                    let (stride, usual) = (conv.stride, usual.stride);
                    // Both libraries fix the padding of a convolution with stride 1 when it is made.
                    if usual == 1 && options.padding == Padding::Same || self.scheme == Scheme::Lukemelas {
                        return Err(cannot());
                    }
                    lines.push(format!("model.get_submodule(\"{layer}\").stride = ({stride}, {stride})"));
                }
                _ => {}
            }
        }
        Ok(lines)
    }

    fn refused(&self, what: &str) -> WeightsFault {
        // timm is offered where it takes any padding.
        let timm = Scheme::Timm.namings(self.entry.architecture).next();
        let other = match self.scheme {
            Scheme::Timm => Scheme::Zoo,
            _ => timm.filter(|naming| naming.python.told).map_or(Scheme::Zoo, |naming| naming.scheme),
        };
        let padding = padding_name(self.plan.options.padding);
        let needs = if what.contains(padding) { String::new() } else { format!(" with padding {padding}") };
        WeightsFault::Choice(format!(
            "no network of --scheme {} {what}{needs}, so the logits would differ: give --scheme {other}",
            self.scheme
        ))
    }
}

/// The lines that run a graph of ONNX in `file` on images of its input's shape.
pub fn onnx_lines(graph: &Graph, file: &Path) -> Vec<String> {
    let (Some(Value { name, element, shape }), Some(output)) = (graph.inputs.first(), graph.outputs.first()) else {
        return Vec::new();
    };
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => size.to_string(),
        Dimension::Named(_) => "1".to_string(),
    };
    let shape: Vec<String> = shape.iter().map(size).collect();
    vec![
        "import numpy, onnxruntime".into(),
        format!("images = numpy.zeros(({}), numpy.{})  # in place of yours", shape.join(", "), element.name()),
        format!("session = onnxruntime.InferenceSession({})", quoted(file)),
        format!("logits = session.run([\"{}\"], {{\"{name}\": images}})[0]", output.name),
    ]
}

/// A name there, what the network has unless it is told otherwise, and the argument for its width.
struct Named {
    name: String,
    own: TrainedWith,
    width: String,
}

/// The lines that load the tensors of `file`.
fn filled(file: &str, versioned: bool) -> Vec<String> {
    let read = format!("safetensors.torch.load_file({file})");
    if !versioned {
        return vec![format!("model.load_state_dict({read})")];
    }
    vec![
        format!("state = collections.OrderedDict({read})"),
        "state._metadata = model.state_dict()._metadata".into(),
        "model.load_state_dict(state)".into(),
    ]
}

/// The line that imports what the others name.
fn imports(making: &[String], versioned: bool) -> String {
    let named = |word: &str| making.iter().any(|line| line.contains(word));
    let modules = [
        ("collections", versioned),
        ("efficientnet_pytorch", named("efficientnet_pytorch.")),
        ("timm", named("timm.")),
        ("torch", named("torch.nn.")),
        ("torchvision", named("torchvision.")),
    ];
    let modules: Vec<&str> = modules.into_iter().filter(|(_, needed)| *needed).map(|(module, _)| module).collect();
    format!("import {}, safetensors.torch", modules.join(", "))
}

/// A path as a literal of Python.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;
    use zoo_core::plan::Padding::{Same, Symmetric};

    use super::*;

    fn lines(model: &str, scheme: Scheme, change: impl Fn(&mut Options), bn_eps: f64) -> Result<String, String> {
        let entry = Registry::default().find(model).map_err(|error| error.to_string())?;
        let mut options = Options { classes: 10, ..entry.variant.options };
        change(&mut options);
        let plan = Plan::new(entry.architecture, &options).map_err(|error| error.to_string())?;
        let export = Export { entry: &entry, plan: &plan, bn_eps, scheme };
        let lines = export.lines(Path::new("a \"b\".safetensors")).map_err(|error| error.to_string())?;
        Ok(lines.join("\n"))
    }

    #[test]
    fn timm_is_told_what_is_not_its_own() -> Result<(), String> {
        let made = |model: &str, padding, eps| {
            let text = lines(model, Scheme::Timm, |options| options.padding = padding, eps)?;
            Ok::<_, String>(text.lines().nth(1).unwrap_or_default().to_string())
        };
        let create = |inside: &str| format!("model = timm.create_model({inside})");
        let b0 = |more: &str| create(&format!("\"efficientnet_b0\", num_classes=10{more}"));
        assert_eq!(made("efficientnet-b0", Symmetric, 1e-5)?, b0(""));
        assert_eq!(made("efficientnet-b0", Same, 1e-3)?, b0(", pad_type=\"same\", bn_eps=0.001"));
        let minimal = create("\"tf_mobilenetv3_small_minimal_100\", num_classes=10");
        assert_eq!(made("mobilenet-v3-small-minimalistic", Same, 1e-3)?, minimal);
        let symmetric = minimal.replace(")", ", pad_type=\"\", bn_eps=1e-5)");
        assert_eq!(made("mobilenet-v3-small-minimalistic", Symmetric, 1e-5)?, symmetric);
        assert_eq!(made("mobilenet-v3-small-0.35", Symmetric, 1e-3)?, "");
        Ok(())
    }

    #[test]
    fn torchvision_is_told_or_refused() -> Result<(), String> {
        let plain = lines("mobilenet-v2", Scheme::Torchvision, |_| (), 1e-5)?;
        let expected = "import torchvision, safetensors.torch\n\
                        model = torchvision.models.mobilenet_v2(num_classes=10)\n\
                        model.load_state_dict(safetensors.torch.load_file(\"a \\\"b\\\".safetensors\"))\n\
                        model.eval()";
        assert_eq!(plain, expected);
        assert!(lines("mobilenet-v2", Scheme::Torchvision, |_| (), 1e-3)?.contains("        module.eps = 0.001\n"));
        let wide = lines("mobilenet-v2", Scheme::Torchvision, |options| options.width = 0.6, 1e-5)?;
        assert!(wide.contains("mobilenet_v2(num_classes=10, width_mult=0.6)"), "{wide}");
        let same = |options: &mut Options| options.padding = Same;
        let error = lines("efficientnet-b0", Scheme::Torchvision, same, 1e-3).unwrap_err();
        assert!(error.contains("--scheme torchvision") && error.contains("--scheme timm"), "{error}");
        assert!(lines("efficientnet-b0", Scheme::Lukemelas, |_| (), 1e-3).is_err());
        Ok(())
    }

    #[test]
    fn other_channels_are_told_or_refused() -> Result<(), String> {
        let grey = |options: &mut Options| options.in_channels = Some(1);
        let text = lines("resnet-18", Scheme::Timm, grey, 1e-5)?;
        assert!(text.contains("timm.create_model(\"resnet18\", num_classes=10, in_chans=1)"), "{text}");
        let text = lines("efficientnet-b0", Scheme::Timm, grey, 1e-5)?;
        assert!(text.contains("num_classes=10, in_chans=1"), "{text}");
        let error = lines("mobilenet-v2", Scheme::Torchvision, grey, 1e-5).unwrap_err();
        assert!(error.contains("--in-channels 1") && error.contains("--scheme timm"), "{error}");
        Ok(())
    }

    #[test]
    fn strides_of_a_profile_are_set() -> Result<(), String> {
        let cifar = |options: &mut Options| options.profile = 2;
        let text = lines("efficientnet-b0", Scheme::Timm, cifar, 1e-3)?;
        let set: Vec<&str> = text.lines().filter(|line| line.contains(".stride = (1, 1)")).collect();
        let names = ["conv_stem", "blocks.1.0.conv_dw"];
        assert_eq!(set, names.map(|name| format!("model.get_submodule(\"{name}\").stride = (1, 1)")));
        Ok(())
    }
}
