//! What must hold of every graph, whoever made or changed it.

use std::collections::HashSet;

use super::error::OnnxError;
use super::graph::{Graph, Initializer};

impl Graph {
    /// Checks that names are given once, that every value is made before it is read, and that constants fill their sizes.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), OnnxError> {
        let mut known: HashSet<&str> = HashSet::new();
        let mut define = |name| if known.insert(name) { Ok(()) } else { Err(OnnxError::Twice(name.to_string())) };
        // An input may have a constant as its default.
        self.tensors.iter().try_for_each(|tensor| define(&tensor.name))?;
        let without_default = self.inputs.iter().filter(|input| self.tensor(&input.name).is_none());
        without_default.map(|input| input.name.as_str()).try_for_each(&mut define)?;
        self.tensors.iter().try_for_each(Initializer::check)?;
        let mut nodes = HashSet::new();
        for node in &self.nodes {
            if !node.name.is_empty() && !nodes.insert(&node.name) {
                return Err(OnnxError::Twice(node.name.clone()));
            }
            let mut reads = node.inputs.iter().filter(|input| !input.is_empty());
            if let Some(value) = reads.find(|input| !known.contains(input.as_str())) {
                return Err(OnnxError::Undefined { reader: node.name.clone(), value: value.clone() });
            }
            for output in node.outputs.iter().filter(|output| !output.is_empty()) {
                if !known.insert(output) {
                    return Err(OnnxError::Twice(output.clone()));
                }
            }
        }
        match self.outputs.iter().find(|output| !known.contains(output.name.as_str())) {
            Some(output) => Err(OnnxError::Undefined { reader: "the output".into(), value: output.name.clone() }),
            None => Ok(()),
        }
    }
}

impl Initializer {
    pub(super) fn check(&self) -> Result<(), OnnxError> {
        let bytes = self.dims.iter().try_fold(self.element.bytes(), |bytes, size| {
            usize::try_from(*size).ok().and_then(|size| bytes.checked_mul(size))
        });
        if bytes == Some(self.data.len()) {
            return Ok(());
        }
        let expected = bytes.map_or("more than there are".into(), |bytes| bytes.to_string());
        Err(OnnxError::Size { name: self.name.clone(), found: self.data.len(), expected })
    }
}
