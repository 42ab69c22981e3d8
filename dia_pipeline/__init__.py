"""Visual attribute transfer through deep image analogy."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from dia_pipeline.session import undisturbed

if TYPE_CHECKING:
    from dia_pipeline.algorithm.effort import Progress
    from dia_pipeline.result import Analogy

__version__ = "0.1.0"


@undisturbed()
def run(
    a: Any,
    b_prime: Any,
    *,
    labels_a: Any = None,
    labels_b_prime: Any = None,
    points: Any = None,
    device: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> Analogy:
    """Process one pair in memory: A' has the structure of A and the style of B', B the reverse.

    It works in threads, in processes of any kind and in notebooks. What the session has set of
    torch, NumPy and warnings does not reach it.

    Args:
        a: an image of any usual kind: a path, the bytes of a file, an open file, a Pillow image of
            any mode, an array (H, W, 3), a torch tensor (3, H, W); uint8, uint16 or floats from 0
            to 1; grey or with alpha, which is laid over white.
        b_prime: the same.
        labels_a: an image of the aspect of A, whose colours are labels; matches keep to the same
            label.
        labels_b_prime: the same for B'.
        points: what belongs together, rows of x and y in A, then in B', in pixels; or a CSV file.
        device: a torch device, or `auto`.
        progress: called with the level, the step, and the share of it that is done; a step begins
            with 0.
        **options: `task`, `preset`, `quality`, `blend` and the fields of
            `dia_pipeline.settings.Settings`.

    Returns:
        The result: images (H, W, 3) uint8 and fields (H, W, 2) int32; it shows and saves itself.

    Raises:
        SettingsError, ImageError, WeightsError, GuidanceError, PointsError, MatcherError: the
            message says what to do.
    """
    from dia_pipeline.algorithm.guidance import make_guidance
    from dia_pipeline.algorithm.network import Network, pick_device
    from dia_pipeline.analogy import analogy
    from dia_pipeline.declarations import SettingsError
    from dia_pipeline.io.images import read_image
    from dia_pipeline.io.points import read_points, unit_points
    from dia_pipeline.io.weights import find_weights
    from dia_pipeline.settings import FEATURE_MATCHERS, resolve

    settings = resolve(options)
    if settings.pose == "several":
        raise SettingsError("pose", "'several' is not possible here", "dia run knows it")
    images = read_image(a, "a"), read_image(b_prime, "b_prime")
    of_a = None if labels_a is None else read_image(labels_a, "labels_a")
    of_b_prime = None if labels_b_prime is None else read_image(labels_b_prime, "labels_b_prime")
    found = None
    if points is not None:
        of_file = isinstance(points, (str, PathLike))
        shapes = images[0].shape, images[1].shape
        found = (read_points if of_file else unit_points)(points, *shapes)
    guidance = make_guidance(*images, of_a, of_b_prime, found, settings.guidance)
    network = None
    if settings.matcher in FEATURE_MATCHERS:
        network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    told = progress or (lambda level, step, share: None)
    return analogy(*images, network, settings, told, guidance=guidance)
