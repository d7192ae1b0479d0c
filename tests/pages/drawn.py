"""What is really drawn: counts pixels of a chart's or a cell's own color where its numbers say that it must be."""

# Each series alone, so that one that lies under another counts too. For each: its finite points, how many of them lie
# in their color (the corners of a line, the middles of points), and how many pixels have the color at all.
SERIES = """
const canvas = arguments[0], chart = Chart.getChart(canvas);
if (!chart) return null;
const pen = canvas.getContext('2d', { willReadFrequently: true }), ratio = chart.currentDevicePixelRatio;
const shown = chart.data.datasets.map((_, i) => chart.isDatasetVisible(i));
const rgb = color => { const probe = document.createElement('canvas').getContext('2d');
  probe.fillStyle = color; probe.fillRect(0, 0, 1, 1); return probe.getImageData(0, 0, 1, 1).data; };
const found = chart.data.datasets.map((set, i) => {
  shown.forEach((_, k) => chart.setDatasetVisibility(k, k === i));
  chart.update('none');
  const want = rgb(set.borderColor), { x, y } = chart.scales;
  const d = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  const near = at => d[at + 3] > 100 && [0, 1, 2].every(k => Math.abs(d[at + k] - want[k]) < 40);
  const has = (px, py) => {
    for (let dy = -2; dy <= 2; ++dy) for (let dx = -2; dx <= 2; ++dx) {
      const cx = Math.round(px * ratio) + dx, cy = Math.round(py * ratio) + dy;
      if (cx >= 0 && cy >= 0 && cx < canvas.width && cy < canvas.height && near(4 * (cy * canvas.width + cx))) return true;
    }
    return false;
  };
  const points = set.data.filter(p => Number.isFinite(p.x) && Number.isFinite(p.y));
  let pixels = 0;
  for (let at = 0; at < d.length; at += 4) if (near(at)) ++pixels;
  return { name: set.label, points: points.length, pixels, dashed: Boolean(set.borderDash),
           drawn: points.filter(p => has(x.getPixelForValue(p.x), y.getPixelForValue(p.y))).length };
});
shown.forEach((on, k) => chart.setDatasetVisibility(k, on));
chart.update('none');
return { label: canvas.getAttribute('aria-label') || canvas.id, series: found,
         ticks: Object.values(chart.scales).flatMap(s => s.ticks.map(t => String(t.label))) };
"""

# How many pixels of an image (a screenshot's region) are far from all grays.
COLORFUL = """
const [uri, box, done] = arguments, image = new Image();
image.onload = () => {
  const canvas = document.createElement('canvas'), [x, y, w, h] = box.map(Math.round);
  canvas.width = w; canvas.height = h;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, x, y, w, h, 0, 0, w, h);
  const d = pen.getImageData(0, 0, w, h).data;
  let colorful = 0;
  for (let i = 0; i < d.length; i += 4)
    if (Math.max(d[i], d[i + 1], d[i + 2]) - Math.min(d[i], d[i + 1], d[i + 2]) > 12) ++colorful;
  done(colorful);
};
image.src = 'data:image/png;base64,' + uri;
"""


def faults_of_charts(browser):
    """What is wrong with the page's charts; [] when every series of each is drawn where it must be."""
    faults = []
    canvases = browser.find_elements("css selector", "canvas")
    if not canvases:
        return ["no chart at all"]
    for canvas in canvases:
        chart = browser.execute_script(SERIES, canvas)
        if chart is None:
            faults.append(f"canvas {canvas.get_attribute('aria-label')!r} is empty")
            continue
        for series in chart["series"]:
            # Between the dashes of a line a corner may lie bare.
            least = series["points"] * (0.3 if series["dashed"] else 0.95)
            if series["points"] and (series["drawn"] < least or series["pixels"] < 10):
                faults.append(f"{chart['label']}: {series['name']} has {series['points']} points, {series['drawn']} of "
                              f"them drawn, {series['pixels']} pixels of its color")
        if sum(series["points"] for series in chart["series"]) == 0:
            faults.append(f"{chart['label']}: no number to draw")
        for tick in chart["ticks"]:
            if len(tick.lstrip("-")) > 7:
                faults.append(f"{chart['label']}: an axis says {tick}")
    return faults


def colorful_pixels(browser, element):
    """Pixels of an element on the screen that are not gray."""
    return browser.execute_async_script(COLORFUL, element.screenshot_as_base64,
                                        [0, 0, element.size["width"], element.size["height"]])
