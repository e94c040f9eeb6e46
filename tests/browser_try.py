"""Tries the page *Try it* in headless Chromium, as a reader would: by keyboard, on a telephone, in the dark, cut off.

Its answers are compared with the package's, token for token. Not part of `make test`. Run: `make test-browser`, or
`python tests/browser_try.py [--items 200] [--models rl-correct]`. Needs Debian's chromium and chromium-driver,
selenium, and npm, from which axe-core comes, which looks for what shuts readers out. Screenshots lie in runs/browser.
"""

import argparse
import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time

from browser_lab import ROOT, SHOTS, start_chromium
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions

AXE = "axe-core@4.14.1"
PERTURBATIONS = ("plain", "wrong-caption", "wrong-think", "wrong-think-but")
PATIENCE = 900
"""Seconds that anything may take."""

AT_ONCE = 20
"""Prompts that the page is given at a time: chromedriver waits two minutes for what a script returns."""

SITE = SHOTS / "site"

ASK = """
const [cases, done] = arguments;
const read = (file) => fetch(`/more/${file}`).then((reply) => reply.arrayBuffer());
import('/more/try_page.js').then(({ answerAll }) => answerAll(read, cases)).then(done, (error) => done(`${error}`));
"""


def set_up(items: int) -> str:
    """The page as the site has it, one with more items, and axe-core. Returns the source of the latter."""
    shutil.rmtree(SITE, ignore_errors=True)
    for name, count in (("try", 27), ("more", items)):
        subprocess.run(
            [sys.executable, ROOT / "docs" / "site" / "try" / "make.py", SITE / name, "--items", str(count)], check=True
        )
        shutil.copy(ROOT / "tests" / "try_page.js", SITE / name)
    subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", SHOTS / "axe", AXE], check=True)
    return (SHOTS / "axe" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def serve() -> str:
    """The URL of a server of the site, which ends with this process."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def emulate(driver: webdriver.Chrome, scheme: str = "light", motion: str = "no-preference") -> None:
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": motion},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def resize(driver: webdriver.Chrome, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )


def shoot(driver: webdriver.Chrome, name: str) -> None:
    """The whole page, from top to bottom."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return innerWidth")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.save_screenshot(str(SHOTS / f"try-{name}.png"))


def wait(driver: webdriver.Chrome, script: str) -> None:
    WebDriverWait(driver, PATIENCE, 0.1).until(lambda d: d.execute_script(f"return {script}"), f"never: {script}")


def press(driver: webdriver.Chrome, *keys: str) -> None:
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def tab_to(driver: webdriver.Chrome, wanted: str, most: int = 40) -> None:
    """Press Tab until an element has the focus that a selector matches."""
    for _ in range(most):
        press(driver, Keys.TAB)
        if driver.execute_script("return document.activeElement.matches(arguments[0])", wanted):
            outline = "return getComputedStyle(document.activeElement).outlineStyle != 'none'"
            assert driver.execute_script(outline) or wanted.startswith("[name=scene]"), f"{wanted}: focus is not seen"
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


LOADED = "document.getElementById('offline').textContent != ''"
ANSWERED = "document.getElementById('summary').textContent != ''"


def thread_time(driver: webdriver.Chrome) -> float:
    """Seconds of a core that the page's own thread has taken since it was opened, however busy the machine is."""
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return {metric["name"]: float(metric["value"]) for metric in metrics}["ThreadTime"]


def first_answer(driver: webdriver.Chrome, url: str) -> str:
    """How long the page takes to have its models and from asking to the first answer, in seconds on the clock and of a
    core, and how many bytes came."""
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    emulate(driver, motion="reduce")
    driver.get(f"{url}/try/")
    wait(driver, "document.getElementById('loading').textContent == '' && document.querySelector('[name=guess]')")
    wait(driver, LOADED)
    loaded = driver.execute_script(
        "return Math.max(...performance.getEntriesByType('resource').map((entry) => entry.responseEnd)) / 1000"
    )
    script = "return performance.getEntriesByType('resource').reduce((sum, entry) => sum + entry.transferSize, 0)"
    came = driver.execute_script(script)
    before = thread_time(driver)
    driver.execute_script("document.querySelector('[name=guess]').click()")
    asked = """
        const done = arguments[0], begin = performance.now();
        new MutationObserver((_, own) => {
          if (!document.querySelector('.answer strong')) return;
          own.disconnect();
          done((performance.now() - begin) / 1000);
        }).observe(document.getElementById('answers'), { childList: true, subtree: true });
        document.getElementById('go').click();
    """
    answered = driver.execute_async_script(asked)
    after = thread_time(driver)
    return (
        f"{loaded:.1f} s ({before:.1f} s of a core) to load {came / 1e6:.1f} MB, "
        f"{answered:.2f} s ({after - before:.2f} s) from asking to the first answer"
    )


def walk(driver: webdriver.Chrome, url: str) -> None:
    """Choose, write, guess and ask with the keys alone."""
    emulate(driver, motion="reduce")
    driver.get(f"{url}/try/")
    wait(driver, LOADED)
    tab_to(driver, "[name=scene]")
    before = driver.find_element(By.ID, "question").text
    press(driver, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert driver.find_element(By.ID, "question").text != before
    tab_to(driver, "#shuffle")
    tab_to(driver, "#kind")
    press(driver, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert driver.find_element(By.ID, "said-label").text == "The start of the model's reasoning"
    tab_to(driver, "#said")
    for choice in ("#first", "#second", "#step"):
        tab_to(driver, choice)
    press(driver, Keys.ARROW_LEFT)
    assert driver.find_element(By.ID, "step-shown").text == "500"
    press(driver, Keys.ARROW_RIGHT)
    tab_to(driver, "[name=guess]")
    tab_to(driver, "#go")
    press(driver, Keys.ENTER)
    assert not driver.find_element(By.ID, "results").is_displayed(), "answers came before the guess"
    press(driver, Keys.SPACE)  # the browser has led back to the guess that is missing
    tab_to(driver, "#go")
    press(driver, Keys.ENTER)
    wait(driver, ANSWERED)
    assert driver.execute_script("return document.activeElement.id") == "results-title"
    assert len(driver.find_elements(By.CSS_SELECTOR, ".answer table")) == 4


def violations(driver: webdriver.Chrome, axe: str) -> list[str]:
    driver.execute_script(axe)
    found = driver.execute_async_script("axe.run().then(arguments[0])")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


def cut_off(driver: webdriver.Chrome, offline: bool) -> None:
    conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)


def ask_offline(driver: webdriver.Chrome) -> None:
    """With no network any more: another item, and a model that was not asked before; then one that was not loaded."""
    cut_off(driver, True)
    press_script = """
        const choose = (id, value) => {
          const element = document.getElementById(id);
          element.value = value;
          element.dispatchEvent(new Event(id == 'step' ? 'input' : 'change', { bubbles: true }));
        };
        document.getElementsByName('scene')[20].click();
        choose('second', 'rl-consistent');
        document.querySelector('[name=guess]').click();
        document.getElementById('go').click();
    """
    driver.execute_script(press_script)
    wait(driver, ANSWERED)
    assert len(driver.find_elements(By.CSS_SELECTOR, ".answer strong")) == 4
    driver.execute_script("const s = document.getElementById('step'); s.value = 1; s.dispatchEvent(new Event('input'))")
    wait(driver, "document.getElementById('summary').textContent.includes('could not be loaded')")
    cut_off(driver, False)


def from_a_disk(driver: webdriver.Chrome) -> None:
    """The site's page as a file: browsers load no modules there, so that it hands over to the page in one file."""
    driver.get((SITE / "try" / "index.html").as_uri())
    wait(driver, LOADED)
    driver.execute_script("document.querySelector('[name=guess]').click(); document.getElementById('go').click()")
    wait(driver, ANSWERED)
    assert driver.current_url.endswith("one-file.html")
    assert len(driver.find_elements(By.CSS_SELECTOR, ".answer table")) == 4


def compare(driver: webdriver.Chrome, url: str, name: str, items: int) -> None:
    """Every answer of the page against the package's, and the probabilities of letters."""
    prompts = [apply(question, own) for question in questions("test", items) for own in PERTURBATIONS]
    setup = json.loads((SITE / "more" / "setup.json").read_text(encoding="utf-8"))
    added = {item["id"]: item["added"] for item in setup["items"]}
    cases = [[name, prompt.question.id, added[prompt.question.id].get(prompt.perturbation, {})] for prompt in prompts]
    driver.get(f"{url}/more/setup.json")
    expected = responses(LocalModel(str(ROOT / "checkpoints" / name)), prompts, Sampling())
    others, largest, seconds = [], 0.0, 0.0
    for start in range(0, len(cases), AT_ONCE):
        begin = time.monotonic()
        found = driver.execute_async_script(ASK, cases[start : start + AT_ONCE])
        seconds += time.monotonic() - begin
        assert isinstance(found, list), found
        for place, own in enumerate(found, start):
            prompt, response = prompts[place], expected[place]
            same = (own["text"], own["think"], own["answer"]) == (response.text, response.think, response.answer)
            if not same or (own["probabilities"] is None) != (response.letter_probs is None):
                others.append(
                    f"{prompt.question.id} under {prompt.perturbation}: {own['text']!r}, not {response.text!r}"
                )
            elif response.letter_probs:
                apart = [abs(a - b) for a, b in zip(own["probabilities"], response.letter_probs, strict=True)]
                largest = max(largest, *apart)
        asked = min(start + AT_ONCE, len(cases))
        print(
            f"{name}: {asked} answers in {seconds:.0f} s, {len(others)} other than the package's, probabilities of "
            f"letters at most {largest:.1e} apart",
            flush=True,
        )
    assert not others, "\n".join(others)
    assert largest < 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--models", default="rl-correct", help="whose answers are compared, with commas between them")
    given = parser.parse_args()
    axe = set_up(given.items)
    url = serve()
    driver = start_chromium()
    try:
        resize(driver, 1280)
        driver.set_script_timeout(PATIENCE)
        for state in ("cold", "warm"):
            print(f"{state}: {first_answer(driver, url)}")
        walk(driver, url)
        print("walked by keyboard")
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                resize(driver, width)
                emulate(driver, scheme, "reduce")
                wrong = violations(driver, axe)
                assert not wrong, f"{width} pixels, {scheme}: {wrong}"
                shoot(driver, f"{width}-{scheme}")
        print("axe-core finds nothing wrong at 1,280 and 390 pixels, light and dark")
        ask_offline(driver)
        print("answers without a network")
        from_a_disk(driver)
        print("answers from a disk")
        for name in given.models.split(","):
            compare(driver, url, name, given.items)
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
