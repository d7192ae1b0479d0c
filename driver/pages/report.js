// The report of one run. Everything is drawn from `data`; a live page fetches it again and draws anew.
let run = data;
const open_details = new Set();
const charts = [];

function section(title, ...content) { return make("section", {}, make("h2", {}, title), ...content); }
function grid(...content) { return make("div", { class: "grid" }, ...content.filter(Boolean)); }
function plural(n, word) { return `${count(n)} ${word}${n === 1 ? "" : "s"}`; }
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

const kPartNames = { train: "training", validation: "validation", test: "test" };
// What was measured: a number, or the text "nan", "inf", "-inf".
function column(name) { return curve_points(run.curves, name); }
function chart(title, series, note, options = {}) {
  const shown = series.filter(s => s.points.length);
  if (!shown.length) return null;
  if (!shown.some(s => s.points.some(p => Number.isFinite(p.y))))
    return section(title, make("p", {}, `${shown.map(s => s.name).join(", ")}: not finite in any epoch.`));
  const figure = line_figure(title, shown, { x: "epoch", ...options });
  charts.push(figure.draw);
  const gaps = shown.map(s => [s.name, s.points.filter(p => !Number.isFinite(p.y)).length]).filter(([, n]) => n > 0);
  const gap_note = gaps.length ? ` Gaps are values that are not finite: ${gaps.map(([name, n]) => `${name} in ${plural(n, "epoch")}`).join(", ")}.` : "";
  return section(title, make("p", { class: "small faint" }, note + gap_note), figure.element);
}
const kPartDash = { train: undefined, validation: [2, 3], test: [6, 4] };
function part_of(column) { return column.split(".")[0]; }
function name_of(column) { return column.replace(/^\w+\./, ""); }
function is_measured(column) { return part_of(column) in kPartDash; }
function curve_sections() {
  const columns = run.curves.columns, measured = columns.filter(is_measured);
  const loss = measured.filter(c => /^loss(\.|$)/.test(name_of(c)));
  const parts = [...new Set(loss.map(name_of))];  // one color each, dashed on the parts held back
  const metrics = [...new Set(measured.filter(c => !loss.includes(c)).map(name_of))];
  const series = (c, color) => ({ name: c, part: /^loss\./.test(name_of(c)), points: column(c), dash: kPartDash[part_of(c)], color: series_color(color) });
  const norms = prefix => columns.filter(c => c.startsWith(prefix)).map((c, i) =>
    ({ name: c.slice(prefix.length), points: column(c), color: series_color(i), dash: series_dash(i) }));
  return grid(
    chart("Loss", loss.map(c => series(c, parts.indexOf(name_of(c)))),
          "Training: the mean over the steps of the epoch. Other parts: all their rows, after the epoch."),
    ...metrics.map(name => {
      const of = measured.filter(c => name_of(c) === name);
      return chart(`Metric: ${name}`, of.map((c, i) => series(c, i)),
                   of.length === 1 ? `On the ${kPartNames[part_of(of[0])]} part, after each epoch.` : "After each epoch.");
    }),
    chart("Learning rate", [{ name: "lr", points: column("lr") }], "At the end of the epoch.",
          { zero: true, logarithmic: false }),
    chart("Norm of each gradient", norms("gradient."),
          "Of the loss on the first batch of the training data, with the weights at the end of the epoch."),
    chart("Norm of each weight", norms("weight."), "At the end of the epoch."));
}
function results() {
  const { columns, rows, times, steps } = run.curves;
  if (!rows.length) return section("Results", make("p", {}, "No epoch has ended yet."));
  const lines = columns.filter(is_measured).map(c => {
    const points = column(c), finite = points.filter(p => Number.isFinite(p.y));
    const at = better => {
      if (!finite.length) return null;
      const best = finite.reduce((a, b) => better(b.y, a.y) ? b : a);
      return `${number(best.y)} (${best.x})`;
    };
    return [name_code(c), points.length ? number(points[points.length - 1].y) : null, at((a, b) => a < b), at((a, b) => a > b)];
  });
  const known = times.filter(t => t !== null);
  const took = known.length > 1 ? `; ${duration(known[known.length - 1] - known[0])} from the end of epoch ` +
    `${rows[times.findIndex(t => t !== null)][0]} to the end of the last` : "";
  const last = rows[rows.length - 1], timed = steps.filter(s => s !== null).pop();
  const step_time = timed ? `; a step of the last epoch took ${number(timed[0], 3)} ms, ${number(timed[1], 3)} ms of it ` +
    `to gather its rows` : "";
  return section("Results", make("p", { class: "small faint" },
      `${plural(last[0], "epoch")}, ${plural(last[1], "step")}${took}${step_time}.`),
    table(["measured", "last epoch", "lowest (epoch)", "highest (epoch)"], lines, [1, 2, 3]), ...final_test());
}
// Of a run with a validation part, which is evaluated after each epoch in the test part's place.
function final_test() {
  const lines = Object.entries(run.test.values).map(([name, value]) => [name_code(name), number(value)]);
  if (!lines.length) return [];
  const weights = run.test.epoch ? `, with the weights of epoch ${run.test.epoch}` : "";
  return [make("p", { class: "small faint" }, `The test part, evaluated once, at the end${weights}:`),
          table(["measured", "at the end"], lines, [1])];
}

// ---- predictions ----

function class_name(k) { return run.predictions.classes[k] ?? String(k); }
function checkpoint() { return (run.checkpoint ?? "").split("/").pop(); }
function judged() { const p = run.predictions; return `${plural(p.rows, "row")} of the ${p.part} part, checkpoint ${checkpoint()}`; }
function score_text(value) { return typeof value === "number" && value >= 0 && value <= 1 ? value.toFixed(3) : number(value, 3); }
function sample_lines(s) {
  const p = run.predictions, numbers = list => list.map(v => number(v, 4)).join(", ");
  if (p.kind !== "classes")
    return p.kind === "numbers" ? [make("div", {}, `predicted ${numbers(s.value)}`), make("div", {}, `true ${numbers(s.truth)}`)]
      : s.output_picture ? [] : [make("div", {}, `${p.output} ${numbers(s.value)}${s.more_values ? " …" : ""}`)];
  const right = s.label === s.predicted, said = s.predicted === null ? "no class: not finite" : `predicted ${class_name(s.predicted)}`;
  return [make("div", { class: right ? "good" : "bad" }, `${right ? "✓" : "✗"} ${said}`),
          make("div", {}, `true ${class_name(s.label)}`),
          make("div", { class: "faint" }, s.scores.map(([k, v]) => `${class_name(k)}\u00a0${score_text(v)}`).join(", "))];
}
// A row's number counts from 0 in its file; a text file's line is there too.
function place(s) { return s.place ? `row ${s.row}, ${s.place}` : `row ${s.row}`; }
function sample(s) {
  const p = run.predictions, lines = sample_lines(s);
  const said = [`row ${s.row}`, ...lines.map(line => line.textContent)].join(", ");
  const pictures = [s.picture && make("img", { src: s.picture, alt: said, loading: "lazy" }),
    s.output_picture && make("img", { src: s.output_picture, alt: `${p.output} of row ${s.row}`, loading: "lazy" })].filter(Boolean);
  const fields = (s.values ?? []).flatMap(([name, value]) => [make("dt", {}, name),
    make("dd", {}, value === null ? "missing" : typeof value === "number" ? number(value, 4) : value)]);
  return make("figure", {}, pictures.length ? make("div", { class: "pictures" }, ...pictures) : null,
    make("figcaption", {}, ...lines, fields.length ? make("dl", {}, ...fields) : null,
      s.more ? make("div", { class: "faint" }, `and ${plural(s.more, "more value")}`) : null,
      make("div", { class: "faint" }, place(s))));
}
function gallery(samples) {
  const fields = samples.some(s => s.values?.length);
  return make("div", { class: fields ? "gallery fields" : "gallery" }, ...samples.map(sample));
}
function not_finite_note() {
  const p = run.predictions, rows = plural(p.not_finite, "row");
  return p.not_finite ? ` Of ${rows}, ${p.output} is not finite: ${p.not_finite === 1 ? "it has" : "they have"} no ${p.kind === "classes" ? "class" : "prediction"}.` : "";
}
function confusion() {
  const p = run.predictions, all = p.confusion.map(row => row.reduce((a, b) => a + b, 0));
  const long = p.classes.some(c => c.length > 4);
  const name = (k, more) => make("th", { ...more, title: p.classes[k] }, make("span", {}, p.classes[k]));
  const head = make("tr", {}, make("th", { scope: "col" }, "true ↓ predicted →"),
                    ...p.classes.map((_, k) => name(k, { scope: "col", class: long ? "upright" : undefined })));
  const body = p.confusion.map((row, i) => make("tr", {}, name(i, { scope: "row" }), ...row.map((v, j) => {
    const share = all[i] ? v / all[i] : 0;
    const strength = i === j ? 12 + 40 * share : v ? 15 + 50 * Math.min(1, share * 3) : 0;
    return make("td", { class: i === j ? "right" : v ? undefined : "none", title: `${p.classes[i]} predicted as ${p.classes[j]}: ${v}`,
      style: `background: color-mix(in srgb, var(${i === j ? "--good" : "--bad"}) ${strength.toFixed(0)}%, transparent)` }, String(v));
  })));
  return section("Confusion matrix", make("p", { class: "small faint" }, `How many rows of each true class (a row of the table) were ` +
      `predicted as each class (a column), the one with the highest ${p.output}. ${judged()}.${not_finite_note()}`),
    make("div", { class: "scroll" }, make("table", { class: p.classes.length > 15 ? "confusion dense" : "confusion" }, make("thead", {}, head), make("tbody", {}, ...body))));
}
function per_class() {
  const p = run.predictions;
  const sum = list => list.reduce((a, b) => a + b, 0), percent = x => Number.isFinite(x) ? `${(100 * x).toFixed(1)} %` : null;
  const predicted = p.classes.map((_, j) => sum(p.confusion.map(row => row[j])));
  const rows = p.confusion.map((row, i) => sum(row) + p.without[i]);  // those without a class are not predicted right
  const lines = p.classes.map((c, i) => [c, rows[i], percent(p.confusion[i][i] / rows[i]),
                                         percent(p.confusion[i][i] / predicted[i])]);
  const right = sum(p.classes.map((_, i) => p.confusion[i][i])), all = sum(rows);
  return section("Each class", make("p", { class: "small faint" }, `Accuracy ${percent(right / all) ?? "–"}: ${count(right)} of ${count(all)} rows ` +
      `are predicted right. Recall is the share of a class's rows that are predicted as it, precision the share of the rows predicted as it that are of it.`),
    table(["class", "rows", "recall", "precision"], lines, [1, 2, 3]));
}
function pairs_section() {
  const p = run.predictions;
  const plots = p.pairs.map(({ name, points, rmse }) => {
    const known = points.filter(([x, y]) => x !== null && y !== null).map(([x, y]) => ({ x, y }));
    const said = `${name}: root of the mean squared error ${number(rmse)}`;
    const canvas = make("canvas", { role: "img", "aria-label": `${name}, predicted over true, ${plural(known.length, "row")}; ${said}` });
    if (known.length) charts.push(() => point_chart(canvas, name, known, { x: `true ${name}`, y: `predicted ${name}` }));
    return make("div", {}, make("p", { class: "small faint" }, `${said}.`), known.length ? make("div", { class: "chart" }, canvas) : null);
  });
  return section("Predicted and true", make("p", { class: "small faint" },
    `Each point is a row; on the dashed line both are equal. ${judged()}.${not_finite_note()}`), make("div", { class: "points" }, ...plots));
}
function prediction_sections() {
  const p = run.predictions;
  if (!p) return [];
  const all = [];
  if (p.kind === "classes") {
    all.push(...p.classes.length > 8 ? [confusion(), per_class()] : [grid(confusion(), per_class())]);
    if (p.mistakes.length) all.push(section("The worst mistakes", make("p", { class: "small faint" },
      `${count(p.mistakes.length)} of the ${plural(p.wrong, "row")} predicted wrong: where ${p.output} of the wrong class is most above that of the true one.`),
      gallery(p.mistakes)));
  } else if (p.kind === "numbers" && p.pairs.length) all.push(pairs_section());
  all.push(section("Samples", make("p", { class: "small faint" }, `${plural(p.samples.length, "row")} spread evenly over the ${p.part} part` +
    `${p.samples.some(s => s.output_picture) ? `: the input and, beside it, ${p.output}` : ""}.${p.kind === "values" ? not_finite_note() : ""}`), gallery(p.samples)));
  return all;
}

function template_section() {
  const t = run.templates;
  if (!t) return [];
  const classes = t.are_classes && run.predictions?.classes?.length === t.of ? run.predictions.classes : null;
  const shown = t.pictures.map((uri, k) => make("figure", {},
    make("img", { src: uri, alt: `row ${k} of ${t.parameter}${classes ? `, class ${classes[k]}` : ""}` }),
    make("figcaption", {}, classes ? classes[k] : `row ${k}`)));
  return [section("Weights as pictures", make("p", { class: "small faint" }, `${t.pictures.length < t.of ? `The first ${shown.length} of the` : "The"} ` +
    `${t.of} rows of ${t.parameter} as pictures of ${t.input}: where a pixel is light, ${t.input} raises what the row computes, where dark it lowers it; gray is 0.`),
    make("div", { class: "gallery" }, ...shown))];
}

// ---- what it computes on one row ----

function filter_section() {
  const f = run.filters;
  if (!f) return [];
  const each = f.channels > 1 ? "a picture per filter and channel" : "a picture per filter";
  return [section("Filters of the first convolution", make("p", { class: "small faint" },
    `${f.parameter}, ${plural(f.of, "filter")} of ${f.height} x ${f.width}: ${each}; gray is 0, light raises what the filter computes${f.note ? `; ${f.note}` : ""}.`),
    make("div", { class: "maps filters" }, ...f.pictures.map(([name, uri]) => make("figure", {},
      pixel_picture(uri, `filter ${name} of ${f.parameter}`), make("figcaption", {}, name)))))];
}
const kSeen = [["maps", "Feature maps", "what each convolution computes; gray is 0"],
  ["states", "States", "what the recurrence holds after each step; gray is 0"],
  ["shares", "Attention weights", "where each place looks, from 0, white, to 1, black"]];
function seen_sections() {
  const s = run.seen;
  if (!s) return [];
  return kSeen.map(([kind, title, about]) => {
    const values = s.values.filter(value => value.kind === kind);
    if (!values.length) return null;
    const left = s.left[kind] ? ` The first ${values.length} of ${values.length + s.left[kind]}.` : "";
    return section(title, make("p", { class: "small faint" }, `Of ${place(s)}: ${about}.${left}`),
      ...values.flatMap((value, i) => {
        const content = value_content(value, s.words), large = kind === "shares" && value.width > 24;
        return i > 0 && large ? [details(value.name, ...content)] : [make("h3", {}, name_code(value.name)), ...content];
      }));
  }).filter(Boolean);
}

// ---- the model, its cost, where it comes from ----

function model_sections() {
  const m = run.model;
  if (!m) return [];
  const source = section("Model",
    table(["parameter", "shape", "numbers"], m.parameters.map(([name, shape, n]) => [name_code(name), shape, count(n)]), [2]),
    details("Source", make("pre", {}, m.source)),
    details("The training step as a graph, before any pass", make("pre", {}, m.graph)));
  const c = run.compiled;
  if (!c) return [source];
  const bill = [["parameters", c.parameter_bytes], ["gradients", c.gradient_bytes], ["optimizer state", c.optimizer_bytes],
    ["layers' states", c.layer_bytes], ["activations", c.activation_bytes], ["scratch", c.scratch_bytes],
    ["one batch", c.input_bytes], ["results", c.result_bytes], ["constants", c.constant_bytes], ["data", c.data_bytes],
    ["feeding", c.feeding_bytes], ["more, at the end of an epoch", c.epoch_end_bytes],
    ["all together, at most", c.peak_bytes]];
  return [grid(source, section("Memory and kernels",
    make("p", { class: "small faint" }, `A training step on ${plural(c.batch, "row")} with ${c.optimizer}: ` +
      `${plural(c.kernels, "kernel")}, ${plural(c.barriers, "barrier")}, ${number(c.flops_per_step, 4)} floating-point operations.`),
    table(["memory for", "size"], bill.map(([name, n]) => [name, bytes(n)]), [1]),
    details("Kernels", table(["kernel", "FLOPs", "reads", "writes", "tasks", "from"], c.step.map(k =>
      [name_code(k.kernel), number(k.flops ?? null, 4), bytes(k.bytes_read), bytes(k.bytes_written), k.tasks, k.source]),
      [1, 2, 3, 4]))))];
}
function origin_sections() {
  const e = run.environment, names = { nnc: "nnc", started: "last started", processor: "processor", processors: "processors",
    instruction_set: "instruction set", threads: "threads", system: "system", training_rows: "training rows", validation_rows: "validation rows", test_rows: "test rows" };
  const known = Object.entries(names).filter(([key]) => e[key] !== undefined).map(([key, name]) => [name, String(e[key])]);
  const settings = (e.configuration ?? run.configuration).map(([key, value, origin]) =>
    [name_code(key), make("code", {}, value), origin]);
  return [grid(section("Configuration", table(["setting", "value", "given by"], settings)),
               section("Environment",
      table(["fact", "value"], [...known, ["folder", make("code", {}, run.folder)], ["checkpoint", checkpoint()]])))];
}

const kStates = { running: "training goes on", finished: "all epochs are done",
  stopped: "not all epochs are done: the same nnc train command goes on" };
function render() {
  themed.length = 0;
  charts.length = 0;
  for (const chart of Object.values(Chart.instances)) chart.destroy();
  document.getElementById("title").replaceChildren(run.title, " ", make("span", { class: `badge ${run.state}`, title: kStates[run.state] }, run.state));
  const e = run.environment;
  document.getElementById("about").textContent = [run.model?.name && `model ${run.model.name}`,
    e.parameters !== undefined && `${count(e.parameters)} parameters`, e.processor, kStates[run.state]].filter(Boolean).join(" · ");
  const notes = run.notes.map(text => make("section", { class: "note" }, make("pre", {}, text)));
  document.getElementById("main").replaceChildren(...notes, results(), curve_sections(), ...prediction_sections(),
    ...template_section(), ...filter_section(), ...seen_sections(),
    ...model_sections(), ...origin_sections());
  for (const draw of charts) draw();
  mark_scrollers();
}
// What the keyboard reaches within what is drawn anew.
function focusable() { return [...document.querySelectorAll("main :is(summary, button, a, [tabindex])")]; }
document.querySelector("header").append(theme_button());
render();
if (run.live) setInterval(async () => {
  try {
    const answer = await fetch("data");
    if (!answer.ok) return;
    const fresh = await answer.json();
    if (fresh.stamp === run.stamp) return;
    run = fresh;
    const y = scrollY, focused = focusable().indexOf(document.activeElement);
    render();
    scrollTo(0, y);
    focusable()[focused]?.focus({ preventScroll: true });
  } catch { /* the server is gone: what was last heard stays */ }
}, 2000);
