"""Vectors of the processor in compiled kernels: whole registers, which Numba has no type for.

A kernel calls instructions, which are written here as formulas over vectors. LANES numbers side by
side are a vector. As many rows are multiplied at once as fill the processor's registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils

_FEATURES = llvmlite.binding.get_host_cpu_features()

LANES, ROWS = (16, 8) if _FEATURES.get("avx512f") else (8, 6) if _FEATURES.get("avx2") else (4, 6)
"""Numbers of a vector, and rows of a product that are summed in registers."""

PANEL = 2 * LANES
"""Columns of a product that are summed in registers."""

FLOATS = ir.VectorType(ir.FloatType(), LANES)
BYTES = ir.VectorType(ir.IntType(8), LANES)


@dataclass(frozen=True)
class Vector:
    """A vector of float32, as an operand of formulas."""

    builder: ir.IRBuilder
    value: Any

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.builder, self.builder.fsub(self.value, other.value))

    def __rmul__(self, factor: float) -> Vector:
        constant = ir.Constant(FLOATS, [float(factor)] * LANES)
        return Vector(self.builder, self.builder.fmul(self.value, constant))


@dataclass(frozen=True)
class Place:
    """A place in an array: vectors are read and written from there, at any distance."""

    builder: ir.IRBuilder
    pointer: Any

    def __add__(self, distance: Any) -> Place:
        return Place(self.builder, self.builder.gep(self.pointer, [distance]))

    def grid(self, row: Any, column: Any, side: int) -> list[list[Place]]:
        """The places of a square, whose rows and columns lie so far apart."""
        scaled = self.builder.mul
        whole = [ir.Constant(row.type, k) for k in range(side)]
        return [[self + scaled(row, i) + scaled(column, j) for j in whole] for i in whole]

    def read(self) -> Vector:
        vector = self.builder.bitcast(self.pointer, FLOATS.as_pointer())
        return Vector(self.builder, self.builder.load(vector, align=4))

    def broadcast(self) -> Any:
        """The number there in all lanes."""
        return lanes(self.builder, self.builder.load(self.pointer))

    def write(self, value: Any) -> None:
        """Floats, or bytes in an array of them."""
        vector = self.builder.bitcast(self.pointer, value.type.as_pointer())
        self.builder.store(value, vector, align=4 if value.type == FLOATS else 1)


def place(context: Any, builder: ir.IRBuilder, array: Any, value: Any, start: Any) -> Place:
    """The place of element `start` of an array, whose type and value these are."""
    data = cgutils.create_struct_proxy(array)(context, builder, value).data
    return Place(builder, builder.gep(data, [start]))


def lanes(builder: ir.IRBuilder, number: Any) -> Any:
    """A number in all lanes."""
    nothing = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, zeros)


def both_ways(formula: Callable, square: Sequence[Sequence[Vector]]) -> list[list[Vector]]:
    """A formula applied to the rows of a square of vectors, then to the columns."""
    columns = zip(*(formula(*row) for row in square), strict=True)
    return [list(row) for row in zip(*(formula(*column) for column in columns), strict=True)]


def sum_of_products(left: Place, row: Any, right: Place, depth: Any, target: Place) -> None:
    """target (ROWS, PANEL) = left (ROWS, depth) @ right (depth, PANEL).

    The rows of `left` lie `row` apart, the others side by side. Every number is summed over the
    depth in its order, with each product and sum rounded once where the processor can.
    """
    builder, whole = left.builder, depth.type
    number = [ir.Constant(whole, k) for k in range(ROWS * PANEL + 1)]
    kind = ir.FunctionType(FLOATS, [FLOATS] * 3)
    fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    lines = [left + builder.mul(row, number[i]) for i in range(ROWS)]
    before, loop, end = builder.block, *map(builder.append_basic_block, ("depth", "end"))
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(whole)
    sums = [[builder.phi(FLOATS) for _ in range(2)] for _ in range(ROWS)]
    panel = right + builder.mul(k, number[PANEL])
    columns = [(panel + number[j * LANES]).read().value for j in range(2)]
    new = []
    for line, old in zip(lines, sums, strict=True):
        factor = (line + k).broadcast()
        pairs = zip(columns, old, strict=True)
        new.append([builder.call(fused, [factor, column, each]) for column, each in pairs])
    following = builder.add(k, number[1])
    k.add_incoming(number[0], before)
    k.add_incoming(following, loop)
    for old, result in zip(sums, new, strict=True):
        for phi, value in zip(old, result, strict=True):
            phi.add_incoming(ir.Constant(FLOATS, [0.0] * LANES), before)
            phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, end)
    builder.position_at_end(end)
    for i, result in enumerate(new):
        for j, value in enumerate(result):
            (target + number[i * PANEL + j * LANES]).write(value)
