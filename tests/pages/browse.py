"""Drives the pages in headless Chromium as a reader would: browse.py FOLDER NNC RUN.toml. Screenshots go to FOLDER."""
import os
import signal
import subprocess
import sys

from browser import Browser
from drawn import faults_of_charts
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

folder, nnc, run = sys.argv[1:]
page = Browser(folder)
browser, js, check, until, window, prefer = page.driver, page.js, page.check, page.until, page.window, page.prefer


def theme():
    return js("return [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]")


def charts_are_drawn():
    faults = faults_of_charts(browser)
    check(not faults, faults)


def themes_follow():
    check(theme()[0] == "light", "is not light at first")
    light = theme()[1]
    browser.find_element(By.TAG_NAME, "body").send_keys("d")
    check(theme()[0] == "dark" and theme()[1] != light, "key D does not darken")
    browser.find_element(By.ID, "theme").click()
    check(theme() == ["light", light], "the button does not lighten")
    for scheme in ("dark", "light"):
        prefer(scheme)
        until(lambda: theme()[0] == scheme, f"does not follow the system to {scheme}")
    check(theme() == ["light", light], "does not follow the system back")


def fits_a_telephone(name):
    window(390)
    widths = js("""return [document.documentElement.scrollWidth,
        ...[...document.querySelectorAll('section, canvas, figure, svg')].map(e => e.getBoundingClientRect().right)]""")
    check(max(widths) <= 390.5, f"is wider than a telephone: {max(widths)}")
    page.shot(name, 390)
    window(1280)


def paths_page():
    page.open(f"file://{folder}/paths.html")
    last = int(js("return data.steps"))
    at = lambda: int(browser.find_element(By.ID, "at").text.split()[1])
    body, slider = browser.find_element(By.TAG_NAME, "body"), browser.find_element(By.ID, "step")

    def moved_to(step):
        check(at() == step, f"stands at {at()}, not {step}")
        state = js("""return trajectories.map(w => [w.line.getAttribute('points').split(' ').length, +w.pin.getAttribute('cx'),
                      to_x(w.points[now][0])])""")
        for points, x, expected in state:
            check(points == step + 1 and abs(x - expected) < 0.1, f"a trajectory is not drawn up to {step}: {state}")

    moved_to(last)
    charts_are_drawn()
    body.send_keys(Keys.HOME)
    moved_to(0)
    body.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    moved_to(2)
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    moved_to(12)
    ActionChains(browser).move_to_element(slider).click().perform()
    check(abs(at() - last / 2) <= 3, f"a click on the slider's middle leads to {at()}")
    moved_to(at())
    ActionChains(browser).drag_and_drop_by_offset(slider, slider.size["width"] // 4, 0).perform()
    check(at() > 0.65 * last, f"dragging the slider leads to {at()}")
    body.send_keys(Keys.HOME)
    # The page itself presses the key again, before it has come to the end.
    js("""const show_step = show;
        show = step => { show_step(step);
            if (step > 5) { show = show_step; document.body.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true })); } };""")
    body.send_keys(" ")
    until(lambda: at() > 5)
    check(js("return playing") is None and at() < last, "does not pause")
    browser.find_element(By.ID, "play").click()
    until(lambda: at() == last)
    check(browser.find_element(By.ID, "minima").text.count("lowest minimum found") == 1, "no lowest minimum is listed")
    check(len(js("return [...document.querySelectorAll('path.mark')]")) == len(js("return data.minima")), "minima unmarked")
    themes_follow()
    fits_a_telephone("paths-narrow")
    page.shot("paths-light", 1280)
    js("set_theme('dark')")
    page.shot("paths-dark", 1280)
    page.nothing_was_asked(f"file://{folder}/paths.html")


def report_page():
    page.open(f"file://{folder}/report.html")
    charts_are_drawn()
    text = browser.find_element(By.TAG_NAME, "main").text
    for part in ("Results", "Loss", "accuracy", "Learning rate", "Norm of each gradient", "Norm of each weight", "Confusion",
                 "The worst mistakes", "Samples", "Model", "Memory and kernels", "Configuration", "Environment"):
        check(part in text, f"lacks {part}")
    js("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    until(lambda: js("return [...document.images].every(i => i.complete)"))
    check(js("return document.images.length > 12 && [...document.images].every(i => i.naturalWidth === 8)"), "pictures fail")
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    check("fn forward" in browser.find_element(By.TAG_NAME, "main").text, "the source does not open")
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    themes_follow()
    fits_a_telephone("report-narrow")
    page.shot("report-light", 1280)
    js("set_theme('dark')")
    charts_are_drawn()
    page.shot("report-dark", 1280)
    page.nothing_was_asked(f"file://{folder}/report.html")


def compare_page():
    page.open(f"file://{folder}/compare.html")
    charts_are_drawn()
    themes_follow()
    fits_a_telephone("compare-narrow")
    page.shot("compare-light", 1280)
    page.nothing_was_asked(f"file://{folder}/compare.html")


def live_page():
    train = subprocess.Popen([nnc, "train", run, "--set", f"train.out={folder}/live", "--set", "train.epochs=1000000000", "-q"],
                             stdout=subprocess.DEVNULL)
    server = None
    try:
        until(lambda: os.path.exists(folder + "/live/metrics.csv"))
        server = subprocess.Popen([nnc, "report", folder + "/live", "--live", "--port", "0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        address = server.stdout.readline().strip()
        page.open(address)
        rows = lambda: js("return run.curves.rows.length")
        # In one go, for the page puts a new badge in place with each answer.
        badge = lambda: js("return document.querySelector('.badge').textContent.trim()")
        before = rows()
        check(badge() == "running", "does not say that it runs")
        until(lambda: rows() > before)
        train.send_signal(signal.SIGINT)
        train.wait()
        until(lambda: badge() == "stopped")
        charts_are_drawn()
        page.nothing_was_asked(address)
    finally:
        for process in (train, server):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


try:
    for drive in (paths_page, report_page, compare_page, live_page):
        drive()
        print(drive.__name__.replace("_", " "), "is good")
finally:
    browser.quit()
