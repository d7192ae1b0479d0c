// The report of one run. Everything is drawn from `data`; a live page fetches it again and draws anew.
let run = data;
const open_details = new Set();
const charts = [];

function section(title, ...content) { return make("section", {}, make("h2", {}, title), ...content); }
function grid(...content) { return make("div", { class: "grid" }, ...content.filter(Boolean)); }
function count(n) { return Number(n).toLocaleString("en"); }
function bytes(n) {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (n < 1024 || unit === "GiB") return `${unit === "B" ? n : n.toPrecision(3)} ${unit}`;
    n /= 1024;
  }
}
function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const m = Math.floor(seconds / 60);
  return m < 60 ? `${m} min ${Math.round(seconds % 60)} s` : `${Math.floor(m / 60)} h ${m % 60} min`;
}
function details(title, ...content) {
  const element = make("details", {}, make("summary", {}, title), ...content);
  element.open = open_details.has(title);
  element.addEventListener("toggle", () => element.open ? open_details.add(title) : open_details.delete(title));
  return element;
}

// ---- curves ----

function column(name) {
  const at = run.curves.columns.indexOf(name);
  return at < 0 ? [] : run.curves.rows.map(row => ({ x: row[0], y: row[at] })).filter(p => p.y !== null);
}
function chart(title, series, note, options = {}) {
  const shown = series.filter(s => s.points.length);
  if (!shown.length) return null;
  const canvas = make("canvas", { role: "img", "aria-label": title });
  charts.push(() => line_chart(canvas, shown, { x: "epoch", ...options }));
  return section(title, note ? make("p", { class: "small faint" }, note) : null, make("div", { class: "chart" }, canvas));
}
function curve_sections() {
  const columns = run.curves.columns;
  const loss = columns.filter(c => /^(train|test)\.loss(\.|$)/.test(c));
  const parts = [...new Set(loss.map(c => c.replace(/^\w+\./, "")))];  // one color each, dashed on the test part
  const metrics = columns.filter(c => c.startsWith("test.") && !loss.includes(c));
  const norms = prefix => columns.filter(c => c.startsWith(prefix)).map((c, i) =>
    ({ name: c.slice(prefix.length), points: column(c), dash: i >= kColors.length ? [5, 4] : undefined }));
  return grid(
    chart("Loss", loss.map(c => ({ name: c, points: column(c), dash: c.startsWith("test.") ? [6, 4] : undefined,
                              color: kColors[parts.indexOf(c.replace(/^\w+\./, "")) % kColors.length] })),
          "of training: the mean over the epoch's steps; of the test part: after the epoch"),
    ...metrics.map(c => chart(c.slice(5), [{ name: c, points: column(c) }], "on the test part", { legend: false })),
    chart("Learning rate", [{ name: "lr", points: column("lr") }], null, { legend: false, zero: true, logarithmic: false }),
    chart("Norm of each gradient", norms("gradient."),
          "of the loss on the first batch of the training data, at the epoch's last weights"),
    chart("Norm of each weight", norms("weight."), "at the end of the epoch"));
}
function results() {
  const { columns, rows, times, steps } = run.curves;
  if (!rows.length) return section("Results", make("p", {}, "No epoch has ended yet."));
  const shown = columns.filter(c => c.startsWith("train.") || c.startsWith("test."));
  const lines = shown.map(c => {
    const points = column(c);
    if (!points.length) return [c, "", "", ""];
    const low = points.reduce((a, b) => b.y < a.y ? b : a), high = points.reduce((a, b) => b.y > a.y ? b : a);
    return [c, number(points[points.length - 1].y), `${number(low.y)} (${low.x})`, `${number(high.y)} (${high.x})`];
  });
  const known = times.filter(t => t !== null);
  const took = known.length > 1 ? `, ${duration(known[known.length - 1] - known[0])} from the end of epoch ` +
    `${rows[times.findIndex(t => t !== null)][0]} to that of the last` : "";
  const last = rows[rows.length - 1], timed = steps.filter(s => s !== null).pop();
  const step_time = timed ? `; in the last epoch a step took ${number(timed[0])} ms, of it ${number(timed[1])} ms for data` +
    (timed[0] > 0 ? ` (${(100 * timed[1] / timed[0]).toFixed(1)} %)` : "") : "";
  return section("Results", make("p", { class: "small faint" }, `${count(last[0])} epochs, ${count(last[1])} steps${took}${step_time}`),
    table(["", "last", "lowest (epoch)", "highest (epoch)"], lines, [1, 2, 3]));
}

// ---- predictions ----

function class_name(k) { return run.predictions.classes[k] ?? String(k); }
function score_text(value) { return value >= 0 && value <= 1 ? value.toFixed(3) : number(value, 3); }
function sample(s) {
  const p = run.predictions, lines = [];
  if (p.kind === "classes") {
    const right = s.label === s.predicted;
    lines.push(make("div", { class: right ? "good" : "bad" }, class_name(s.predicted), right ? "" : " "),
               right ? null : make("div", {}, `is ${class_name(s.label)}`),
               make("div", { class: "faint" }, s.scores.map(([k, v]) => `${class_name(k)}\u00a0${score_text(v)}`).join(", ")));
  } else {
    lines.push(make("div", {}, `${p.output}: ${s.value.map(v => number(v, 4)).join(", ")}`));
    if (s.truth) lines.push(make("div", { class: "faint" }, `is ${s.truth.map(v => number(v, 4)).join(", ")}`));
  }
  if (s.values) lines.push(make("div", { class: "faint" }, s.values.map(([k, v]) => `${k} ${number(v, 3)}`).join(", ")));
  return make("figure", {}, s.picture ? make("img", { src: s.picture, alt: `row ${s.row}`, loading: "lazy" }) : null,
    make("figcaption", {}, ...lines.filter(Boolean), make("div", { class: "faint" }, `row ${s.row + 1}`)));
}
function confusion() {
  const p = run.predictions, n = p.classes.length;
  const most = p.confusion.map(row => row.reduce((a, b) => a + b, 0));
  const head = make("tr", {}, make("th", {}, ""), ...p.classes.map(c => make("th", { scope: "col" }, c)));
  const body = p.confusion.map((row, i) => make("tr", {}, make("th", { scope: "row" }, p.classes[i]), ...row.map((v, j) => {
    const share = most[i] ? v / most[i] : 0;
    const strength = i === j ? 12 + 40 * share : v ? 15 + 85 * Math.min(1, share * 3) : 0;
    return make("td", { class: i === j ? "right" : undefined, title: `${p.classes[i]} taken for ${p.classes[j]}: ${v}`,
      style: `background: color-mix(in srgb, var(${i === j ? "--good" : "--bad"}) ${strength.toFixed(0)}%, transparent)` },
      v ? String(v) : "");
  })));
  return section("Confusion", make("p", { class: "small faint" }, `rows: what it is; columns: what ${p.output} is largest for`),
    make("div", { class: "scroll" }, make("table", { class: "confusion" }, make("thead", {}, head), make("tbody", {}, ...body))));
}
function per_class() {
  const p = run.predictions, n = p.classes.length;
  const sum = list => list.reduce((a, b) => a + b, 0), percent = x => Number.isFinite(x) ? `${(100 * x).toFixed(1)} %` : "–";
  const taken = p.classes.map((_, j) => sum(p.confusion.map(row => row[j])));
  const lines = p.classes.map((c, i) => [c, sum(p.confusion[i]), percent(p.confusion[i][i] / sum(p.confusion[i])),
                                         percent(p.confusion[i][i] / taken[i])]);
  const right = sum(p.classes.map((_, i) => p.confusion[i][i])), all = sum(p.confusion.map(sum));
  lines.push(["all", all, percent(right / all), ""]);
  return section("Accuracy", make("p", { class: "small faint" }, `on ${count(p.rows)} ${p.part} rows, by ${checkpoint()}`),
    table(["class", "rows", "found", "right when said"], lines, [1, 2, 3]));
}
function checkpoint() { return (run.checkpoint ?? "").split("/").pop(); }
function pairs_chart() {
  const p = run.predictions, canvas = make("canvas", { role: "img", "aria-label": "predicted against true" });
  charts.push(() => {
    const chart = line_chart(canvas, [{ name: p.output, points: p.pairs.map(([x, y]) => ({ x, y })) }],
      { x: p.truth, y: p.output, legend: false, logarithmic: false });
    Object.assign(chart.data.datasets[0], { showLine: false, pointRadius: 2.5 });
    chart.update("none");
    return chart;
  });
  return section("Predicted and true", make("p", { class: "small faint" },
    `root of the mean squared error ${number(p.rmse)} on ${count(p.rows)} ${p.part} rows, by ${checkpoint()}`),
    p.pairs.length ? make("div", { class: "chart" }, canvas) : null);
}
function prediction_sections() {
  const p = run.predictions;
  if (!p) return [];
  const all = [];
  if (p.kind === "classes") {
    all.push(grid(confusion(), per_class()));
    if (p.mistakes.length) all.push(section("The worst mistakes", make("p", { class: "small faint" },
      `of ${count(p.wrong)}: where it was surest of the wrong class`),
      make("div", { class: "gallery" }, ...p.mistakes.map(sample))));
  } else if (p.kind === "numbers") all.push(pairs_chart());
  all.push(section("Samples", make("p", { class: "small faint" }, `rows spread over the ${p.part} part`),
    make("div", { class: "gallery" }, ...p.samples.map(sample))));
  return all;
}

function template_section() {
  const t = run.templates;
  if (!t) return [];
  const classes = t.are_classes && run.predictions?.classes?.length === t.of ? run.predictions.classes : null;
  const shown = t.pictures.map((uri, k) => make("figure", {}, make("img", { src: uri, alt: `row ${k} of ${t.parameter}` }),
    make("figcaption", {}, classes ? classes[k] : String(k))));
  return [section("Templates", make("p", { class: "small faint" }, `${t.pictures.length < t.of ? `the first ${shown.length} of ` : ""}` +
    `the ${t.of} rows of ${t.parameter}, drawn as pictures of ${t.input}: light raises the score, dark lowers it, gray is 0`),
    make("div", { class: "gallery" }, ...shown))];
}

// ---- the model, its cost, where it comes from ----

function model_sections() {
  const m = run.model;
  if (!m) return [];
  const source = section("Model",
    table(["parameter", "shape", "numbers"], m.parameters.map(([name, shape, n]) => [make("code", {}, name), shape, count(n)]), [2]),
    details("Source", make("pre", {}, m.source)),
    details("The training step as a graph, before any pass", make("pre", {}, m.graph)));
  const c = run.compiled;
  if (!c) return [source];
  const bill = [["parameters", c.parameter_bytes], ["gradients", c.gradient_bytes], ["optimizer state", c.optimizer_bytes],
    ["activations", c.activation_bytes], ["scratch", c.scratch_bytes], ["one batch", c.input_bytes], ["data", c.data_bytes],
    ["more at an epoch's end, for the norms", c.epoch_end_bytes],
    ["peak: what is allocated at most", c.peak_bytes]];
  return [grid(source, section("Memory and kernels",
    make("p", { class: "small faint" }, `batch ${c.batch}, ${c.optimizer}; ${count(c.kernels)} kernels with ` +
      `${c.barriers} barriers, ${number(c.flops_per_step, 4)} FLOPs per step`),
    table(null, bill.map(([name, n]) => [name, bytes(n)]), [1]),
    details("Kernels", table(["kernel", "FLOPs", "tasks", "from"], c.step.map(k =>
      [make("code", {}, k.kernel), k.flops ? number(k.flops, 4) : "", k.tasks, k.source]), [1, 2]))))];
}
function facts(rows) { const t = table(null, rows); t.firstChild.classList.add("facts"); return t; }
function origin_sections() {
  const e = run.environment, names = { nnc: "nnc", started: "last started", processor: "processor", processors: "processors",
    instruction_set: "instruction set", threads: "threads", system: "system", training_rows: "training rows", test_rows: "test rows" };
  const known = Object.entries(names).filter(([key]) => e[key] !== undefined).map(([key, name]) => [name, String(e[key])]);
  const settings = (e.configuration ?? run.configuration).map(([key, value, origin]) =>
    [make("code", {}, key), make("code", {}, value), make("span", { class: "faint" }, origin ?? "")]);
  return [grid(section("Configuration", table(["key", "value", "from"], settings)),
               section("Environment", facts([...known, ["folder", run.folder], ["checkpoint", checkpoint()]])))];
}

function render() {
  themed.length = 0;
  charts.length = 0;
  for (const chart of Object.values(Chart.instances)) chart.destroy();
  document.getElementById("title").replaceChildren(run.title, make("span", { class: `badge ${run.state}` }, run.state));
  const e = run.environment;
  document.getElementById("about").textContent = [run.model?.name && `model ${run.model.name}`,
    e.parameters !== undefined && `${count(e.parameters)} parameters`, e.processor].filter(Boolean).join(" · ");
  const notes = run.notes.map(text => make("section", { class: "note" }, make("pre", {}, text)));
  document.getElementById("main").replaceChildren(...notes, results(), curve_sections(), ...prediction_sections(),
    ...template_section(),
    ...model_sections(), ...origin_sections());
  for (const draw of charts) draw();
}
document.querySelector("header").append(theme_button());
render();
if (run.live) setInterval(async () => {
  try {
    const answer = await fetch("data");
    if (!answer.ok) return;
    const fresh = await answer.json();
    if (fresh.stamp === run.stamp) return;
    run = fresh;
    const y = scrollY;
    render();
    scrollTo(0, y);
  } catch { /* the server is gone: what was last heard stays */ }
}, 2000);
