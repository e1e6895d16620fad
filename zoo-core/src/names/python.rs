//! How Python makes a network whose tensors have a project's names: what its files do not say.

/// What the class there is called by and can be told.
#[derive(Clone, Copy, Debug)]
pub struct Python {
    /// The name by which the project makes a variant.
    pub name: PythonName,
    /// Whether it takes `width_mult`, so that the name of width 1 makes all widths.
    pub any_width: bool,
    /// Whether padding and epsilon are arguments there (timm's `pad_type` and `bn_eps`); otherwise its padding is symmetric,
    /// and its norms are changed when it is made.
    pub told: bool,
    /// Whether it takes no tensors without the version of its state dict, which safetensors do not keep.
    pub versioned: bool,
}

/// The name of a variant there.
#[derive(Clone, Copy, Debug)]
pub enum PythonName {
    /// No package makes the network.
    None,
    /// As the library lists it: `scripts/pretrained.py` asks the libraries for the names of the variants of this crate.
    Listed,
    /// As the function gives it: for tables of other crates, and packages that are not asked.
    Of(fn(&str) -> Option<String>),
}

impl Python {
    /// A class that the library lists and that takes nothing but a number of classes.
    pub const LISTED: Python = Python { name: PythonName::Listed, any_width: false, told: false, versioned: false };
    /// A class that the library lists and that takes padding and epsilon.
    pub const TOLD: Python = Python { told: true, ..Python::LISTED };
    /// Names without a package.
    pub const NONE: Python = Python { name: PythonName::None, ..Python::LISTED };
}
