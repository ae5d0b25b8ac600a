/* Flot: bars of several series side by side.

   A series with bars.order = n stands n-th of those that have an order; together they are
   centred on their common x. */
"use strict";

(function ($) {
  function place(plot, series, points) {
    const order = series.bars && series.bars.show && series.bars.order;
    if (!order) return;
    const orders = plot.getData().map((s) => s.bars && s.bars.order).filter(Boolean);
    const shift = (orders.filter((o) => o < order).length - (orders.length - 1) / 2)
      * series.bars.barWidth;
    for (let i = 0; i < points.points.length; i += points.pointsize) points.points[i] += shift;
  }

  $.plot.plugins.push({
    name: "orderBars",
    version: "1",
    options: {},
    init: (plot) => plot.hooks.processDatapoints.push(place),
  });
})(jQuery);
