"use strict";
// Plots by uPlot from data-chart attributes: {"x": [seconds], "unit": "", "series": [{"name", "values"}]}.

window.waypostCharts = (() => {
  const COLOURS = 8;
  const drawn = new WeakMap();

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function options(element, chart) {
    const soft = colour("--soft");
    const grid = { stroke: colour("--line"), width: 1 };
    const bars = element.dataset.kind === "bars" ? uPlot.paths.bars({ size: [0.8, 40] }) : undefined;
    return {
      width: Math.max(200, element.clientWidth),
      height: 220,
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
      axes: [
        { stroke: soft, grid, ticks: grid, font: "12px system-ui" },
        { stroke: soft, grid, ticks: grid, font: "12px system-ui", size: 56,
          values: (_, marks) => marks.map((mark) => `${mark.toLocaleString()}${chart.unit ? " " + chart.unit : ""}`) },
      ],
      series: [
        {},
        ...chart.series.map((series, place) => ({
          label: series.name,
          stroke: colour(`--series-${place % COLOURS}`),
          fill: bars ? colour(`--series-${place % COLOURS}`) : undefined,
          width: 2,
          paths: bars,
          points: { show: !bars && chart.x.length < 40 },
          value: (_, value) => (value == null ? "–" : `${value.toLocaleString()}${chart.unit ? " " + chart.unit : ""}`),
        })),
      ],
    };
  }

  // What a plot looks like but for its figures: as long as this stays, new figures go into the plot that is there.
  function look(element, chart) {
    return JSON.stringify([chart.unit, chart.x.length < 40, chart.series.map((one) => one.name), element.dataset.kind, colour("--ink")]);
  }

  function drawOne(element) {
    const chart = JSON.parse(element.dataset.chart);
    const figures = [chart.x, ...chart.series.map((one) => one.values)];
    const known = drawn.get(element);
    if (known && known.root.parentNode === element && known.waypostLook === look(element, chart)) {
      if (known.waypostText !== element.dataset.chart) known.setData(figures);
      known.waypostText = element.dataset.chart;
      return;
    }
    known?.destroy();
    element.replaceChildren();
    const plot = new uPlot(options(element, chart), figures, element);
    plot.waypostLook = look(element, chart);
    plot.waypostText = element.dataset.chart;
    drawn.set(element, plot);
  }

  // A morph takes over the new figures but leaves the drawing, and leaves open what the reader has opened.
  const callbacks = window.Idiomorph?.defaults.callbacks;
  if (callbacks) {
    callbacks.beforeNodeMorphed = (before, after) => {
      if (!drawn.has(before) || !(after instanceof Element) || !after.matches("[data-chart]")) return true;
      before.dataset.chart = after.dataset.chart;
      return false;
    };
    callbacks.beforeAttributeUpdated = (name, element) => !(name === "open" && element instanceof HTMLDetailsElement);
  }

  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target);
      if (plot && Math.abs(plot.width - target.clientWidth) > 4) plot.setSize({ width: Math.max(200, target.clientWidth), height: 220 });
    }
  });

  return {
    draw(root) {
      for (const element of root.querySelectorAll("[data-chart]")) {
        drawOne(element);
        resized.observe(element);
      }
    },
  };
})();
