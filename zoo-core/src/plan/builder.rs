//! The builder through which blocks emit operations.
//!
//! Owns shape inference and the scaling of widths and depths. The same `const fn`s run twice: while compiling and on a
//! first pass at run time they only count; on the second pass they fill the slice that the count has sized (a `Vec`
//! cannot grow in a constant). The first error sticks, and everything after it is a no-op, so blocks need no `?`.

use super::error::{MAX_CHANNELS, MAX_OPS};
use super::{Cost, Op, OpKind, Options, Place, PlanError, Rules, Scaling, Shape};
use crate::Activation;

/// Most repeats that one row may scale to: over ten times EfficientNet-L2's.
const MAX_REPEATS: u32 = 1000;

/// A value of the network under construction, to come back to in a residual or a gate.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    id: u32,
    /// Its shape.
    pub shape: Shape,
}

/// Emits operations, one behind the other. A block's `plan` calls its methods.
#[derive(Debug)]
pub struct PlanBuilder<'a> {
    ops: Option<&'a mut [Op]>,
    len: usize,
    cost: Cost,
    error: Option<PlanError>,
    options: Options,
    rules: Rules,
    current: Value,
    nominal_channels: u32,
    place: Place,
    part: &'static str,
    blocks: u32,
    blocks_done: u32,
}

impl<'a> PlanBuilder<'a> {
    /// A builder that counts and keeps nothing.
    pub const fn counting(options: &Options, rules: &Rules) -> PlanBuilder<'a> {
        PlanBuilder::new(options, rules, None)
    }

    /// A builder that fills `ops`, which must be as long as the count of an earlier pass.
    pub(crate) const fn filling(options: &Options, rules: &Rules, ops: &'a mut [Op]) -> PlanBuilder<'a> {
        PlanBuilder::new(options, rules, Some(ops))
    }

    const fn new(options: &Options, rules: &Rules, ops: Option<&'a mut [Op]>) -> PlanBuilder<'a> {
        let shape = Shape { c: rules.input_channels, h: options.input_size, w: options.input_size };
        PlanBuilder {
            ops,
            len: 0,
            cost: Cost { params: 0, buffers: 0, macs: 0 },
            error: options.check(),
            options: *options,
            rules: *rules,
            current: Value { id: 0, shape },
            nominal_channels: rules.input_channels,
            place: Place::Stem,
            part: "",
            blocks: 0,
            blocks_done: 0,
        }
    }

    /// The cost so far, or the first error.
    pub const fn finish(&self) -> Result<Cost, PlanError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.cost),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    // What a block asks.

    /// The value that the next operation reads.
    pub const fn value(&self) -> Value {
        self.current
    }

    /// Channels that come in, after scaling.
    pub const fn channels(&self) -> u32 {
        self.current.shape.c
    }

    /// Channels that come in as the table has them, before scaling.
    pub const fn nominal_channels(&self) -> u32 {
        self.nominal_channels
    }

    /// A width of the table, scaled and rounded by its rules.
    pub const fn scaled(&self, channels: u32) -> u32 {
        self.rounded(channels as f64 * self.options.width)
    }

    /// A channel count rounded by the table's rule, without scaling.
    pub const fn rounded(&self, channels: f64) -> u32 {
        self.rules.width_rounding.round(channels)
    }

    /// A width of stem, head or top, scaled unless its `scaling` says otherwise.
    pub const fn scaled_unless(&self, channels: u32, scaling: Scaling) -> u32 {
        match scaling {
            Scaling::Scaled => self.scaled(channels),
            Scaling::Fixed => channels,
            Scaling::FixedBelow(width) => {
                if self.options.width < width {
                    channels
                } else {
                    self.scaled(channels)
                }
            }
            Scaling::Floor => {
                if self.options.width > 1.0 {
                    self.scaled(channels)
                } else {
                    channels
                }
            }
        }
    }

    // What a block emits.

    /// Names the layer that the next operations form, such as `expand`.
    pub const fn part(&mut self, part: &'static str) {
        self.part = part;
    }

    /// A dense convolution without bias, padded so that only the stride shrinks the map.
    pub const fn conv(&mut self, kernel: u32, channels: u32, stride: u32) {
        self.convolution(kernel, channels, stride, 1, false);
    }

    /// A dense convolution with bias.
    pub const fn conv_with_bias(&mut self, kernel: u32, channels: u32, stride: u32) {
        self.convolution(kernel, channels, stride, 1, true);
    }

    /// One filter for each channel, without bias.
    pub const fn depthwise(&mut self, kernel: u32, stride: u32) {
        let channels = self.channels();
        self.convolution(kernel, channels, stride, channels, false);
    }

    /// Any convolution: `groups` must divide both channel counts, and kernels are odd.
    pub const fn convolution(&mut self, kernel: u32, channels: u32, stride: u32, groups: u32, bias: bool) {
        let input = self.current.shape;
        let divides = groups != 0 && input.c.is_multiple_of(groups) && channels.is_multiple_of(groups);
        if !divides || kernel.is_multiple_of(2) || kernel > 255 || stride == 0 {
            self.fail(PlanError::Convolution);
            return;
        }
        if channels == 0 || channels > MAX_CHANNELS {
            self.fail(PlanError::Channels(channels as u64));
            return;
        }
        // Both paddings give ceil(n / stride) for odd kernels.
        let output = Shape { c: channels, h: input.h.div_ceil(stride), w: input.w.div_ceil(stride) };
        self.emit(OpKind::Conv { kernel, stride, groups, bias }, None, output);
    }

    /// Batch normalisation.
    pub const fn norm(&mut self) {
        self.emit(OpKind::Norm, None, self.current.shape);
    }

    /// A non-linearity; [`Activation::Table`] becomes the table's own.
    pub const fn act(&mut self, activation: Activation) {
        let chosen = match activation {
            Activation::Table => self.rules.activation,
            named => named,
        };
        self.emit(OpKind::Act(chosen), None, self.current.shape);
    }

    /// Global average pooling.
    pub const fn pool(&mut self) {
        let c = self.current.shape.c;
        self.emit(OpKind::Pool, None, Shape { c, h: 1, w: 1 });
    }

    /// Dropout at the variant's rate.
    pub const fn dropout(&mut self) {
        self.emit(OpKind::Dropout { rate: self.options.dropout }, None, self.current.shape);
    }

    /// The classifier: a linear layer from features, which [`pool`](PlanBuilder::pool) makes of a map, to the chosen
    /// number of classes.
    pub const fn linear(&mut self) {
        let Shape { h, w, .. } = self.current.shape;
        if h != 1 || w != 1 {
            self.fail(PlanError::LinearWithoutPool);
            return;
        }
        let shape = Shape { c: self.options.classes, h: 1, w: 1 };
        self.emit(OpKind::Linear, None, shape);
    }

    /// Adds `shortcut`; the current value is dropped per sample at the rate of this block.
    pub const fn add(&mut self, shortcut: Value) {
        if !shortcut.shape.equals(self.current.shape) {
            self.fail(PlanError::ShapeMismatch);
            return;
        }
        let total = if self.blocks == 0 { 1 } else { self.blocks };
        let drop_path = self.options.drop_path * self.blocks_done as f64 / total as f64;
        self.emit(OpKind::Add { drop_path }, Some(shortcut), self.current.shape);
    }

    /// Multiplies `features` by the current value, a gate of one number a channel.
    pub const fn scale(&mut self, features: Value) {
        let gate = self.current.shape;
        if gate.c != features.shape.c || gate.h != 1 || gate.w != 1 {
            self.fail(PlanError::ShapeMismatch);
            return;
        }
        self.emit(OpKind::Scale, Some(features), features.shape);
    }

    // What `network!` calls between blocks.

    /// Repeats of a row: scaled by depth and rounded, unless the row says `fix_depth`.
    pub const fn repeats(&mut self, n: u32, fix_depth: bool) -> u32 {
        if self.error.is_some() {
            return 0;
        }
        let repeats = if fix_depth { n } else { self.rules.depth_rounding.round(n as f64 * self.options.depth) };
        if repeats > MAX_REPEATS {
            self.fail(PlanError::Operations);
            return 0;
        }
        repeats
    }

    /// Repeats of row `row` of a stage written as `rows` rows of one block each: the stage scales as a whole, its last
    /// row repeating where it grows, its last rows going where it shrinks.
    pub const fn repeats_of_row(&mut self, row: u32, rows: u32, fix_depth: bool) -> u32 {
        let total = self.repeats(rows, fix_depth);
        if row + 1 == rows { total.saturating_sub(row) } else { (row < total) as u32 }
    }

    /// Says how many blocks there will be, for the linear growth of drop-path.
    pub const fn expect_blocks(&mut self, blocks: u32) {
        self.blocks = blocks;
    }

    /// The profile chosen, as an index into the table's.
    pub const fn profile(&self) -> u32 {
        self.options.profile
    }

    /// Begins the stem, a block, the head or the top.
    pub const fn enter(&mut self, place: Place) {
        self.place = place;
        self.part = "";
    }

    /// Ends a stem, block or head whose table width is `nominal_channels`.
    pub const fn leave(&mut self, nominal_channels: u32) {
        self.nominal_channels = nominal_channels;
        if matches!(self.place, Place::Stage { .. }) {
            self.blocks_done += 1;
        }
    }

    const fn fail(&mut self, error: PlanError) {
        if self.error.is_none() {
            self.error = Some(error);
        }
    }

    const fn emit(&mut self, kind: OpKind, second: Option<Value>, output: Shape) {
        if self.error.is_some() {
            return;
        }
        if self.len >= MAX_OPS {
            self.fail(PlanError::Operations);
            return;
        }
        let second_id = match second {
            Some(value) => value.id,
            None => 0,
        };
        let inputs = [self.current.id, second_id];
        let op = Op { kind, place: self.place, part: self.part, inputs, input: self.current.shape, output };
        match op.cost() {
            Ok(cost) => match self.cost.plus(cost) {
                Ok(sum) => self.cost = sum,
                Err(error) => return self.fail(error),
            },
            Err(error) => return self.fail(error),
        }
        if let Some(ops) = &mut self.ops
            && self.len < ops.len()
        {
            ops[self.len] = op;
        }
        self.len += 1;
        self.current = Value { id: self.len as u32, shape: output };
    }
}
