//! The settings themselves, section by section: each stands here, and nowhere else, with its type, its meaning and the form
//! of its flag. Files, flags, help and the page of the guide come from this list; defaults are `configs/cifar10.toml`.

use serde::{Deserialize, Serialize};
use zoo_core::ImageSize;
use zoo_core::Padding;
use zoo_core::names::Interpolation;

use crate::choices::{OnNan, Precision, interpolation_word, padding_word};
use crate::flip::Flip;
use crate::freeze::Freeze;
use crate::optimizer::{Decayed, Kind as OptimizerKind};
use crate::policy::Policy;
use crate::schedule::Decay;
use crate::setting::Form::{self, Choice, Number, Numbers, OptionalText, Recorded, Size, Switch, Text, Whole};
use crate::setting::{Section, Setting};

/// Makes of the list a struct for each section, [`Settings`] of all of them, and what is known of each setting.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        $section:ident: $Section:ident {$(
            $(#[doc = $help:literal])+
            $(#[serde($($serde:tt)*)])?
            $key:ident: $type:ty = $form:expr;
        )+}
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $Section {$(
                $(#[doc = $help])+
                $(#[serde($($serde)*)])?
                pub $key: $type,
            )+}
        )+

        /// The settings of one run. Optional ones are filled in as the run resolves them.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {$(
            $(#[doc = $about])+
            pub $section: $Section,
        )+}

        /// The sections, in their order.
        pub const SECTIONS: &[Section] = &[$(Section { name: stringify!($section), about: &[$($about),+] }),+];

        /// All settings, section by section.
        pub const SETTINGS: &[Setting] = &[$($(
            Setting { section: stringify!($section), key: stringify!($key), help: &[$($help),+], form: $form },
        )+)+];
    };
}

sections! {
    /// The network, the weights that it starts from, and which part of it is trained.
    network: Network {
        /// The model, as `list` names it.
        #[serde(default)]
        model: String = Text("NAME");
        /// Width multiplier in place of the variant's.
        width: Option<f64> = Number("A");
        /// Depth multiplier in place of the variant's.
        depth: Option<f64> = Number("D");
        /// Strides for small images, by the name of a profile: native, stem1 or cifar.
        profile: String = Text("NAME");
        /// Input size in pixels, to which images are resized: a side, or HEIGHTxWIDTH.
        input_size: ImageSize = Size("R|HxW");
        /// Input channels in place of the table's; with 1 the network sees the luminance of RGB images.
        in_channels: Option<u32> = Whole("N");
        /// Dropout in place of the variant's.
        dropout: Option<f64> = Number("P");
        /// Drop-path (stochastic depth) in place of the variant's.
        drop_path: Option<f64> = Number("P");
        /// Weight of the new batch in batch norm's running statistics (PyTorch's momentum), in place of the table's.
        norm_momentum: Option<f64> = Number("M");
        /// Start from a file of weights: safetensors, .pth, or a checkpoint.
        weights: Option<String> = Text("FILE");
        /// Start from ImageNet weights on the Hugging Face hub, by timm's tag; without a tag, from its default ones.
        pretrained: Option<String> = OptionalText("TAG");
        /// Load the tensors that match, and initialise the rest.
        #[serde(default)]
        allow_partial: bool = Switch;
        /// Padding of strided convolutions, in place of what the weights or the table say.
        #[serde(default, with = "padding_word", skip_serializing_if = "Option::is_none")]
        padding: Option<Padding> = Choice(&["same", "symmetric"]);
        /// Epsilon of batch norm, in place of what the weights or the table say.
        bn_eps: Option<f64> = Number("E");
        /// What to freeze: none, backbone, or stages:N for the stem and the first N stages; by default none.
        #[serde(skip_serializing_if = "Option::is_none")]
        freeze: Option<Freeze> = Text("PART");
        /// Epochs after which one more stage is unfrozen, from the last one on.
        unfreeze_every: Option<f64> = Number("EPOCHS");
        /// Learning rate of the backbone as a fraction of the classifier's, 0 to 1; by default 1.
        backbone_lr_scale: Option<f64> = Number("S");
        /// Freeze batch norm's running statistics, and normalise with them in training, too.
        #[serde(default)]
        freeze_statistics: bool = Switch;
        /// Normalise by the statistics of the images of all ranks, not of each rank's own.
        #[serde(default, skip_serializing_if = "is_default")]
        sync_batch_norm: bool = Switch;
        /// Compute the features of a frozen backbone once; augmentation must be off.
        #[serde(default)]
        cache_features: bool = Switch;
    }

    /// The images, and how they are prepared.
    data: Data {
        /// The data set, such as cifar10 or folder:PATH; a folder holds train and val, each with one folder per class.
        dataset: String = Text("NAME");
        /// Only the classes that this file lists, such as configs/subsets/imagenette.txt.
        subset: Option<String> = Text("FILE");
        /// Skip image files that cannot be decoded; they are listed at the end.
        #[serde(default, skip_serializing_if = "is_default")]
        skip_bad: bool = Switch;
        /// Train on the first N training images only.
        limit_train: Option<usize> = Whole("N");
        /// Evaluate on the first N test images only.
        limit_test: Option<usize> = Whole("N");
        /// Mean of each channel, of pixels from 0 to 1, in place of what the weights or the data set say.
        mean: Option<[f32; 3]> = Numbers("R,G,B");
        /// Standard deviation of each channel, of pixels from 0 to 1, in place of what the weights or the data set say.
        std: Option<[f32; 3]> = Numbers("R,G,B");
        /// Shorter side that image files are resized to for evaluation; 0 leaves them as they are.
        resize: Option<u32> = Whole("R");
        /// How image files are resized for evaluation.
        #[serde(default, with = "interpolation_word", skip_serializing_if = "Option::is_none")]
        interpolation: Option<Interpolation> = Choice(&["bilinear", "bicubic"]);
    }

    /// The optimizer.
    optimizer: Optimizer {
        /// sgd (with Nesterov momentum), rmsprop (TensorFlow's variant), adamw or lamb; by default sgd.
        #[serde(default, skip_serializing_if = "is_default")]
        optimizer: OptimizerKind = Choice(&["sgd", "rmsprop", "adamw", "lamb"]);
        /// Momentum: Nesterov's with SGD; with AdamW and LAMB, beta 1.
        momentum: f64 = Number("M");
        /// Decay of the mean squared gradient (alpha of RMSprop, beta 2 of AdamW and LAMB); by default 0.9 with RMSprop
        /// and 0.999 with the others.
        square_momentum: Option<f64> = Number("M");
        /// Epsilon of the optimizer; by default 1e-3 with RMSprop, 1e-8 with AdamW, 1e-6 with LAMB.
        optimizer_eps: Option<f64> = Number("E");
        /// Weight decay.
        weight_decay: f64 = Number("W");
        /// What weight decay is applied to: weights (not norms and biases), dense (those without depthwise
        /// convolutions) or all; by default weights.
        #[serde(default, skip_serializing_if = "is_default")]
        decayed: Decayed = Choice(&["weights", "dense", "all"]);
        /// Clip gradients by their norm over all parameters.
        clip_norm: Option<f64> = Number("G");
        /// Clip gradients by value, each element to at most this magnitude.
        clip_value: Option<f64> = Number("G");
        /// Keep an exponential moving average (EMA) of the weights, with this decay per step, such as 0.999.
        ema_decay: Option<f64> = Number("D");
    }

    /// The length of a run, and its learning rate schedule.
    schedule: LearningSchedule {
        /// Passes over the training set, unless `steps` is given.
        epochs: f64 = Number("N");
        /// Optimizer steps.
        steps: Option<u64> = Whole("N");
        /// Steps at which the run had ended, each time it was extended.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        extended_from: Vec<u64> = Recorded;
        /// Warm-up steps; by default the largest power of two within an eighth of the steps.
        warmup_steps: Option<u64> = Whole("N");
        /// Images per optimizer step.
        batch_size: usize = Whole("N");
        /// Gradient accumulation: images computed at once, a part of the batch; by default the whole batch.
        micro_batch: Option<usize> = Whole("N");
        /// Learning rate after the warm-up.
        learning_rate: f64 = Number("R");
        /// Batch size that the learning rate is for; with another batch size it is scaled in proportion.
        learning_rate_batch: Option<usize> = Whole("N");
        /// Learning rate schedule after the warm-up.
        schedule: Decay = Choice(&["cosine", "linear", "one_cycle", "exponential", "step", "constant"]);
        /// Factor of the exponential and step schedules.
        decay_rate: Option<f64> = Number("F");
        /// Epochs in which the learning rate decays by that factor.
        decay_epochs: Option<f64> = Number("EPOCHS");
        /// Progressive resizing: the shorter side of training images at the start, which grows to the input size.
        input_size_from: Option<u32> = Whole("R");
    }

    /// Augmentation of training images and targets.
    augment: Augment {
        /// Pixels of padding before random crops of images in memory; 0 for no crops.
        crop_padding: usize = Whole("N");
        /// Smallest and largest fraction of an image file's area that a random crop takes; by default 0.08 and 1.
        crop_scale: Option<[f64; 2]> = Numbers("MIN,MAX");
        /// When to flip an image horizontally.
        flip: Flip = Choice(&["none", "random", "alternating"]);
        /// Random operations: none, trivialaugment, or randaugment:N:M for N operations of magnitude M, 0 to 30; by
        /// default none.
        #[serde(default, skip_serializing_if = "Policy::is_none")]
        augment: Policy = Form::Policy("POLICY");
        /// Random brightness, contrast and saturation: how far each factor may be from 1; by default 0,0,0.
        #[serde(default, skip_serializing_if = "is_default")]
        colour_jitter: [f64; 3] = Numbers("B,C,S");
        /// Random erasing: probability that a random rectangle of an image is erased; by default 0.
        #[serde(default, skip_serializing_if = "is_default")]
        random_erasing: f64 = Number("P");
        /// Mixup: blend images, with a weight from Beta(A, A); by default 0, for none.
        #[serde(default, skip_serializing_if = "is_default")]
        mixup: f64 = Number("A");
        /// CutMix: paste a rectangle of another image, with an area from Beta(A, A); with mixup, each batch has one of
        /// them; by default 0, for none.
        #[serde(default, skip_serializing_if = "is_default")]
        cutmix: f64 = Number("A");
        /// Label smoothing.
        label_smoothing: f64 = Number("E");
    }

    /// How a run is executed, evaluated and saved.
    run: Run {
        /// Seed of initial weights, image order and augmentation.
        seed: u64 = Whole("N");
        /// cpu, cuda, cuda:N or mps.
        device: String = Text("NAME");
        /// Number format of convolutions and matrix products: f32, tf32 (on CUDA) or bf16; by default f32.
        #[serde(default, skip_serializing_if = "is_default")]
        precision: Precision = Choice(&["f32", "tf32", "bf16"]);
        /// Threads of libtorch; their number changes the rounding of sums in the last bits; by default one per
        /// processor.
        threads: Option<i32> = Whole("N");
        /// Threads that prepare batches; results do not depend on it.
        workers: usize = Whole("N");
        /// Whether training images stay on the device and are cropped and flipped there; by default on CUDA, unless
        /// other augmentation is on.
        data_on_device: Option<bool> = Form::Bool;
        /// Whether cuDNN benchmarks its algorithms and takes the fastest, in which case two runs on CUDA may differ in
        /// their last bits; by default true.
        cudnn_autotune: Option<bool> = Form::Bool;
        /// Epochs from one evaluation to the next; by default 1.
        evaluate_every: Option<u64> = Whole("N");
        /// Also evaluate each test image flipped, and average the logits.
        #[serde(default, skip_serializing_if = "is_default")]
        test_time_flip: bool = Switch;
        /// Early stopping: stop after this many evaluations without improvement.
        patience: Option<u64> = Whole("N");
        /// What to do if the loss is NaN or infinite: stop, or roll back to the last checkpoint and go on with half the
        /// learning rate; by default stop.
        #[serde(default, skip_serializing_if = "is_default")]
        on_nan: OnNan = Choice(&["stop", "rollback"]);
        /// Steps between checkpoints, besides those at the end of each epoch.
        checkpoint_every: Option<u64> = Whole("STEPS");
        /// Keep this many of the best checkpoints, besides the best and the last one.
        keep: Option<usize> = Whole("N");
    }
}

/// Whether a setting is at its default: written down, it would change the hash of runs that knew nothing of it.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
