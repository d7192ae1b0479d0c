// Runs side by side: a table, the settings that differ, and one chart for each number they share.
const names = data.runs.map(r => r.name);
document.getElementById("title").textContent = names.length > 3 ? `${names.length} runs side by side` : names.join(", ");
document.getElementById("about").textContent = names.length > 3 ? names.join(", ") : `${names.length} runs side by side`;
document.querySelector("header").append(theme_button());
const main = document.getElementById("main");
const run_name = i => make("span", { class: "run", title: names[i] }, swatch(series_color(i), series_dash(i)), names[i]);
const kParts = { train: "training", validation: "validation", test: "test" };
function title_of(column) {
  if (column === "lr") return "Learning rate";
  const [part, ...rest] = column.split("."), name = rest.join(".");
  return `${/^loss(\.|$)/.test(name) ? `Loss${name.slice(4).replace(".", ": ")}` : `Metric: ${name}`}, ${kParts[part]} part`;
}

const shown = data.columns;
// The test part at a run's end is measured with the weights of its best epoch.
const is_earlier = (r, c) => c.startsWith("test.") && Boolean(r.test_epoch) && r.test_epoch !== r.epochs && r.last[c] !== undefined;
const result = (r, c) => number(r.last[c]) + (is_earlier(r, c) ? ` (epoch ${r.test_epoch})` : "");
const earlier_note = data.runs.some(r => shown.some(c => is_earlier(r, c)))
  ? make("p", { class: "small faint" }, "Where an epoch stands beside a value, it is of the weights of that one, the best.") : null;
main.append(make("section", { class: "results" }, make("h2", {}, "After the last epoch"), ...[earlier_note].filter(Boolean),
  table(["run", "state", "epochs", "steps", "parameters", ...shown.map(c => make("span", {}, ...name_parts(c)))],
    data.runs.map((r, i) => [run_name(i), r.state, count(r.epochs), count(r.steps), count(r.parameters), ...shown.map(c => result(r, c))]),
    [2, 3, 4, ...shown.map((_, i) => i + 5)])));

// Each setting with its values, and with the runs that have them; of many runs, what most have comes last.
function settings_table() {
  const rows = data.differences.flatMap(({ key, values }) => {
    const times = value => values.filter(v => v === value).length;
    const distinct = [...new Set(values)].sort((a, b) => times(a) - times(b));
    const most = distinct[distinct.length - 1], common = times(most) > 3 ? most : undefined;
    return distinct.map((value, k) => make("tr", {},
      k === 0 ? make("th", { scope: "rowgroup", rowspan: distinct.length }, name_code(key)) : null,
      make("td", {}, value === null ? make("span", { class: "faint" }, "not set") : make("code", {}, value)),
      make("td", {}, value === common ? `the other ${times(value)} runs` : make("ul", { class: "runs" },
        ...values.flatMap((v, i) => v === value ? [make("li", {}, run_name(i))] : [])))));
  });
  return make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...["setting", "value", "runs"].map(h => make("th", { scope: "col" }, h)))),
    make("tbody", {}, ...rows)));
}
if (data.differences.length) main.append(make("section", { class: "settings" }, make("h2", {}, "Settings that differ"), settings_table()));

const holder = make("div", { class: "grid" });
main.append(holder);
for (const column of [...shown, "lr"]) {
  const series = data.runs.map((r, i) =>
    ({ name: r.name, color: series_color(i), dash: series_dash(i), points: curve_points(r.curves, column) }));
  const there = series.filter(s => s.points.some(p => Number.isFinite(p.y)));
  if (!there.length) continue;
  const figure = line_figure(title_of(column), there, { x: "epoch", legend: true });
  holder.append(make("section", {}, make("h2", {}, title_of(column)), figure.element));
  figure.draw();
}
mark_scrollers();
