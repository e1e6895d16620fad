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
      const values = row.querySelectorAll("[data-value]").length;
      row.hidden = !(wanted.every((word) => text.includes(word))
        && (!quantity.value || row.dataset.quantity === quantity.value)
        && (!both.checked || values === 3));
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("shown").value = `${shown} of ${body.rows.length} rows`;
  };

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
      if (!numeric) return (down ? -1 : 1) * one.localeCompare(other, "en", { numeric: true });
      // Rows without a value stay last in both directions.
      if (isNaN(one) || isNaN(other)) return isNaN(one) - isNaN(other);
      return (down ? -1 : 1) * (one - other);
    };
    const rows = [...body.rows].map((row) => [value(row), row]);
    rows.sort((one, other) => compare(one[0], other[0]));
    body.append(...rows.map(([, row]) => row));
  };

  const choose = (mark) => {
    for (const chosen of document.querySelectorAll(".chosen")) chosen.classList.remove("chosen");
    for (const text of document.querySelectorAll(".picked")) text.hidden = true;
    const row = document.getElementById(mark.dataset.row);
    for (const same of document.querySelectorAll(`[data-row="${mark.dataset.row}"]`)) same.classList.add("chosen");
    const picked = mark.closest("figure").querySelector(".picked");
    picked.hidden = false;
    picked.textContent = mark.querySelector("title").textContent + ". ";
    if (!row) return;
    row.classList.add("chosen");
    const link = document.createElement("a");
    link.href = "#" + row.id;
    link.textContent = "Its row";
    link.addEventListener("click", () => { row.hidden = false; });
    picked.append(link);
  };

  for (const heading of table.tHead.rows[0].cells) heading.addEventListener("click", () => sort(heading));
  for (const control of [words, quantity, both]) control.addEventListener("input", filter);
  words.form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".mark");
    if (mark && mark.closest("figure")) choose(mark);
  });
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
  filter();
})();
