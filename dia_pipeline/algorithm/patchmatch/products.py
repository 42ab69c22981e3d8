"""Sums of products of 16-bit integers in compiled kernels: by whole registers of the processor.

Numba has no type for registers, so the sum is written here as instructions. It sees a change of a
kernel's own file only: after one of this file touch `cpu.py`, or what it keeps compiled is taken.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dia_pipeline.machine.convolution.vectors import Place, place

UNIT = 32
"""Numbers that are multiplied at once, by one register of 512 bits or several smaller ones."""

CHAINS = 4
"""Sums that are added to in turn, as none can be added to again before that is done."""

NUMBERS = ir.VectorType(ir.IntType(16), UNIT)
WIDE = ir.VectorType(ir.IntType(32), UNIT)
SUMS = ir.VectorType(ir.IntType(32), UNIT // 2)

whole = types.intp


@intrinsic
def sum_of_products(context, left, start, row, right, at, other_row, rows, units):
    """The sum, in 32 bits, of the products of two blocks of numbers.

    A block begins at `start` or `at`, and has so many rows of so many UNITs each, `row` or
    `other_row` apart.
    """

    def emit(context, builder, signature, args):
        first = place(context, builder, signature.args[0], args[0], args[1])
        second = place(context, builder, signature.args[3], args[3], args[4])
        zeros = ir.Constant(SUMS, [0] * (UNIT // 2))
        chains = [cgutils.alloca_once_value(builder, zeros) for _ in range(CHAINS)]
        for chain in chains:
            builder.store(zeros, chain)
        number = [ir.Constant(args[6].type, k) for k in range(CHAINS * UNIT + 1)]
        with cgutils.for_range(builder, args[6]) as line:
            own = first + builder.mul(line.index, args[2])
            other = second + builder.mul(line.index, args[5])
            rounds = builder.sdiv(args[7], number[CHAINS])
            with cgutils.for_range(builder, rounds) as turn:
                begin = builder.mul(turn.index, number[CHAINS * UNIT])
                for k, chain in enumerate(chains):
                    _add_products(own, other, builder.add(begin, number[k * UNIT]), chain)
            done = builder.mul(rounds, number[CHAINS])
            with cgutils.for_range(builder, args[7], start=done) as unit:
                _add_products(own, other, builder.mul(unit.index, number[UNIT]), chains[-1])
        total = zeros
        for chain in chains:
            total = builder.add(total, builder.load(chain))
        kind = ir.FunctionType(SUMS.element, [SUMS])
        name = f"llvm.vector.reduce.add.v{UNIT // 2}i32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [total])

    arguments = (left, whole, whole, right, whole, whole, whole, whole)
    return types.int32(*arguments), emit


def _add_products(left: Place, right: Place, distance: Any, chain: Any) -> None:
    """Add a UNIT's products, in neighbouring pairs: processors have an instruction for that."""
    builder = left.builder
    read = (
        builder.bitcast((each + distance).pointer, NUMBERS.as_pointer()) for each in (left, right)
    )
    numbers = [builder.sext(builder.load(each, align=2), WIDE) for each in read]
    products = builder.mul(*numbers)
    pairs = builder.add(_every_second(builder, products, 0), _every_second(builder, products, 1))
    builder.store(builder.add(builder.load(chain), pairs), chain)


def _every_second(builder: ir.IRBuilder, values: Any, first: int) -> Any:
    order = ir.Constant(SUMS, list(range(first, UNIT, 2)))
    return builder.shuffle_vector(values, ir.Constant(WIDE, ir.Undefined), order)
