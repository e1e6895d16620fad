//! The builder through which blocks emit operations.
//!
//! Owns the order of operations, which values they read, and the scaling of widths and depths. The same `const fn`s run twice: while compiling and on a
//! first pass at run time they only count; on the second pass they fill the slice that the count has sized (a `Vec`
//! cannot grow in a constant). The first error sticks, and everything after it is a no-op, so blocks need no `?`.

use super::error::MAX_OPS;
use super::{Norm, Options, PlanError, Rules, Scaling};
use crate::op::{
    Activation, Add, Concat, Convolution, Cost, Dropout, Gain, GlobalPool, Inputs, Linear, MAX_INPUTS, Narrow, Op,
    OpKind, Place, Pooling, Scale, Shape, Shuffle, Window,
};

/// Most repeats that one row may scale to: over ten times EfficientNet-L2's.
const MAX_REPEATS: u32 = 1000;

/// A value of the network under construction.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    id: u32,
    /// Its shape.
    pub shape: Shape,
}

/// Emits operations. A block's `plan` calls its methods, each of which reads the current value and makes its result the current
/// one; [`resume`](PlanBuilder::resume) goes back to another.
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
        let shape = options.image(rules);
        PlanBuilder {
            ops,
            len: 0,
            cost: Cost { params: 0, buffers: 0, macs: 0 },
            error: options.check(),
            options: *options,
            rules: *rules,
            current: Value { id: 0, shape },
            nominal_channels: shape.c,
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

    /// The value that the next operation reads, to come back to in a residual, a gate or a branch.
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

    /// A width of the table, scaled and rounded by its rules. Multiplier 1 leaves it as the table has it.
    pub const fn scaled(&self, channels: u32) -> u32 {
        if self.options.width == 1.0 { channels } else { self.rounded(channels as f64 * self.options.width) }
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

    /// Goes back to `value`: the next operation reads it.
    pub const fn resume(&mut self, value: Value) {
        self.current = value;
    }

    /// A dense convolution without bias, padded so that only the stride shrinks the map.
    pub const fn conv(&mut self, kernel: u32, channels: u32, stride: u32) {
        self.convolution(Convolution { channels, kernel, stride, ..Convolution::DEFAULT });
    }

    /// A dense convolution with bias.
    pub const fn conv_with_bias(&mut self, kernel: u32, channels: u32, stride: u32) {
        self.convolution(Convolution { channels, kernel, stride, bias: true, ..Convolution::DEFAULT });
    }

    /// One filter for each channel, without bias.
    pub const fn depthwise(&mut self, kernel: u32, stride: u32) {
        let channels = self.channels();
        self.convolution(Convolution { channels, kernel, stride, groups: channels, ..Convolution::DEFAULT });
    }

    /// A convolution of so many groups, which divide both channel counts, without bias.
    pub const fn grouped(&mut self, kernel: u32, channels: u32, stride: u32, groups: u32) {
        self.convolution(Convolution { channels, kernel, stride, groups, ..Convolution::DEFAULT });
    }

    /// Any convolution.
    pub const fn convolution(&mut self, convolution: Convolution) {
        self.emit_one(OpKind::Conv(convolution));
    }

    /// The table's norm.
    pub const fn norm(&mut self) {
        self.normalise(self.rules.norm);
    }

    /// A norm that is not the table's.
    pub const fn normalise(&mut self, norm: Norm) {
        self.emit_one(match norm {
            Norm::BatchNorm(norm) => OpKind::BatchNorm(norm),
            Norm::LayerNorm(norm) => OpKind::LayerNorm(norm),
        });
    }

    /// A non-linearity; [`Activation::Table`] becomes the table's own.
    pub const fn act(&mut self, activation: Activation) {
        let chosen = match activation {
            Activation::Table => self.rules.activation,
            named => named,
        };
        self.emit_one(OpKind::Act(chosen));
    }

    /// Global average pooling.
    pub const fn pool(&mut self) {
        self.emit_one(OpKind::Pool(GlobalPool));
    }

    /// The largest value of each window, padded so that only the stride shrinks the map.
    pub const fn max_pool(&mut self, kernel: u32, stride: u32) {
        self.window(Window { pooling: Pooling::Max, kernel, stride, padding: None });
    }

    /// The mean of each window, padded so that only the stride shrinks the map; the padding does not count. PyTorch's
    /// `AvgPool2d(2)` pads nothing and drops the last row and column of an odd map: [`window`](PlanBuilder::window) with
    /// padding `Some(0)`.
    pub const fn average_pool(&mut self, kernel: u32, stride: u32) {
        self.window(Window { pooling: Pooling::Average, kernel, stride, padding: None });
    }

    /// Any pooling with a window.
    pub const fn window(&mut self, window: Window) {
        self.emit_one(OpKind::Window(window));
    }

    /// Dropout at the variant's rate.
    pub const fn dropout(&mut self) {
        self.emit_one(OpKind::Dropout(Dropout { rate: self.options.dropout }));
    }

    /// The classifier: a linear layer from features, which [`pool`](PlanBuilder::pool) makes of a map, to the chosen
    /// number of classes.
    pub const fn linear(&mut self) {
        self.hidden(self.options.classes);
    }

    /// A linear layer to `outputs` features.
    pub const fn hidden(&mut self, outputs: u32) {
        self.emit_one(OpKind::Linear(Linear { outputs }));
    }

    /// A trained factor for each channel, `start` at first: layer scale.
    pub const fn gain(&mut self, start: f64) {
        self.emit_one(OpKind::Gain(Gain { start }));
    }

    /// Adds `shortcut`; the current value is dropped per sample at the rate of this block.
    pub const fn add(&mut self, shortcut: Value) {
        let total = if self.blocks == 0 { 1 } else { self.blocks };
        let drop_path = self.options.drop_path * self.blocks_done as f64 / total as f64;
        self.emit(OpKind::Add(Add { drop_path }), &[self.current, shortcut]);
    }

    /// Multiplies `features` by the current value, a gate of one number a channel.
    pub const fn scale(&mut self, features: Value) {
        self.emit(OpKind::Scale(Scale), &[self.current, features]);
    }

    /// The channels of all `values` in that order, two to eight maps of one size.
    pub const fn concat(&mut self, values: &[Value]) {
        if values.len() < 2 || values.len() > MAX_INPUTS {
            self.fail(PlanError::Inputs(values.len()));
            return;
        }
        self.emit(OpKind::Concat(Concat), values);
    }

    /// `channels` channels of the current value, from number `from` on, which counts from 0.
    pub const fn narrow(&mut self, from: u32, channels: u32) {
        self.emit_one(OpKind::Narrow(Narrow { from, channels }));
    }

    /// The current value in `PARTS` parts of equally many channels. The next operation reads the last of them.
    pub const fn split<const PARTS: usize>(&mut self) -> [Value; PARTS] {
        let whole = self.current;
        let mut parts = [whole; PARTS];
        let channels = whole.shape.c;
        if PARTS == 0 || !channels.is_multiple_of(PARTS as u32) {
            self.fail(PlanError::Split { parts: PARTS as u32, channels });
            return parts;
        }
        let share = channels / PARTS as u32;
        let mut index = 0;
        while index < PARTS {
            self.resume(whole);
            self.narrow(index as u32 * share, share);
            parts[index] = self.current;
            index += 1;
        }
        parts
    }

    /// Channels of `groups` groups in turn.
    pub const fn shuffle(&mut self, groups: u32) {
        self.emit_one(OpKind::Shuffle(Shuffle { groups }));
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

    /// Begins layer `index` of the stem or the head. All but the first go by their numbers, so that each has its name.
    pub const fn enter_layer(&mut self, place: Place, index: usize) {
        const NUMBERS: [&str; 8] = ["", "1", "2", "3", "4", "5", "6", "7"];
        self.enter(place);
        self.part = if index < NUMBERS.len() { NUMBERS[index] } else { "more" };
    }

    /// The value of column `index` of those that the table's variants set in cells.
    pub const fn varied(&self, index: usize) -> u32 {
        if index < self.options.varied.len() { self.options.varied[index] } else { 0 }
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

    const fn emit_one(&mut self, kind: OpKind) {
        self.emit(kind, &[self.current]);
    }

    const fn emit(&mut self, kind: OpKind, values: &[Value]) {
        if self.error.is_some() {
            return;
        }
        if self.len >= MAX_OPS {
            self.fail(PlanError::Operations);
            return;
        }
        let (mut shapes, mut numbers) = ([values[0].shape; MAX_INPUTS], [0; MAX_INPUTS]);
        let mut index = 0;
        while index < values.len() {
            if values[index].id as usize > self.len {
                return self.fail(PlanError::ForeignValue);
            }
            shapes[index] = values[index].shape;
            numbers[index] = values[index].id;
            index += 1;
        }
        let output = match kind.output(shapes.split_at(values.len()).0) {
            Ok(output) => output,
            Err(error) => return self.fail(error),
        };
        let inputs = Inputs::new(numbers, values.len());
        let op = Op { kind, place: self.place, part: self.part, number: 0, inputs, input: shapes[0], output };
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
