// Matrices as rows of Float32Array, and the few operations that a model needs.

/** Apply a linear layer: x (rows of n), weight (o, n) flat, bias (o) or null -> rows of o. */
export function linear(x, weight, bias, from = 0, to = weight.shape[0]) {
  const width = weight.shape[1], values = weight.values;
  return x.map((row) => {
    const out = new Float32Array(to - from);
    for (let o = from; o < to; o++) {
      const at = o * width;
      let a = 0, b = 0, c = 0, d = 0, i = 0;
      for (; i + 3 < width; i += 4) {
        a += row[i] * values[at + i];
        b += row[i + 1] * values[at + i + 1];
        c += row[i + 2] * values[at + i + 2];
        d += row[i + 3] * values[at + i + 3];
      }
      for (; i < width; i++) a += row[i] * values[at + i];
      out[o - from] = a + b + c + d + (bias ? bias.values[o] : 0);
    }
    return out;
  });
}

/** Add two lists of rows. */
export function add(x, y) {
  return x.map((row, i) => row.map((value, j) => value + y[i][j]));
}

/** Make numbers sum to 1: e to their power, over the sum of these. -Infinity gets exactly 0. */
export function softmax(scores, temperature = 1) {
  const most = Math.max(...scores);
  if (most === -Infinity) return scores.map(() => 0);
  const powers = Float64Array.from(scores, (score) => Math.exp((score - most) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / sum);
}

/** Return log softmax of a row of numbers. */
export function logSoftmax(scores) {
  let most = -Infinity, sum = 0;
  for (const score of scores) if (score > most) most = score;
  for (const score of scores) sum += Math.exp(score - most);
  const divisor = most + Math.log(sum);
  return Float64Array.from(scores, (score) => score - divisor);
}

/** Bring each row to mean 0 and variance 1, then scale and shift it. */
export function layerNorm(x, scale, shift) {
  return x.map((row) => {
    let mean = 0, variance = 0;
    for (const value of row) mean += value;
    mean /= row.length;
    for (const value of row) variance += (value - mean) ** 2;
    const root = Math.sqrt(variance / row.length + 1e-5);
    return row.map((value, i) => ((value - mean) / root) * scale.values[i] + shift.values[i]);
  });
}

/** Return the mean of rows by weights. */
export function mean(weights, rows) {
  const out = new Float32Array(rows[0].length);
  for (let i = 0; i < rows.length; i++) {
    const weight = weights[i], row = rows[i];
    if (weight) for (let j = 0; j < out.length; j++) out[j] += weight * row[j];
  }
  return out;
}

/** Return the product of two rows. */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
