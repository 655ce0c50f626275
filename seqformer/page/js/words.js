// Pieces put together to whole words: for a matrix of attention, rows are averaged and columns summed.

/** Return the words of pieces, each with its text and the places of its pieces; EOS and BOS are their own. */
export function words(pieces) {
  const found = [];
  pieces.forEach((piece, at) => {
    const special = piece === "</s>" || piece === "<s>";
    if (special || piece.startsWith("▁") || !found.length || found.at(-1).special)
      found.push({ text: plain(piece), at: [at], special });
    else {
      found.at(-1).text = found.at(-1).text === plain("▁") ? piece : found.at(-1).text + piece;
      found.at(-1).at.push(at);
    }
  });
  return found;
}

/** Return a piece for people to read. */
export function plain(piece) {
  return piece.replace(/^▁/u, "") || "␣";
}

/** Return a matrix by words: the mean of the rows of a word, and the sum of its columns. */
export function byWords(matrix, rows, columns) {
  return rows.map((row) => columns.map((column) => {
    let sum = 0;
    for (const r of row.at) for (const c of column.at) sum += matrix[r][c];
    return sum / row.at.length;
  }));
}
