// What every page needs: its data, a theme that follows the system until a key or the button says otherwise,
// numbers in few digits, and charts whose colors follow the theme.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const kColors = ["#2f7fd1", "#e0662c", "#2f9e5f", "#c8479b", "#8a6fd1", "#b08a1e", "#2aa3a8", "#d1495b"];
const themed = [];  // called after every change of theme

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}
function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
function number(value, digits = 5) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(Math.min(digits - 1, 3)).replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}
function table(head, rows, numeric = []) {
  const cell = (tag, value, i) =>
    make(tag, numeric.includes(i) ? { class: "number" } : {}, value instanceof Node ? value : String(value));
  return make("div", { class: "scroll" }, make("table", {},
    head ? make("thead", {}, make("tr", {}, ...head.map((h, i) => cell("th", h, i)))) : null,
    make("tbody", {}, ...rows.map(row => make("tr", {}, ...row.map((value, i) => cell("td", value, i)))))));
}

function set_theme(name) {
  document.documentElement.dataset.theme = name;
  for (const f of themed) f();
}
function theme_button() {
  return make("button", { id: "theme", type: "button", title: "light or dark (key D)", onclick: flip_theme }, "◐");
}
function flip_theme() { set_theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); }
const prefers_dark = matchMedia("(prefers-color-scheme: dark)");
document.documentElement.dataset.theme = prefers_dark.matches ? "dark" : "light";
prefers_dark.addEventListener("change", e => set_theme(e.matches ? "dark" : "light"));
document.addEventListener("keydown", e => {
  if (e.key === "d" && !e.ctrlKey && !e.metaKey && !e.altKey) flip_theme();
});

// A line chart by Chart.js: series are {name, color, points: [{x, y}]}; `mark` gives the x of a vertical line.
function line_chart(canvas, series, options = {}) {
  const values = series.flatMap(s => s.points.map(p => p.y)).filter(y => Number.isFinite(y));
  const low = Math.min(...values.length ? [values.reduce((a, b) => Math.min(a, b))] : [0]);
  const high = values.length ? values.reduce((a, b) => Math.max(a, b)) : 1;
  const logarithmic = options.logarithmic ?? (low > 0 && high / low > 100);
  const marker = {
    id: "marker",
    afterDatasetsDraw(chart) {
      const at = options.mark?.();
      if (at === undefined || at === null) return;
      const x = chart.scales.x.getPixelForValue(at), { top, bottom } = chart.chartArea;
      const pen = chart.ctx;
      pen.save(); pen.strokeStyle = css("--faint"); pen.setLineDash([4, 3]); pen.beginPath();
      pen.moveTo(x, top); pen.lineTo(x, bottom); pen.stroke(); pen.restore();
    },
  };
  const chart = new Chart(canvas, {
    type: "line",
    data: { datasets: series.map((s, i) => ({
      label: s.name, data: s.points, borderColor: s.color ?? kColors[i % kColors.length], borderDash: s.dash,
      backgroundColor: s.color ?? kColors[i % kColors.length], borderWidth: 2, pointHitRadius: 8,
      pointRadius: s.points.length > 1 ? 0 : 3, hidden: s.hidden, spanGaps: false })) },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: { type: "linear", title: { display: Boolean(options.x), text: options.x }, ticks: { precision: 0, maxRotation: 0 } },
        y: { beginAtZero: options.zero, suggestedMax: options.zero ? 1.2 * high : undefined,
             type: logarithmic ? "logarithmic" : "linear", title: { display: Boolean(options.y), text: options.y },
             ticks: { maxTicksLimit: 7, callback: value => number(value, 3) } },
      },
      plugins: {
        legend: { display: options.legend ?? series.length > 1, labels: { boxWidth: 12, boxHeight: 3 } },
        tooltip: { callbacks: { title: items => `${options.x ?? "x"} ${items[0]?.parsed.x}`,
                                label: item => `${item.dataset.label}: ${number(item.parsed.y)}` } },
      },
    },
    plugins: [marker],
  });
  const recolor = () => {
    for (const scale of Object.values(chart.options.scales)) {
      scale.grid = { color: css("--line"), borderColor: css("--line") };
      scale.ticks.color = scale.title.color = css("--faint");
    }
    chart.options.plugins.legend.labels.color = css("--ink");
    chart.update("none");
  };
  themed.push(recolor);
  recolor();
  return chart;
}
