use super::canvas::{Anchor, Item, JOIN_RADIUS, Page, Point, Rect, Role};
use super::diagram::Element;
use super::*;
use crate::plan::{Options, Plan};
use crate::sample::{self, MODELS};

/// Rounding of points, not a gap that anyone sees.
const SLACK: f64 = 0.01;

fn all_pages(model: &str) -> Vec<Page> {
    let plan = sample::plan(model);
    let named = Named { plan: &plan, model, profile: "native" };
    let mut pages = expanded::pages(named, pdf::A3);
    pages.push(overview::layout(named));
    pages.push(expanded::sheet(named));
    pages
}

fn drawn(model: &str, format: Format, detail: Detail) -> Vec<u8> {
    let plan = sample::plan(model);
    draw(Named { plan: &plan, model, profile: "native" }, format, detail)
}

fn nodes(page: &Page) -> Vec<Rect> {
    let node = |item: &Item| match item {
        Item::Box { rect, role: Role::Node, .. } => Some(*rect),
        _ => None,
    };
    page.items.iter().filter_map(node).collect()
}

/// Where a text's letters stand, from their feet to the height of capitals.
fn words(page: &Page) -> Vec<(Rect, &str)> {
    let place = |item: &'_ Item| match item {
        Item::Text { at, anchor, size, bold, words, .. } => {
            let w = metrics::width(words, *size, *bold);
            let x = match anchor {
                Anchor::Start => at.0,
                Anchor::Middle => at.0 - w / 2.0,
                Anchor::End => at.0 - w,
            };
            Some(Rect { x, y: at.1 - 0.72 * size, w, h: 0.93 * size })
        }
        _ => None,
    };
    let texts = page.items.iter().filter_map(|item| match item {
        Item::Text { words, .. } => place(item).map(|rect| (rect, words.as_str())),
        _ => None,
    });
    texts.collect()
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x + SLACK < b.x + b.w && b.x + SLACK < a.x + a.w && a.y + SLACK < b.y + b.h && b.y + SLACK < a.y + a.h
}

fn contains(outer: &Rect, inner: &Rect) -> bool {
    inner.x >= outer.x - SLACK
        && inner.y >= outer.y - SLACK
        && inner.x + inner.w <= outer.x + outer.w + SLACK
        && inner.y + inner.h <= outer.y + outer.h + SLACK
}

/// The area of a stretch of line; lines here run level or upright.
fn stretch(a: Point, b: Point) -> Rect {
    Rect { x: a.0.min(b.0), y: a.1.min(b.1), w: (a.0 - b.0).abs().max(0.02), h: (a.1 - b.1).abs().max(0.02) }
}

#[test]
fn nodes_do_not_overlap_and_stay_on_the_page() {
    for model in MODELS {
        for page in all_pages(model) {
            let (nodes, sheet) = (nodes(&page), Rect { x: 0.0, y: 0.0, w: page.width, h: page.height });
            for (index, node) in nodes.iter().enumerate() {
                assert!(contains(&sheet, node), "{model}: {node:?} leaves the page");
                assert!(!nodes[..index].iter().any(|other| overlap(other, node)), "{model}: {node:?} overlaps");
            }
        }
    }
}

#[test]
fn words_fit_their_boxes_and_touch_nothing_else() {
    for model in MODELS {
        for page in all_pages(model) {
            let (nodes, words) = (nodes(&page), words(&page));
            let sheet = Rect { x: 0.0, y: 0.0, w: page.width, h: page.height };
            for (index, (place, text)) in words.iter().enumerate() {
                assert!(contains(&sheet, place), "{model}: \"{text}\" leaves the page");
                let cut = nodes.iter().any(|node| overlap(node, place) && !contains(node, place));
                assert!(!cut, "{model}: \"{text}\" crosses the edge of a box");
                let other = words[..index].iter().find(|(other, _)| overlap(other, place));
                assert!(other.is_none(), "{model}: \"{text}\" overlaps \"{}\"", other.map_or("", |other| other.1));
            }
        }
    }
}

#[test]
fn lines_cross_neither_boxes_nor_words() {
    for model in MODELS {
        for page in all_pages(model) {
            let (nodes, words) = (nodes(&page), words(&page));
            for item in &page.items {
                let Item::Line { points, .. } = item else { continue };
                for pair in points.windows(2) {
                    let line = stretch(pair[0], pair[1]);
                    assert!(!nodes.iter().any(|node| overlap(node, &line)), "{model}: {line:?} crosses a box");
                    let text = words.iter().find(|(place, _)| overlap(place, &line));
                    assert!(text.is_none(), "{model}: {line:?} crosses \"{}\"", text.map_or("", |text| text.1));
                }
            }
        }
    }
}

#[test]
fn joins_stand_free() {
    for model in MODELS {
        for page in all_pages(model) {
            let nodes = nodes(&page);
            for item in &page.items {
                let Item::Join { center: (x, y), .. } = item else { continue };
                let circle =
                    Rect { x: x - JOIN_RADIUS, y: y - JOIN_RADIUS, w: 2.0 * JOIN_RADIUS, h: 2.0 * JOIN_RADIUS };
                assert!(!nodes.iter().any(|node| overlap(node, &circle)), "{model}");
            }
        }
    }
}

#[test]
fn expanded_drawings_name_every_layer() {
    for model in MODELS {
        let plan = sample::plan(model);
        let named = Named { plan: &plan, model, profile: "native" };
        let layers: usize = outline_layers(&plan);
        // A gate's and a residual's last operation is a sign, not a box; the legend has a box less high for each colour.
        let drawn = |page: &Page| nodes(page).iter().filter(|node| node.h > 20.0).count();
        assert_eq!(drawn(&expanded::sheet(named)), layers, "{model}");
        assert_eq!(expanded::pages(named, pdf::A3).iter().map(drawn).sum::<usize>(), layers, "{model}");
    }
}

fn outline_layers(plan: &Plan) -> usize {
    let sections = crate::outline::sections(plan);
    let blocks = sections.iter().flat_map(|section| &section.blocks);
    blocks.flat_map(|block| &block.layers).filter(|layer| layer.ops[0].inputs.values().len() == 1).count()
}

#[test]
fn svg_is_xml_even_for_odd_names() {
    for model in MODELS {
        for detail in [Detail::Overview, Detail::Expanded] {
            let svg = String::from_utf8(drawn(model, Format::Svg, detail)).unwrap();
            let document = roxmltree::Document::parse(&svg).unwrap();
            assert_eq!(document.root_element().tag_name().name(), "svg");
            assert!(!svg.contains("NaN") && !svg.contains("inf\""));
        }
    }
    let plan = sample::plan("mobilenet-v2");
    for format in [Format::Svg, Format::Pdf, Format::Dot] {
        let named = Named { plan: &plan, model: "<a&b> \"q\" \\ ü \u{1}", profile: "]]>" };
        let file = draw(named, format, Detail::Overview);
        if format == Format::Svg {
            roxmltree::Document::parse(std::str::from_utf8(&file).unwrap()).unwrap();
        }
    }
}

#[test]
fn overview_shows_the_figures_of_the_title() {
    let svg = String::from_utf8(drawn("efficientnet-b7", Format::Svg, Detail::Overview)).unwrap();
    for words in ["efficientnet-b7", "66,347,960 parameters", "37,745,884,192 MACs", "× 13 blocks", "blocks 1–12"] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn pdf_has_its_pages() {
    for (model, detail, least) in [
        ("efficientnet-b7", Detail::Overview, 1),
        ("efficientnet-b7", Detail::Expanded, 3),
        ("mobilenet-v1", Detail::Expanded, 1),
    ] {
        let file = drawn(model, Format::Pdf, detail);
        assert!(file.starts_with(b"%PDF"));
        let text = String::from_utf8_lossy(&file).into_owned();
        let pages = text.matches("/Type /Page\n").count();
        assert!(pages >= least && (detail == Detail::Expanded || pages == 1), "{model}: {pages} pages");
        assert!(text.contains(&format!("/Count {pages}")), "{model}");
    }
}

#[test]
fn dot_is_balanced_and_its_edges_join_declared_nodes() {
    for model in MODELS {
        for detail in [Detail::Overview, Detail::Expanded] {
            let dot = String::from_utf8(drawn(model, Format::Dot, detail)).unwrap();
            assert_eq!(dot.matches('{').count(), dot.matches('}').count());
            let declared: Vec<&str> = dot
                .lines()
                .filter(|line| !line.contains("->"))
                .filter_map(|line| line.trim().split_once(" [").map(|(id, _)| id))
                .collect();
            for line in dot.lines().filter(|line| line.contains("->")) {
                for end in line.split("->").filter_map(|end| end.split_whitespace().next()) {
                    assert!(declared.contains(&end), "{model}: {end} is not declared");
                }
            }
        }
    }
}

#[test]
fn the_smallest_and_strangest_options_still_draw() {
    let registry = crate::Registry::default();
    let architecture = registry.find("efficientnet-b0").unwrap().architecture;
    let options = Options { width: 0.01, depth: 0.01, input_size: 1.into(), classes: 1, ..Options::DEFAULT };
    let plan = Plan::new(architecture, &options).unwrap();
    for format in [Format::Svg, Format::Pdf, Format::Dot] {
        for detail in [Detail::Overview, Detail::Expanded] {
            assert!(!draw(Named { plan: &plan, model: "", profile: "" }, format, detail).is_empty());
        }
    }
}

/// A path in words: names of layers, gates in brackets, and behind a join where its sides begin and what stands on them.
fn words_of(elements: &[Element]) -> String {
    let words = elements.iter().map(|element| match element {
        Element::Node(node) => node.title.clone(),
        Element::Gate(nodes) => {
            format!("[{}]", nodes.iter().map(|node| node.title.as_str()).collect::<Vec<_>>().join(" "))
        }
        Element::Join { from, sign, sides } => {
            let sides: Vec<String> = sides.iter().map(|side| words_of(side)).collect();
            format!("{}({from}: {})", sign.word(), sides.join(", "))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn block_of(plan: &Plan, name: &str) -> String {
    let sections = crate::outline::sections(plan);
    let block = sections.iter().flat_map(|section| &section.blocks).find(|block| block.name() == name);
    words_of(&diagram::elements(block.expect("a block of that name")))
}

#[test]
fn branches_are_found_by_what_layers_read() {
    for (model, block, expected) in [
        ("mobilenet-v2", "stages.1.1", "expand depthwise project add(0: )"),
        ("resnet-18", "stem", "conv pool"),
        ("mobilenet-v3-small", "stages.2.1", "expand depthwise [se.pool se.reduce se.expand] project add(0: )"),
        (
            "shufflenet-v2",
            "stages.0.0",
            "branch2.pointwise branch2.depthwise branch2.project concat(0: branch1.depthwise branch1.project) shuffle",
        ),
        (
            "shufflenet-v2",
            "stages.0.1",
            "narrow.1 branch2.pointwise branch2.depthwise branch2.project concat(0: narrow) shuffle",
        ),
        (
            "ghostnet",
            "stages.2.0",
            "ghost1.primary ghost1.cheap concat(1: ) depthwise [se.pool se.reduce se.expand] ghost2.primary ghost2.cheap \
             concat(6: ) add(0: shortcut.depthwise shortcut.project)",
        ),
    ] {
        assert_eq!(block_of(&sample::plan(model), block), expected, "{model}");
    }
}

/// Two branches that meet on the way: what the first gives goes into the second, too.
struct Ladder {
    c: u32,
}

impl Ladder {
    const DEFAULT: Ladder = Ladder { c: 1 };

    const fn check(&self) -> Option<crate::block::Problem> {
        None
    }

    const fn plan(&self, b: &mut crate::PlanBuilder<'_>) {
        let [left, right] = b.split();
        b.resume(left);
        b.part("left");
        b.conv(1, self.c / 2, 1);
        let rung = b.value();
        b.resume(right);
        b.part("sum");
        b.add(rung);
        b.part("right");
        b.conv(1, self.c / 2, 1);
        let other = b.value();
        b.part("");
        b.concat(&[rung, other]);
        // Both branches, and again the whole: a join within a join, and one with three.
        b.part("last");
        let whole = b.value();
        b.conv(1, self.c, 1);
        b.add(whole);
        let narrow = b.value();
        b.part("wide");
        b.conv(3, self.c, 1);
        let wide = b.value();
        b.concat(&[narrow, wide, whole]);
        b.part("end");
        b.conv(1, self.c, 1);
    }
}

crate::network! {
    /// Branches that no series and parallel of layers are.
    LADDER;
    input    3 x 32;
    norm     BatchNorm { eps: 1e-5, momentum: 0.1 };
    act      Relu;
    stem     Conv { k: 3, c: 16, s: 2 };
    stages   Ladder { c; 16; 16; }
    top      pool, linear;
    variants { name; "ladder"; }
}

#[test]
fn branches_that_share_layers_are_drawn_as_a_line_and_linked_in_dot() {
    let plan = Plan::new(&LADDER, &Options { input_size: 32.into(), ..LADDER.variants[0].options }).unwrap();
    let named = Named { plan: &plan, model: "ladder", profile: "native" };
    let boxes = plan.ops.iter().filter(|op| op.place != crate::Place::Top && op.inputs.values().len() == 1).count();
    // Norm and activation of the stem stand in its box.
    let drawn = |page: &Page| nodes(page).iter().filter(|node| node.h > 20.0).count();
    assert_eq!(drawn(&expanded::sheet(named)), boxes - 2 + 2);
    for format in [Format::Svg, Format::Pdf] {
        for detail in [Detail::Overview, Detail::Expanded] {
            assert!(!draw(named, format, detail).is_empty());
        }
    }
    let dot = String::from_utf8(draw(named, Format::Dot, Detail::Expanded)).unwrap();
    let reads: usize = plan.ops.iter().map(|op| op.inputs.values().len()).sum();
    // Two of the reads stand within the stem's box; one more edge goes to the classes.
    assert_eq!(dot.matches("->").count(), reads - 2 + 1);
}
