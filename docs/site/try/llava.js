/**
 * The forward pass of a small LLaVA (SigLIP tower, two-layer projector, Qwen3 decoder with cached keys and values),
 * read from the safetensors that transformers loads. Vectors are Float32Arrays; a matrix is (rows out, columns in), by
 * rows.
 *
 * Written out, since 1.65 million parameters need no framework: a runtime for ONNX is four times as large as they are.
 */

/** The numbers of a 16-bit float, by its bits. */
const HALF = (() => {
  const numbers = new Float32Array(1 << 16);
  for (let bits = 0; bits < numbers.length; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const size = exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
    numbers[bits] = bits >> 15 ? -size : size; // no weight is infinite
  }
  return numbers;
})();

/** @returns {Map<string, Float32Array>} the tensors of a file by their names, which may have `vision_model` or not */
function readSafetensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  delete header.__metadata__;
  const read = ({ dtype, data_offsets: [begin, end] }) => {
    const bytes = buffer.slice(8 + length + begin, 8 + length + end);
    if (dtype === "F32") return new Float32Array(bytes);
    if (dtype === "F16") return new Float32Array(new Uint16Array(bytes)).map((bits) => HALF[bits]);
    throw new Error(`weights of type ${dtype}; this page reads F16 and F32`);
  };
  return new Map(Object.entries(header).map(([name, tensor]) => [name.replace(".vision_model.", "."), read(tensor)]));
}

/** matrix · x + bias, of a width that is a multiple of four. */
function apply(matrix, x, bias) {
  const width = x.length;
  const out = new Float32Array(matrix.length / width);
  for (let row = 0; row < out.length; row++) {
    const start = row * width;
    let a = 0,
      b = 0,
      c = 0,
      d = 0; // four sums at a time, since a processor need not wait for one to begin another
    for (let column = 0; column < width; column += 4) {
      a += matrix[start + column] * x[column];
      b += matrix[start + column + 1] * x[column + 1];
      c += matrix[start + column + 2] * x[column + 2];
      d += matrix[start + column + 3] * x[column + 3];
    }
    out[row] = a + b + c + d + (bias ? bias[row] : 0);
  }
  return out;
}

const add = (x, y) => x.map((value, place) => value + y[place]);

/** Root-mean-square norm of each stretch of weight's length. */
function rmsNorm(x, weight, eps) {
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += weight.length) {
    let squares = 0;
    for (let k = 0; k < weight.length; k++) squares += x[start + k] ** 2;
    const scale = 1 / Math.sqrt(squares / weight.length + eps);
    for (let k = 0; k < weight.length; k++) out[start + k] = x[start + k] * scale * weight[k];
  }
  return out;
}

function layerNorm(x, weight, bias, eps) {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value, k) => ((value - mean) / Math.sqrt(variance + eps)) * weight[k] + bias[k]);
}

/** Rotary positions: each head's first half is turned into its second by the angles of a place. */
function rotate(x, { cos, sin }) {
  const half = cos.length;
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += 2 * half) {
    for (let k = 0; k < half; k++) {
      const [low, high] = [start + k, start + k + half];
      out[low] = x[low] * cos[k] - x[high] * sin[k];
      out[high] = x[high] * cos[k] + x[low] * sin[k];
    }
  }
  return out;
}

/** What one query vector takes from all keys and values, head by head. */
function attend(query, keys, values, heads) {
  const size = query.length / heads;
  const out = new Float32Array(query.length);
  for (let start = 0; start < query.length; start += size) {
    const scores = keys.map((key) => {
      let dot = 0;
      for (let k = start; k < start + size; k++) dot += query[k] * key[k];
      return dot / Math.sqrt(size);
    });
    const shares = softmax(scores);
    values.forEach((value, place) => {
      for (let k = start; k < start + size; k++) out[k] += shares[place] * value[k];
    });
  }
  return out;
}

/** @returns {number[]} probabilities of logits */
export function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

const silu = (x) => x / (1 + Math.exp(-x));
const geluTanh = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** x Φ(x), with Φ from a series whose terms all have one sign. */
function gelu(x) {
  const z = Math.abs(x) / Math.SQRT2;
  let erf = 1;
  if (z < 6) {
    let term = z;
    let sum = z;
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    erf = (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  }
  return 0.5 * x * (1 + Math.sign(x) * erf);
}

export class Llava {
  /**
   * @param {object} config the content of config.json
   * @param {ArrayBuffer} weights the content of model.safetensors
   */
  constructor(config, weights) {
    const tensors = readSafetensors(weights);
    this.config = config;
    this.of = (name) => {
      if (!tensors.has(name)) throw new Error(`the weights hold no ${name}`);
      return tensors.get(name);
    };
    // All tensors of a layer, so that no name is put together for each token.
    const layers = (prefix, count) =>
      Array.from({ length: count }, (_, layer) => {
        const own = `${prefix}.${layer}.`;
        const names = [...tensors.keys()].filter((name) => name.startsWith(own));
        return Object.fromEntries(names.map((name) => [name.slice(own.length), tensors.get(name)]));
      });
    this.textLayers = layers("language_model.model.layers", config.text_config.num_hidden_layers);
    this.visionLayers = layers("vision_tower.encoder.layers", config.vision_config.num_hidden_layers);
  }

  /**
   * @param {Uint8Array} pixels of a picture of the tower's size: (height, width, 3), RGB
   * @returns {Float32Array[]} what stands in the places of the image tokens, one vector a patch
   */
  see(pixels) {
    const {
      image_size: side,
      patch_size: patch,
      hidden_size: width,
      layer_norm_eps: eps,
      num_attention_heads: heads,
    } = this.config.vision_config;
    const across = side / patch;
    const positions = this.of("vision_tower.embeddings.position_embedding.weight");

    // 1) Each patch, (3, patch, patch) with values from −1 to 1, and its place.
    let states = Array.from({ length: across * across }, (_, number) => {
      const values = new Float32Array(3 * patch * patch);
      const [top, left] = [Math.floor(number / across) * patch, (number % across) * patch];
      for (let k = 0; k < values.length; k++) {
        const [channel, row, column] = [Math.floor(k / patch / patch), Math.floor(k / patch) % patch, k % patch];
        values[k] = (pixels[3 * ((top + row) * side + left + column) + channel] / 255 - 0.5) / 0.5;
      }
      const embedded = apply(
        this.of("vision_tower.embeddings.patch_embedding.weight"),
        values,
        this.of("vision_tower.embeddings.patch_embedding.bias"),
      );
      return add(embedded, positions.subarray(number * width, (number + 1) * width));
    });

    // 2) The tower: every patch attends to every other.
    for (const layer of this.visionLayers) {
      const linear = (name, x) => apply(layer[`${name}.weight`], x, layer[`${name}.bias`]);
      const normed = states.map((x) => layerNorm(x, layer["layer_norm1.weight"], layer["layer_norm1.bias"], eps));
      const [keys, values] = ["k_proj", "v_proj"].map((name) => normed.map((x) => linear(`self_attn.${name}`, x)));
      states = states.map((state, place) => {
        const taken = attend(linear("self_attn.q_proj", normed[place]), keys, values, heads);
        const x = add(state, linear("self_attn.out_proj", taken));
        const again = layerNorm(x, layer["layer_norm2.weight"], layer["layer_norm2.bias"], eps);
        return add(x, linear("mlp.fc2", linear("mlp.fc1", again).map(geluTanh)));
      });
    }

    // 3) The projector, into the width of the decoder. LLaVA takes the last states before the tower's norm.
    return states.map((state) => {
      const linear = (number, x) => {
        const name = `multi_modal_projector.linear_${number}`;
        return apply(this.of(`${name}.weight`), x, this.of(`${name}.bias`));
      };
      return linear(2, linear(1, state).map(gelu));
    });
  }

  /**
   * Greedy decoding.
   *
   * @param {number[]} ids of the prompt, one image token for each vector of `seen`
   * @param {Float32Array[]} seen what `see` returned
   * @param {number} most how many tokens are written at most
   * @yields {{token: number, logits: Float32Array}} each new token, and the logits that it was the largest of; the one
   *   that ends the turn comes last
   */
  *write(ids, seen, most) {
    const {
      eos_token_id: end,
      image_token_index: image,
      text_config: { hidden_size: width },
    } = this.config;
    const embeddings = this.of("language_model.model.embed_tokens.weight");
    const embed = (id) => embeddings.subarray(id * width, (id + 1) * width);
    const caches = this.textLayers.map(() => ({ keys: [], values: [] }));
    let pictured = 0;
    let state = this.#read(
      ids.map((id) => (id === image ? seen[pictured++] : embed(id))),
      caches,
    );
    for (let count = 0; count < most; count++) {
      const { rms_norm_eps: eps } = this.config.text_config;
      const logits = apply(embeddings, rmsNorm(state, this.of("language_model.model.norm.weight"), eps));
      const token = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
      yield { token, logits };
      if (token === end) return;
      state = this.#read([embed(token)], caches);
    }
  }

  /**
   * Tokens through the decoder, after those whose keys and values are in the caches, which they join. Layer by layer,
   * so that the weights of one stay at hand for all tokens.
   *
   * @returns {Float32Array} the state of the last
   */
  #read(states, caches) {
    const {
      rms_norm_eps: eps,
      num_attention_heads: heads,
      head_dim: size,
      rope_parameters: rope,
    } = this.config.text_config;
    const before = caches[0].keys.length;
    const turns = states.map((_, place) => {
      const angles = Array.from(
        { length: size / 2 },
        (_, k) => (before + place) * rope.rope_theta ** ((-2 * k) / size),
      );
      return { cos: angles.map(Math.cos), sin: angles.map(Math.sin) };
    });
    this.textLayers.forEach((layer, number) => {
      const { keys, values } = caches[number];
      const linear = (name, x) => apply(layer[`${name}.weight`], x);
      const norm = (name, x) => rmsNorm(x, layer[`${name}.weight`], eps);
      states = states.map((state, place) => {
        const normed = norm("input_layernorm", state);
        const query = rotate(norm("self_attn.q_norm", linear("self_attn.q_proj", normed)), turns[place]);
        keys.push(rotate(norm("self_attn.k_norm", linear("self_attn.k_proj", normed)), turns[place]));
        values.push(linear("self_attn.v_proj", normed));
        const x = add(state, linear("self_attn.o_proj", attend(query, keys, values, heads)));
        const again = norm("post_attention_layernorm", x);
        const up = linear("mlp.up_proj", again);
        const gated = linear("mlp.gate_proj", again).map((value, k) => silu(value) * up[k]);
        return add(x, linear("mlp.down_proj", gated));
      });
    });
    return states.at(-1);
  }
}

/** @returns {Uint8Array} the pixels of an uncompressed 24-bit BMP, (height, width, 3), RGB from the top left */
export function readBmp(buffer) {
  const header = new DataView(buffer);
  const [start, width, height] = [10, 18, 22].map((place) => header.getInt32(place, true));
  const stride = 4 * Math.ceil((3 * width) / 4); // rows begin at multiples of four bytes, the lowest first
  const bytes = new Uint8Array(buffer, start);
  return Uint8Array.from({ length: 3 * width * height }, (_, k) => {
    const [pixel, channel] = [Math.floor(k / 3), k % 3];
    const row = height - 1 - Math.floor(pixel / width);
    return bytes[row * stride + 3 * (pixel % width) + 2 - channel];
  });
}
