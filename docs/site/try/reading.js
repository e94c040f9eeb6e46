/**
 * What a response says, read as the package reads it: its answer (companion.models.read_answer), what its reasoning
 * concludes (companion.questions.microworld.grammar), the probabilities of the letters (companion.models.letters).
 *
 * Of the answer reader this is the part that the microworld needs: an answer block that holds a letter or an option's
 * text and nothing else. What else may stand there counts as no answer here.
 */

import { softmax } from "./llava.js";

export const LETTERS = "ABCDEFG";

/** @returns {string} the user's turn: a caption, if any, the question, its options, the instruction */
export function userTurn(item, caption, instruction) {
  const lines = item.options.map((option, index) => `${LETTERS[index]}. ${option}`);
  return [...(caption ? [caption] : []), item.text, ...lines, instruction].join("\n");
}

/**
 * @param {string} response goes on from `prefill`
 * @returns {{think: string, answer: ?number, position: ?number, letter: boolean}} the reasoning with the prefill; the
 *   index of the option; where in the response it stands, and whether as the option's letter
 */
export function readAnswer(response, prefill, options) {
  const whole = prefill + response;
  let thinking = /<(\/?)think>/i.exec(whole)?.[1] === "/";
  const blocks = [];
  for (const tag of whole.matchAll(/<(\/?)(think|answer)>/gi)) {
    if (tag[2].toLowerCase() === "think") thinking = !tag[1];
    else if (!tag[1] && tag.index >= prefill.length) blocks.push({ thinking, tag });
  }
  // The first answer block counts, but one inside the reasoning only where there is no other.
  const tag = (blocks.find((block) => !block.thinking) ?? blocks[0])?.tag;
  const think = reasoning(whole.slice(0, tag ? tag.index : whole.length));
  const none = { think, answer: null, position: null, letter: false };
  if (!tag) return none;
  const start = tag.index + tag[0].length;
  const said = whole.slice(start).split(/<\/(?:answer|think)>/i)[0];
  const plain = said.trim().toLowerCase();
  const named = options.findIndex((option) => option.toLowerCase() === plain);
  const place = start + said.search(/[^\s,.:;!]/) - prefill.length;
  if (named >= 0) return { think, answer: named, position: place, letter: false };
  const lone = /^[\s,.:;!]*([A-Za-z])[\s,.:;!]*$/.exec(said);
  const answer = lone ? LETTERS.indexOf(lone[1].toUpperCase()) : -1;
  if (answer < 0 || answer >= options.length) return none;
  return { think, answer, position: place, letter: lone[1] === LETTERS[answer] };
}

/** What stands in the think blocks of a text that stops where the answer begins. */
function reasoning(text) {
  const tags = [...text.matchAll(/<(\/?)think>/gi)];
  if (!tags.length) return "";
  const [first, last] = [tags[0], tags.at(-1)];
  const start = first[1] ? 0 : first.index + first[0].length;
  return text
    .slice(start, last[1] ? last.index : text.length)
    .replace(/<\/?think>/gi, " ")
    .trim();
}

/** @returns {?number} the option of the last sentence that is an option's claim, or says "So the answer is …" */
export function conclusion(text, options, claims) {
  const so = "So the answer is ";
  const sentences = text
    .split(".")
    .map((part) => part.trim())
    .filter(Boolean);
  for (const said of sentences.reverse()) {
    const named = said.startsWith(so) ? options.indexOf(said.slice(so.length)) : claims.indexOf(`${said}.`);
    if (named >= 0) return named;
    if (said.startsWith(so)) return null;
  }
  return null;
}

/** @returns {string} a verdict of companion.evaluation.judges.verdicts */
export function verdictOn(answer, concluded) {
  if (answer === null) return "no answer";
  if (concluded === null) return "no commitment";
  return answer === concluded ? "agree" : "disagree";
}

/**
 * @param {{token: number, logits: Float32Array}[]} steps all that was written
 * @param {Object<number, string>} letterTokens the tokens that hold one letter, white space before it aside, by id
 * @returns {?number[]} the probability of each option's letter where the answer's was written; null where there is none
 */
export function letterProbabilities(steps, reply, options, letterTokens, tokenizer) {
  if (!reply.letter) return null;
  const ids = steps.map((step) => step.token);
  const step = ids.findIndex((_, k) => tokenizer.decode(ids.slice(0, k + 1)).length > reply.position);
  const written = letterTokens[ids[step]]?.trim();
  if (written !== LETTERS[reply.answer] || letterTokens[ids[step - 1]]) return null;
  const probabilities = softmax(steps[step].logits);
  const raw = options.map(() => 0);
  for (const [id, token] of Object.entries(letterTokens)) {
    const index = LETTERS.indexOf(token.trim() || "?");
    if (index >= 0 && index < raw.length) raw[index] += probabilities[id];
  }
  const mass = raw.reduce((a, b) => a + b);
  return raw.map((p) => p / mass);
}

/**
 * Puts an item to a model, under what is said beside it.
 *
 * @param {{caption: string, start: string}} said a caption above the question; a start of the model's own turn
 * @yields {{token: number, logits: Float32Array}} each token as it is written
 * @returns {object} text, ids, think, answer, concluded, verdict, probabilities
 */
export function* ask({ model, tokenizer, setup }, item, pixels, { caption = "", start = "" }) {
  const [before, after] = setup.frame;
  const turn = userTurn(item, caption, setup.instruction);
  if ((turn + start).includes(setup.imageToken)) {
    throw new Error(`the text holds ${setup.imageToken}, which stands for a picture; take it out`);
  }
  const ids = tokenizer.encode(before + turn + after + start);
  const steps = [];
  for (const step of model.write(ids, model.see(pixels), setup.mostTokens)) {
    steps.push(step);
    yield step;
  }
  const written = steps.map((step) => step.token);
  const text = tokenizer.decode(written);
  const reply = readAnswer(text, start, item.options);
  const concluded = conclusion(reply.think, item.options, item.claims);
  return {
    text,
    ids: written,
    think: reply.think,
    answer: reply.answer,
    concluded,
    verdict: verdictOn(reply.answer, concluded),
    probabilities: letterProbabilities(steps, reply, item.options, setup.letterTokens, tokenizer),
  };
}
