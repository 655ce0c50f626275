// Scaled dot-product attention with heads (Vaswani et al. 2017, section 3.2).

import { dot, linear, mean, softmax } from "./numbers.js";

/** Cut rows of width D into H heads: one list of rows of width K = D / H for each. */
export function split(rows, heads) {
  const width = rows[0].length / heads;
  return Array.from({ length: heads }, (_, h) => rows.map((row) => row.subarray(h * width, (h + 1) * width)));
}

/**
 * Attend from queries to keys, head by head. `visible(t, s)` is whether query t may look at key s.
 * `switches.scale` is whether scores are divided by √K; `off` whether a head answers with zeros.
 */
export function attend(query, key, value, heads, visible, switches, off = () => false) {
  const queries = split(query, heads), keys = split(key, heads), values = split(value, heads);
  const scale = switches.scale ? 1 / Math.sqrt(queries[0][0].length) : 1;
  const scores = queries.map((rows, h) =>
    rows.map((q, t) => Float32Array.from(keys[h], (k, s) => (visible(t, s) ? dot(q, k) * scale : -Infinity))));
  const weights = scores.map((rows) => rows.map((row) => softmax(row)));
  const joined = query.map((row, t) => {
    const out = new Float32Array(row.length), width = row.length / heads;
    weights.forEach((rows, h) => {
      if (!off(h)) out.set(mean(rows[t], values[h]), h * width);
    });
    return out;
  });
  return { scores, weights, joined };
}

/** Project rows by query, key or value of a layer, whose matrices are stacked in this order. */
export function project(rows, weights, name, which) {
  const width = rows[0].length;
  return linear(rows, weights[`${name}.project.weight`], weights[`${name}.project.bias`], which * width, (which + 1) * width);
}
export const [QUERY, KEY, VALUE] = [0, 1, 2];
