// The trajectories of several optimizers over a loss of two parameters. The map is one SVG; a slider says which step.
const kSize = 640, kLeft = 54, kBottom = 46, kTop = 28;
const svg_name = "http://www.w3.org/2000/svg";
function draw(parent, tag, attributes, text) {
  const element = document.createElementNS(svg_name, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}
const view = data.view;
const to_x = x => kLeft + (x - view.x[0]) / (view.x[1] - view.x[0]) * kSize;
const to_y = y => kSize - (y - view.y[0]) / (view.y[1] - view.y[0]) * kSize;

document.getElementById("title").textContent = data.title;
document.getElementById("about").textContent =
  `${data.trajectories.length} trajector${data.trajectories.length === 1 ? "y" : "ies"} from ` +
  `${place(data.trajectories[0].points[0])} over ${data.axes[0]} and ${data.axes[1]}, ${data.steps} steps`;
document.querySelector("header").append(theme_button());
document.getElementById("source").textContent = data.source;
function place(p) { return `(${number(p[0], 4)}, ${number(p[1], 4)})`; }

const map = document.getElementById("map");
map.setAttribute("aria-label", `contours of the loss and the trajectories of ${data.trajectories.map(t => t.name).join(", ")}`);
const svg = draw(map, "svg", { viewBox: `0 ${-kTop} ${kSize + kLeft + 8} ${kTop + kSize + kBottom}` });
const frame = draw(draw(svg, "defs", {}), "clipPath", { id: "frame" });
draw(frame, "rect", { x: kLeft, y: 0, width: kSize, height: kSize });

// Heights as an image, smoothed by the browser when it is scaled up.
const shade = Uint8Array.from(atob(data.shade), c => c.charCodeAt(0));
const ground = draw(svg, "image",
  { x: kLeft, y: 0, width: kSize, height: kSize, preserveAspectRatio: "none" });
function paint_ground() {
  const n = data.grid, canvas = make("canvas", { width: n, height: n });
  const pen = canvas.getContext("2d"), image = pen.createImageData(n, n);
  const rgb = name => [1, 3, 5].map(i => parseInt(css(name).slice(i, i + 2), 16));
  const low = rgb("--low"), high = rgb("--high");
  for (let row = 0; row < n; ++row)
    for (let column = 0; column < n; ++column) {
      const height = shade[(n - 1 - row) * n + column] / 255, at = 4 * (row * n + column);
      for (let k = 0; k < 3; ++k) image.data[at + k] = low[k] + (high[k] - low[k]) * height;
      image.data[at + 3] = 255;
    }
  pen.putImageData(image, 0, 0);
  ground.setAttribute("href", canvas.toDataURL());
}
themed.push(paint_ground);
paint_ground();

const cell = kSize / (data.grid - 1) / 10;  // contour coordinates are tenths of a grid cell
for (const level of data.contours) {
  let path = "";
  for (let i = 0; i < level.lines.length; i += 4) {
    const [x0, y0, x1, y1] = level.lines.slice(i, i + 4);
    path += `M${(kLeft + x0 * cell).toFixed(1)} ${(kSize - y0 * cell).toFixed(1)}` +
            `L${(kLeft + x1 * cell).toFixed(1)} ${(kSize - y1 * cell).toFixed(1)}`;
  }
  draw(draw(svg, "path", { class: "contour", d: path }), "title", {}, `loss = ${number(level.value, 4)}`);
}

function ticks(low, high) {
  const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(k => k >= raw);
  const all = [];
  for (let i = Math.ceil(low / step); i * step <= high; ++i) all.push(Number((i * step).toPrecision(12)));
  return all;
}
for (const x of ticks(...view.x)) {
  draw(svg, "line", { class: "axis", x1: to_x(x), x2: to_x(x), y1: kSize, y2: kSize + 5 });
  draw(svg, "text", { class: "label", x: to_x(x), y: kSize + 20, "text-anchor": "middle" }, number(x, 4));
}
for (const y of ticks(...view.y)) {
  draw(svg, "line", { class: "axis", x1: kLeft - 5, x2: kLeft, y1: to_y(y), y2: to_y(y) });
  draw(svg, "text", { class: "label", x: kLeft - 9, y: to_y(y) + 5, "text-anchor": "end" }, number(y, 4));
}
draw(svg, "text", { class: "label", x: kLeft + kSize, y: kSize + 42, "text-anchor": "end" }, data.axes[0]);
draw(svg, "text", { class: "label", x: 2, y: -8 }, data.axes[1]);
draw(svg, "rect", { class: "axis", fill: "none", x: kLeft, y: 0, width: kSize, height: kSize });

function star(x, y, size) {
  return "M" + Array.from({ length: 10 }, (_, i) => {
    const r = i % 2 ? size * .45 : size, a = Math.PI * (i / 5 - .5);
    return `${(x + r * Math.cos(a)).toFixed(1)} ${(y + r * Math.sin(a)).toFixed(1)}`;
  }).join("L") + "Z";
}

// The height on the contours that have room for it.
const heights = draw(svg, "g", { "clip-path": "url(#frame)" });
for (const level of data.contours)
  for (const [x, y, angle] of level.labels) {
    const at = `translate(${(kLeft + x * cell).toFixed(1)} ${(kSize - y * cell).toFixed(1)})`;
    draw(heights, "text", { class: "height", "text-anchor": "middle", dy: ".35em",
                            transform: `${at} rotate(${(-angle * 180 / Math.PI).toFixed(1)})` }, number(level.value, 6));
  }

const clip = draw(svg, "g", { "clip-path": "url(#frame)" });
const limit = 1e4;  // far outside the frame; browsers draw no larger numbers well
const bounded = v => Math.max(-limit, Math.min(limit, v));
const trajectories = data.trajectories.map((trajectory, i) => ({
  ...trajectory, color: kColors[i % kColors.length],
  halo: draw(clip, "polyline", { class: "halo" }),
  line: draw(clip, "polyline", { class: "trajectory", stroke: kColors[i % kColors.length] }),
  // Single steps: pieces of no length with round ends.
  dots: draw(clip, "path", { class: "steps", stroke: kColors[i % kColors.length] }),
  pixels: trajectory.points.map(p => `${bounded(to_x(p[0])).toFixed(1)},${bounded(to_y(p[1])).toFixed(1)}`),
}));
for (const trajectory of trajectories) {
  trajectory.pin = draw(clip, "circle", { class: "pin", r: 7, fill: trajectory.color });
  draw(trajectory.pin, "title", {}, trajectory.name);
}

const lowest = data.minima.filter(minimum => minimum.global).length;
function kind_of(minimum) {
  if (!minimum.global) return "local minimum";
  return lowest === 1 ? "lowest minimum found" : `one of ${lowest} equal lowest minima found`;
}
for (const minimum of data.minima) {
  const x = to_x(minimum.at[0]), y = to_y(minimum.at[1]);
  const mark = minimum.global
    ? draw(svg, "path", { class: "mark", d: star(x, y, 11) })
    : draw(svg, "path", { class: "mark", d: `M${x - 7} ${y - 7}L${x + 7} ${y + 7}M${x - 7} ${y + 7}L${x + 7} ${y - 7}` });
  draw(mark, "title", {}, `${kind_of(minimum)} ${place(minimum.at)}, loss ${number(minimum.loss)}`);
}
let now = 0, playing = null;
const slider = document.getElementById("step"), play = document.getElementById("play");
slider.max = data.steps;
const chart = line_chart(document.getElementById("losses"),
  trajectories.map(w => ({ name: w.name, color: w.color, points: w.points.map((p, x) => ({ x, y: p[2] })) })),
  { x: "step", legend: false, mark: () => now });

// A --window may not hold the whole of it.
function outside_text({ outside, points }) {
  return `${count(outside)} of its ${count(points.length)} points ${outside === 1 ? "lies" : "lie"} outside the picture`;
}
const holder = document.getElementById("table");
function show(step) {
  now = Math.max(0, Math.min(data.steps, step));
  slider.value = now;
  document.getElementById("at").textContent = `step ${now}`;
  const rows = [];
  for (const trajectory of trajectories) {
    const last = Math.min(now, trajectory.points.length - 1), p = trajectory.points[last];
    const pixels = trajectory.pixels.slice(0, last + 1);
    trajectory.line.setAttribute("points", pixels.join(" "));
    trajectory.halo.setAttribute("points", pixels.join(" "));
    trajectory.dots.setAttribute("d", pixels.map(at => `M${at}h0`).join(""));
    const [x, y] = pixels[last].split(",");
    trajectory.pin.setAttribute("cx", x);
    trajectory.pin.setAttribute("cy", y);
    const name = make("span", {}, make("span", { class: "dot", style: `background:${trajectory.color}` }),
                      make("code", {}, trajectory.name),
                      trajectory.detail ? make("div", { class: "small faint" }, trajectory.detail) : null);
    if (trajectory.outside) name.append(make("div", { class: "small faint" }, outside_text(trajectory)));
    const broken = last < Math.min(now, trajectory.steps);
    rows.push([name, place(p), broken ? `not finite at step ${last + 1}` : number(p[2])]);
  }
  holder.replaceChildren(table(["optimizer", `${data.axes[0]}, ${data.axes[1]}`, "loss"], rows, [2]));
  chart.update("none");
}
function stop() {
  clearInterval(playing);
  playing = null;
  play.textContent = "▶";
}
function toggle() {
  if (playing !== null) return stop();
  if (now === data.steps) show(0);
  play.textContent = "❚❚";
  // Any number of steps takes about eight seconds.
  const each = Math.max(1, Math.round(data.steps / 240));
  playing = setInterval(() => { show(now + each); if (now === data.steps) stop(); }, 1000 / 30);
}
slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
play.addEventListener("click", toggle);
document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const far = e.shiftKey ? 10 : 1;
  const to = { ArrowLeft: now - far, ArrowRight: now + far, Home: 0, End: data.steps }[e.key];
  if (to !== undefined) { stop(); show(to); e.preventDefault(); }
  else if (e.key === " " && e.target.tagName !== "BUTTON" && e.target.tagName !== "SUMMARY") { toggle(); e.preventDefault(); }
});
const kMostRows = 12;
if (data.minima.length)
  document.getElementById("minima").append(make("h3", {}, "Minima in the picture"),
    table(["minimum", "where", "loss"], data.minima.slice(0, kMostRows).map(m =>
      [`${m.global ? "★" : "✕"} ${kind_of(m)}`, place(m.at), number(m.loss)]), [2]),
    ...data.minima.length > kMostRows ? [make("p", { class: "small faint" }, `and ${data.minima.length - kMostRows} more`)] : []);
show(data.steps);
mark_scrollers();
