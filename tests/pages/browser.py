"""Headless Chromium as the tests of the pages use it: one window, its size and color scheme, what it asked for and said."""
import json
import shutil

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

MOST_HEIGHT = 6000


class Browser:
    def __init__(self, folder):
        self.folder = folder  # of the pages and screenshots
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.driver.set_script_timeout(600)
        self.js = self.driver.execute_script

    def check(self, condition, what):
        if not condition:
            self.driver.save_screenshot(f"{self.folder}/failed.png")
            raise SystemExit(f"{self.driver.current_url}: {what}")

    def until(self, condition, what="does not come to what is waited for"):
        """However long it takes: the limit is only for what never comes."""
        WebDriverWait(self.driver, 600, 0.05).until(lambda _: condition(), what)

    def window(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        # What follows a change of size is drawn with the next frames.
        self.driver.execute_async_script("""const done = arguments[0]; let frames = 10;
            const next = () => --frames > 0 ? requestAnimationFrame(next) : done(); next();""")

    def shot(self, name, width):
        """The whole page, as far as it is not much too long."""
        self.window(width)
        self.window(width, min(MOST_HEIGHT, self.js("return document.documentElement.scrollHeight")))
        self.driver.save_screenshot(f"{self.folder}/{name}.png")

    def prefer(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, address, scheme="light", width=1280):
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.prefer(scheme)
        self.window(width)
        self.driver.get(address)

    def nothing_was_asked(self, allowed):
        """No request left the page but those to `allowed`, and the browser complained about nothing."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                self.check(url.startswith(allowed) or url.startswith("data:"), f"asks for {url}")
        # Reading pixels back is answered by the advice that it could be faster.
        complaints = [e["message"] for e in self.driver.get_log("browser")
                      if e["level"] in ("SEVERE", "WARNING") and "willReadFrequently" not in e["message"]]
        self.check(not complaints, complaints)
