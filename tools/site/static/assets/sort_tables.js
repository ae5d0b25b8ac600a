// A click on a heading of a table sorts by its column: numbers by size whatever their unit, and
// the rest as text. A second click turns the order round.
"use strict";

(function () {
  const FACTORS = {
    ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30,
    KB: 1e3, MB: 1e6, GB: 1e9,
  };
  const DATE = /^\d{4}-\d\d-\d\d/; // ordered as text
  const NUMBER = /^[^\d−+-]{0,3}([−+-]?\d[\d.]*(?:e[+-]?\d+)?)(?:\s*±\s*[\d.e+-]+)?\s*([a-zA-Zµ]*)/;

  /** The number that a cell begins with, in its base unit; null where it begins with none. */
  function number(text) {
    const found = !DATE.test(text) && NUMBER.exec(text);
    if (found) {
      return Number(found[1].replace("−", "-")) * (FACTORS[found[2]] ?? 1);
    }
    return text === "same" ? 0 : null;
  }

  function compare(a, b) {
    if (a.number !== null && b.number !== null) {
      return a.number - b.number;
    }
    if ((a.number === null) !== (b.number === null)) {
      return a.number === null ? 1 : -1;
    }
    return a.text.localeCompare(b.text, "en", { numeric: true });
  }

  function sort(table, column, heading) {
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => {
      const text = row.cells[column].textContent.trim();
      return { row, text, number: number(text) };
    });
    rows.sort((a, b) => (rising ? compare(a, b) : compare(b, a)));
    rows.sort((a, b) => Number(a.text === "") - Number(b.text === "")); // empty ones stay below
    body.append(...rows.map((one) => one.row));
    for (const other of table.tHead.rows[0].cells) {
      other.setAttribute("aria-sort", "none");
    }
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
  }

  // Characters: a sentence is given room, and a few words stay in one line on a phone.
  const SENTENCE = 60;
  const WORDS = 36;

  for (const table of document.querySelectorAll(".md-typeset table:not([class])")) {
    for (const cell of table.querySelectorAll("td")) {
      cell.classList.toggle("long", cell.textContent.length > SENTENCE);
      cell.classList.toggle("date", DATE.test(cell.textContent) && cell.textContent.length === 10);
      cell.classList.toggle("short", cell.textContent.length < WORDS);
    }
    if (!table.tHead || !table.tBodies[0] || table.tBodies[0].rows.length < 2) {
      continue;
    }
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, column, heading));
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
    });
  }
})();
