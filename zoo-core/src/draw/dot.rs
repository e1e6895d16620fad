//! DOT: a graph for Graphviz, with a cluster for each block and an edge for every value that a layer reads.

use std::fmt::Write;

use super::Detail;
use super::canvas::{Color, Sign};
use super::diagram::{self, Element, Node, Tint};
use super::paths;
use crate::op::Place;
use crate::outline::{self, Block, Section};
use crate::summary::Named;
use crate::summary::number::grouped;

/// Writes the graph; in an overview, blocks that do the same are one cluster.
pub(super) fn write(named: Named<'_>, detail: Detail) -> String {
    let cost = named.plan.cost;
    let mut graph = Graph { text: String::new(), edges: String::new(), nodes: 0 };
    let input = graph.pill(&format!("image\n{}", diagram::dimensions(named.plan.input)));
    let mut last = input;
    for section in outline::sections(named.plan) {
        for (label, block) in clusters(&section, detail) {
            last = graph.block(&label, block, last);
        }
    }
    let output = graph.pill(&format!("{} classes", named.plan.options.classes));
    graph.edge(last, output, "");
    let title = format!(
        "{}\n{}\n{} parameters, {} MACs",
        named.model,
        named.options(", ", "×"),
        grouped(cost.params),
        grouped(cost.macs)
    );
    format!(
        "digraph {} {{\n  graph [label={}, labelloc=t, rankdir=TB, fontname=\"Helvetica\", fontsize=14, \
         bgcolor=white]\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=10, \
         fillcolor=white]\n  edge [fontname=\"Helvetica\", fontsize=9, color=\"#5a6675\"]\n{}{}}}\n",
        quoted(named.model),
        quoted(&title),
        graph.text,
        graph.edges,
    )
}

/// The blocks to be drawn, with their labels.
fn clusters<'a, 'b>(section: &'b Section<'a>, detail: Detail) -> Vec<(String, &'b Block<'a>)> {
    let runs: Vec<&[Block<'a>]> = match detail {
        Detail::Overview => section.runs(),
        Detail::Expanded => section.blocks.chunks(1).collect(),
    };
    let label = |run: &'b [Block<'a>]| {
        let block = &run[0];
        match (block.place(), run.len()) {
            (Place::Stage { stage, block: first }, count) if count > 1 => {
                (format!("stages.{stage}.{first}-{} (× {count})", first as usize + count - 1), block)
            }
            _ => (block.name(), block),
        }
    };
    runs.into_iter().map(label).collect()
}

/// Number of a node, which names it in the file.
type Id = usize;

struct Graph {
    text: String,
    edges: String,
    nodes: usize,
}

impl Graph {
    // Writing into a String cannot fail, hence the ignored results.

    fn pill(&mut self, label: &str) -> Id {
        self.nodes += 1;
        let _ = writeln!(self.text, "  n{} [label={}, shape=ellipse]", self.nodes, quoted(label));
        self.nodes
    }

    fn block(&mut self, label: &str, block: &Block<'_>, last: Id) -> Id {
        let _ = writeln!(self.text, "  subgraph cluster_{} {{", self.nodes);
        let _ = writeln!(self.text, "    label={}; style=rounded; color=\"#cbd2da\"; fontsize=11", quoted(label));
        let graph = paths::Graph::of(block);
        let gates = gates(&graph.elements());
        // The node that gives each value.
        let mut givers = vec![last];
        for (layer, sources) in graph.layers.iter().zip(&graph.sources) {
            let id = match sources.as_slice() {
                [source] => {
                    let node = diagram::node(layer);
                    let kind = if gates.contains(&node.name) { Tint::Gate } else { node.kind };
                    let id = self.node(&Node { kind, ..node });
                    self.edge(givers[*source], id, "");
                    id
                }
                sources => self.meet(paths::sign(layer.ops[0].kind), sources, graph.origins[givers.len()], &givers),
            };
            givers.push(id);
        }
        self.text += "  }\n";
        givers.last().copied().unwrap_or(last)
    }

    /// A join of several values, the first of which is the result of the block's own layers, or a gate.
    fn meet(&mut self, sign: Sign, sources: &[usize], origin: usize, givers: &[Id]) -> Id {
        let join = match sign {
            Sign::Plus => self.join("+", Tint::Pointwise),
            Sign::Times => self.join("×", Tint::Gate),
            Sign::Concat => self.join("||", Tint::Pointwise),
        };
        let mut edges: Vec<(usize, &str)> = sources.iter().map(|source| (*source, "")).collect();
        match sign {
            Sign::Plus => {
                for (source, attributes) in edges.iter_mut().skip(1) {
                    let residual = *source == origin;
                    *attributes =
                        if residual { " [color=\"#8a4f9e\", constraint=false]" } else { " [color=\"#8a4f9e\"]" };
                }
            }
            Sign::Times => edges.reverse(),
            Sign::Concat => {}
        }
        for (source, attributes) in edges {
            self.edge(givers[source], join, attributes);
        }
        join
    }

    fn node(&mut self, node: &Node) -> Id {
        self.nodes += 1;
        let lines = [node.name.as_str(), &node.words, &diagram::dimensions(node.shape)];
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let _ = writeln!(
            self.text,
            "    n{} [label={}, fillcolor=\"{}\", color=\"{}\"]",
            self.nodes,
            quoted(&lines.join("\n")),
            hex(node.kind.fill()),
            hex(node.kind.stroke()),
        );
        self.nodes
    }

    fn join(&mut self, sign: &str, kind: Tint) -> Id {
        self.nodes += 1;
        let (id, color) = (self.nodes, hex(kind.stroke()));
        let _ = writeln!(
            self.text,
            "    n{id} [label=\"{sign}\", shape=circle, width=0.25, fixedsize=true, color=\"{color}\"]"
        );
        id
    }

    fn edge(&mut self, from: Id, to: Id, attributes: &str) {
        let _ = writeln!(self.edges, "  n{from} -> n{to}{attributes}");
    }
}

/// Names of the layers that belong to gates.
fn gates(elements: &[Element]) -> Vec<String> {
    let names = elements.iter().flat_map(|element| match element {
        Element::Node(_) => Vec::new(),
        Element::Gate(nodes) => nodes.iter().map(|node| node.name.clone()).collect(),
        Element::Join { sides, .. } => sides.iter().flat_map(|side| gates(side)).collect(),
    });
    names.collect()
}

fn hex(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A quoted string; a line break becomes Graphviz's own.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
