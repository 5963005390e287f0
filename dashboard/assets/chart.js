// A small line chart over the last two minutes, by uPlot, in the page's own
// colours, light or dark.

/* global uPlot */

/** chart draws series of [label, CSS colour variable] into a box. */
export function chart(box, series) {
  let plot, data;
  const height = 150;

  function draw() {
    plot?.destroy();
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    plot = new uPlot({
      width: box.clientWidth || 300, height, legend: { show: false }, cursor: { y: false, drag: { x: false } },
      padding: [8, 28, 0, 0],
      scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.15, 1)] } },
      axes: [{ ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toTimeString().slice(0, 8)) },
        { ...axis, size: 42, space: 32 }],
      series: [{}, ...series.map(([label, name]) => ({
        label, stroke: colour(name), fill: `${colour(name)}22`, width: 1.75, points: { show: false },
      }))],
    }, data ?? [[], ...series.map(() => [])], box);
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const size = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height }));
  dark.addEventListener("change", draw);
  size.observe(box);
  draw();
  return {
    set(next) {
      data = next;
      plot.setData(next);
    },
    stop() {
      dark.removeEventListener("change", draw);
      size.disconnect();
      plot.destroy();
    },
  };
}
