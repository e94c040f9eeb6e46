/** The page: what the reader chooses, and what the models say to it. llava.js and reading.js compute it. */

import { Llava, readBmp } from "./llava.js";
import { LETTERS, ask, userTurn } from "./reading.js";
import { Tokenizer } from "./tokenizer.js";

const $ = (id) => document.getElementById(id);
const PACE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 40; // milliseconds between two tokens
const VERDICTS = {
  agree: "Its reasoning agrees with that answer.",
  disagree: "Its reasoning contradicts that answer",
  "no commitment": "Its reasoning names no option.",
  "no answer": "It gives no answer that can be read.",
};

/** An element with attributes and children. */
function make(name, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...children);
  return element;
}

const files = JSON.parse($("files").textContent); // where the page is one file: name → data URL
const at = (file) => files[file] ?? file;

async function load(file) {
  const reply = await fetch(at(file)).catch(() => null);
  if (!reply?.ok) throw new Error(`${file} could not be loaded; is the network there? Try again when it is.`);
  return reply;
}

const [setup, tokenizer] = await Promise.all([
  load("setup.json").then((reply) => reply.json()),
  load("tokenizer.json").then(async (reply) => new Tokenizer(await reply.json())),
]).catch((error) => {
  $("loading").textContent = error.message;
  throw error;
});
const ladder = setup.models.filter((model) => model.step !== null);
const labels = Object.fromEntries(setup.models.map((model) => [model.name, model.label]));

const loading = new Map(); // name of a model or file → promise of it
/** What `get` gives, asked for once; a failure is forgotten, so that it can be tried again. */
function once(name, get) {
  if (!loading.has(name))
    loading.set(
      name,
      get().catch((error) => {
        loading.delete(name);
        throw error;
      }),
    );
  return loading.get(name);
}
const modelOf = (name) =>
  once(name, async () => {
    const [config, weights] = await Promise.all(
      ["config.json", "model.safetensors"].map((file) => load(`models/${name}/${file}`)),
    );
    return new Llava(await config.json(), await weights.arrayBuffer());
  });
const pictureOf = (item) => `pictures/${item.id}.bmp`;
const pixelsOf = (item) => once(item.id, async () => readBmp(await (await load(pictureOf(item))).arrayBuffer()));

let round = 0; // the number of what is shown last; what was begun before it stops where it is

// ---- What is chosen -------------------------------------------------------------------------------------------------

const named = (item, index) => `${LETTERS[index]}. ${item.options[index]}`;
const described = (item) => `A picture with ${item.holds}.`;
const chosenItem = () => setup.items.find((item) => item.id === $("form").elements.scene.value);
const addedNow = () => chosenItem().added[$("kind").value]; // none where the words are the reader's own
const isStart = () => (addedNow() ? Boolean(addedNow().start) : $("kind").value === "own-start");
const OWN = { "own-caption": "a caption of your own", "own-start": "a reasoning prefix of your own" };

/** What is said beside the question, as `ask` takes it. */
function said() {
  const words = $("said").value.trim();
  if (!words) return {};
  const added = addedNow();
  const suggested = added && words === wordsOf(added) ? added.suggested : null; // unknown of other words
  return isStart() ? { start: `<think>${words}`, suggested } : { caption: words, suggested };
}

/** What a perturbation adds, without the tag that is there in any case. */
const wordsOf = (added) => added.caption || added.start.replace(/^<think>/, "");

function showItem() {
  const item = chosenItem();
  Object.assign($("picture"), { src: at(pictureOf(item)), alt: described(item), hidden: false });
  $("question").textContent = item.text;
  $("options").replaceChildren(...item.options.map((option) => make("li", {}, option)));
  $("guess").replaceChildren(
    ...item.options.map((_, index) =>
      make(
        "label",
        {},
        make("input", { type: "radio", name: "guess", value: index, required: true }),
        ` ${named(item, index)}`,
      ),
    ),
  );
  showSaid();
}

function showSaid() {
  $("said").value = addedNow() ? wordsOf(addedNow()) : "";
  $("said-label").textContent = isStart() ? "The start of the model's reasoning" : "The caption";
  $("said-help").textContent = isStart()
    ? "These words are put into the model's mouth, after <think>; it goes on from there. Change them if you like."
    : "These words stand above the question. Change them if you like; the models know the words of their world best.";
  startOver();
}

/** What the reader is to guess, of the model and the words that are chosen now. */
function showAsked() {
  const item = chosenItem();
  $("asked").textContent =
    `Which option will the model “${labels[$("first").value]}” choose with these words beside the question? ` +
    `The picture shows ${named(item, item.answer)}.`;
}

/** Other words want another guess before anything is shown. */
function startOver() {
  round++;
  for (const input of document.getElementsByName("guess")) input.checked = false;
  $("results").hidden = true;
  showAsked();
}

function showSteps() {
  const rung = ladder.findIndex((model) => model.name === $("first").value);
  $("steps").hidden = $("step-help").hidden = rung < 0;
  if (rung < 0) return;
  $("step").value = rung;
  $("step-shown").textContent = ladder[rung].step;
  $("step").setAttribute("aria-valuetext", `${ladder[rung].step} steps`);
}

// ---- What is said ---------------------------------------------------------------------------------------------------

/** One card, filled while the model writes. Returns what it came to; null where `isLatest` says that it is late. */
async function answer(name, item, words, title, isLatest) {
  if (!isLatest()) return null;
  const reasoning = make("p", { className: "reasoning" });
  const given = words.start ?? "";
  const written = make("span");
  reasoning.append(make("span", { className: "given", title: "put into the model's mouth" }, given), written);
  const card = make(
    "article",
    { className: "answer" },
    make("h3", {}, title, make("small", {}, labels[name])),
    reasoning,
  );
  $("answers").append(card);

  const [model, pixels] = await Promise.all([modelOf(name), pixelsOf(item)]);
  const asking = ask({ model, tokenizer, setup }, item, pixels, words);
  const ids = [];
  let step;
  while (isLatest() && !(step = asking.next()).done) {
    ids.push(step.value.token);
    written.textContent = tokenizer.decode(ids);
    await new Promise((resume) => setTimeout(resume, PACE));
  }
  if (!step?.done) return null;
  const found = step.value;
  const right =
    found.answer === item.answer ? "right" : found.answer === words.suggested ? "what it was told, and wrong" : "wrong";
  const told = found.answer === null ? "" : `It answers ${named(item, found.answer)}, which is ${right}. `;
  const instead = found.verdict === "disagree" ? `: it concludes ${named(item, found.concluded)}.` : "";
  card.append(make("p", {}, make("strong", {}, told + VERDICTS[found.verdict] + instead)), bars(item, found));
  const prompt = `${userTurn(item, words.caption, setup.instruction)}\n\n${given}`.trim();
  card.append(make("details", {}, make("summary", {}, "The prompt, word for word"), make("pre", {}, prompt)));
  return found;
}

function bars(item, found) {
  if (!found.probabilities)
    return make("p", { className: "help" }, "No letter was written, so there are no probabilities of letters.");
  const rows = item.options.map((_, index) => {
    const share = 100 * found.probabilities[index];
    const bar = make("div");
    bar.style.width = `${share}%`;
    const track = make("td", { className: "track" }, bar);
    return make(
      "tr",
      { className: index === found.answer ? "chosen" : "" },
      make("th", { scope: "row" }, named(item, index)),
      track,
      make("td", { className: "share" }, `${share.toFixed(1)} %`),
    );
  });
  return make("table", {}, make("caption", {}, "Probability of each letter"), make("tbody", {}, ...rows));
}

async function show() {
  const own = ++round;
  const isLatest = () => own === round;
  const item = chosenItem();
  const words = said();
  const title = words.start ? "With the reasoning prefix" : "With the caption";
  const guess = Number($("form").elements.guess.value);
  const names = [...new Set([$("first").value, $("second").value].filter(Boolean))];
  $("answers").replaceChildren();
  $("summary").textContent = "";
  $("results").hidden = false;
  try {
    const found = [];
    for (const name of names) {
      const plain = await answer(name, item, {}, "The plain prompt", isLatest);
      found.push(words.start || words.caption ? await answer(name, item, words, title, isLatest) : plain);
    }
    if (!isLatest()) return;
    const chose = found[0].answer === null ? "gave no answer" : `chose ${named(item, found[0].answer)}`;
    const hit = found[0].answer === guess ? "as you guessed" : `where you guessed ${named(item, guess)}`;
    $("summary").textContent = `“${labels[names[0]]}” ${chose}, ${hit}.`;
  } catch (error) {
    if (isLatest()) $("summary").textContent = error.message;
  }
}

// ---- The page -------------------------------------------------------------------------------------------------------

$("pictures").append(
  ...setup.items.map((item) =>
    make(
      "label",
      {},
      make("input", { type: "radio", name: "scene", value: item.id, checked: item.id === setup.first }),
      make("img", { src: at(pictureOf(item)), alt: `${described(item)} ${item.text}`, width: 72, height: 72 }),
    ),
  ),
);
$("kind").append(
  ...Object.entries({ ...setup.added, ...OWN }).map(([value, label]) => make("option", { value }, label)),
);
for (const id of ["first", "second"]) {
  $(id).append(...setup.models.map(({ name, label }) => make("option", { value: name }, label)));
}
$("second").prepend(make("option", { value: "" }, "no other"));
$("first").value = ladder.at(-1).name;
$("second").value = ladder[0].name;
$("step").max = ladder.length - 1;
$("step-help").textContent = setup.stepNote;

$("pictures").addEventListener("change", showItem);
$("kind").addEventListener("change", showSaid);
$("said").addEventListener("input", startOver);
$("shuffle").addEventListener("click", () => {
  const others = setup.items.filter((item) => item !== chosenItem());
  $("form").elements.scene.value = others[Math.floor(Math.random() * others.length)].id;
  showItem();
});
/** A guess is asked for once for the words: other models show at once what they say to them. */
function changeModels() {
  showSteps();
  showAsked();
  if (!$("results").hidden) show();
}
$("first").addEventListener("change", changeModels);
$("second").addEventListener("change", changeModels);
$("step").addEventListener("input", () => {
  $("first").value = ladder[$("step").value].name;
  changeModels();
});
$("go").addEventListener("click", (event) => {
  event.preventDefault(); // a form is not submitted in a frame of JupyterLab, whose server forbids it
  if (!$("form").reportValidity()) return;
  show();
  $("results-title").focus();
});

showSteps();
showItem();

// Models before and after RL come at once, so that the network may go; those on the way when they are asked for.
const first = [
  $("first").value,
  $("second").value,
  ...setup.models.filter((model) => model.step === null).map((model) => model.name),
];
try {
  for (const name of first) {
    $("loading").textContent = `Loading the model “${labels[name]}” …`;
    await modelOf(name);
  }
  await Promise.all(setup.items.map(pixelsOf));
  $("loading").textContent = "";
  $("offline").textContent = Object.keys(files).length
    ? "Everything is in this one file: the page needs no network."
    : "Everything but the models on the way of RL is here now: the page works without a network.";
} catch (error) {
  $("loading").textContent = error.message;
}
