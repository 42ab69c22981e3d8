"""The instructions of Winograd's F(4 x 4, 3 x 3) in compiled kernels: straight lines of vectors.

Numba sees a change of a kernel's own file only: after one of this file or of `vectors`, touch
`winograd.py`, or what it keeps compiled is taken.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dia_pipeline.machine.convolution.vectors import (
    BYTES,
    FLOATS,
    LANES,
    Vector,
    both_ways,
    lanes,
    place,
    sum_of_products,
)

TILE = 4
POSITIONS = (TILE + 2) ** 2

DEAD = 4
"""Code of a value that the ReLU took; of others, which one of its window pooling took, or 0."""

whole = types.intp


def _of_patch(a, b, c, d, e, f):
    """B' of a row of the patch."""
    even, odd = e - 4 * c, d - 4 * b
    near, far = e - c, 2 * (d - b)
    return 4 * a - 5 * c + e, even + odd, even - odd, near + far, near - far, 4 * b - 5 * d + f


def _of_weights(a, b, c):
    """G of a row of the weights."""
    near, far = a + c, a + 4 * c
    sixth, twelfth = 1 / 6, 1 / 24
    return (
        0.25 * a,
        -sixth * (near + b),
        -sixth * (near - b),
        twelfth * (far + 2 * b),
        twelfth * (far - 2 * b),
        c,
    )


def _of_products(a, b, c, d, e, f):
    """A' of a row of the products."""
    near, nearer, far, farther = b + c, b - c, d + e, d - e
    return a + near + far, nearer + 2 * farther, near + 4 * far, nearer + 8 * farther + f


@intrinsic
def transform_patch(context, source, start, row, column, target, to, apart):
    """A patch, whose pixels lie so far apart, to `target`, whose positions lie `apart`."""

    def emit(context, builder, signature, args):
        patch = place(context, builder, signature.args[0], args[0], args[1])
        result = place(context, builder, signature.args[4], args[4], args[5])
        read = [[each.read() for each in line] for line in patch.grid(args[2], args[3], 6)]
        _write(both_ways(_of_patch, read), result, args[6], 6)
        return context.get_dummy_value()

    return types.void(source, whole, whole, whole, target, whole, whole), emit


@intrinsic
def see(context, source, start, codes, at, own, target, to):
    """Values of a gradient whose codes are `own`, and zeros for others."""

    def emit(context, builder, signature, args):
        values = place(context, builder, signature.args[0], args[0], args[1]).read()
        kept = place(context, builder, signature.args[2], args[2], args[3])
        code = builder.load(builder.bitcast(kept.pointer, BYTES.as_pointer()), align=1)
        number = builder.trunc(args[4], BYTES.element)
        passed = builder.icmp_unsigned("==", code, lanes(builder, number))
        result = place(context, builder, signature.args[5], args[5], args[6])
        result.write(builder.select(passed, values.value, _zero()))
        return context.get_dummy_value()

    return types.void(source, whole, codes, whole, whole, target, whole), emit


@intrinsic
def transform_weights(context, source, start, apart, target, to, step):
    """Weights 3 x 3, which lie `apart`, to `target`, whose positions lie `step` apart."""

    def emit(context, builder, signature, args):
        weights = place(context, builder, signature.args[0], args[0], args[1])
        result = place(context, builder, signature.args[3], args[3], args[4])
        row = builder.mul(args[2], ir.Constant(args[2].type, 3))
        read = [[each.read() for each in line] for line in weights.grid(row, args[2], 3)]
        _write(both_ways(_of_weights, read), result, args[5], 6)
        return context.get_dummy_value()

    return types.void(source, whole, whole, target, whole, whole), emit


def _write(square, first, apart, side):
    row = first.builder.mul(apart, ir.Constant(apart.type, side))
    for places, line in zip(first.grid(row, apart, side), square, strict=True):
        for each, vector in zip(places, line, strict=True):
            each.write(vector.value)


@intrinsic
def multiply(context, left, at, row, right, start, depth, target, to):
    """See `sum_of_products`."""

    def emit(context, builder, signature, args):
        places = [place(context, builder, signature.args[k], *args[k : k + 2]) for k in (0, 3, 6)]
        sum_of_products(places[0], args[2], places[1], args[5], places[2])
        return context.get_dummy_value()

    return types.void(left, whole, whole, right, whole, whole, target, whole), emit


def _results(context, builder, signature, args):
    """The tile of results of the products at args[0:2], whose positions lie args[2] apart."""
    products = place(context, builder, signature.args[0], args[0], args[1])
    row = builder.mul(args[2], ir.Constant(args[2].type, 6))
    read = [[each.read() for each in line] for line in products.grid(row, args[2], 6)]
    return both_ways(_of_products, read)


@intrinsic
def transform_back(context, products, start, apart, target, to, row, column):
    """A tile of results, to pixels that lie so far apart."""

    def emit(context, builder, signature, args):
        places = place(context, builder, signature.args[3], args[3], args[4])
        results = _results(context, builder, signature, args)
        for line, vectors in zip(places.grid(args[5], args[6], 4), results, strict=True):
            for each, vector in zip(line, vectors, strict=True):
                each.write(vector.value)
        return context.get_dummy_value()

    return types.void(products, whole, whole, target, whole, whole, whole), emit


def _activation(side):
    """The instruction for a tile of results with bias and ReLU, pooled first to `side` x `side`."""

    @intrinsic
    def activate(
        context, products, start, apart, target, to, row, column, codes, bias, k, height, width
    ):
        """As `transform_back`; the map ends after so many rows and columns of the tile."""

        def emit(context, builder, signature, args):
            targets = place(context, builder, signature.args[3], args[3], args[4])
            kept = place(context, builder, signature.args[7], args[7], args[4])
            shift = place(context, builder, signature.args[8], args[8], args[9]).read()
            results = _results(context, builder, signature, args)
            grids = (each.grid(args[5], args[6], side) for each in (targets, kept))
            for i, lines in enumerate(zip(*grids, strict=True)):
                for j, (target, code) in enumerate(zip(*lines, strict=True)):
                    if side == TILE:
                        value, taken = results[i][j], _constant(0)
                    else:
                        value, taken = _largest(builder, results, 2 * i, 2 * j, *args[10:])
                    value = value + shift
                    dead = builder.fcmp_ordered("<=", value.value, _zero())
                    target.write(builder.select(dead, _zero(), value.value))
                    code.write(builder.select(dead, _constant(DEAD), taken))
            return context.get_dummy_value()

        signature = (products, whole, whole, target, whole, whole, whole, codes, bias, *[whole] * 3)
        return types.void(*signature), emit

    return activate


def _zero():
    return ir.Constant(FLOATS, [0.0] * LANES)


def _constant(number):
    return ir.Constant(BYTES, [number] * LANES)


def _largest(builder, results, top, left, height, width):
    """The first largest of a window of 2 x 2 in the map, and which it is."""
    best, taken = results[top][left].value, _constant(0)
    for k, (y, x) in enumerate([(0, 1), (1, 0), (1, 1)], start=1):
        inside = builder.and_(
            builder.icmp_signed(">", height, ir.Constant(height.type, top + y)),
            builder.icmp_signed(">", width, ir.Constant(width.type, left + x)),
        )
        value = results[top + y][left + x].value
        larger = builder.fcmp_unordered(">", value, best)
        taking = builder.select(inside, larger, ir.Constant(larger.type, [0] * LANES))
        best = builder.select(taking, value, best)
        taken = builder.select(taking, _constant(k), taken)
    return Vector(builder, best), taken


activate_tile, activate_pooled = _activation(TILE), _activation(TILE // 2)
