"""Prints the numbers that fits.h holds: fits of the membership attacks on made-up features, by NumPy alone and, for the
support vector classifier, by libsvm's own C interface.

usage: make_fits.py > fits.h        (then clang-format -i fits.h)
"""

import ctypes
import ctypes.util

import numpy

N_MEMBER, N_NON_MEMBER = 60, 25
QUERIES = numpy.array([-1, 0, 0.25, 0.5, 1, 1.5, 2, 3, 50])


def features():
    """As features_fill() of world.c: whole numbers and one division, the same doubles in both languages."""
    i = numpy.arange(N_MEMBER)
    j = numpy.arange(N_NON_MEMBER)
    return (37 * i % 101) / 64, (53 * j % 97) / 32 + 0.25


def logistic(member, non_member, cost_member, cost_non_member):
    """min ½w² + Σ cost · log-loss by plain Newton steps: three numbers of curvature, solved by NumPy."""
    x = numpy.concatenate([member, non_member])
    y = numpy.concatenate([numpy.zeros(len(member)), numpy.ones(len(non_member))])
    cost = numpy.concatenate([numpy.full(len(member), cost_member), numpy.full(len(non_member), cost_non_member)])
    rows = numpy.stack([x, numpy.ones_like(x)], 1)
    fit = numpy.zeros(2)
    for _ in range(100):
        p = 1 / (1 + numpy.exp(-rows @ fit))
        gradient = rows.T @ (cost * (p - y)) + fit * [1, 0]
        hessian = (rows * (cost * p * (1 - p))[:, None]).T @ rows + numpy.diag([1.0, 0.0])
        fit = fit - numpy.linalg.solve(hessian, gradient)
    assert numpy.abs(gradient).max() < 1e-11
    return fit


def balanced(member, non_member, c):
    n = len(member) + len(non_member)
    return logistic(member, non_member, c * n / (2 * len(member)), c * n / (2 * len(non_member)))


def cross_validation(member, non_member, c, n_folds=10):
    shares = []
    for fold in range(n_folds):
        held = [numpy.arange(len(side)) % n_folds == fold for side in (member, non_member)]
        w, b = balanced(member[~held[0]], non_member[~held[1]], c)
        shares.append([(w * member[held[0]] + b <= 0).mean(), (w * non_member[held[1]] + b > 0).mean()])
    return numpy.mean(shares)


class Node(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int), ("value", ctypes.c_double)]


class Problem(ctypes.Structure):
    _fields_ = [("l", ctypes.c_int), ("y", ctypes.POINTER(ctypes.c_double)),
                ("x", ctypes.POINTER(ctypes.POINTER(Node)))]


class Parameter(ctypes.Structure):
    _fields_ = [("svm_type", ctypes.c_int), ("kernel_type", ctypes.c_int), ("degree", ctypes.c_int),
                ("gamma", ctypes.c_double), ("coef0", ctypes.c_double), ("cache_size", ctypes.c_double),
                ("eps", ctypes.c_double), ("C", ctypes.c_double), ("nr_weight", ctypes.c_int),
                ("weight_label", ctypes.c_void_p), ("weight", ctypes.c_void_p), ("nu", ctypes.c_double),
                ("p", ctypes.c_double), ("shrinking", ctypes.c_int), ("probability", ctypes.c_int)]


def svc(member, non_member, queries, c, gamma):
    library = ctypes.CDLL(ctypes.util.find_library("svm"))
    library.svm_train.restype = ctypes.c_void_p
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda text: None)
    library.svm_set_print_string_function(quiet)
    values = numpy.concatenate([non_member, member])
    vectors = [(Node * 2)(Node(1, v), Node(-1, 0)) for v in values]
    rows = (ctypes.POINTER(Node) * len(values))(*[ctypes.cast(v, ctypes.POINTER(Node)) for v in vectors])
    targets = (ctypes.c_double * len(values))(*[1] * len(non_member), *[-1] * len(member))
    problem = Problem(len(values), targets, rows)
    parameter = Parameter(0, 2, 0, gamma, 0, 100, 1e-3, c, 0, None, None, 0, 0, 1, 0)
    model = ctypes.c_void_p(library.svm_train(ctypes.byref(problem), ctypes.byref(parameter)))
    decisions = []
    for query in queries:
        decision = ctypes.c_double()
        library.svm_predict_values(model, (Node * 2)(Node(1, query), Node(-1, 0)), ctypes.byref(decision))
        decisions.append(decision.value)
    return numpy.array(decisions)


def calibration_error(confidence, is_right, n_bins=15):
    """Equation 3 of Guo et al. as it stands: bin by bin, means inside."""
    edges = numpy.linspace(0, 1, n_bins + 1)
    error = 0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(is_right[inside].mean() - confidence[inside].mean())
    return error


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in numpy.atleast_1d(values)) + "}"


def main():
    member, non_member = features()
    i = numpy.arange(200)
    confidence = numpy.float32(0.5 + (37 * i % 101) / 202).astype(float)
    print("/* Written by make_fits.py. */\n#ifndef TESTS_UNIT_EVAL_FITS_H\n#define TESTS_UNIT_EVAL_FITS_H\n")
    print(f"enum {{ N_MEMBER = {N_MEMBER}, N_NON_MEMBER = {N_NON_MEMBER}, N_QUERIES = {len(QUERIES)} }};")
    print(f"static const double plain_fit[2] = {numbers(logistic(member, non_member, 1, 1))};")
    print(f"static const double balanced_fit[2] = {numbers(balanced(member, non_member, 2))};")
    print(f"static const double cross_validated = {float(cross_validation(member, non_member, 1))!r};")
    print(f"static const double queries[N_QUERIES] = {numbers(QUERIES)};")
    print(f"static const double decisions[N_QUERIES] = {numbers(svc(member, non_member, QUERIES, 3, 1))};")
    print(f"static const double expected_error = {float(calibration_error(confidence, i % 4 != 0))!r};")
    print("\n#endif")


if __name__ == "__main__":
    main()
