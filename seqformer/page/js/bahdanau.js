// The recurrent encoder-decoder with additive attention (Bahdanau et al. 2015), as seqformer/models/bahdanau.py.

import { add, dot, linear, mean, softmax } from "./numbers.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Read rows by gated recurrent units, with the reset gate after the product: the states, one for each row. */
function gru(rows, first, weights, name, end) {
  const [ih, hh, bih, bhh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((w) => weights[`${name}.${w}_${end}`]);
  const width = first.length;
  let state = first;
  return linear(rows, ih, bih).map((given) => {
    const [kept] = linear([state], hh, bhh);
    state = Float32Array.from(state, (before, i) => {
      const reset = sigmoid(given[i] + kept[i]), update = sigmoid(given[width + i] + kept[width + i]);
      return (1 - update) * Math.tanh(given[2 * width + i] + reset * kept[2 * width + i]) + update * before;
    });
    return state;
  });
}

export class Bahdanau {
  /** `record(part, name, values)` is told of each box, by the names of seqformer/models/trace.py. */
  constructor(config, weights, switches = null, record = () => {}) {
    Object.assign(this, { config, weights, record });
  }

  /** Read source ids: the states of the last layer. */
  encode(ids) {
    const { width, bidirectional, encoder_layers: layers } = this.config;
    const half = bidirectional ? width / 2 : width;
    let x = this.embed(ids, "source");
    for (let n = 0; n < layers; n++) {
      const forward = gru(x, new Float32Array(half), this.weights, "encoder.units", `l${n}`);
      if (!bidirectional) {
        x = forward;
        continue;
      }
      const backward = gru([...x].reverse(), new Float32Array(half), this.weights, "encoder.units", `l${n}_reverse`).reverse();
      x = forward.map((row, i) => Float32Array.of(...row, ...backward[i]));
    }
    this.record("encoder", "states", x);
    return { memory: x, maps: [] };
  }

  start(memory) {
    const { width, bidirectional, decoder_layers: layers } = this.config, half = width / 2;
    const last = memory[memory.length - 1];
    const whole = bidirectional ? Float32Array.of(...last.subarray(0, half), ...memory[0].subarray(half)) : last;
    const [made] = linear([whole], this.weights["bridge.weight"], this.weights["bridge.bias"]);
    const states = made.map(Math.tanh);
    const keys = linear(memory, this.weights["attend.key.weight"], null);
    const first = Array.from({ length: layers }, (_, n) => states.slice(n * width, (n + 1) * width));
    this.record("attention", "key", keys);
    this.record("decoder", "first state", first);
    return { memory, keys, states: first, length: 0 };
  }

  step(token, state) {
    return this.decode([token], state);
  }

  decode(tokens, state) {
    const alignment = [], hidden = [], found = { query: [], scores: [], context: [] };
    let { states } = state;
    for (const row of this.embed(tokens, "target")) {
      const [query] = linear([states[states.length - 1]], this.weights["attend.query.weight"], null);
      const vector = this.weights["attend.vector"].values;
      const scores = Float32Array.from(state.keys, (key) => dot(add([key], [query])[0].map(Math.tanh), vector));
      const weights = softmax(scores), context = mean(weights, state.memory);
      found.query.push(query);
      found.scores.push(scores);
      found.context.push(context);
      let x = Float32Array.of(...context, ...row);
      states = states.map((before, n) => ([x] = gru([x], before, this.weights, "units", `l${n}`))[0]);
      alignment.push(weights);
      hidden.push(x);
    }
    for (const [name, rows] of Object.entries({ ...found, weights: alignment })) this.record("attention", name, rows);
    this.record("decoder", "state", hidden);
    const logits = linear(hidden, this.weights["output.weight"], this.weights["output.bias"]);
    this.record("output", "logits", logits);
    return { logits, state: { ...state, states, length: state.length + tokens.length }, maps: { decoder: [], cross: [[alignment]] } };
  }

  embed(ids, side) {
    const { values, shape: [, width] } = this.weights[`${side}_embedding.weight`] || this.weights["source_embedding.weight"];
    const rows = ids.map((id) => values.subarray(id * width, (id + 1) * width));
    this.record(side, "embedding", rows);
    return rows;
  }
}
