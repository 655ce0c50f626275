// The Transformer (Vaswani et al. 2017), as seqformer/models/transformer.py has it.

import { attend, KEY, project, QUERY, VALUE } from "./attention.js";
import { add, layerNorm, linear } from "./numbers.js";

export const PAD = 0, BOS = 2, EOS = 3;
export const USUAL = {
  scale: true, positions: true, causal: true, residual: true, norm: true, embedding: true, head: null,
};

const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x / (1 + Math.exp(-x)),
};

/** The error function, by its series near 0 and its continued fraction beyond (Abramowitz and Stegun 7.1). */
function erf(x) {
  const z = Math.abs(x);
  let value;
  if (z < 2.5) {
    let term = z, sum = z;
    for (let n = 1; n < 60; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    value = (2 / Math.sqrt(Math.PI)) * sum;
  } else {
    let fraction = 0;
    for (let n = 40; n > 0; n--) fraction = n / 2 / (z + fraction);
    value = 1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
  }
  return x < 0 ? -value : value;
}

export class Transformer {
  /**
   * `weights` maps names to {values, shape}; `switches` turn parts of the model off, to see what they do.
   * `record(part, name, values)` is told of each box, by the names of seqformer/models/trace.py.
   */
  constructor(config, weights, switches = USUAL, record = () => {}) {
    Object.assign(this, { config, weights, switches, record });
  }

  /** Read source ids: the memory (rows of D), and the weights of each layer and head. */
  encode(ids) {
    let x = this.embed(ids, "source");
    const maps = [];
    for (let n = 0; n < this.config.encoder_layers; n++) {
      const name = `encoder.${n}`, part = `encoder ${n + 1}, self-attention`;
      x = this.around(x, `${name}.first`, part, (y) => {
        const [query, key, value] = [QUERY, KEY, VALUE].map((w) => project(y, this.weights, `${name}.attention`, w));
        const found = attend(query, key, value, this.config.heads, () => true, this.switches, this.off("encoder", n));
        maps.push(found.weights);
        return this.joined(query, key, value, found, `${name}.attention`, part);
      });
      x = this.feedForward(x, name, "second", `encoder ${n + 1}, feed-forward`);
    }
    const memory = this.final(x, "encoder_norm", "encoder");
    this.record("encoder", "memory", memory);
    return { memory, maps };
  }

  /** Return the state before the first target piece: keys and values of the memory, and empty caches. */
  start(memory) {
    const layers = Array.from({ length: this.config.decoder_layers }, (_, n) => ({
      memory: [KEY, VALUE].map((w) => project(memory, this.weights, `decoder.${n}.cross`, w)),
      cache: [[], []],
    }));
    return { layers, length: 0 };
  }

  /** Feed the newest piece of one hypothesis; return logits, the next state, and the weights of this step. */
  step(token, state) {
    return this.decode([token], state);
  }

  /**
   * Feed pieces after those of a state. With the causal mask off, an experiment, each sees those after it too.
   * Returns logits (rows of V), the state after them, and weights {decoder, cross} by layer and head.
   */
  decode(tokens, state) {
    let x = this.embed(tokens, "target", state.length);
    const maps = { decoder: [], cross: [] };
    const layers = state.layers.map((layer, n) => {
      const name = `decoder.${n}`, part = `decoder ${n + 1}`;
      let cache;
      x = this.around(x, `${name}.first`, `${part}, self-attention`, (y) => {
        const [query, key, value] = [QUERY, KEY, VALUE].map((w) => project(y, this.weights, `${name}.attention`, w));
        cache = [[...layer.cache[0], ...key], [...layer.cache[1], ...value]]; // rows are shared, never changed
        const visible = (t, s) => !this.switches.causal || s <= state.length + t;
        const found = attend(query, ...cache, this.config.heads, visible, this.switches, this.off("decoder", n));
        maps.decoder.push(found.weights);
        return this.joined(query, ...cache, found, `${name}.attention`, `${part}, self-attention`);
      });
      x = this.around(x, `${name}.second`, `${part}, cross-attention`, (y) => {
        const query = project(y, this.weights, `${name}.cross`, QUERY);
        const found = attend(query, ...layer.memory, this.config.heads, () => true, this.switches, this.off("cross", n));
        maps.cross.push(found.weights);
        return this.joined(query, ...layer.memory, found, `${name}.cross`, `${part}, cross-attention`);
      });
      x = this.feedForward(x, name, "third", `${part}, feed-forward`);
      return { memory: layer.memory, cache };
    });
    const logits = this.logits(this.final(x, "decoder_norm", "decoder"));
    this.record("output", "logits", logits);
    return { logits, state: { layers, length: state.length + tokens.length }, maps };
  }

  logits(hidden) {
    const matrix = this.config.tie_output ? this.embedding("target") : this.weights["output.weight"];
    return linear(hidden, matrix, this.weights.output_bias);
  }

  embedding(side) {
    return this.weights[`${side}_embedding.weight`] || this.weights["source_embedding.weight"];
  }

  /** Embeddings times √D, and positions added. */
  embed(ids, side, start = 0) {
    const { values, shape: [, width] } = this.embedding(side), root = this.switches.embedding ? Math.sqrt(width) : 1;
    const nothing = (t) => side === "target" && start + t === 0 && !this.config.learned_start;
    const rows = ids.map((id, t) => (nothing(t) ? new Float32Array(width) : values.subarray(id * width, (id + 1) * width)));
    const scaled = rows.map((row) => row.map((value) => value * root));
    const places = ids.map((_, t) => this.position(start + t, width));
    const placed = add(scaled, places);
    const found = { embedding: rows, "scaled embedding": scaled, positions: places, input: placed };
    for (const [name, values] of Object.entries(found)) this.record(side, name, values);
    return placed;
  }

  position(t, width) {
    const place = new Float32Array(width), kind = this.config.positions;
    if (!this.switches.positions || kind === "none") return place;
    if (kind === "learned") return this.weights["positions.table.weight"].values.subarray(t * width, (t + 1) * width);
    for (let i = 0; i < width / 2; i++) {
      const angle = t * Math.exp((-Math.log(10000) * 2 * i) / width);
      const [s, c] = kind === "sinusoidal-split" ? [i, width / 2 + i] : [2 * i, 2 * i + 1];
      place[s] = Math.sin(angle);
      place[c] = Math.cos(angle);
    }
    return place;
  }

  /** The residual sum and LayerNorm around a sublayer. */
  around(x, name, part, sublayer) {
    const pre = this.config.norm === "pre";
    const y = sublayer(pre ? this.norm(x, `${name}.norm`, part) : x);
    const sum = this.switches.residual ? add(x, y) : y;
    this.record(part, "residual", sum);
    return pre ? sum : this.norm(sum, `${name}.norm`, part);
  }

  norm(x, name, part) {
    const normed = this.switches.norm ? layerNorm(x, this.weights[`${name}.weight`], this.weights[`${name}.bias`]) : x;
    this.record(part, "norm", normed);
    return normed;
  }

  final(x, name, part) {
    return this.config.norm === "pre" ? this.norm(x, name, part) : x;
  }

  /** Project the heads, side by side, and tell of all that attention has computed. */
  joined(query, key, value, { scores, weights, joined }, name, part) {
    const y = linear(joined, this.weights[`${name}.output.weight`], this.weights[`${name}.output.bias`]);
    const found = { query, key, value, scores, weights, heads: joined, "joined heads": y };
    for (const [box, values] of Object.entries(found)) this.record(part, box, values);
    return y;
  }

  feedForward(x, name, residual, part) {
    const activation = ACTIVATIONS[this.config.activation], feed = `${name}.feed_forward`;
    return this.around(x, `${name}.${residual}`, part, (y) => {
      const inner = linear(y, this.weights[`${feed}.inner.weight`], this.weights[`${feed}.inner.bias`]).map((row) => row.map(activation));
      const outer = linear(inner, this.weights[`${feed}.outer.weight`], this.weights[`${feed}.outer.bias`]);
      this.record(part, "inner", inner);
      this.record(part, "outer", outer);
      return outer;
    });
  }

  /** Whether a head is switched off. */
  off(kind, layer) {
    const chosen = this.switches.head;
    return (head) => chosen !== null && chosen.kind === kind && chosen.layer === layer && chosen.head === head;
  }
}
