"""The command line: `python -m pyramidcolor COMMAND`. Arguments and messages only; the work is done by the modules."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `python -m pyramidcolor`; None for those of this process.

    Returns:
        0 if all went well, 1 after an error, which is printed in one line.
    """
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("stopped; what was finished is kept", file=sys.stderr)
        return 130
    except (OSError, ValueError, ArithmeticError, ImportError, MemoryError) as error:
        print(f"pyramidcolor: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        from .devices import tells_of_full_memory

        if not tells_of_full_memory(error):
            raise  # a fault of this package, of which a report needs every line
        print(f"pyramidcolor: {_out_of_memory(args)}", file=sys.stderr)
        return 1


def _out_of_memory(args: argparse.Namespace) -> str:
    names = ("size", "batch_size", "working_size", "input_scales", "memory", "processes")
    options = [f"--{name.replace('_', '-')}" for name in names if hasattr(args, name)]
    return "not enough memory" + (f": try a smaller {' or '.join(options)}" if options else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pyramidcolor", description="Colorize gray photos, and train what does it."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    colorize = commands.add_parser("colorize", help="give photos their colors", description=_COLORIZE)
    colorize.add_argument(
        "photos", nargs="+", metavar="IN", help="a picture of any mode, or a folder of pictures"
    )
    colorize.add_argument(
        "-o", "--out", default="colorized", help="a folder; for one photo also a file (default: %(default)s)"
    )
    colorize.add_argument("--weights", help="a weights file (default: the best that come with the package)")
    colorize.add_argument(
        "--saturation", type=float, default=1.0, help="gain: 1 as predicted, 0 gray (default: %(default)s)"
    )
    colorize.add_argument(
        "--scan",
        action="store_true",
        help="the gray is luminance, as of a film or a scanner, and this is what is kept",
    )
    _add_sizes(colorize)
    colorize.set_defaults(run=_colorize)

    train = commands.add_parser(
        "train",
        help="train a network on photos",
        description=_TRAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_training_arguments(train)
    train.set_defaults(run=_train)

    teach = commands.add_parser(
        "teach",
        help="make a teacher, whose answers a network can learn from",
        description=_TEACH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    teach.add_argument("photos", nargs="*", metavar="PHOTOS", help="folders or tars; none for drawn scenes")
    teach.add_argument("-o", "--out", required=True, help="the teacher's file to write, NAME.safetensors")
    _add_validation(teach)
    teach.add_argument("--epochs", type=int, default=3, help="how many (default: %(default)s)")
    teach.add_argument("--epoch-photos", type=int, metavar="N", help="photos an epoch visits (default: all)")
    teach.add_argument(
        "--seed", type=int, default=0, help="of weights, order and views (default: %(default)s)"
    )
    _add_memory(teach)
    _add_trust(teach)
    teach.set_defaults(run=_teach)

    evaluate = commands.add_parser(
        "evaluate", help="measure networks on photos in color", description=_EVALUATE
    )
    evaluate.add_argument("photos", nargs="+", metavar="PHOTOS", help="a folder or tar of photos in color")
    evaluate.add_argument(
        "--weights", nargs="+", help="weights files (default: the best that come with the package)"
    )
    evaluate.add_argument(
        "--size", type=int, default=256, help="side of the squares in pixels (default: %(default)s)"
    )
    evaluate.add_argument("--limit", type=int, metavar="N", help="only N photos, spread evenly")
    evaluate.add_argument(
        "--by-source",
        action="store_true",
        help="measure the photos of each folder, or kind in a tar, apart too",
    )
    evaluate.add_argument(
        "--intervals",
        action="store_true",
        help="say how sure each figure, and each difference to the first of several weights, is with so many photos: between which "
        "numbers it lies in 95 of 100 other draws of these photos",
    )
    evaluate.add_argument(
        "--saturation", type=float, default=1.0, help="gain on the prediction (default: %(default)s)"
    )
    evaluate.add_argument("--json", metavar="FILE", help="write the figures to a file too")
    _add_sizes(evaluate)
    evaluate.set_defaults(run=_evaluate)

    compare = commands.add_parser(
        "compare",
        help="train the systems that the paper compares with, and measure all",
        description=_COMPARE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_comparison_arguments(compare)
    compare.set_defaults(run=_compare)

    data = commands.add_parser("data", help="look at a set of photos, or pack it")
    actions = data.add_subparsers(required=True, metavar="check|shards")
    check = actions.add_parser("check", help="what is in it: counts, sizes, faults")
    check.add_argument(
        "photos", nargs="+", metavar="PHOTOS", help="a folder, a tar, a folder of tars, or Places365"
    )
    check.set_defaults(run=_check_data)
    shards = actions.add_parser(
        "shards", help="write it as tars, which spare a disk its millions of files", description=_SHARDS
    )
    shards.add_argument(
        "photos", nargs="+", metavar="PHOTOS", help="a folder, a tar, a folder of tars, or Places365"
    )
    shards.add_argument("-o", "--out", required=True, help="the folder for the tars; it must not exist yet")
    shards.add_argument(
        "--split",
        choices=("train", "val", "test"),
        help="of Places365 (default: train, or val where it is alone)",
    )
    shards.add_argument("--shard-size", default="1 GB", help="the most bytes of a tar (default: %(default)s)")
    shards.set_defaults(run=_write_shards)

    notebooks = commands.add_parser("notebooks", help="copy the notebooks, run them, or store their outputs")
    from . import notebooks as notebook_commands

    notebook_commands.configure(notebooks)
    notebooks.set_defaults(run=notebook_commands.main)
    return parser


_COLORIZE = """Colorize photos. Each keeps its size, its brightness (JPEG rounds it) and its transparency; folders are rebuilt
below OUT. A file that cannot be read is reported at the end, the others are done, and the exit status is then 1."""

_SHARDS = """Write photos as plain tars, as they are and in their order, with their sources as folders. The folder OUT appears when
all tars are there. Nothing is decoded: look for broken photos before, with `data check`."""

_EVALUATE = """Measure networks on photos in color, of which they see the gray channel only. Beside them stand the gray picture and
the best single tint, which any network must beat."""

_TRAIN = """Train a two-stage network: stage one, then stage two on a frozen stage one, then both together.

  python -m pyramidcolor train PHOTOS -o my.safetensors
  python -m pyramidcolor train stage-one PHOTOS -o first.safetensors
  python -m pyramidcolor train stage-two PHOTOS --start first.safetensors -o second.safetensors
  accelerate launch -m pyramidcolor train PHOTOS -o my.safetensors       on several GPUs or machines

PHOTOS are folders of pictures, tars of pictures, or Places365; without any, scenes are drawn. The weights file is
written after every epoch, and the run's state, history and pictures go into the folder NAME-run beside it. The same
command continues a run that was stopped or killed, to the same weights."""


_TEACH = """Show the colors of photos to a large network that has learned from ImageNet what things there are. It takes
`pip install 'pyramidcolor[teacher]'`. A stage one that learns from its answers, too, knows more:

  python -m pyramidcolor teach PHOTOS -o teacher.safetensors
  python -m pyramidcolor train PHOTOS --teacher teacher.safetensors -o my.safetensors

The run's state goes into the folder NAME-run beside the teacher's file. The same command continues a run that was
stopped or killed, to the same teacher."""


_COMPARE = """Train every system of pyramidcolor.baselines from scratch on the same photos, with equally many
multiplications, over seeds, and measure them on other photos. Gray pictures and the best single tint stand beside them.

  python -m pyramidcolor compare --photos PHOTOS --validation OTHERS --out methods.json

The result file says how it was made and is written after every run. The same command goes on where it was
stopped; with more seeds or methods it adds those. A contact sheet of scikit-image's photos is written beside it.
Without photos, scenes are drawn."""


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    text = "the network sees a photo at the area of the square of this side (default: as in its training)"
    parser.add_argument("--working-size", type=int, metavar="SIDE", help=text)
    text = "stage one looks at copies of the photo of these multiples of its usual size (default: as the weights say; 1: one fast look)"
    parser.add_argument("--input-scales", type=float, nargs="+", metavar="SCALE", help=text)
    text = "radius in pixels with which the network's chroma is smoothed along gray (default: as the weights say; 0: not at all)"
    parser.add_argument("--smoothing", type=int, metavar="RADIUS", help=text)


def _add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--photos", nargs="+", default=[], metavar="PHOTOS", help="folders or tars to train on"
    )
    parser.add_argument(
        "--validation",
        nargs="+",
        default=[],
        metavar="PHOTOS",
        help="photos to measure on (default: a tenth of the others, held out)",
    )
    parser.add_argument("--budget", default="cpu", help="smoke, cpu, gpu or full (default: %(default)s)")
    parser.add_argument(
        "--multiplications",
        type=float,
        metavar="X",
        help="of one training, such as 8e11 (default: as the budget says)",
    )
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="which systems (default: all)")
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="trainings of each (default: %(default)s)"
    )
    parser.add_argument("--memory", default="2 GiB", help="for decoded photos (default: %(default)s)")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="runs at once (default: %(default)s)"
    )
    parser.add_argument(
        "--out", default="methods.json", metavar="FILE", help="the result file (default: %(default)s)"
    )


def _add_validation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--validation",
        nargs="+",
        default=[],
        metavar="PHOTOS",
        help="default: a tenth of the photos, held out; of fewer than 200 none",
    )


def _add_memory(parser: argparse.ArgumentParser) -> None:
    text = "for decoded photos: of all sets together, in each process (default: %(default)s)"
    parser.add_argument("--memory", default="4 GiB", help=text)


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", action="store_true", help="do not decode every photo once before, to find broken ones"
    )


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTOS",
        help='folders or tars; the word before them may be "stage-one", "stage-two" or "both"',
    )
    parser.add_argument("-o", "--out", required=True, help="the weights file to write, NAME.safetensors")
    parser.add_argument(
        "--recipe",
        default="best",
        help="paper, best, lab or yuv: what the other arguments change (default: best)",
    )
    parser.add_argument(
        "--budget", default="cpu", help="smoke, cpu, gpu or full: how large and how long (default: cpu)"
    )
    parser.add_argument("--start", metavar="FILE", help="go on with these weights, in a network like theirs")
    parser.add_argument(
        "--teacher",
        metavar="FILE",
        help="let stage one learn from this teacher's answers too, by --teacher-share",
    )
    _add_validation(parser)
    parser.add_argument(
        "--validation-photos",
        type=int,
        default=200,
        help="validate on at most so many (default: %(default)s)",
    )
    parser.add_argument(
        "--detail", nargs="+", default=[], metavar="PHOTOS", help="photos for the phases after stage one"
    )
    _add_memory(parser)
    _add_trust(parser)
    parser.add_argument(
        "--norm",
        action=argparse.BooleanOptionalAction,
        help="batch normalization in both stages (default: as the recipe says)",
    )
    parser.add_argument(
        "--hue-bins",
        action=argparse.BooleanOptionalAction,
        help="let stage one say how likely each of 24 hues is, instead of naming one, and cells that look alike agree on it (default: as "
        "the recipe says; for best)",
    )
    own = parser.add_argument_group("training", "default: as the recipe and the budget say")
    for name, (kind, count, text) in _TRAINING_ARGUMENTS.items():
        option = "--lambda" if name == "hue_factor" else f"--{name.replace('_', '-')}"
        if kind is bool:
            own.add_argument(
                option, dest=name, action=argparse.BooleanOptionalAction, help=text, default=None
            )
        else:
            metavar = ("N1", "N2", "N3") if count == 3 else "X"
            own.add_argument(option, dest=name, type=kind, nargs=count, metavar=metavar, help=text)


_TEACHER_SHARE = 0.8

_TRAINING_ARGUMENTS = {
    "epochs": (int, 3, "the most epochs of stage one, stage two and the joint phase"),
    "patience": (int, None, "end a phase when its validation loss has not fallen for so many epochs"),
    "epoch_photos": (int, None, "photos an epoch visits"),
    "batch_size": (int, None, "photos a step, over all processes"),
    "learning_rates": (float, 3, "Adam's peak rate in each phase"),
    "size": (int, None, "side of the training views in pixels"),
    "smallest_crop": (float, None, "side of the smallest view, as a share of the photo's shorter side"),
    "hue_factor": (float, None, "weight of the hue error against the saturation error (Eq. 1)"),
    "wrap": (bool, None, "measure hue the short way round (Eq. 2)"),
    "weigh_by_saturation": (bool, None, "let a pixel's hue count as much as its saturation"),
    "weigh_by_value": (bool, None, "let a pixel's hue count as much as the pixel is bright"),
    "rebalance": (float, None, "0: every pixel's hue counts the same; toward 1: every hue does"),
    "rebalancing": (
        str,
        None,
        "how rare hues come to count more: mixture, as Zhang has it, or power, of how frequent they are",
    ),
    "shrinking": (str, None, "how the truth shrinks for stage one: point, number or rgb"),
    "exposure": (float, None, "darken gray at random by up to this share"),
    "contrast": (float, None, "raise gray to a random power, up to 1 + this or its inverse"),
    "luminance_share": (float, None, "share of photos whose gray is luminance instead of V"),
    "mixing": (
        float,
        None,
        "share of stage one's views that are double exposures, up to half of them another view",
    ),
    "teacher_share": (
        float,
        None,
        "share of stage one's loss that is the distance to the teacher's answers (default with one: 0.8)",
    ),
    "input_scales": (
        float,
        "+",
        "sizes at which the trained stage one looks at a photo, as multiples of its usual one",
    ),
    "smoothing": (
        int,
        None,
        "radius in pixels with which the trained network's chroma is smoothed along gray",
    ),
    "precision": (str, None, "fp32, bf16, or auto for what the processor is fast at"),
    "seed": (int, None, "of weights, order and views"),
}


def _colorize(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .inference import colorize_files, plan_outputs

    total = len(plan_outputs([Path(source) for source in args.photos], Path(args.out)))
    results = colorize_files(
        args.photos,
        args.out,
        args.weights,
        saturation=args.saturation,
        working_size=args.working_size,
        input_scales=args.input_scales,
        smoothing=args.smoothing,
        scan=args.scan,
    )
    quiet = bool(os.environ.get("PYRAMIDCOLOR_QUIET")) or total == 1 or not sys.stderr.isatty()
    results = list(tqdm(results, "colorizing", total, disable=quiet, unit="photo"))
    failed = [result for result in results if result.error]
    if done := len(results) - len(failed):
        print(f"{done} colorized: {results[0].target if total == 1 else args.out}")
    for result in failed:
        print(f"not colorized: {result.source}: {result.error}", file=sys.stderr)
    return 1 if failed else 0


def _like_start(config, path: str, recipe: str):
    """The config for a network like the one in a file, whatever the recipe's is; ValueError if the recipe is for another color space."""
    from .checkpoints import load_checkpoint

    start = load_checkpoint(path)
    space = start.color_space.name
    if space != config.color_space:
        raise ValueError(
            f"{path} is of the color space {space}, and the recipe {recipe} trains {config.color_space}: name one for {space} with --recipe"
        )
    return replace(config, **start.settings, input_scales=start.input_scales, smoothing=start.smoothing)


def _train(args: argparse.Namespace) -> int:
    from .budgets import budget
    from .jobs import train_on_photos
    from .recipes import LIKELY_HUES, PHASES, recipe

    chosen = {"stage-one": PHASES[:1], "stage-two": PHASES[1:], "both": PHASES}
    phases, photos = PHASES, args.photos
    if photos and photos[0] in chosen:
        phases, photos = chosen[photos[0]], photos[1:]
    asked = {name: getattr(args, name) for name in _TRAINING_ARGUMENTS if getattr(args, name) is not None}
    asked = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
    config = replace(recipe(args.recipe), phases=phases, **budget(args.budget).training())
    if args.start:
        config = _like_start(config, args.start, args.recipe)
    config = replace(config, **asked)
    if args.norm is not None:
        config = replace(
            config,
            low_scale_net={**config.low_scale_net, "norm": args.norm},
            pyramid_net={**config.pyramid_net, "norm": args.norm},
        )
    if args.hue_bins is not None:
        likely = LIKELY_HUES if args.hue_bins else dict.fromkeys(LIKELY_HUES, 0)
        config = replace(config, low_scale_net={**config.low_scale_net, **likely})
    if phases[0] != "stage-one" and not args.start:
        raise ValueError("stage-two needs a trained stage one: give its weights with --start")
    if args.teacher and args.teacher_share is None:
        config = replace(config, teacher_share=_TEACHER_SHARE)
    train_on_photos(
        photos,
        args.out,
        config,
        validation_paths=args.validation,
        detail_paths=args.detail,
        start=args.start,
        teacher=args.teacher,
        validation_photos=args.validation_photos,
        memory=args.memory,
        check=not args.trust,
        progress=_is_watched(),
        report=_print,
    )
    return 0


def _teach(args: argparse.Namespace) -> int:
    from .jobs import train_teacher_on_photos

    train_teacher_on_photos(
        args.photos,
        args.out,
        validation_paths=args.validation,
        epochs=args.epochs,
        epoch_photos=args.epoch_photos,
        memory=args.memory,
        check=not args.trust,
        seed=args.seed,
        progress=_is_watched(),
        report=_print,
    )
    return 0


def _is_watched() -> bool:
    return not os.environ.get("PYRAMIDCOLOR_QUIET") and sys.stderr.isatty()


def _evaluate(args: argparse.Namespace) -> int:
    from .checkpoints import load_pretrained
    from .jobs import evaluate_weights

    evaluate_weights(
        args.weights or [load_pretrained()],
        args.photos,
        size=args.size,
        saturation=args.saturation,
        working_size=args.working_size,
        input_scales=args.input_scales,
        smoothing=args.smoothing,
        limit=args.limit,
        by_source=args.by_source,
        intervals=args.intervals,
        json_path=args.json,
        report=_print,
    )
    return 0


def _compare(args: argparse.Namespace) -> int:
    from .comparison import compare_on_photos

    compare_on_photos(
        args.photos,
        args.out,
        validation_paths=args.validation,
        budget=args.budget,
        multiplications=args.multiplications,
        methods=args.methods,
        seeds=args.seeds,
        memory=args.memory,
        processes=args.processes,
        report=_print,
    )
    return 0


def _check_data(args: argparse.Namespace) -> int:
    from .dataset_check import check_photos
    from .datasets import open_photos

    report = check_photos(open_photos(*args.photos), progress=sys.stderr.isatty())
    print(report)
    return 1 if report.broken else 0


def _write_shards(args: argparse.Namespace) -> int:
    from .datasets import Places365, open_photos
    from .packing import write_shards

    if args.split and len(args.photos) > 1:
        raise ValueError("--split is for one root of Places365, and several paths were given")
    photos = Places365(args.photos[0], args.split) if args.split else open_photos(*args.photos)
    print(f"packing {photos!r}")
    shards = write_shards(photos, args.out, args.shard_size, progress=sys.stderr.isatty())
    print(f"{len(shards):,} photos in {len(shards.paths):,} tars: {args.out}")
    return 0


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a file's name need not be text that can be printed
    sys.exit(main())
