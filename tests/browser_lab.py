"""Runs notebooks in JupyterLab, in headless Chromium, as a user would, and operates their widgets by keyboard.

Not part of `make test`. Run: `make test-browser`, or `python tests/browser_lab.py [--port 8899] [06_tradeoff_lab …]`.
Needs Debian's chromium and chromium-driver, and selenium: `make test-browser` installs the latter.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parent.parent
SHOTS = ROOT / "runs" / "browser"
STAGE = SHOTS / "project"
"""Where notebooks are run: the project by links, but for notebooks and figures, which running them rewrites."""

TALL = 30000
"""Pixels: cells out of sight are not in the page, and a page that is tall enough holds them all."""


def set_the_stage() -> None:
    shutil.rmtree(STAGE, ignore_errors=True)
    STAGE.mkdir(parents=True)
    for name in ("notebooks", "figures"):
        shutil.copytree(ROOT / name, STAGE / name)
    for name in ("checkpoints", "docs", "requirements.lock", "results", "runs", "src"):
        (STAGE / name).symlink_to(ROOT / name)


def wait_for_server(port: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def start_chromium() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1300,1000",
    ):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))


def check(driver: webdriver.Chrome, notebook: Path, port: int) -> None:
    """Open a notebook, run all its cells, wait until each has been run, and fail on any error output."""
    driver.get(f"http://127.0.0.1:{port}/lab/tree/{notebook.relative_to(ROOT)}?reset")
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    code = len(cells)
    WebDriverWait(driver, 120).until(lambda d: d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"))
    WebDriverWait(driver, 120).until(
        lambda d: d.find_elements(By.CSS_SELECTOR, '.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    )
    driver.set_window_size(1300, TALL)
    WebDriverWait(driver, 60).until(
        lambda d: len(d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell .jp-InputPrompt")) >= code
    )
    driver.find_element(By.XPATH, "//li[contains(@class,'lm-MenuBar-item')][.='Run']").click()
    WebDriverWait(driver, 20).until(lambda d: d.find_elements(By.CSS_SELECTOR, 'li[data-command="runmenu:run-all"]'))[
        0
    ].click()

    def finished(d: webdriver.Chrome) -> bool:
        prompts = [e.get_attribute("textContent") for e in d.find_elements(By.CSS_SELECTOR, ".jp-InputPrompt")]
        return sum(p.strip("[]: ").isdigit() for p in prompts) >= code

    WebDriverWait(driver, 600, 2).until(finished)
    time.sleep(3)
    driver.save_screenshot(str(SHOTS / f"{notebook.stem}.png"))
    outputs = [e.get_attribute("textContent") for e in driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output")]
    errors = [text for text in outputs if "Traceback (most recent call last)" in text]
    assert not errors, f"{notebook.name}: {errors[0]}"
    if any("context.browse()" in cell.source for cell in cells):
        picture = driver.find_element(By.CSS_SELECTOR, "img.widget-image")
        shown = picture.get_attribute("src")
        driver.find_element(By.CSS_SELECTOR, ".widget-slider .noUi-handle").send_keys(Keys.ARROW_RIGHT)
        WebDriverWait(driver, 30).until(lambda d: picture.get_attribute("src") != shown)
    if operate := OPERATED.get(notebook.stem):
        operate(driver)
        driver.save_screenshot(str(SHOTS / f"{notebook.stem}-operated.png"))
    print(f"{notebook.name}: {code} code cells run, no error")
    driver.set_window_size(1300, 1000)


class Panel:
    """A panel of the lab, operated with the keys alone, from where Tab leads."""

    def __init__(self, driver: webdriver.Chrome, words: str) -> None:
        """words: on one of its buttons, or a label, by which it is found."""
        self.driver = driver
        inside = f".//*[self::button or self::label][normalize-space()='{words}']"
        self.root = driver.find_element(By.XPATH, f"//div[contains(@class, 'jp-OutputArea-output')][{inside}]")

    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus: JupyterLab may take them first, as it may from a user."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()
            time.sleep(0.1)

    def tab_to(self, wanted: Callable[[WebElement], bool], most: int = 80) -> WebElement:
        """Press Tab until what is wanted has the focus, from the panel's first control on."""
        first = self.root.find_element(By.CSS_SELECTOR, "input, button, .noUi-handle")
        self.driver.execute_script("arguments[0].focus()", first)
        for _ in range(most):
            if wanted(self.focused()):
                return self.focused()
            self.press(Keys.TAB)
        raise AssertionError("Tab does not lead there")

    def label(self, words: str) -> Callable[[WebElement], bool]:
        """Whether a control is labelled so."""
        script = (
            "const e = arguments[0], l = e.closest('label') || (e.labels && e.labels[0]);"
            "const near = e.closest('.widget-inline-hbox, .jupyter-widgets');"
            "return (e.tagName == 'BUTTON' ? e : l || (near && near.querySelector('label')) || near || e).textContent"
        )
        return lambda element: words == str(self.driver.execute_script(script, element)).strip()

    def pictures(self) -> list[str]:
        return [str(e.get_attribute("src")) for e in self.root.find_elements(By.CSS_SELECTOR, "img.widget-image")]

    def wait_for(self, words: str) -> None:
        WebDriverWait(self.driver, 120, 0.3).until(lambda _: words in self.root.text, f"the panel never said {words!r}")

    def shoot(self, name: str) -> None:
        self.root.screenshot(str(SHOTS / f"{name}.png"))


def train_and_stop(driver: webdriver.Chrome) -> str:
    """Choose, train until the curves have been drawn again, and stop, by keyboard; the folder that the panel names."""
    training = Panel(driver, "Train")
    stop = training.root.find_element(By.XPATH, ".//button[normalize-space()='Stop']")
    assert stop.get_attribute("disabled")
    training.tab_to(training.label("the reasoning leads to the answer"))
    training.press(Keys.SPACE)
    training.tab_to(training.label("captions, half of them wrong"))
    training.press(Keys.SPACE, Keys.TAB, Keys.TAB, Keys.ARROW_RIGHT)  # past the starts, to the share
    training.tab_to(training.label("name of the model"))
    training.press(*"seen-in-a-browser", Keys.TAB)  # Tab has selected what was there
    training.tab_to(training.label("Train"))
    training.press(Keys.SPACE)
    training.wait_for("Evaluated at step 0:")
    first = training.pictures()
    training.wait_for("Evaluated at step 8:")
    assert training.pictures() != first
    assert not stop.get_attribute("disabled")
    training.tab_to(training.label("Stop"))
    training.press(Keys.SPACE)
    training.wait_for("The training ended: stopped.")
    training.shoot("lab-train")
    assert stop.get_attribute("disabled")
    return re.search(r"lies in (\S+?)\. ", training.root.text)[1]


def try_it(driver: webdriver.Chrome) -> None:
    """Open the page *Try it* in the notebook, and ask on it where JupyterLab's server shuts it out of all other files.

    It is asked in a tab of its own, under the address that the frame has: chromedriver never comes back from a switch
    into a frame of this notebook.
    """
    driver.set_window_size(1300, 1400)  # in a window of TALL pixels no frame is drawn
    output = driver.find_element(By.XPATH, "//div[contains(@class, 'jp-OutputArea-output')][.//iframe]")
    output.find_element(By.TAG_NAME, "summary").click()
    address = output.find_element(By.TAG_NAME, "iframe").get_attribute("src")
    time.sleep(5)
    driver.save_screenshot(str(SHOTS / "lab-try-frame.png"))
    output.find_element(By.TAG_NAME, "summary").click()
    lab = driver.current_window_handle
    driver.switch_to.new_window("tab")
    driver.get(address)
    said = "return document.getElementById(arguments[0])?.textContent"
    WebDriverWait(driver, 120, 0.3).until(lambda d: "one file" in (d.execute_script(said, "offline") or ""))
    driver.execute_script("document.querySelector('[name=guess]').click(); document.getElementById('go').click()")
    WebDriverWait(driver, 120, 0.3).until(lambda d: "you guessed" in d.execute_script(said, "summary"))
    driver.save_screenshot(str(SHOTS / "lab-try.png"))
    driver.close()
    driver.switch_to.window(lab)
    driver.set_window_size(1300, TALL)


def operate_lab(driver: webdriver.Chrome) -> None:
    """Ask on the page in the frame; compose a prompt and ask, move along the steps, guess, train and stop: by keyboard,
    in command mode."""
    try_it(driver)
    cells = len(driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
    composing = Panel(driver, "ask them")
    before = composing.pictures()
    composing.tab_to(composing.label("wrong-caption"))
    composing.press(Keys.SPACE)
    composing.tab_to(composing.label("caption"))
    composing.press(*"dd <b>big</b> llama", Keys.TAB)  # Tab has selected what was there
    composing.wait_for("Words that these models do not know:")
    composing.tab_to(composing.label("rl-consistent"))
    composing.press(Keys.SPACE)
    composing.tab_to(composing.label("it may reason"))
    composing.press(Keys.SPACE)
    composing.wait_for("<think></think>")
    composing.tab_to(lambda element: "noUi-handle" in str(element.get_attribute("class")))
    composing.press(Keys.ARROW_RIGHT)
    composing.tab_to(composing.label("ask them"))
    composing.press(Keys.ENTER)
    composing.wait_for("Asked 5 models.")
    composing.wait_for("rl-consistent answers")
    assert composing.pictures() != before
    assert not composing.root.find_elements(By.XPATH, ".//b[.='big']")
    composing.shoot("lab-compose")

    moving = Panel(driver, "RL step")
    before = moving.pictures()
    moving.tab_to(lambda element: "noUi-handle" in str(element.get_attribute("class")))
    moving.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    moving.wait_for("Step 500 of the recipe rl-correct under plain")
    moving.wait_for("No model of step 500 is shipped")
    moving.tab_to(moving.label("rl-correct, from misread-20"))
    moving.press(Keys.SPACE)
    moving.wait_for("The model of step 500 answers")
    moving.tab_to(moving.label("wrong-caption"))
    moving.press(Keys.ENTER)
    moving.wait_for("Shown: rl-correct, from misread-20, wrong-caption, step 500.")
    assert not set(moving.pictures()) & set(before)
    moving.shoot("lab-steps")

    guessing = Panel(driver, "that is my guess")
    models = [config.parent.name for config in (ROOT / "checkpoints").glob("*/config.json")]
    before = guessing.pictures()
    guessing.tab_to(lambda element: element.text in models)
    guessing.press(Keys.SPACE)
    guessing.tab_to(guessing.label("that is my guess"))
    guessing.press(Keys.SPACE)
    guessing.wait_for("of 1; a third is luck")
    guessing.shoot("lab-guess")
    guessing.tab_to(guessing.label("next round"))
    guessing.press(Keys.ENTER)
    guessing.wait_for("Round 2")
    assert guessing.pictures() != before
    shutil.rmtree(STAGE / train_and_stop(driver))
    assert len(driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell")) == cells  # no key was taken as a command


OPERATED = {"06_tradeoff_lab": operate_lab}
"""What is done with the widgets of a notebook after it has run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="names without .ipynb; all, if none is given")
    parser.add_argument("--port", type=int, default=8899)
    given = parser.parse_args()
    set_the_stage()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--port={given.port}",
            "--ip=127.0.0.1",
            "--IdentityProvider.token=",
            f"--notebook-dir={ROOT}",  # the server gives out no file that a link leads to from outside its folder
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    driver = start_chromium()
    try:
        wait_for_server(given.port)
        every = sorted((STAGE / "notebooks").glob("*.ipynb"))
        names = given.notebooks or [notebook.stem for notebook in every]
        for name in names:
            check(driver, STAGE / "notebooks" / f"{name}.ipynb", given.port)
    finally:
        driver.quit()
        server.terminate()


if __name__ == "__main__":
    main()
