"use strict";
(() => {
  const table = document.getElementById("images");
  const body = table.tBodies[0];
  const details = document.getElementById("details");
  const filter = document.getElementById("filter");
  const status = document.getElementById("status");
  const everyMap = document.getElementById("heatmaps");
  const rows = Array.from(body.rows);
  const articleOf = new Map(rows.map((row) => [row, document.getElementById(row.id.replace("row", "image"))]));
  const collator = new Intl.Collator(undefined, { numeric: true });

  // Number, text, or null where a cell is empty: those stay last in both directions.
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.classList.contains("number")) return Number(cell.dataset.sort);
    return (cell.dataset.sort ?? cell.textContent) || null;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b));

  const sortBy = (column, sign) => {
    const keys = new Map(rows.map((row) => [row, keyOf(row, column)]));
    rows.sort((one, other) => {
      const a = keys.get(one);
      const b = keys.get(other);
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * compare(a, b);
    });
    body.append(...rows);
    details.append(...rows.map((row) => articleOf.get(row)));
  };

  const headings = Array.from(table.tHead.rows[0].cells);
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction);
      sortBy(column, direction === "ascending" ? 1 : -1);
    });
  });

  filter.addEventListener("change", () => {
    let shown = 0;
    for (const row of rows) {
      const isShown = filter.value === "" || row.dataset.group === filter.value;
      row.hidden = !isShown;
      articleOf.get(row).hidden = !isShown;
      shown += isShown;
    }
    status.textContent = `${shown} of ${rows.length} shown`;
  });

  const maps = Array.from(document.querySelectorAll(".toggle"));
  everyMap.closest("label").hidden = maps.length === 0;
  everyMap.addEventListener("change", () => maps.forEach((box) => { box.checked = everyMap.checked; }));

  const tools = document.getElementById("tools");
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = rows.length === 0;
})();
