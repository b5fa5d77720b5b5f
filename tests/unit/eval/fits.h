/* Written by make_fits.py. */
#ifndef TESTS_UNIT_EVAL_FITS_H
#define TESTS_UNIT_EVAL_FITS_H

enum { N_MEMBER = 60, N_NON_MEMBER = 25, N_QUERIES = 9 };
static const double plain_fit[2] = {1.5291940270315731, -2.5732321896188135};
static const double balanced_fit[2] = {1.4789278060937456, -1.665109147265335};
static const double cross_validated = 0.7083333333333333;
static const double queries[N_QUERIES] = {-1.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 50.0};
static const double decisions[N_QUERIES] = {
    -0.23786411651770503, -0.9996629052036381, -1.0132371685665968,
    -0.9949802388817379,  -1.1422214978437881, -0.6898907260763865,
    1.1173129984361896,   1.3871863314681165,  0.037296041619851096};
static const double expected_error = 0.12289603978395464;

#endif
