// Charts whose colors follow the theme: lines over epochs or steps, and points of predicted over true values. A chart's
// legend is a list of buttons below it, so that the keyboard reaches it and many series do not crowd the lines out.
const kColors = ["#2f7fd1", "#e0662c", "#2f9e5f", "#c8479b", "#8a6fd1", "#b08a1e", "#2aa3a8", "#d1495b"];
const kDashes = [undefined, [6, 4], [2, 3]];
const hidden_series = new Set();  // "title/name" of those that the reader has switched off

// Colors are told apart up to eight; after that the same ones come again, dashed.
function series_color(i) { return kColors[i % kColors.length]; }
function series_dash(i) { return kDashes[Math.floor(i / kColors.length) % kDashes.length]; }
function swatch(color, dash) {
  const style = dash === undefined ? "solid" : dash[0] > 3 ? "dashed" : "dotted";
  return make("span", { class: "swatch", style: `border-top: 3px ${style} ${color}`, "aria-hidden": "true" });
}

// The powers of ten from low to high, about seven at most: 0.01, 0.1, 1.
function powers_of_ten(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const each = Math.max(1, Math.ceil((last - first + 1) / 7)), all = [];
  for (let power = first; power <= last; power += each) all.push({ value: Number(`1e${power}`) });
  return all;
}

// A column of metrics.csv over the epochs. A field that holds no finite number is NaN; one that is empty is left out.
function curve_points(curves, name) {
  const at = curves.columns.indexOf(name);
  if (at < 0) return [];
  const odd = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  return curves.rows.filter(row => row[at] !== null).map(row => ({ x: row[0], y: odd[row[at]] ?? row[at] }));
}

// A point stands for itself where the line has no other beside it.
function point_radii(points) {
  const there = i => Number.isFinite(points[i]?.y);
  return points.map((_, i) => there(i) && !there(i - 1) && !there(i + 1) ? 3 : 0);
}

function axis(title, more = {}) {
  return { type: "linear", title: { display: Boolean(title), text: title }, ...more,
           ticks: { maxTicksLimit: 7, maxRotation: 0, callback: value => number(value, 4), ...more.ticks } };
}

// Chart.js with what all charts share. They are drawn anew when the theme changes.
function draw_chart(canvas, type, datasets, scales, label, plugins = []) {
  const chart = new Chart(canvas, {
    type, data: { datasets }, plugins,
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, scales,
      plugins: { legend: { display: false }, tooltip: { callbacks: label } },
    },
  });
  const recolor = () => {
    for (const scale of Object.values(chart.options.scales)) {
      scale.grid = { color: css("--line"), borderColor: css("--line") };
      scale.ticks.color = scale.title.color = css("--faint");
    }
    for (const set of chart.data.datasets) if (set.theme) set.borderColor = set.backgroundColor = css(set.theme);
    chart.update("none");
  };
  themed.push(recolor);
  recolor();
  return chart;
}

// Series are {name, color, dash, points: [{x, y}]} with x rising; a y that is NaN is a gap. `mark` gives the x of a
// vertical line. From a ratio of 100 between highest and lowest on, heights are logarithmic; series that are a `part` of
// another have no say in that: on the axis of a tiny penalty, the losses that it belongs to would lie on each other.
function line_chart(canvas, series, options = {}) {
  const finite = list => list.flatMap(s => s.points.map(p => p.y)).filter(y => Number.isFinite(y));
  const values = finite(series), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const ends = of => [of.reduce((a, b) => Math.min(a, b), Infinity), of.reduce((a, b) => Math.max(a, b), -Infinity)];
  const wholes = series.filter(s => !s.part), [low, top] = ends(wholes.length ? finite(wholes) : values);
  const all_positive = values.every(y => y > 0);
  const logarithmic = options.logarithmic ?? (all_positive && top / low > 100);
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
  const chart = draw_chart(canvas, "line", series.map((s, i) => ({
    label: s.name, data: s.points.map(p => Number.isFinite(p.y) ? p : { x: p.x, y: NaN }), parsing: false,
    borderColor: s.color ?? series_color(i), backgroundColor: s.color ?? series_color(i),
    borderDash: s.dash, borderWidth: 2, pointHitRadius: 8, pointRadius: point_radii(s.points), spanGaps: false })), {
    x: axis(options.x, { ticks: { precision: 0 } }),
    y: axis(options.y, { beginAtZero: options.zero, suggestedMax: options.zero && values.length ? 1.2 * high : undefined,
                         ...(logarithmic ? { type: "logarithmic", ticks: { autoSkip: false }, afterBuildTicks: scale => {
                           scale.ticks = powers_of_ten(scale.min, scale.max); } } : {}) }),
  }, { title: items => `${options.x ?? "x"} ${items[0]?.parsed.x}`,
       label: item => `${item.dataset.label}: ${number(item.parsed.y)}` }, [marker]);
  chart.options.interaction = { mode: "nearest", axis: "x", intersect: false };
  return chart;
}

// Points (x, y) in any order, and the diagonal where both are equal.
function point_chart(canvas, name, points, options) {
  const all = points.flatMap(p => [p.x, p.y]);
  const low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b));
  return draw_chart(canvas, "scatter", [
    { label: name, data: points, borderColor: kColors[0], backgroundColor: kColors[0], pointRadius: 2.5, pointHitRadius: 4 },
    { label: "equal", type: "line", theme: "--faint", data: [{ x: low, y: low }, { x: high, y: high }], borderWidth: 1,
      borderDash: [4, 4], pointRadius: 0, pointHitRadius: 0 },
  ], { x: axis(options.x), y: axis(options.y) },
  { label: item => `${options.x} ${number(item.parsed.x)}, ${options.y} ${number(item.parsed.y)}` });
}

// What a chart of lines says, for those who do not see it.
function spoken(title, series) {
  return `${title}: ` + series.map(s => {
    const known = s.points.filter(p => Number.isFinite(p.y));
    return known.length ? `${s.name} from ${number(known[0].y, 3)} to ${number(known[known.length - 1].y, 3)}` : s.name;
  }).join("; ");
}

// A chart with its legend: {element, draw}; draw() when the element is in the page.
function line_figure(title, series, options = {}) {
  const canvas = make("canvas", { role: "img", "aria-label": spoken(title, series) });
  const element = make("div", {}, make("div", { class: "chart" }, canvas));
  let chart = null;
  const key = s => `${title}/${s.name}`;
  if (options.legend ?? series.length > 1)
    element.append(make("ul", { class: "legend", "aria-label": "series; a press hides or shows one" }, ...series.map((s, i) => {
      const button = make("button", { type: "button", "aria-pressed": String(!hidden_series.has(key(s))), onclick: () => {
        const shown = !chart.isDatasetVisible(i);
        chart.setDatasetVisibility(i, shown);
        chart.update("none");
        button.setAttribute("aria-pressed", String(shown));
        shown ? hidden_series.delete(key(s)) : hidden_series.add(key(s));
      } }, swatch(s.color ?? series_color(i), s.dash), s.name);
      return make("li", {}, button);
    })));
  const draw = () => {
    chart = line_chart(canvas, series, options);
    series.forEach((s, i) => chart.setDatasetVisibility(i, !hidden_series.has(key(s))));
    chart.update("none");
  };
  return { element, draw };
}
