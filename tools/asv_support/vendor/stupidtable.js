/* Sortable tables, by the interface that asv's pages use.

   table.stupidtable({kind: compare})  a click on a <th data-sort="kind"> sorts by its column;
   th.stupidsort("asc" | "desc")       so does this; without a direction it turns the last one.

   A cell's value is its data-sort-value, or its text. Afterwards the table hears
   "aftertablesort" with {column, direction}. */
"use strict";

(function ($) {
  const compares = {
    int: (a, b) => parseInt(a, 10) - parseInt(b, 10),
    float: (a, b) => parseFloat(a) - parseFloat(b),
    string: (a, b) => String(a).localeCompare(String(b)),
  };

  function value(row, column) {
    const cell = $(row).children().eq(column);
    const given = cell.attr("data-sort-value");
    return given === undefined ? cell.text() : given;
  }

  $.fn.stupidtable = function (more) {
    return this.each(function () {
      const table = $(this);
      table.data("compares", $.extend({}, compares, more));
      table.on("click", "thead th[data-sort]", function () {
        $(this).stupidsort();
      });
    });
  };

  $.fn.stupidsort = function (asked) {
    return this.each(function () {
      const th = $(this);
      const table = th.closest("table");
      const compare = (table.data("compares") || compares)[th.attr("data-sort")];
      if (!compare) return;
      const direction = asked || (th.data("direction") === "asc" ? "desc" : "asc");
      const sign = direction === "asc" ? 1 : -1;
      const column = th.index();
      const body = table.children("tbody");
      const rows = body.children("tr").get();
      rows.sort((a, b) => sign * compare(value(a, column), value(b, column)));
      body.append(rows);
      th.siblings().removeData("direction");
      th.data("direction", direction);
      table.trigger("aftertablesort", { column: column, direction: direction });
    });
  };
})(jQuery);
