//! The page of `report` in a real browser: figures and table render, the table sorts and filters, nothing is wider than
//! a phone. Without Chromium (`ZOO_BROWSER`, or on the PATH) these say that they were skipped, and fail where `CI` is set.

#[path = "common/command.rs"]
mod command;
#[path = "common/tables.rs"]
mod tables;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

/// Looks at the page as a reader would and writes down what it saw.
const PROBE: &str = r##"<pre id="seen"></pre><script>
addEventListener("load", () => {
  const seen = {};
  const shown = () => [...document.querySelectorAll("#comparisons tbody tr")].filter((row) => !row.hidden);
  const box = (element) => element.getBoundingClientRect();
  const charts = [...document.querySelectorAll(".chart")].filter((chart) => box(chart).width > 0);
  seen.charts = charts.length;
  seen.figures = document.querySelectorAll("figure").length;
  seen.class = [...new Set(charts.map((chart) => chart.classList[1]))].join();
  seen.marks = charts.every((chart) => [...chart.querySelectorAll(".dot")].every((dot) => box(dot).width > 2));
  seen.lines = getComputedStyle(document.querySelector(".line")).stroke;
  seen.page = getComputedStyle(document.body).backgroundColor;
  seen.ink = getComputedStyle(document.body).color;
  seen.overflow = document.documentElement.scrollWidth - innerWidth;
  seen.smallest = Math.min(...charts.flatMap((chart) => [...chart.querySelectorAll(".label")].map((text) =>
    parseFloat(text.getAttribute("font-size")) * box(chart).width / chart.viewBox.baseVal.width)));
  seen.rows = shown().length;
  const heading = [...document.querySelectorAll("#comparisons thead th")].find((cell) => cell.textContent === "Here");
  const column = () => shown().filter((row) => row.cells[3].dataset.value)
    .map((row) => [row.dataset.quantity, parseFloat(row.cells[3].dataset.value)]);
  heading.querySelector("button").click();
  seen.ascending = column();
  heading.querySelector("button").click();
  seen.descending = column();
  seen.sort = heading.getAttribute("aria-sort");
  const words = document.getElementById("words");
  const type = (text) => { words.value = text; words.dispatchEvent(new Event("input")); };
  type("seed0 x0.5");
  seen.filtered = shown().map((row) => row.cells[0].textContent);
  seen.said = document.getElementById("shown").value;
  type("no such row");
  seen.none = shown().length;
  type("");
  const quantity = document.getElementById("quantity");
  quantity.value = "latency p50, ms";
  quantity.dispatchEvent(new Event("input"));
  seen.latencies = shown().length;
  const tables = [...document.querySelectorAll(".scroll")];
  for (const part of document.querySelectorAll("details")) part.open = true;
  seen.sideways = Math.max(...tables.map((part) => part.scrollWidth - part.clientWidth));
  const marks = [...charts[0].querySelectorAll(".mark")];
  const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const tip = document.querySelector(".tip");
  seen.stops = marks.filter((mark) => mark.tabIndex === 0).length;
  marks[0].focus();
  seen.told = [tip.hidden, tip.textContent === marks[0].getAttribute("aria-label")];
  press("ArrowRight");
  seen.moved = document.activeElement === marks[1] && tip.textContent === marks[1].getAttribute("aria-label");
  press("End");
  seen.last = document.activeElement === marks[marks.length - 1];
  press("Enter");
  seen.entered = marks[0].closest("figure").querySelector(".picked").textContent.includes("top-1");
  document.activeElement.blur();
  seen.gone = tip.hidden;
  marks[0].dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  seen.hovered = !tip.hidden;
  const mark = charts[0].querySelector(".mark");
  mark.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  seen.picked = mark.closest("figure").querySelector(".picked").textContent;
  seen.chosen = document.querySelectorAll("tr.chosen").length;
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
</script>"##;

fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("ZOO_BROWSER").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let found = std::env::split_paths(&paths).flat_map(|folder| names.map(|name| folder.join(name)));
    let browser = named.into_iter().chain(found).find(|path| path.is_file());
    if browser.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI is set, and there is no Chromium: install it, or name one in ZOO_BROWSER"
        );
        // Past the harness, which keeps to itself what tests that pass have to say.
        let _ = std::io::stderr().write_all(
            b"\nSKIPPED: nothing looked at the page of `report`, as there is no Chromium on the PATH; name one in ZOO_BROWSER\n",
        );
    }
    browser
}

/// What the probe saw in a window `width` pixels wide; nothing where there is no browser.
fn look(folder: &Path, width: u32, flags: &[&str]) -> Option<Value> {
    let browser = browser()?;
    let page = fs::read_to_string(folder.join("results/report/index.html")).unwrap();
    fs::write(folder.join("probe.html"), page.replace("</body>", &format!("{PROBE}</body>"))).unwrap();
    // A window cannot be as narrow as a phone, a frame can.
    let frame = format!(
        "<!doctype html><iframe src=\"probe.html\" style=\"width:{width}px;height:900px;border:0\"></iframe><pre id=\"out\"></pre>\
         <script>addEventListener('load',()=>setTimeout(()=>{{document.getElementById('out').textContent=\
         document.querySelector('iframe').contentDocument.getElementById('seen').textContent}},300))</script>"
    );
    fs::write(folder.join("frame.html"), frame).unwrap();
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"])
        .args(["--virtual-time-budget=5000", "--window-size=1400,1000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(flags)
        .arg(format!("file://{}", folder.join("frame.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let seen = dom.split("<pre id=\"out\">").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_default();
    let seen = seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    Some(
        serde_json::from_str(&seen)
            .unwrap_or_else(|error| panic!("{error}: {seen}\n{}", String::from_utf8_lossy(&output.stderr))),
    )
}

fn made() -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    tables::results(folder.path());
    command::run(folder.path(), &["report"]).code(0);
    folder
}

#[test]
fn charts_and_table_render_sort_and_filter() {
    let folder = made();
    let Some(seen) = look(folder.path(), 1280, &[]) else { return };
    assert_eq!((&seen["charts"], &seen["class"]), (&seen["figures"], &"wide".into()), "{seen}");
    assert!(seen["figures"].as_u64() >= Some(8) && seen["marks"] == true, "{seen}");
    assert!(seen["lines"].as_str().is_some_and(|stroke| stroke.starts_with("rgb(")), "{seen}");
    // Every quantity by itself: per cent and milliseconds are not numbers of one kind.
    let column = |name: &str| -> Vec<(String, f64)> {
        let cells = seen[name].as_array().unwrap().iter();
        cells.map(|cell| (cell[0].as_str().unwrap().to_string(), cell[1].as_f64().unwrap())).collect()
    };
    let (up, down) = (column("ascending"), column("descending"));
    let of = |rows: &[(String, f64)], quantity: &str| -> Vec<f64> {
        rows.iter().filter(|(other, _)| other == quantity).map(|(_, value)| *value).collect()
    };
    let mut quantities: Vec<&String> = up.iter().map(|(quantity, _)| quantity).collect();
    quantities.dedup();
    assert!(up.len() >= 4 && quantities.len() >= 3, "{seen}");
    assert_eq!(quantities.len(), quantities.iter().collect::<std::collections::BTreeSet<_>>().len(), "{seen}");
    for quantity in quantities {
        assert!(of(&up, quantity).is_sorted() && of(&down, quantity).iter().rev().is_sorted(), "{quantity}: {seen}");
    }
    assert!(seen["sideways"].as_f64() <= Some(0.0), "{seen}");
    // By keyboard: one stop a chart, arrows from point to point, the name beside each, its row with Enter.
    assert_eq!((&seen["stops"], &seen["told"]), (&1.into(), &serde_json::json!([false, true])), "{seen}");
    for key in ["moved", "last", "entered", "gone", "hovered"] {
        assert_eq!(seen[key], true, "{key}: {seen}");
    }
    assert_eq!(seen["sort"], "descending");
    assert_eq!(seen["filtered"], serde_json::json!(["mobilenet-v2 x0.5 wide, 32 px"]));
    assert_eq!((&seen["none"], &seen["latencies"], &seen["chosen"]), (&0.into(), &2.into(), &1.into()), "{seen}");
    assert!(seen["said"].as_str().is_some_and(|said| said.starts_with("1 of ")), "{seen}");
    assert!(seen["picked"].as_str().is_some_and(|picked| picked.contains("top-1")), "{seen}");
    assert!(seen["overflow"].as_f64() <= Some(0.0), "{seen}");
}

#[test]
fn a_dark_page_is_dark_and_its_words_are_light() {
    let folder = made();
    let Some(light) = look(folder.path(), 1280, &[]) else { return };
    let dark = look(folder.path(), 1280, &["--blink-settings=preferredColorScheme=0"]).unwrap();
    assert_eq!((&light["page"], &dark["page"]), (&"rgb(255, 255, 255)".into(), &"rgb(20, 23, 26)".into()), "{dark}");
    assert_eq!(dark["ink"], "rgb(228, 231, 234)", "{dark}");
    assert_ne!(light["lines"], dark["lines"], "{dark}");
}

#[test]
fn the_page_can_be_printed() {
    let Some(browser) = browser() else { return };
    let folder = tempdir().unwrap();
    tables::committed(folder.path());
    command::run(folder.path(), &["report"]).code(0);
    let pdf = folder.path().join("page.pdf");
    let status = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"])
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", folder.path().join("results/report/index.html").display()))
        .status()
        .unwrap();
    assert!(status.success());
    let bytes = fs::read(pdf).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let pages = text.matches("/Type /Page").count() - text.matches("/Type /Pages").count();
    assert!(text.starts_with("%PDF") && (3..15).contains(&pages), "{pages} pages, {} bytes", bytes.len());
}

#[test]
fn the_tables_of_the_committed_results_fit_a_laptop() {
    let folder = tempdir().unwrap();
    tables::committed(folder.path());
    command::run(folder.path(), &["report"]).code(0);
    let Some(seen) = look(folder.path(), 1280, &[]) else { return };
    assert!(seen["sideways"].as_f64() <= Some(0.0) && seen["overflow"].as_f64() <= Some(0.0), "{seen}");
    assert!(seen["rows"].as_u64() > Some(500), "{}", seen["rows"]);
}

#[test]
fn a_phone_has_drawings_of_its_own_and_no_sideways_scrolling() {
    let folder = made();
    let Some(seen) = look(folder.path(), 360, &[]) else { return };
    assert_eq!((&seen["charts"], &seen["class"]), (&seen["figures"], &"narrow".into()), "{seen}");
    assert!(seen["overflow"].as_f64() <= Some(0.0), "{seen}");
    assert!(seen["smallest"].as_f64() >= Some(10.0), "{seen}");
}
