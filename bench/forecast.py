"""How far a forecast is from the truth: what it says of the whole, and what the whole gives in that time.

For each seed ``seqformer forecast`` trains on an eighth, a quarter and a half of Multi30k English-German;
then the whole is trained for as long. All are scored on all of valid. The machine should do nothing else.

    python bench/forecast.py --multi30k DIR --minutes 10 --seeds 1 2 3
    python bench/forecast.py --data prepared/mine                       a prepared folder of your own
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from common import arguments, keep, prepare_multi30k

import seqformer


def main() -> None:
    """Forecast, train the whole, and print both for each seed."""
    parser = arguments(__doc__)
    parser.add_argument("--multi30k", type=Path, metavar="DIR", help="its raw files")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a prepared folder instead")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--recipe", type=Path, metavar="F.toml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the trainings here, to go on there")
    options = parser.parse_args()
    if (options.multi30k is None) == (options.data is None):
        parser.error("give either --multi30k or --data")
    with TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        data = options.data or prepare_multi30k(folder, options.multi30k)
        rows = [
            _compare(data, folder / f"seed-{s}", options.minutes, options.recipe, s) for s in options.seeds
        ]
    keep("forecast", {"minutes": options.minutes, "rows": rows})


def _compare(data: Path, folder: Path, minutes: float, recipe: Path | None, seed: int) -> dict[str, object]:
    """Return a forecast and, in points of its score, how far it is above what the whole gives."""
    told = seqformer.forecast(data, out=folder / "shares", max_minutes=minutes, recipe=recipe, seed=seed)
    place = folder / "whole"
    if place.is_dir():
        run = seqformer.Run(place)
    else:
        run = seqformer.train(data, run=place, max_minutes=minutes, recipe=recipe, seed=seed)
    score = run.training_task().held_out_score(run.predictor(), run.configs.decode).score
    shares = ", ".join(f"{point.score:.4g}" for point in told.points)
    if told.whole is None:
        print(f"seed {seed}: {shares}; {told.verdict} The whole gave {score:.4g}.", flush=True)
        return {"seed": seed, "forecast": told.to_json(), "whole": score}
    between = f"{told.whole.low:.4g} to {told.whole.high:.4g}"
    print(
        f"seed {seed}: {shares}; forecast {told.whole.score:.4g} ({between}), the whole gave {score:.4g}: "
        f"{told.whole.score - score:+.4g}",
        flush=True,
    )
    return {"seed": seed, "forecast": told.to_json(), "whole": score, "above": told.whole.score - score}


if __name__ == "__main__":
    main()
