/** What the page *Try it* answers, for tests: beside its modules, in a browser or in node. */

import { Llava, readBmp } from "./llava.js";
import { ask } from "./reading.js";
import { Tokenizer } from "./tokenizer.js";

/**
 * @param {(file: string) => Promise<ArrayBuffer>} read a file of the page's folder
 * @param {[string, string, object][]} cases model, item, what is said beside it
 * @returns {Promise<object[]>} what `ask` returned for each, or {error}
 */
export async function answerAll(read, cases) {
  const json = async (file) => JSON.parse(new TextDecoder().decode(await read(file)));
  const setup = await json("setup.json");
  const tokenizer = new Tokenizer(await json("tokenizer.json"));
  const models = {};
  const found = [];
  for (const [name, id, said] of cases) {
    models[name] ??= new Llava(
      await json(`models/${name}/config.json`),
      await read(`models/${name}/model.safetensors`),
    );
    const item = setup.items.find((one) => one.id === id);
    const pixels = readBmp(await read(`pictures/${id}.bmp`));
    const asking = ask({ model: models[name], tokenizer, setup }, item, pixels, said);
    try {
      let step;
      do step = asking.next();
      while (!step.done);
      found.push(step.value);
    } catch (error) {
      found.push({ error: error.message });
    }
  }
  return found;
}
