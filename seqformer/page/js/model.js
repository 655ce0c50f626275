// A trained run: text to pieces to a translation, with all that stands between.

import { Bahdanau } from "./bahdanau.js";
import { Normalizer } from "./normalizer.js";
import { hide, restored } from "./placeholders.js";
import { forced, search } from "./search.js";
import { Vocabulary } from "./tokenizer.js";
import { EOS, Transformer, USUAL } from "./transformer.js";

const SPARE = 10; // pieces a translation may be longer than the training data suggest

export class Model {
  /** `run` is what seqformer/page/bundle.py writes, `weights` name -> {values, shape}. */
  constructor(run, weights) {
    this.run = run;
    this.weights = weights;
    this.source = new Vocabulary(run.source);
    this.target = run.target ? new Vocabulary(run.target) : this.source;
    this.normalizers = { source: new Normalizer(run.normalization.source), target: new Normalizer(run.normalization.target) };
  }

  /** Return the model with some parts switched off; `record` is told of every box. */
  network(switches = USUAL, record = undefined) {
    const kind = { transformer: Transformer, bahdanau: Bahdanau }[this.run.model.arch];
    return new kind(this.run.model, this.weights, switches, record);
  }

  /** Return a line as the model reads it: hidden placeholders, normalised text, pieces and ids. */
  read(line) {
    const { on, exempt, unspaced } = this.run.placeholders;
    const hidden = on ? hide(line, exempt, unspaced) : { text: line, placed: new Map() };
    const text = this.normalizers.source.normalize(hidden.text);
    const pieces = this.source.encode(text);
    return { line, text, placed: hidden.placed, ids: pieces.map((p) => p.id), pieces: pieces.map((p) => p.piece) };
  }

  /** Translate what was read. */
  translate(read, { beam = 1, lengthPenalty = 1, switches = USUAL } = {}) {
    if (!read.ids.length) return { text: "", ids: [], hypotheses: [], steps: [] };
    const limit = Math.max(1, Math.ceil(this.run.lengthRatio * (read.ids.length + 1)) + SPARE);
    const found = search(this.network(switches), [...read.ids, EOS], { beam, lengthPenalty, limit });
    const { ids } = found.hypotheses[0];
    return { ...found, ids, text: restored(this.target.decode(ids), read.placed), pieces: ids.map((id) => this.target.pieces[id]) };
  }

  /** Return what the model makes of a target: the log-probability of each piece, and all its attention. */
  look(read, ids, switches = USUAL) {
    const boxes = [];
    const network = this.network(switches, (part, name, values) => boxes.push({ part, name, values }));
    return { ...forced(network, [...read.ids, EOS], ids), boxes };
  }
}

/** Return weights from bytes: `parts` are [name, shape, type], one after the other; int8 has a scale a row. */
export function open(parts, bytes) {
  const weights = {};
  let at = 0;
  for (const [name, shape, type] of parts) {
    const count = shape.reduce((a, b) => a * b, 1), rows = shape[0];
    const values = new Float32Array(count);
    if (type === "fp32") {
      values.set(new Float32Array(bytes.buffer.slice(at, at + 4 * count)));
      at += 4 * count;
    } else if (type === "fp16") {
      const view = new DataView(bytes.buffer, at);
      for (let i = 0; i < count; i++) values[i] = half(view.getUint16(2 * i, true));
      at += 2 * count;
    } else {
      const scales = new Float32Array(bytes.buffer.slice(at, at + 4 * rows));
      const small = new Int8Array(bytes.buffer, at + 4 * rows, count), width = count / rows;
      for (let i = 0; i < count; i++) values[i] = small[i] * scales[Math.floor(i / width)];
      at += 4 * rows + count;
    }
    weights[name] = { values, shape };
  }
  return weights;
}

/** Return the number that 16 bits stand for (IEEE 754 binary16). */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
