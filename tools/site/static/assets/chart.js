// The chart of speedups: on the home page all of them, with filters; on a page of an optimization
// its own cases. SPEEDUPS comes from data/speedups.js.
"use strict";

(function () {
  const COLOURS = { faster: "#2f9e6e", slower: "#d1495b", inconclusive: "#8d99ae" };
  const ERRORS = 1; // Vega's level of what it writes on the console
  const HEADLINE = "headline case";
  const FILTERS = ["baseline", "machine", "case", "size", "verdict", "outcome"];
  const TITLES = { size: "step of the baseline", verdict: "verdict, agreement" };
  const chart = document.getElementById("chart");
  const filters = document.getElementById("filters");
  const only = chart.dataset.optimization;
  const chosen = { baseline: filters ? filters.dataset.baseline : "", case: filters ? HEADLINE : "" };

  function fits(row, name) {
    if (!chosen[name]) {
      return true;
    }
    return name === "case" && chosen.case === HEADLINE ? row.headline : row[name] === chosen[name];
  }

  /** Rows that pass every filter, or every one but that which is named. */
  function passing(but) {
    const names = FILTERS.filter((name) => name !== but);
    return SPEEDUPS.filter(
      (row) => (!only || row.optimization === only) && names.every((name) => fits(row, name)),
    );
  }

  /** The choices of a filter are those that the other filters leave. */
  function offer(name) {
    const select = filters.elements[name];
    const found = [...new Set(passing(name).map((row) => row[name]))].sort();
    const words = [...(name === "case" ? [HEADLINE] : []), ...found];
    if (chosen[name] && !words.includes(chosen[name])) {
      words.push(chosen[name]);
    }
    select.replaceChildren(new Option("all", ""), ...words.map((word) => new Option(word, word)));
    select.value = chosen[name] || "";
  }

  function build() {
    for (const name of FILTERS) {
      const [group, label, select] = ["div", "label", "select"].map((tag) => document.createElement(tag));
      select.name = name;
      select.id = `filter-${name}`;
      label.htmlFor = select.id;
      label.textContent = TITLES[name] || name;
      group.append(label, select);
      filters.append(group);
      select.addEventListener("change", () => {
        chosen[name] = select.value;
        draw();
      });
    }
  }

  /** What most rows say. */
  function usual(rows, name) {
    const counts = new Map();
    rows.forEach((row) => counts.set(row[name], (counts.get(row[name]) || 0) + 1));
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  }

  /** What stands at a line: as much as tells the lines apart, and its machine, unless the page names
   *  that one for all; where it names none, unless most rows have it. */
  function named(rows) {
    const several = (name) => new Set(rows.map((row) => row[name])).size > 1;
    const parts = only ? [] : [several("baseline") ? "optimization" : "label"];
    if (only || several("case")) {
      parts.push(chosen.case === HEADLINE ? "elsewhere" : "case");
    }
    const most = filters ? filters.dataset.machine : usual(rows, "machine");
    const remarks = (row) => [
      row.machine === most ? "" : row.machine,
      row.verdict.endsWith("approximate") ? "other physics" : "",
    ];
    const line = (row) => [...parts.map((name) => row[name]), ...remarks(row)].filter(Boolean).join(", ");
    return rows.map((row) => ({ ...row, line: line(row) }));
  }

  function spec(rows) {
    const style = getComputedStyle(document.body);
    const ink = style.getPropertyValue("--md-default-fg-color").trim();
    const faint = style.getPropertyValue("--md-default-fg-color--lightest").trim();
    const narrow = chart.clientWidth < 600;
    const colour = {
      field: "outcome",
      type: "nominal",
      scale: { domain: Object.keys(COLOURS), range: Object.values(COLOURS) },
      legend: { title: null, orient: "top", symbolType: "circle" },
    };
    const tooltip = [
      ["optimization"], ["told", "speedup, 95 %"], ["outcome"], ["case"], ["baseline"],
      ["before", "a step, baseline"], ["after", "a step, optimized"], ["memory", "memory of a call"],
      ["verdict"], ["machine"], ["made", "measured"],
    ].map(([field, title]) => ({ field, title: title || field }));
    const along = { type: "quantitative", scale: { type: "log", nice: false, padding: 12 } };
    return {
      data: { values: rows },
      width: "container",
      height: { step: 22 },
      background: "transparent",
      encoding: {
        y: {
          field: "line",
          type: "nominal",
          sort: { field: "speedup", op: "max", order: "descending" },
          axis: { title: null, labelLimit: narrow ? 150 : 320, ticks: false, domain: false },
        },
        href: { field: "page" },
        tooltip,
      },
      layer: [
        {
          data: { values: [{}] },
          mark: { type: "rule", color: ink, opacity: 0.5 },
          encoding: { x: { datum: 1, ...along }, y: null, tooltip: null, href: null },
        },
        {
          mark: { type: "rule", strokeWidth: 4, strokeCap: "round", cursor: "pointer" },
          encoding: {
            x: {
              field: "low",
              ...along,
              axis: { title: "speedup over the baseline", format: "~g", labelExpr: "datum.label && datum.label + '×'",
                      tickCount: narrow ? 4 : 8, labelOverlap: true },
            },
            x2: { field: "high" },
            color: colour,
          },
        },
        {
          mark: { type: "point", filled: true, size: 110, opacity: 1, cursor: "pointer" },
          encoding: { x: { field: "speedup", ...along }, color: colour },
        },
      ],
      config: {
        font: style.fontFamily,
        view: { stroke: null },
        axis: { labelColor: ink, titleColor: ink, gridColor: faint, labelFontSize: 12, titleFontSize: 12,
                titleFontWeight: "normal" },
        legend: { labelColor: ink, labelFontSize: 12 },
      },
    };
  }

  /** Addresses of pages are from the root of the site, which is where the scripts' folder lies. */
  const root = new URL("..", document.currentScript.src).href;

  function draw() {
    if (filters) {
      FILTERS.forEach(offer);
    }
    const rows = named(passing()).map((row) => ({ ...row, page: root + row.page }));
    chart.hidden = rows.length === 0;
    const nothing = document.getElementById("nothing");
    if (nothing) {
      nothing.hidden = rows.length > 0;
    }
    chart.dataset.rows = rows.length;
    const how = { actions: false, renderer: "svg", loader: { target: "_self" }, logLevel: ERRORS };
    vegaEmbed(chart, spec(rows), how);
  }

  if (filters) {
    build();
  }
  draw();
  new MutationObserver(draw).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
})();
