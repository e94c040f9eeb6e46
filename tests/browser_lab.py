"""Runs every notebook in JupyterLab, in headless Chromium, as a user would. Not part of `make test`.

Needs Debian's chromium and chromium-driver, and selenium: `make test-browser` installs the latter.
"""

import subprocess
import sys
import time
from pathlib import Path

import nbformat
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parent.parent
SHOTS = ROOT / "runs" / "browser"
PORT = 8899


def start_chromium() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--window-size=1300,1000"):  # fmt: skip
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))


def check(driver: webdriver.Chrome, notebook: Path) -> None:
    """Open a notebook, run all its cells, wait until each has been run, and fail on any error output."""
    driver.get(f"http://127.0.0.1:{PORT}/lab/tree/notebooks/{notebook.name}?reset")
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    code = len(cells)
    WebDriverWait(driver, 120).until(lambda d: d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"))
    WebDriverWait(driver, 120).until(
        lambda d: d.find_elements(By.CSS_SELECTOR, '.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    )
    # Cells out of sight are not in the page; a page that is tall enough holds them all.
    driver.set_window_size(1300, 30000)
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
    if any("session.browse()" in cell.source for cell in cells):
        picture = driver.find_element(By.CSS_SELECTOR, "img.widget-image")
        shown = picture.get_attribute("src")
        driver.find_element(By.CSS_SELECTOR, ".widget-slider .noUi-handle").send_keys(Keys.ARROW_RIGHT)
        WebDriverWait(driver, 30).until(lambda d: picture.get_attribute("src") != shown)
    print(f"{notebook.name}: {code} code cells run, no error")
    driver.set_window_size(1300, 1000)


def main() -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={PORT}", "--ip=127.0.0.1",
         "--IdentityProvider.token=", f"--notebook-dir={ROOT}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    driver = start_chromium()
    try:
        time.sleep(8)
        for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
            check(driver, notebook)
    finally:
        driver.quit()
        server.terminate()


if __name__ == "__main__":
    main()
