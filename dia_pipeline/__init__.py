"""Visual attribute transfer through deep image analogy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dia_pipeline.session import undisturbed

if TYPE_CHECKING:
    from dia_pipeline.machine.effort import Progress
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
    descriptors_a: Any = None,
    descriptors_b_prime: Any = None,
    keep: Any = None,
    strength: Any = None,
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
        points: what belongs together, rows of x and y in A, then in B', in pixels, and how far it
            reaches in pixels of A if that is not as by default; or a CSV file.
        descriptors_a: a map of A from another network, (C, h, w) floats of about the aspect of A:
            an array, a torch tensor, or a .npy or .npz file; matches prefer vectors of the same
            direction.
        descriptors_b_prime: the same for B', with as many channels.
        keep: a mask of A: what is white stays as it is, and what is around it is fitted to it.
        strength: a grey map of A, how strongly it is restyled: black is A, white is A' in full.
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
    from dia_pipeline.alignment.guidance import make_guidance
    from dia_pipeline.analogy import analogy
    from dia_pipeline.guides import check_guides
    from dia_pipeline.io.guides import read_guides
    from dia_pipeline.io.images import read_image
    from dia_pipeline.io.notes import warn_of_sizes
    from dia_pipeline.networks.network import Network, pick_device
    from dia_pipeline.networks.weights import find_weights
    from dia_pipeline.settings import FEATURE_MATCHERS, resolve
    from dia_pipeline.settings.declarations import SettingsError

    settings = resolve(options)
    if settings.pose == "several":
        raise SettingsError("pose", "'several' is not possible here", "dia run knows it")
    images = read_image(a, "a"), read_image(b_prime, "b_prime")
    said = {
        "labels_a": labels_a,
        "labels_b_prime": labels_b_prime,
        "points": points,
        "descriptors_a": descriptors_a,
        "descriptors_b_prime": descriptors_b_prime,
        "keep": keep,
        "strength": strength,
    }
    warn_of_sizes(images[0].shape, images[1].shape)
    shapes = {"a": images[0].shape, "b_prime": images[1].shape}
    given = {name: each for name, each in said.items() if each is not None}
    check_guides(given)
    values = read_guides(given, shapes)
    guidance = make_guidance(*images, settings.guidance, **values)
    network = None
    if settings.matcher in FEATURE_MATCHERS:
        network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    told = progress or (lambda level, step, share: None)
    return analogy(*images, network, settings, told, guidance=guidance)
