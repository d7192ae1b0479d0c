"""Looks at every page of cases.py in three widths, light and dark: looks.py FOLDER [--shots]. Everything that must be
drawn is, nothing is cut off, nothing is asked of the network, and names and roles are there for those who listen."""
import csv
import json
import re
import sys

from browser import Browser
from drawn import colorful_pixels, faults_of_charts
from layout import faults_of_layout

folder = sys.argv[1]
shots = "--shots" in sys.argv
browser = Browser(folder)
js, driver = browser.js, browser.driver
faults = []


def expect(condition, what):
    if not condition:
        page = driver.current_url.rsplit("/", 1)[-1]
        faults.append(f"{page}: {' '.join(what.split())}")


def text():
    return js("return document.querySelector('main').innerText")


def find(selector):
    return driver.find_elements("css selector", selector)


def file_rows(name):
    """The rows of a table by their lines in the file, from 1."""
    with open(f"{folder}/{name}", encoding="utf-8", newline="") as file:
        return dict(enumerate(csv.DictReader(file), start=2))


def shown_fields(figure):
    names = [e.text for e in figure.find_elements("css selector", "dt")]
    return dict(zip(names, (e.text for e in figure.find_elements("css selector", "dd")), strict=True))


def rows_are_as_in_the_file(name, fields):
    """Samples show these fields of their rows as the file has them, and say which rows they are."""
    rows = file_rows(name)
    expect(len(find("figure")) >= 12, "shows no samples")
    for figure in find("figure"):
        place = re.search(rf"row (\d+), {re.escape(name)}:(\d+)", figure.text)
        expect(place, f"a sample does not say where it is: {figure.text}")
        if not place:
            return
        row, line = map(int, place.groups())
        expect(row == line - 2, f"row {row} is not line {line}")
        expected = {field: rows[line][field] or "missing" for field in fields}
        expect(shown_fields(figure) == expected, f"row {row} is {expected}, but is shown as {shown_fields(figure)}")


def regression():
    rows_are_as_in_the_file("mpg.csv", ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model_year", "origin"))
    rows = file_rows("mpg.csv")
    for figure in find("figure"):
        line, said = re.search(r"mpg.csv:(\d+)", figure.text), re.search(r"true ([\d.]+)", figure.text)
        expect(line and said and float(said[1]) == float(rows[int(line[1])]["mpg"]), f"not the target in its units: {figure.text}")
    expect("predicted mpg" in js("return Chart.getChart(document.querySelector('.points canvas') ?? '')?.options.scales.y.title.text ?? ''"),
           "the axis does not name the column")


def autoencoder():
    expect(len(find("figure .pictures")) == 12 and len(find("figure .pictures img")) == 24, "input and output are not side by side")


def templates():
    pictures = [figure for figure in find("figure") if not re.search("true|predicted", figure.text)]
    expect([figure.text for figure in pictures] == [str(k) for k in range(10)], "weights are not drawn with their classes")


def pictures():
    samples = [figure.text for figure in find("figure") if "row" in figure.text]
    expect(len(samples) >= 12 and all(re.search(r"row \d+, picture-\d+\.png", said) for said in samples), f"files are not named: {samples}")
    name = "a remarkably long name of a class without any end"
    expect(len(find(f'.confusion th[title="{name}"]')) == 2, "a class of the matrix has no title")
    for cell in find(".confusion td"):
        if cell.text != "0":
            expect(colorful_pixels(driver, cell) > 100, f"the cell {cell.get_attribute('title')} has no color")


def many_classes():
    rows_are_as_in_the_file("many.csv", ("length of the body in millimeters", "weight", "color"))
    heights = js("return [...document.querySelectorAll('.confusion tr')].map(e => e.getBoundingClientRect().height)")
    expect(len(heights) == 31 and max(heights[1:]) < 40 and heights[0] < 200, f"rows of the matrix are {heights} high")
    right = find(".confusion td.right")
    expect(len(right) == 30 and all(colorful_pixels(driver, cell) > 60 for cell in right[:5]), "the diagonal has no color")


def three_parts():
    with open(f"{folder}/three_parts.json", encoding="utf-8") as file:
        tested = json.load(file)
    shown = dict(re.findall(r"test\.(\S+)\s+([\d.]+)", text()))
    expect(set(shown) == {"loss", "loss.data", "loss.penalty", "accuracy"} and
           all(abs(float(value) - tested[name]) < 1e-3 * tested[name] for name, value in shown.items()),
           f"nnc eval finds {tested}, shown are {shown}")
    # A penalty far below the loss does not choose the axis.
    scale = js("return Chart.getChart(document.querySelector('canvas[aria-label^=\"Loss:\"]')).scales.y.type")
    expect(scale == "linear", f"the axis of the losses is {scale}")
    expect("evaluated once, at the end, with the weights of epoch " in text(), "does not say which weights were tested")


def one_epoch():
    expect("1 epoch, 45 steps" in text(), "does not count the one epoch")


def not_finite():
    expect("not finite in any epoch" in text() and re.search(r"Gaps are values that are not finite: test.root in \d+ epoch", text()),
           "does not say what is not finite")
    expect(re.search(r"test\.never\s+NaN\s+–\s+–", text()), "the table does not show NaN")


def unfinished():
    expect(find(".badge")[0].text == "stopped" and "the same nnc train command goes on" in js("return document.body.innerText"),
           "does not say what stopped means")


def compared(runs):
    heads = js("return document.querySelectorAll('.results tbody tr').length")
    expect(heads == runs, f"{heads} runs are in the table")
    lines = js("return [...document.querySelectorAll('.results tbody tr')].map(e => e.getBoundingClientRect().height)")
    expect(max(lines, default=99) < 40, f"rows of the table are {lines} high")
    colors = [colorful_pixels(driver, swatch) for swatch in find(".results .swatch")]
    expect(len(colors) == runs and min(colors, default=0) > 0, "a run has no color")


def paths():
    expect(colorful_pixels(driver, find("#map")[0]) > 1000, "the map has no color")
    expect(len(find("#map polyline.trajectory")) == js("return data.trajectories.length"), "a trajectory is missing")
    overlaps = js("""const boxes = [...document.querySelectorAll('#map text.label')].map(e => [e.textContent, e.getBoundingClientRect()]);
        const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        return boxes.flatMap(([n, a], i) => boxes.slice(i + 1).filter(([m, b]) => meet(a, b)).map(([m]) => n + ' ' + m))""")
    expect(not overlaps, f"labels of the axes lie over each other: {overlaps}")


CHECKS = {"regression": regression, "autoencoder": autoencoder, "templates": templates, "pictures": pictures,
          "many_classes": many_classes, "three_parts": three_parts, "one_epoch": one_epoch, "not_finite": not_finite, "unfinished": unfinished,
          "compare2": lambda: compared(2), "compare12": lambda: compared(13), "paths1": paths, "paths3": paths}


def log_ticks():
    """Axes of powers of ten say 0.01, 0.1, 1 and nothing between."""
    labels = js("""return Object.values(Chart.instances).flatMap(c => Object.values(c.scales))
        .filter(s => s.type === 'logarithmic').map(s => s.ticks.map(t => t.label))""")
    for axis in labels:
        expect(len(axis) >= 2 and all(re.fullmatch(r"10*|0\.0*1|1e-?\d+", str(label)) for label in axis), f"an axis says {axis}")


try:
    for page, check in CHECKS.items():
        address = f"file://{folder}/{page}.html"
        for width in (400, 800, 1600):
            for scheme in ("light", "dark"):
                browser.open(address, scheme, width)
                where = f"{page} at {width}, {scheme}"
                faults += [f"{where}: {fault}" for fault in faults_of_charts(driver) + faults_of_layout(driver)]
                if shots:
                    browser.shot(f"{page}-{width}-{scheme}", width)
        log_ticks()
        check()
        browser.nothing_was_asked(address)
        print(page, "was looked at", flush=True)
finally:
    driver.quit()
if faults:
    raise SystemExit("\n".join(faults))
