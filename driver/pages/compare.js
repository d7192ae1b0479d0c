// Runs side by side: a table, the settings that differ, and one chart for each number they share.
document.getElementById("title").textContent = data.runs.map(r => r.name).join(", ");
document.getElementById("about").textContent = `${data.runs.length} runs`;
document.querySelector("header").append(theme_button());
const main = document.getElementById("main");
const colored = (run, i) => make("span", { style: "white-space: nowrap" }, make("span", { class: "dot", style: `background:${kColors[i % kColors.length]}` }), run.name);
const shown = data.columns;
main.append(make("section", {}, make("h2", {}, "After the last epoch"),
  table(["run", "state", "epochs", "steps", "parameters", ...shown], data.runs.map((r, i) =>
    [colored(r, i), r.state, r.epochs, r.steps, r.parameters ?? "", ...shown.map(c => r.last[c] === undefined ? "" : number(r.last[c]))]),
    [2, 3, 4, ...shown.map((_, i) => i + 5)])));
if (data.differences.length) main.append(make("section", { class: "settings" }, make("h2", {}, "Settings that differ"),
  table(["key", ...data.runs.map(r => r.name)], data.differences.map(d =>
    [make("code", {}, d.key), ...d.values.map(v => make("code", {}, v ?? ""))]))));
const holder = make("div", { class: "grid" });
main.append(holder);
for (const column of [...shown, "lr"]) {
  const series = data.runs.map((r, i) => {
    const at = r.curves.columns.indexOf(column);
    return { name: r.name, color: kColors[i % kColors.length],
             points: at < 0 ? [] : r.curves.rows.map(row => ({ x: row[0], y: row[at] })).filter(p => p.y !== null) };
  }).filter(s => s.points.length);
  if (!series.length) continue;
  const canvas = make("canvas", { role: "img", "aria-label": column });
  holder.append(make("section", {}, make("h2", {}, column), make("div", { class: "chart" }, canvas)));
  line_chart(canvas, series, { x: "epoch" });
}
