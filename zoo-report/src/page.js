(() => {
  const table = document.getElementById("comparisons");
  const body = table.tBodies[0];
  const words = document.getElementById("words");
  const quantity = document.getElementById("quantity");
  const both = document.getElementById("both");

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(wanted.every((word) => text.includes(word))
        && (!quantity.value || row.dataset.quantity === quantity.value)
        && (!both.checked || !row.classList.contains("alone")));
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("shown").value = `${shown} of ${body.rows.length} rows`;
  };

  // Per cent, milliseconds and counts are no numbers of one kind: each quantity is sorted by itself.
  const quantities = [...quantity.options].map((option) => option.value);

  const sort = (heading) => {
    const column = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = heading.classList.contains("number");
    const value = (row) => {
      const cell = row.cells[column];
      if (!numeric) return cell.textContent;
      return parseFloat(cell.dataset.value ?? cell.textContent);
    };
    const compare = (one, other) => {
      if (!numeric) return (down ? -1 : 1) * one.value.localeCompare(other.value, "en", { numeric: true });
      if (one.kind !== other.kind) return one.kind - other.kind;
      // Rows without a value stay last in both directions.
      if (isNaN(one.value) || isNaN(other.value)) return isNaN(one.value) - isNaN(other.value);
      return (down ? -1 : 1) * (one.value - other.value);
    };
    const rows = [...body.rows].map((row) => ({ value: value(row), kind: quantities.indexOf(row.dataset.quantity), row }));
    rows.sort(compare);
    body.append(...rows.map(({ row }) => row));
  };

  // A name beside the mark, at once and for the keyboard, too; the browser's own comes late and to a pointer alone.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  const tell = (mark) => {
    tip.textContent = mark.getAttribute("aria-label");
    tip.hidden = false;
    const box = (mark.querySelector(".dot") ?? mark).getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 10;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above > 0 ? above : box.bottom + 10) + scrollY}px`;
  };

  const choose = (mark) => {
    for (const chosen of document.querySelectorAll(".chosen")) chosen.classList.remove("chosen");
    for (const text of document.querySelectorAll(".picked")) text.hidden = true;
    const row = document.getElementById(mark.dataset.row);
    for (const same of document.querySelectorAll(`[data-row="${mark.dataset.row}"]`)) same.classList.add("chosen");
    const picked = mark.closest("figure").querySelector(".picked");
    picked.hidden = false;
    picked.textContent = mark.getAttribute("aria-label") + ". ";
    if (!row) return;
    row.classList.add("chosen");
    const link = document.createElement("a");
    link.href = "#" + row.id;
    link.textContent = "Its row";
    link.addEventListener("click", () => { row.hidden = false; });
    picked.append(link);
  };

  const named = ".mark,.part[tabindex]";
  for (const chart of document.querySelectorAll(".chart")) {
    const marks = [...chart.querySelectorAll(named)];
    for (const mark of marks) mark.querySelector("title")?.remove();
    // One stop for the tab key, and the arrows from there: hundreds of stops would be in the way.
    marks.forEach((mark, at) => mark.setAttribute("tabindex", at ? "-1" : "0"));
    chart.addEventListener("keydown", (event) => {
      const at = marks.indexOf(event.target);
      if (at < 0) return;
      const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: marks.length - 1 };
      if (event.key === "Escape") tip.hidden = true;
      if ((event.key === "Enter" || event.key === " ") && event.target.dataset.row) {
        event.preventDefault();
        choose(event.target);
      }
      const next = marks[steps[event.key]];
      if (!next) return;
      event.preventDefault();
      event.target.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  }
  const at = (event) => event.target.closest?.(named);
  for (const kind of ["focusin", "pointerover"]) {
    document.addEventListener(kind, (event) => { if (at(event)) tell(at(event)); });
  }
  for (const kind of ["focusout", "pointerout"]) {
    document.addEventListener(kind, (event) => { if (at(event)) tip.hidden = true; });
  }

  for (const heading of table.tHead.rows[0].cells) heading.addEventListener("click", () => sort(heading));
  for (const control of [words, quantity, both]) control.addEventListener("input", filter);
  words.form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".mark");
    if (mark && mark.closest("figure")) choose(mark);
  });
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details.accuracy")) part.open = true;
  });
  filter();
})();
