/** Byte-level BPE as a tokenizer.json describes it: encode and decode as the tokenizers library does. */

// How byte-level BPE cuts a text into words before it merges within them.
const WORD = new RegExp(
  [
    /'s|'t|'re|'ve|'m|'ll|'d/,
    / ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+/u,
    /\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/u,
  ]
    .map((part) => part.source)
    .join("|"),
  "gu",
);

/** Each byte as a printable character: itself where it is one, else one from 256 on. */
const CHARACTERS = (() => {
  const printable = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();
const BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));

export class Tokenizer {
  /** @param {object} description the content of tokenizer.json */
  constructor(description) {
    const { vocab, merges } = description.model;
    this.ids = new Map(Object.entries(vocab));
    this.ranks = new Map(merges.map((pair, rank) => [pair.join(" "), rank]));
    const added = description.added_tokens;
    for (const { content, id } of added) this.ids.set(content, id);
    this.special = new Set(added.filter((token) => token.special).map((token) => token.id));
    this.pieces = new Map([...this.ids].map(([piece, id]) => [id, piece]));
    const literal = added.map(({ content }) => content.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this.added = new RegExp(`(${literal.join("|")})`);
  }

  /** @returns {number[]} the tokens of a text, in which added tokens stand for themselves */
  encode(text) {
    return text.split(this.added).flatMap((part, place) => {
      if (place % 2) return [this.ids.get(part)]; // `split` puts what it split at in the odd places
      return (part.match(WORD) ?? []).flatMap((word) => this.#merge(word));
    });
  }

  /** @returns {string} the text of tokens, special ones left out */
  decode(ids) {
    const shown = ids.filter((id) => !this.special.has(id)).map((id) => this.pieces.get(id));
    const bytes = Array.from(shown.join(""), (character) => BYTES.get(character));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes));
  }

  /** The tokens of one word: the neighbours whose merge was learned first are merged, until none is left. */
  #merge(word) {
    const parts = Array.from(new TextEncoder().encode(word), (byte) => CHARACTERS[byte]);
    for (;;) {
      let first = -1;
      let lowest = Infinity;
      for (let place = 0; place + 1 < parts.length; place++) {
        const rank = this.ranks.get(`${parts[place]} ${parts[place + 1]}`) ?? Infinity;
        if (rank < lowest) [first, lowest] = [place, rank];
      }
      if (first < 0) return parts.map((part) => this.ids.get(part));
      parts.splice(first, 2, parts[first] + parts[first + 1]);
    }
  }
}
