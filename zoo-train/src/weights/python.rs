//! How Python must make a network so that it gives the logits of an export: the lines that a user runs there.
//!
//! Tensors alone do not say it: padding, epsilon and the strides of a profile are no tensors, and a network without them
//! takes the file and gives other logits. What a library cannot be told is refused.

use std::path::Path;

use zoo_core::op::OpKind;
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
    /// The lines that make the network and fill it with `file`; none where the scheme is no library's, or the library has
    /// no name for a network of this width or depth.
    ///
    /// # Errors
    /// Where the library's network cannot be made to give the same logits.
    pub fn lines(&self, file: &Path) -> Result<Vec<String>, WeightsFault> {
        let padding = self.plan.options.padding;
        match (self.scheme, padding) {
            (Scheme::Torchvision, Padding::Same) => return Err(self.refused("pads as these weights need it (same)")),
            (Scheme::Lukemelas, Padding::Symmetric) => {
                return Err(self.refused("pads as these weights need it (symmetric)"));
            }
            _ => {}
        }
        let (library, make) = match self.scheme {
            Scheme::Torchvision => ("torch, torchvision", self.of_torchvision()),
            Scheme::Timm => ("timm", self.of_timm()),
            Scheme::Lukemelas => ("efficientnet_pytorch", self.of_lukemelas()),
            Scheme::Zoo | Scheme::Separable | Scheme::Tonylins => return Ok(Vec::new()),
        };
        let strides = self.strides()?;
        let Some(mut lines) = make else { return Ok(Vec::new()) };
        lines.insert(0, format!("import {library}, safetensors.torch"));
        lines.extend(strides);
        lines.push(format!("model.load_state_dict(safetensors.torch.load_file({}))", quoted(file)));
        lines.push("model.eval()".into());
        Ok(lines)
    }

    fn of_timm(&self) -> Option<Vec<String>> {
        let row = LibraryName::of(Scheme::Timm, self.variant()?)?;
        let own = row.trained_with();
        let padding = match self.plan.options.padding {
            padding if own.padding == Some(padding) => String::new(),
            Padding::Same => ", pad_type=\"same\"".into(),
            Padding::Symmetric => ", pad_type=\"\"".into(),
        };
        let eps = if self.has_eps(&own) { String::new() } else { format!(", bn_eps={:?}", self.bn_eps) };
        let classes = self.plan.options.classes;
        Some(vec![format!("model = timm.create_model(\"{}\", num_classes={classes}{padding}{eps})", row.name)])
    }

    fn of_torchvision(&self) -> Option<Vec<String>> {
        let named = self.variant().and_then(|variant| LibraryName::of(Scheme::Torchvision, variant));
        let (row, width) = match named {
            Some(row) => (row, String::new()),
            // The only one there that takes any width.
            None => {
                let Options { width, depth, .. } = self.plan.options;
                let row = LibraryName::of(Scheme::Torchvision, self.entry.architecture.family)?;
                (depth == 1.0 && row.model == "mobilenet-v2").then_some((row, format!(", width_mult={width:?}")))?
            }
        };
        let classes = self.plan.options.classes;
        let mut lines = vec![format!("model = torchvision.models.{}(num_classes={classes}{width})", row.name)];
        if !self.has_eps(&row.trained_with()) {
            lines.push("for module in model.modules():".into());
            lines.push("    if isinstance(module, torch.nn.BatchNorm2d):".into());
            lines.push(format!("        module.eps = {:?}", self.bn_eps));
        }
        Some(lines)
    }

    /// The package of that name makes EfficientNet alone, and Lite is an offshoot's.
    fn of_lukemelas(&self) -> Option<Vec<String>> {
        let variant = self.variant().filter(|_| self.entry.architecture.family == "efficientnet")?;
        let Options { classes, input_size, .. } = self.plan.options;
        let eps = if self.bn_eps == 1e-3 { String::new() } else { format!(", batch_norm_epsilon={:?}", self.bn_eps) };
        let arguments = format!("\"{variant}\", num_classes={classes}, image_size={input_size}{eps}");
        Some(vec![format!("model = efficientnet_pytorch.EfficientNet.from_name({arguments})")])
    }

    /// The variant with this width and depth, which need not be the one that was asked for.
    fn variant(&self) -> Option<&'static str> {
        let Options { width, depth, varied, .. } = self.plan.options;
        let same = |options: &Options| (options.width, options.depth, options.varied) == (width, depth, varied);
        let variants = self.entry.architecture.variants.iter();
        variants.filter(|variant| same(&variant.options)).map(|variant| variant.name).next()
    }

    fn has_eps(&self, own: &TrainedWith) -> bool {
        own.bn_eps == Some(self.bn_eps)
    }

    /// The strides that a profile changed, a line for each convolution.
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
        let other = match (self.scheme, self.plan.options.padding) {
            (Scheme::Timm, _) => "zoo",
            _ => "timm",
        };
        let padding = padding_name(self.plan.options.padding);
        let needs = if what.contains(padding) { String::new() } else { format!(" with padding {padding}") };
        WeightsFault::Choice(format!(
            "no network of --scheme {} {what}{needs}, and others would give other logits: give --scheme {other}",
            self.scheme
        ))
    }
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
        let expected = "import torch, torchvision, safetensors.torch\n\
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
    fn strides_of_a_profile_are_set() -> Result<(), String> {
        let cifar = |options: &mut Options| options.profile = 2;
        let text = lines("efficientnet-b0", Scheme::Timm, cifar, 1e-3)?;
        let set: Vec<&str> = text.lines().filter(|line| line.contains(".stride = (1, 1)")).collect();
        let names = ["conv_stem", "blocks.1.0.conv_dw"];
        assert_eq!(set, names.map(|name| format!("model.get_submodule(\"{name}\").stride = (1, 1)")));
        Ok(())
    }
}
